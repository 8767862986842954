package leveldb

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/syndtr/goleveldb/leveldb"
	"github.com/syndtr/goleveldb/leveldb/opt"
)

// write makes a database of n random operations and returns what is in it.
func write(t testing.TB, dir string, seed uint64, n int, o *opt.Options) map[string][]byte {
	t.Helper()
	db, err := leveldb.OpenFile(dir, o)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(seed, 1))
	want := map[string][]byte{}
	for i := range n {
		key := fmt.Sprintf("%010d", rnd.IntN(n/2+1))
		switch rnd.IntN(20) {
		case 0:
			key = "A" + strings.Repeat("k", rnd.IntN(300)) // Longer than keys are kept inline.
		case 1:
			key = ""
		}
		var batch leveldb.Batch
		if rnd.IntN(6) == 0 {
			delete(want, key)
			batch.Delete([]byte(key))
		} else {
			value := bytes.Repeat([]byte{byte(i), byte(rnd.IntN(256))}, rnd.IntN(1<<rnd.IntN(13)))
			want[key] = value
			batch.Put([]byte(key), value)
		}
		if rnd.IntN(10) == 0 { // Several operations in one record.
			batch.Put([]byte("same"), []byte{byte(i)})
			want["same"] = []byte{byte(i)}
		}
		if err := db.Write(&batch, &opt.WriteOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return want
}

// read walks over a database and returns what is in it; keys must ascend.
func read(t testing.TB, d *DB) map[string][]byte {
	t.Helper()
	got, last, any := map[string][]byte{}, "", false
	err := d.Walk(context.Background(), func(r *Record) error {
		if any && string(r.Key) <= last {
			t.Fatalf("key %q after %q", r.Key, last)
		}
		last, any = string(r.Key), true
		got[last] = bytes.Clone(r.Value)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func open(t testing.TB, dir string) *DB {
	t.Helper()
	d, err := Open(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func same(a, b map[string][]byte) bool { return maps.EqualFunc(a, b, bytes.Equal) }

// What goleveldb wrote is read back: newest versions, deletions, several
// levels of tables, compressed or not, with and without a MANIFEST.
func TestReadsWhatWasWritten(t *testing.T) {
	for seed, o := range []*opt.Options{
		{Compression: opt.NoCompression, NoSync: true},
		{Compression: opt.NoCompression, NoSync: true, WriteBuffer: 64 << 10, CompactionTableSize: 32 << 10, CompactionTotalSize: 128 << 10},
		{Compression: opt.SnappyCompression, NoSync: true, WriteBuffer: 32 << 10, CompactionTableSize: 16 << 10, BlockSize: 700},
		{Compression: opt.NoCompression, NoSync: true, WriteBuffer: 64 << 20}, // More than the arena holds.
		{Compression: opt.NoCompression, NoSync: true, WriteBuffer: 64 << 10, DisableSeeksCompaction: true, CompactionL0Trigger: 100, WriteL0PauseTrigger: 200, WriteL0SlowdownTrigger: 200},
	} {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "db")
			n := 4000
			if o.WriteBuffer > 32<<20 {
				n = 20000
			}
			want := write(t, dir, uint64(seed), n, o)
			d := open(t, dir)
			if got := read(t, d); !same(want, got) {
				t.Fatalf("%d keys, want %d; %v", len(got), len(want), d.Damage())
			}
			if got := read(t, d); !same(want, got) {
				t.Fatalf("second walk: %d keys, want %d", len(got), len(want))
			}
			// goleveldb may be closed before it has deleted obsolete tables.
			for _, w := range d.Warnings() {
				if !strings.Contains(w, "does not name") {
					t.Errorf("warning %q", w)
				}
			}
			if len(d.Damage()) > 0 || (o.Compression == opt.SnappyCompression) != (d.Snappy() > 0) {
				t.Errorf("damage %v, snappy %d", d.Damage(), d.Snappy())
			}
			for _, e := range d.folder.of(kindManifest) {
				if err := os.Remove(filepath.Join(dir, e.name)); err != nil {
					t.Fatal(err)
				}
			}
			d = open(t, dir)
			got := read(t, d)
			for key, value := range want {
				if !bytes.Equal(got[key], value) {
					t.Fatalf("without MANIFEST: %q is not what was written", key)
				}
			}
			if len(d.Damage()) == 0 {
				t.Error("a lost MANIFEST is no damage")
			}
		})
	}
}

// logOf returns the one write-ahead log of a small database.
func logOf(t *testing.T, dir string) (path string, b []byte) {
	t.Helper()
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil || len(logs) != 1 {
		t.Fatal(logs, err)
	}
	b, err = os.ReadFile(logs[0])
	if err != nil {
		t.Fatal(err)
	}
	return logs[0], b
}

// Damage of the write-ahead log is named, and what follows it is read.
func TestLogDamage(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b []byte) []byte
		what   string
		least  int // Keys that can still be read.
	}{
		{"cut in a record", func(b []byte) []byte { return b[:len(b)-1] }, TornTail, 99},
		{"cut in a header", func(b []byte) []byte { return append(b, 1, 2, 3) }, TornTail, 100},
		{"cut after the first fragment", func(b []byte) []byte { return b[:recordBlock] }, TornTail, 30},
		{"zeros behind a cut record", func(b []byte) []byte { return append(b[:recordBlock], make([]byte, 70000)...) }, TornTail, 30},
		{"zeros at the beginning", func(b []byte) []byte { clear(b[:recordBlock]); return b }, "zero bytes where", 30},
		{"nothing but zeros", func(b []byte) []byte { clear(b); return b }, "zero bytes up to the end", 0},
		{"a block of zeros", func(b []byte) []byte { clear(b[recordBlock : 2*recordBlock]); return b }, "zero bytes where", 50},
		{"a payload byte", func(b []byte) []byte { b[50]++; return b }, "checksum mismatch", 99},
		{"a length", func(b []byte) []byte { b[5] = 0xff; return b }, "longer than its block", 60},
		{"the first block is gone", func(b []byte) []byte { return b[recordBlock:] }, "without its beginning", 60},
		{"a type", func(b []byte) []byte { b[6] = 9; return b }, "checksum mismatch", 99},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "db")
			db, err := leveldb.OpenFile(dir, &opt.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			for i := range 100 {
				if err := db.Put(fmt.Appendf(nil, "%010d", i), bytes.Repeat([]byte{1, byte(i)}, 500), nil); err != nil {
					t.Fatal(err)
				}
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			path, b := logOf(t, dir)
			if err := os.WriteFile(path, tt.change(b), 0o644); err != nil {
				t.Fatal(err)
			}
			d := open(t, dir)
			got := read(t, d)
			if len(got) < tt.least || len(got) > 100 {
				t.Errorf("%d keys, want at least %d", len(got), tt.least)
			}
			if !slices.ContainsFunc(d.Damage(), func(d Damage) bool {
				return d.File == filepath.Base(path) && strings.Contains(d.What, tt.what)
			}) {
				t.Errorf("damage %v, want %q", d.Damage(), tt.what)
			}
		})
	}
}

