package recovery

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/durable"
	"aurorabot/runner/node"
)

// inspectFile decodes a backup on the bot.
func inspectFile(file string, now time.Time) (r backup.Report, err error) {
	err = reading(file, "backup", func(f *os.File) error {
		info, err := f.Stat()
		if err == nil {
			r, err = backup.Inspect(f, backup.Options{Name: file, Size: info.Size(), Now: now})
		}
		return err
	})
	return r, err
}

// backupFile is where the bot keeps the run's backup.
func (r *Recovery) backupFile(s *runner.State) (string, error) {
	dir, err := r.Files(s.Run)
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, s.Request.Backup), nil
}

// fetchBackup copies the backup to the bot, once, and checks its hash there.
func (r *Recovery) fetchBackup(ctx context.Context, t *runner.Task, looks map[string]node.Look, found *clusterLook) (string, error) {
	file, err := r.backupFile(t.State)
	if err != nil {
		return "", err
	}
	if have, _, err := durable.Hash(file); err == nil && have == found.Backup.SHA256 {
		return file, nil
	}
	from := found.From[0]
	if from == runner.Bot {
		return file, fetch(file, found.Backup.SHA256, func(w io.Writer) error {
			return reading(filepath.Join(r.Cluster.BackupCopies, t.State.Request.Backup), "read", func(f *os.File) error {
				_, err := io.Copy(w, f)
				return err
			})
		})
	}
	remote := path.Join(looks[from].Flags["backup_dir"], t.State.Request.Backup)
	return file, fetch(file, found.Backup.SHA256, func(w io.Writer) error {
		_, err := r.Hosts[from].Get(ctx, remote, w)
		return err
	})
}

// salvage turns a log of a host into a backup, there and on the bot.
func (r *Recovery) salvage(ctx context.Context, n *node.Node, log, name string, upToDamage bool) (remote, local string, err error) {
	remote = path.Join(n.Folder(), name)
	if err := n.Salvage(ctx, log, remote, upToDamage); err != nil {
		return "", "", err
	}
	dir, err := r.Files(n.RunID)
	if err != nil {
		return "", "", err
	}
	local = filepath.Join(dir, name+"-"+n.Name)
	return remote, local, fetch(local, "", func(w io.Writer) error { _, err := n.Host.Get(ctx, remote, w); return err })
}

// fetch writes file from get, whole or not at all, and checks its hash. An
// empty hash is not checked.
func fetch(file, hash string, get func(io.Writer) error) error {
	tmp := file + ".part"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("copy to the bot: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if err := get(io.MultiWriter(f, h)); err != nil {
		return fmt.Errorf("copy to %s: %w", file, err)
	}
	if got := hex.EncodeToString(h.Sum(nil)); hash != "" && got != hash {
		return fmt.Errorf("copy to %s: its hash is %.12s, at the source it was %.12s", file, got, hash)
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("copy to %s: %w", file, err)
	}
	if err := os.Rename(tmp, file); err != nil {
		return fmt.Errorf("copy to the bot: %w", err)
	}
	if err := durable.SyncDir(filepath.Dir(file)); err != nil {
		return fmt.Errorf("copy to the bot: %w", err)
	}
	return nil
}

// reading opens a backup on the bot for read; what names the purpose in errors.
func reading(file, what string, read func(*os.File) error) error {
	f, err := os.Open(file)
	if err == nil {
		defer f.Close()
		err = read(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// compareFiles compares two backups on the bot.
func compareFiles(older, newer string) (d backup.Diff, err error) {
	err = reading(older, "compare", func(a *os.File) error {
		return reading(newer, "compare", func(b *os.File) error {
			d, err = backup.CompareFiles(a, b)
			return err
		})
	})
	return d, err
}

// backupTasks are the ids of all tasks of a backup on the bot, and of the active ones.
func backupTasks(file string) (all, active map[string]bool, err error) {
	all, active = map[string]bool{}, map[string]bool{}
	return all, active, eachTask(file, func(task backup.Task) error {
		all[task.ID] = true
		if task.Status.Active() {
			active[task.ID] = true
		}
		return nil
	})
}

func eachTask(file string, take func(backup.Task) error) error {
	return reading(file, "tasks of the backup", func(f *os.File) error { return backup.Tasks(f, take) })
}

// compareBackup compares the run's backup with a newer state.
func (r *Recovery) compareBackup(s *runner.State, newer *backup.State) (backup.Diff, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return backup.Diff{}, err
	}
	var older *backup.State
	if err := reading(file, "compare", func(f *os.File) (err error) { older, err = backup.ReadState(f); return err }); err != nil {
		return backup.Diff{}, err
	}
	return backup.Compare(older, newer), nil
}

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	var lines []string
	err = eachTask(file, func(task backup.Task) error {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%s", task.ID, task.Status, task.Host))
		return nil
	})
	return lines, err
}
