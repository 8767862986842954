package scheduler

import (
	"encoding/binary"
	"math"

	"aurorabot/lab/tjson"
)

// A field is one field of a struct, its value still encoded.
type field struct {
	id  int16
	typ byte
	raw []byte
}

// A record is a struct opened one level deep; what it does not know it keeps.
type record []field

// open reads the struct at the start of b, and returns the bytes behind it.
func open(b []byte) (record, []byte, error) {
	r := reader{b: b}
	var s record
	for {
		t := r.u8()
		if r.err != nil {
			return nil, nil, r.err
		}
		if t == tjson.Stop {
			return s, b[r.at:], nil
		}
		id := r.i16()
		from := r.at
		r.skip(t, 0)
		if r.err != nil {
			return nil, nil, r.err
		}
		s = append(s, field{id, t, b[from:r.at]})
	}
}

// openUnion reads a union as the real classes do: one field, whatever it is,
// and the head of what follows; bytes behind that are not looked at.
func openUnion(b []byte) (record, error) {
	r := reader{b: b}
	t := r.u8()
	if t == tjson.Stop || r.err != nil {
		return nil, r.err
	}
	id := r.i16()
	from := r.at
	r.skip(t, 0)
	f := field{id, t, b[from:r.at]}
	if r.u8() != tjson.Stop {
		r.i16()
	}
	return record{f}, r.err
}

// mustOpen opens a struct that this process has decoded before; damage in one
// cannot occur, and reads as the empty struct.
func mustOpen(b []byte) record {
	s, _, err := open(b)
	if err != nil {
		return nil
	}
	return s
}

// raw returns the encoded value of field id if it is there with type t.
func (s record) raw(id int16, t byte) []byte {
	for _, f := range s {
		if f.id == id && f.typ == t {
			return f.raw
		}
	}
	return nil
}

func (s record) has(id int16) bool {
	for _, f := range s {
		if f.id == id {
			return true
		}
	}
	return false
}

func (s record) str(id int16) string {
	r := reader{b: s.raw(id, tjson.String)}
	return string(r.bytes())
}

func (s record) i32(id int16) int32 {
	r := reader{b: s.raw(id, tjson.I32)}
	return r.i32()
}

func (s record) i64(id int16) int64 {
	r := reader{b: s.raw(id, tjson.I64)}
	return r.i64()
}

func (s record) boolean(id int16) bool {
	r := reader{b: s.raw(id, tjson.Bool)}
	return r.u8() == 1
}

func (s record) sub(id int16) record { return mustOpen(s.raw(id, tjson.Struct)) }

// elements returns the encoded elements of a set or list, whichever is there.
func (s record) elements(id int16) [][]byte {
	for _, f := range s {
		if f.id == id && (f.typ == tjson.Set || f.typ == tjson.List) {
			return elements(f.raw)
		}
	}
	return nil
}

func elements(raw []byte) [][]byte {
	r := reader{b: raw}
	et, n := r.u8(), r.i32()
	var out [][]byte
	for i := int32(0); i < n && r.err == nil && sized(et); i++ {
		from := r.at
		r.skip(et, 0)
		if r.err == nil {
			out = append(out, raw[from:r.at])
		}
	}
	return out
}

// with returns a copy of s in which field id has the given value, at the place
// where its number belongs.
func (s record) with(id int16, t byte, raw []byte) record {
	out := make(record, 0, len(s)+1)
	done := false
	for _, f := range s {
		if f.id == id {
			continue
		}
		if !done && f.id > id {
			out, done = append(out, field{id, t, raw}), true
		}
		out = append(out, f)
	}
	if !done {
		out = append(out, field{id, t, raw})
	}
	return out
}

func (s record) without(ids ...int16) record {
	out := make(record, 0, len(s))
next:
	for _, f := range s {
		for _, id := range ids {
			if f.id == id {
				continue next
			}
		}
		out = append(out, f)
	}
	return out
}

// encode writes the struct with its stop byte.
func (s record) encode() []byte {
	n := 1
	for _, f := range s {
		n += 3 + len(f.raw)
	}
	b := make([]byte, 0, n)
	for _, f := range s {
		b = append(b, f.typ)
		b = binary.BigEndian.AppendUint16(b, uint16(f.id))
		b = append(b, f.raw...)
	}
	return append(b, tjson.Stop)
}

// The values that a record is built from.

func vI32(v int32) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func vI64(v int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
func vDouble(v float64) []byte {
	return binary.BigEndian.AppendUint64(nil, math.Float64bits(v))
}

func vBool(v bool) []byte {
	if v {
		return []byte{1}
	}
	return []byte{0}
}

func vString[T ~string | ~[]byte](v T) []byte {
	b := make([]byte, 0, 4+len(v))
	b = binary.BigEndian.AppendUint32(b, uint32(len(v)))
	return append(b, v...)
}

// vElements is the value of a set or list of the given elements.
func vElements(et byte, elems [][]byte) []byte {
	n := 5
	for _, e := range elems {
		n += len(e)
	}
	b := make([]byte, 0, n)
	b = append(b, et)
	b = binary.BigEndian.AppendUint32(b, uint32(len(elems)))
	for _, e := range elems {
		b = append(b, e...)
	}
	return b
}

func vStrings(values []string) []byte {
	elems := make([][]byte, len(values))
	for i, v := range values {
		elems[i] = vString(v)
	}
	return vElements(tjson.String, elems)
}
