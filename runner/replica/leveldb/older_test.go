package leveldb

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// grow opens a database, puts the keys from..to and, if asked, makes tables of them.
func grow(t *testing.T, dir string, from, to int, tables bool) {
	t.Helper()
	db, err := leveldb.OpenFile(dir, &opt.Options{NoSync: true, Compression: opt.NoCompression})
	if err != nil {
		t.Fatal(err)
	}
	for i := from; i < to; i++ {
		if err := db.Put(fmt.Appendf(nil, "%010d", i), make([]byte, 100), nil); err != nil {
			t.Fatal(err)
		}
	}
	if tables {
		err = db.CompactRange(leveldbRange)
	}
	if err == nil {
		err = db.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// An older copy that was laid over a newer folder is noticed, whatever it held in
// tables and logs, and nothing that lies there is left out.
func TestOlderManifest(t *testing.T) {
	for _, tables := range []bool{false, true} {
		dir, copied := filepath.Join(t.TempDir(), "db"), filepath.Join(t.TempDir(), "copy")
		grow(t, dir, 0, 20, tables)
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		grow(t, dir, 20, 50, true)
		names, err := os.ReadDir(copied)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range names {
			b, err := os.ReadFile(filepath.Join(copied, n.Name()))
			if err == nil {
				err = os.WriteFile(filepath.Join(dir, n.Name()), b, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		d := open(t, dir)
		got := read(t, d)
		if len(d.Damage()) != 1 || !strings.HasPrefix(d.Damage()[0].File, "MANIFEST-") || !strings.Contains(d.Damage()[0].What, "an older state of the folder") {
			t.Errorf("tables %v: damage %v, warnings %v", tables, d.Damage(), d.Warnings())
		}
		if len(got) != 50 {
			t.Errorf("tables %v: %d keys are read, want all 50", tables, len(got))
		}
	}
}

// A table that a compaction replaced, and one that a crash left before MANIFEST
// named it, hold nothing that is newer: LevelDB deletes them, and that is right.
func TestLeftoverTables(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	grow(t, dir, 0, 20, true)
	before, err := filepath.Glob(filepath.Join(dir, "*.ldb"))
	if err != nil || len(before) == 0 {
		t.Fatal(before, err)
	}
	leftover, err := os.ReadFile(before[0])
	if err != nil {
		t.Fatal(err)
	}
	grow(t, dir, 0, 40, true)
	for _, name := range []string{filepath.Base(before[0]), "000999.ldb"} {
		if err := os.WriteFile(filepath.Join(dir, name), leftover, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// A table whose records the log still has.
	whole := filepath.Join(t.TempDir(), "db")
	grow(t, whole, 0, 20, false)
	if err := os.WriteFile(filepath.Join(whole, "000998.ldb"), leftover, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, whole} {
		d := open(t, dir)
		if read(t, d); len(d.Damage()) > 0 || len(d.Warnings()) != 1 || !strings.Contains(d.Warnings()[0], "does not name") {
			t.Errorf("damage %v, warnings %v", d.Damage(), d.Warnings())
		}
	}
}
