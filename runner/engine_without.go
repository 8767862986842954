package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// leave decides on the hosts that somebody asked to go on without: the recipe
// looks what became of them, people consent at its gate, the recipe looks
// again, and from then on nothing is done on them but what they owe.
//
// It comes before everything else that the engine does, because everything
// else would ask the host that is gone.
func (w *walk) leave(ctx context.Context) error {
	asked := w.now().Asked()
	if len(asked) == 0 {
		return nil
	}
	p := &w.r.Without
	if len(p.Steps) == 0 {
		return stopEvent(StopFailed, "", asked, fmt.Sprintf("recipe %s knows no way to go on without a host", w.r.ID))
	}
	if err := w.say(Event{Kind: PhaseStarted, Phase: p.ID}); err != nil {
		return err
	}
	for i := range p.Steps {
		if err := w.step(ctx, p, &p.Steps[i]); err != nil {
			return err
		}
	}
	state := w.now()
	last := p.Steps[len(p.Steps)-1].ID
	again := ids(p)
	for _, host := range asked {
		owes, err := json.Marshal(w.r.owes(state.asIfLeft(), host))
		if err != nil {
			return fmt.Errorf("encode what %s owes: %w", host, err)
		}
		if err := w.say(Event{Kind: HostLeft, Phase: p.ID, Host: host, Why: state.Of(last, host).Why, Data: owes}); err != nil {
			return err
		}
		if w.r.Rests != nil {
			again = append(again, w.r.Rests(state, host)...)
		}
	}
	// The phase's own steps too: whoever is left out next is looked at anew.
	slices.Sort(again)
	if err := w.reopen(slices.Compact(again), "the run continues without "+strings.Join(asked, ", ")); err != nil {
		return err
	}
	if state = w.now(); state.Digest != "" {
		if err := w.propose(state); err != nil {
			return err
		}
	}
	return w.say(Event{Kind: PhaseDone, Phase: p.ID})
}

func ids(p *Phase) []string {
	var list []string
	for i := range p.Steps {
		list = append(list, p.Steps[i].ID)
	}
	return list
}

func (r *Recipe) owes(s *State, host string) []string {
	if r.Owes == nil {
		return nil
	}
	return r.Owes(s, host)
}

// gone asks whether every host that was left out still is: one that came back
// could take part with what it holds from before.
func (w *walk) gone(ctx context.Context, phase string) error {
	state := w.now()
	var left []string
	for _, l := range state.Without {
		if l.Left && !l.Settled {
			left = append(left, l.Host)
		}
	}
	if len(left) == 0 || w.r.Gone == nil {
		return nil
	}
	guard := &Step{ID: PhaseWithout + "/gone", Title: "A host that was left out stays out", Holds: w.r.Gone}
	failed := w.each(left, func(host string) error { return w.hold(ctx, phase, guard, host) })
	var back, why []string
	for _, host := range slices.Sorted(maps.Keys(failed)) {
		var broken *StepError
		if !errors.As(failed[host], &broken) {
			return failed[host]
		}
		back = append(back, host)
		why = append(why, fmt.Sprintf("%s was left out of this run: %v", host, broken.Err))
	}
	if len(back) > 0 {
		return stopEvent(StopHold, guard.ID, back, strings.Join(why, "; "))
	}
	return nil
}

// ending is the event that ends the work of a run: it is closed, or it stays
// open for what hosts owe that were left out.
func (w *walk) ending(why string) (Event, error) {
	state := w.now()
	var debts []Debt
	for _, l := range state.Without {
		if !l.Left || l.Settled {
			continue
		}
		if owes := w.r.owes(state, l.Host); len(owes) > 0 {
			debts = append(debts, Debt{l.Host, owes})
		}
	}
	if len(debts) == 0 {
		return Event{Kind: RunClosed, Why: why}, nil
	}
	data, err := json.Marshal(debts)
	if err != nil {
		return Event{}, fmt.Errorf("encode debts: %w", err)
	}
	return Event{Kind: RunOwes, Why: why, Data: data}, nil
}

// endWith journals the end of the work.
func (w *walk) endWith(why string) error {
	ev, err := w.ending(why)
	if err != nil {
		return err
	}
	return w.say(ev)
}

// Settle does what a host owes that was left out and is back. In a run that
// ended its work everything, and the run is closed when nobody owes anything
// any more. In one that still stands in the middle only what keeps the host
// from taking part; it owes the rest until the end.
func (e *Engine) Settle(ctx context.Context, r *Recipe, run string) (*State, error) {
	w, err := e.walk(r, run)
	if err != nil {
		return nil, err
	}
	if w.state.Status != Settling {
		return w.state, nil
	}
	return w.settle(ctx, w.settleHost(ctx))
}

func (w *walk) settleHost(ctx context.Context) error {
	p, host := &w.r.Settle, w.now().Settling
	if len(p.Steps) == 0 {
		return stopEvent(StopFailed, "", []string{host}, fmt.Sprintf("recipe %s knows no way to settle a host", w.r.ID))
	}
	if err := w.say(Event{Kind: PhaseStarted, Phase: p.ID}); err != nil {
		return err
	}
	for i := range p.Steps {
		if err := w.step(ctx, p, &p.Steps[i]); err != nil {
			return err
		}
	}
	if err := w.say(Event{Kind: PhaseDone, Phase: p.ID}); err != nil {
		return err
	}
	if !w.now().Ended {
		return w.say(Event{Kind: HostContained, Phase: p.ID, Host: host, Why: "it is kept from taking part; the rest is settled when the run has ended"})
	}
	if err := w.say(Event{Kind: HostSettled, Phase: p.ID, Host: host, Why: "everything that it owed is done"}); err != nil {
		return err
	}
	return w.paid()
}

// paid closes a run whose work has ended and that nobody owes anything.
func (w *walk) paid() error {
	if state := w.now(); len(state.Debts()) == 0 {
		return w.say(Event{Kind: RunClosed, Why: state.Outcome})
	}
	return nil
}
