package runner

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
)

// An Obstacle is what speaks against a run: a step before its first gate at which it
// would stop.
type Obstacle struct {
	Step   string     `json:"step,omitempty"`
	Host   string     `json:"host"` // [Bot]: the cluster as a whole.
	Why    string     `json:"why"`
	Reason StopReason `json:"reason,omitempty"` // Of one that would end the run.
	Open   bool       `json:"open,omitempty"`   // Nothing is known of the host: its part of the plan is left open.
}

// A rehearsal takes the steps before the first gate, and stops at none.
type rehearsal struct {
	*walk
	mu      sync.Mutex
	against []Obstacle
	lost    map[string]string // Hosts of which nothing is known, and why.
}

// Rehearse makes the plan of a run, whatever speaks against it: it takes the steps
// before the first gate, those that look and those that bring tools of ours, and goes
// on where one fails. A host of which nothing is known by then has no turn in the
// steps behind; in the plan its part is left open. Nothing else is done, and no gate
// opens. An error means that there is no plan.
func (e *Engine) Rehearse(ctx context.Context, r *Recipe, run string) (Plan, []Obstacle, error) {
	w, err := e.walk(r, run)
	if err != nil {
		return Plan{}, nil, err
	}
	h := &rehearsal{walk: w, lost: map[string]string{}}
	if err := h.looks(ctx); err != nil {
		return Plan{}, nil, err
	}
	plan := MakePlan(r, w.now())
	for i := range plan.Phases {
		for j := range plan.Phases[i].Steps {
			hosts := plan.Phases[i].Steps[j].Hosts
			for k := range hosts {
				if why, lost := h.lost[hosts[k].Host]; lost {
					hosts[k].Does, hosts[k].Unknown = nil, why
				}
			}
		}
	}
	plan.Digest = plan.digest()
	return plan, h.against, nil
}

func (h *rehearsal) looks(ctx context.Context) error {
	for i := range h.r.Phases {
		p := &h.r.Phases[i]
		for j := range p.Steps {
			st := &p.Steps[j]
			if h.gateOf(st) != nil || !st.ReadOnly() && !st.Tool {
				return nil
			}
			if err := h.step(ctx, p, st); err != nil {
				return err
			}
		}
	}
	return nil
}

func (h *rehearsal) step(ctx context.Context, p *Phase, st *Step) error {
	state := h.known()
	if st.Needed != nil {
		if ok, _ := st.Needed(state); !ok {
			return nil
		}
	}
	hosts := st.on(p, state)
	if len(h.lost) > 0 && len(h.lost) == len(h.r.Hosts) {
		return nil // Nobody is left to ask.
	}
	before := len(h.against)
	for _, err := range h.each(hosts, func(host string) error { return h.take(ctx, p, st, host) }) {
		if step := (*StepError)(nil); !errors.As(err, &step) {
			return err // The journal's.
		}
	}
	slices.SortStableFunc(h.against[before:], func(a, b Obstacle) int { return strings.Compare(a.Host, b.Host) })
	return context.Cause(ctx)
}

// known is the state, as if the hosts of which nothing is known were left out.
func (h *rehearsal) known() *State {
	s := h.now()
	h.mu.Lock()
	defer h.mu.Unlock()
	for host, why := range h.lost {
		s.Without = append(s.Without, Leave{Host: host, Why: why, Left: true})
	}
	return s
}

func (h *rehearsal) take(ctx context.Context, p *Phase, st *Step, host string) error {
	limit := st.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := h.task(p.ID, st.ID, host)
	t.State = h.known()
	if st.Verify != nil {
		if a, err := st.Verify(ctx, t); err != nil || a.Yes {
			return h.found(StepSkipped, p, st, host, a, err) // It was there: it is not ours to take away.
		}
	}
	a := Answer{Yes: true}
	if st.Check != nil {
		var err error
		if a, err = st.Check(ctx, t); err != nil || !a.Yes {
			return h.found(StepDone, p, st, host, a, err)
		}
	}
	if st.ReadOnly() {
		return h.found(StepDone, p, st, host, a, nil)
	}
	err := h.do(ctx, p, st, host, t)
	if step := (*StepError)(nil); errors.As(err, &step) {
		h.note(st, host, Answer{}, step.Err)
	}
	return err
}

// found journals what a step found, also where it speaks against the run.
func (h *rehearsal) found(kind Kind, p *Phase, st *Step, host string, a Answer, err error) error {
	if err == nil && a.Yes {
		return h.say(Event{Kind: kind, Phase: p.ID, Step: st.ID, Host: host, Why: a.Evidence, Facts: facts(a)})
	}
	why := h.note(st, host, a, err)
	if a.Facts == nil || !st.ReadOnly() {
		return h.say(Event{Kind: StepFailed, Phase: p.ID, Step: st.ID, Host: host, Why: why})
	}
	return h.say(Event{Kind: StepDone, Phase: p.ID, Step: st.ID, Host: host, Why: why, Facts: facts(a)})
}

// note notes why a run would stop at a step on a host, and that the host is lost where
// it left nothing to plan with. What ends a run comes before what else is wrong.
func (h *rehearsal) note(st *Step, host string, a Answer, err error) (why string) {
	o := Obstacle{Step: st.ID, Host: host, Why: a.Evidence, Open: a.Facts == nil && host != Bot}
	h.mu.Lock()
	defer h.mu.Unlock()
	var end *Ending
	switch {
	case errors.As(err, &end):
		e := o
		e.Why, e.Reason = end.Why, end.Reason
		// That no restore is needed is found out in two ways, and said once.
		if !slices.ContainsFunc(h.against, func(b Obstacle) bool { return b.Reason == e.Reason }) {
			h.against = append(h.against, e)
		}
	case err != nil:
		o.Why = err.Error()
	}
	if o.Why != "" {
		h.against = append(h.against, o)
	}
	why = o.Why
	if end != nil {
		why = end.Why
	}
	if o.Open {
		h.lost[host] = why
	}
	return why
}
