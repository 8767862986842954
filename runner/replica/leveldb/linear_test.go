package leveldb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"
)

// block is a block with its trailer; the checksum is right unless it is bad.
func block(entries []byte, bad bool) []byte {
	b := append(bytes.Clone(entries), 0, 0, 0, 0) // No restart points.
	b = append(b, blockRaw)
	crc := masked(crc32.Checksum(b, castagnoli))
	if bad {
		crc++
	}
	return binary.LittleEndian.AppendUint32(b, crc)
}

func record(key string, sequence uint64, value []byte) []byte {
	b := binary.AppendUvarint(nil, 0)
	b = binary.AppendUvarint(b, uint64(len(key)+8))
	b = binary.AppendUvarint(b, uint64(len(value)))
	b = append(b, key...)
	b = binary.LittleEndian.AppendUint64(b, sequence<<8|1)
	return append(b, value...)
}

// table is a table of one block for each of the entries.
func tableOf(n int, bad, index bool, entry func(i int) []byte) []byte {
	var file, ix []byte
	for i := range n {
		b := block(entry(i), bad)
		at := binary.AppendUvarint(nil, uint64(len(file)))
		at = binary.AppendUvarint(at, uint64(len(b)-blockTrailer))
		ix = append(ix, record(fmt.Sprintf("%010d", i), 1, at)...)
		file = append(file, b...)
	}
	meta := len(file)
	file = append(file, block(nil, false)...)
	at := len(file)
	file = append(file, block(ix, !index)...)
	footer := binary.AppendUvarint(nil, uint64(meta))
	footer = binary.AppendUvarint(footer, 4)
	footer = binary.AppendUvarint(footer, uint64(at))
	footer = binary.AppendUvarint(footer, uint64(len(ix)+4))
	footer = append(footer, make([]byte, footerSize-8-len(footer))...)
	return append(file, binary.LittleEndian.AppendUint64(footer, tableMagic)...)
}

// folderOf is a database of these files alone: without MANIFEST everything is read.
func folderOf(t *testing.T, files map[string][]byte) (dir string, size int64) {
	t.Helper()
	dir = t.TempDir()
	for name, b := range files {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		size += int64(len(b))
	}
	return dir, size
}

// packed packs batches into a write-ahead log.
func packed(batches ...[]byte) []byte {
	var out []byte
	for _, b := range batches {
		for first := true; first || len(b) > 0; first = false {
			if left := recordBlock - len(out)%recordBlock; left < recordHeader {
				out = append(out, make([]byte, left)...)
			}
			n := min(len(b), recordBlock-len(out)%recordBlock-recordHeader)
			kind := byte(recordMiddle)
			switch {
			case first && n == len(b):
				kind = recordFull
			case first:
				kind = recordFirst
			case n == len(b):
				kind = recordLast
			}
			body := append([]byte{kind}, b[:n]...)
			out = binary.LittleEndian.AppendUint32(out, masked(crc32.Checksum(body, castagnoli)))
			out = binary.LittleEndian.AppendUint16(out, uint16(n))
			out, b = append(out, body...), b[n:]
		}
	}
	return out
}

// batch is a batch of values for keys.
func batchOf(sequence uint64, count int, put func(i int) (key string, value []byte)) []byte {
	b := binary.LittleEndian.AppendUint64(nil, sequence)
	b = binary.LittleEndian.AppendUint32(b, uint32(count))
	for i := range count {
		key, value := put(i)
		b = append(b, 1)
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
		b = append(binary.AppendUvarint(b, uint64(len(value))), value...)
	}
	return b
}

