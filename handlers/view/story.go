package view

import (
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// A story is a run's events, gathered by what is told together. It holds no
// more than the events do.
type story struct {
	*runner.State
	events []runner.Event
	plan   runner.Plan // The newest; zero before the first.

	visits   []*visit
	openings []*opening
	stops    []*stop
	undo     *visit        // What was undone because somebody asked for it.
	waiting  *runner.Event // What the step that has its turn waits for, as it said last.
	closedAt time.Time
}

// A visit is one turn of a phase: what its thread message tells.
type visit struct {
	phase string
	nth   int // 1, 2 …: a phase whose steps were reopened after it was done has another turn.
	first int // Seq of its first event.
	at    time.Time
	end   time.Time // Zero while it lasts.
	kind  runner.Kind
	why   string
	steps []*turn
	notes []string
}

// A turn is one step within a visit, on its hosts.
type turn struct {
	step  string
	undo  bool
	hosts map[string]runner.Event // The last event of each host.
	at    time.Time
}

// An opening is one asking for consent at a gate, to one digest.
type opening struct {
	gate, digest, phase string
	nth                 int
	opened              runner.Event
	view                runner.GateView
	binds               bindFact
	state               *runner.State // As it was when it opened: what was shown then.
	approvals           []runner.Event
	ended               *runner.Event // Passed, denied, voided; or nil.
}

// A stop is one stand of the engine.
type stop struct {
	nth    int
	event  runner.Event
	reason runner.Stop
	over   *runner.Event // What ended it: resumed, undo asked for, closed; or nil.
}

func tell(events []runner.Event) *story {
	events = foreign(events)
	s := &story{State: &runner.State{}, events: events}
	for i := range events {
		e := events[i]
		s.Apply(e)
		s.gate(e, i)
		s.stand(e)
		s.visit(e)
		switch e.Kind {
		case runner.PlanProposed:
			if p, ok := decode[runner.Plan](e.Data); ok {
				s.plan = p
			}
		case runner.RunClosed:
			s.closedAt = e.At
		}
		s.wait(e)
	}
	return s
}

// wait keeps what was said last of waiting, until something else happens.
func (s *story) wait(e runner.Event) {
	switch e.Kind {
	case runner.Waiting:
		s.waiting = &e
	case runner.Note, runner.Found, runner.Refused:
	default:
		s.waiting = nil
	}
}

func (s *story) gate(e runner.Event, at int) {
	var last *opening
	nth := 0
	for _, o := range s.openings {
		if o.gate == e.Gate {
			last, nth = o, o.nth
		}
	}
	switch e.Kind {
	case runner.GateOpened:
		if last != nil && last.ended == nil && last.digest == e.Digest {
			return // Asked again after a stop: it is the same question.
		}
		o := &opening{gate: e.Gate, digest: e.Digest, phase: e.Phase, nth: nth + 1, opened: e, state: runner.Fold(s.events[:at+1])}
		o.view, _ = decode[runner.GateView](e.Data)
		if v, ok := decode[struct {
			Binds bindFact `json:"binds"`
		}](e.Data); ok {
			o.binds = v.Binds
		}
		s.openings = append(s.openings, o)
	case runner.GateApproved:
		if last != nil && last.ended == nil && last.digest == e.Digest {
			last.approvals = append(last.approvals, e)
		}
	case runner.GateDenied, runner.GatePassed, runner.GateVoided:
		// What was passed can still be voided: by a person who left, or by time.
		if last != nil && (last.ended == nil || last.ended.Kind == runner.GatePassed) {
			last.ended = &e
		}
	}
}

func (s *story) stand(e runner.Event) {
	var last *stop
	if n := len(s.stops); n > 0 && s.stops[n-1].over == nil {
		last = s.stops[n-1]
	}
	switch e.Kind {
	case runner.RunStopped, runner.RunAborted:
		if last != nil {
			last.over = &e
		}
		st := &stop{nth: len(s.stops) + 1, event: e, reason: runner.Stop{Reason: runner.StopAborted}}
		if e.Kind == runner.RunStopped {
			st.reason, _ = decode[runner.Stop](e.Data)
		}
		s.stops = append(s.stops, st)
	case runner.RunResumed, runner.UndoRequested, runner.RunClosed:
		if last != nil {
			last.over = &e
		}
	}
}

func (s *story) visit(e runner.Event) {
	switch e.Kind {
	case runner.UndoRequested:
		if s.undo == nil {
			s.undo = &visit{phase: "undo", nth: 1, first: e.Seq, at: e.At, kind: e.Kind, why: e.Why}
		}
		return
	case runner.RunClosed, runner.RunOwes:
		if s.undo != nil && s.undo.end.IsZero() {
			s.undo.end = e.At
		}
		return
	case runner.PhaseStarted, runner.PhaseSkipped, runner.PhaseDone,
		runner.StepStarted, runner.StepDone, runner.StepSkipped, runner.StepFailed,
		runner.UndoStarted, runner.UndoDone, runner.UndoFailed, runner.HoldBroken:
	case runner.Note:
		if e.Step == "" {
			return
		}
	default:
		return
	}
	undo := e.Kind == runner.UndoStarted || e.Kind == runner.UndoDone || e.Kind == runner.UndoFailed
	v := s.undo
	if !undo || v == nil {
		v = s.turn(e)
	}
	if e.Step == "" {
		v.kind, v.why = e.Kind, e.Why
		if e.Kind != runner.PhaseStarted {
			v.end = e.At
		}
		return
	}
	switch e.Kind {
	case runner.HoldBroken:
		return // Told where the run stops because of it.
	case runner.Note:
		v.notes = append(v.notes, place(e)+": "+first(e.Why))
		return
	}
	i := slices.IndexFunc(v.steps, func(t *turn) bool { return t.step == e.Step && t.undo == undo })
	if i < 0 {
		v.steps = append(v.steps, &turn{step: e.Step, undo: undo, hosts: map[string]runner.Event{}, at: e.At})
		i = len(v.steps) - 1
	}
	v.steps[i].hosts[e.Host] = e
}

// turn is the visit that e belongs to.
func (s *story) turn(e runner.Event) *visit {
	phase := e.Phase
	if phase == "" {
		phase, _, _ = strings.Cut(e.Step, "/")
	}
	nth := 0
	for _, v := range slices.Backward(s.visits) {
		if v.phase != phase {
			continue
		}
		if v.end.IsZero() {
			return v
		}
		nth = v.nth
		break
	}
	v := &visit{phase: phase, nth: nth + 1, first: e.Seq, at: e.At, kind: runner.PhaseStarted}
	s.visits = append(s.visits, v)
	return v
}

// open is the gate that people decide at now, or nil.
func (s *story) open() *opening {
	if s.Status != runner.Gated {
		return nil
	}
	for _, o := range slices.Backward(s.openings) {
		if o.gate == s.Gate && o.ended == nil {
			return o
		}
	}
	return nil
}

// standing is the stop that a person decides on now, or nil.
func (s *story) standing() *stop {
	if n := len(s.stops); s.Status == runner.Stopped && n > 0 && s.stops[n-1].over == nil {
		return s.stops[n-1]
	}
	return nil
}

// step is a step of the plan, or nil.
func (s *story) step(id string) *runner.PlanStep { return planned(s.plan, id) }

func planned(p runner.Plan, id string) *runner.PlanStep {
	for i := range p.Phases {
		for j := range p.Phases[i].Steps {
			if p.Phases[i].Steps[j].ID == id {
				return &p.Phases[i].Steps[j]
			}
		}
	}
	return nil
}

// title is a step's line, or its ID in words as long as there is no plan.
func title(p runner.Plan, id string) string {
	if st := planned(p, id); st != nil {
		return st.Title
	}
	_, name, ok := strings.Cut(id, "/")
	if !ok {
		return id
	}
	return capital(strings.ReplaceAll(name, "-", " "))
}

// StepTitle is a step's line, and how many hosts of the plan it is on.
func StepTitle(p runner.Plan, id string) (words string, hosts int) {
	if st := planned(p, id); st != nil {
		hosts = len(st.Hosts)
	}
	return title(p, id), hosts
}

// heading is a phase's title.
func heading(p runner.Plan, id string) string {
	for _, ph := range p.Phases {
		if ph.ID == id {
			return ph.Title
		}
	}
	switch id {
	case "prepare":
		return "Preparation"
	case "undo":
		return "Undo"
	case runner.PhaseWithout:
		return "Going on without a host"
	case runner.PhaseSettle:
		return "Settling a host that was left out"
	}
	return capital(id)
}

func capital(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}

// phases are the IDs in the order of the plan, or as they came without one.
func (s *story) phases() []string {
	var ids []string
	for _, ph := range s.plan.Phases {
		ids = append(ids, ph.ID)
	}
	for _, v := range s.visits {
		if !slices.Contains(ids, v.phase) {
			ids = append(ids, v.phase)
		}
	}
	return ids
}

// name is how the run's cluster is called, whatever is missing.
func (s *story) name() string {
	if s.Request.Cluster == "" {
		return "the cluster"
	}
	return s.Request.Cluster
}
