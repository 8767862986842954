package scheduler

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
)

var typeNames = map[byte]string{
	tBool: "tf", tByte: "i8", tI16: "i16", tI32: "i32", tI64: "i64", tDouble: "dbl",
	tString: "str", tStruct: "rec", tMap: "map", tSet: "set", tList: "lst",
}

var namedTypes = func() map[string]byte {
	m := map[string]byte{}
	for t, n := range typeNames {
		m[n] = t
	}
	return m
}()

// writeJSON writes the value of type t that r stands at as TJSONProtocol does.
func writeJSON(w *bytes.Buffer, r *reader, t byte, key bool) {
	number := func(s string) {
		if key {
			s = `"` + s + `"`
		}
		w.WriteString(s)
	}
	switch t {
	case tBool, tByte:
		number(strconv.Itoa(int(int8(r.u8()))))
	case tI16:
		number(strconv.Itoa(int(r.i16())))
	case tI32:
		number(strconv.Itoa(int(r.i32())))
	case tI64:
		number(strconv.FormatInt(r.i64(), 10))
	case tDouble:
		s := javaDouble(r.double())
		if strings.Contains(s, "N") || strings.Contains(s, "I") { // NaN, Infinity
			s = `"` + s + `"`
		}
		number(s)
	case tString:
		quoteJSON(w, r.bytes())
	case tStruct:
		w.WriteByte('{')
		for first := true; r.err == nil; first = false {
			ft := r.u8()
			if ft == tStop {
				break
			}
			if !first {
				w.WriteByte(',')
			}
			fmt.Fprintf(w, `"%d":{"%s":`, r.i16(), typeNames[ft])
			writeJSON(w, r, ft, false)
			w.WriteByte('}')
		}
		w.WriteByte('}')
	case tMap:
		kt, vt, n := r.u8(), r.u8(), r.i32()
		fmt.Fprintf(w, `["%s","%s",%d,{`, typeNames[kt], typeNames[vt], n)
		for i := int32(0); i < n && r.err == nil; i++ {
			if i > 0 {
				w.WriteByte(',')
			}
			writeJSON(w, r, kt, true)
			w.WriteByte(':')
			writeJSON(w, r, vt, false)
		}
		w.WriteString("}]")
	case tSet, tList:
		et, n := r.u8(), r.i32()
		fmt.Fprintf(w, `["%s",%d`, typeNames[et], n)
		for i := int32(0); i < n && r.err == nil; i++ {
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

// javaDouble writes v as Java's Double.toString does: always with a fraction,
// and with an exponent from 10^7 and below 10^-3.
func javaDouble(v float64) string {
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

func (m message) json() []byte {
	var w bytes.Buffer
	w.WriteString("[1,")
	quoteJSON(&w, []byte(m.name))
	fmt.Fprintf(&w, ",%d,%d,", m.kind, m.seq)
	writeJSON(&w, &reader{b: m.body}, tStruct, false)
	w.WriteByte(']')
	return w.Bytes()
}

// readBinary reads a call in TBinaryProtocol, with or without its version.
func readBinary(b []byte) (message, error) {
	r := reader{b: b}
	var m message
	if v := r.i32(); v < 0 {
		if uint32(v)&0xffff0000 != 0x80010000 {
			return m, &fault{"org.apache.thrift.protocol.TProtocolException", "Bad version in readMessageBegin"}
		}
		m.kind, m.name = byte(v), string(r.bytes())
	} else {
		m.name, m.kind = string(r.take(int(v))), r.u8()
	}
	m.seq = r.i32()
	from := r.at
	r.skip(tStruct, 0)
	if r.err != nil {
		return m, r.err
	}
	m.body = b[from:r.at]
	return m, nil
}

// readJSON reads a call in TJSONProtocol.
func readJSON(b []byte) (message, error) {
	var m message
	b = bytes.TrimLeft(b, " \t\r\n")
	if len(b) == 0 {
		return m, errTransport
	}
	if b[0] != '[' {
		return m, &fault{"org.apache.thrift.protocol.TProtocolException", "Unexpected character:" + string(b[0])}
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v []any
	if err := d.Decode(&v); err != nil {
		return m, errTransport
	}
	bad := &fault{"org.apache.thrift.protocol.TProtocolException", "Expected numeric value; got something else"}
	if len(v) != 5 {
		return m, bad
	}
	if n, ok := v[0].(json.Number); !ok || n.String() != "1" {
		return m, &fault{"org.apache.thrift.protocol.TProtocolException", "Message contained bad version."}
	}
	m.name, _ = v[1].(string)
	kind, seq := jsonInt(v[2]), jsonInt(v[3])
	m.kind, m.seq = byte(kind), int32(seq)
	body, err := fromJSON(v[4], tStruct)
	if err != nil {
		return m, bad
	}
	m.body = body
	return m, nil
}

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
	case tBool, tByte:
		return []byte{byte(jsonInt(v))}, nil
	case tI16:
		return vI32(int32(jsonInt(v)))[2:], nil
	case tI32:
		return vI32(int32(jsonInt(v))), nil
	case tI64:
		return vI64(jsonInt(v)), nil
	case tDouble:
		n, _ := strconv.ParseFloat(fmt.Sprint(v), 64)
		return vDouble(n), nil
	case tString:
		s, ok := v.(string)
		if !ok {
			return nil, unfit
		}
		return vString(s), nil
	case tStruct:
		m, ok := v.(map[string]any)
		if !ok {
			return nil, unfit
		}
		var s record
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
				s = append(s, field{int16(id), ft, raw})
			}
		}
		sort.Slice(s, func(i, j int) bool { return s[i].id < s[j].id })
		return s.encode(), nil
	case tSet, tList:
		l, ok := v.([]any)
		if !ok || len(l) < 2 {
			return nil, unfit
		}
		name, _ := l[0].(string)
		et := namedTypes[name]
		elems := make([][]byte, 0, len(l)-2)
		for _, e := range l[2:] {
			raw, err := fromJSON(e, et)
			if err != nil {
				return nil, err
			}
			elems = append(elems, raw)
		}
		return vElements(et, elems), nil
	case tMap:
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
		b := append([]byte{namedTypes[kn], namedTypes[vn]}, vI32(int32(len(m)))...)
		keys := make([]string, 0, len(m))
		for k := range m {
			keys = append(keys, k)
		}
		sort.Strings(keys)
		for _, k := range keys {
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
