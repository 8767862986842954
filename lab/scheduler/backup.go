package scheduler

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

const (
	backupPrefix = "scheduler-backup-"
	tempPrefix   = "temp_"
)

// backups writes a scheduler's backups and holds the one that is staged.
type backups struct {
	set   *settings
	knobs *knobs
	log   *logger
	build build
	clock func() time.Time

	mu              sync.Mutex
	last            time.Time // of the last backup, or of the process's start
	success, failed int
	staged          *snapshot
}

// write saves a snapshot under the minute's name in the local zone. The file has
// its final name before it is whole on the disk: it is neither synced nor
// closed before the rename.
func (b *backups) write(thread string, snap *snapshot) error {
	name := backupPrefix + b.clock().In(b.log.zone).Format("2006-01-02-15-04")
	temp := filepath.Join(b.set.backupDir, tempPrefix+name)
	b.log.info(thread, "StorageBackup$StorageBackupImpl", "Saving backup to %s", temp)
	err := func() error {
		if err := os.MkdirAll(b.set.backupDir, 0o755); err != nil {
			return err
		}
		f, err := os.Create(temp)
		if err != nil {
			return err
		}
		defer f.Close()
		data := snap.encode(b.build)
		fault := b.knobs.get("BACKUP_FAULT")
		if fault != "" {
			data = data[:len(data)/2]
		}
		if _, err := f.Write(data); err != nil {
			return err
		}
		if err := os.Rename(temp, filepath.Join(b.set.backupDir, name)); err != nil {
			return err
		}
		if fault == "disk-full" {
			return errors.New("java.io.IOException: No space left on device") // What is left is written when the stream is closed.
		}
		return nil
	}()
	b.mu.Lock()
	if err != nil {
		b.failed++
	} else {
		b.success++
	}
	b.last = b.clock()
	b.mu.Unlock()
	if err != nil {
		b.log.error(thread, "StorageBackup$StorageBackupImpl", "Failed to save backup to %s: %v", temp, err)
		return err
	}
	b.retain(thread)
	return nil
}

// retain deletes the oldest backups by name, whoever put them there.
func (b *backups) retain(thread string) {
	names, _ := b.list()
	names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, backupPrefix) })
	slices.Sort(names)
	if len(names) <= b.set.maxBackups {
		return
	}
	old := names[:len(names)-b.set.maxBackups]
	b.log.info(thread, "StorageBackup$StorageBackupImpl", "Deleting %d outdated backups: %v", len(old), old)
	for _, n := range old {
		_ = os.Remove(filepath.Join(b.set.backupDir, n)) // the next backup tries again
	}
}

// due says whether the interval since the last backup, or since the start of
// the process, has passed.
func (b *backups) due() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.clock().Sub(b.last) >= b.set.backupInterval
}

// list returns the name of everything in the folder, files or not.
func (b *backups) list() ([]string, error) {
	entries, err := os.ReadDir(b.set.backupDir)
	if err != nil {
		return nil, err
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// The sentences of the recovery calls.
var (
	errNothingStaged = errors.New("No backup loaded.")                 // the real scheduler's sentence
	errStagedAlready = errors.New("Another backup is already loaded.") // the real scheduler's sentence
)

// stage reads a backup into memory. The name is not checked, and the file is
// read and decoded before anything asks whether one is staged already. An
// error of Java's (OutOfMemoryError) comes back as *fault.
func (b *backups) stage(name string, v version) error {
	path := filepath.Clean(b.set.backupDir + "/" + name)
	shown := b.set.backupDir + "/" + strings.TrimPrefix(name, "/")
	if name == "" {
		shown = b.set.backupDir
	}
	info, err := os.Stat(path)
	if err != nil {
		if !v.fullBackupPath() {
			shown = name
		}
		return errors.New("Backup " + shown + " does not exist.")
	}
	if info.IsDir() {
		return errors.New("Failed to read backup java.io.FileNotFoundException: " + shown + " (Is a directory)")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return errors.New("Failed to read backup java.io.FileNotFoundException: " + shown + " (Permission denied)")
	}
	snap, err := decodeSnapshot(data)
	var f *fault
	switch {
	case errors.Is(err, errMemory) || errors.Is(err, errDepth):
		return err
	case errors.As(err, &f):
		return errors.New("Failed to decode backup " + f.Error())
	case err != nil:
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.staged != nil {
		return errStagedAlready
	}
	b.log.info("qtp-stage", "SnapshotterImpl", "Restoring snapshot.")
	b.staged = snap
	return nil
}

func (b *backups) unload() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.staged = nil
}

func (b *backups) stagedSnapshot() (*snapshot, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.staged == nil {
		return nil, errNothingStaged
	}
	return b.staged, nil
}

// drop deletes the tasks that q matches from the staged snapshot.
func (b *backups) drop(q taskQuery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.staged == nil {
		return errNothingStaged
	}
	next := b.staged.state.clone()
	for _, t := range next.sortedTasks(q) {
		delete(next.tasks, t.id)
	}
	b.staged = &snapshot{b.staged.millis, next}
	return nil
}
