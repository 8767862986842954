package tbinary

import "iter"

// Field returns the field id, nil if it is absent. Of fields that occur twice the last one counts, as for Thrift's libraries.
func (s *Struct) Field(id int16) *Field {
	if s == nil {
		return nil
	}
	for i := len(s.Fields) - 1; i >= 0; i-- {
		if s.Fields[i].ID == id {
			return &s.Fields[i]
		}
	}
	return nil
}

// get returns the value of the field id if it is of Go type T. A field of
// another type counts as absent: Thrift's libraries skip it, too.
func get[T any](s *Struct, id int16) (v T) {
	if f := s.Field(id); f != nil {
		v, _ = f.Value.(T)
	}
	return v
}

// Has tells whether the field id is there, whatever its type.
func (s *Struct) Has(id int16) bool { return s.Field(id) != nil }

// Str returns the text of the field id, "" if it is absent.
func (s *Struct) Str(id int16) string { return string(s.Bytes(id)) }

// Bytes returns the bytes of the text or binary field id without copying them, nil if it is absent.
func (s *Struct) Bytes(id int16) []byte { return get[[]byte](s, id) }

// Bool returns the bool field id, false if it is absent.
func (s *Struct) Bool(id int16) bool { return get[bool](s, id) }

// Double returns the double field id, 0 if it is absent.
func (s *Struct) Double(id int16) float64 { return get[float64](s, id) }

// I64 returns the field id, an integer of any width, 0 if it is absent.
func (s *Struct) I64(id int16) int64 {
	if f := s.Field(id); f != nil {
		switch v := f.Value.(type) {
		case int8:
			return int64(v)
		case int16:
			return int64(v)
		case int32:
			return int64(v)
		case int64:
			return v
		}
	}
	return 0
}

// I32 returns the i32 or enum field id, 0 if it is absent.
func (s *Struct) I32(id int16) int32 { return get[int32](s, id) }

// Struct returns the struct field id, nil if it is absent.
func (s *Struct) Struct(id int16) *Struct { return get[*Struct](s, id) }

// List returns the list or set field id, nil if it is absent.
func (s *Struct) List(id int16) *List { return get[*List](s, id) }

// Map returns the map field id, nil if it is absent.
func (s *Struct) Map(id int16) *Map { return get[*Map](s, id) }

// Len is the number of elements; 0 of a nil list.
func (l *List) Len() int {
	if l == nil {
		return 0
	}
	return len(l.Values)
}

// Structs walks over the elements that are structs.
func (l *List) Structs() iter.Seq[*Struct] { return elements[*Struct](l) }

// Strings walks over the elements that are text.
func (l *List) Strings() iter.Seq[string] {
	return func(yield func(string) bool) {
		for b := range elements[[]byte](l) {
			if !yield(string(b)) {
				return
			}
		}
	}
}

func elements[T any](l *List) iter.Seq[T] {
	return func(yield func(T) bool) {
		if l == nil {
			return
		}
		for _, v := range l.Values {
			if e, ok := v.(T); ok && !yield(e) {
				return
			}
		}
	}
}

// Len is the number of entries; 0 of a nil map.
func (m *Map) Len() int {
	if m == nil {
		return 0
	}
	return len(m.Entries)
}

// Strings walks over the entries of a map of text to text.
func (m *Map) Strings() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		if m == nil {
			return
		}
		for _, e := range m.Entries {
			k, ok1 := e.Key.([]byte)
			v, ok2 := e.Value.([]byte)
			if ok1 && ok2 && !yield(string(k), string(v)) {
				return
			}
		}
	}
}
