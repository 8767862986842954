package leveldb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/maphash"
	"io"
	"slices"
)

// Bounds of what is kept of the write-ahead logs: values up to arenaSize stay
// in memory, later ones are read again from the file when their turn comes;
// of more than maxKeys different keys, or longBytes of keys that are none of a
// replica's, the rest is not read and listed so. LevelDB itself begins a new
// log after 4 MiB.
const (
	arenaSize = 8 << 20
	maxKeys   = 1 << 19
	longBytes = 4 << 20
	keyWidth  = 24

	// Memory is taken in pieces of these sizes: a slice that grows would take
	// twice what is in it.
	arenaPiece = 1 << 20
	itemPiece  = 1 << 12
)

// pending is one record of the write-ahead logs. Keys of a replica are at most
// 21 bytes; longer ones live in the overflow.
type pending struct {
	sequence uint64
	offset   int64  // Of the first header of its log record.
	value    uint32 // Where its value lies: in the arena (piece by piece), or in the file: how far behind offset the header of the fragment is in which it begins.
	length   uint32
	inside   uint16 // Where in that fragment it begins.
	log      uint16 // Index of its file.
	keyLen   uint8
	deleted  bool
	stored   bool // The value is in the arena.
	taken    bool // It is one; a new item is none yet.
	key      [keyWidth]byte
}

// memory holds the newest record of each key in all write-ahead logs.
type memory struct {
	ledger *ledger
	arena  [][]byte
	items  [][]pending // All pieces but the last have itemPiece items.
	count  int
	seed   maphash.Seed
	index  []uint32          // Open addressing: numbers of items, plus one; 0 is a free place.
	order  []uint32          // Items by key; nil before the first is asked for.
	long   map[uint32][]byte // Keys longer than keyWidth, by item.
	longs  int               // Bytes of them.
	logs   []*logFile
	after  uint64 // The sequence number that follows the highest one read.
	full   bool

	at     int
	data   []byte // A value that was read again.
	joined []byte // Room for records of several fragments.
}

// logFile is one write-ahead log that stays open for values read again.
type logFile struct {
	name string
	file file
	size int64
}

// load reads one write-ahead log. first and last are the sequence numbers of
// its first record and after its last one; both are 0 if it has none.
func (m *memory) load(log *logFile, expect uint64) (next uint64, err error) {
	m.logs = append(m.logs, log)
	index := uint16(len(m.logs) - 1)
	r := newRecords(log.file, log.name, log.size, m.ledger)
	r.joined = m.joined[:0] // A long record needs room, once for all logs and for reading it again.
	defer func() { m.joined = r.joined }()
	next = expect
	seen := m.ledger.count()
	for {
		p, at, ok, err := r.next()
		if err != nil {
			return next, err
		}
		if !ok {
			return next, nil
		}
		if len(p) < 12 {
			m.ledger.note(log.name, at, "record of %d bytes, too short for a batch", len(p))
			continue
		}
		sequence := binary.LittleEndian.Uint64(p)
		count := uint64(binary.LittleEndian.Uint32(p[8:]))
		switch {
		case next != 0 && sequence > next && m.ledger.count() == seen:
			m.ledger.note(log.name, at, "%d records before this one are missing: sequence %d follows %d", sequence-next, sequence, next-1)
		case sequence < m.after:
			// Against MANIFEST it may be lower: what is written while a table is made counts there already.
			m.ledger.harmless(log.name, at, "records are there twice: sequence %d follows %d", sequence, m.after-1)
		}
		seen = m.ledger.count()
		if err := m.batch(p, r, index, at, sequence, count); err != nil {
			m.ledger.note(log.name, at, "not a batch: %v", err)
			seen = m.ledger.count()
		}
		next, m.after = max(next, sequence+count), max(m.after, sequence+count)
	}
}

func (m *memory) batch(p []byte, r *records, log uint16, offset int64, sequence, count uint64) error {
	at, n := 12, uint64(0)
	for at < len(p) {
		kind := p[at]
		var key, value []byte
		switch kind {
		case 1:
			key, at = prefixed(p, at+1)
			if at >= 0 {
				value, at = prefixed(p, at)
			}
		case 0:
			key, at = prefixed(p, at+1)
		default:
			return fmt.Errorf("operation of unknown type %d at byte %d", kind, at)
		}
		if at < 0 {
			return fmt.Errorf("operation %d is cut", n)
		}
		header, inside := r.place(at - len(value))
		if !m.put(key, value, sequence+n, kind == 0, log, offset, header-offset, inside) {
			return nil
		}
		n++
	}
	if n != count {
		return fmt.Errorf("%d operations, but %d announced", n, count)
	}
	return nil
}

