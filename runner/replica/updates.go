package replica

import (
	"cmp"
	"fmt"
	"slices"

	"aurorabot/runner/backup"
	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// update is one job update with its events.
type update struct {
	stored *tbinary.Struct // StoredJobUpdateDetails.
	job    string
	id     string

	// Events that were added behind those of a later time wait to be sorted, and the
	// summary to be derived from them, until somebody looks.
	stale bool
}

// Fields of JobUpdateDetails that hold events, and where an event of each kind
// has its timestamp. Both kinds of Op have the same form.
const (
	updateEvents   = 2
	instanceEvents = 3
)

// terminal are the values of JobUpdateStatus that end an update: ROLLED_FORWARD,
// ROLLED_BACK, ABORTED, ERROR, FAILED.
func terminal(status int32) bool { return status >= 4 && status <= 8 }

func updateKey(k *tbinary.Struct) string { return jobKey(k.Struct(1)) + " " + k.Str(2) }

// keyOfSummary reads the key of a JobUpdateSummary, which stands elsewhere
// up to 0.8.
func keyOfSummary(s *tbinary.Struct) (job, id string) {
	if key := s.Struct(5); key != nil {
		return jobKey(key.Struct(1)), key.Str(2)
	}
	return jobKey(s.Struct(2)), s.Str(1)
}

// loadUpdate takes a StoredJobUpdateDetails of a snapshot.
func (s *state) loadUpdate(stored *tbinary.Struct) error {
	stored = stored.Clone()
	details := stored.Struct(1)
	job, id := keyOfSummary(details.Struct(1).Struct(1))
	if err := need("a job update's id", id); err != nil {
		return err
	}
	for _, kind := range []int16{updateEvents, instanceEvents} {
		for e := range details.List(kind).Structs() {
			s.saw(e.I64(2))
		}
	}
	s.updates[job+" "+id] = &update{stored: stored, job: job, id: id}
	return nil
}

// saveUpdate takes SaveJobUpdate. An update that is there already keeps its
// events.
func (s *state) saveUpdate(b *tbinary.Struct) error {
	b = b.Clone()
	job, id := keyOfSummary(b.Struct(1).Struct(1))
	if err := need("a job update's id", id); err != nil {
		return err
	}
	u := s.updates[job+" "+id]
	if u == nil {
		none := func() *tbinary.List { return tbinary.Structs() }
		details := (&tbinary.Struct{}).SetStruct(1, b.Struct(1)).SetList(updateEvents, none()).SetList(instanceEvents, none())
		u = &update{stored: (&tbinary.Struct{}).SetStruct(1, details), job: job, id: id}
		s.updates[job+" "+id] = u
	} else {
		u.stored.Struct(1).SetStruct(1, b.Struct(1))
	}
	if b.Has(2) {
		u.stored.SetBytes(2, b.Bytes(2)) // The lock token, up to 0.19.
	}
	u.stale = true
	return nil
}

// event takes SaveJobUpdateEvent and SaveJobInstanceUpdateEvent.
func (s *state) event(b *tbinary.Struct, kind int16) error {
	event := b.Struct(1).Clone()
	if event == nil {
		return need("the event", "")
	}
	u := s.updates[updateKey(b.Struct(3))]
	if u == nil && !b.Has(3) {
		if err := s.look(len(s.updates)); err != nil {
			return err
		}
		for _, other := range s.updates { // Up to 0.8 the id alone says which.
			if other.id == b.Str(2) {
				u = other
			}
		}
	}
	if u == nil {
		return fmt.Errorf("of an update that is not there: %s", updateKey(b.Struct(3)))
	}
	s.saw(event.I64(2))
	u.add(kind, event)
	return nil
}

// at is an event's time. Instance events have it in field 2, too.
func at(event any) int64 {
	e, _ := event.(*tbinary.Struct)
	return e.I64(2)
}

// add adds an event.
func (u *update) add(kind int16, event *tbinary.Struct) {
	details := u.stored.Struct(1)
	list := details.List(kind)
	if list == nil {
		list = tbinary.Structs()
		details.SetList(kind, list)
	}
	list.Elem = tbinary.TypeStruct
	list.Values = append(list.Values, any(event))
	u.stale = true
}

// settle puts events where their times belong, each behind those of the same time,
// and derives the summary's state from them.
func (u *update) settle() {
	if !u.stale {
		return
	}
	u.stale = false
	details := u.stored.Struct(1)
	for _, kind := range []int16{updateEvents, instanceEvents} {
		if list := details.List(kind); list != nil {
			slices.SortStableFunc(list.Values, func(a, b any) int { return cmp.Compare(at(a), at(b)) })
		}
	}
	u.refresh()
}

// refresh derives the summary's state from the events, as the scheduler does:
// it is not written with them.
func (u *update) refresh() {
	details := u.stored.Struct(1)
	summary := details.Struct(1).Struct(1)
	if summary == nil {
		return
	}
	state := summary.Struct(4)
	if state == nil {
		state = &tbinary.Struct{}
		setInOrder(summary, tbinary.Field{ID: 4, Type: tbinary.TypeStruct, Value: state})
	}
	if events := details.List(updateEvents); events.Len() > 0 {
		last, _ := events.Values[events.Len()-1].(*tbinary.Struct)
		setInOrder(state, tbinary.Field{ID: 1, Type: tbinary.TypeI32, Value: last.I32(1)})
		setInOrder(state, tbinary.Field{ID: 2, Type: tbinary.TypeI64, Value: at(events.Values[0])})
		setInOrder(state, tbinary.Field{ID: 3, Type: tbinary.TypeI64, Value: at(last)})
	}
	if events := details.List(instanceEvents); events.Len() > 0 {
		latest := max(state.I64(3), at(events.Values[events.Len()-1]))
		setInOrder(state, tbinary.Field{ID: 3, Type: tbinary.TypeI64, Value: latest})
	}
}

// setInOrder sets a field, and puts a new one where its number belongs.
func setInOrder(s *tbinary.Struct, f tbinary.Field) {
	if old := s.Field(f.ID); old != nil {
		*old = f
		return
	}
	i, _ := slices.BinarySearchFunc(s.Fields, f, func(a, b tbinary.Field) int { return cmp.Compare(a.ID, b.ID) })
	s.Fields = slices.Insert(s.Fields, i, f)
}

func (u *update) element() backup.Element {
	u.settle()
	return u.stored.Encode()
}

// maxLooks bounds how many updates are looked at in search of some, in one replay:
// each prune, and each event of a release to 0.8, looks at all there are. A scheduler
// prunes once an hour.
const maxLooks = 1 << 26

// look counts updates that are about to be looked at.
func (s *state) look(n int) error {
	if s.looks += n; s.looks > maxLooks {
		return fmt.Errorf("%w: its entries look for job updates among %d", bound.ErrTooMuch, s.looks)
	}
	return nil
}

// prune is what PruneJobUpdateHistory did up to 0.19: of the updates that have
// ended, those created before threshold go, and of the others all but the
// newest retain of each job.
func (s *state) prune(retain int, threshold int64) error {
	if err := s.look(len(s.updates)); err != nil {
		return err
	}
	type ended struct {
		key     string
		created int64
	}
	byJob := map[string][]ended{}
	for key, u := range s.updates {
		u.settle()
		state := u.stored.Struct(1).Struct(1).Struct(1).Struct(4)
		switch {
		case !terminal(state.I32(1)):
		case state.I64(2) < threshold:
			delete(s.updates, key)
		default:
			byJob[u.job] = append(byJob[u.job], ended{key, state.I64(2)})
		}
	}
	for _, list := range byJob {
		slices.SortFunc(list, func(a, b ended) int {
			return cmp.Or(cmp.Compare(b.created, a.created), cmp.Compare(a.key, b.key))
		})
		for i := max(retain, 0); i < len(list); i++ {
			delete(s.updates, list[i].key)
		}
	}
	return nil
}
