package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

	// Go starts work on one host. Nil: a goroutine for each. A simulation
	// brings them into an order of its own.
	Go func(host string, work func())

	// Recheck is asked right before a gate's step is done: are the approvals
	// at that gate good enough now? Its error says why not and voids the gate.
	Recheck func(ctx context.Context, s *State, gate string) error

	// Redact takes secrets out of an event before it is kept. Nil: nothing is
	// taken out.
	Redact func(Event) Event

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
	if e.Redact != nil {
		ev = e.Redact(ev)
	}
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
	if w.state.Status == Owing {
		return w.settle(ctx, w.paid()) // The bot may have died right before it closed the run.
	}
	if w.state.Status != Open {
		return w.state, nil
	}
	err = w.leave(ctx)
	if err == nil {
		err = w.phases(ctx)
	}
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
	err = w.leave(ctx)
	if err == nil {
		err = w.undoAll(ctx, w.undoable(""))
	}
	if err == nil {
		why := "undone"
		if len(w.state.Effects) == 0 {
			why = "nothing-done"
		}
		err = w.endWith(why)
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
			current, err := w.reload()
			if err != nil {
				return w.state, err
			}
			if current.Status != Open && current.Status != Undoing && current.Status != Settling {
				return current, nil
			}
			if err := w.say(*h.event); err != nil {
				return w.state, err
			}
		}
	default:
		return w.state, err
	}
	return w.reload()
}

// reload is what the journal says now: others write to it too. When it cannot
// be read, what the walk remembers comes with the error.
func (w *walk) reload() (*State, error) {
	events, err := w.e.Journal.Events(w.run)
	if err != nil {
		return w.state, fmt.Errorf("read the journal of run %s at the end of the walk: %w", w.run, err)
	}
	w.events, w.state = events, Fold(events)
	return w.state, nil
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
	return w.endWith("recovered")
}

// reopened reports whether a phase that is done has steps that have their turn
// again. Once Cleanup took something of it back it never has: those steps are
// not done, on purpose.
func (w *walk) reopened(p *Phase) bool {
	again := false
	for i := range p.Steps {
		for host, st := range w.state.Steps[p.Steps[i].ID] {
			switch st.Progress {
			case UndoBegun, Undone, UndoBroken:
				return false
			case "":
				again = again || !w.state.IsLeft(host)
			}
		}
	}
	return again
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
	for _, host := range st.on(p, state) {
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

// on are the hosts that have their turn: a host that was left out has none, but
// where what it owes is done.
func (s *Step) on(p *Phase, state *State) []string {
	if p.ID == PhaseSettle {
		return s.On(state)
	}
	return state.Here(s.On(state))
}

// stopped turns the failures of a step on its hosts into the halt of the walk.
func (w *walk) stopped(ctx context.Context, step string, failed map[string]error) error {
	if len(failed) == 0 {
		return nil
	}
	hosts := make([]string, 0, len(failed))
	for _, host := range slices.Sorted(maps.Keys(failed)) { // The same failures always end the same.
		err := failed[host]
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
	start := w.e.Go
	if start == nil {
		start = func(_ string, work func()) { go work() }
	}
	for _, host := range hosts {
		wg.Add(1)
		start(host, func() {
			defer wg.Done()
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
