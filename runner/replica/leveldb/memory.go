package leveldb

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Bounds of what is kept of the write-ahead logs: values up to arenaSize stay
// in memory, later ones are read again from the file when their turn comes;
// of more than maxKeys different keys the rest is not read and listed so.
const (
	arenaSize = 8 << 20
	maxKeys   = 1 << 19
	keyWidth  = 24
)

// pending is one record of the write-ahead logs. Keys of a replica are at most
// 21 bytes; longer ones live in the overflow.
type pending struct {
	sequence uint64
	offset   int64  // Of the first header of its log record.
	value    uint32 // Where its value lies: in the arena, or in the log record.
	length   uint32
	log      uint16 // Index of its file.
	keyLen   uint8
	deleted  bool
	stored   bool // The value is in the arena.
	key      [keyWidth]byte
}

// memory holds the records of all write-ahead logs by key.
type memory struct {
	ledger *ledger
	arena  []byte
	items  []pending
	long   map[uint64][]byte // Keys longer than keyWidth, by sequence.
	logs   []*logFile
	after  uint64 // The sequence number that follows the highest one read.
	sorted bool
	full   bool

	at     int
	again  *records
	cached int64 // Offset of the log record that joined holds.
	joined []byte
	from   *logFile
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
		if err := m.batch(p, index, at, sequence, count); err != nil {
			m.ledger.note(log.name, at, "not a batch: %v", err)
			seen = m.ledger.count()
		}
		next, m.after = max(next, sequence+count), max(m.after, sequence+count)
	}
}

func (m *memory) batch(p []byte, log uint16, offset int64, sequence, count uint64) error {
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
		if !m.put(key, value, sequence+n, kind == 0, log, offset, at-len(value)) {
			return nil
		}
		n++
	}
	if n != count {
		return fmt.Errorf("%d operations, but %d announced", n, count)
	}
	return nil
}

func (m *memory) put(key, value []byte, sequence uint64, deleted bool, log uint16, offset int64, at int) bool {
	if len(m.items) == cap(m.items) && len(m.items) >= 1<<14 {
		m.compact()
	}
	if len(m.items) >= maxKeys {
		if !m.full {
			m.ledger.note(m.logs[log].name, offset, "more than %d keys in the write-ahead logs; the rest is not read", maxKeys)
		}
		m.full = true
		return false
	}
	item := pending{sequence: sequence, offset: offset, length: uint32(len(value)), log: log, keyLen: uint8(min(len(key), 255)), deleted: deleted}
	if n := copy(item.key[:], key); n < len(key) {
		if m.long == nil {
			m.long = map[uint64][]byte{}
		}
		m.long[sequence] = bytes.Clone(key)
	}
	if len(m.arena)+len(value) <= arenaSize {
		item.value, item.stored = uint32(len(m.arena)), true
		m.arena = append(m.arena, value...)
	} else {
		item.value = uint32(at)
	}
	m.items = append(m.items, item)
	return true
}

func (m *memory) keyOf(p *pending) []byte {
	if int(p.keyLen) <= keyWidth {
		return p.key[:p.keyLen]
	}
	return m.long[p.sequence]
}

// compact sorts by key, newest first, and keeps the newest of each key.
func (m *memory) compact() {
	slices.SortFunc(m.items, func(a, b pending) int {
		if c := bytes.Compare(m.keyOf(&a), m.keyOf(&b)); c != 0 {
			return c
		}
		switch {
		case a.sequence > b.sequence:
			return -1
		case a.sequence < b.sequence:
			return 1
		}
		return 0
	})
	kept := m.items[:0]
	for i := range m.items {
		if len(kept) == 0 || !bytes.Equal(m.keyOf(&kept[len(kept)-1]), m.keyOf(&m.items[i])) {
			kept = append(kept, m.items[i])
		}
	}
	m.items = kept
}

// head returns the record at the front; ok is false at the end.
func (m *memory) head() (*pending, bool) {
	if !m.sorted {
		m.compact()
		m.sorted = true
	}
	if m.at >= len(m.items) {
		return nil, false
	}
	return &m.items[m.at], true
}

// value returns the value of p, valid until the next call.
func (m *memory) value(p *pending) ([]byte, error) {
	if p.deleted {
		return nil, nil
	}
	if p.stored {
		return m.arena[p.value : p.value+p.length], nil
	}
	log := m.logs[p.log]
	if m.from != log || m.cached != p.offset || m.joined == nil {
		// Its damage is listed already, when it was read the first time.
		r := newRecords(log.file, log.name, log.size, &ledger{})
		if m.again != nil {
			r.joined, r.window = m.again.joined, m.again.window[:0]
			if m.from == log {
				r.window, r.start = m.again.window, m.again.start
			}
		}
		r.at = p.offset
		data, at, ok, err := r.next()
		if err != nil {
			return nil, err
		}
		if !ok || at != p.offset {
			return nil, fmt.Errorf("%s at byte %d: %w: it changed while it was read", log.name, p.offset, io.ErrUnexpectedEOF)
		}
		m.again, m.from, m.cached = r, log, p.offset
		m.joined = data
	}
	if uint64(p.value)+uint64(p.length) > uint64(len(m.joined)) {
		return nil, fmt.Errorf("%s at byte %d: %w: it changed while it was read", log.name, p.offset, io.ErrUnexpectedEOF)
	}
	return m.joined[p.value : p.value+p.length], nil
}
