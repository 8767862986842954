package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// defaultLimit is how long a step may take on one host if it says nothing.
const defaultLimit = 5 * time.Minute

// one takes a step on one host. The errors it returns are *StepError, or the
// journal's.
func (w *walk) one(ctx context.Context, p *Phase, st *Step, host string, gate *Gate) error {
	limit := st.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	t := w.task(p.ID, st.ID, host)
	was := t.State.Of(st.ID, host)
	begun := was.Begun && !was.Again

	if st.Once && was.Begun && t.State.Irreversible() { // Also if it was reopened.
		// Whether the first call took effect is for a later step to find out.
		return w.say(Event{Kind: StepDone, Phase: p.ID, Step: st.ID, Host: host, Why: "begun before; what became of it is not known here"})
	}
	if st.Verify != nil {
		a, err := st.Verify(ctx, t)
		var end *Ending
		if errors.As(err, &end) {
			return w.end(ctx, p, st, host, end)
		}
		if err != nil {
			return w.failed(p, st, host, false, nil, fmt.Errorf("cannot tell whether it is done: %w", err))
		}
		if a.Yes {
			kind := StepSkipped
			if begun {
				kind = StepDone
			}
			return w.say(Event{Kind: kind, Phase: p.ID, Step: st.ID, Host: host, Why: a.Evidence, Facts: facts(a)})
		}
	}
	var look Answer
	if st.Check != nil {
		a, err := st.Check(ctx, t)
		var end *Ending
		if errors.As(err, &end) {
			return w.end(ctx, p, st, host, end)
		}
		if err != nil {
			return w.failed(p, st, host, false, nil, err)
		}
		if !a.Yes {
			return w.failed(p, st, host, false, nil, fmt.Errorf("%s", a.Evidence))
		}
		look = a
	}
	if st.ReadOnly() {
		return w.say(Event{Kind: StepDone, Phase: p.ID, Step: st.ID, Host: host, Why: look.Evidence, Facts: facts(look)})
	}
	if gate != nil {
		// Between the look above and here time went by: people may have left.
		if err := w.recheck(ctx, gate); err != nil {
			return err
		}
	}
	return w.do(ctx, p, st, host, t)
}

func (w *walk) do(ctx context.Context, p *Phase, st *Step, host string, t *Task) error {
	if err := w.say(Event{Kind: StepStarted, Phase: p.ID, Step: st.ID, Host: host}); err != nil {
		return err
	}
	t.State = w.now()
	left, doErr := st.Do(ctx, t)
	receipt := asReceipt(left)
	if st.Once && doErr != nil && !w.now().Irreversible() {
		// It did not come to what is done once: nothing was sent.
		var end *Ending
		if errors.As(doErr, &end) {
			return w.end(ctx, p, st, host, end)
		}
		return w.failed(p, st, host, false, receipt, doErr)
	}
	if st.Once {
		why := "sent"
		if doErr != nil {
			why = "the outcome is not known: " + doErr.Error()
		}
		return w.say(Event{Kind: StepDone, Phase: p.ID, Step: st.ID, Host: host, Why: why, Receipt: receipt})
	}
	if doErr != nil {
		return w.failed(p, st, host, true, receipt, doErr)
	}
	t.State, t.Left = w.now(), receipt
	a, err := st.Verify(ctx, t)
	if err != nil {
		return w.failed(p, st, host, true, receipt, fmt.Errorf("cannot tell whether it took effect: %w", err))
	}
	if !a.Yes {
		return w.failed(p, st, host, true, receipt, fmt.Errorf("done, but: %s", a.Evidence))
	}
	return w.say(Event{Kind: StepDone, Phase: p.ID, Step: st.ID, Host: host, Why: a.Evidence, Receipt: receipt, Facts: facts(a)})
}

func (w *walk) failed(p *Phase, st *Step, host string, changed bool, receipt Receipt, err error) error {
	if jerr := w.say(Event{Kind: StepFailed, Phase: p.ID, Step: st.ID, Host: host, Why: err.Error(), Changed: changed, Receipt: receipt}); jerr != nil {
		return jerr
	}
	return &StepError{Step: st.ID, Host: host, Err: err, Changed: changed}
}

