package leveldb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/golang/snappy"
)

// The format of a table: data blocks, a meta index, an index and a footer,
// each block followed by its compression type and masked CRC-32C
// (doc/table_format.md of LevelDB).
const (
	footerSize   = 48
	tableMagic   = 0xdb4775248b80fb57
	blockTrailer = 5

	blockRaw    = 0
	blockSnappy = 1
)

// handle says where a block lies.
type handle struct {
	offset int64
	size   int64
}

// table reads one table in the order of its keys.
type table struct {
	file   file
	entry  entry
	meta   *tableMeta // What MANIFEST says of it; nil if unknown.
	ledger *ledger

	index  []byte // The index block's entries; nil when blocks were found by scanning.
	blocks []handle
	nextAt int
	around around // Of blocks that are dropped.

	window []byte
	start  int64

	plain  []byte // Decompressed block.
	block  []byte // Entries of the current block.
	pos    int
	at     handle
	key    []byte // Current internal key.
	val    []byte
	last   []byte // Last internal key of the blocks before.
	snappy int    // Blocks that are compressed.
	gaps   bool   // Blocks were left out.
}

// tableWindow is how much of a table is read at a time.
const tableWindow = 256 << 10

// load reads footer and index. Where they are damaged it looks for the blocks
// themselves. It reports whether there is anything to read.
func (t *table) load() (bool, error) {
	name, size := t.entry.name, t.entry.size
	if t.meta != nil && int64(t.meta.size) != size {
		switch {
		case size == 0:
			t.lose(0, "empty, but MANIFEST says %d bytes", t.meta.size)
			return false, nil
		case int64(t.meta.size) > size:
			t.lose(size, "cut: %d bytes, but MANIFEST says %d", size, t.meta.size)
			return t.rescue(size)
		default:
			t.ledger.harmless(name, int64(t.meta.size), "%d bytes after its end", size-int64(t.meta.size))
			size = int64(t.meta.size)
		}
	}
	if size < footerSize {
		t.lose(0, "shorter than a footer")
		return false, nil
	}
	var footer [footerSize]byte
	if _, err := t.file.ReadAt(footer[:], size-footerSize); err != nil {
		return false, err
	}
	end := size - footerSize
	meta, at := readHandle(footer[:], 0)
	index, at := readHandle(footer[:], at)
	switch {
	case binary.LittleEndian.Uint64(footer[footerSize-8:]) != tableMagic:
		t.lose(end, "no table: magic number of the footer is wrong")
		return t.rescue(end)
	case at < 0 || at > footerSize-8 || !meta.within(end) || !index.within(end):
		t.lose(end, "footer points outside of the table")
		return t.rescue(end)
	case !zeros(footer[at : footerSize-8]):
		t.ledger.harmless(name, end+int64(at), "padding of the footer is not zero")
	}
	p, err := t.read(index)
	if err != nil {
		return t.giveUp(index, "index", end, err)
	}
	t.index = bytes.Clone(p)
	if err := t.readIndex(min(meta.offset, index.offset)); err != nil {
		t.lose(index.offset, "index: %v", err)
		return t.rescue(end)
	}
	t.checkLayout(meta, index, end)
	return true, nil
}

// giveUp handles an index block that cannot be read.
func (t *table) giveUp(h handle, what string, end int64, err error) (bool, error) {
	var bad *blockError
	if !errors.As(err, &bad) {
		return false, err
	}
	t.lose(h.offset, "%s block: %s", what, bad.what)
	return t.rescue(end)
}

