package recovery

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/diagnose"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// An act lasts from the first stop until the run has ended; bringing a host back
// later is another one.
func TestActsOfARun(t *testing.T) {
	at := func(n int) time.Time { return noon.Add(time.Duration(n) * time.Minute) }
	events := []runner.Event{
		{Kind: runner.RunRequested, At: at(0)},
		{Kind: runner.StepStarted, Step: stepHelper, Host: "s1", At: at(1)},
		{Kind: runner.StepStarted, Step: stepStop, Host: "s1", At: at(2)},
		{Kind: runner.StepDone, Step: stepStop, Host: "s1", At: at(3)},
	}
	span := func(acts []diagnose.Act) string {
		s := ""
		for _, a := range acts {
			s += fmt.Sprintf("%d-%d %v ", int(a.From.Sub(noon).Minutes()), int(a.To.Sub(noon).Minutes()), a.Recovered)
		}
		return strings.TrimSpace(s)
	}
	for _, tt := range []struct {
		n    int
		more []runner.Event
		want string
	}{
		{2, nil, ""},
		{4, nil, "2-60 false"},
		{4, []runner.Event{{Kind: runner.RunClosed, Why: "recovered", At: at(9)}}, "2-9 true"},
		{4, []runner.Event{{Kind: runner.RunClosed, Why: "undone", At: at(9)}}, "2-9 false"},
	} {
		if got := span(ActsOf(append(slices.Clone(events[:tt.n]), tt.more...), at(60))); got != tt.want {
			t.Errorf("%d events and %d: %q, want %q", tt.n, len(tt.more), got, tt.want)
		}
	}
}

// What a diagnosis must know of a run: whom it disabled, until its work has ended.
func TestOpenRunForADiagnosis(t *testing.T) {
	r, s := testRecovery(t), &runner.State{Run: "dev-1"}
	if r.openRun(nil) != nil || r.openRun(s).Disabled {
		t.Errorf("nothing was done yet: %+v", r.openRun(s))
	}
	done := func(step, host string, facts any) {
		s.Apply(runner.Event{Kind: runner.StepStarted, Step: step, Host: host})
		s.Apply(runner.Event{Kind: runner.StepDone, Step: step, Host: host, Facts: asJSON(facts)})
	}
	done(stepSupervise, "s1", nil)
	done(stepStart, "s2", startedProcess{PID: 7, At: noon})
	done(stepStart, "s1", startedProcess{PID: 8, At: noon.Add(-time.Second)})
	done(stepElected, runner.Bot, fence{Host: "s2", PID: 7, ElectedAt: noon})
	s.Apply(runner.Event{Kind: runner.HostLeft, Host: "s3"})
	run := r.openRun(s)
	if !run.Disabled || run.ID != "dev-1" || !run.Started.Equal(noon.Add(-time.Second)) || !slices.Equal(run.Left, []string{"s3"}) || len(run.Debts) != 1 || run.Leader == nil || run.Leader.PID != 7 {
		t.Errorf("%+v", run)
	}
	if s.Ended = true; r.openRun(s).Disabled {
		t.Error("its work has ended, and it disables nobody")
	}
}
