package tbinary

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"

	"aurorabot/runner/bound"
)

// Decode reads one struct from the beginning of b and returns it together with the number of bytes it took.
//
// The strings in it are parts of b: b must not be changed while the struct is
// in use, or the struct be cloned. Encoding it gives the same bytes again;
// therefore a bool other than 0 and 1 is an error. The memory is at most some 60 times
// that of b, and much less for anything but endless empty elements.
func Decode(b []byte) (s *Struct, n int, err error) { return DecodeWithin(b, math.MaxInt) }

// DecodeWithin is [Decode], and fails with [bound.ErrTooMuch] where the tree would
// take more than some memory bytes.
func DecodeWithin(b []byte, memory int) (s *Struct, n int, err error) {
	d := decoder{b: b, left: memory}
	s, err = d.structure(1)
	if err != nil {
		return nil, 0, err
	}
	return s, d.pos, nil
}

// DecodeAll reads one struct that takes up the whole of b.
func DecodeAll(b []byte) (*Struct, error) { return DecodeAllWithin(b, math.MaxInt) }

// DecodeAllWithin is [DecodeAll] with the bound of [DecodeWithin].
func DecodeAllWithin(b []byte, memory int) (*Struct, error) {
	s, n, err := DecodeWithin(b, memory)
	if err == nil && n < len(b) {
		return nil, &Error{Offset: int64(n), What: fmt.Sprintf("%d bytes after the end", len(b)-n)}
	}
	return s, err
}

type decoder struct {
	b    []byte
	pos  int
	left int // Bytes of memory that the tree may take yet.
}

// What the parts of a tree take, in bytes, with what a slice that grows leaves behind.
const (
	ofStruct = 32
	ofFields = 96 // The room for four that the first of a struct takes.
	ofField  = 48
	ofList   = 48
	ofValue  = 24 // Behind an interface, in a list or a map.
	ofSlot   = 16
)

// spend counts memory before it is taken.
func (d *decoder) spend(n int) error {
	if n > d.left {
		return &Error{Offset: int64(d.pos), What: "what was decoded takes too much memory", Err: bound.ErrTooMuch}
	}
	d.left -= n
	return nil
}

func (d *decoder) wrong(at int, format string, args ...any) error {
	return &Error{Offset: int64(at), What: fmt.Sprintf(format, args...)}
}

func (d *decoder) take(n int, of string) ([]byte, error) {
	if len(d.b)-d.pos < n {
		return nil, &Error{
			Offset: int64(len(d.b)), Err: io.ErrUnexpectedEOF,
			What: fmt.Sprintf("the data ends inside %s that begins at byte %d", of, d.pos),
		}
	}
	d.pos += n
	return d.b[d.pos-n : d.pos : d.pos], nil
}

func (d *decoder) structure(depth int) (*Struct, error) {
	if depth > MaxDepth {
		return nil, d.wrong(d.pos, "nested more than %d deep", MaxDepth)
	}
	if err := d.spend(ofStruct); err != nil {
		return nil, err
	}
	s := &Struct{}
	for {
		b, err := d.take(1, "a field's type")
		if err != nil {
			return nil, err
		}
		t := Type(b[0])
		if t == TypeStop {
			return s, nil
		}
		if !t.Known() {
			return nil, d.wrong(d.pos-1, "a field of %s", t)
		}
		if b, err = d.take(2, "a field's number"); err != nil {
			return nil, err
		}
		takes := ofField + ofValue
		if s.Fields == nil {
			takes += ofFields
		}
		if err := d.spend(takes); err != nil {
			return nil, err
		}
		v, err := d.value(t, depth+1)
		if err != nil {
			return nil, err
		}
		if s.Fields == nil {
			s.Fields = make([]Field, 0, 4)
		}
		s.Fields = append(s.Fields, Field{int16(binary.BigEndian.Uint16(b)), t, v})
	}
}