// Zeros behind the last whole record are no damage, in the log and in MANIFEST:
// LevelDB up to 1.14 leaves them where it did not close a file.
func TestZerosBehindTheLastRecord(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	write(t, dir, 1, 50, &opt.Options{NoSync: true})
	path, b := logOf(t, dir)
	manifests, err := filepath.Glob(filepath.Join(dir, "MANIFEST-*"))
	if err != nil || len(manifests) != 1 {
		t.Fatal(manifests, err)
	}
	before := len(read(t, open(t, dir)))
	if err := os.WriteFile(path, append(b, make([]byte, 70000)...), 0o644); err != nil {
		t.Fatal(err)
	}
	m, err := os.ReadFile(manifests[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifests[0], append(m, make([]byte, 65536-len(m))...), 0o644); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	if got := read(t, d); len(got) != before || len(d.Damage()) > 0 || len(d.Warnings()) != 2 {
		t.Errorf("%d keys, want %d; damage %v; warnings %v, want one for each file", len(got), before, d.Damage(), d.Warnings())
	}
}

// A sparse file of a terabyte is not read to its end.
func TestSparseLog(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	write(t, dir, 1, 10, &opt.Options{NoSync: true})
	path, _ := logOf(t, dir)
	if err := os.Truncate(path, 1<<40); err != nil {
		t.Skip(err)
	}
	d := open(t, dir)
	if got := read(t, d); len(got) == 0 || len(d.Damage()) != 1 || !strings.Contains(d.Damage()[0].What, "zero bytes") {
		t.Errorf("%d keys, damage %v", len(got), d.Damage())
	}
}

// A record that is missing between two others shows in the sequence numbers.
func TestLogGap(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	db, err := leveldb.OpenFile(dir, &opt.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if err := db.Put([]byte{byte('a' + i)}, make([]byte, 100), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	path, b := logOf(t, dir)
	n := len(b) / 3
	for name, gap := range map[string][]byte{"in the middle": append(slices.Clone(b[:n]), b[2*n:]...), "at the beginning": b[n:]} {
		if err := os.WriteFile(path, gap, 0o644); err != nil {
			t.Fatal(err)
		}
		d := open(t, dir)
		if got := read(t, d); len(got) != 2 || len(d.Damage()) != 1 || !strings.Contains(d.Damage()[0].What, "1 records before this one are missing") {
			t.Errorf("%s: %d keys, damage %v", name, len(got), d.Damage())
		}
	}
}

// The keys that a lost block may have held are bounded by the index.
func TestDamageBoundsTheKeys(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "db")
	db, err := leveldb.OpenFile(dir, &opt.Options{NoSync: true, Compression: opt.NoCompression, BlockSize: 1000, WriteBuffer: 20 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := db.Put(fmt.Appendf(nil, "%010d", i), make([]byte, 400), nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.CompactRange(leveldbRange); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	table := filepath.Join(dir, open(t, dir).tables[0].entry.name)
	b, err := os.ReadFile(table)
	if err != nil {
		t.Fatal(err)
	}
	b[3000] ^= 1
	if err := os.WriteFile(table, b, 0o644); err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	got := read(t, d)
	if len(d.Damage()) != 1 {
		t.Fatalf("damage %v", d.Damage())
	}
	x := d.Damage()[0]
	for i := range 100 {
		key := fmt.Appendf(nil, "%010d", i)
		if _, ok := got[string(key)]; !ok && (bytes.Compare(key, x.After) <= 0 || bytes.Compare(key, x.UpTo) > 0) {
			t.Errorf("%s is lost, but the damage speaks of %q to %q", key, x.After, x.UpTo)
		}
	}
	if len(got) >= 100 || x.UpTo == nil || !x.Lost {
		t.Errorf("%d keys, %+v", len(got), x)
	}
}

// A table that is whole, but not the one that MANIFEST means, is noticed.
func TestExchangedTable(t *testing.T) {
	dir, other := filepath.Join(t.TempDir(), "db"), filepath.Join(t.TempDir(), "other")
	for i, path := range []string{dir, other} {
		db, err := leveldb.OpenFile(path, &opt.Options{NoSync: true, Compression: opt.NoCompression})
		if err != nil {
			t.Fatal(err)
		}
		for n := range 10 {
			if err := db.Put(fmt.Appendf(nil, "%010d", n+10+10*i), make([]byte, 400), nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.CompactRange(leveldbRange); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	table := open(t, dir).tables[0].entry.name
	b, err := os.ReadFile(filepath.Join(other, open(t, other).tables[0].entry.name))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, table), b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	d := open(t, dir)
	if read(t, d); len(d.Damage()) != 2 || d.Damage()[0].File != table {
		t.Errorf("damage %v, want first and last key of %s", d.Damage(), table)
	}
}
