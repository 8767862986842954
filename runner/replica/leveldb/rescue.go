package leveldb

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// maxRescue bounds how much of a table without an index is searched.
const maxRescue = 64 << 20

// rescue finds the blocks of a table that has lost its index: blocks follow
// each other from byte 0, and where one ends its checksum says. It stops at
// the first block that no checksum proves.
func (t *table) rescue(end int64) (bool, error) {
	t.index, t.blocks = nil, nil
	var last []byte
	offset := int64(0)
	ahead := &ahead{file: t.file, end: end}
	for offset < min(end, maxRescue) {
		h, ok, err := ahead.search(offset)
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
		p, err := t.read(h)
		if err != nil {
			break
		}
		first, final, ok := bounds(p)
		// The meta index is empty, the index begins before the last data block
		// ends or has the sequence number that separators have.
		if !ok || (last != nil && compareInternal(first, last) <= 0) {
			break
		}
		if sequence, _ := trailer(first); sequence == 1<<56-1 {
			break
		}
		last = append(last[:0], final...)
		t.blocks = append(t.blocks, h)
		offset = h.offset + h.size + blockTrailer
	}
	return len(t.blocks) > 0, nil
}

// ahead is what was read of a table behind the block that is looked for: blocks can
// be as short as twenty bytes, and each byte is read once.
type ahead struct {
	file  file
	end   int64
	start int64
	buf   []byte
}

// from returns the bytes from offset on that are at hand, and at least n of them
// unless the table ends before.
func (a *ahead) from(offset, n int64) ([]byte, error) {
	have := a.start + int64(len(a.buf)) - offset
	if n = min(n, a.end-offset); have >= n {
		return a.buf[offset-a.start:], nil
	}
	next := make([]byte, max(n, tableWindow))
	kept := 0
	if have > 0 {
		kept = copy(next, a.buf[offset-a.start:])
	}
	want := min(int64(len(next)), a.end-offset)
	got, err := a.file.ReadAt(next[kept:want], offset+int64(kept))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	a.buf, a.start = next[:kept+got], offset
	return a.buf, nil
}

// search finds the end of the block that begins at offset.
func (a *ahead) search(offset int64) (handle, bool, error) {
	var crc uint32
	limit := min(a.end-offset, MaxRecord)
	for i, n := 0, int64(blockTrailer); ; n = min(8*n, limit) {
		p, err := a.from(offset, n)
		if err != nil {
			return handle{}, false, err
		}
		p = p[:min(int64(len(p)), limit)]
		for ; i+blockTrailer <= len(p); i++ {
			if p[i] <= blockSnappy && i >= 8 {
				if masked(crc32.Update(crc, castagnoli, p[i:i+1])) == binary.LittleEndian.Uint32(p[i+1:]) {
					return handle{offset, int64(i)}, true, nil
				}
			}
			crc = crc32.Update(crc, castagnoli, p[i:i+1])
		}
		if n >= limit || int64(len(p)) < min(n, limit) {
			return handle{}, false, nil
		}
	}
}

// bounds returns the first and last internal key of a block.
func bounds(p []byte) (first, last []byte, ok bool) {
	entries, err := entriesOf(p)
	if err != nil || len(entries) == 0 {
		return nil, nil, false
	}
	for pos := 0; pos < len(entries); {
		if last, _, pos = nextEntry(entries, pos, last); pos < 0 || len(last) < 8 {
			return nil, nil, false
		}
		if first == nil {
			first = append(first, last...)
		}
	}
	return first, last, true
}
