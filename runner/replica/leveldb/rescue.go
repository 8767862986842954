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
	for offset < min(end, maxRescue) {
		h, ok, err := t.search(offset, end)
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

// search finds the end of the block that begins at offset.
func (t *table) search(offset, end int64) (handle, bool, error) {
	limit := min(end-offset, MaxRecord)
	for n := int64(64 << 10); ; n *= 8 {
		n = min(n, limit)
		p := make([]byte, n)
		if got, err := t.file.ReadAt(p, offset); err != nil && !errors.Is(err, io.EOF) {
			return handle{}, false, err
		} else if int64(got) < n {
			p = p[:got]
		}
		var crc uint32
		for i := 0; i+blockTrailer <= len(p); i++ {
			if p[i] <= blockSnappy && i >= 8 {
				if masked(crc32.Update(crc, castagnoli, p[i:i+1])) == binary.LittleEndian.Uint32(p[i+1:]) {
					return handle{offset, int64(i)}, true, nil
				}
			}
			crc = crc32.Update(crc, castagnoli, p[i:i+1])
		}
		if n == limit {
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
