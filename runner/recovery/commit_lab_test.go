package recovery_test

import (
	"context"
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
