package recovery_test

import (
	"context"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// meddling is a host on which somebody acts right before a command of ours.
type meddling struct {
	runner.Host
	before func(runner.Command)
}

func (m meddling) Run(ctx context.Context, c runner.Command) (runner.Output, error) {
	m.before(c)
	return m.Host.Run(ctx, c)
}

// Before a commit leaves the log is read, which takes its time. Who unloads what
// is staged meanwhile is noticed: the comparison comes right before the commit.
func TestUnloadedWhileTheLogIsReadOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	leader := ""
	for host := range s.Steps["restore/compare-staged"] {
		leader = host
	}
	if s.Gate != "commit" || leader == "" {
		t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
	}
	unloaded := false
	real := r.Hosts[leader]
	r.Hosts[leader] = meddling{real, func(cmd runner.Command) {
		if i := slices.Index(cmd.Argv, "inspect"); !unloaded && i > 0 && cmd.Argv[i-1] == "log" {
			unloaded = true
			if _, err := clientOf(c, c.Host(leader)).Unload(t.Context()); err != nil {
				t.Errorf("unload: %v", err)
			}
		}
	}}
	e := &runner.Engine{Journal: j, Now: time.Now}
	if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: s.Gates["commit"].Digest}); err != nil {
		t.Fatal(err)
	}
	s, err := e.Advance(t.Context(), r.Recipe(), run)
	if err != nil {
		t.Fatal(err)
	}
	if !unloaded || s.Commit.Sent || s.Stop.Reason != runner.StopExpired || s.Gates["commit"].Opened || !strings.Contains(s.Why, "nothing is staged any more") {
		t.Errorf("unloaded %v, commit sent %v, stopped as %s: %s", unloaded, s.Commit.Sent, s.Stop.Reason, s.Why)
	}
	events, err := j.Events(run)
	if err != nil || !slices.ContainsFunc(events, func(ev runner.Event) bool {
		return ev.Kind == runner.Found && strings.HasPrefix(ev.Why, "staged-differs: ")
	}) {
		t.Errorf("%s is not said, %v", health.Found("staged-differs", "", "").ID, err)
	}
}

// Who unloads what was staged before it is compared stops the run, and a resume
// stages it again: to compare anew would find the same for ever.
func TestUnloadedBeforeTheComparisonOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	unloaded := make(chan string, 1)
	for _, name := range r.Cluster.Names() {
		staged := false
		r.Hosts[name] = meddling{r.Hosts[name], func(cmd runner.Command) {
			switch {
			case slices.Contains(cmd.Argv, "scheduler_stage_recovery"):
				staged = true
			case staged && slices.Contains(cmd.Argv, "systemctl") && len(unloaded) == 0: // What must hold is asked for.
				unloaded <- name
				if _, err := clientOf(c, c.Host(name)).Unload(t.Context()); err != nil {
					t.Errorf("unload: %v", err)
				}
			}
		}}
	}
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if len(unloaded) == 0 || s.Stop.Reason != runner.StopExpired || !strings.Contains(s.Why, "nothing is staged any more") {
		t.Fatalf("unloaded %d times; %s at %q as %s: %s", len(unloaded), s.Status, s.Stop.Step, s.Stop.Reason, s.Why)
	}
	e := &runner.Engine{Journal: j, Now: time.Now}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	if s, err := e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Gate != "commit" {
		t.Errorf("%v; %s at %q: %s; want it at the commit gate", err, s.Status, s.Stop.Step, s.Why)
	}
}

// Where every scheduler is seen to have ended after the commit, nobody will show
// it: the proof is not waited for, neither at once nor after a resume, which reads
// the replicas instead and proves it by them.
func TestProofIsNotWaitedForWhereNobodyIsLeftOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	r.ProofWait = time.Hour // Longer than the test may take.
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	e := &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) {
		if ev.Kind != runner.StepDone || ev.Step != "restore/commit" {
			return
		}
		for _, h := range c.Hosts {
			if _, err := c.Systemctl(h, "kill", "-s", "KILL", "aurora-scheduler"); err != nil {
				t.Logf("%s: %v", h.Name(), err) // The leader may have ended by itself.
			}
		}
	}}
	if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: s.Gates["commit"].Digest}); err != nil {
		t.Fatal(err)
	}
	s, err := e.Advance(t.Context(), r.Recipe(), run)
	if err != nil || s.Stop.Reason != runner.StopUnknown || !strings.Contains(s.Why, "no scheduler is left that could lead") {
		t.Fatalf("%v; %s as %s: %s; want unknown, because nobody is left", err, s.Status, s.Stop.Reason, s.Why)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	if s, err = e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Status != runner.Closed || s.Commit.Outcome != runner.Committed {
		t.Errorf("%v; %s %q, commit %s: %s; want recovered", err, s.Status, s.Outcome, s.Commit.Outcome, s.Why)
	}
}

// A launcher that does not exec stays as the scheduler's parent, with the same
// arguments: of the two the one that listens is the scheduler, and is fenced.
func TestLauncherThatStaysOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "", "AURORA_LAB_FORK=stays")
	s, _ := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"})
	if s.Status != runner.Closed || s.Outcome != "recovered" {
		t.Errorf("%s %q: %s", s.Status, s.Outcome, s.Why)
	}
}

// A scheduler that ends at its disabled start, with a whole replica and nothing in its
// log about it, is no reason to re-initialise logs: the run stops, and a resume starts
// it again.
func TestStartThatFailsOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	launcher := c.Hosts[1].Path("/usr/bin/aurora-scheduler-startup")
	good, err := os.ReadFile(launcher)
	if err != nil {
		t.Fatal(err)
	}
	put := func(text []byte) {
		if err := os.WriteFile(launcher, text, 0o755); err != nil {
			t.Error(err)
		}
	}
	e, j := asked(t, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}, func(ev runner.Event) {
		if ev.Kind == runner.StepDone && ev.Step == "prepare/change-configuration" && ev.Host == "s2" {
			put([]byte("#!/bin/sh\nexit 3\n"))
		}
	})
	s := goOn(t, e, r, "")
	if s.Status != runner.Stopped || s.Stop.Reason != runner.StopFailed || s.Step != "assess/look-at-schedulers" || !strings.Contains(s.Why, "the scheduler on s2 ended by itself") {
		t.Fatalf("%s at %s, %+v: %s", s.Status, s.Step, s.Stop, s.Why)
	}
	events, err := j.Events(run)
	if err != nil {
		t.Fatal(err)
	}
	const finding = "disabled-start-failed"
	if !slices.ContainsFunc(events, func(ev runner.Event) bool { return ev.Kind == runner.Found && strings.HasPrefix(ev.Why, finding+": ") }) {
		t.Error("no finding says so")
	}
	put(good)
	if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	s = goOn(t, e, r, "")
	if s.Outcome != "recovered" || s.Phases["reinitialize"] == runner.PhaseDone {
		t.Errorf("%s %q, re-initialise: %s: %s", s.Status, s.Outcome, s.Phases["reinitialize"], s.Why)
	}
}
