package auroraadmin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"aurorabot/runner/tbinary"
)

// The names of the types in Thrift's JSON protocol.
var jsonNames = map[tbinary.Type]string{
	tbinary.TypeBool: "tf", tbinary.TypeByte: "i8", tbinary.TypeI16: "i16", tbinary.TypeI32: "i32",
	tbinary.TypeI64: "i64", tbinary.TypeDouble: "dbl", tbinary.TypeString: "str", tbinary.TypeStruct: "rec",
	tbinary.TypeMap: "map", tbinary.TypeList: "lst", tbinary.TypeSet: "set",
}

// encodeJSON writes a message in Thrift's JSON protocol, as the recorded
// requests are.
func encodeJSON(m tbinary.Message) []byte {
	b := []byte{'[', '1', ','}
	b = appendText(b, []byte(m.Name))
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(m.Type), 10)
	b = append(b, ',')
	b = strconv.AppendInt(b, int64(m.Seq), 10)
	b = append(b, ',')
	b = appendStruct(b, m.Body)
	return append(b, ']')
}

func appendStruct(b []byte, s *tbinary.Struct) []byte {
	b = append(b, '{')
	for i, f := range s.Fields {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, `"%d":{"%s":`, f.ID, jsonNames[f.Type])
		b = appendValue(b, f.Value)
		b = append(b, '}')
	}
	return append(b, '}')
}

func appendValue(b []byte, v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return append(b, '1')
		}
		return append(b, '0')
	case float64:
		return strconv.AppendFloat(b, v, 'g', -1, 64)
	case []byte:
		return appendText(b, v)
	case *tbinary.Struct:
		return appendStruct(b, v)
	case *tbinary.List:
		b = fmt.Appendf(b, `["%s",%d`, jsonNames[v.Elem], len(v.Values))
		for _, e := range v.Values {
			b = appendValue(append(b, ','), e)
		}
		return append(b, ']')
	case *tbinary.Map:
		b = fmt.Appendf(b, `["%s","%s",%d,{`, jsonNames[v.Key], jsonNames[v.Elem], len(v.Entries))
		for i, e := range v.Entries {
			if i > 0 {
				b = append(b, ',')
			}
			key, text := e.Key.([]byte)
			if !text {
				key = fmt.Append(nil, e.Key)
			}
			b = append(appendText(b, key), ':')
			b = appendValue(b, e.Value)
		}
		return append(b, '}', ']')
	}
	return fmt.Append(b, v)
}

func appendText(b, text []byte) []byte {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	_ = e.Encode(string(text)) // a string always encodes
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...)
}

var errTJSON = errors.New("not a message of Thrift's JSON protocol")

// decodeJSON reads a message in Thrift's JSON protocol.
func decodeJSON(b []byte) (tbinary.Message, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var parts []any
	if err := d.Decode(&parts); err != nil {
		return tbinary.Message{}, fmt.Errorf("%w: %w", errTJSON, err)
	}
	if len(parts) != 5 || parts[0] != json.Number("1") {
		return tbinary.Message{}, errTJSON
	}
	name, ok := parts[1].(string)
	kind, err1 := integer(parts[2])
	seq, err2 := integer(parts[3])
	body, err3 := toStruct(parts[4])
	if !ok || errors.Join(err1, err2, err3) != nil {
		return tbinary.Message{}, errTJSON
	}
	return tbinary.Message{Name: name, Type: tbinary.MessageType(kind), Seq: int32(seq), Body: body}, nil // a sequence number
}

func integer(v any) (int64, error) {
	n, ok := v.(json.Number)
	if !ok {
		return 0, errTJSON
	}
	return n.Int64()
}

func toStruct(v any) (*tbinary.Struct, error) {
	m, ok := v.(map[string]any)
	if !ok {
		return nil, errTJSON
	}
	s := &tbinary.Struct{}
	for key, field := range m {
		id, err := strconv.ParseInt(key, 10, 16)
		typed, ok := field.(map[string]any)
		if err != nil || !ok || len(typed) != 1 {
			return nil, errTJSON
		}
		for name, v := range typed {
			t, value, err := toValue(name, v)
			if err != nil {
				return nil, err
			}
			s.Fields = append(s.Fields, tbinary.Field{ID: int16(id), Type: t, Value: value})
		}
	}
	return s, nil
}

func typeNamed(name string) tbinary.Type {
	for t, n := range jsonNames {
		if n == name {
			return t
		}
	}
	return tbinary.TypeStop
}

func toValue(name string, v any) (tbinary.Type, any, error) {
	t := typeNamed(name)
	switch t {
	case tbinary.TypeString:
		s, ok := v.(string)
		if !ok {
			return t, nil, errTJSON
		}
		return t, []byte(s), nil
	case tbinary.TypeStruct:
		s, err := toStruct(v)
		return t, s, err
	case tbinary.TypeList, tbinary.TypeSet:
		l, err := toList(v)
		return t, l, err
	case tbinary.TypeMap:
		m, err := toMap(v)
		return t, m, err
	case tbinary.TypeDouble:
		n, ok := v.(json.Number)
		if !ok {
			return t, nil, errTJSON
		}
		f, err := n.Float64()
		return t, f, err
	}
	n, err := integer(v)
	if err != nil {
		return t, nil, err
	}
	switch t {
	case tbinary.TypeBool:
		return t, n != 0, nil
	case tbinary.TypeByte:
		return t, int8(n), nil // the protocol says so
	case tbinary.TypeI16:
		return t, int16(n), nil // the protocol says so
	case tbinary.TypeI32:
		return t, int32(n), nil // the protocol says so
	case tbinary.TypeI64:
		return t, n, nil
	}
	return t, nil, errTJSON
}

func toList(v any) (*tbinary.List, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) < 2 {
		return nil, errTJSON
	}
	name, ok := parts[0].(string)
	if !ok {
		return nil, errTJSON
	}
	l := &tbinary.List{Elem: typeNamed(name)}
	for _, e := range parts[2:] {
		_, value, err := toValue(name, e)
		if err != nil {
			return nil, err
		}
		l.Values = append(l.Values, value)
	}
	return l, nil
}

func toMap(v any) (*tbinary.Map, error) {
	parts, ok := v.([]any)
	if !ok || len(parts) != 4 {
		return nil, errTJSON
	}
	keyName, ok1 := parts[0].(string)
	name, ok2 := parts[1].(string)
	entries, ok3 := parts[3].(map[string]any)
	if !ok1 || !ok2 || !ok3 {
		return nil, errTJSON
	}
	m := &tbinary.Map{Key: typeNamed(keyName), Elem: typeNamed(name)}
	for k, e := range entries {
		var key any = k
		if m.Key != tbinary.TypeString {
			key = json.Number(k)
		}
		_, keyValue, err := toValue(keyName, key)
		if err != nil {
			return nil, err
		}
		_, value, err := toValue(name, e)
		if err != nil {
			return nil, err
		}
		m.Entries = append(m.Entries, tbinary.Entry{Key: keyValue, Value: value})
	}
	return m, nil
}