// readIndex turns the index block into handles and checks that data blocks
// follow each other without a gap.
func (t *table) readIndex(end int64) error {
	entries, err := entriesOf(t.index)
	if err != nil {
		return err
	}
	var key []byte
	expected := int64(0)
	for pos := 0; pos < len(entries); {
		var value []byte
		if key, value, pos = nextEntry(entries, pos, key); pos < 0 {
			return errors.New("entry is cut")
		}
		h, at := readHandle(value, 0)
		if at < 0 || !h.within(end) {
			return fmt.Errorf("points outside of the data: %d+%d", h.offset, h.size)
		}
		if h.offset < expected {
			return errors.New("data blocks overlap")
		}
		if h.offset > expected {
			t.lose(expected, "%d bytes belong to no block", h.offset-expected)
		}
		expected = h.offset + h.size + blockTrailer
		t.blocks = append(t.blocks, h)
	}
	return nil
}

// checkLayout reads what is left between the data and the footer.
func (t *table) checkLayout(meta, index handle, end int64) {
	at := int64(0)
	if n := len(t.blocks); n > 0 {
		at = t.blocks[n-1].offset + t.blocks[n-1].size + blockTrailer
	}
	for _, b := range []struct {
		what string
		handle
	}{{"filter", handle{at, meta.offset - at - blockTrailer}}, {"meta index", meta}} {
		if b.what == "filter" && b.size == -blockTrailer {
			continue
		}
		if b.size < 0 || b.offset < at {
			t.ledger.harmless(t.entry.name, b.offset, "%s block does not follow the data", b.what)
			continue
		}
		if _, err := t.read(b.handle); err != nil {
			t.ledger.harmless(t.entry.name, b.offset, "%s block: %v", b.what, err)
		}
	}
	if index.offset != meta.offset+meta.size+blockTrailer {
		t.ledger.harmless(t.entry.name, index.offset, "index block does not follow the meta index")
	}
	if index.offset+index.size+blockTrailer != end {
		t.ledger.harmless(t.entry.name, index.offset+index.size+blockTrailer, "bytes between index and footer")
	}
}

// blockError is damage of one block.
type blockError struct{ what string }

func (e *blockError) Error() string { return e.what }

// read returns the content of a block, checked and decompressed, valid until
// the next call. Damage is a *blockError.
func (t *table) read(h handle) ([]byte, error) {
	if h.size > MaxRecord {
		return nil, &blockError{fmt.Sprintf("%d bytes, more than %d", h.size, MaxRecord)}
	}
	want := h.size + blockTrailer
	if h.offset < t.start || h.offset+want > t.start+int64(len(t.window)) {
		n := max(want, min(tableWindow, t.entry.size-h.offset))
		if int64(cap(t.window)) < n {
			t.window = make([]byte, max(n, tableWindow))
		}
		got, err := t.file.ReadAt(t.window[:n], h.offset)
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, err
		}
		t.window, t.start = t.window[:got], h.offset
		if int64(got) < want {
			return nil, &blockError{"cut"}
		}
	}
	p := t.window[h.offset-t.start:][:want]
	if binary.LittleEndian.Uint32(p[h.size+1:]) != masked(crc32.Checksum(p[:h.size+1], castagnoli)) {
		return nil, &blockError{"checksum mismatch"}
	}
	switch p[h.size] {
	case blockRaw:
		return p[:h.size], nil
	case blockSnappy:
		n, err := snappy.DecodedLen(p[:h.size])
		if err != nil || n > MaxRecord {
			return nil, &blockError{"snappy: length cannot be right"}
		}
		if cap(t.plain) < n {
			t.plain = make([]byte, n)
		}
		out, err := snappy.Decode(t.plain[:n], p[:h.size])
		if err != nil {
			return nil, &blockError{"snappy: " + err.Error()}
		}
		t.snappy++
		return out, nil
	default:
		return nil, &blockError{fmt.Sprintf("unknown compression type %d", p[h.size])}
	}
}

// next moves to the next record of the table.
func (t *table) next() (bool, error) {
	for {
		if t.pos < len(t.block) {
			key, val, pos := nextEntry(t.block, t.pos, t.key)
			if pos < 0 || len(key) < 8 {
				t.drop("entry is cut")
				continue
			}
			t.key, t.val, t.pos = key, val, pos
			return true, nil
		}
		if t.nextAt >= len(t.blocks) {
			t.ended()
			return false, nil
		}
		if err := t.nextBlock(); err != nil {
			return false, err
		}
	}
}

