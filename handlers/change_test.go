package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// Whoever asks for a change of what is done counts as a requester.
func TestWhoChangesItAskedForIt(t *testing.T) {
	b := newBench(t)
	b.toCommit()
	b.ask("UBOB", "drop dev t1")
	b.ask("UBOB", "approve dev --typed dev")
	if st := b.state(); !slices.Contains(b.refusals(), "requester-drops-and-approves") || len(st.Gates["commit"].Approvals) != 0 {
		t.Errorf("refusals %v, approvals %v", b.refusals(), st.Gates["commit"].Approvals)
	}
}

// Dropping tasks voids approvals: what they were for has changed.
func TestDropVoidsApprovals(t *testing.T) {
	b := newBench(t)
	st := b.toCommit()
	before := st.Gates["commit"].Digest
	b.ask("UBOB", "approve dev --typed dev")
	b.ask("UANN", "drop dev task-1 task-2")
	st = b.state()
	if g := st.Gates["commit"]; st.Gate != "commit" || len(g.Approvals) != 0 || g.Digest == before || !slices.Equal(st.Dropped, []string{"task-1", "task-2"}) {
		t.Errorf("gate %+v, dropped %v", g, st.Dropped)
	}
}

// Whoever chooses the log instead of the backup counts as one who asked; the gate opens
// anew for what is restored then, and for the backup again with --off.
func TestSalvageIsChosen(t *testing.T) {
	b := newBench(t)
	b.offered = runner.Source{Name: "salvaged", SHA256: "5a17", Host: "s2"}
	b.ask("UANN", recoverDev)
	if r := b.ask("UBOB", "salvage dev"); r.Exit != handlers.ExitError || !strings.Contains(r.Message.Head+strings.Join(r.Message.Lines, " "), "start gate") {
		t.Errorf("at the start gate: exit %d, %+v", r.Exit, r.Message)
	}
	b.ask("UBOB", "approve dev")
	before := b.state().Gates["commit"].Digest
	b.ask("UDAN", "approve dev --typed dev")
	for words, want := range map[string]string{
		"salvage dev --off":                         "restores the requested backup already, good",
		"salvage dev --typed prod":                  `typed as "prod"`,
		"salvage dev --gate start":                  "does not wait for a decision here",
		"salvage dev --gate commit --digest 012345": "another plan",
	} {
		if r := b.ask("UBOB", words); r.Exit == handlers.ExitWaiting || !strings.Contains(r.Message.Head+strings.Join(r.Message.Lines, " "), want) {
			t.Errorf("%s: exit %d, %+v; want %q", words, r.Exit, r.Message, want)
		}
	}
	if st := b.state(); st.Source != nil || st.Gates["commit"].Digest != before || len(st.Gates["commit"].Approvals) != 1 {
		t.Fatalf("after what was refused: source %v, gate %+v", st.Source, st.Gates["commit"])
	}
	b.ask("UBOB", "salvage dev --gate commit --digest "+before+" --typed dev")
	st := b.state()
	chosen := st.Gates["commit"]
	if st.Source == nil || !reflect.DeepEqual(*st.Source, b.offered) || st.Gate != "commit" || chosen.Digest == before || len(chosen.Approvals) != 0 {
		t.Fatalf("source %+v, gate %q, %+v", st.Source, st.Gate, chosen)
	}
	if r := b.ask("UBOB", "approve dev --typed dev"); r.Exit != handlers.ExitRefused {
		t.Errorf("who chose it approves it: exit %d", r.Exit)
	}
	b.ask("UCAT", "salvage dev --off")
	st = b.state()
	if st.Source != nil || st.Gates["commit"].Digest != before || len(st.Gates["commit"].Approvals) != 0 {
		t.Errorf("back to the backup: source %v, the digest of before: %v, approvals %v", st.Source, st.Gates["commit"].Digest == before, st.Gates["commit"].Approvals)
	}
	if want := []string{"T1/UBOB", "T1/UCAT"}; !slices.Equal(st.Changed, want) {
		t.Errorf("changed by %v, want %v", st.Changed, want)
	}
	b.noOffer = errors.New("no backup could be made of a log")
	if r := b.ask("UANN", "salvage dev"); r.Exit != handlers.ExitError || b.state().Source != nil {
		t.Errorf("without an offer: exit %d, source %v", r.Exit, b.state().Source)
	}
}

