package app

import (
	"log/slog"
	"strings"
	"testing"

	"aurorabot/runner"
)

// The log tells of what people have to know of a run, and of nothing else.
func TestTheLogTellsOfRuns(t *testing.T) {
	for _, c := range []struct {
		event runner.Event
		says  string
	}{
		{runner.Event{Run: "dev-1", Kind: runner.RunRequested, Who: "T1/UANN"}, `level=INFO msg="a run is asked for" run=dev-1 who=T1/UANN`},
		{runner.Event{Run: "dev-1", Kind: runner.GateOpened, Gate: "commit"}, `level=INFO msg="a gate is open: people decide" run=dev-1 gate=commit`},
		{runner.Event{Run: "dev-1", Kind: runner.RunStopped, Step: "restore/stage", Why: "s1: connection refused"}, `level=INFO msg="a run stopped: a person decides" run=dev-1 step=restore/stage why="s1: connection refused"`},
		{runner.Event{Run: "dev-1", Kind: runner.RunClosed, Why: "recovered"}, `level=INFO msg="a run is closed" run=dev-1 why=recovered`},
		{runner.Event{Run: "dev-1", Kind: runner.StepStarted, Step: "restore/stage"}, ""},
	} {
		var b strings.Builder
		(&app{log: slog.New(slog.NewTextHandler(&b, nil))}).narrate(c.event)
		if got := b.String(); !strings.Contains(got, c.says) || (got == "") != (c.says == "") {
			t.Errorf("%s: the log says %q, want %q", c.event.Kind, got, c.says)
		}
	}
}
