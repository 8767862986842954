package tbinary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
)

// Reader walks over one stream of values.
//
// Its error is sticky: after the first one every method returns zero values
// and [TypeStop], so loops end and a caller asks [Reader.Err] once, after the
// walk. Its memory is that of its source, whatever the stream claims.
type Reader struct {
	// Unknown, if set, makes the Reader pass over types that the protocol does
	// not know, as if their values took no bytes, and is told of each. So do
	// Thrift's Java libraries up to 0.13, Aurora's among them; without it an
	// unknown type is an error.
	Unknown func(offset int64, t Type)

	// Odd, if set, is shown every passed-over or viewed string that holds a byte other than
	// the printable ones of ASCII; long ones in pieces that split no UTF-8 sequence.
	// The piece is valid during the call. The offset is that of the piece's first byte.
	Odd func(offset int64, piece []byte)

	src  Source
	buf  []byte
	pos  int   // Index in buf of the next byte.
	base int64 // Offset in the stream of buf[0].
	size int64 // Length of the stream; -1 if not known.
	err  error
}

// NewReader returns a Reader over r, with a buffer of 256 KiB of its own.
func NewReader(r io.Reader) *Reader { return NewReaderSource(NewSource(r, 0)) }

// NewReaderSource returns a Reader over the blocks of s.
func NewReaderSource(s Source) *Reader { return &Reader{src: s, size: -1} }

// NewReaderBytes returns a Reader over b. Views are parts of b.
func NewReaderBytes(b []byte) *Reader {
	r := &Reader{}
	r.ResetBytes(b)
	return r
}

// ResetBytes makes the Reader start anew, at the beginning of b; Unknown and Odd stay as they are.
func (r *Reader) ResetBytes(b []byte) {
	r.src, r.buf, r.pos, r.base, r.size, r.err = none{}, b, 0, 0, int64(len(b)), nil
}

// SetSize tells how long the stream is, so that lengths and counts beyond it are refused at once.
func (r *Reader) SetSize(size int64) { r.size = size }

// Offset is the number of bytes used so far.
func (r *Reader) Offset() int64 { return r.base + int64(r.pos) }

// Err returns the first error; it is an *[Error].
func (r *Reader) Err() error { return r.err }

// Fail ends the walk with an error of the caller's; the first error stays.
func (r *Reader) Fail(offset int64, format string, args ...any) {
	r.fail(offset, nil, format, args...)
}

// FailFor is [Reader.Fail] with a cause, which the error wraps and says.
func (r *Reader) FailFor(offset int64, cause error) { r.fail(offset, cause, "%v", cause) }

func (r *Reader) fail(offset int64, cause error, format string, args ...any) {
	if r.err == nil {
		r.err = &Error{Offset: offset, What: fmt.Sprintf(format, args...), Err: cause}
	}
	r.base += int64(r.pos)
	r.buf, r.pos = nil, 0
}

// need makes n bytes, at most MaxView, available at pos. The words say what they are part of.
func (r *Reader) need(n int, of string) bool {
	for len(r.buf)-r.pos < n {
		if r.err != nil {
			return false
		}
		next, err := r.src.Next(r.buf[r.pos:])
		if err != nil {
			at, end := r.Offset(), r.base+int64(len(r.buf))
			switch {
			case !errors.Is(err, io.EOF):
				r.fail(end, err, "reading: %v", err)
			case at == end:
				r.fail(end, io.ErrUnexpectedEOF, "the data ends where %s is expected", of)
			default:
				r.fail(end, io.ErrUnexpectedEOF, "the data ends inside %s that begins at byte %d", of, at)
			}
			return false
		}
		r.base += int64(r.pos)
		r.buf, r.pos = next, 0
	}
	return true
}

// AtEnd tells whether no byte is left. It reads ahead, but uses up nothing.
func (r *Reader) AtEnd() bool {
	if r.err != nil || r.pos < len(r.buf) {
		return r.err != nil
	}
	next, err := r.src.Next(nil)
	if err == nil {
		r.base += int64(r.pos)
		r.buf, r.pos = next, 0
		return false
	}
	if !errors.Is(err, io.EOF) {
		r.fail(r.Offset(), err, "reading: %v", err)
	}
	return true
}

