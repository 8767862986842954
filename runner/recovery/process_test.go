package recovery

import (
	"testing"
	"time"

	"aurorabot/runner"
)

// Which start was the last one says the journal's order, not a clock that was
// set back in between.
func TestNewestStartByOrder(t *testing.T) {
	var s runner.State
	at := time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)
	apply := func(kind runner.Kind, step string, at time.Time, facts any) {
		s.Apply(runner.Event{Seq: s.Seq + 1, At: at, Kind: kind, Step: step, Host: "s1", Facts: asJSON(facts)})
	}
	apply(runner.StepStarted, stepStart, at.Add(7*time.Hour), nil)
	apply(runner.StepDone, stepStart, at.Add(7*time.Hour), startedProcess{PID: 1})
	apply(runner.StepStarted, stepRestart, at, nil)
	apply(runner.StepDone, stepRestart, at, startedProcess{PID: 2})
	if p, ok := startReceipt(&s, "s1"); !ok || p.PID != 2 {
		t.Errorf("the newest start is of PID %d, want 2", p.PID)
	}
}
