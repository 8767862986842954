package backup

import "aurorabot/runner/tbinary"

// eachField walks over a Snapshot to its end. f is called for the fields that
// are known and of the right type, and reads their values.
func eachField(r *tbinary.Reader, w *warnings, f func(Field)) {
	var met map[Field]bool
	for {
		at := r.Offset()
		t, id := r.Field()
		if t == tbinary.TypeStop {
			return
		}
		field := Field(id)
		switch known, ok := fieldTypes[field]; {
		case !ok:
			w.say(oddField, at, "field %d", id)
			r.Skip(t)
		case known.t != t:
			w.say(oddFieldType, at, "%s is of type %s", known.name, t)
			r.Skip(t)
		default:
			if met[field] {
				w.say(oddFieldTwice, at, "%s", known.name)
			}
			if met == nil {
				met = map[Field]bool{}
			}
			met[field] = true
			f(field)
		}
	}
}

// eachStruct walks over a set of structs; f reads one. The scheduler does not
// look at the mark that says what the elements are, so neither does the walk.
func eachStruct(r *tbinary.Reader, w *warnings, f func()) {
	at := r.Offset()
	elem, n := r.List()
	if n > 0 && elem != tbinary.TypeStruct {
		w.say(oddElements, at, "%s", elem)
	}
	for ; n > 0 && r.Err() == nil; n-- {
		f()
	}
}

// skipField passes over a field, its elements read as what the scheduler takes them for.
func skipField(r *tbinary.Reader, w *warnings, f Field) {
	switch known := fieldTypes[f]; {
	case known.t == tbinary.TypeSet:
		eachStruct(r, w, func() { r.Skip(tbinary.TypeStruct) })
	case f == DBScript:
		eachStatement(r, func() {})
	default:
		r.Skip(known.t)
	}
}

// eachStatement passes over the dbScript; f is called after each statement.
func eachStatement(r *tbinary.Reader, f func()) {
	_, n := r.List()
	for ; n > 0; n-- {
		if r.Skip(tbinary.TypeString); r.Err() != nil {
			return
		}
		f()
	}
}

// eachIn walks over the fields of a struct; f reads the value of the ones it knows, and tells which.
func eachIn(r *tbinary.Reader, f func(id int16, t tbinary.Type) (read bool)) {
	for {
		t, id := r.Field()
		if t == tbinary.TypeStop {
			return
		}
		if !f(id, t) {
			r.Skip(t)
		}
	}
}

// lenient makes r do as the scheduler's decoder does, and tell w what is odd.
func lenient(r *tbinary.Reader, w *warnings) {
	r.Unknown = func(at int64, t tbinary.Type) { w.say(oddUnknownType, at, "%s", t) }
	r.Odd = w.odd
}
