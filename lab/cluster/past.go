package cluster

import (
	"bytes"
	"compress/gzip"
	"context"
	_ "embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"aurorabot/lab/host"
	"aurorabot/lab/scheduler"
	"aurorabot/runner/backup"
)

// smallBackup is the recording golden/aurora/backups/small: 65 tasks of 9 jobs.
//
//go:embed testdata/scheduler-backup-2026-11-23-08-36.gz
var smallBackup []byte

const smallName = "scheduler-backup-2026-11-23-08-36"

var backupName = regexp.MustCompile(`^scheduler-backup-\d{4}(-\d\d){4}$`)

// A Truth is what the lab knows and the bot has to find out.
type Truth struct {
	Backup     string           // Its name.
	BackupHost string           // Where it lies; not the leader's host.
	State      *backup.Snapshot // The state that a scheduler has of the backup.
	Tasks      []string         // Ids of the backup's tasks, sorted.
	Lost       []string         // Ids of the tasks started after the backup, sorted: a restore loses them.
	Damaged    []string         // Hosts whose log was damaged.
	Led        bool             // A leader was registered before the run.

	etc map[string]map[string]string // By host: hash of every file of /etc before the run.
}

// readBackup reads the backup that is played with: what lies on a host, and what
// the cluster's past is made of. They differ where the backup does not decode:
// then the past is that of the recording, for the bot to find out.
func (c *Cluster) readBackup() (lies, past []byte, err error) {
	recording, err := recorded()
	if err != nil {
		return nil, nil, err
	}
	lies, name := recording, smallName
	if file := c.opt.Backup; file != "" {
		if lies, err = os.ReadFile(file); err != nil {
			return nil, nil, fmt.Errorf("the backup: %w", err)
		}
		name = filepath.Base(file)
	}
	if c.opt.Damage.Kind == OldBackup {
		if lies, err = aged(lies, time.Now().Add(-oldAge)); err != nil {
			return nil, nil, err
		}
	}
	past = lies
	if _, err := backup.Parse(lies); err != nil {
		past = recording
	}
	if !backupName.MatchString(name) {
		// The scheduler would have named it by the minute of its inner time.
		report, err := backup.Inspect(bytes.NewReader(past), backup.Options{Name: name, Now: time.Now()})
		if err != nil {
			return nil, nil, err
		}
		name = report.Time().UTC().Format("scheduler-backup-2006-01-02-15-04")
	}
	kept, err := scheduler.Loaded(past)
	if err != nil {
		return nil, nil, err
	}
	c.Truth.Backup = name
	if c.Truth.State, err = backup.Parse(kept); err != nil {
		return nil, nil, fmt.Errorf("backup %s: %w", name, err)
	}
	c.Truth.Tasks, err = taskIDs(past)
	return lies, past, err
}

// recorded is the recording that a lab plays with if nothing else is asked for.
func recorded() ([]byte, error) {
	z, err := gzip.NewReader(bytes.NewReader(smallBackup))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func taskIDs(data []byte) ([]string, error) {
	var ids []string
	err := backup.Tasks(bytes.NewReader(data), func(t backup.Task) error {
		ids = append(ids, t.ID)
		return nil
	})
	slices.Sort(ids)
	return ids, err
}

// goOn lets the cluster live on after its backup: tasks are started that the
// backup does not know.
func (c *Cluster) goOn(ctx context.Context, leader host.Machine) error {
	if c.opt.Extra < 0 {
		return nil
	}
	ids, err := c.startTasks(ctx, leader, c.opt.Extra)
	if err != nil {
		return fmt.Errorf("start tasks after the backup: %w", err)
	}
	slices.Sort(ids)
	c.Truth.Lost = ids
	return nil
}

// placeBackup puts the backup where a former leader would have left it: on a
// host that does not lead now.
func (c *Cluster) placeBackup(leader host.Machine, data []byte) error {
	h := append(c.others(leader), leader)[0]
	c.Truth.BackupHost = h.Name()
	if c.opt.Damage.Kind == ForeignFramework {
		data = c.foreign(data)
	}
	return c.PutBackup(h, c.Truth.Backup, data)
}
