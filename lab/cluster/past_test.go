package cluster

import (
	"os"
	"path/filepath"
	"testing"

	"aurorabot/lab/scheduler"
	"aurorabot/runner/backup"
)

// What a scheduler of today keeps of a backup of today is all of it: the lab may
// judge a restored state by what was loaded.
func TestLoadedBackupIsTheBackup(t *testing.T) {
	recording, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := scheduler.Loaded(recording)
	if err != nil {
		t.Fatal(err)
	}
	was, err := backup.Parse(recording)
	if err != nil {
		t.Fatal(err)
	}
	is, err := backup.Parse(loaded)
	if err != nil {
		t.Fatal(err)
	}
	if !backup.Equal(was, is) {
		t.Error("the recording is another state once it was loaded")
	}
}

// A backup that does not decode lies on its host as it is, and the cluster has
// the recording's past: what is wrong with it is the bot's to find.
func TestBackupThatDoesNotDecode(t *testing.T) {
	recording, err := recorded()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "scheduler-backup-2026-11-22-10-01")
	if err := os.WriteFile(file, recording[:len(recording)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	c := &Cluster{opt: Options{Backup: file}}
	lies, past, err := c.readBackup()
	if err != nil {
		t.Fatal(err)
	}
	if len(lies) != len(recording)/2 || len(past) != len(recording) {
		t.Errorf("%d bytes lie there and the past has %d, want %d and %d", len(lies), len(past), len(recording)/2, len(recording))
	}
	if c.Truth.Backup != filepath.Base(file) || len(c.Truth.Tasks) != 65 {
		t.Errorf("the backup is %s and the cluster has %d tasks", c.Truth.Backup, len(c.Truth.Tasks))
	}
}
