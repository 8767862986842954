package cluster

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/host"
	"aurorabot/runner/backup"
)

// The states that the backups of a cluster can be in.
const (
	ShelfFresh     = "fresh"               // One an hour by the leader, older ones on a host that led before.
	ShelfStale     = "stale"               // The newest is three days old.
	ShelfStarved   = "starved"             // The newest is five hours old, and the leader began a moment ago.
	ShelfTruncated = "truncated-newest"    // The newest ends in the middle.
	ShelfZero      = "zero-newest"         // The newest is a file without a byte.
	ShelfDiskFull  = "disk-full"           // The leader just tried to write one, and had no room.
	ShelfOneHost   = "one-host-only"       // Only the leader's host has any.
	ShelfForeign   = "foreign"             // The newest is of another framework.
	ShelfEmpty     = "empty-dir"           // The folders of all hosts are empty.
	ShelfBegun     = "begun-only"          // They hold a temp_ file, an hour old, and nothing else.
	ShelfNoFolder  = "unreadable"          // The leader's folder cannot be listed.
	ShelfNoneRead  = "all-unreadable"      // Nobody's can.
	ShelfDown      = "host-down"           // A host cannot be reached.
	ShelfAllDown   = "all-down"            // None can.
	ShelfEmptied   = "emptied-by-open-run" // The newest has no tasks, as an empty leader writes it while a run is open.
	ShelfCollapsed = "collapsed"           // The newest has a third of the tasks of the one before.
	ShelfFuture    = "future"              // The newest says that it was taken tomorrow.
	ShelfLinked    = "linked"              // Fresh, in a folder that is a symbolic link.
)

// Shelves are all of them, in the order of help.
var Shelves = []string{
	ShelfFresh, ShelfStale, ShelfStarved, ShelfTruncated, ShelfZero, ShelfDiskFull, ShelfOneHost, ShelfForeign, ShelfEmpty, ShelfBegun, ShelfNoFolder,
	ShelfNoneRead, ShelfDown, ShelfAllDown, ShelfEmptied, ShelfCollapsed, ShelfFuture, ShelfLinked,
}

// Shelve clears the backups of all hosts and lays out a state. Nothing of the
// state before is left, but for lines in a log.
func (c *Cluster) Shelve(ctx context.Context, state string) error {
	if !slices.Contains(Shelves, state) {
		return fmt.Errorf("backups %q: the states are %s", state, strings.Join(Shelves, ", "))
	}
	for _, h := range c.Hosts {
		if err := c.clear(h); err != nil {
			return fmt.Errorf("clear the backups of %s: %w", h.Name(), err)
		}
	}
	leader := c.Leader(ctx)
	if leader == nil {
		leader = c.Hosts[0]
	}
	s := &shelf{c: c, leader: leader, now: time.Now()}
	for _, h := range c.Hosts {
		if h != leader {
			s.other = append(s.other, h)
		}
	}
	if err := s.lay(ctx, state); err != nil {
		return fmt.Errorf("lay out the backups as %s: %w", state, err)
	}
	return nil
}

// clear empties the folder of a host, and takes back what kept it from being read.
func (c *Cluster) clear(h host.Machine) error {
	if err := h.Up(); err != nil {
		return err
	}
	dir := c.BackupDir(h)
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return c.ground.own(h, host.Scheduler{}.BackupDir(""))
}

// A shelf is a state while it is laid out.
type shelf struct {
	c      *Cluster
	leader host.Machine
	other  []host.Machine
	now    time.Time
}

func (s *shelf) lay(ctx context.Context, state string) error {
	base := 30 * time.Minute
	switch state {
	case ShelfEmpty:
		return nil
	case ShelfBegun:
		return s.write(s.leader, "temp_", time.Hour, []byte("begun"))
	case ShelfStale:
		base = 72 * time.Hour
	case ShelfStarved:
		base = 5 * time.Hour
	}
	for n := range 4 {
		if err := s.put(s.leader, base+time.Duration(n)*time.Hour, nil); err != nil {
			return err
		}
	}
	if state != ShelfOneHost {
		if err := s.put(s.other[0], base+4*time.Hour, nil); err != nil {
			return err
		}
	}
	return s.spoil(ctx, state)
}