// Wherever a crash falls while a choice is journaled, what was found and approved for
// the backup stands for nothing else.
func TestChangeIsSafeAtEveryEvent(t *testing.T) {
	b := newBench(t)
	b.offered = runner.Source{Name: "salvaged", SHA256: "5a17", Host: "s2"}
	b.toCommit()
	b.ask("UDAN", "approve dev --typed dev")
	whole := len(b.events())
	b.ask("UBOB", "salvage dev")
	events := b.events()
	at := slices.IndexFunc(events, func(e runner.Event) bool { return e.Kind == runner.SourceChosen })
	if at < 0 || at-whole < 2 {
		t.Fatalf("the choice is event %d, the gate was open until %d", at, whole)
	}
	for n := whole + 1; n <= at+1; n++ {
		st := runner.Fold(events[:n])
		if len(st.Gates["commit"].Approvals) != 0 {
			t.Errorf("after %s an approval of the backup counts", events[n-1].Kind)
		}
		if st.Source != nil && st.Passed("restore/compare", runner.Bot) {
			t.Errorf("after %s the log is chosen, and what was found is the backup's", events[n-1].Kind)
		}
	}
}

// A drop of what is not there, or of all that is, changes nothing: a commit of
// nothing would have every task killed.
func TestDropLeavesSomething(t *testing.T) {
	b := newBench(t)
	b.s.Clusters[0].Tasks = func(context.Context, *runner.State) ([]string, error) {
		return []string{"task-1\tRUNNING\ta1", "task-2\tRUNNING\ta1", "task-3\tPENDING\t"}, nil
	}
	b.toCommit()
	for words, want := range map[string]string{
		"drop dev task-1 task-9":        `no task "task-9"`,
		"drop dev task-1 task-2 task-3": "no task would be left",
	} {
		if r := b.ask("UANN", words); r.Exit != handlers.ExitError || !strings.Contains(r.Message.Head+strings.Join(r.Message.Lines, " "), want) {
			t.Errorf("%s: exit %d: %+v, want %q", words, r.Exit, r.Message, want)
		}
	}
	if st := b.state(); len(st.Dropped) != 0 || st.Gate != "commit" {
		t.Errorf("dropped %v at gate %s", st.Dropped, st.Gate)
	}
	b.ask("UANN", "drop dev task-1 task-2")
	if r := b.ask("UANN", "drop dev task-3"); r.Exit != handlers.ExitError {
		t.Errorf("the last one: exit %d", r.Exit)
	}
	if st := b.state(); len(st.Dropped) != 2 {
		t.Errorf("dropped %v", st.Dropped)
	}
}

// Configurations hold passwords: who may operate gets them, on the bot's machine.
func TestExportKeepsSecrets(t *testing.T) {
	b := newBench(t)
	b.s.Clusters[0].LostJobs = func(*runner.State) ([]byte, error) { return []byte("[secret]"), nil }
	b.s.Rules.Access[1].Channels = []string{"C1", "cli"} // All read.
	b.s.Rules.Access[0].Channels = []string{"C1", "cli"}
	b.ask("UANN", recoverDev)
	for _, tt := range []struct {
		channel, who string
		has          bool
	}{{"cli", "UANN", true}, {"C1", "UANN", false}, {"cli", "UEVE", false}, {"C1", "UEVE", false}} {
		r := b.askIn(tt.channel, tt.who, "export dev")
		text := view.Text(r.Message)
		has := slices.ContainsFunc(r.Message.Files, func(f view.File) bool { return f.Name == "lost-jobs.json" && f.Text == "[secret]" })
		doc, err := json.Marshal(r.Data)
		if err != nil || r.Exit != handlers.ExitDone || has != tt.has || strings.Contains(text+string(doc), "secret") != tt.has {
			t.Errorf("%s in %s: exit %d, has them: %v, want %v: %s", tt.who, tt.channel, r.Exit, has, tt.has, text)
		}
		if !tt.has && !strings.Contains(text, "left out") {
			t.Errorf("%s in %s is not told that something is left out: %s", tt.who, tt.channel, text)
		}
	}
	// The pack is wanted most when something is gone.
	b.s.Clusters[0].LostJobs = func(*runner.State) ([]byte, error) { return nil, errors.New("lost-jobs.json: no such file") }
	r := b.askIn("cli", "UANN", "export dev")
	if text := view.Text(r.Message); r.Exit != handlers.ExitDone || len(r.Message.Files) < 2 || !strings.Contains(text, "no such file") {
		t.Errorf("without the file: exit %d, %d files: %s", r.Exit, len(r.Message.Files), text)
	}
}
