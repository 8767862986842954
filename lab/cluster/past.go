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
	State      *backup.Snapshot // The state that the backup holds.
	Tasks      []string         // Ids of the backup's tasks, sorted.
	Lost       []string         // Ids of the tasks started after the backup, sorted: a restore loses them.
	Damaged    []string         // Hosts whose log was damaged.
	Led        bool             // A leader was registered before the run.

	etc map[string]map[string]string // By host: hash of every file of /etc before the run.
}

// readBackup reads the backup that is played with.
func (c *Cluster) readBackup() ([]byte, error) {
	var data []byte
	name := smallName
	if file := c.opt.Backup; file != "" {
		var err error
		if data, err = os.ReadFile(file); err != nil {
			return nil, fmt.Errorf("the backup: %w", err)
		}
		name = filepath.Base(file)
	} else {
		z, err := gzip.NewReader(bytes.NewReader(smallBackup))
		if err != nil {
			return nil, err
		}
		if data, err = io.ReadAll(z); err != nil {
			return nil, err
		}
	}
	snap, err := backup.Parse(data)
	if err != nil {
		return nil, fmt.Errorf("backup %s: %w", name, err)
	}
	if !backupName.MatchString(name) {
		// The scheduler would have named it by the minute of its inner time.
		report, err := backup.Inspect(bytes.NewReader(data), backup.Options{Name: name, Now: time.Now()})
		if err != nil {
			return nil, err
		}
		name = report.Time().UTC().Format("scheduler-backup-2006-01-02-15-04")
	}
	c.Truth.Backup, c.Truth.State = name, snap
	c.Truth.Tasks, err = taskIDs(data)
	return data, err
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
	for _, h := range c.Hosts {
		if h == leader {
			continue
		}
		c.Truth.BackupHost = h.Name()
		dir := c.BackupDir(h)
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, c.Truth.Backup), data, 0o644); err != nil {
			return err
		}
		return c.ground.own(h, host.Scheduler{}.BackupDir(""))
	}
	return nil
}
