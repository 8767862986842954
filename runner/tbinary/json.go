package tbinary

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// jsonNames are the words for types in Thrift's JSON protocol.
var jsonNames = map[Type]string{
	TypeBool: "tf", TypeByte: "i8", TypeDouble: "dbl", TypeI16: "i16", TypeI32: "i32", TypeI64: "i64",
	TypeString: "str", TypeStruct: "rec", TypeMap: "map", TypeList: "lst", TypeSet: "set",
}

// AppendJSON appends s to dst in the form of Thrift's JSON protocol, which the
// scheduler's API speaks: {"1":{"i32":5},"2":{"lst":["str",1,"a"]}}. Bytes of a
// string that are not UTF-8 become U+FFFD: that protocol cannot write them.
//
// The protocol: https://github.com/apache/thrift/blob/master/lib/java/src/main/java/org/apache/thrift/protocol/TJSONProtocol.java
func (s *Struct) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	for i, f := range s.Fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(fmt.Appendf(dst, `"%d":{%q:`, f.ID, jsonNames[f.Type]), jsonOf(f.Value)...)
		dst = append(dst, '}')
	}
	return append(dst, '}')
}

// jsonOf is the JSON of one value.
func jsonOf(v any) []byte {
	switch v := v.(type) {
	case bool:
		if v {
			return []byte("1")
		}
		return []byte("0")
	case int8, int16, int32, int64:
		return fmt.Append(nil, v)
	case float64:
		switch {
		case math.IsNaN(v):
			return []byte(`"NaN"`)
		case math.IsInf(v, 1):
			return []byte(`"Infinity"`)
		case math.IsInf(v, -1):
			return []byte(`"-Infinity"`)
		}
		return strconv.AppendFloat(nil, v, 'g', -1, 64)
	case []byte:
		text, _ := json.Marshal(string(v)) // A string always can be written.
		return text
	case *Struct:
		return v.AppendJSON(nil)
	case *List:
		out := fmt.Appendf(nil, `[%q,%d`, jsonName(v.Elem), len(v.Values))
		for _, e := range v.Values {
			out = append(append(out, ','), jsonOf(e)...)
		}
		return append(out, ']')
	case *Map:
		out := fmt.Appendf(nil, `[%q,%q,%d,{`, jsonName(v.Key), jsonName(v.Elem), len(v.Entries))
		for i, e := range v.Entries {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(append(append(out, jsonKey(e.Key)...), ':'), jsonOf(e.Value)...)
		}
		return append(out, "}]"...)
	}
	panic(fmt.Sprintf("tbinary: a value of type %T", v))
}

// jsonName is the word for the elements of a container. An empty one may have any
// mark for them, and any word does.
func jsonName(t Type) string {
	if name, ok := jsonNames[t]; ok {
		return name
	}
	return jsonNames[TypeString]
}

// jsonKey is a key of a map, which JSON wants as a string.
func jsonKey(v any) []byte {
	out := jsonOf(v)
	if len(out) > 0 && out[0] == '"' {
		return out
	}
	text, _ := json.Marshal(string(out)) // As above.
	return text
}
