package recovery_test

import (
	"encoding/json"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/recovery"
)

const run = "lab-20260102T0304Z"

// walk plays a run to its end, with every gate passed, and says what happens.
func walk(t *testing.T, r *recovery.Recovery, req runner.Request) (*runner.State, *runner.Memory) {
	t.Helper()
	return walkTo(t, r, req, "")
}

// walkTo plays a run up to a gate, or to its end.
func walkTo(t *testing.T, r *recovery.Recovery, req runner.Request, gate string) (*runner.State, *runner.Memory) {
	t.Helper()
	e, j := asked(t, req, func(runner.Event) {})
	return goOn(t, e, r, gate), j
}

// asked is an engine with a run that was asked for. Every event is told to the test,
// too.
func asked(t *testing.T, req runner.Request, told func(runner.Event)) (*runner.Engine, *runner.Memory) {
	t.Helper()
	j := &runner.Memory{}
	begun := time.Now()
	e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) {
		t.Logf("%6.1fs %-15s %-30s %-4s %s", time.Since(begun).Seconds(), ev.Kind, ev.Step+ev.Gate, ev.Host, ev.Why)
		told(ev)
	}}
	data, err := json.Marshal(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: data}); err != nil {
		t.Fatal(err)
	}
	return e, j
}

// goOn plays a run up to a gate, or to its end.
func goOn(t *testing.T, e *runner.Engine, r *recovery.Recovery, gate string) *runner.State {
	t.Helper()
	recipe := r.Recipe()
	for {
		s, err := e.Advance(t.Context(), recipe, run)
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != runner.Gated || s.Gate == gate {
			return s
		}
		if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest}); err != nil {
			t.Fatal(err)
		}
	}
}
