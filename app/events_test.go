package app

import (
	"log/slog"
	"regexp"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/redact"
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

// The log is text or lines of JSON, from a level on; what is neither is said.
func TestLogging(t *testing.T) {
	for _, c := range []struct {
		given map[string]string
		says  string
		bad   bool
	}{
		{nil, "level=INFO msg=known\nlevel=WARN msg=odd\n", false},
		{map[string]string{"log-format": "json", "log-level": "warn"}, `{"level":"WARN","msg":"odd"}` + "\n", false},
		{map[string]string{"log-level": "debug"}, "level=DEBUG msg=small\nlevel=INFO msg=known\nlevel=WARN msg=odd\n", false},
		{map[string]string{"log-format": "xml"}, "text or json", true},
		{map[string]string{"log-level": "loud"}, "debug, info, warn, error", true},
		{map[string]string{"log-level": "info+2"}, "debug, info, warn, error", true},
	} {
		l, err := loggingOf(c.given)
		if c.bad {
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v: %v, want %q", c.given, err, c.says)
			}
			continue
		}
		var b strings.Builder
		log := l.logger(&b, &redact.Redactor{})
		log.Debug("small")
		log.Info("known")
		log.Warn("odd")
		if got := regexp.MustCompile(`time=\S+ |"time":"[^"]*",`).ReplaceAllString(b.String(), ""); err != nil || got != c.says {
			t.Errorf("%v: %q, %v; want %q", c.given, got, err, c.says)
		}
	}
}