func (d *decoder) value(t Type, depth int) (any, error) {
	switch t {
	case TypeStruct:
		return d.structure(depth)
	case TypeList, TypeSet:
		return d.list(depth)
	case TypeMap:
		return d.dictionary(depth)
	case TypeString:
		at := d.pos
		b, err := d.take(4, "a string's length")
		if err != nil {
			return nil, err
		}
		n := int(int32(binary.BigEndian.Uint32(b)))
		if n < 0 {
			return nil, d.wrong(at, "a string of %d bytes", n)
		}
		if left := len(d.b) - d.pos; n > left {
			return nil, &Error{
				Offset: int64(at), Err: io.ErrUnexpectedEOF,
				What: fmt.Sprintf("a string of %d bytes, but only %d bytes follow", n, left),
			}
		}
		return d.take(n, "a string")
	}
	b, err := d.take(int(fixed[t]), t.String())
	if err != nil {
		return nil, err
	}
	switch t {
	case TypeBool:
		if b[0] > 1 {
			return nil, d.wrong(d.pos-1, "a bool of 0x%02x", b[0])
		}
		return b[0] == 1, nil
	case TypeByte:
		return int8(b[0]), nil
	case TypeI16:
		return int16(binary.BigEndian.Uint16(b)), nil
	case TypeI32:
		return int32(binary.BigEndian.Uint32(b)), nil
	case TypeI64:
		return int64(binary.BigEndian.Uint64(b)), nil
	default:
		return math.Float64frombits(binary.BigEndian.Uint64(b)), nil
	}
}

// count reads a count of elements that take at least each bytes.
func (d *decoder) count(each int) (int, error) {
	at := d.pos
	b, err := d.take(4, "a count")
	if err != nil {
		return 0, err
	}
	n := int(int32(binary.BigEndian.Uint32(b)))
	if n < 0 {
		return 0, d.wrong(at, "a count of %d elements", n)
	}
	if left := len(d.b) - d.pos; n*each > left {
		return 0, &Error{
			Offset: int64(at), Err: io.ErrUnexpectedEOF,
			What: fmt.Sprintf("a count of %d elements, but only %d bytes follow", n, left),
		}
	}
	return n, nil
}

func (d *decoder) list(depth int) (*List, error) {
	if depth > MaxDepth {
		return nil, d.wrong(d.pos, "nested more than %d deep", MaxDepth)
	}
	b, err := d.take(1, "a list's head")
	if err != nil {
		return nil, err
	}
	l := &List{Elem: Type(b[0])}
	n, err := d.count(int(least[l.Elem]))
	if err != nil || n == 0 {
		return l, err
	}
	if !l.Elem.Known() {
		return nil, d.wrong(d.pos-5, "a list of %s", l.Elem)
	}
	if err := d.spend(ofList + n*(ofSlot+ofValue)); err != nil {
		return nil, err
	}
	l.Values = make([]any, 0, n)
	for range n {
		v, err := d.value(l.Elem, depth+1)
		if err != nil {
			return nil, err
		}
		l.Values = append(l.Values, v)
	}
	return l, nil
}

func (d *decoder) dictionary(depth int) (*Map, error) {
	if depth > MaxDepth {
		return nil, d.wrong(d.pos, "nested more than %d deep", MaxDepth)
	}
	b, err := d.take(2, "a map's head")
	if err != nil {
		return nil, err
	}
	m := &Map{Key: Type(b[0]), Elem: Type(b[1])}
	n, err := d.count(int(least[m.Key]) + int(least[m.Elem]))
	if err != nil || n == 0 {
		return m, err
	}
	if !m.Key.Known() || !m.Elem.Known() {
		return nil, d.wrong(d.pos-6, "a map of %s to %s", m.Key, m.Elem)
	}
	if err := d.spend(ofList + 2*n*(ofSlot+ofValue)); err != nil {
		return nil, err
	}
	m.Entries = make([]Entry, 0, n)
	for range n {
		k, err := d.value(m.Key, depth+1)
		if err != nil {
			return nil, err
		}
		v, err := d.value(m.Elem, depth+1)
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, Entry{k, v})
	}
	return m, nil
}
