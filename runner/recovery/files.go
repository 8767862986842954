package recovery

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/bound"
	"aurorabot/runner/durable"
	"aurorabot/runner/node"
)

// Bounds of what a run keeps on the bot, in bytes. The largest backups known have
// about 1 GB.
const (
	maxFiles = 8 << 30  // Of all its files: the backup, what was salvaged.
	maxTasks = 64 << 20 // Of memory, for the tasks of a backup.
)

// inspectFile decodes a backup on the bot.
func inspectFile(ctx context.Context, file string, now time.Time) (r backup.Report, err error) {
	err = reading(ctx, file, "backup", func(f io.Reader, size int64) error {
		r, err = backup.Inspect(f, backup.Options{Name: file, Size: size, Now: now})
		return err
	})
	return r, err
}

// backupName is the name under which what is restored is staged.
func backupName(s *runner.State) string {
	if s.Source != nil {
		return s.Source.Name
	}
	return s.Request.Backup
}

// backupFile is where the bot keeps what the run restores.
func (r *Recovery) backupFile(s *runner.State) (string, error) {
	if s.Source != nil {
		return r.file(s, s.Source.File)
	}
	return r.file(s, s.Request.Backup)
}

// file is a file of the run on the bot.
func (r *Recovery) file(s *runner.State, name string) (string, error) {
	dir, err := r.Files(s.Run)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, name), nil
}

// fetchBackup copies the backup to the bot, once, and checks its hash there.
func (r *Recovery) fetchBackup(ctx context.Context, t *runner.Task, looks map[string]node.Look, found *clusterLook) (string, error) {
	file, err := r.file(t.State, t.State.Request.Backup)
	if err != nil {
		return "", err
	}
	if have, _, err := durable.HashWithin(ctx, file); err == nil && have == found.Backup.SHA256 {
		return file, nil
	}
	from := found.From[0]
	if from == runner.Bot {
		return file, fetch(ctx, file, found.Backup.SHA256, func(w io.Writer) error {
			return reading(ctx, filepath.Join(r.Cluster.BackupCopies, t.State.Request.Backup), "read", func(f io.Reader, _ int64) error {
				_, err := io.Copy(w, f)
				return err
			})
		})
	}
	remote := path.Join(looks[from].Flags["backup_dir"], t.State.Request.Backup)
	return file, fetch(ctx, file, found.Backup.SHA256, func(w io.Writer) error {
		_, err := r.Hosts[from].Get(ctx, remote, r.Cluster.User, w)
		return err
	})
}

// fetch writes a file of a run from get, whole or not at all, and checks its hash. An
// empty hash is not checked.
func fetch(ctx context.Context, file, hash string, get func(io.Writer) error) error {
	return durable.Room{Dir: filepath.Dir(file), Most: maxFiles}.Fetch(ctx, file, durable.Content{SHA256: hash}, get, nil)
}

// reading opens a backup on the bot for read, which ends when ctx does; what names
// the purpose in errors.
func reading(ctx context.Context, file, what string, read func(f io.Reader, size int64) error) error {
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		var info os.FileInfo
		if info, err = f.Stat(); err == nil {
			err = read(bound.Within(ctx, f), info.Size())
		}
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// compareFiles compares two backups on the bot.
func compareFiles(ctx context.Context, older, newer string) (d backup.Diff, err error) {
	err = reading(ctx, older, "compare", func(a io.Reader, _ int64) error {
		return reading(ctx, newer, "compare", func(b io.Reader, _ int64) error {
			d, err = backup.CompareFiles(a, b)
			return err
		})
	})
	return d, err
}

// backupTasks are the ids of all tasks of a backup on the bot, and of the active ones.
func backupTasks(ctx context.Context, file string) (all, active map[string]bool, err error) {
	all, active = map[string]bool{}, map[string]bool{}
	return all, active, eachTask(ctx, file, func(task backup.Task) error {
		all[task.ID] = true
		if task.Status.Active() {
			active[task.ID] = true
		}
		return nil
	})
}

// eachTask calls take for the tasks of a backup, which it may keep: those of a backup
// that has more of them than the bot has memory for are an error.
func eachTask(ctx context.Context, file string, take func(backup.Task) error) error {
	const each = 300 // A task beside its text.
	left := maxTasks
	return reading(ctx, file, "tasks of the backup", func(f io.Reader, _ int64) error {
		return backup.Tasks(f, func(t backup.Task) error {
			if left -= each + len(t.ID) + len(t.Host); left < 0 {
				return fmt.Errorf("%w: they would take over %d MiB of memory", bound.ErrTooMuch, maxTasks>>20)
			}
			return take(t)
		})
	})
}

// compareState compares a backup on the bot with a newer state.
func compareState(ctx context.Context, file string, newer *backup.State) (backup.Diff, error) {
	var older *backup.State
	if err := reading(ctx, file, "compare", func(f io.Reader, _ int64) (err error) { older, err = backup.ReadState(f); return err }); err != nil {
		return backup.Diff{}, err
	}
	return backup.Compare(older, newer), nil
}

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(ctx context.Context, s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	var lines []string
	err = eachTask(ctx, file, func(task backup.Task) error {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s", task.ID, task.Status, task.Host))
		return nil
	})
	return lines, err
}