// Field reads the head of a struct's next field. [TypeStop] means that the struct has ended.
func (r *Reader) Field() (Type, int16) {
	if len(r.buf)-r.pos < 3 {
		return r.fieldSlow()
	}
	b := r.buf[r.pos : r.pos+3]
	if b[0] == 0 {
		r.pos++
		return TypeStop, 0
	}
	r.pos += 3
	return Type(b[0]), int16(b[1])<<8 | int16(b[2])
}

func (r *Reader) fieldSlow() (Type, int16) {
	if !r.need(1, "a field's type") {
		return TypeStop, 0
	}
	if r.buf[r.pos] == 0 {
		r.pos++
		return TypeStop, 0
	}
	if !r.need(3, "a field's head") {
		return TypeStop, 0
	}
	b := r.buf[r.pos : r.pos+3]
	r.pos += 3
	return Type(b[0]), int16(b[1])<<8 | int16(b[2])
}

// Bool reads a bool. Any byte but 1 is false, as in Thrift's own libraries.
func (r *Reader) Bool() bool { return r.Byte() == 1 }

// Byte reads a byte.
func (r *Reader) Byte() int8 {
	if !r.need(1, "a byte") {
		return 0
	}
	r.pos++
	return int8(r.buf[r.pos-1])
}

// I16 reads an i16.
func (r *Reader) I16() int16 {
	if !r.need(2, "an i16") {
		return 0
	}
	r.pos += 2
	return int16(binary.BigEndian.Uint16(r.buf[r.pos-2:]))
}

// I32 reads an i32.
func (r *Reader) I32() int32 {
	if len(r.buf)-r.pos < 4 && !r.need(4, "an i32") {
		return 0
	}
	r.pos += 4
	return int32(binary.BigEndian.Uint32(r.buf[r.pos-4:]))
}

// I64 reads an i64.
func (r *Reader) I64() int64 {
	if len(r.buf)-r.pos < 8 && !r.need(8, "an i64") {
		return 0
	}
	r.pos += 8
	return int64(binary.BigEndian.Uint64(r.buf[r.pos-8:]))
}

// Double reads a double.
func (r *Reader) Double() float64 {
	return math.Float64frombits(uint64(r.I64()))
}

// List reads the head of a list or a set. The count is not negative, and is no more than the
// stream can hold where its size is known; the elements are the caller's to read.
func (r *Reader) List() (elem Type, count int) {
	if !r.need(5, "a list's head") {
		return TypeStop, 0
	}
	at := r.Offset() + 1
	elem = Type(r.buf[r.pos])
	n := int32(binary.BigEndian.Uint32(r.buf[r.pos+1:]))
	r.pos += 5
	return elem, r.count(at, n, int64(least[elem]))
}

// Map reads the head of a map; see [Reader.List].
func (r *Reader) Map() (key, elem Type, count int) {
	if !r.need(6, "a map's head") {
		return TypeStop, TypeStop, 0
	}
	at := r.Offset() + 2
	key, elem = Type(r.buf[r.pos]), Type(r.buf[r.pos+1])
	n := int32(binary.BigEndian.Uint32(r.buf[r.pos+2:]))
	r.pos += 6
	return key, elem, r.count(at, n, int64(least[key])+int64(least[elem]))
}

// count checks a count of elements that take at least each bytes.
func (r *Reader) count(at int64, n int32, each int64) int {
	if n < 0 {
		r.fail(at, nil, "a count of %d elements", n)
		return 0
	}
	if left := r.size - r.Offset(); r.size >= 0 && int64(n)*each > left {
		r.fail(at, io.ErrUnexpectedEOF, "a count of %d elements, but only %d bytes follow", n, max(left, 0))
		return 0
	}
	return int(n)
}
