package drill

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
)

var at = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// good are the events of a recovery that ends as it should.
func good() []runner.Event {
	e := []runner.Event{
		{Kind: runner.RunRequested}, {Kind: runner.PhaseStarted, Phase: "prepare"}, {Kind: runner.StepDone, Phase: "prepare", Step: "a", Host: "s1"},
		{Kind: runner.StepDone, Phase: "prepare", Step: "a", Host: "s2"}, {Kind: runner.GateApproved, Gate: "start", Who: "T/U"}, {Kind: runner.PhaseDone, Phase: "prepare"},
		{Kind: runner.PhaseSkipped, Phase: "reinitialize"}, {Kind: runner.PhaseStarted, Phase: "restore"}, {Kind: runner.CommitSent}, {Kind: runner.CommitProved, Why: "s2 leads"},
		{Kind: runner.PhaseDone, Phase: "restore"}, {Kind: runner.RunClosed, Why: "recovered"},
	}
	for i := range e {
		e[i].Seq, e[i].At, e[i].Run = i+1, at.Add(time.Duration(i)*time.Second), "lab-1"
	}
	return e
}

func without(kind runner.Kind) []runner.Event {
	var list []runner.Event
	for _, e := range good() {
		if e.Kind != kind {
			list = append(list, e)
		}
	}
	return list
}

// Only when everything says so is something proved.
func TestJudge(t *testing.T) {
	stopped := append(good()[:4], runner.Event{Kind: runner.RunStopped, Why: "stage: no such task", Data: json.RawMessage(`{"reason":"failed","step":"restore/stage"}`)})
	for name, tt := range map[string]struct {
		events []runner.Event
		exit   int
		bad    error
		why    string
		step   string
	}{
		"recovered":                 {events: good()},
		"no event at all":           {exit: 1, why: "could not begin a recovery with it (exit status 1): lab: read the backup"},
		"stopped at a step":         {events: stopped, exit: 3, why: "stage: no such task", step: "restore/stage"},
		"never closed":              {events: without(runner.RunClosed), exit: 1, why: "the run is left open", step: "a"},
		"not proved":                {events: without(runner.CommitProved), why: "not proved"},
		"the lab found a lie":       {events: good(), exit: 1, why: "the lab that it did not"},
		"a line that is no event":   {events: good(), bad: errors.New("a line of the lab is no event"), why: "no event"},
		"not recovered, but undone": {events: append(without(runner.RunClosed), runner.Event{Kind: runner.RunClosed, Why: "undone"}), why: `ended as "undone"`},
	} {
		r := judge(tt.events, tt.exit, tt.bad, "lab: read the backup\n")
		if r.Proved != (tt.why == "") || !strings.Contains(r.Why, tt.why) || r.Step != tt.step {
			t.Errorf("%s: proved %v, %q at %q, want %q at %q", name, r.Proved, r.Why, r.Step, tt.why, tt.step)
		}
	}
	r := judge(good(), 0, nil, "")
	if len(r.Phases) != 3 || r.Phases[0] != (Phase{ID: "prepare", Steps: 2, Took: 4, Done: true}) || !r.Phases[1].Skipped || r.People != 1 || r.Proof != "s2 leads" {
		t.Errorf("%+v", r)
	}
}

// lab is a program that plays the lab: a script.
func lab(t *testing.T, script string) Lab {
	t.Helper()
	dir := t.TempDir()
	var lines strings.Builder
	for _, e := range good() {
		line, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		lines.Write(append(line, '\n'))
	}
	if err := os.WriteFile(filepath.Join(dir, "events"), []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "lab")
	if err := os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\ncd %s\n%s\n", dir, script), 0o700); err != nil {
		t.Fatal(err)
	}
	return Lab{Program: program, Bot: "/bot", Temp: dir}
}

func TestPlay(t *testing.T) {
	env := func(k string) string {
		if k == "PATH" {
			return os.Getenv("PATH")
		}
		return "secret of " + k
	}
	l := lab(t, `echo "$@" >args; env >env; cat events`)
	r, err := l.Play(t.Context(), "/a b", env)
	if err != nil || !r.Proved {
		t.Fatalf("%+v, %v", r, err)
	}
	args, _ := os.ReadFile(filepath.Join(l.Temp, "args"))
	if want := "--auto --json --bot /bot --backup /a b --reinitialize always --limit 4m0s\n"; string(args) != want {
		t.Errorf("arguments %q, want %q", args, want)
	}
	if got, _ := os.ReadFile(filepath.Join(l.Temp, "env")); strings.Contains(string(got), "SLACK") || !strings.Contains(string(got), "TMPDIR="+l.Temp) {
		t.Errorf("environment:\n%s", got)
	}
	r, err = lab(t, `echo "lab: read the backup: it is cut" >&2; exit 1`).Play(t.Context(), "/b", env)
	if err != nil || r.Proved || !strings.Contains(r.Why, "it is cut") {
		t.Errorf("a lab that cannot begin: %+v, %v", r, err)
	}
	r, err = lab(t, `cat events; echo no event`).Play(t.Context(), "/b", env)
	if err != nil || r.Proved {
		t.Errorf("a lab that says something else too: %+v, %v", r, err)
	}
	if _, err := (Lab{Program: "/nonexistent/lab"}).Play(t.Context(), "/b", env); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no lab: %v", err)
	}
}

// A drill that is broken off says so, ends the lab, and proves nothing.
func TestPlayEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	// What it started is ended by it, as the lab does: a child that holds on to
	// the output would hold up the end.
	l := lab(t, `trap 'kill $!; echo ended >ended; exit 130' TERM; cat events; sleep 60 & echo >begun; wait`)
	go func() {
		for ctx.Err() == nil {
			if _, err := os.Stat(filepath.Join(l.Temp, "begun")); err == nil {
				cancel()
			}
			time.Sleep(5 * time.Millisecond)
		}
	}()
	begin := time.Now()
	r, err := l.Play(ctx, "/b", os.Getenv)
	if err == nil || r.Proved {
		t.Errorf("%+v, %v", r, err)
	}
	if _, err := os.Stat(filepath.Join(l.Temp, "ended")); err != nil {
		t.Errorf("the lab was not asked to end: %v", err)
	}
	if took := time.Since(begin); took > 40*time.Second {
		t.Errorf("it took %s", took)
	}
}
