package scheduler

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"aurorabot/lab/tjson"
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
		r.fail(&fault{protocolException, fmt.Sprintf("Negative length: %d", n)})
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
	case tjson.Bool, tjson.Byte:
		r.take(1)
	case tjson.I16:
		r.take(2)
	case tjson.I32:
		r.take(4)
	case tjson.I64, tjson.Double:
		r.take(8)
	case tjson.String:
		r.bytes()
	case tjson.Struct:
		for r.err == nil {
			ft := r.u8()
			if ft == tjson.Stop {
				return
			}
			r.i16()
			r.skip(ft, depth+1)
		}
	case tjson.Map:
		kt, vt, n := r.u8(), r.u8(), r.i32()
		for i := int32(0); i < n && r.err == nil && (sized(kt) || sized(vt)); i++ {
			r.skip(kt, depth+1)
			r.skip(vt, depth+1)
		}
	case tjson.Set, tjson.List:
		et, n := r.u8(), r.i32()
		for i := int32(0); i < n && r.err == nil && sized(et); i++ {
			r.skip(et, depth+1)
		}
	}
}

// sized says whether a value of type t takes any bytes when it is skipped.
func sized(t byte) bool {
	switch t {
	case tjson.Bool, tjson.Byte, tjson.Double, tjson.I16, tjson.I32, tjson.I64, tjson.String, tjson.Struct, tjson.Map, tjson.Set, tjson.List:
		return true
	}
	return false
}

// A message is a Thrift call or reply: its body is an encoded struct.
type message struct {
	name string
	kind byte // 1 call, 2 reply, 3 exception
	seq  int32
	body []byte
}

func (m message) binary() []byte {
	b := vI32(int32(uint32(0x80010000) | uint32(m.kind)))
	b = append(b, vString(m.name)...)
	b = append(b, vI32(m.seq)...)
	return append(b, m.body...)
}

func (m message) json() []byte { return tjson.Encode(m.binary()) }

const protocolException = "org.apache.thrift.protocol.TProtocolException"

// readBinary reads a call in TBinaryProtocol, with or without its version.
func readBinary(b []byte) (message, error) {
	r := reader{b: b}
	var m message
	if v := r.i32(); v < 0 {
		if uint32(v)&0xffff0000 != 0x80010000 {
			return m, &fault{protocolException, "Bad version in readMessageBegin"}
		}
		m.kind, m.name = byte(v), string(r.bytes())
	} else {
		m.name, m.kind = string(r.take(int(v))), r.u8()
	}
	m.seq = r.i32()
	from := r.at
	r.skip(tjson.Struct, 0)
	if r.err != nil {
		return m, r.err
	}
	m.body = b[from:r.at]
	return m, nil
}

// readJSON reads a call in TJSONProtocol.
func readJSON(b []byte) (message, error) {
	b, err := tjson.Decode(b)
	switch {
	case errors.Is(err, tjson.ErrCut):
		return message{}, errTransport
	case err != nil:
		return message{}, &fault{protocolException, err.Error()}
	}
	return readBinary(b)
}
