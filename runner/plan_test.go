package runner_test

import (
	"context"
	"testing"
	"time"

	"aurorabot/runner"
)

// How long a step may take is shown to people, and no digest depends on it: a build
// with another limit voids no approval.
func TestLimitIsInThePlanAndInNoDigest(t *testing.T) {
	recipe := func(limit time.Duration) *runner.Recipe {
		look := func(context.Context, *runner.Task) (runner.Answer, error) { return runner.Yes("seen"), nil }
		return &runner.Recipe{ID: "toy", Phases: []runner.Phase{{ID: "prepare", Steps: []runner.Step{
			{ID: "prepare/look", On: func(*runner.State) []string { return []string{runner.Bot} }, Check: look, Limit: limit},
		}}}, Gates: []runner.Gate{{ID: "start", Before: "prepare/look"}}}
	}
	s := &runner.State{Run: "dev-1"}
	short, long := recipe(0), recipe(20*time.Minute)
	a, b := runner.MakePlan(short, s), runner.MakePlan(long, s)
	if got := a.Phases[0].Steps[0].Limit; got != 300 {
		t.Errorf("without a limit of its own: %d s, want the engine's 300", got)
	}
	if got := b.Phases[0].Steps[0].Limit; got != 1200 {
		t.Errorf("limit %d s, want 1200", got)
	}
	if a.Digest != b.Digest {
		t.Errorf("the plan's digest depends on the limit: %s and %s", a.Digest, b.Digest)
	}
	if x, y := runner.GateDigest(short, s, &short.Gates[0]), runner.GateDigest(long, s, &long.Gates[0]); x != y {
		t.Errorf("the gate's digest depends on the limit: %s and %s", x, y)
	}
}
