package handlers

import (
	"slices"
	"sync"

	"aurorabot/runner"
)

// memory is a journal for a plan that is only looked at: gone with the call.
type memory struct {
	mu     sync.Mutex
	events []runner.Event
}

func newMemory() *memory { return &memory{} }

func (m *memory) Append(e runner.Event) (runner.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.Seq = len(m.events) + 1
	m.events = append(m.events, e)
	return e, nil
}

func (m *memory) Events(string) ([]runner.Event, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.events), nil
}

func (m *memory) Runs() ([]string, error) { return nil, nil }
