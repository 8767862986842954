package leveldb

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/opt"
)

// A copy that went wrong can append a file to itself. Nothing is lost by it,
// but no LevelDB wrote that.
func TestFileAppendedToItself(t *testing.T) {
	for _, tt := range []struct{ pattern, what string }{
		{"*.log", "records are there twice"},
		{"MANIFEST-*", "is there already"},
		{"*.ldb", "bytes after its end"},
	} {
		dir := filepath.Join(t.TempDir(), "db")
		want := write(t, dir, 1, 60, &opt.Options{NoSync: true, Compression: opt.NoCompression, WriteBuffer: 4 << 10})
		names, err := filepath.Glob(filepath.Join(dir, tt.pattern))
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v %v", tt.pattern, names, err)
		}
		// All of them: of tables an old one can lie there that nothing names any more.
		for _, name := range names {
			b, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			// Records never reach over the end of a block of 32 KiB, so a small log still holds records.
			if err := os.WriteFile(name, slices.Concat(b, b), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		d := open(t, dir)
		if got := read(t, d); !same(want, got) {
			t.Errorf("%s: %d keys, want %d", tt.pattern, len(got), len(want))
		}
		if !slices.ContainsFunc(d.Damage(), func(d Damage) bool { return strings.Contains(d.What, tt.what) }) {
			t.Errorf("%s appended to itself: damage %v, want %q", tt.pattern, d.Damage(), tt.what)
		}
	}
}

// A key may be empty; damage that reaches up to it has a bound of no bytes,
// which is none at all to who asks for positions.
func TestEmptyKeyAsBound(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	o := &opt.Options{NoSync: true, Compression: opt.NoCompression, WriteBuffer: 1 << 10, BlockSize: 64}
	write(t, dir, 3, 200, o)
	tables, err := filepath.Glob(filepath.Join(dir, "*.ldb"))
	if err != nil || len(tables) == 0 {
		t.Fatal(tables, err)
	}
	for _, name := range tables {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		bad := bytes.Clone(b)
		bad[1] ^= 1
		if err := os.WriteFile(name, bad, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	d := open(t, dir)
	read(t, d)
	// goleveldb may leave a table behind that it merged into another one: it is not read.
	if n := len(d.tables); n == 0 || len(d.Damage()) < n {
		t.Errorf("%d tables are damaged, %d places listed", n, len(d.Damage()))
	}
}
