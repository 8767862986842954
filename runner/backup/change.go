package backup

import (
	"slices"
	"time"

	"aurorabot/runner/tbinary"
)

// Time is when the snapshot was taken; 1970 begins if it does not say.
func (s *Snapshot) Time() time.Time { return time.UnixMilli(s.timestamp()).UTC() }

func (s *Snapshot) timestamp() int64 {
	f := s.get(Timestamp, tbinary.TypeI64)
	if f == nil {
		return 0
	}
	return tbinary.NewReaderBytes(f.value).I64()
}

// SetTimestamp sets when the snapshot was taken, in milliseconds since 1970.
func (s *Snapshot) SetTimestamp(ms int64) {
	s.set(Timestamp, tbinary.TypeI64).value = tbinary.AppendI64(nil, ms)
}

// Metadata returns the SchedulerMetadata, empty if there is none: 1 is the framework id, 8 the details.
func (s *Snapshot) Metadata() *tbinary.Struct {
	if f := s.get(Metadata, tbinary.TypeStruct); f != nil {
		if m, err := tbinary.DecodeAll(f.value); err == nil {
			return m
		}
	}
	return &tbinary.Struct{}
}

// SetMetadata sets the SchedulerMetadata.
func (s *Snapshot) SetMetadata(m *tbinary.Struct) {
	s.set(Metadata, tbinary.TypeStruct).value = m.Encode()
}

// FrameworkID is the id under which the scheduler registers with Mesos, "" if there is none.
func (s *Snapshot) FrameworkID() string { return s.Metadata().Str(1) }

// SetFrameworkID sets that id, and leaves the other metadata as they are.
func (s *Snapshot) SetFrameworkID(id string) { s.SetMetadata(s.Metadata().SetStr(1, id)) }

// Elements returns the elements of a set, in the order of the file; nil if it
// is absent. Asking for a field that is no set of structs is a mistake in the program, and panics.
func (s *Snapshot) Elements(id Field) []Element {
	mustBeSet(id)
	if f := s.get(id, tbinary.TypeSet); f != nil {
		return f.elems
	}
	return nil
}

// SetElements makes a set of elements that are encoded already. It keeps elems.
func (s *Snapshot) SetElements(id Field, elems []Element) {
	mustBeSet(id)
	f := s.set(id, tbinary.TypeSet)
	if f.elems = elems; elems == nil {
		f.elems = []Element{}
	}
	f.elem = byte(tbinary.TypeStruct)
}

// Add adds an element to a set, such as a ScheduledTask to TaskSet.
func (s *Snapshot) Add(id Field, elem *tbinary.Struct) {
	s.SetElements(id, append(s.Elements(id), elem.Encode()))
}

// Remove removes from a set what drop says, and tells how many that were.
func (s *Snapshot) Remove(id Field, drop func(Element) bool) int {
	before := s.Elements(id)
	kept := slices.DeleteFunc(slices.Clone(before), drop)
	if len(kept) < len(before) {
		s.SetElements(id, kept)
	}
	return len(before) - len(kept)
}

// Tasks returns the snapshot's tasks, in the order of the file.
func (s *Snapshot) Tasks() []Task {
	elems := s.Elements(TaskSet)
	out := make([]Task, 0, len(elems))
	p := parser{names: interned{}}
	for _, e := range elems {
		out = append(out, p.task(e))
	}
	return out
}

// DeleteTasks removes the tasks with these ids, and returns the ids that are there, sorted.
func (s *Snapshot) DeleteTasks(ids ...string) []string {
	var gone []string
	asked := map[string]bool{}
	for _, id := range ids {
		asked[id] = true
	}
	p := parser{names: interned{}}
	s.Remove(TaskSet, func(e Element) bool {
		id := p.task(e).ID
		drop := asked[id]
		if drop {
			gone = append(gone, id)
		}
		return drop
	})
	slices.Sort(gone)
	return slices.Compact(gone)
}

// parser reads single elements.
type parser struct {
	r     tbinary.Reader
	row   row
	names interned
}

func (p *parser) task(e Element) Task {
	p.r.ResetBytes(e)
	p.row.read(&p.r)
	return p.row.task(p.names)
}
