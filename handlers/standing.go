package handlers

import (
	"fmt"
	"sync"

	"aurorabot/policy"
	"aurorabot/runner"
)

// A Standing is where all runs stand, for monitoring.
type Standing struct {
	Runs    map[string]int // By status; "unreadable": the journal cannot be read.
	Waiting []Waiting
}

// Waiting is an open gate.
type Waiting struct {
	Run, Cluster, Gate string
	Missing            int // Approvals that are still needed, by what the journal knows of those who gave one.
}

// closedRuns remembers runs that will not change any more, so that asking often
// does not read every journal of the past.
type closedRuns struct {
	mu   sync.Mutex
	runs map[string]bool
}

func (c *closedRuns) has(run string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.runs[run]
}

func (c *closedRuns) add(run string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.runs == nil {
		c.runs = map[string]bool{}
	}
	c.runs[run] = true
}

// Unclosed are the states of all runs that are not closed, oldest first. A run that
// was found closed is not read again.
func (s *Service) Unclosed() ([]*runner.State, error) {
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return nil, fmt.Errorf("open runs: %w", err)
	}
	var states []*runner.State
	for _, run := range runs {
		if run == auditRun || s.closed.has(run) {
			continue
		}
		st, err := s.state(run)
		if err != nil {
			return nil, err
		}
		if st.Status == runner.Closed {
			s.closed.add(run)
			continue
		}
		states = append(states, st)
	}
	return states, nil
}

// Standing tells where all runs stand now. A journal that cannot be read is
// counted and hides no other.
func (s *Service) Standing() (Standing, error) {
	all := Standing{Runs: map[string]int{}}
	runs, err := s.Engine.Journal.Runs()
	if err != nil {
		return all, fmt.Errorf("where runs stand: %w", err)
	}
	for _, run := range runs {
		if run == auditRun {
			continue
		}
		if s.closed.has(run) {
			all.Runs[string(runner.Closed)]++
			continue
		}
		st, err := s.state(run)
		if err != nil {
			all.Runs["unreadable"]++
			continue
		}
		all.Runs[string(st.Status)]++
		switch st.Status {
		case runner.Closed:
			s.closed.add(run)
		case runner.Gated:
			all.Waiting = append(all.Waiting, Waiting{run, st.Request.Cluster, st.Gate, s.missing(st)})
		}
	}
	return all, nil
}

// missing counts the approvals that the open gate of a run still needs.
func (s *Service) missing(st *runner.State) int {
	g := st.Gates[st.Gate]
	var given []policy.Approval
	for _, a := range g.Approvals {
		given = append(given, policy.Approval{Who: s.remembered(a), Digest: a.Digest, At: a.At})
	}
	return s.Rules.RuleOf(st.Gate).Needed() - len(s.Rules.Gate(st.Gate, st.Who, g.Digest, given, s.Now()).Given)
}