// ended compares the last key with what MANIFEST says.
func (t *table) ended() {
	if t.meta != nil && !t.gaps && t.index != nil && !bytes.Equal(t.key, t.meta.largest) {
		t.ledger.note(t.entry.name, t.at.offset, "last key is not the one that MANIFEST says")
	}
}

func (t *table) nextBlock() error {
	t.keep()
	t.at = t.blocks[t.nextAt]
	t.nextAt++
	t.block, t.pos, t.key = nil, 0, t.key[:0]
	p, err := t.read(t.at)
	var bad *blockError
	if errors.As(err, &bad) {
		t.drop(bad.what)
		return nil
	} else if err != nil {
		return err
	}
	if t.block, err = entriesOf(p); err != nil {
		t.drop(err.Error())
		return nil
	}
	if len(t.block) == 0 {
		t.drop("no entry in it")
		return nil
	}
	if err := inOrder(t.block, t.last); err != nil {
		t.drop(err.Error())
	}
	return nil
}

// drop leaves the current block out and lists the keys lost with it.
func (t *table) drop(what string) {
	after, upTo := t.rangeOf(t.nextAt - 1)
	t.ledger.add(Damage{File: t.entry.name, Offset: t.at.offset, What: "data block: " + what, After: after, UpTo: upTo, Lost: true})
	t.block, t.pos, t.gaps = nil, 0, true
	t.keep()
	t.key = t.key[:0]
}

// keep remembers the current key, for the next block must begin above it.
func (t *table) keep() {
	if len(t.key) >= 8 {
		t.last = append(t.last[:0], t.key...)
	}
}

// lose lists damage that may cost any key of the table.
func (t *table) lose(offset int64, format string, args ...any) {
	d := Damage{File: t.entry.name, Offset: offset, What: fmt.Sprintf(format, args...), Lost: true}
	if t.meta != nil {
		d.UpTo = userKey(t.meta.largest)
	}
	t.ledger.add(d)
}

// around stands in the index behind the entry of a block. It moves forward only:
// blocks are read, and dropped, in order.
type around struct {
	n          int // The number of the entry.
	begun      bool
	pos        int
	before     []byte // Key of the entry before; empty where there is none.
	key        []byte
	cut, first bool
}

// rangeOf bounds the user keys of block n by the index around it. n is not below
// that of the call before.
func (t *table) rangeOf(n int) (after, upTo []byte) {
	entries, err := entriesOf(t.index)
	if err != nil || t.index == nil {
		if t.meta != nil {
			upTo = userKey(t.meta.largest)
		}
		return nil, upTo
	}
	for a := &t.around; !a.cut && (!a.begun || a.n < n); {
		if a.begun {
			a.n++
		}
		a.first = !a.begun
		a.begun = true
		a.before = append(a.before[:0], a.key...)
		if a.pos >= len(entries) {
			a.cut = true
			break
		}
		t.ledger.work++
		if a.key, _, a.pos = nextEntry(entries, a.pos, a.key); a.pos < 0 || len(a.key) < 8 {
			a.cut = true
		}
	}
	if !t.around.first && len(t.around.before) >= 8 {
		after = bytes.Clone(userKey(t.around.before))
	}
	if t.around.cut {
		return after, nil
	}
	upTo = bytes.Clone(userKey(t.around.key))
	if t.meta != nil && bytes.Compare(userKey(t.meta.largest), upTo) < 0 {
		upTo = userKey(t.meta.largest)
	}
	return after, upTo
}

func readHandle(p []byte, at int) (handle, int) {
	offset, at := uvarint(p, at)
	size, at := uvarint(p, at)
	if at < 0 || offset > 1<<56 || size > 1<<56 {
		return handle{}, -1
	}
	return handle{int64(offset), int64(size)}, at
}

func (h handle) within(end int64) bool { return h.offset+h.size+blockTrailer <= end }
