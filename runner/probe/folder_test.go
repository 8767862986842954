package probe

import (
	"aurorabot/runner/golden"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const backupName = "scheduler-backup-2026-11-23-08-36"

// small is a recorded backup of 65 tasks.
func small(t *testing.T) []byte {
	t.Helper()
	return golden.Gunzip(t, "../backup/testdata/small/"+backupName+".gz")
}

func put(t *testing.T, dir, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
		t.Fatal(err)
	}
}

func byName(t *testing.T, f *Folder, name string) FolderFile {
	t.Helper()
	for _, x := range f.Files {
		if x.Name == name {
			return x
		}
	}
	t.Fatalf("%s is not among %+v", name, f.Files)
	return FolderFile{}
}

// Every backup is decoded where it lies; what is none is named as what it is,
// and nothing is waited for.
func TestFolderOfBackups(t *testing.T) {
	dir, data := t.TempDir(), small(t)
	put(t, dir, backupName, data)
	put(t, dir, "scheduler-backup-2026-11-23-09-36", data[:len(data)/2])
	put(t, dir, "scheduler-backup-2026-11-23-09-37", nil)
	put(t, dir, "temp_scheduler-backup-2026-11-23-10-36", data[:100])
	put(t, dir, "notes.txt", []byte("x"))
	for name, target := range map[string]string{"scheduler-backup-2026-11-23-11-36": backupName, "scheduler-backup-2026-11-23-12-36": "nowhere"} {
		if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "scheduler-backup-2026-11-23-13-36"), 0o755); err != nil {
		t.Fatal(err)
	}
	f := ask(t, Request{Folder: &FolderAsk{Dir: dir}}).Folder
	if f.Error != "" || len(f.Files) != 7 || f.Others != 1 || f.Free <= 0 || f.Room <= 0 || f.Bytes < int64(len(data)) {
		t.Fatalf("%+v", f)
	}
	good := byName(t, f, backupName)
	if r := good.Read; r == nil || !r.Valid || r.Tasks != 65 || r.Bytes != int64(len(data)) || r.FrameworkID == "" || r.Time().Format(time.RFC3339) != "2026-11-23T08:36:24Z" || len(r.SHA256) != 64 {
		t.Errorf("%+v", good.Read)
	}
	for _, name := range []string{"scheduler-backup-2026-11-23-09-36", "scheduler-backup-2026-11-23-09-37"} {
		if r := byName(t, f, name).Read; r == nil || r.Valid || r.Error == "" {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := byName(t, f, "scheduler-backup-2026-11-23-11-36").Read; r == nil || !r.Valid {
		t.Errorf("through a link: %+v", r)
	}
	if x := byName(t, f, "scheduler-backup-2026-11-23-12-36"); !strings.Contains(x.Odd, "link to nowhere") {
		t.Errorf("a link to nothing: %+v", x)
	}
	if x := byName(t, f, "scheduler-backup-2026-11-23-13-36"); x.Odd != "a folder" {
		t.Errorf("a folder: %+v", x)
	}
	if x := byName(t, f, "temp_scheduler-backup-2026-11-23-10-36"); x.Read != nil || x.ID.Size != 100 {
		t.Errorf("one that was begun is no backup: %+v", x)
	}
}

// A file that is known is not read again: not even where reading it would say
// something else. One that was changed is.
func TestKnownFilesAreNotRead(t *testing.T) {
	dir, data := t.TempDir(), small(t)
	put(t, dir, backupName, data)
	first := byName(t, ask(t, Request{Folder: &FolderAsk{Dir: dir}}).Folder, backupName)
	path := filepath.Join(dir, backupName)

	// The same inode, size and time: read, it would not decode.
	at := time.Unix(0, first.ID.MTime)
	put(t, dir, backupName, []byte(strings.Repeat("x", len(data))))
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
	known := &FolderAsk{Dir: dir, Known: []FileID{first.ID}}
	if x := byName(t, ask(t, Request{Folder: known}).Folder, backupName); !x.Known || x.Read != nil {
		t.Errorf("a known file was read: %+v", x)
	}
	if err := os.Chtimes(path, at, at.Add(time.Nanosecond)); err != nil {
		t.Fatal(err)
	}
	if x := byName(t, ask(t, Request{Folder: known}).Folder, backupName); x.Known || x.Read == nil || x.Read.Valid {
		t.Errorf("a file that was changed was not read: %+v", x)
	}
}

// What the time does not suffice for is said, the newest first.
func TestDecodingIsBounded(t *testing.T) {
	dir, data := t.TempDir(), small(t)
	put(t, dir, backupName, data)
	f := lookIn(t.Context(), FolderAsk{Dir: dir, Within: time.Nanosecond})
	if x := byName(t, f, backupName); !x.Later || x.Read != nil {
		t.Errorf("%+v", x)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if x := byName(t, lookIn(ctx, FolderAsk{Dir: dir}), backupName); !x.Later {
		t.Errorf("after the end: %+v", x)
	}
}

// A folder that cannot be listed is an error and never an empty one.
func TestFolderThatCannotBeListed(t *testing.T) {
	dir := t.TempDir()
	put(t, dir, "file", nil)
	if err := os.Symlink("gone", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"nothing": "no such file", "file": "not a directory", "link": "a link to gone"} {
		f := lookIn(t.Context(), FolderAsk{Dir: filepath.Join(dir, name)})
		if !strings.Contains(f.Error, want) || f.Absent != (name != "file") {
			t.Errorf("%s: %+v", name, f)
		}
	}
	empty := t.TempDir()
	if err := os.Symlink(empty, filepath.Join(dir, "to")); err != nil {
		t.Fatal(err)
	}
	if f := lookIn(t.Context(), FolderAsk{Dir: filepath.Join(dir, "to")}); f.Error != "" || f.Link != empty {
		t.Errorf("a link to a folder: %+v", f)
	}
}

// A file that goes away, or is written to, while it is looked at, says so.
func TestFileThatMoves(t *testing.T) {
	dir, data := t.TempDir(), small(t)
	put(t, dir, backupName, data)
	x := stat(dir, backupName)
	if err := os.Remove(filepath.Join(dir, backupName)); err != nil {
		t.Fatal(err)
	}
	if x.inspect(t.Context(), dir); !x.Gone || x.Error != "" {
		t.Errorf("one that went away: %+v", x)
	}
	if x := stat(dir, backupName); !x.Gone {
		t.Errorf("%+v", x)
	}
}