// spoil makes of fresh backups what the state is about.
func (s *shelf) spoil(ctx context.Context, state string) error {
	switch state {
	case ShelfTruncated, ShelfZero:
		data, err := s.backup(time.Minute, nil)
		if err != nil {
			return err
		}
		if state == ShelfZero {
			data = nil
		}
		return s.write(s.leader, "", time.Minute, data[:len(data)/2])
	case ShelfForeign:
		return s.put(s.other[1], time.Minute, func(b *backup.Snapshot) { b.SetFrameworkID("11111111-2222-3333-4444-555555555555-0000") })
	case ShelfEmptied:
		return s.put(s.other[1], 0, func(b *backup.Snapshot) { b.Remove(backup.TaskSet, func(backup.Element) bool { return true }) })
	case ShelfCollapsed:
		n := 0
		return s.put(s.leader, time.Minute, func(b *backup.Snapshot) {
			b.Remove(backup.TaskSet, func(backup.Element) bool { n++; return n%3 != 0 })
		})
	case ShelfFuture:
		return s.put(s.leader, -24*time.Hour, nil)
	case ShelfDiskFull:
		return s.fill(ctx)
	case ShelfDown:
		s.other[1].Down()
	case ShelfAllDown:
		for _, h := range s.c.Hosts {
			h.Down()
		}
	case ShelfNoFolder, ShelfNoneRead:
		hosts := []host.Machine{s.leader}
		if state == ShelfNoneRead {
			hosts = s.c.Hosts
		}
		for _, h := range hosts {
			dir := s.c.BackupDir(h)
			if err := os.RemoveAll(dir); err != nil {
				return err
			}
			if err := os.WriteFile(dir, []byte("a file where the folder should be\n"), 0o644); err != nil {
				return err
			}
		}
	case ShelfLinked:
		dir := s.c.BackupDir(s.leader)
		if err := os.RemoveAll(dir + ".disk"); err != nil {
			return err
		}
		if err := os.Rename(dir, dir+".disk"); err != nil {
			return err
		}
		return os.Symlink(filepath.Base(dir)+".disk", dir)
	}
	return nil
}

// fill has the leader write a backup without room for it.
func (s *shelf) fill(ctx context.Context) error {
	knob := func(value string) error {
		_, err := s.c.ground.http(s.leader, http.MethodPost, "http://"+s.c.HTTP(s.leader)+"/lab/knobs?BACKUP_FAULT="+value)
		return err
	}
	if err := knob("disk-full"); err != nil {
		return err
	}
	out, err := s.c.ground.admin(s.leader, "/etc/aurora", []string{"scheduler_backup_now", Name})
	if err == nil {
		err = fmt.Errorf("a backup without room succeeded: %s", out)
	} else {
		err = nil // As it should.
	}
	if kerr := knob(""); err == nil {
		err = kerr
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// backup is the recorded backup as if it was taken some time ago.
func (s *shelf) backup(ago time.Duration, change func(*backup.Snapshot)) ([]byte, error) {
	var b bytes.Buffer
	if err := backup.Write(&b, s.c.Truth.State); err != nil {
		return nil, err
	}
	snap, err := backup.Parse(b.Bytes())
	if err != nil {
		return nil, err
	}
	snap.SetTimestamp(s.now.Add(-ago).UnixMilli())
	if change != nil {
		change(snap)
	}
	b.Reset()
	err = backup.Write(&b, snap)
	return b.Bytes(), err
}

func (s *shelf) put(h host.Machine, ago time.Duration, change func(*backup.Snapshot)) error {
	data, err := s.backup(ago, change)
	if err != nil {
		return err
	}
	return s.write(h, "", ago, data)
}

// write writes a file under the name that the scheduler would have given it.
func (s *shelf) write(h host.Machine, prefix string, ago time.Duration, data []byte) error {
	at := s.now.Add(-ago)
	path := filepath.Join(s.c.BackupDir(h), prefix+at.UTC().Format("scheduler-backup-2006-01-02-15-04"))
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	if ago < 0 {
		at = s.now // The file's own time is the host's clock, which is right.
	}
	if err := os.Chtimes(path, at, at); err != nil {
		return err
	}
	return s.c.ground.own(h, host.Scheduler{}.BackupDir(""))
}