// end journals an Ending and returns the halt for it.
func (w *walk) end(ctx context.Context, p *Phase, st *Step, host string, end *Ending) error {
	if err := w.say(Event{Kind: StepFailed, Phase: p.ID, Step: st.ID, Host: host, Why: end.Why}); err != nil {
		return err
	}
	if err := w.reopen(end.Reopen, end.Why); err != nil {
		return err
	}
	if end.Reason == StopNotNeeded {
		if err := w.say(Event{Kind: Refused, Phase: p.ID, Step: st.ID, Why: string(StopNotNeeded), Who: w.now().Who}); err != nil {
			return err
		}
	}
	if !end.Close {
		return stopEvent(end.Reason, st.ID, []string{host}, end.Why)
	}
	if err := w.undoAll(ctx, w.undoable("")); err != nil {
		return err
	}
	ev, err := w.ending(string(end.Reason))
	if err != nil {
		return err
	}
	ev.Step = st.ID
	return &halt{&ev}
}

// reopen takes the done-mark from steps and voids the approvals of their gates.
func (w *walk) reopen(steps []string, why string) error {
	if w.now().Irreversible() {
		steps = w.r.afterCommit(steps)
	}
	if len(steps) == 0 {
		return nil
	}
	data, err := json.Marshal(steps)
	if err != nil {
		return fmt.Errorf("encode steps: %w", err)
	}
	if err := w.say(Event{Kind: StepsReopened, Data: data, Why: why}); err != nil {
		return err
	}
	for i := range w.r.Gates {
		g := &w.r.Gates[i]
		if slices.Contains(steps, g.Before) && w.now().Gates[g.ID].Opened {
			if err := w.say(Event{Kind: GateVoided, Gate: g.ID, Why: why}); err != nil {
				return err
			}
		}
	}
	return nil
}

func facts(a Answer) json.RawMessage { return asReceipt(a.Facts) }

// asReceipt encodes what a step left. A value that is no JSON is a mistake in
// a recipe; it is kept as its text rather than lost.
func asReceipt(v any) json.RawMessage {
	if v == nil {
		return nil
	}
	b, err := json.Marshal(v)
	if err != nil {
		b, _ = json.Marshal(fmt.Sprintf("%v", v))
	}
	return b
}

// holds asks for every effect that must still be true whether it is.
func (w *walk) holds(ctx context.Context, phase string) error {
	if err := w.gone(ctx, phase); err != nil {
		return err
	}
	state := w.now()
	for i := range w.r.Phases {
		for j := range w.r.Phases[i].Steps {
			st := &w.r.Phases[i].Steps[j]
			if st.Holds == nil || superseded(state, st) {
				continue
			}
			var hosts []string
			for host, ss := range state.Steps[st.ID] {
				if (ss.Progress == Done || ss.Progress == Skipped) && !state.IsLeft(host) {
					hosts = append(hosts, host)
				}
			}
			slices.Sort(hosts)
			failed := w.each(hosts, func(host string) error { return w.hold(ctx, phase, st, host) })
			for _, host := range slices.Sorted(maps.Keys(failed)) {
				err := failed[host]
				var broken *StepError
				if !errors.As(err, &broken) {
					return err
				}
				if err := w.reopen(append([]string{st.ID}, w.r.voided(state, st)...), fmt.Sprintf("%s: %v", host, broken.Err)); err != nil {
					return err
				}
				return stopEvent(StopHold, st.ID, []string{host}, fmt.Sprintf("%s: no longer true of %s (%s): %v", host, st.ID, st.Title, broken.Err))
			}
		}
	}
	return nil
}

// voided are the steps that rest on st and count still: what a later step has
// taken the place of must not be done again beside that (schedulers that were
// stopped for good reason would be started).
func (r *Recipe) voided(s *State, st *Step) []string {
	return slices.DeleteFunc(slices.Clone(st.Voids), func(id string) bool {
		other, _ := r.Step(id)
		return other != nil && superseded(s, other)
	})
}

func superseded(s *State, st *Step) bool {
	for _, id := range st.Until {
		if len(s.Steps[id]) > 0 {
			return true
		}
	}
	return false
}

// CannotTell begins the words of a [HoldBroken] of a host that gave no answer.
const CannotTell = "cannot tell"

func (w *walk) hold(ctx context.Context, phase string, st *Step, host string) error {
	ctx, cancel := context.WithTimeout(ctx, defaultLimit)
	defer cancel()
	a, err := st.Holds(ctx, w.task(phase, st.ID, host))
	if err == nil && a.Yes {
		return nil
	}
	if err == nil {
		err = fmt.Errorf("%s", a.Evidence)
	} else {
		err = fmt.Errorf("%s: %w", CannotTell, err)
	}
	if jerr := w.say(Event{Kind: HoldBroken, Phase: phase, Step: st.ID, Host: host, Why: err.Error()}); jerr != nil {
		return jerr
	}
	return &StepError{Step: st.ID, Host: host, Err: err}
}
