package tbinary

// Struct is a struct, union or exception with its fields in the order of the wire.
//
// The getters of a nil *Struct answer as those of an empty one, so that a
// path through absent structs reads as one expression.
type Struct struct{ Fields []Field }

// Field is one field. What Go type its Value has follows from its Type:
//
//	TypeBool    bool
//	TypeByte    int8
//	TypeDouble  float64
//	TypeI16     int16
//	TypeI32     int32
//	TypeI64     int64
//	TypeString  []byte
//	TypeStruct  *Struct
//	TypeList    *List
//	TypeSet     *List
//	TypeMap     *Map
//
// The same holds for the elements of lists and maps. A value of another Go
// type, or a nil pointer, is a mistake in the program, and encoding it panics.
type Field struct {
	ID    int16
	Type  Type
	Value any
}

// List holds the elements of a list or a set, in the order of the wire.
type List struct {
	Elem   Type // May be any byte when there are no elements.
	Values []any
}

// Map holds the entries of a map, in the order of the wire.
type Map struct {
	Key, Elem Type // May be any bytes when there are no entries.
	Entries   []Entry
}

// Entry is one entry of a map.
type Entry struct{ Key, Value any }

// Clone returns a copy that shares nothing with s, nor with the bytes it was decoded from.
func (s *Struct) Clone() *Struct {
	if s == nil {
		return nil
	}
	out := &Struct{Fields: make([]Field, len(s.Fields))}
	for i, f := range s.Fields {
		out.Fields[i] = Field{f.ID, f.Type, clone(f.Value)}
	}
	return out
}

func clone(v any) any {
	switch v := v.(type) {
	case []byte:
		return append([]byte{}, v...)
	case *Struct:
		return v.Clone()
	case *List:
		out := &List{Elem: v.Elem, Values: make([]any, len(v.Values))}
		for i, e := range v.Values {
			out.Values[i] = clone(e)
		}
		return out
	case *Map:
		out := &Map{Key: v.Key, Elem: v.Elem, Entries: make([]Entry, len(v.Entries))}
		for i, e := range v.Entries {
			out.Entries[i] = Entry{clone(e.Key), clone(e.Value)}
		}
		return out
	}
	return v
}
