package backup

import (
	"slices"
	"time"
)

// DeleteTasks removes the tasks with these ids, and returns the ids that are there, sorted.
func (s *Snapshot) DeleteTasks(ids ...string) []string {
	var gone []string
	p := parser{names: interned{}}
	s.Remove(TaskSet, func(e Element) bool {
		id := p.task(e).ID
		drop := slices.Contains(ids, id)
		if drop {
			gone = append(gone, id)
		}
		return drop
	})
	slices.Sort(gone)
	return slices.Compact(gone)
}

// State makes the state of a whole snapshot.
func (s *Snapshot) State() *State {
	out := newState()
	if out.Time = s.Time(); s.timestamp() == 0 {
		out.Time = time.Time{}
	}
	out.FrameworkID = s.FrameworkID()
	for _, id := range fullState {
		for _, e := range s.Elements(id) {
			out.add(id, e)
		}
	}
	return out
}