// Whatever is in a file, reading it takes work in proportion to its length: each
// byte is read a few times, and each entry of an index is looked at once, to say
// what is lost with blocks that are damaged.
func TestReadingIsLinear(t *testing.T) {
	const n = 30_000
	value := bytes.Repeat([]byte("v"), 20)
	keys := func(of int) func(int) (string, []byte) {
		return func(i int) (string, []byte) { return fmt.Sprintf("%010d", 2*i+of), value }
	}
	filler := func(i int) (string, []byte) { return fmt.Sprintf("f%09d", i), make([]byte, arenaPiece) }
	for name, tt := range map[string]struct {
		files   map[string][]byte
		records int
	}{
		"a table of bad blocks": {
			files: map[string][]byte{"000005.ldb": tableOf(n, true, true, func(i int) []byte { return []byte{byte(i)} })},
		},
		"a table of short blocks without an index": {
			files:   map[string][]byte{"000005.ldb": tableOf(n, false, false, func(i int) []byte { return record(fmt.Sprintf("%010d", i), 1, value) })},
			records: n,
		},
		"two records of a log that take turns": {
			files: map[string][]byte{"000004.log": packed(
				batchOf(1, arenaSize/arenaPiece, filler), batchOf(100, n, keys(0)), batchOf(100+n, n, keys(1)),
			)},
			records: arenaSize/arenaPiece + 2*n,
		},
	} {
		dir, size := folderOf(t, tt.files)
		d, err := Open(t.Context(), dir)
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if err := d.Walk(t.Context(), func(r *Record) error {
			if r.Key[0] != 'f' && !bytes.Equal(r.Value, value) {
				return fmt.Errorf("key %s has %.40q", r.Key, r.Value)
			}
			got++
			return nil
		}); err != nil || got != tt.records {
			t.Errorf("%s: %d records, want %d: %v", name, got, tt.records, err)
		}
		if d.folder.read > 6*size || d.work > 2*n {
			t.Errorf("%s: of %d bytes %d were read, and %d entries of indexes looked at", name, size, d.folder.read, d.work)
		}
		_ = d.Close()
	}
}

// Values that were not kept are read again as they were, however records and
// fragments cut them up.
func TestValuesAreReadAgain(t *testing.T) {
	value := func(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 100+i*37%40_000) }
	put := func(i int) (string, []byte) { return fmt.Sprintf("%010d", i), value(i) }
	filler := func(i int) (string, []byte) { return fmt.Sprintf("f%09d", i), make([]byte, arenaPiece) }
	dir, _ := folderOf(t, map[string][]byte{"000004.log": packed(batchOf(1, arenaSize/arenaPiece, filler), batchOf(100, 300, put))})
	d, err := Open(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	n := 0
	if err := d.Walk(t.Context(), func(r *Record) error {
		if r.Key[0] != 'f' {
			if !bytes.Equal(r.Value, value(n)) {
				t.Errorf("key %s: %d bytes, want %d", r.Key, len(r.Value), len(value(n)))
			}
			n++
		}
		return nil
	}); err != nil || n != 300 {
		t.Errorf("%d values, %v", n, err)
	}
}

// A key that is longer than any of a replica's is damage: comparing millions that
// share all but their ends would take work in proportion to their square.
func TestLongKeysOfATableAreDamage(t *testing.T) {
	for _, tt := range []struct {
		size int
		lost bool
	}{{maxKey - 8, false}, {maxKey - 7, true}} {
		key := string(bytes.Repeat([]byte("k"), tt.size))
		dir, _ := folderOf(t, map[string][]byte{"000005.ldb": tableOf(1, false, true, func(int) []byte { return record(key, 1, nil) })})
		d := open(t, dir)
		if got := read(t, d); (len(got) == 0) != tt.lost {
			t.Errorf("a key of %d bytes: read %d: %v", tt.size, len(got), d.Damage())
		}
	}
}

// A context that ends is told as that, and not as damage, at whatever read it ends.
func TestReadingEndsWithItsContext(t *testing.T) {
	dir, _ := folderOf(t, map[string][]byte{
		"000005.ldb": tableOf(30_000, false, true, func(i int) []byte { return record(fmt.Sprintf("%010d", i), 1, make([]byte, 100)) }),
		"000004.log": packed(batchOf(1, 10, func(i int) (string, []byte) { return fmt.Sprint(i), make([]byte, 100_000) })),
	})
	reason := errors.New("aborted")
	for at := 0; ; at++ {
		ctx, stop := context.WithCancelCause(t.Context())
		counting := &countdown{Context: ctx, left: at, end: func() { stop(reason) }}
		d, err := Open(counting, dir)
		if err == nil && ctx.Err() != nil {
			t.Errorf("ended at look %d: the folder was opened all the same", at)
		}
		if err == nil {
			err = d.Walk(t.Context(), func(*Record) error { return nil })
			_ = d.Close()
		}
		stop(nil)
		if err == nil {
			if at < 10 {
				t.Errorf("the context was asked %d times only", at)
			}
			return
		}
		if !errors.Is(err, reason) {
			t.Fatalf("ended at look %d: %v", at, err)
		}
	}
}

// A countdown is a context that ends when it was asked often enough.
type countdown struct {
	context.Context
	left int
	end  func()
}

func (c *countdown) Err() error {
	if c.left--; c.left < 0 {
		c.end()
	}
	return c.Context.Err()
}
