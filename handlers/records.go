package handlers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup/check"
)

// records are the runs as their journals tell them.
type records struct {
	engine *runner.Engine
	closed closedRuns
	past   pastRuns
}

// auditRun is the journal of what belongs to no run: refusals.
const auditRun = "audit"

func (s *records) state(run string) (*runner.State, error) {
	events, err := s.engine.Journal.Events(run)
	if err != nil {
		return nil, fmt.Errorf("journal of %s: %w", run, err)
	}
	return runner.Fold(events), nil
}

// Events returns all events of a run.
func (s *records) Events(run string) ([]runner.Event, error) { return s.engine.Journal.Events(run) }

// Unclosed are the states of all runs that are not closed, oldest first. A run that
// was found closed is not read again.
func (s *records) Unclosed() ([]*runner.State, error) {
	runs, err := s.engine.Journal.Runs()
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

// open returns the open run of a cluster, nil if there is none: it is the
// cluster's lock. One that only waits for debts comes last.
func (s *records) open(cluster string) (*runner.State, error) {
	states, err := s.Unclosed()
	if err != nil {
		return nil, err
	}
	var owing *runner.State
	for _, st := range states {
		switch {
		case st.Request.Cluster != cluster:
		case st.Status == runner.Owing:
			owing = st
		default:
			return st, nil
		}
	}
	return owing, nil
}

// newRun is a name for a run: cluster and minute, with a number if that is taken.
func (s *records) newRun(cluster string, at time.Time) (string, error) {
	runs, err := s.engine.Journal.Runs()
	if err != nil {
		return "", fmt.Errorf("runs: %w", err)
	}
	base := cluster + "-" + at.UTC().Format("20060102T1504Z")
	for n, name := 2, base; ; n++ {
		if !slices.Contains(runs, name) {
			return name, nil
		}
		name = fmt.Sprintf("%s-%d", base, n)
	}
}

// Recover marks every run that a former process left in the middle as stopped.
// Nothing goes on by itself.
func (s *records) Recover() error {
	runs, err := s.engine.Journal.Runs()
	if err != nil {
		return fmt.Errorf("open runs: %w", err)
	}
	for _, run := range runs {
		st, err := s.state(run)
		if err != nil {
			return err
		}
		if st.Status == runner.Owing && len(st.Debts()) == 0 {
			// All is done and said; only the last line is missing.
			if _, err := s.engine.Append(run, runner.Event{Kind: runner.RunClosed, Why: st.Outcome}); err != nil {
				return err
			}
			continue
		}
		if run == auditRun || st.Status != runner.Open && st.Status != runner.Undoing && st.Status != runner.Settling {
			continue
		}
		data, err := json.Marshal(runner.Stop{Reason: runner.StopCrash, Step: st.Step})
		if err != nil {
			return fmt.Errorf("run %s: %w", run, err)
		}
		why := "the bot ended while it worked on this run"
		if st.Step != "" {
			why = "the bot ended during " + st.Step
		}
		if _, err := s.engine.Append(run, runner.Event{Kind: runner.RunStopped, Step: st.Step, Why: why + ", and has started again; a person decides: resume or undo", Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// raw is a run's journal for the incident pack: with its hash chain, so that
// `audit verify FILE` can check it wherever the pack is opened.
func (s *records) raw(run string, events []runner.Event) (string, error) {
	if v, ok := s.engine.Journal.(verifier); ok {
		text, err := v.Raw(run)
		return string(text), err
	}
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return b.String(), nil
}

// lastTook is how long a cluster's last recovery took, zero if there was none, or
// if that cannot be told.
func (s *records) lastTook(cluster string) (took time.Duration) {
	past, err := s.pasts()
	if err != nil {
		return 0 // It is said to give an idea, and nothing rests on it.
	}
	var last time.Time
	for _, p := range past {
		if p.cluster == cluster && p.took > 0 && p.window.To.After(last) {
			last, took = p.window.To, p.took
		}
	}
	return took
}

// windows are the recoveries of each cluster. A run that ended before its start
// gate was passed stopped no scheduler: what was written meanwhile counts.
func (s *records) windows() (map[string][]check.Window, error) {
	past, err := s.pasts()
	all := map[string][]check.Window{}
	for _, p := range past {
		if p.counts {
			all[p.cluster] = append(all[p.cluster], p.window)
		}
	}
	return all, err
}

// pasts are all runs, in the order of their journals.
func (s *records) pasts() ([]pastRun, error) {
	runs, err := s.engine.Journal.Runs()
	if err != nil {
		return nil, fmt.Errorf("recoveries of the past: %w", err)
	}
	all := make([]pastRun, 0, len(runs))
	for _, run := range runs {
		if run == auditRun {
			continue
		}
		p, known := s.past.of(run)
		if !known {
			st, err := s.state(run)
			if err != nil {
				return nil, err
			}
			p = s.past.add(st)
		}
		all = append(all, p)
	}
	return all, nil
}

// askWithout journals what was asked for. People decide on it at a gate.
func (s *records) askWithout(run string, c call, hosts []string) error {
	for _, host := range hosts {
		if _, err := s.engine.Append(run, runner.Event{Kind: runner.HostAsked, Who: c.Actor.Key(), Host: host, Why: strings.TrimSpace(c.flags["reason"])}); err != nil {
			return err
		}
	}
	return nil
}

// keep takes back what was asked where the look found that the host lives: who
// resumes without the option means to go on with all hosts.
func (s *records) keep(st *runner.State, c call) error {
	if !strings.HasPrefix(st.Stop.Step, runner.PhaseWithout+"/") || st.Stop.Reason != runner.StopFailed {
		return nil
	}
	for _, host := range st.Asked() {
		if _, err := s.engine.Append(st.Run, runner.Event{Kind: runner.HostKept, Who: c.Actor.Key(), Host: host, Why: "the run is resumed with it"}); err != nil {
			return err
		}
	}
	return nil
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

// pastRuns remembers the times of runs that will not change any more.
type pastRuns struct {
	mu   sync.Mutex
	runs map[string]pastRun
}

type pastRun struct {
	cluster string
	window  check.Window
	took    time.Duration // Of one that recovered the cluster, from its start gate on.
	counts  bool          // What was written meanwhile may be an empty leader's.
}

func (p *pastRuns) of(run string) (pastRun, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r, ok := p.runs[run]
	return r, ok
}

func (p *pastRuns) add(st *runner.State) pastRun {
	r := pastRun{cluster: st.Request.Cluster, window: check.Window{Run: st.Run, From: st.Began}, counts: true}
	if st.Status != runner.Closed {
		return r
	}
	r.window.To, r.counts = st.At, st.Gates["start"].Passed
	if st.Outcome == "recovered" && r.counts {
		r.took = st.At.Sub(st.Gates["start"].PassedAt)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs == nil {
		p.runs = map[string]pastRun{}
	}
	p.runs[st.Run] = r
	return r
}

// clusterOf is the cluster of a run; "" if that is not known, or it is none.
func (s *records) clusterOf(run string) string {
	if run == auditRun {
		return ""
	}
	if p, known := s.past.of(run); known {
		return p.cluster
	}
	st, err := s.state(run)
	if err != nil {
		return ""
	}
	return s.past.add(st).cluster
}

// void journals that the consents at a gate count no more.
func (s *records) void(r *runner.Recipe, st *runner.State, gate, why string) error {
	if _, err := s.engine.Append(st.Run, runner.Event{Kind: runner.GateVoided, Gate: gate, Digest: st.Gates[gate].Digest, Why: why}); err != nil {
		return err
	}
	for i := range r.Gates {
		before := r.Gates[i].Before
		step, _ := r.Step(before)
		if r.Gates[i].ID != gate || step == nil || !step.ReadOnly() || len(st.Steps[before]) == 0 {
			continue
		}
		ids, err := json.Marshal([]string{before})
		if err != nil {
			return fmt.Errorf("encode steps: %w", err)
		}
		if _, err := s.engine.Append(st.Run, runner.Event{Kind: runner.StepsReopened, Data: ids, Why: why}); err != nil {
			return err
		}
	}
	return nil
}
