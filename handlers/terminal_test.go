package handlers_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/cli"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// `status RUN` shows what the open gate shows, to whoever asked alone, and what to
// type; of a run without an open gate, where it stands.
func TestStatusOfARun(t *testing.T) {
	b := newBench(t)
	b.ask("UANN", recoverDev)
	for _, gate := range []string{"start", "commit"} {
		st := b.state()
		r := b.typed("C1", "UBOB", "status "+st.Run)
		text := view.Text(r.Message)
		for _, want := range []string{"What will be lost is not known", "Still needed", "Until", "digest " + st.Gates[gate].Digest, st.Run} {
			if !strings.Contains(text, want) {
				t.Errorf("at the %s gate, `status RUN` lacks %q:\n%s", gate, want, text)
			}
		}
		if gate == "commit" && !strings.Contains(text, "Cannot be undone") {
			t.Errorf("what cannot be undone is not said:\n%s", text)
		}
		if r.Exit != handlers.ExitDone || !r.Private || len(r.Message.Actions) > 0 {
			t.Errorf("exit %d, private %v, buttons %v", r.Exit, r.Private, r.Message.Actions)
		}
		var data struct {
			Run struct{ Run, Cluster, Gate, Digest string }
			All []any `json:"open_runs"`
		}
		js, err := json.Marshal(r.Data)
		if err != nil || json.Unmarshal(js, &data) != nil || data.Run.Run != st.Run || data.Run.Cluster != "dev" || data.Run.Gate != gate || data.Run.Digest != st.Gates[gate].Digest || len(data.All) != 1 {
			t.Errorf("data %s, %v", js, err)
		}
		// What it says to type does what it says.
		_, words, _ := strings.Cut(text, "type `")
		words, _, _ = strings.Cut(words, "`")
		if r := b.typed("C1", "UBOB", words); r.Exit == handlers.ExitRefused || !strings.HasPrefix(words, "approve ") {
			t.Errorf("%q: %s", words, r.Message.Head)
		}
	}
	run := b.state().Run
	b.ask("UANN", "abort "+run)
	if r := b.typed("C1", "UBOB", "status "+run); r.Exit != handlers.ExitDone || strings.Contains(view.Text(r.Message), "Still needed") || r.Message.Head == "" {
		t.Errorf("of a stopped run: exit %d, %s", r.Exit, view.Text(r.Message))
	}
	b.ask("UANN", "undo "+run)
	if r := b.typed("C1", "UBOB", "status "+run); r.Exit != handlers.ExitDone || !strings.Contains(r.Message.Head, "undone") {
		t.Errorf("of a closed run: exit %d, %s", r.Exit, view.Text(r.Message))
	}
	for words, exit := range map[string]int{"status nothing-1": handlers.ExitError, "status audit": handlers.ExitError, "plan " + run + " good": handlers.ExitError} {
		if r := b.typed("C1", "UBOB", words); r.Exit != exit {
			t.Errorf("%s: exit %d, %s", words, r.Exit, r.Message.Head)
		}
	}
	if r := b.typed("C2", "UBOB", "status "+run); r.Exit != handlers.ExitRefused {
		t.Errorf("where nobody may read it: exit %d, %s", r.Exit, r.Message.Head)
	}
}

// atTerminal approves as somebody who sits at a terminal, and types name when meanwhile
// has happened. It returns the exit status and what was shown.
func (b *bench) atTerminal(who, run, name string, meanwhile func()) (int, string) {
	s := &cli.Server{Service: b.s, Now: time.Now, Log: slog.New(slog.DiscardHandler), Who: func(ctx context.Context, _ cli.Account, p handlers.Purpose) (policy.Actor, *policy.Refusal, error) {
		person, err := b.who.Person(ctx, "T1", who, p)
		return person, nil, err
	}}
	dial := func() (io.ReadWriteCloser, error) {
		here, there := net.Pipe()
		go func() { defer there.Close(); _ = s.Answer(b.t.Context(), there, cli.Account{}) }()
		return here, nil
	}
	var errs bytes.Buffer
	exit := cli.Approve(b.t.Context(), dial, cli.Question{Words: []string{"approve", run}}, typist(func() string { meanwhile(); return name + "\n" }), cli.Std{Out: io.Discard, Err: &errs})
	return exit, errs.String()
}

// A typist types once, when asked.
type typist func() string

func (f typist) Read(p []byte) (int, error) { return copy(p, f()), nil }

// At a terminal what is approved is what was shown: not the next gate, nor the same
// gate of another plan.
func TestAtATerminalOnlyWhatWasShown(t *testing.T) {
	nothing := func() {}
	b := newBench(t)
	for i := range b.s.Rules.Access {
		b.s.Rules.Access[i].Channels = []string{"*"}
	}
	b.ask("UANN", recoverDev)
	digest := b.state().Gates["start"].Digest
	if exit, shown := b.atTerminal("UBOB", "dev", "dev", func() { b.ask("UCAT", "approve dev") }); exit != handlers.ExitRefused && exit != handlers.ExitError || b.state().Gate != "commit" || len(b.state().Gates["commit"].Approvals) > 0 {
		t.Errorf("the start gate was shown and another one approved: exit %d, %+v\n%s", exit, b.state().Gates, shown)
	}
	st := b.state()
	if st.Gate != "commit" || st.Gates["commit"].Digest == digest {
		t.Fatalf("gate %s", st.Gate)
	}
	if exit, shown := b.atTerminal("UBOB", st.Run, "prod", nothing); strings.Contains(shown, "approve "+st.Run+" --") || exit != handlers.ExitRefused || len(b.state().Gates["commit"].Approvals) > 0 || !strings.Contains(shown, st.Gates["commit"].Digest) {
		t.Errorf("wrong name: exit %d\n%s", exit, shown)
	}
	if exit, shown := b.atTerminal("UBOB", st.Run, "dev", nothing); exit != handlers.ExitWaiting || b.commits != 0 {
		t.Errorf("one of two: exit %d\n%s", exit, shown)
	}
	if exit, shown := b.atTerminal("UDAN", "dev", "dev", nothing); exit != handlers.ExitDone || b.commits != 1 {
		t.Errorf("two of two: exit %d, %d commits\n%s", exit, b.commits, shown)
	}
	for end := time.Now().Add(10 * time.Second); b.state().Status != runner.Closed && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
	if b.state().Outcome != "recovered" {
		t.Errorf("outcome %q", b.state().Outcome)
	}
}
