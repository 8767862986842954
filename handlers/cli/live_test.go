package cli

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"aurorabot/runner"
)

// The line says what is at work and on how many hosts it is done, turns, stays within
// the terminal, and is gone before anything else is printed.
func TestLiveLine(t *testing.T) {
	var out bytes.Buffer
	l := newLive(&out, 60, []string{"recover", "west", "scheduler-backup-2026-11-23-08-36"})
	drawn := func() string {
		out.Reset()
		l.tick()
		return strings.TrimRight(out.String(), " ")
	}
	for n := 1; n < liveAfter; n++ {
		if got := drawn(); got != "" {
			t.Errorf("tick %d, before a second is over: %q", n, got)
		}
	}
	if got := drawn(); got != "\r| recover west, 1 s" {
		t.Errorf("after a second: %q", got)
	}
	plan, err := json.Marshal(runner.Plan{Phases: []runner.PlanPhase{{ID: "prepare", Steps: []runner.PlanStep{
		{ID: "prepare/stop", Title: "Stop all \x1b[31mschedulers", Hosts: []runner.PlanHost{{Host: "s1"}, {Host: "s2"}, {Host: "s3"}}},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
	l.event(runner.Event{Kind: runner.PlanProposed, Data: plan})
	l.event(runner.Event{Kind: runner.StepStarted, Step: "prepare/stop", Host: "s1"})
	if got := drawn(); got != "\r/ Stop all  [31mschedulers: 0 of 3 hosts, 0 s" {
		t.Errorf("begun on one host: %q", got)
	}
	for range 8 {
		l.event(runner.Event{Kind: runner.StepDone, Step: "prepare/stop", Host: "s1"})
		l.tick()
	}
	if got := drawn(); got != "\r- Stop all  [31mschedulers: 1 of 3 hosts, 3 s" {
		t.Errorf("done on one host: %q", got)
	}
	out.Reset()
	l.clear()
	if got := out.String(); strings.Trim(got, "\r ") != "" || !strings.HasSuffix(got, "\r") || len(got) < 40 {
		t.Errorf("taken away by %q", got)
	}
	out.Reset()
	if l.clear(); out.Len() > 0 {
		t.Errorf("nothing stood there, and was taken away by %q", out.String())
	}
	l.event(runner.Event{Kind: runner.UndoStarted, Step: "prepare/" + strings.Repeat("long-", 40), Host: "s1"})
	if got := drawn(); len([]rune(got)) > 60 || !strings.HasSuffix(got, "…") || !strings.Contains(got, "Undo: Long long") {
		t.Errorf("wider than the terminal: %q", got)
	}
	l.event(runner.Event{Kind: runner.GateOpened, Gate: "commit"})
	if got := drawn(); !strings.Contains(got, "recover west") {
		t.Errorf("at a gate no step is at work: %q", got)
	}
	l.end()
	l.end()
	if got := drawn(); got != "" {
		t.Errorf("after the end: %q", got)
	}
}

// A file and a pipe are no terminal, behind whatever writer: nothing moves there.
func TestNoLiveLineWithoutATerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "errs")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, w := range []io.Writer{file, &Plain{W: file}, &Folded{W: &Plain{W: file}}, &bytes.Buffer{}, io.Discard} {
		l := begin(w, 80, []string{"assess", "west"})
		if l != nil {
			t.Errorf("a line on %T", w)
		}
		l.event(runner.Event{Kind: runner.StepStarted})
		l.clear()
		l.end()
	}
	pty, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no terminal to be had here: %v", err)
	}
	defer pty.Close()
	if l := begin(&Plain{W: pty}, 80, []string{"assess", "west"}); l == nil {
		t.Error("no line on a terminal")
	} else {
		l.end()
	}
}
