package handlers

import (
	"fmt"
	"time"

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
	Since              time.Time // When it opened.
	Missing            int       // Approvals that are still needed, by what the journal knows of those who gave one.
}

// Standing tells where all runs stand now. A journal that cannot be read is
// counted and hides no other.
func (s *consent) Standing() (Standing, error) {
	all := Standing{Runs: map[string]int{}}
	runs, err := s.records.engine.Journal.Runs()
	if err != nil {
		return all, fmt.Errorf("where runs stand: %w", err)
	}
	for _, run := range runs {
		if run == auditRun {
			continue
		}
		if s.records.closed.has(run) {
			all.Runs[string(runner.Closed)]++
			continue
		}
		st, err := s.records.state(run)
		if err != nil {
			all.Runs["unreadable"]++
			continue
		}
		all.Runs[string(st.Status)]++
		switch st.Status {
		case runner.Closed:
			s.records.closed.add(run)
		case runner.Gated:
			all.Waiting = append(all.Waiting, Waiting{run, st.Request.Cluster, st.Gate, st.Gates[st.Gate].OpenedAt, s.missing(st)})
		}
	}
	return all, nil
}

// missing counts the approvals that the open gate of a run still needs.
func (s *consent) missing(st *runner.State) int {
	g := st.Gates[st.Gate]
	var given []policy.Approval
	for _, a := range g.Approvals {
		given = append(given, policy.Approval{Who: s.remembered(a), Digest: a.Digest, At: a.At})
	}
	return s.rules.RuleOf(st.Gate).Needed() - len(s.rules.Gate(st.Gate, st.Requesters(st.Gate), g.Digest, given, s.now()).Given)
}
