package cluster

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"aurorabot/lab/host"
	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

// StateOf reads the copies that CopyLogs made and returns the state that they
// hold together, as a scheduler that starts with them would have it.
func (c *Cluster) StateOf(ctx context.Context, dir string) (*backup.Snapshot, error) {
	var logs []string
	for _, h := range c.Hosts {
		if log := filepath.Join(dir, h.Name(), "log"); isDir(log) {
			logs = append(logs, log)
		}
	}
	snap, _, err := replica.Salvage(ctx, logs, replica.SalvageOptions{})
	return snap, err
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// Difference says in words in what a state differs from that of the backup,
// "" if in nothing.
func (c *Cluster) Difference(got *backup.Snapshot) string {
	if backup.Equal(got, c.Truth.State) {
		return ""
	}
	var words []string
	if a, b := got.FrameworkID(), c.Truth.State.FrameworkID(); a != b {
		words = append(words, fmt.Sprintf("framework id %q, want %q", a, b))
	}
	for _, part := range []backup.Field{
		backup.TaskSet, backup.CronJobs, backup.Quotas, backup.JobUpdates, backup.HostAttributes, backup.MaintenanceRequests, backup.Locks,
	} {
		if a, b := len(got.Elements(part)), len(c.Truth.State.Elements(part)); a != b {
			words = append(words, fmt.Sprintf("%s: %d, want %d", part, a, b))
		}
	}
	if len(words) == 0 {
		words = append(words, "as many of everything, but not the same")
	}
	return strings.Join(words, "; ")
}

// RememberFiles notes every file of /etc of every host, the run-time units, and
// how supervision and firewall are, for [Cluster.ChangedFiles].
func (c *Cluster) RememberFiles() error {
	c.Truth.etc = map[string]map[string]string{}
	for _, h := range c.Hosts {
		files, err := c.hashes(h)
		if err != nil {
			return err
		}
		c.Truth.etc[h.Name()] = files
	}
	return nil
}

// ChangedFiles says what of /etc, of the run-time units, of supervision and of
// the firewall is not as it was.
func (c *Cluster) ChangedFiles() ([]string, error) {
	var changed []string
	for _, h := range c.Hosts {
		now, err := c.hashes(h)
		if err != nil {
			return nil, err
		}
		before := c.Truth.etc[h.Name()]
		for name, hash := range now {
			switch was, there := before[name]; {
			case !there:
				changed = append(changed, fmt.Sprintf("%s: %s is new", h.Name(), name))
			case was != hash:
				changed = append(changed, fmt.Sprintf("%s: %s has another content", h.Name(), name))
			}
		}
		for name := range before {
			if _, there := now[name]; !there {
				changed = append(changed, fmt.Sprintf("%s: %s is gone", h.Name(), name))
			}
		}
	}
	slices.Sort(changed)
	return changed, nil
}

// hashes are the files below /etc and the run-time units by their content, links
// by where they point, and what systemctl and nft say.
func (c *Cluster) hashes(h host.Machine) (map[string]string, error) {
	files := map[string]string{}
	for _, dir := range []string{"/etc", "/run/systemd/system"} {
		err := filepath.WalkDir(h.Path(dir), func(path string, entry fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			if err != nil || entry.IsDir() {
				return err
			}
			name := strings.TrimPrefix(path, h.Path("/"))
			if entry.Type()&fs.ModeSymlink != 0 {
				target, err := os.Readlink(path)
				files[name] = "link to " + target
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			info, err := entry.Info()
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			files[name] = info.Mode().String() + " " + hex.EncodeToString(sum[:])
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("read %s of %s: %w", dir, h.Name(), err)
		}
	}
	for name, argv := range map[string][]string{
		"the rules of nft":           {"nft", "list", "ruleset"},
		"the scheduler's supervisor": {"systemctl", "show", "-p", "Restart,UnitFileState", host.Unit},
	} {
		out, err := c.ground.exec(h, argv...)
		if err != nil {
			return nil, err
		}
		files[name] = out
	}
	return files, nil
}

// Supervised says whether a host's supervisor would start the scheduler again,
// when it ends and at boot.
func (c *Cluster) Supervised(h host.Machine) (bool, error) {
	if s := supervisors[c.opt.Supervisor]; s.on != nil {
		return s.supervised(c, h)
	}
	out, err := c.Systemctl(h, "show", "-p", "Restart,UnitFileState", host.Unit)
	if err != nil {
		return false, err
	}
	return strings.Contains(out, "Restart=always\n") && strings.Contains(out, "UnitFileState=enabled\n"), nil
}
