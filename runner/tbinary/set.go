package tbinary

// Set puts a value into the field id: into its place if it is there, else at
// the end. What Go type v must have is said at [Field]. It returns s.
func (s *Struct) Set(id int16, t Type, v any) *Struct {
	if f := s.Field(id); f != nil {
		f.Type, f.Value = t, v
	} else {
		s.Fields = append(s.Fields, Field{id, t, v})
	}
	return s
}

// SetStr sets a text field; see [Struct.Set], as for all that follow.
func (s *Struct) SetStr(id int16, v string) *Struct { return s.Set(id, TypeString, []byte(v)) }

// SetBytes sets a binary field. It keeps v and does not copy it; nil is as good as empty.
func (s *Struct) SetBytes(id int16, v []byte) *Struct { return s.Set(id, TypeString, v) }

// SetBool sets a bool field.
func (s *Struct) SetBool(id int16, v bool) *Struct { return s.Set(id, TypeBool, v) }

// SetI32 sets an i32 or enum field.
func (s *Struct) SetI32(id int16, v int32) *Struct { return s.Set(id, TypeI32, v) }

// SetI64 sets an i64 field.
func (s *Struct) SetI64(id int16, v int64) *Struct { return s.Set(id, TypeI64, v) }

// SetDouble sets a double field.
func (s *Struct) SetDouble(id int16, v float64) *Struct { return s.Set(id, TypeDouble, v) }

// SetStruct sets a struct field.
func (s *Struct) SetStruct(id int16, v *Struct) *Struct { return s.Set(id, TypeStruct, v) }

// SetList sets a field of type list.
func (s *Struct) SetList(id int16, v *List) *Struct { return s.Set(id, TypeList, v) }

// SetSet sets a field of type set.
func (s *Struct) SetSet(id int16, v *List) *Struct { return s.Set(id, TypeSet, v) }

// SetMap sets a map field.
func (s *Struct) SetMap(id int16, v *Map) *Struct { return s.Set(id, TypeMap, v) }

// Delete removes the field id, wherever it occurs.
func (s *Struct) Delete(id int16) {
	kept := s.Fields[:0]
	for _, f := range s.Fields {
		if f.ID != id {
			kept = append(kept, f)
		}
	}
	clear(s.Fields[len(kept):])
	s.Fields = kept
}

// Structs makes a list of structs.
func Structs(elems ...*Struct) *List {
	l := &List{Elem: TypeStruct, Values: make([]any, len(elems))}
	for i, e := range elems {
		l.Values[i] = e
	}
	return l
}

// Strings makes a list of text.
func Strings(elems ...string) *List {
	l := &List{Elem: TypeString, Values: make([]any, len(elems))}
	for i, e := range elems {
		l.Values[i] = []byte(e)
	}
	return l
}
