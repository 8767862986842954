package scheduler

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Thrift's wire types: the type byte before each field, element and key.
const (
	tStop   byte = 0
	tBool   byte = 2
	tByte   byte = 3
	tDouble byte = 4
	tI16    byte = 6
	tI32    byte = 8
	tI64    byte = 10
	tString byte = 11
	tStruct byte = 12
	tMap    byte = 13
	tSet    byte = 14
	tList   byte = 15
)

// heap is the memory of the stand-in's JVM: a string whose length claims half
// of it is an OutOfMemoryError, as recorded with -Xmx1g and a length of 1 GiB.
const heap = 1 << 30

// maxDepth is how deep structs may nest before the real reader's stack ends.
const maxDepth = 512

// A fault is what the real program reports by a Java exception: its class, and
// its message where it has one.
type fault struct {
	class   string
	message string
}

// Error is the exception as Java's toString writes it.
func (f *fault) Error() string {
	if f.message == "" {
		return f.class
	}
	return f.class + ": " + f.message
}

var (
	errTransport = &fault{class: "org.apache.thrift.transport.TTransportException"}
	errMemory    = &fault{class: "java.lang.OutOfMemoryError", message: "Java heap space"}
	errDepth     = &fault{class: "java.lang.StackOverflowError"}
)

// A reader walks over TBinaryProtocol bytes. The first fault stays in err, and
// everything after it reads as zero.
//
// It is a codec of its own, shared with nobody: a stand-in that decoded with the
// bot's reader would agree with the bot's mistakes.
type reader struct {
	b   []byte
	at  int
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.at = len(r.b)
}

func (r *reader) take(n int) []byte {
	if r.err != nil || n > len(r.b)-r.at {
		r.fail(errTransport)
		return nil
	}
	s := r.b[r.at : r.at+n]
	r.at += n
	return s
}

func (r *reader) u8() byte {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) i16() int16 {
	if b := r.take(2); b != nil {
		return int16(binary.BigEndian.Uint16(b))
	}
	return 0
}

func (r *reader) i32() int32 {
	if b := r.take(4); b != nil {
		return int32(binary.BigEndian.Uint32(b))
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.BigEndian.Uint64(b))
	}
	return 0
}

func (r *reader) double() float64 { return math.Float64frombits(uint64(r.i64())) }

func (r *reader) bytes() []byte {
	n := int(r.i32())
	switch {
	case r.err != nil:
		return nil
	case n < 0:
		r.fail(&fault{"org.apache.thrift.protocol.TProtocolException", fmt.Sprintf("Negative length: %d", n)})
		return nil
	case n >= heap/2 && n > len(r.b)-r.at:
		r.fail(errMemory)
		return nil
	}
	return r.take(n)
}

// skip passes over one value of type t. Like the real reader it takes no bytes
// for a type that it does not know, which is how a file of text "decodes".
func (r *reader) skip(t byte, depth int) {
	if depth > maxDepth {
		r.fail(errDepth)
		return
	}
	switch t {
	case tBool, tByte:
		r.take(1)
	case tI16:
		r.take(2)
	case tI32:
		r.take(4)
	case tI64, tDouble:
		r.take(8)
	case tString:
		r.bytes()
	case tStruct:
		for r.err == nil {
			ft := r.u8()
			if ft == tStop {
				return
			}
			r.i16()
			r.skip(ft, depth+1)
		}
	case tMap:
		kt, vt, n := r.u8(), r.u8(), r.i32()
		for i := int32(0); i < n && r.err == nil && (sized(kt) || sized(vt)); i++ {
			r.skip(kt, depth+1)
			r.skip(vt, depth+1)
		}
	case tSet, tList:
		et, n := r.u8(), r.i32()
		for i := int32(0); i < n && r.err == nil && sized(et); i++ {
			r.skip(et, depth+1)
		}
	}
}

// sized says whether a value of type t takes any bytes when it is skipped.
func sized(t byte) bool {
	switch t {
	case tBool, tByte, tDouble, tI16, tI32, tI64, tString, tStruct, tMap, tSet, tList:
		return true
	}
	return false
}

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
		if t == tStop {
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
	if t == tStop || r.err != nil {
		return nil, r.err
	}
	id := r.i16()
	from := r.at
	r.skip(t, 0)
	f := field{id, t, b[from:r.at]}
	if r.u8() != tStop {
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
	r := reader{b: s.raw(id, tString)}
	return string(r.bytes())
}

func (s record) i32(id int16) int32 {
	r := reader{b: s.raw(id, tI32)}
	return r.i32()
}

func (s record) i64(id int16) int64 {
	r := reader{b: s.raw(id, tI64)}
	return r.i64()
}

func (s record) boolean(id int16) bool {
	r := reader{b: s.raw(id, tBool)}
	return r.u8() == 1
}

func (s record) sub(id int16) record { return mustOpen(s.raw(id, tStruct)) }

// elements returns the encoded elements of a set or list, whichever is there.
func (s record) elements(id int16) [][]byte {
	for _, f := range s {
		if f.id == id && (f.typ == tSet || f.typ == tList) {
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
	return append(b, tStop)
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
	return vElements(tString, elems)
}
