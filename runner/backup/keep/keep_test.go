package keep

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/backup"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/bound"
	"aurorabot/runner/bound/boundtest"
	"aurorabot/runner/golden"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// backupAt is the recorded backup as if taken some time before noon.
func backupAt(t *testing.T, before time.Duration) (*check.Backup, []byte) {
	t.Helper()
	snap, err := backup.Parse(golden.Gunzip(t, "../testdata/small/scheduler-backup-2026-11-23-08-36.gz"))
	if err != nil {
		t.Fatal(err)
	}
	at := noon.Add(-before)
	snap.SetTimestamp(at.UnixMilli())
	var b bytes.Buffer
	if err := backup.Write(&b, snap); err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(b.Bytes())
	return &check.Backup{
		Host: "s1", Name: at.Format("scheduler-backup-2006-01-02-15-04"), Time: at, Bytes: int64(b.Len()), Tasks: 65, SHA256: hex.EncodeToString(sum[:]),
	}, b.Bytes()
}

func from(data []byte) func(context.Context, io.Writer) error {
	return func(_ context.Context, w io.Writer) error { _, err := w.Write(data); return err }
}

func never(t *testing.T) func(context.Context, io.Writer) error {
	return func(context.Context, io.Writer) error { t.Error("it was copied again"); return nil }
}

func files(t *testing.T, dir string) string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if e.Name() != index {
			names = append(names, strings.TrimPrefix(e.Name(), "scheduler-backup-2026-11-"))
		}
	}
	return strings.Join(names, " ")
}

// The newest is copied once, compared and decoded; copies too many or too old
// go, and nothing else does.
func TestKeep(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "copies")
	s := &Store{Dir: dir, Count: 3, For: 48 * time.Hour, Now: func() time.Time { return noon }}
	for _, before := range []time.Duration{72 * time.Hour, 5 * time.Hour, 4 * time.Hour, 3 * time.Hour, 2 * time.Hour} {
		b, data := backupAt(t, before)
		if c := s.Keep(t.Context(), b, from(data)); c.Why != "" || c.Name != b.Name || time.Duration(c.Age) != before {
			t.Fatalf("%+v", c)
		}
		if c := s.Keep(t.Context(), b, never(t)); c.Why != "" || len(c.Removed) > 0 {
			t.Errorf("again: %+v", c)
		}
		if before == 5*time.Hour {
			if err := os.WriteFile(filepath.Join(dir, "scheduler-backup-2026-11-01-00-00"), []byte("laid there by somebody"), 0o600); err != nil {
				t.Fatal(err)
			}
			// The three days old one stayed while it was the only one.
			if got := files(t, dir); got != "01-00-00 23-07-00" {
				t.Errorf("files %s", got)
			}
		}
	}
	if got := files(t, dir); got != "01-00-00 23-08-00 23-09-00 23-10-00" {
		t.Errorf("files %s", got)
	}
}

