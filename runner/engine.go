package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// An Engine walks recipes. It owns order, fan-out, limits and the journal; it
// decides nothing that people decide: to pass a gate, to go on after a stop, to
// undo.
//
// For each step, on all its hosts at once:
//
//	journal says done or skipped -> next
//	Verify yes                   -> skipped; or done, if this run had begun it
//	Check no                     -> stop; nothing was changed
//	journal "started"            -> Do -> Verify no: stop; yes: journal "done"
//
// The journal is asked first and Verify second: a later step may have changed
// on purpose what an earlier one did.
//
// A step that is Once is different after its "commit.sent": Do is not called
// again, whatever is known of the first call. Its outcome is for a later step
// to find out, and only a proof that nothing was committed allows another one.
type Engine struct {
	Journal Journal
	Now     func() time.Time

	// Parallel is how many hosts work at once. Zero: 16.
	Parallel int

	// Recheck is asked right before a gate's step is done: are the approvals
	// at that gate good enough now? Its error says why not and voids the gate.
	Recheck func(ctx context.Context, s *State, gate string) error

	// Told is called with each event after it is durable, in order. It must
	// not block. Nil: nobody is told.
	Told func(Event)

	mu sync.Mutex // Orders Append and Told.
}

// ErrIrreversible is why undo is refused once a commit was sent.
var ErrIrreversible = errors.New("a commit was sent and it is not proved that it changed nothing: what remains is resume, then Cleanup")

// A walk is one pass of the engine over one run.
type walk struct {
	e      *Engine
	r      *Recipe
	run    string
	mu     sync.Mutex
	events []Event
	state  *State
}

func (e *Engine) walk(r *Recipe, run string) (*walk, error) {
	events, err := e.Journal.Events(run)
	if err != nil {
		return nil, fmt.Errorf("read the journal of %s: %w", run, err)
	}
	if len(events) == 0 {
		return nil, fmt.Errorf("run %s: no such run", run)
	}
	return &walk{e: e, r: r, run: run, events: events, state: Fold(events)}, nil
}

// say journals ev and folds it in. After an error nothing may be done any more.
func (w *walk) say(ev Event) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	ev, err := w.e.Append(w.run, ev)
	if err != nil {
		return err
	}
	w.events = append(w.events, ev)
	w.state.Apply(ev)
	return nil
}

// now returns the state as it is, for functions that read it while others append.
func (w *walk) now() *State {
	w.mu.Lock()
	defer w.mu.Unlock()
	return Fold(w.events)
}

// Append journals one event of a run and tells it. It is how everybody but the
// engine itself (approvals, refusals) adds to a journal.
func (e *Engine) Append(run string, ev Event) (Event, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ev.Run, ev.At = run, e.Now().UTC()
	ev, err := e.Journal.Append(ev)
	if err != nil {
		return ev, fmt.Errorf("journal %s: %w", ev.Kind, err)
	}
	if e.Told != nil {
		e.Told(ev)
	}
	return ev, nil
}

// Advance goes on with a run until people are needed, something stops it, or it
// is closed, and returns the state that it reached. The error is about the
// journal or the program itself; a step that failed is in the state.
func (e *Engine) Advance(ctx context.Context, r *Recipe, run string) (*State, error) {
	w, err := e.walk(r, run)
	if err != nil {
		return nil, err
	}
	if w.state.Status != Open {
		return w.state, nil
	}
	err = w.phases(ctx)
	return w.settle(ctx, err)
}

// Undo takes back what the run did, newest first, a step on all its hosts
// before the next one. If one host fails, everything stays as it is.
func (e *Engine) Undo(ctx context.Context, r *Recipe, run string) (*State, error) {
	w, err := e.walk(r, run)
	if err != nil {
		return nil, err
	}
	if w.state.Irreversible() {
		return w.state, ErrIrreversible
	}
	if w.state.Status != Undoing {
		return w.state, nil
	}
	err = w.undoAll(ctx, w.undoable(""))
	if err == nil {
		why := "undone"
		if len(w.state.Effects) == 0 {
			why = "nothing-done"
		}
		err = w.say(Event{Kind: RunClosed, Why: why})
	}
	return w.settle(ctx, err)
}

// A halt ends a walk in an orderly way: what to journal, if anything.
type halt struct{ event *Event }

func (*halt) Error() string { return "halt" }

// settle turns the end of a walk into journal and state.
func (w *walk) settle(ctx context.Context, err error) (*State, error) {
	var h *halt
	switch {
	case err == nil:
	case errors.As(err, &h):
		if h.event != nil {
			// An abort or a shutdown has its own event, journaled by whoever
			// caused it; the state must not say twice why it stands.
			if current := w.reload(); current != nil && current.Status != Open && current.Status != Undoing {
				return current, nil
			}
			if err := w.say(*h.event); err != nil {
				return w.state, err
			}
		}
	default:
		return w.state, err
	}
	if current := w.reload(); current != nil {
		return current, nil
	}
	return w.state, nil
}

