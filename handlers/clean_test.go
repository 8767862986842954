package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// A shed is where things of a run lie.
type shed struct {
	mu     sync.Mutex
	left   []health.Left
	silent map[string]string
	broken string // The host that fails.
	now    func() // Happens at a removal.
}

func (s *shed) List(context.Context, *runner.State) (health.Leftovers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return health.Leftovers{Left: slices.Clone(s.left), Silent: s.silent}, nil
}

func (s *shed) Remove(_ context.Context, _ *runner.State, host string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.now != nil {
		s.now()
	}
	if host == s.broken {
		return errors.New("the disk is read-only")
	}
	s.left = slices.DeleteFunc(s.left, func(l health.Left) bool { return l.Host == host })
	return nil
}

// closedRun is a bench with one run that was closed two months ago, and what it left.
func closedRun(t *testing.T) (*bench, *shed, string) {
	t.Helper()
	b := newBench(t)
	b.s.Rules.Access[0].Channels = []string{"*"}
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	b.ask("UDAN", "approve dev --typed dev")
	st := b.state()
	if st.Status != runner.Closed {
		t.Fatalf("%s %s", st.Status, st.Why)
	}
	s := &shed{left: []health.Left{{Host: "s1", Run: st.Run, Path: "/run/" + st.Run, Bytes: 5 << 30, Files: 12}, {Host: "s2", Run: st.Run, Path: "/db.dr-" + st.Run, Bytes: 1 << 20, Files: 3}}}
	b.s.Clusters[0].Clean = s
	b.ahead.Add(int64(60 * 24 * time.Hour))
	return b, s, st.Run
}

func digestOf(t *testing.T, b *bench, run string) string {
	t.Helper()
	events, _ := b.j.Events(run)
	for _, e := range slices.Backward(events) {
		if e.Kind == runner.CleanRequested {
			return e.Digest
		}
	}
	t.Fatal("nothing was asked for")
	return ""
}

// What a closed run left is removed when those who approve commits have approved that
// list of it; each host's removal is journaled before it is done, and how the run ended
// stays as it is.
func TestClean(t *testing.T) {
	b, s, run := closedRun(t)
	before := b.state()
	r := b.typed("C1", "UANN", "clean "+run)
	text := view.Text(r.Message)
	digest := digestOf(t, b, run)
	hint := "approve " + run + " --gate clean --typed dev --digest " + digest[:8]
	if r.Exit != handlers.ExitWaiting || !strings.Contains(text, "5.0 GiB") || !strings.Contains(text, hint) || !strings.Contains(text, "1 of sre and 1 of leads") {
		t.Fatalf("exit %d:\n%s", r.Exit, text)
	}
	if again := b.typed("C1", "UBOB", "clean "+run); again.Exit != handlers.ExitWaiting || digestOf(t, b, run) != digest {
		t.Errorf("asked again: exit %d", again.Exit)
	}
	for _, c := range []struct{ who, words, why string }{
		{"UANN", hint, "self-approve"},
		{"UEVE", hint, "factor"},
		{"UBOB", "approve " + run + " --gate clean", "typed-without-digest"},
		{"UBOB", "approve " + run + " --gate clean --typed devv --digest " + digest, "typed-name"},
		{"UBOB", "approve " + run + " --gate clean --typed dev --digest 0123456789", "stale-digest"},
	} {
		if r := b.typed("C1", c.who, c.words); r.Exit != handlers.ExitRefused || !slices.Contains(b.refusals(), c.why) {
			t.Errorf("%s: %s: exit %d, %s; refused: %v", c.who, c.words, r.Exit, r.Message.Head, b.refusals())
		}
	}
	if r := b.typed("C1", "UBOB", hint); r.Exit != handlers.ExitWaiting || len(s.left) != 2 {
		t.Fatalf("the first: exit %d, %s", r.Exit, view.Text(r.Message))
	}
	if r := b.typed("C1", "UBOB", hint); r.Exit != handlers.ExitRefused {
		t.Errorf("twice: exit %d", r.Exit)
	}
	s.now = func() {
		events, _ := b.j.Events(run)
		if last := events[len(events)-1]; last.Kind != runner.CleanStarted {
			t.Errorf("removed before it was journaled: %s", last.Kind)
		}
	}
	if r := b.typed("C1", "UDAN", hint); r.Exit != handlers.ExitDone || len(s.left) != 0 {
		t.Fatalf("the second: exit %d, %s, left %v", r.Exit, view.Text(r.Message), s.left)
	}
	if after := b.state(); after.Status != runner.Closed || after.Outcome != before.Outcome || !after.At.Equal(before.At) {
		t.Errorf("the run now: %s %s at %s, was %s at %s", after.Status, after.Outcome, after.At, before.Outcome, before.At)
	}
	if r := b.typed("C1", "UANN", "clean "+run); r.Exit != handlers.ExitDone || !strings.Contains(r.Message.Head, "Nothing") {
		t.Errorf("when nothing is left: exit %d, %s", r.Exit, r.Message.Head)
	}
	if r := b.typed("C1", "UDAN", hint); r.Exit != handlers.ExitError || !strings.Contains(view.Text(r.Message), "nobody asked") {
		t.Errorf("once more: exit %d, %s", r.Exit, view.Text(r.Message))
	}
}

