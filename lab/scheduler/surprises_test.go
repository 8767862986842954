package scheduler

import (
	"context"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// give puts a backup into a node's folder.
func (n *node) give(name string, data []byte) {
	n.c.t.Helper()
	if err := os.WriteFile(n.path("backups", name), data, 0o644); err != nil {
		n.c.t.Fatal(err)
	}
}

func emptyBackup(t *testing.T) []byte {
	t.Helper()
	for name, file := range unpack(t, read(t, "testdata/backups.tar.gz")) {
		if strings.HasPrefix(name, "empty/scheduler-backup-") {
			return file
		}
	}
	t.Fatal("no empty backup")
	return nil
}

func stageArg(name string) string { return `{"1":{"str":"` + name + `"}}` }

// surprises/commit-without-quorum-takes-effect-later: ERROR, and yet committed.
func TestCommitWithoutQuorumTakesEffectLater(t *testing.T) {
	c := newCluster(t, 3, read(t, "testdata/"+smallBackup))
	c.session = "4secs"
	for _, n := range c.nodes {
		n.flags = append(n.flags, "-native_log_write_timeout=500ms")
		n.spawn(fakeMaster)
	}
	leader := c.leader(stateAwaiting)
	if got := len(leader.state().Tasks); got != 65 {
		t.Fatalf("tasks before = %d, want 65", got)
	}
	leader.give("scheduler-backup-2026-11-23-08-31", emptyBackup(t))
	leader.ok("stageRecovery", stageArg("scheduler-backup-2026-11-23-08-31"))
	for _, n := range c.nodes {
		if n != leader {
			n.kill() // its address stays in the group, so that the leader writes without it
		}
	}
	code, detail, err := leader.call("commitRecovery", `{}`)
	if err == nil && (code != codeError || detail != "Timeout performing log append") {
		t.Errorf("commit without quorum = %d %q, want ERROR Timeout performing log append", code, detail)
	}
	c.wait("HTTP to close", func() bool { status, _ := leader.get("/health"); return status == 0 })
	leader.stop()
	// The replica that has the entry is one of the two that come back: with the
	// third one in its place the entry would be gone.
	leader.start(fakeMaster)
	c.wait("the old leader to stand first", func() bool { return strings.Contains(c.zk.Dump("/aurora"), "data="+leader.ip) })
	for _, n := range c.nodes {
		if n != leader {
			n.start(fakeMaster)
			break
		}
	}
	next := c.leader(stateAwaiting)
	if got := len(next.state().Tasks); got != 0 {
		t.Errorf("tasks once the quorum is back = %d, want 0: the commit took effect", got)
	}
}

// surprises/commit-on-non-leader-fires-later: the call is refused until the host
// leads, and then it commits.
func TestCommitOnNonLeaderFiresLater(t *testing.T) {
	c := newCluster(t, 3, nil)
	c.start(fakeMaster)
	leader := c.leader(stateAwaiting)
	i := slices.Index(c.nodes, leader)
	for _, n := range c.nodes {
		if n == leader {
			continue
		}
		n.give(smallBackup, read(t, "testdata/"+smallBackup))
		n.ok("stageRecovery", stageArg(smallBackup))
		if code, detail, err := n.call("commitRecovery", `{}`); code != codeTransient || detail != "Storage is not READY" || err != nil {
			t.Errorf("commit on a follower = %d %q %v, want ERROR_TRANSIENT Storage is not READY", code, detail, err)
		}
	}
	if status := c.nodes[i].stop(); status != 143 {
		t.Errorf("exit status after SIGTERM = %d, want 143", status)
	}
	second := c.leader(stateAwaiting)
	second.ok("commitRecovery", `{}`)
	c.wait("HTTP to close", func() bool { status, _ := second.get("/health"); return status == 0 })
	third := c.leader(stateAwaiting)
	if got := len(third.state().Tasks); got != 65 || third == second {
		t.Errorf("tasks on the third leader = %d, want 65", got)
	}
}

// surprises/staged-is-lost-on-failover.
func TestStagedIsLostOnFailover(t *testing.T) {
	c := newCluster(t, 2, nil)
	c.start(fakeMaster)
	first := c.leader(stateAwaiting)
	first.give(smallBackup, read(t, "testdata/"+smallBackup))
	first.ok("stageRecovery", stageArg(smallBackup))
	first.stop()
	first.start(fakeMaster)
	next := c.leader(stateAwaiting)
	for _, call := range []string{"commitRecovery", "queryRecovery"} {
		if code, detail, err := next.call(call, `{"1":{"rec":{}}}`); code != codeError || detail != "No backup loaded." || err != nil {
			t.Errorf("%s after the failover = %d %q %v, want ERROR No backup loaded.", call, code, detail, err)
		}
	}
}

// Staging in every order: the messages are the recorded ones.
func TestStageInEveryOrder(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.start(fakeMaster)
	n := c.leader(stateAwaiting)
	n.give(smallBackup, read(t, "testdata/"+smallBackup))
	n.give("scheduler-backup-2026-11-22-10-00", nil)
	if err := os.MkdirAll(n.path("backups", "somedir"), 0o755); err != nil {
		t.Fatal(err)
	}
	dir := n.path("backups")
	for _, s := range []struct {
		call, args string
		code       int
		detail     string
	}{
		{"unloadRecovery", `{}`, codeOK, ""},
		{"deleteRecoveryTasks", `{"1":{"rec":{}}}`, codeError, "No backup loaded."},
		{"stageRecovery", stageArg("scheduler-backup-1999-01-01-00-00"), codeError, "Backup " + dir + "/scheduler-backup-1999-01-01-00-00 does not exist."},
		{"stageRecovery", stageArg("scheduler-backup-2026-11-22-10-00"), codeError, "Failed to decode backup org.apache.thrift.transport.TTransportException"},
		{"stageRecovery", stageArg("somedir"), codeError, "Failed to read backup java.io.FileNotFoundException: " + dir + "/somedir (Is a directory)"},
		{"stageRecovery", stageArg(""), codeError, "Failed to read backup java.io.FileNotFoundException: " + dir + " (Is a directory)"},
		{"stageRecovery", stageArg("/etc/passwd"), codeError, "Backup " + dir + "/etc/passwd does not exist."},
		{"stageRecovery", stageArg("../backups/" + smallBackup), codeOK, ""},
		{"stageRecovery", stageArg(smallBackup), codeError, "Another backup is already loaded."},
		{"stageRecovery", stageArg("scheduler-backup-1999-01-01-00-00"), codeError, "Backup " + dir + "/scheduler-backup-1999-01-01-00-00 does not exist."},
		{"deleteRecoveryTasks", `{"1":{"rec":{"4":{"set":["str",1,"no-such-task"]}}}}`, codeOK, ""},
		{"unloadRecovery", `{}`, codeOK, ""},
		{"commitRecovery", `{}`, codeError, "No backup loaded."},
		{"stageRecovery", stageArg(smallBackup), codeOK, ""},
		{"deleteRecoveryTasks", `{"1":{"rec":{"14":{"str":"ads"}}}}`, codeOK, ""},
		{"commitRecovery", `{}`, codeOK, ""},
	} {
		code, detail, err := n.call(s.call, s.args)
		if code != s.code || detail != s.detail || err != nil {
			t.Errorf("%s %s = %d %q %v, want %d %q", s.call, s.args, code, detail, err, s.code, s.detail)
		}
	}
	// What was dropped is not in the committed state.
	c.wait("the process to have closed", func() bool { status, _ := n.get("/health"); return status == 0 })
	n.stop()
	n.start(fakeMaster)
	n = c.leader(stateAwaiting)
	if got := len(n.state().Tasks); got != 65-23 {
		t.Errorf("tasks after a commit without the role ads = %d, want 42", got)
	}
}

// A leader that nobody registers gives up, the next one follows, and at last
// nobody is left; the processes stay.
func TestRegistrationTimeout(t *testing.T) {
	c := newCluster(t, 2, nil)
	for _, n := range c.nodes {
		n.startWith(replaceFlag(n.args(fakeMaster), "-max_registration_delay", "1secs"))
	}
	c.wait("both to lead and give up", func() bool {
		return strings.Contains(c.nodes[0].log.String(), "tolerated delay") && strings.Contains(c.nodes[1].log.String(), "tolerated delay")
	})
	c.wait("nobody to be left", func() bool {
		for _, n := range c.nodes {
			if status, _ := n.get("/health"); status != 0 {
				return false
			}
		}
		return !strings.Contains(c.zk.Dump("/aurora/scheduler"), "-lock-")
	})
	for _, n := range c.nodes {
		if !strings.Contains(n.log.String(), "Framework has not been registered within the tolerated delay.") {
			t.Errorf("%d has not logged why it gave up", n.n)
		}
		select {
		case <-n.done:
			t.Errorf("the process of %d ended", n.n)
		default:
		}
	}
}

func replaceFlag(args []string, name, value string) []string {
	out := slices.Clone(args)
	for i, a := range out {
		if strings.HasPrefix(a, name+"=") {
			out[i] = name + "=" + value
		}
	}
	return out
}

// startWith starts the node's scheduler with the given flags.
func (n *node) startWith(args []string) {
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.done = cancel, make(chan struct{})
	go func() {
		defer close(n.done)
		n.status = Run(ctx, append([]string{"aurora-scheduler"}, args...), &n.log, &n.log, n.environ())
	}()
}

// A leader whose session expires kills itself, and its nodes go.
func TestSessionExpiry(t *testing.T) {
	c := newCluster(t, 2, nil)
	c.startMaster()
	c.start("zk://" + c.zk.Addr() + "/mesos")
	leader := c.leader(stateActive)
	for _, id := range c.zk.Sessions() {
		c.zk.ExpireSession(id)
	}
	c.wait("the leader to end", func() bool { return strings.Contains(leader.log.String(), "Lost leadership, committing suicide.") })
	next := c.leader(stateActive)
	if next == leader {
		t.Error("the leader that lost its session leads on")
	}
}

// Release 0.18 exits with 0 after the commit, 0.11 knows no bypass and stands
// under another name.
func TestReleases(t *testing.T) {
	t.Run("0.18", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.nodes[0].env = []string{"AURORA_LAB_VERSION=0.18.0"}
		c.start(fakeMaster)
		n := c.leader(stateAwaiting)
		if _, detail, _ := n.call("stageRecovery", stageArg("scheduler-backup-1999-01-01-00-00")); detail != "Backup scheduler-backup-1999-01-01-00-00 does not exist." {
			t.Errorf("missing backup = %q", detail)
		}
		n.give(smallBackup, read(t, "testdata/"+smallBackup))
		n.ok("stageRecovery", stageArg(smallBackup))
		n.ok("commitRecovery", `{}`)
		select {
		case <-n.done:
		case <-time.After(30 * time.Second):
			t.Fatal("the process stays after the commit")
		}
		if n.status != 0 {
			t.Errorf("exit status = %d, want 0", n.status)
		}
	})
	t.Run("0.11", func(t *testing.T) {
		c := newCluster(t, 1, nil)
		c.nodes[0].env = []string{"AURORA_LAB_VERSION=0.11.0"}
		c.start(fakeMaster)
		n := c.leader(stateAwaiting)
		if dump := c.zk.Dump("/aurora/scheduler"); !strings.Contains(dump, "/singleton_candidate_00000000") {
			t.Errorf("no singleton_candidate_ node in\n%s", dump)
		}
		if status, _ := n.get("/leaderhealth"); status != http.StatusNotFound {
			t.Errorf("/leaderhealth = %d, want 404", status)
		}
		if status, _ := n.get("/quotas"); status != http.StatusOK {
			t.Errorf("/quotas without an advertised leader = %d, want 200: 0.11 lets it through", status)
		}
	})
}
