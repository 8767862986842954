package handlers_test

import (
	"maps"
	"slices"
	"testing"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
)

// An undo that starts schedulers asks for consent where policy has a gate for it,
// and needs one person where it has none; whoever asks for it does not approve it.
func TestUndoGate(t *testing.T) {
	gated := func() *bench {
		b := newBench(t)
		b.s.Rules.Gates = maps.Clone(b.s.Rules.Gates)
		b.s.Rules.Gates["undo"] = policy.GateRule{Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}}
		return b
	}
	b := newBench(t)
	b.toCommit()
	b.ask("UBOB", "undo dev")
	if st := b.state(); st.Outcome != "undone" {
		t.Errorf("without the key: status %s, outcome %q at gate %q", st.Status, st.Outcome, st.Gate)
	}

	b = gated()
	b.toCommit()
	if r := b.ask("UBOB", "undo dev"); r.Exit != handlers.ExitWaiting || b.state().Gate != "undo" || !b.on {
		t.Fatalf("exit %d, gate %q, on %v: want it to wait at the undo gate", r.Exit, b.state().Gate, b.on)
	}
	b.ask("UBOB", "approve dev --typed dev")
	if !slices.Contains(b.refusals(), "undo-without-consent") || !b.on {
		t.Errorf("refusals %v, on %v: whoever asks for the undo approved it", b.refusals(), b.on)
	}
	if r := b.typed("C1", "UCAT", "approve dev --gate undo"); r.Exit != handlers.ExitRefused {
		t.Errorf("without typing the name: exit %d", r.Exit)
	}
	b.ask("UCAT", "approve dev --typed dev")
	if st := b.state(); st.Outcome != "undone" || b.on {
		t.Errorf("with consent: status %s, outcome %q, on %v (%s)", st.Status, st.Outcome, b.on, st.Why)
	}

	// The bot dies between the consent and the passing of the gate: resume does what
	// was consented to, which is not to go on.
	b = gated()
	b.toCommit()
	b.ask("UBOB", "undo dev --reason mistake")
	st := b.state()
	if _, err := b.s.Engine.Append(st.Run, runner.Event{Kind: runner.GateApproved, Gate: "undo", Digest: st.Gates["undo"].Digest, Who: "T1/UCAT", Data: []byte(`["S1","S2"]`)}); err != nil {
		t.Fatal(err)
	}
	b.ask("UANN", "resume dev")
	if st := b.state(); st.Outcome != "undone" || b.on {
		t.Errorf("an undo that was consented to, then resume: status %s at %q, outcome %q, on %v (%s)", st.Status, st.Gate, st.Outcome, b.on, st.Why)
	}
	events, _ := b.j.Events(st.Run)
	if !slices.ContainsFunc(events, func(e runner.Event) bool {
		return e.Kind == runner.UndoRequested && e.Who == "T1/UBOB" && e.Why == "mistake"
	}) {
		t.Error("who undoes, and why, is lost")
	}

	// An abort that comes while an approval is being counted holds.
	b = gated()
	b.toCommit()
	b.ask("UBOB", "undo dev")
	aborted := false
	b.who.asked = func(user string) {
		if st := b.state(); user == "UCAT" && !aborted && len(st.Gates["undo"].Approvals) > 0 {
			aborted = true
			b.ask("UDAN", "abort dev")
		}
	}
	b.ask("UCAT", "approve dev --typed dev")
	if st := b.state(); st.Status != runner.Stopped || st.Undo || !b.on {
		t.Errorf("aborted while it was counted: status %s, undo %v, on %v", st.Status, st.Undo, b.on)
	}

	// A deny keeps the run as it is, and the way forward is open again.
	b = gated()
	b.toCommit()
	b.ask("UBOB", "undo dev")
	b.ask("UCAT", "deny dev --reason wait")
	b.ask("UANN", "resume dev")
	if st := b.state(); st.Gate != "commit" || !b.on {
		t.Errorf("denied: status %s, gate %q, on %v", st.Status, st.Gate, b.on)
	}

	// One that starts nothing needs no gate.
	b = gated()
	b.ask("UANN", recoverDev)
	b.ask("UBOB", "undo dev")
	if st := b.state(); st.Status != runner.Closed {
		t.Errorf("before anything was stopped: status %s, gate %q", st.Status, st.Gate)
	}
}
