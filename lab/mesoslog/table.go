package mesoslog

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"

	"github.com/syndtr/goleveldb/leveldb/storage"
)

// The layout of a table's end: two block handles, padding, a magic number.
const (
	footerSize   = 48
	trailerSize  = 5 // Compression type and checksum after each block.
	plainBlock   = 0
	tableMagic   = "\x57\xfb\x80\x8b\x24\x75\x47\xdb"
	crcMaskDelta = 0xa282ead8
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// memoryTable is a table of which the library gets an edited copy.
type memoryTable struct{ *bytes.Reader }

func (memoryTable) Close() error { return nil }

// tolerant gives the library the table in f as the real replica would see it.
//
// The real one verifies no block checksums: damaged payload is read as it is,
// a block whose entries cannot be parsed is skipped. The library either
// verifies them all, or trusts entry headers and panics. So it verifies, and
// gets a copy in which the checksum of a block is right if its entries can be
// parsed, and wrong if not. Compressed blocks count as unreadable, because
// the real one's leveldb is built without snappy.
//
// A damaged list of restart points hurts only those who search: the copy gets
// a whole one, and look-ups are refused from then on.
func (d *folder) tolerant(f *os.File) (storage.Reader, error) {
	b, err := io.ReadAll(f)
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	m := mender{table: b}
	if !m.mend() {
		_, err := f.Seek(0, io.SeekStart)
		return f, err
	}
	if m.unseekable {
		d.mu.Lock()
		d.unseekable = true
		d.mu.Unlock()
	}
	return memoryTable{bytes.NewReader(b)}, f.Close()
}

// mender edits the bytes of one table.
type mender struct {
	table      []byte
	changed    bool
	unseekable bool
}

// mend says whether there was anything to edit.
func (m *mender) mend() bool {
	b := m.table
	if len(b) < footerSize || string(b[len(b)-8:]) != tableMagic {
		return false
	}
	footer := b[len(b)-footerSize:]
	metaindex, n := blockHandle(footer)
	if n <= 0 {
		return false
	}
	index, n := blockHandle(footer[n:])
	if n <= 0 {
		return false
	}
	m.block(metaindex)
	m.block(index)
	if block, ok := index.in(b); ok {
		_ = entries(block, func(value []byte) {
			if h, n := blockHandle(value); n > 0 {
				m.block(h)
			}
		})
	}
	return m.changed
}

func (m *mender) block(h handle) {
	block, ok := h.in(m.table)
	if !ok {
		return
	}
	trailer := m.table[h.offset+h.size : h.offset+h.size+trailerSize]
	good := trailer[0] == plainBlock && entries(block, func([]byte) {})
	if good && !restartsPoint(block) {
		clear(block[restartArray(block) : len(block)-4])
		m.unseekable = true
	}
	sum := crc32.Checksum(m.table[h.offset:h.offset+h.size+1], castagnoli)
	sum = (sum>>15 | sum<<17) + crcMaskDelta
	if !good {
		sum = ^sum
	}
	if binary.LittleEndian.Uint32(trailer[1:]) != sum {
		binary.LittleEndian.PutUint32(trailer[1:], sum)
		m.changed = true
	}
}

// handle is a block's place in its table, without the trailer.
type handle struct{ offset, size uint64 }

func blockHandle(b []byte) (handle, int) {
	offset, n := binary.Uvarint(b)
	if n <= 0 {
		return handle{}, 0
	}
	size, m := binary.Uvarint(b[n:])
	if m <= 0 {
		return handle{}, 0
	}
	return handle{offset, size}, n + m
}

// in gives the block's bytes.
func (h handle) in(b []byte) ([]byte, bool) {
	if h.offset > uint64(len(b)) || h.size > uint64(len(b))-h.offset || uint64(len(b))-h.offset-h.size < trailerSize {
		return nil, false
	}
	return b[h.offset : h.offset+h.size], true
}

// restartArray is where a block's entries end and its restart points begin.
// It is negative if the block is too short for the points that it claims.
func restartArray(block []byte) int {
	if len(block) < 4 {
		return -1
	}
	n := uint64(binary.LittleEndian.Uint32(block[len(block)-4:]))
	if n > uint64(len(block)-4)/4 {
		return -1
	}
	return len(block) - 4 - 4*int(n)
}

// restartsPoint says whether every restart point is an entry's offset, as far
// as order and range tell.
func restartsPoint(block []byte) bool {
	end := restartArray(block)
	last := uint32(0)
	for at := end; at < len(block)-4; at += 4 {
		p := binary.LittleEndian.Uint32(block[at:])
		if p < last || int64(p) > int64(end) {
			return false
		}
		last = p
	}
	return true
}

// entries calls f with the value of each entry of a block, and says whether
// all could be parsed.
func entries(block []byte, f func(value []byte)) bool {
	end := restartArray(block)
	if end < 0 {
		return false
	}
	body := block[:end]
	key := uint64(0)
	for len(body) > 0 {
		var head [3]uint64
		for i := range head {
			v, n := binary.Uvarint(body)
			if n <= 0 {
				return false
			}
			head[i], body = v, body[n:]
		}
		shared, unshared, size := head[0], head[1], head[2]
		rest := uint64(len(body))
		if shared > key || unshared > rest || size > rest-unshared {
			return false
		}
		f(body[unshared : unshared+size])
		key, body = shared+unshared, body[unshared+size:]
	}
	return true
}
