package leveldb

import (
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The format of a write-ahead log and of MANIFEST: 32 KiB blocks of records,
// each {masked CRC-32C of type and data, length, type}, where a long record
// is cut into FIRST, MIDDLE and LAST (doc/log_format.md of LevelDB).
const (
	recordBlock  = 32 << 10
	recordHeader = 7

	recordZero   = 0
	recordFull   = 1
	recordFirst  = 2
	recordMiddle = 3
	recordLast   = 4
)

// MaxRecord is the longest log record or table block that is read, in bytes.
// Longer ones are listed as damage, for nothing that a scheduler writes comes
// near it, and a length that was hit by a flipped bit does.
const MaxRecord = 16 << 20

// records reads the records of one log file in order.
type records struct {
	file   io.ReaderAt
	name   string
	size   int64
	ledger *ledger
	torn   string // What a file that ends inside a record is called.

	window []byte // Whole blocks, read ahead.
	start  int64  // Where window lies in the file.
	at     int64  // Where the next fragment begins.

	joined []byte // A record of several fragments.
	parts  []part // Where the fragments of the last record lie.
	found  int    // The part in which a place was asked for last.
	broken bool   // The last thing seen was damage: the orphans after it are part of it.
	done   bool
}

// maxHollow bounds the zeros that are read in search of a record: a sparse
// file can have any size.
const maxHollow = 256 << 20

// windowSize is how much of a file is read at a time.
const windowSize = 8 * recordBlock

func newRecords(file io.ReaderAt, name string, size int64, l *ledger) *records {
	return &records{file: file, name: name, size: size, ledger: l, torn: TornTail}
}

// next returns the next whole record and the position of its first header. The
// bytes are valid until the following call. At the end ok is false.
func (r *records) next() (data []byte, offset int64, ok bool, err error) {
	inside := false
	for !r.done {
		kind, fragment, at, err := r.fragment()
		if err != nil {
			return nil, 0, false, err
		}
		switch kind {
		case recordFull:
			if inside {
				r.ledger.note(r.name, offset, "record without its end")
			}
			r.broken = false
			r.parts, r.found = append(r.parts[:0], part{at, 0}), 0
			return fragment, at, true, nil
		case recordFirst:
			if inside {
				r.ledger.note(r.name, offset, "record without its end")
			}
			inside, offset = true, at
			r.broken = false
			r.joined = append(r.joined[:0], fragment...)
			r.parts, r.found = append(r.parts[:0], part{at, 0}), 0
		case recordMiddle, recordLast:
			if !inside {
				if !r.broken {
					r.ledger.note(r.name, at, "end of a record without its beginning")
					r.broken = true
				}
				continue
			}
			if len(r.parts) > 2+(len(r.joined)+len(fragment))/(recordBlock-recordHeader) {
				// A writer cuts records at the ends of blocks only.
				r.ledger.note(r.name, offset, "record in more pieces than its length makes")
				inside, r.broken = false, true
				continue
			}
			r.parts = append(r.parts, part{at, len(r.joined)})
			if len(r.joined)+len(fragment) > MaxRecord {
				r.ledger.note(r.name, offset, "record longer than %d bytes", MaxRecord)
				inside, r.broken = false, true
				continue
			}
			r.joined = append(r.joined, fragment...)
			if kind == recordLast {
				return r.joined, offset, true, nil
			}
		case fragmentDamaged:
			inside, r.broken = false, true
		case fragmentEnd:
			if inside {
				r.ledger.note(r.name, offset, "%s", r.torn)
			}
		}
	}
	return nil, 0, false, nil
}

// part is one fragment of a record.
type part struct {
	header int64 // Where its header lies in the file.
	from   int   // Where in the record its bytes begin.
}

// place says in which fragment byte n of the last record lies, by its header, and
// where in it. Calls go up: n is not below that of the call before.
func (r *records) place(n int) (header int64, inside int) {
	for r.found+1 < len(r.parts) && r.parts[r.found+1].from <= n {
		r.found++
	}
	p := r.parts[r.found]
	return p.header, n - p.from
}

// What fragment returns besides the types of fragments.
const (
	fragmentDamaged = -1
	fragmentEnd     = -2
)

// fragment returns the next fragment, or says that bytes were skipped as
// damaged (and listed) or that the file ends.
func (r *records) fragment() (kind int, data []byte, at int64, err error) {
	for {
		at = r.at
		left := recordBlock - at%recordBlock
		if left < recordHeader {
			p, err := r.bytes(at, left)
			if err != nil {
				return 0, nil, at, err
			}
			r.at += int64(len(p))
			if !zeros(p) {
				r.ledger.harmless(r.name, at, "end of a block is not zero")
			}
			if int64(len(p)) < left {
				r.done = true
				return fragmentEnd, nil, at, nil
			}
			continue
		}
		block, err := r.bytes(at, left)
		if err != nil {
			return 0, nil, at, err
		}
		if len(block) == 0 {
			r.done = true
			return fragmentEnd, nil, at, nil
		}
		if len(block) < recordHeader {
			return r.tail(at, block)
		}
		length := int(binary.LittleEndian.Uint16(block[4:]))
		if int64(recordHeader+length) > int64(len(block)) {
			if int64(len(block)) < left {
				return r.tail(at, block)
			}
			return r.skip(at, block, "record longer than its block")
		}
		if sound(block, length) {
			r.at += int64(recordHeader + length)
			switch kind := int(block[6]); kind {
			case recordFull, recordFirst, recordMiddle, recordLast:
				return kind, block[recordHeader : recordHeader+length], at, nil
			default:
				r.ledger.note(r.name, at, "record of unknown type %d", kind)
				return fragmentDamaged, nil, at, nil
			}
		}
		if block[6] == recordZero && length == 0 && zeros(block) {
			return r.hollow(at)
		}
		// If the next header is sound, the length is right and only this record is lost.
		if next := block[recordHeader+length:]; len(next) >= recordHeader {
			if n := int(binary.LittleEndian.Uint16(next[4:])); recordHeader+n <= len(next) && sound(next, n) {
				r.at += int64(recordHeader + length)
				r.ledger.note(r.name, at, "checksum mismatch in a record of %d bytes", length)
				return fragmentDamaged, nil, at, nil
			}
		}
		return r.skip(at, block, "checksum mismatch; the rest of its block cannot be trusted")
	}
}

func sound(block []byte, length int) bool {
	return binary.LittleEndian.Uint32(block) == masked(crc32.Checksum(block[6:recordHeader+length], castagnoli))
}

// skip drops what is left of the block.
func (r *records) skip(at int64, block []byte, what string) (int, []byte, int64, error) {
	r.ledger.note(r.name, at, "%s: %d bytes lost", what, len(block))
	r.at += int64(len(block))
	return fragmentDamaged, nil, at, nil
}

// tail handles bytes at the end that are less than a record.
func (r *records) tail(at int64, block []byte) (int, []byte, int64, error) {
	r.done = true
	if zeros(block) {
		return r.hollow(at)
	}
	r.ledger.note(r.name, at, "%s", r.torn)
	return fragmentDamaged, nil, at, nil
}

// hollow handles zero bytes where a record should be. Releases up to 1.14 write
// through a mapping that they make ahead, and leave zeros behind the last record of
// a file that they did not close: those are no damage, and LevelDB's own reader
// passes over them. Zeros that records follow, or that stand at the beginning or
// behind damage, are where records were lost.
func (r *records) hollow(at int64) (int, []byte, int64, error) {
	end := at
	for {
		p, err := r.bytes(end, recordBlock-end%recordBlock)
		if err != nil {
			return 0, nil, at, err
		}
		if len(p) == 0 {
			r.done = true
			if at > 0 && !r.broken {
				r.ledger.warn("%s: %d zero bytes behind the last record, as LevelDB up to 1.14 leaves them", r.name, end-at)
				return fragmentEnd, nil, at, nil
			}
			r.ledger.note(r.name, at, "zero bytes up to the end of the file (%d)", end-at)
			return fragmentDamaged, nil, at, nil
		}
		if !zeros(p) {
			r.at = end // A block begins here, and with it a record or a fragment.
			r.ledger.note(r.name, at, "zero bytes where a record should be (%d)", end-at)
			return fragmentDamaged, nil, at, nil
		}
		if end += int64(len(p)); end-at > maxHollow {
			r.done = true
			r.ledger.note(r.name, at, "more than %d zero bytes; what follows them is not read", maxHollow)
			return fragmentDamaged, nil, at, nil
		}
	}
}

// bytes returns up to n bytes at offset, fewer only at the end of the file. n
// must not reach over the end of offset's block.
func (r *records) bytes(offset, n int64) ([]byte, error) {
	if offset < r.start || offset+n > r.start+int64(len(r.window)) {
		if offset+n > r.start+int64(len(r.window)) && r.start+int64(len(r.window)) >= r.size && len(r.window) > 0 && offset >= r.start {
			return r.window[min(offset-r.start, int64(len(r.window))):], nil
		}
		if r.window == nil {
			r.window = make([]byte, 0, windowSize)
		}
		r.start = offset - offset%recordBlock
		want := max(min(int64(cap(r.window)), r.size-r.start), 0)
		p := r.window[:want]
		got, err := r.file.ReadAt(p, r.start)
		if err != nil && err != io.EOF {
			return nil, err
		}
		r.window = p[:got]
		if got == 0 {
			return nil, nil
		}
		if int64(got) < want {
			r.size = r.start + int64(got)
		}
	}
	from := offset - r.start
	return r.window[min(from, int64(len(r.window))):min(from+n, int64(len(r.window)))], nil
}

func zeros(p []byte) bool {
	for _, b := range p {
		if b != 0 {
			return false
		}
	}
	return true
}