func (w *walk) reload() *State {
	events, err := w.e.Journal.Events(w.run)
	if err != nil {
		return nil
	}
	w.events, w.state = events, Fold(events)
	return w.state
}

func stopEvent(reason StopReason, step string, hosts []string, why string) *halt {
	data, _ := json.Marshal(Stop{Reason: reason, Step: step, Hosts: hosts}) // A Stop always encodes.
	return &halt{&Event{Kind: RunStopped, Step: step, Why: why, Data: data}}
}

func (w *walk) phases(ctx context.Context) error {
	for i := range w.r.Phases {
		p := &w.r.Phases[i]
		switch w.state.Phases[p.ID] {
		case PhaseDone:
			// Steps may have been reopened since; only those have their turn.
			if !w.reopened(p) {
				continue
			}
		case PhaseSkipped:
			continue
		}
		if p.Needed != nil {
			if ok, why := p.Needed(w.now()); !ok {
				if err := w.say(Event{Kind: PhaseSkipped, Phase: p.ID, Why: why}); err != nil {
					return err
				}
				continue
			}
		}
		if err := w.phase(ctx, p); err != nil {
			return err
		}
	}
	return w.say(Event{Kind: RunClosed, Why: "recovered"})
}

func (w *walk) reopened(p *Phase) bool {
	for i := range p.Steps {
		for _, st := range w.state.Steps[p.Steps[i].ID] {
			if st.Progress == "" {
				return true
			}
		}
	}
	return false
}

func (w *walk) phase(ctx context.Context, p *Phase) error {
	if w.state.Phase != p.ID || w.state.Phases[p.ID] != PhaseStarted {
		if err := w.say(Event{Kind: PhaseStarted, Phase: p.ID}); err != nil {
			return err
		}
	}
	if err := w.holds(ctx, p.ID); err != nil {
		return err
	}
	for i := range p.Steps {
		if err := w.step(ctx, p, &p.Steps[i]); err != nil {
			return err
		}
	}
	if p.Undoes != "" {
		if err := w.undoAll(ctx, w.undoable(p.Undoes)); err != nil {
			return err
		}
	}
	return w.say(Event{Kind: PhaseDone, Phase: p.ID})
}

// step takes one step on all its hosts.
func (w *walk) step(ctx context.Context, p *Phase, st *Step) error {
	state := w.now()
	if st.Needed != nil {
		if ok, _ := st.Needed(state); !ok {
			return nil
		}
	}
	var todo []string
	for _, host := range st.On(state) {
		if !state.Passed(st.ID, host) {
			todo = append(todo, host)
		}
	}
	if len(todo) == 0 {
		return nil
	}
	gate, err := w.gate(ctx, st)
	if err != nil {
		return err
	}
	if st.Dangerous {
		if err := w.holds(ctx, p.ID); err != nil {
			return err
		}
	}
	failed := w.each(todo, func(host string) error { return w.one(ctx, p, st, host, gate) })
	return w.stopped(ctx, st.ID, failed)
}

// stopped turns the failures of a step on its hosts into the halt of the walk.
func (w *walk) stopped(ctx context.Context, step string, failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	hosts := make([]string, 0, len(failed))
	for host, err := range failed {
		var se *StepError
		var h *halt
		if errors.As(err, &h) {
			return h
		}
		if !errors.As(err, &se) {
			return err // The journal.
		}
		hosts = append(hosts, host)
	}
	slices.Sort(hosts)
	var why []string
	for _, host := range hosts {
		why = append(why, fmt.Sprintf("%s: %v", host, errors.Unwrap(failed[host])))
	}
	if ctx.Err() != nil {
		return stopEvent(StopAborted, step, hosts, "stopped in the middle: "+strings.Join(why, "; "))
	}
	return stopEvent(StopFailed, step, hosts, strings.Join(why, "; "))
}

// each calls f for all hosts at once, at most Parallel at a time.
func (w *walk) each(hosts []string, f func(string) error) map[string]error {
	limit := w.e.Parallel
	if limit <= 0 {
		limit = 16
	}
	var (
		wg     sync.WaitGroup
		mu     sync.Mutex
		failed = map[string]error{}
		slots  = make(chan struct{}, limit)
	)
	for _, host := range hosts {
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			if err := f(host); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failed[host] = err
			}
		})
	}
	wg.Wait()
	return failed
}

func (w *walk) task(p, step, host string) *Task {
	return &Task{Host: w.r.Hosts[host], On: host, Step: step, State: w.now(), Say: func(ev Event) error {
		ev.Phase, ev.Step = p, step
		if ev.Host == "" {
			ev.Host = host
		}
		return w.say(ev)
	}}
}
