package node

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/runnertest"
)

// A try that failed is followed by another job, one that a crash cut short by
// the same; and none begins while it is not known that the earlier ones are over.
func TestTriesOfAJob(t *testing.T) {
	h := runnertest.NewHost(t, "s1")
	exit, down := 1, error(nil)
	h.On([]string{"cp"}, func(runner.Command) runner.Output { return runner.Output{Exit: exit} })
	events := []runner.Event{}
	do := func(kinds ...runner.Kind) (runner.Output, error) {
		for _, k := range kinds {
			events = append(events, runner.Event{Seq: len(events) + 1, Run: "dev_1", Kind: k, Step: "prepare/read-logs", Host: "s1"})
		}
		n := &Node{Host: hostWith{h, &down}, Name: "s1", RunID: "dev_1", Job: Job{"prepare/read-logs", runner.Fold(events).Of("prepare/read-logs", "s1").Try}}
		return n.Detached(t.Context(), "copy", runner.Command{Argv: []string{"cp"}}, nil)
	}
	names := func() (list []string) {
		for _, c := range h.Ran() {
			list = append(list, c.Job)
		}
		return list
	}
	const first, second = "dev-1.s1.prepare.read-logs.copy.1", "dev-1.s1.prepare.read-logs.copy.2"
	if out, err := do(runner.StepStarted); err != nil || out.Exit != 1 || !slices.Equal(names(), []string{first}) {
		t.Fatalf("the first try: %+v, %v, ran %v", out, err, names())
	}
	exit = 0
	if out, err := do(runner.StepStarted); err != nil || out.Exit != 1 || len(names()) != 1 {
		t.Errorf("going on after a crash: %+v, %v, ran %v; want the verdict of before", out, err, names())
	}
	down = errors.New("outcome unknown: no answer")
	if _, err := do(runner.StepFailed, runner.StepStarted); !errors.Is(err, down) || len(names()) != 1 {
		t.Errorf("with an earlier try that nobody can tell of: %v, ran %v; want none begun", err, names())
	}
	down = fmt.Errorf("it left no verdict: %w", runner.ErrOver)
	if out, err := do(runner.StepStarted); err != nil || out.Exit != 0 || !slices.Equal(names(), []string{first, second}) {
		t.Errorf("the second try: %+v, %v, ran %v", out, err, names())
	}
}

// hostWith answers looks at jobs with an error of its own, if there is one.
type hostWith struct {
	*runnertest.Host
	down *error
}

func (h hostWith) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	if len(cmd.Argv) == 0 && *h.down != nil {
		return runner.Output{}, *h.down
	}
	return h.Host.Run(ctx, cmd)
}
