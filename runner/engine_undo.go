package runner

import (
	"context"
	"fmt"
	"slices"
)

// An undoing is one step to take back, on the hosts where this run began it.
type undoing struct {
	step  *Step
	phase *Phase
	hosts []string
}

// undoable lists what to take back, newest first, those marked Last at the end.
// With a phase: what that phase did and does not keep. Without: everything.
//
// The order is that of the recipe, reversed: within one run steps are begun in
// that order, and it is the same on every host.
func (w *walk) undoable(phase string) []undoing {
	state := w.now()
	var newest, last []undoing
	for i := range slices.Backward(w.r.Phases) {
		p := &w.r.Phases[i]
		if phase != "" && p.ID != phase {
			continue
		}
		for j := range slices.Backward(p.Steps) {
			st := &p.Steps[j]
			if st.Undo == nil || phase != "" && st.Keeps != "" {
				continue
			}
			var hosts []string
			for _, e := range state.Effects {
				if e.Step == st.ID && state.Of(st.ID, e.Host).Begun && !state.IsLeft(e.Host) {
					hosts = append(hosts, e.Host)
				}
			}
			if len(hosts) == 0 {
				continue
			}
			slices.Sort(hosts)
			u := undoing{st, p, hosts}
			if st.Last {
				last = append(last, u)
			} else {
				newest = append(newest, u)
			}
		}
	}
	return append(newest, last...)
}

// undoAll takes back one step on all its hosts before the next one: if one host
// fails, nothing after it is touched.
func (w *walk) undoAll(ctx context.Context, list []undoing) error {
	for _, u := range list {
		failed := w.each(u.hosts, func(host string) error { return w.undoOne(ctx, u, host) })
		if err := w.stopped(ctx, u.step.ID, failed); err != nil {
			return err
		}
	}
	return nil
}

func (w *walk) undoOne(ctx context.Context, u undoing, host string) error {
	limit := u.step.Limit
	if limit == 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	phase := w.now().Phase
	if err := w.say(Event{Kind: UndoStarted, Phase: phase, Step: u.step.ID, Host: host}); err != nil {
		return err
	}
	t := w.task(phase, u.step.ID, host)
	a, err := u.step.Undo(ctx, t, t.State.Of(u.step.ID, host).Receipt)
	if err == nil && !a.Yes {
		err = fmt.Errorf("%s", a.Evidence)
	}
	if err != nil {
		if jerr := w.say(Event{Kind: UndoFailed, Phase: phase, Step: u.step.ID, Host: host, Why: err.Error()}); jerr != nil {
			return jerr
		}
		return &StepError{Step: u.step.ID, Host: host, Err: err, Changed: true}
	}
	return w.say(Event{Kind: UndoDone, Phase: phase, Step: u.step.ID, Host: host, Why: a.Evidence})
}
