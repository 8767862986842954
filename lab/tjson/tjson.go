// Package tjson translates Thrift messages between TBinaryProtocol and
// TJSONProtocol as Java writes it, for the programs of the lab. It is shared
// with nothing of the bot, which would else agree with its own mistakes.
package tjson

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Thrift's wire types: the type byte before each field, element and key.
const (
	Stop   byte = 0
	Bool   byte = 2
	Byte   byte = 3
	Double byte = 4
	I16    byte = 6
	I32    byte = 8
	I64    byte = 10
	String byte = 11
	Struct byte = 12
	Map    byte = 13
	Set    byte = 14
	List   byte = 15
)

var typeNames = map[byte]string{
	Bool: "tf", Byte: "i8", I16: "i16", I32: "i32", I64: "i64", Double: "dbl",
	String: "str", Struct: "rec", Map: "map", Set: "set", List: "lst",
}

var namedTypes = func() map[string]byte {
	m := map[string]byte{}
	for t, n := range typeNames {
		m[n] = t
	}
	return m
}()

// version is the upper half of a message's first word in TBinaryProtocol.
const version = 0x80010000

// Encode writes a message that is whole and in TBinaryProtocol.
func Encode(message []byte) []byte {
	var w bytes.Buffer
	r := reader{message}
	kind := byte(r.uint(4))
	w.WriteString("[1,")
	quoteJSON(&w, r.bytes())
	fmt.Fprintf(&w, ",%d,%d,", kind, int32(r.uint(4)))
	writeJSON(&w, &r, Struct, false)
	w.WriteByte(']')
	return w.Bytes()
}

// A reader walks over the bytes of a whole message.
type reader struct{ b []byte }

func (r *reader) take(n int) []byte {
	s := r.b[:n]
	r.b = r.b[n:]
	return s
}

// uint reads an integer of that many bytes.
func (r *reader) uint(size int) (n uint64) {
	for _, c := range r.take(size) {
		n = n<<8 | uint64(c)
	}
	return n
}

func (r *reader) bytes() []byte { return r.take(int(r.uint(4))) }

// writeJSON writes the value of type t that r stands at as TJSONProtocol does.
func writeJSON(w *bytes.Buffer, r *reader, t byte, key bool) {
	number := func(s string) {
		if key {
			s = `"` + s + `"`
		}
		w.WriteString(s)
	}
	switch t {
	case Bool, Byte:
		number(strconv.Itoa(int(int8(r.uint(1)))))
	case I16:
		number(strconv.Itoa(int(int16(r.uint(2)))))
	case I32:
		number(strconv.Itoa(int(int32(r.uint(4)))))
	case I64:
		number(strconv.FormatInt(int64(r.uint(8)), 10))
	case Double:
		s := JavaDouble(math.Float64frombits(r.uint(8)))
		if strings.Contains(s, "N") || strings.Contains(s, "I") { // NaN, Infinity
			s = `"` + s + `"`
		}
		number(s)
	case String:
		quoteJSON(w, r.bytes())
	case Struct:
		w.WriteByte('{')
		for first := true; ; first = false {
			ft := byte(r.uint(1))
			if ft == Stop {
				break
			}
			if !first {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, `"%d":{"%s":`, int16(r.uint(2)), typeNames[ft])
			writeJSON(w, r, ft, false)
			w.WriteByte('}')
		}
		w.WriteByte('}')
	case Map:
		kt, vt, n := byte(r.uint(1)), byte(r.uint(1)), r.uint(4)
		fmt.Fprintf(w, `["%s","%s",%d,{`, typeNames[kt], typeNames[vt], n)
		for i := range n {
			if i > 0 {
				w.WriteByte(',')
			}
			writeJSON(w, r, kt, true)
			w.WriteByte(':')
			writeJSON(w, r, vt, false)
		}
		w.WriteString("}]")
	case Set, List:
		et, n := byte(r.uint(1)), r.uint(4)
		fmt.Fprintf(w, `["%s",%d`, typeNames[et], n)
		for range n {
			w.WriteByte(',')
			writeJSON(w, r, et, false)
		}
		w.WriteByte(']')
	}
}

// quoteJSON writes s as Java's TJSONProtocol does: text beyond ASCII as it is,
// and no escape for < > & /.
func quoteJSON(w *bytes.Buffer, s []byte) {
	w.WriteByte('"')
	for _, c := range s {
		switch c {
		case '"', '\\':
			w.WriteByte('\\')
			w.WriteByte(c)
		case '\b':
			w.WriteString(`\b`)
		case '\t':
			w.WriteString(`\t`)
		case '\n':
			w.WriteString(`\n`)
		case '\f':
			w.WriteString(`\f`)
		case '\r':
			w.WriteString(`\r`)
		default:
			if c < 0x20 {
				fmt.Fprintf(w, `\u%04x`, c)
				continue
			}
			w.WriteByte(c)
		}
	}
	w.WriteByte('"')
}