// A copy that is not the backup is none: nothing is left of it, and why is said.
func TestKeepRefuses(t *testing.T) {
	b, data := backupAt(t, time.Hour)
	flipped := bytes.Clone(data)
	flipped[len(flipped)/2] ^= 1
	broken := *b
	sum := sha256.Sum256(data[:len(data)/2])
	broken.SHA256, broken.Bytes = hex.EncodeToString(sum[:]), int64(len(data)/2)
	fewer := *b
	fewer.Tasks = 64
	nameless := *b
	nameless.Name = "../x"
	for name, tt := range map[string]struct {
		b    *check.Backup
		get  func(context.Context, io.Writer) error
		want string
	}{
		"flipped":      {b, from(flipped), "SHA-256"},
		"cut":          {b, from(data[:100]), "SHA-256"},
		"broken":       {&broken, from(data[:len(data)/2]), "does not decode"},
		"other tasks":  {&fewer, from(data), "does not decode as the backup did"},
		"lost":         {b, func(context.Context, io.Writer) error { return errors.New("connection lost") }, "connection lost"},
		"odd name":     {&nameless, from(data), "no name"},
		"another file": {b, from(data), "not the store's own"},
	} {
		dir := t.TempDir()
		want := ""
		if name == "another file" {
			want = strings.TrimPrefix(b.Name, "scheduler-backup-2026-11-")
			if err := os.WriteFile(filepath.Join(dir, b.Name), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s := &Store{Dir: dir, Count: 3, For: time.Hour, Now: func() time.Time { return noon }}
		c := s.Keep(t.Context(), tt.b, tt.get)
		if !strings.Contains(c.Why, tt.want) || c.Why == "" || c.Copies != 0 || files(t, dir) != want {
			t.Errorf("%s: %+v, files %q", name, c, files(t, dir))
		}
	}
}

// A copy of ours that was changed is copied anew while its backup is there, and
// stays when its time is over; without its index the store touches nothing.
func TestKeepTouchesOnlyItsOwn(t *testing.T) {
	dir := t.TempDir()
	s := &Store{Dir: dir, Count: 1, For: 48 * time.Hour, Now: func() time.Time { return noon }}
	old, data := backupAt(t, 2*time.Hour)
	s.Keep(t.Context(), old, from(data))
	if err := os.WriteFile(filepath.Join(dir, old.Name), []byte("rotten"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := s.Keep(t.Context(), old, from(data)); c.Why != "" || c.Copies != 1 {
		t.Errorf("a rotten copy: %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, old.Name), []byte("rotten"), 0o600); err != nil {
		t.Fatal(err)
	}
	b, data := backupAt(t, time.Hour)
	if c := s.Keep(t.Context(), b, from(data)); !strings.Contains(c.Why, "is not as the store left it, and stays") || len(c.Removed) > 0 {
		t.Errorf("%+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, index), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	before := files(t, dir)
	if c := s.Keep(t.Context(), b, never(t)); !strings.Contains(c.Why, "store's own") || files(t, dir) != before {
		t.Errorf("%+v", c)
	}
}

// While there is nothing to copy, nothing is taken away, whatever its age: the
// copies may be all that is left. What is told of is the newest whole one.
func TestKeepWhatIsLeft(t *testing.T) {
	dir := t.TempDir()
	now := noon
	s := &Store{Dir: dir, Count: 3, For: 48 * time.Hour, Now: func() time.Time { return now }}
	older, data := backupAt(t, 2*time.Hour)
	s.Keep(t.Context(), older, from(data))
	newer, data := backupAt(t, time.Hour)
	s.Keep(t.Context(), newer, from(data))
	now = noon.Add(30 * 24 * time.Hour)
	if c := s.Keep(t.Context(), nil, never(t)); c.Why != "" || c.Copies != 2 || c.Name != newer.Name || c.Tasks != 65 || len(c.Removed) > 0 {
		t.Errorf("%+v", c)
	}
	broken, _ := backupAt(t, 30*time.Minute)
	if c := s.Keep(t.Context(), broken, from([]byte("cut"))); c.Why == "" || c.Copies != 2 || len(c.Removed) > 0 {
		t.Errorf("one that cannot be copied: %+v", c)
	}
	if err := os.WriteFile(filepath.Join(dir, newer.Name), []byte("rotten"), 0o600); err != nil {
		t.Fatal(err)
	}
	if c := s.Keep(t.Context(), nil, never(t)); !strings.Contains(c.Why, newer.Name+" is not as the store left it") || c.Copies != 1 || c.Name != older.Name {
		t.Errorf("a rotten one: %+v", c)
	}
	if err := os.Remove(filepath.Join(dir, older.Name)); err != nil {
		t.Fatal(err)
	}
	if c := s.Keep(t.Context(), nil, never(t)); c.Why == "" || c.Copies != 0 || c.Name != "" {
		t.Errorf("none is left: %+v", c)
	}
}

// A host that sends more than the backup has is not believed: nothing of it stays.
func TestEndlessCopyIsBounded(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "copies")
	s := &Store{Dir: dir, Count: 3, For: time.Hour, Now: func() time.Time { return noon }}
	b, _ := backupAt(t, time.Hour)
	c := s.Keep(t.Context(), b, func(_ context.Context, w io.Writer) error {
		n, err := io.Copy(w, io.LimitReader(boundtest.Endless("", "x"), 1<<30))
		if n > b.Bytes {
			t.Errorf("%d bytes were taken of a backup of %d", n, b.Bytes)
		}
		return err
	})
	if !strings.Contains(c.Why, bound.ErrTooMuch.Error()) {
		t.Errorf("got %+v", c)
	}
	if left := files(t, dir); left != "" {
		t.Errorf("it left %s", left)
	}
}
