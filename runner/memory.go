package runner

import (
	"slices"
	"sync"
)

// Memory is a journal that is gone with the process: for a plan that is only
// looked at, and for tests. The zero value is empty.
type Memory struct {
	mu   sync.Mutex
	runs []string
	all  map[string][]Event
}

// Append gives e its Seq and keeps it.
func (m *Memory) Append(e Event) (Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil {
		m.all = map[string][]Event{}
	}
	if m.all[e.Run] == nil {
		m.runs = append(m.runs, e.Run)
	}
	e.Seq = len(m.all[e.Run]) + 1
	m.all[e.Run] = append(m.all[e.Run], e)
	return e, nil
}

// Events returns all events of a run, oldest first.
func (m *Memory) Events(run string) ([]Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.all[run]), nil
}

// Runs returns the IDs of all runs, oldest first.
func (m *Memory) Runs() ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.runs), nil
}
