package handlers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
)

// three is the bench with three hosts and a recipe that can go on without one.
// lives says which hosts answer.
func three(t *testing.T, lives map[string]bool) *bench {
	b := newBench(t)
	b.s.Clusters[0].Hosts = []string{"s1", "s2", "s3"}
	b.s.Clusters[0].Recipes["toy"] = func() (*runner.Recipe, error) {
		r := b.recipe()
		asked := func(s *runner.State) []string { return s.Asked() }
		gone := func(_ context.Context, t *runner.Task) (runner.Answer, error) {
			return runner.Answer{Yes: !lives[t.On], Evidence: t.On + " was asked"}, nil
		}
		r.Without = runner.Phase{ID: runner.PhaseWithout, Steps: []runner.Step{
			{ID: "without/look", Title: "look", Source: "toy", On: asked, Check: gone},
			{ID: "without/leave", Title: "leave", Source: "toy", On: asked, Check: gone},
		}}
		r.Gates = append(r.Gates, runner.Gate{ID: runner.GateWithout, Before: "without/leave", Title: "Without?"})
		r.Settle = runner.Phase{ID: runner.PhaseSettle, Steps: []runner.Step{{
			ID: "settle/look", Title: "look", Source: "toy", On: func(s *runner.State) []string { return []string{s.Settling} },
			Check: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
				return runner.Answer{Yes: lives[t.On], Evidence: t.On + " was asked"}, nil
			},
		}}}
		r.Owes = func(*runner.State, string) []string { return []string{"log folder aside"} }
		return r, nil
	}
	return b
}

func (b *bench) approveAll(people ...string) {
	b.t.Helper()
	for _, who := range people {
		b.ask(who, "approve dev --typed dev")
	}
}

// Going on without a host is asked for with a reason, consented to like a
// commit, shown as a debt, and settled.
func TestWithout(t *testing.T) {
	lives := map[string]bool{"s1": true, "s3": true}
	b := three(t, lives)
	if r := b.ask("UANN", "recover dev good --without s2 --reason burnt"); r.Exit != 0 {
		t.Fatal(r.Message)
	}
	if st := b.state(); st.Gate != runner.GateWithout || st.IsLeft("s2") {
		t.Fatalf("gate %q, left %v; want the gate before anything else", st.Gate, st.IsLeft("s2"))
	}
	if r := b.ask("UBOB", "approve dev"); r.Exit != handlers.ExitRefused {
		t.Errorf("without typing the name: exit %d", r.Exit)
	}
	b.approveAll("UBOB") // One of two factors of the commit gate.
	if st := b.state(); st.IsLeft("s2") {
		t.Fatal("one person left a host out")
	}
	b.approveAll("UDAN")
	if st := b.state(); !st.IsLeft("s2") || st.Gate != "start" {
		t.Fatalf("left %v, gate %q: %s", st.IsLeft("s2"), st.Gate, st.Why)
	}
	b.ask("UBOB", "approve dev")
	b.approveAll("UBOB", "UDAN")
	st := b.state()
	if st.Status != runner.Owing || st.Outcome != "recovered" || b.commits != 1 {
		t.Fatalf("%s %q, %d commits: %s", st.Status, st.Outcome, b.commits, st.Why)
	}
	if handlers.ExitOf(st) != handlers.ExitDone {
		t.Errorf("exit %d", handlers.ExitOf(st))
	}
	shown, err := b.s.Screens(st.Run)
	if err != nil || shown.Closed || !strings.Contains(strings.Join(shown.Status.Lines, "\n"), "s2 owes: log folder aside") {
		t.Errorf("closed %v, %v, status says:\n%s\n%s", shown.Closed, err, shown.Status.Head, strings.Join(shown.Status.Lines, "\n"))
	}
	if r := b.ask("UANN", "status dev"); len(r.Message.Lines) == 0 && r.Exit != handlers.ExitError {
		t.Errorf("status says nothing of the debt: %+v", r.Message)
	}
	if r := b.ask("UANN", recoverDev); r.Exit != handlers.ExitError || !strings.Contains(strings.Join(r.Message.Lines, " "), "settle "+st.Run+" s2") {
		t.Errorf("another run while s2 owes: exit %d, %v", r.Exit, r.Message.Lines)
	}
	if r := b.ask("UEVE", "settle s2"); r.Exit != handlers.ExitRefused {
		t.Errorf("who may not operate settles: exit %d", r.Exit)
	}
	b.ask("UANN", "settle s2")
	if st := b.state(); st.Status != runner.Stopped || st.Settling != "s2" {
		t.Fatalf("settling a host that does not answer: %s", st.Status)
	}
	lives["s2"] = true
	b.ask("UANN", "settle "+st.Run+" s2")
	if st := b.state(); st.Status != runner.Closed || st.Outcome != "recovered" {
		t.Errorf("%s %q: %s; want closed", st.Status, st.Outcome, st.Why)
	}
}