// Nothing is removed of a run that is open or young, beside an open one, when the list
// has changed, when an approver has left, or of a host that fails.
func TestCleanStops(t *testing.T) {
	approve := func(b *bench, run, who string) handlers.Response {
		return b.typed("C1", who, "approve "+run+" --gate clean --typed dev --digest "+digestOf(t, b, run))
	}
	t.Run("young", func(t *testing.T) {
		b, _, run := closedRun(t)
		b.ahead.Store(int64(29 * 24 * time.Hour))
		if r := b.typed("C1", "UANN", "clean "+run); r.Exit != handlers.ExitError || !strings.Contains(view.Text(r.Message), "retention") {
			t.Errorf("exit %d, %s", r.Exit, view.Text(r.Message))
		}
		b.s.Retention = time.Hour
		if r := b.typed("C1", "UANN", "clean "+run); r.Exit != handlers.ExitWaiting {
			t.Errorf("with a shorter retention: exit %d, %s", r.Exit, view.Text(r.Message))
		}
	})
	t.Run("open", func(t *testing.T) {
		b, _, run := closedRun(t)
		b.ask("UANN", recoverDev)
		for _, name := range []string{run, b.state().Run, "dev"} {
			if r := b.typed("C1", "UANN", "clean "+name); r.Exit != handlers.ExitError {
				t.Errorf("%s: exit %d, %s", name, r.Exit, view.Text(r.Message))
			}
		}
	})
	t.Run("changed", func(t *testing.T) {
		b, s, run := closedRun(t)
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		s.left[0].Bytes++
		if r := approve(b, run, "UDAN"); r.Exit != handlers.ExitRefused || len(s.left) != 2 {
			t.Errorf("exit %d, left %v", r.Exit, s.left)
		}
	})
	t.Run("left", func(t *testing.T) {
		b, s, run := closedRun(t)
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		gone := person("UBOB", "S1")
		gone.Deactivated = true
		b.who.set(gone)
		if r := approve(b, run, "UDAN"); r.Exit != handlers.ExitWaiting || len(s.left) != 2 {
			t.Errorf("exit %d, left %v", r.Exit, s.left)
		}
	})
	t.Run("old", func(t *testing.T) {
		b, s, run := closedRun(t)
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		b.ahead.Add(int64(31 * time.Minute))
		if r := approve(b, run, "UDAN"); r.Exit != handlers.ExitWaiting || len(s.left) != 2 {
			t.Errorf("by an approval of 31 minutes: exit %d, left %v", r.Exit, s.left)
		}
	})
	t.Run("nobody can tell", func(t *testing.T) {
		b, s, run := closedRun(t)
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		unsure := person("UBOB")
		unsure.Unknown = map[string]string{"S1": "Slack limits how often that is asked"}
		b.who.set(unsure)
		if r := approve(b, run, "UDAN"); r.Exit == handlers.ExitDone || len(s.left) != 2 || !strings.Contains(view.Text(r.Message), "can't be told") {
			t.Errorf("exit %d, left %v\n%s", r.Exit, s.left, view.Text(r.Message))
		}
	})
	t.Run("died before it removed anything", func(t *testing.T) {
		b, s, run := closedRun(t)
		b.typed("C1", "UANN", "clean "+run)
		digest := digestOf(t, b, run)
		approve(b, run, "UBOB")
		groups, _ := json.Marshal([]string{"S2"})
		if _, err := b.s.Engine.Append(run, runner.Event{Kind: runner.CleanApproved, Who: "T1/UDAN", Digest: digest, Data: groups}); err != nil {
			t.Fatal(err)
		}
		if r := approve(b, run, "UDAN"); r.Exit != handlers.ExitRefused || !strings.Contains(view.Text(r.Message), "clean "+run) {
			t.Errorf("exit %d, %s", r.Exit, view.Text(r.Message))
		}
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		if r := approve(b, run, "UDAN"); r.Exit != handlers.ExitDone || len(s.left) != 0 {
			t.Errorf("asked again: exit %d, left %v, %s", r.Exit, s.left, view.Text(r.Message))
		}
	})
	t.Run("broken", func(t *testing.T) {
		b, s, run := closedRun(t)
		s.broken, s.silent = "s1", map[string]string{"s3": "no route to host"}
		b.typed("C1", "UANN", "clean "+run)
		approve(b, run, "UBOB")
		r := approve(b, run, "UDAN")
		text := view.Text(r.Message)
		if r.Exit != handlers.ExitError || len(s.left) != 1 || s.left[0].Host != "s1" || !strings.Contains(text, "read-only") || !strings.Contains(text, "s3 could not be asked") {
			t.Errorf("exit %d, left %v\n%s", r.Exit, s.left, text)
		}
	})
	t.Run("not theirs", func(t *testing.T) {
		b, _, run := closedRun(t)
		b.s.Rules.Access = []policy.Rule{{Name: "approve", Who: []string{"*"}, Channels: []string{"*"}, Clusters: []string{"*"}, May: []string{"approve"}}}
		if r := b.typed("C1", "UBOB", "clean "+run); r.Exit != handlers.ExitRefused {
			t.Errorf("who may not operate: exit %d", r.Exit)
		}
	})
}
