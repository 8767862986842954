package tbinary

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Encode returns the bytes of s.
func (s *Struct) Encode() []byte { return s.Append(nil) }

// Append appends the bytes of s to dst.
func (s *Struct) Append(dst []byte) []byte {
	for _, f := range s.Fields {
		dst = AppendField(dst, f.Type, f.ID)
		dst = AppendValue(dst, f.Type, f.Value)
	}
	return append(dst, byte(TypeStop))
}

// AppendField appends the head of a field.
func AppendField(dst []byte, t Type, id int16) []byte {
	return append(dst, byte(t), byte(uint16(id)>>8), byte(id))
}

// AppendI32 appends an i32, which is also the form of enums, lengths and counts.
func AppendI32(dst []byte, v int32) []byte { return binary.BigEndian.AppendUint32(dst, uint32(v)) }

// AppendI64 appends an i64.
func AppendI64(dst []byte, v int64) []byte { return binary.BigEndian.AppendUint64(dst, uint64(v)) }

// AppendString appends a string or a binary, at most 2 GiB long.
func AppendString[S string | []byte](dst []byte, v S) []byte {
	return append(AppendI32(dst, size(len(v))), v...)
}

// AppendList appends the head of a list or a set of n elements, which the caller appends.
func AppendList(dst []byte, elem Type, n int) []byte {
	return AppendI32(append(dst, byte(elem)), size(n))
}

// AppendMap appends the head of a map of n entries, which the caller appends.
func AppendMap(dst []byte, key, elem Type, n int) []byte {
	return AppendI32(append(dst, byte(key), byte(elem)), size(n))
}

// AppendValue appends a value without a head. What Go type v must have is said at [Field].
func AppendValue(dst []byte, t Type, v any) []byte {
	switch t {
	case TypeBool:
		if v.(bool) {
			return append(dst, 1)
		}
		return append(dst, 0)
	case TypeByte:
		return append(dst, byte(v.(int8)))
	case TypeDouble:
		return binary.BigEndian.AppendUint64(dst, math.Float64bits(v.(float64)))
	case TypeI16:
		return binary.BigEndian.AppendUint16(dst, uint16(v.(int16)))
	case TypeI32:
		return AppendI32(dst, v.(int32))
	case TypeI64:
		return AppendI64(dst, v.(int64))
	case TypeString:
		return AppendString(dst, v.([]byte))
	case TypeStruct:
		return v.(*Struct).Append(dst)
	case TypeList, TypeSet:
		l := v.(*List)
		dst = AppendList(dst, l.Elem, len(l.Values))
		for _, e := range l.Values {
			dst = AppendValue(dst, l.Elem, e)
		}
		return dst
	case TypeMap:
		m := v.(*Map)
		dst = AppendMap(dst, m.Key, m.Elem, len(m.Entries))
		for _, e := range m.Entries {
			dst = AppendValue(dst, m.Key, e.Key)
			dst = AppendValue(dst, m.Elem, e.Value)
		}
		return dst
	}
	panic(fmt.Sprintf("tbinary: encoding a value of %s", t))
}

// size checks that a length or count has a form on the wire.
func size(n int) int32 {
	if n > math.MaxInt32 {
		panic(fmt.Sprintf("tbinary: encoding a length of %d", n))
	}
	return int32(n)
}