// Two of three dead: no approval makes a quorum of one.
func TestWithoutNeedsAQuorum(t *testing.T) {
	b := three(t, map[string]bool{"s1": true})
	r := b.ask("UANN", "recover dev good --without s2,s3 --reason burnt")
	if r.Exit != handlers.ExitRefused || !strings.Contains(strings.Join(append(r.Message.Lines, r.Message.Head), " "), "1 of 3") {
		t.Errorf("exit %d: %+v", r.Exit, r.Message)
	}
	if runs, _ := b.j.Runs(); len(runs) != 1 || b.refusals()[0] != "no-quorum" {
		t.Errorf("runs %v, refusals %v; want the audit alone", runs, b.refusals())
	}
}

// While a dead host is owed for, the next disaster can be met without it.
func TestNextRecoveryWhileAHostOwes(t *testing.T) {
	lives := map[string]bool{"s1": true, "s3": true}
	b := three(t, lives)
	b.ask("UANN", "recover dev good --without s2 --reason burnt")
	b.approveAll("UBOB", "UDAN")
	b.ask("UBOB", "approve dev")
	b.approveAll("UBOB", "UDAN")
	first := b.state()
	if first.Status != runner.Owing {
		t.Fatalf("%s: %s", first.Status, first.Why)
	}
	b.ask("UANN", "recover dev good --without s2 --reason again")
	st := b.state()
	if st.Run == first.Run || st.Gate != runner.GateWithout {
		t.Fatalf("run %s, gate %q; want another run at the gate", st.Run, st.Gate)
	}
	if r := b.ask("UANN", "settle s2"); r.Exit != handlers.ExitError || !strings.Contains(r.Message.Head, st.Run) {
		t.Errorf("settling for the former run in the middle of this one: exit %d, %+v", r.Exit, r.Message)
	}
	if r := b.ask("UBOB", "deny dev"); r.Run != st.Run {
		t.Errorf("`dev` means %s, want the run that is at work, %s", r.Run, st.Run)
	}
	if st = b.state(); len(st.Asked()) != 0 || st.Status != runner.Stopped {
		t.Errorf("denied: asked %v, %s", st.Asked(), st.Status)
	}
}

// A host that lives is not left out, and a resume without the option goes on
// with it.
func TestWithoutAHostThatLives(t *testing.T) {
	b := three(t, map[string]bool{"s1": true, "s2": true, "s3": true})
	b.ask("UANN", "recover dev good --without s2 --reason burnt")
	if st := b.state(); st.Status != runner.Stopped || st.Stop.Step != "without/look" {
		t.Fatalf("%s at %q", st.Status, st.Stop.Step)
	}
	b.ask("UANN", "resume dev")
	if st := b.state(); st.Gate != "start" || len(st.Without) != 0 {
		t.Errorf("gate %q, without %v", st.Gate, st.Without)
	}
}

// What an approval lasts at the gate of going on without a host is what it lasts
// at the commit gate, also for the question whether it may be given anew.
func TestWithoutApprovalGivenAnew(t *testing.T) {
	b := three(t, map[string]bool{"s1": true, "s3": true})
	now := time.Now()
	b.s.Now = func() time.Time { return now }
	b.s.Engine.Now = b.s.Now
	rule := b.s.Rules.Gates["commit"]
	rule.Expires = 10 * time.Minute
	b.s.Rules.Gates["commit"] = rule
	b.ask("UANN", "recover dev good --without s2 --reason burnt")
	b.approveAll("UBOB")
	now = now.Add(10*time.Minute + 1)
	if r := b.ask("UBOB", "approve dev --typed dev"); r.Exit != handlers.ExitWaiting {
		t.Errorf("given anew: exit %d, %+v", r.Exit, r.Message)
	}
	b.approveAll("UDAN")
	if st := b.state(); !st.IsLeft("s2") {
		t.Errorf("gate %q; want s2 left out by both", st.Gate)
	}
}
