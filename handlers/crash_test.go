package handlers_test

import (
	"strings"
	"testing"

	"aurorabot/runner"
)

// The bot dies between the last approval and the passing of the gate. Nobody can
// approve once more; whoever tries is told what to type, and resume counts what
// was given.
func TestDiedBeforeTheGateWasPassed(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	st := b.state()
	if _, err := b.s.Engine.Append(st.Run, runner.Event{Kind: runner.GateApproved, Gate: "start", Digest: st.Gates["start"].Digest, Who: "T1/UBOB", Data: []byte(`["S1","S2"]`)}); err != nil {
		t.Fatal(err)
	}
	if err := b.s.Recover(); err != nil {
		t.Fatal(err)
	}
	r := b.ask("UBOB", "approve dev")
	if text := strings.Join(r.Message.Lines, "\n"); !strings.Contains(text, "`resume "+st.Run+"`") {
		t.Errorf("approving once more says %q; want what to type", text)
	}
	if b.on {
		t.Error("the run went on by itself")
	}
	b.ask("UANN", "resume dev")
	if st := b.state(); st.Gate != "commit" || !b.on {
		t.Errorf("after resume: %s at %q: %s", st.Status, st.Gate, st.Why)
	}
}