func (m *memory) put(key, value []byte, sequence uint64, deleted bool, log uint16, offset, header int64, inside int) bool {
	if 2*(m.count+1) > len(m.index) {
		m.grow()
	}
	place := m.place(m.index, key)
	n := m.index[place]
	if n == 0 {
		if m.count >= maxKeys || len(key) > keyWidth && m.longs+len(key) > longBytes {
			if !m.full {
				m.ledger.note(m.logs[log].name, offset, "more than %d keys in the write-ahead logs; the rest is not read", m.count)
			}
			m.full = true
			return false
		}
		n = m.insert(key)
		m.index[place] = n
	}
	p := m.item(n - 1)
	if p.taken && p.sequence > sequence {
		return true
	}
	p.taken, p.stored = true, false
	p.sequence, p.offset, p.length, p.log, p.deleted = sequence, offset, uint32(len(value)), log, deleted
	if p.value, p.stored = m.keep(value); !p.stored {
		p.value, p.inside = uint32(header), uint16(inside)
	}
	return true
}

// insert makes an item for a new key, and returns its number plus one.
func (m *memory) insert(key []byte) uint32 {
	if m.count%itemPiece == 0 {
		m.items = append(m.items, make([]pending, 0, itemPiece))
	}
	piece := &m.items[len(m.items)-1]
	*piece = append(*piece, pending{keyLen: uint8(min(len(key), 255))})
	if n := copy((*piece)[len(*piece)-1].key[:], key); n < len(key) {
		if m.long == nil {
			m.long = map[uint32][]byte{}
		}
		m.long[uint32(m.count)] = bytes.Clone(key)
		m.longs += len(key)
	}
	m.count++
	return uint32(m.count)
}

// keep copies a value into the arena, if there is room.
func (m *memory) keep(value []byte) (at uint32, ok bool) {
	n := len(m.arena)
	if n == 0 || len(m.arena[n-1])+len(value) > arenaPiece {
		if n == arenaSize/arenaPiece || len(value) > arenaPiece {
			return 0, false
		}
		m.arena = append(m.arena, make([]byte, 0, arenaPiece))
		n++
	}
	piece := &m.arena[n-1]
	at = uint32((n-1)*arenaPiece + len(*piece))
	*piece = append(*piece, value...)
	return at, true
}

func (m *memory) item(n uint32) *pending { return &m.items[n/itemPiece][n%itemPiece] }

func (m *memory) key(n uint32) []byte {
	if p := m.item(n); int(p.keyLen) <= keyWidth {
		return p.key[:p.keyLen]
	}
	return m.long[n]
}

// place is where in the index a key is, or belongs.
func (m *memory) place(index []uint32, key []byte) int {
	mask := uint64(len(index) - 1)
	for i := maphash.Bytes(m.seed, key) & mask; ; i = (i + 1) & mask {
		if n := index[i]; n == 0 || bytes.Equal(m.key(n-1), key) {
			return int(i)
		}
	}
}

func (m *memory) grow() {
	if m.index == nil {
		m.seed = maphash.MakeSeed()
	}
	next := make([]uint32, max(1<<10, 2*len(m.index)))
	for n := range uint32(m.count) {
		next[m.place(next, m.key(n))] = n + 1
	}
	m.index = next
}

// head returns the record at the front and its key; ok is false at the end.
func (m *memory) head() (p *pending, key []byte, ok bool) {
	if m.order == nil {
		m.index = nil // Nothing is put any more.
		m.order = make([]uint32, m.count)
		for n := range m.order {
			m.order[n] = uint32(n)
		}
		slices.SortFunc(m.order, func(a, b uint32) int { return bytes.Compare(m.key(a), m.key(b)) })
	}
	if m.at >= len(m.order) {
		return nil, nil, false
	}
	n := m.order[m.at]
	return m.item(n), m.key(n), true
}

// value returns the value of p, valid until the next call.
func (m *memory) value(p *pending) ([]byte, error) {
	if p.deleted || p.length == 0 {
		return nil, nil
	}
	if p.stored {
		from := p.value % arenaPiece
		return m.arena[p.value/arenaPiece][from : from+p.length], nil
	}
	log := m.logs[p.log]
	m.data = slices.Grow(m.data[:0], int(p.length))[:p.length]
	if err := again(log.file, p.offset+int64(p.value), int64(p.inside), m.data); err != nil {
		return nil, fmt.Errorf("%s at byte %d: %w: it changed while it was read", log.name, p.offset, err)
	}
	return m.data, nil
}

// again fills value with what begins inside the fragment whose header is at at: that
// fragment's bytes and those of the following ones, and nothing else of the record,
// which may hold a million values. Their checksums were right the first time.
func again(file io.ReaderAt, at, inside int64, value []byte) error {
	var header [recordHeader]byte
	for len(value) > 0 {
		if left := recordBlock - at%recordBlock; left < recordHeader {
			at += left
		}
		if _, err := file.ReadAt(header[:], at); err != nil {
			return err
		}
		length := int64(binary.LittleEndian.Uint16(header[4:]))
		n := min(length-inside, int64(len(value)))
		if n < 0 || header[6] == recordZero {
			return io.ErrUnexpectedEOF
		}
		if _, err := file.ReadAt(value[:n], at+recordHeader+inside); err != nil && (err != io.EOF || n > 0) {
			return err
		}
		at, inside, value = at+recordHeader+length, 0, value[n:]
	}
	return nil
}
