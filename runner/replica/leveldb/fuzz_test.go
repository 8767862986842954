package leveldb

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
)

var leveldbRange = util.Range{}

// reader is a file in memory.
type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

// seeds adds the files of a small database.
func seeds(f *testing.F, pattern string) {
	dir := filepath.Join(f.TempDir(), "db")
	write(f, dir, 1, 40, &opt.Options{NoSync: true, WriteBuffer: 1 << 10, BlockSize: 300})
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b[:min(len(b), 8<<10)])
	}
}

// FuzzTable reads any bytes as a table, and as the one data block of a table
// whose checksums are right.
func FuzzTable(f *testing.F) {
	seeds(f, "*.ldb")
	f.Fuzz(func(t *testing.T, b []byte) {
		readTable(t, b)
		readTable(t, tableAround(b))
	})
}

func readTable(t *testing.T, b []byte) {
	l := &ledger{}
	s := &table{file: reader{bytes.NewReader(b)}, entry: entry{name: "000001.ldb", size: int64(len(b))}, ledger: l}
	ok, err := s.load()
	var last []byte
	for ok && err == nil {
		if ok, err = s.next(); ok && err == nil {
			if len(s.key) < 8 || (len(last) > 0 && compareInternal(last, s.key) >= 0) {
				t.Fatalf("key %q after %q", s.key, last)
			}
			last = append(last[:0], s.key...)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	if last == nil && l.count() == 0 && len(b) > 200 {
		t.Fatal("nothing read, nothing wrong")
	}
}

// tableAround makes b the first data block of a table.
func tableAround(b []byte) []byte {
	var out []byte
	block := func(p []byte) []byte {
		h := binary.AppendUvarint(binary.AppendUvarint(nil, uint64(len(out))), uint64(len(p)))
		out = append(append(out, p...), blockRaw)
		out = binary.LittleEndian.AppendUint32(out, checksum(out[len(out)-len(p)-1:]))
		return h
	}
	data := block(b)
	meta := block([]byte{0, 0, 0, 0, 1, 0, 0, 0})
	key := append(bytes.Repeat([]byte{0xff}, 12), 0, 0, 0, 0, 0, 0, 0, 0)
	index := append([]byte{0, byte(len(key)), byte(len(data))}, key...)
	index = append(append(index, data...), 0, 0, 0, 0, 1, 0, 0, 0)
	footer := append(meta, block(index)...)
	footer = append(footer, make([]byte, 40-len(footer))...)
	return binary.LittleEndian.AppendUint64(append(out, footer...), tableMagic)
}

// FuzzLog reads any bytes as a write-ahead log, and as one batch in it whose
// checksum is right.
func FuzzLog(f *testing.F) {
	seeds(f, "*.log")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, logAround(b)} {
			m := &memory{ledger: &ledger{}}
			if _, err := m.load(&logFile{"000001.log", reader{bytes.NewReader(file)}, int64(len(file))}, 0); err != nil {
				t.Fatal(err)
			}
			for p, _, ok := m.head(); ok; p, _, ok = m.head() {
				if _, err := m.value(p); err != nil {
					t.Fatal(err)
				}
				m.at++
			}
		}
	})
}

// logAround makes b one record.
func logAround(b []byte) []byte {
	b = b[:min(len(b), recordBlock-recordHeader)]
	out := make([]byte, 6, recordBlock)
	out = append(append(out, recordFull), b...)
	binary.LittleEndian.PutUint16(out[4:], uint16(len(b)))
	binary.LittleEndian.PutUint32(out, checksum(out[6:]))
	return out
}

// FuzzManifest reads any bytes as a MANIFEST, and as one edit in it whose
// checksum is right.
func FuzzManifest(f *testing.F) {
	seeds(f, "MANIFEST-*")
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, file := range [][]byte{b, logAround(b)} {
			l := &ledger{}
			v, whole := readManifest(bytes.NewReader(file), entry{name: "MANIFEST-000001", size: int64(len(file))}, l)
			if whole != (l.count() == 0) || whole && !(v.haveLog && v.haveNext && v.haveSequence) {
				t.Fatalf("whole %v, damage %v", whole, l.damage)
			}
			for _, m := range v.sorted() {
				if len(userKey(m.smallest))+len(userKey(m.largest)) > len(file) {
					t.Fatal("keys longer than the file")
				}
			}
		}
	})
}

func checksum(p []byte) uint32 { return masked(crc32.Checksum(p, castagnoli)) }
