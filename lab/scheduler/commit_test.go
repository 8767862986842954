package scheduler

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// The documented procedure on an empty cluster: disabled, staged, committed; the
// next leader has the state of the backup.
func TestCommitWhileDisabled(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.start(fakeMaster)
	first := c.leader(stateAwaiting)
	if err := os.WriteFile(first.path("backups", smallBackup), read(t, "testdata/"+smallBackup), 0o644); err != nil {
		t.Fatal(err)
	}
	if status, _ := first.get("/leaderhealth"); status != http.StatusBadGateway {
		t.Errorf("/leaderhealth of the disabled leader = %d, want 502", status)
	}
	first.ok("stageRecovery", `{"1":{"str":"`+smallBackup+`"}}`)
	first.ok("commitRecovery", `{}`)
	c.wait("HTTP of the old leader to close", func() bool { status, _ := first.get("/health"); return status == 0 })
	next := c.leader(stateAwaiting)
	if next == first {
		t.Fatal("the leader that committed leads again")
	}
	got, want := next.state(), truthIDs(t, "testdata/small.truth.json")
	if !slices.Equal(got.ids(), want) {
		t.Errorf("tasks after the commit: %d, want the %d of the backup", len(got.Tasks), len(want))
	}
	if got.Replayed != 1795422984364 {
		t.Errorf("timestamp of the replayed snapshot = %d, want the backup's, 1795422984364", got.Replayed)
	}
	if !strings.Contains(next.log.String(), "Applying snapshot taken on Mon Nov 23 08:36:24 UTC 2026") {
		t.Error("the next leader has not logged which snapshot it applied")
	}
	select {
	case <-first.done:
		t.Errorf("the process ended with %d after the commit, want it to linger as 0.22 does", first.status)
	case <-time.After(200 * time.Millisecond):
	}
	if status := first.stop(); status != 143 {
		t.Errorf("exit status after SIGTERM = %d, want 143", status)
	}
}
