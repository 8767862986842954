package runner

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// A GateView is what was shown when a gate opened: the data of [GateOpened].
type GateView struct {
	Title   string    `json:"title"`
	Expires time.Time `json:"expires,omitzero"` // For reasons outside policy.
	Binds   any       `json:"binds,omitempty"`
}

// gate opens the gate before st, if there is one and it was not passed with
// what is true now. It returns the gate whose approvals must be checked again
// right before st is done.
func (w *walk) gate(ctx context.Context, st *Step) (*Gate, error) {
	g := w.gateOf(st)
	if g == nil {
		return nil, nil
	}
	state := w.now()
	gs := state.Gates[g.ID]
	for _, ss := range state.Steps[st.ID] {
		// Passed and begun before a crash: the decision was used. One that was voided
		// while some hosts had begun was not: it is asked for anew.
		if ss.Begun && (!ss.Again && !st.Once && gs.Passed || st.Once && state.Irreversible()) {
			return nil, nil
		}
	}
	if g.Needed != nil {
		if ok, _ := g.Needed(state); !ok {
			return nil, nil
		}
	}
	digest := GateDigest(w.r, state, g)
	if gs.Passed && gs.Digest == digest {
		return g, w.recheck(ctx, g)
	}
	if err := w.runOut(g, state); err != nil {
		return nil, err
	}
	if gs.Passed || gs.Opened && gs.Digest != digest {
		if err := w.say(Event{Kind: GateVoided, Gate: g.ID, Digest: gs.Digest, Why: "what was approved is no longer what would be done: the digest was " + short(gs.Digest) + " and is now " + short(digest)}); err != nil {
			return nil, err
		}
	}
	if _, err := w.open(g, state, digest); err != nil {
		return nil, err
	}
	return nil, &halt{}
}

func (w *walk) open(g *Gate, state *State, digest string) (Event, error) {
	if g.ID == "start" || state.Digest == "" && g.ID != GateWithout {
		if err := w.propose(state); err != nil {
			return Event{}, err
		}
	}
	v := GateView{Title: g.Title}
	if g.Expires != nil {
		v.Expires = g.Expires(state)
	}
	if g.Binds != nil {
		v.Binds = g.Binds(state)
	}
	data, err := json.Marshal(v)
	if err != nil {
		return Event{}, fmt.Errorf("encode gate %s: %w", g.ID, err)
	}
	ev := Event{Kind: GateOpened, Phase: w.phaseOf(g), Gate: g.ID, Digest: digest, Data: data}
	return ev, w.say(ev)
}

// propose journals the plan as it is now.
func (w *walk) propose(state *State) error {
	plan := MakePlan(w.r, state)
	data, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("encode the plan: %w", err)
	}
	return w.say(Event{Kind: PlanProposed, Digest: plan.Digest, Data: data})
}

func (w *walk) phaseOf(g *Gate) string {
	if _, p := w.r.Step(g.Before); p != nil {
		return p.ID
	}
	return ""
}

func (w *walk) gateOf(st *Step) *Gate {
	for i := range w.r.Gates {
		if w.r.Gates[i].Before == st.ID {
			return &w.r.Gates[i]
		}
	}
	return nil
}

// recheck asks at the moment of use whether the approvals are still good, and
// voids the gate if not.
func (w *walk) recheck(ctx context.Context, g *Gate) error {
	state := w.now()
	if err := w.runOut(g, state); err != nil {
		return err
	}
	if w.e.Recheck == nil {
		return nil
	}
	why := w.e.Recheck(ctx, state, g.ID)
	if why == nil {
		return nil
	}
	if err := w.say(Event{Kind: GateVoided, Gate: g.ID, Digest: state.Gates[g.ID].Digest, Why: why.Error()}); err != nil {
		return err
	}
	return stopEvent(StopExpired, g.Before, nil, fmt.Sprintf("the approvals at the %s gate no longer count: %v", g.ID, why))
}

// runOut stops the walk when the time for what the gate guards is over, whoever
// approves: what rests on it has its turn again after a resume.
func (w *walk) runOut(g *Gate, state *State) error {
	if g.Expires == nil {
		return nil
	}
	at := g.Expires(state)
	if at.IsZero() || w.e.Now().Before(at) {
		return nil
	}
	why := fmt.Sprintf("the time for it ended at %s", at.UTC().Format(time.RFC3339))
	if state.Gates[g.ID].Opened {
		if err := w.say(Event{Kind: GateVoided, Gate: g.ID, Digest: state.Gates[g.ID].Digest, Why: why}); err != nil {
			return err
		}
	}
	if g.Renew != nil {
		if err := w.reopen(g.Renew(state), why); err != nil {
			return err
		}
	}
	return stopEvent(StopExpired, g.Before, nil, fmt.Sprintf("nothing can be approved at the %s gate any more: %s. Resume prepares again what it rests on", g.ID, why))
}

func short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}
