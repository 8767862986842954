package backup

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"

	"aurorabot/runner/tbinary"
)

// Snapshot is a backup held whole, to be changed, built or written.
//
// Its sets are kept as the encoded bytes of each element, which take a tenth
// of the memory of a tree; a [tbinary.Struct] is made of those that are looked
// into. What is not changed is written as it was read, byte for byte.
type Snapshot struct{ fields []field }

// field is one field of a Snapshot in the order of the file.
type field struct {
	id    Field
	t     tbinary.Type
	value []byte    // Encoded; unused where elems are.
	elem  byte      // For a set of structs: its mark as in the file.
	elems []Element // nil for anything but a set of structs.
}

// Element is one encoded struct in a set of a Snapshot, such as a
// ScheduledTask. It is not to be changed in place.
type Element []byte

// Struct decodes the element. The strings in it are parts of the element.
func (e Element) Struct() (*tbinary.Struct, error) { return tbinary.DecodeAll(e) }

// Read reads a backup to the end of r. It is stricter than the scheduler:
// whatever follows the snapshot, and types that Thrift does not have, are errors, for they can't be kept.
func Read(r io.Reader) (*Snapshot, error) {
	var b bytes.Buffer
	if f, ok := r.(interface{ Stat() (fs.FileInfo, error) }); ok {
		// A file says how long it is: without that the buffer is doubled, and copied, as it fills.
		if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
			b.Grow(int(min(info.Size(), maxGrow)) + bytes.MinRead)
		}
	}
	if _, err := b.ReadFrom(r); err != nil {
		return nil, fmt.Errorf("reading a backup: %w", err)
	}
	return Parse(b.Bytes())
}

// maxGrow is how much memory is taken on the word of a file system alone.
const maxGrow = 1 << 30

// Parse reads a backup that is in memory. The snapshot's elements are parts of b, which must not be changed any more.
func Parse(b []byte) (*Snapshot, error) {
	r := tbinary.NewReaderBytes(b)
	s := &Snapshot{}
	for {
		t, id := r.Field()
		if t == tbinary.TypeStop {
			break
		}
		f := field{id: Field(id), t: t}
		start := r.Offset()
		if known := fieldTypes[f.id]; known.t == tbinary.TypeSet && t == known.t {
			elem, n := r.List()
			if n > 0 && elem != tbinary.TypeStruct {
				r.Fail(start, "%s is a set of %s", known.name, elem)
				n = 0 // It was not checked against the bytes that follow.
			}
			f.elem, f.elems = byte(elem), make([]Element, 0, n)
			for ; n > 0 && r.Err() == nil; n-- {
				at := r.Offset()
				r.Skip(tbinary.TypeStruct)
				f.elems = append(f.elems, b[at:r.Offset():r.Offset()])
			}
		} else {
			r.Skip(t)
			f.value = b[start:r.Offset():r.Offset()]
		}
		if r.Err() == nil {
			s.fields = append(s.fields, f)
		}
	}
	if r.Err() == nil && !r.AtEnd() {
		r.Fail(r.Offset(), "%d bytes after the end", int64(len(b))-r.Offset())
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	return s, nil
}

// New returns a Snapshot with the sets that Aurora 0.22 always writes, all
// empty, without timestamp and framework id.
func New() *Snapshot {
	s := &Snapshot{}
	s.SetTimestamp(0)
	for _, id := range []Field{HostAttributes, TaskSet, CronJobs} {
		s.SetElements(id, nil)
	}
	s.SetMetadata(&tbinary.Struct{})
	for _, id := range []Field{Quotas, JobUpdates, MaintenanceRequests} {
		s.SetElements(id, nil)
	}
	return s
}

// Append appends the bytes of the backup to dst.
func (s *Snapshot) Append(dst []byte) []byte {
	for _, f := range s.fields {
		dst = f.head(dst)
		for _, e := range f.elems {
			dst = append(dst, e...)
		}
	}
	return append(dst, byte(tbinary.TypeStop))
}

// head appends what precedes the elements of a set, or the whole of another field.
func (f *field) head(dst []byte) []byte {
	dst = tbinary.AppendField(dst, f.t, int16(f.id))
	if f.elems == nil {
		return append(dst, f.value...)
	}
	return tbinary.AppendList(dst, tbinary.Type(f.elem), len(f.elems))
}

// Write writes the backup as the scheduler reads it.
func Write(w io.Writer, s *Snapshot) error {
	const chunk = 256 << 10
	buf := make([]byte, 0, chunk+4096)
	flush := func() (err error) {
		_, err = w.Write(buf)
		buf = buf[:0]
		return err
	}
	for _, f := range s.fields {
		buf = f.head(buf)
		for _, e := range f.elems {
			if buf = append(buf, e...); len(buf) >= chunk {
				if err := flush(); err != nil {
					return fmt.Errorf("writing a backup: %w", err)
				}
			}
		}
	}
	buf = append(buf, byte(tbinary.TypeStop))
	if err := flush(); err != nil {
		return fmt.Errorf("writing a backup: %w", err)
	}
	return nil
}

// get returns the field id if it has type t; of several the last, as the scheduler.
func (s *Snapshot) get(id Field, t tbinary.Type) *field {
	for i := len(s.fields) - 1; i >= 0; i-- {
		if f := &s.fields[i]; f.id == id && f.t == t {
			return f
		}
	}
	return nil
}

// set returns the field id with type t, and makes it if it is not there. A
// field that is read in several places is left in one.
func (s *Snapshot) set(id Field, t tbinary.Type) *field {
	f := s.get(id, t)
	if f == nil {
		s.fields = slices.DeleteFunc(s.fields, func(f field) bool { return f.id == id })
		at := slices.IndexFunc(s.fields, func(f field) bool { return f.id > id })
		if at < 0 {
			at = len(s.fields)
		}
		s.fields = slices.Insert(s.fields, at, field{id: id, t: t})
		f = &s.fields[at]
	}
	return f
}

// errNotSet is the mistake to ask for elements of a field that has none.
var errNotSet = errors.New("backup: not a set of structs")

func mustBeSet(id Field) {
	if known := fieldTypes[id]; known.t != tbinary.TypeSet {
		panic(fmt.Errorf("%w: field %d", errNotSet, id))
	}
}
