package scheduler

import (
	"maps"
	"slices"

	"aurorabot/lab/tjson"
)

// A state is what a scheduler stores: the content of a Snapshot, by key.
// Values are encoded Thrift structs, kept whole, so that fields unknown to the
// stand-in survive.
type state struct {
	frameworkID string
	tasks       map[string]*task
	hosts       map[string][]byte // HostAttributes by host
	crons       map[jobKey][]byte // JobConfiguration
	quotas      map[string][]byte // ResourceAggregate by role
	updates     map[updateKey]*update
	maintenance map[string][]byte // HostMaintenanceRequest by host
}

type updateKey struct {
	job jobKey
	id  string
}

// An update is a job update with its history.
type update struct {
	job            []byte // JobUpdate
	events         [][]byte
	instanceEvents [][]byte
}

func newState() *state {
	return &state{
		tasks: map[string]*task{}, hosts: map[string][]byte{}, crons: map[jobKey][]byte{},
		quotas: map[string][]byte{}, updates: map[updateKey]*update{}, maintenance: map[string][]byte{},
	}
}

// clone copies the maps; what they hold is never changed in place.
func (s *state) clone() *state {
	c := *s
	c.tasks, c.hosts, c.crons = maps.Clone(s.tasks), maps.Clone(s.hosts), maps.Clone(s.crons)
	c.quotas, c.updates, c.maintenance = maps.Clone(s.quotas), maps.Clone(s.updates), maps.Clone(s.maintenance)
	return &c
}

func readUpdateKey(s record) updateKey { return updateKey{readJobKey(s.sub(1)), s.str(2)} }

// key is the update's key, of the shape of 0.8 and later or of 0.7.
func (u *update) key() updateKey {
	summary := mustOpen(u.job).sub(1)
	if summary.has(5) {
		return readUpdateKey(summary.sub(5))
	}
	return updateKey{readJobKey(summary.sub(2)), summary.str(1)}
}

// details is the update as JobUpdateDetails: its summary's state comes from its
// history, as the real store computes it.
func (u *update) details() []byte {
	job := mustOpen(u.job)
	if len(u.events) > 0 {
		first, last := mustOpen(u.events[0]), mustOpen(u.events[len(u.events)-1])
		modified := last.i64(2)
		for _, e := range u.instanceEvents {
			modified = max(modified, mustOpen(e).i64(2))
		}
		st := record{{1, tjson.I32, vI32(last.i32(1))}, {2, tjson.I64, vI64(first.i64(2))}, {3, tjson.I64, vI64(modified)}}
		job = job.with(1, tjson.Struct, job.sub(1).with(4, tjson.Struct, st.encode()).encode())
	}
	return record{
		{1, tjson.Struct, job.encode()},
		{2, tjson.List, vElements(tjson.Struct, u.events)},
		{3, tjson.List, vElements(tjson.Struct, u.instanceEvents)},
	}.encode()
}

// sortedTasks returns the tasks that q matches, by id.
func (s *state) sortedTasks(q taskQuery) []*task {
	var out []*task
	if len(q.ids) > 0 {
		for id := range q.ids {
			if t := s.tasks[id]; t != nil && q.matches(t) {
				out = append(out, t)
			}
		}
	} else {
		for _, t := range s.tasks {
			if q.matches(t) {
				out = append(out, t)
			}
		}
	}
	slices.SortFunc(out, func(a, b *task) int {
		if a.id < b.id {
			return -1
		}
		return 1
	})
	return out
}

// jobOrder returns the keys of a map by job, so that what is written is the
// same for the same state.
func jobOrder[V any](m map[jobKey]V) []jobKey {
	keys := slices.Collect(maps.Keys(m))
	slices.SortFunc(keys, func(a, b jobKey) int {
		if a.String() < b.String() {
			return -1
		}
		return 1
	})
	return keys
}

func nameOrder[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
