package recovery_test

import (
	"context"
	"io"
	"slices"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/backup/check/host"
	"aurorabot/runner/backup/keep"
)

// The worst day: every log and every backup of all hosts is gone. What a check
// kept off the hosts goes back to the leader, is staged, committed and proved.
func TestRecoveryFromACopyOnLab(t *testing.T) {
	c, r := lab(t, "missing:3")
	r.Cluster.BackupCopies = t.TempDir()
	facts, _, err := host.Check(t.Context(), r.Nodes, nil, check.Memory{})
	must(t, err)
	newest := check.Judge(facts).Newest
	if newest == nil || newest.Name != c.Truth.Backup {
		t.Fatalf("the newest backup is %+v", newest)
	}
	store := &keep.Store{Dir: r.Cluster.BackupCopies, Count: 1, For: time.Hour, Now: time.Now}
	kept := store.Keep(t.Context(), newest, func(ctx context.Context, w io.Writer) error {
		_, err := r.Hosts[newest.Host].Get(ctx, newest.Path, r.Cluster.User, w)
		return err
	})
	if kept.Why != "" || kept.Name != newest.Name {
		t.Fatalf("kept %+v", kept)
	}
	must(t, c.Shelve(t.Context(), cluster.ShelfEmpty))

	s, _ := walk(t, r, runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: kept.Name, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "the hosts lost everything"})
	if s.Outcome != "recovered" {
		t.Fatalf("outcome %q, status %s: %s", s.Outcome, s.Status, s.Why)
	}
	leader, err := c.WaitLeader(t.Context())
	must(t, err)
	ids, err := c.TaskIDs(t.Context(), leader)
	must(t, err)
	for _, id := range c.Truth.Tasks {
		if !slices.Contains(ids, id) {
			t.Errorf("the leader does not know the task %s", id)
		}
	}
}
