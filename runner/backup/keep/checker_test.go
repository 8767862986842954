package keep

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/probe"
)

// A check begins with what the one before left, also in a former process. What
// cannot be read is as good as nothing, and an error of the look loses nothing.
func TestCheckerRemembers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "checks", "dev.json")
	var given []check.Memory
	var failure error
	checker := func() *Checker {
		return &Checker{Cluster: "dev", File: file, Log: slog.New(slog.DiscardHandler), Look: func(_ context.Context, _ []check.Window, m check.Memory) (check.Facts, check.Memory, error) {
			given = append(given, m)
			return check.Facts{Cluster: "dev", At: noon}, check.Memory{Framework: "f" + m.Framework}, failure
		}}
	}
	for _, want := range []string{"", "f", "ff"} {
		if _, err := checker().Check(t.Context(), nil); err != nil || given[len(given)-1].Framework != want {
			t.Errorf("given %q, %v; want %q", given[len(given)-1].Framework, err, want)
		}
	}
	failure = errors.New("no host answers")
	if _, err := checker().Check(t.Context(), nil); !errors.Is(err, failure) {
		t.Errorf("%v", err)
	}
	failure = nil
	if _, err := checker().Check(t.Context(), nil); err != nil || given[len(given)-1].Framework != "fff" {
		t.Errorf("after an error: given %q, %v", given[len(given)-1].Framework, err)
	}
	if err := os.WriteFile(file, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := checker().Check(t.Context(), nil); err != nil || given[len(given)-1].Framework != "" {
		t.Errorf("after a torn file: given %q, %v", given[len(given)-1].Framework, err)
	}
}

// The newest backup is copied, from where it lies, and the result says so.
func TestCheckerCopies(t *testing.T) {
	b, data := backupAt(t, time.Hour)
	b.Path = "/backups/" + b.Name
	dir := t.TempDir()
	c := &Checker{
		Cluster: "dev", File: filepath.Join(dir, "dev.json"), Log: slog.New(slog.DiscardHandler),
		Copies: &Store{Dir: filepath.Join(dir, "copies"), Count: 3, For: 48 * time.Hour, Now: func() time.Time { return noon }},
		Get: func(_ context.Context, host, path string, to io.Writer) error {
			if host != b.Host || path != b.Path {
				t.Errorf("copied %s from %s", path, host)
			}
			_, err := to.Write(data)
			return err
		},
		Look: func(context.Context, []check.Window, check.Memory) (check.Facts, check.Memory, error) {
			read := &probe.Brief{Valid: true, TimestampMs: b.Time.UnixMilli(), FrameworkID: "f", Tasks: b.Tasks, Active: b.Tasks, Bytes: b.Bytes, SHA256: b.SHA256}
			files := []probe.FolderFile{{Name: b.Name, ID: probe.FileID{Inode: 1, MTime: b.Time.UnixNano(), Size: b.Bytes}, Read: read}}
			return check.Facts{Cluster: "dev", At: noon, Limit: 26 * time.Hour, Framework: "f", Hosts: []check.HostFacts{{Host: b.Host, Dir: "/backups", Folder: &probe.Folder{Dir: "/backups", Files: files}}}}, check.Memory{}, nil
		},
	}
	r, err := c.Check(t.Context(), nil)
	if err != nil || r.Copy == nil || r.Copy.Name != b.Name || r.Copy.Why != "" {
		t.Errorf("%v, copy %+v", err, r.Copy)
	}
}