// JavaDouble writes v as Java's Double.toString does: always with a fraction,
// and with an exponent from 10^7 and below 10^-3.
func JavaDouble(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "Infinity"
	case math.IsInf(v, -1):
		return "-Infinity"
	case v == 0 || a >= 1e-3 && a < 1e7:
		s := strconv.FormatFloat(v, 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(v, 'e', -1, 64), "e")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(exponent)
	return mantissa + "E" + strconv.Itoa(n)
}

// ErrCut is JSON that is cut, or none at all.
var ErrCut = errors.New("no whole JSON")

// errNumber is said of everything else that is no message, as Java says it.
var errNumber = errors.New("Expected numeric value; got something else")

// Decode reads a message, and returns it in TBinaryProtocol.
func Decode(b []byte) ([]byte, error) {
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 {
		return nil, ErrCut
	}
	if b[0] != '[' {
		return nil, fmt.Errorf("Unexpected character:%c", b[0])
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v []any
	if err := d.Decode(&v); err != nil {
		return nil, ErrCut
	}
	if len(v) != 5 {
		return nil, errNumber
	}
	if v[0] != json.Number("1") {
		return nil, errors.New("Message contained bad version.")
	}
	name, _ := v[1].(string)
	body, err := fromJSON(v[4], Struct)
	if err != nil {
		return nil, errNumber
	}
	return slices.Concat(i32(version|jsonInt(v[2])&0xff), text(name), i32(jsonInt(v[3])), body), nil
}

func i32(n int64) []byte { return binary.BigEndian.AppendUint32(nil, uint32(n)) }

func i64(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

func text(s string) []byte { return append(i32(int64(len(s))), s...) }

func jsonInt(v any) int64 {
	switch v := v.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case string: // a key of a map
		n, _ := strconv.ParseInt(v, 10, 64)
		return n
	}
	return 0
}

// fromJSON encodes a decoded TJSON value of type t in TBinaryProtocol.
func fromJSON(v any, t byte) ([]byte, error) {
	unfit := fmt.Errorf("a value of Thrift type %d from JSON %T", t, v)
	switch t {
	case Bool, Byte:
		return []byte{byte(jsonInt(v))}, nil
	case I16:
		return i32(jsonInt(v))[2:], nil
	case I32:
		return i32(jsonInt(v)), nil
	case I64:
		return i64(uint64(jsonInt(v))), nil
	case Double:
		n, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
		return i64(math.Float64bits(n)), nil
	case String:
		s, ok := v.(string)
		if !ok {
			return nil, unfit
		}
		return text(s), nil
	case Struct:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, unfit
		}
		fields := map[int64][]byte{}
		for k, fv := range m {
			id, err := strconv.ParseInt(k, 10, 16)
			typed, ok := fv.(map[string]any)
			if err != nil || !ok || len(typed) != 1 {
				return nil, unfit
			}
			for name, value := range typed {
				ft, known := namedTypes[name]
				raw, err := fromJSON(value, ft)
				if !known || err != nil {
					return nil, unfit
				}
				fields[id] = append(append([]byte{ft}, i32(id)[2:]...), raw...)
			}
		}
		var b []byte
		for _, id := range slices.Sorted(maps.Keys(fields)) {
			b = append(b, fields[id]...)
		}
		return append(b, Stop), nil
	case Set, List:
		l, ok := v.([]any)
		if !ok || len(l) < 2 {
			return nil, unfit
		}
		name, _ := l[0].(string)
		et := namedTypes[name]
		b := append([]byte{et}, i32(int64(len(l)-2))...)
		for _, e := range l[2:] {
			raw, err := fromJSON(e, et)
			if err != nil {
				return nil, err
			}
			b = append(b, raw...)
		}
		return b, nil
	case Map:
		l, ok := v.([]any)
		if !ok || len(l) != 4 {
			return nil, unfit
		}
		kn, _ := l[0].(string)
		vn, _ := l[1].(string)
		m, ok := l[3].(map[string]any)
		if !ok {
			return nil, unfit
		}
		b := append([]byte{namedTypes[kn], namedTypes[vn]}, i32(int64(len(m)))...)
		for _, k := range slices.Sorted(maps.Keys(m)) {
			kb, err := fromJSON(k, namedTypes[kn])
			if err != nil {
				return nil, err
			}
			vb, err := fromJSON(m[k], namedTypes[vn])
			if err != nil {
				return nil, err
			}
			b = append(append(b, kb...), vb...)
		}
		return b, nil
	}
	return nil, unfit
}
