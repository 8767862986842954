package scheduler

import (
	"context"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"aurorabot/lab/master"
)

// zookeeper/three-prepared and three-active: the nodes and what stands in them.
func TestNodesInZooKeeper(t *testing.T) {
	c := newCluster(t, 2, nil)
	c.startMaster()
	c.start(fakeMaster)
	leader := c.leader(stateAwaiting)
	c.wait("both candidates", func() bool { return strings.Count(c.zk.Dump("/aurora/scheduler"), "-lock-") == 2 })
	dump := c.zk.Dump("/aurora/scheduler")
	if strings.Contains(dump, "member_") {
		t.Errorf("a disabled scheduler is advertised:\n%s", dump)
	}
	candidate := regexp.MustCompile(`(?m)^/aurora/scheduler/_c_[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}-lock-\d{10}\n    data=` + regexp.QuoteMeta(leader.ip) + `$`)
	if !candidate.MatchString(dump) {
		t.Errorf("no candidate with the bare host name %s in\n%s", leader.ip, dump)
	}
	for _, n := range c.nodes {
		n.stop()
	}
	c.start("zk://" + c.zk.Addr() + "/mesos")
	leader = c.leader(stateActive)
	c.wait("the member", func() bool { return strings.Contains(c.zk.Dump("/aurora/scheduler"), "member_") })
	e := fmt.Sprintf(`{"host":"%s","port":%d}`, leader.ip, leader.http)
	member := fmt.Sprintf(`data={"serviceEndpoint":%s,"additionalEndpoints":{"http":%s},"status":"ALIVE"}`, e, e)
	if dump := c.zk.Dump("/aurora/scheduler"); !strings.Contains(dump, member) {
		t.Errorf("no member\n%s\nin\n%s", member, dump)
	}
}

// zookeeper/leader-sigkilled: the old nodes stay, and the restarted process
// answers 200 without leading.
func TestRestartAfterSigkillAnswersWithoutLeading(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.session = "6secs"
	c.startMaster()
	n, address := c.nodes[0], "zk://"+c.zk.Addr()+"/mesos"
	n.spawn(address)
	c.leader(stateActive)
	c.wait("the member", func() bool { status, _ := n.get("/leaderhealth"); return status == http.StatusOK })
	n.kill()
	n.spawn(address)
	c.wait("the new process", func() bool { status, _ := n.get("/leaderhealth"); return status == http.StatusOK })
	if !n.is(statePrepared) {
		t.Error("the new process leads while the old candidate stands")
	}
	c.leader(stateActive)
}

// A leader ends itself after -max_leading_duration, in whatever state.
func TestMaxLeadingDuration(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	n.flags = []string{"-max_leading_duration=300ms"}
	n.start(fakeMaster)
	c.wait("the leader to end", func() bool { return strings.Contains(n.log.String(), "Application run() exited.") })
	if !strings.Contains(n.log.String(), "LEADER_AWAITING_REGISTRATION -> DEAD") {
		t.Error("the leader was in another state")
	}
}

// A framework that Mesos has torn down is refused, and the scheduler ends.
func TestRemovedFramework(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.startMaster()
	n := c.nodes[0]
	n.flags = []string{"-framework_failover_timeout=1ms"}
	n.start("zk://" + c.zk.Addr() + "/mesos")
	c.leader(stateActive)
	id := n.state().Framework
	n.stop()
	if err := master.Send(context.Background(), c.master, master.Call{Kind: master.Teardown, Framework: id}); err != nil {
		t.Fatal(err)
	}
	n.log.reset()
	n.start("zk://" + c.zk.Addr() + "/mesos")
	c.wait("the scheduler to end", func() bool { return strings.Contains(n.log.String(), "Application run() exited.") })
	if !strings.Contains(n.log.String(), "Framework has been removed") {
		t.Error("the log does not say why")
	}
}

// A master may be named by its address.
func TestMasterByAddress(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.startMaster()
	c.start(c.master)
	c.leader(stateActive)
}

// commit/active-3-schedulers: for a while the old leader and the new one both
// answer 200.
func TestTwoLeadersAnswerAfterACommit(t *testing.T) {
	c := newCluster(t, 2, nil)
	c.startMaster()
	for _, n := range c.nodes {
		n.env = []string{"AURORA_LAB_CLOSE_DELAY=2s"}
	}
	c.start("zk://" + c.zk.Addr() + "/mesos")
	first := c.leader(stateActive)
	c.wait("the member", func() bool { status, _ := first.get("/leaderhealth"); return status == http.StatusOK })
	first.give(smallBackup, read(t, "testdata/"+smallBackup))
	first.ok("stageRecovery", stageArg(smallBackup))
	first.ok("commitRecovery", `{}`)
	second := c.nodes[0]
	if second == first {
		second = c.nodes[1]
	}
	both := false
	c.wait("the second leader", func() bool {
		b, _ := second.get("/leaderhealth")
		a, _ := first.get("/leaderhealth")
		both = both || a == http.StatusOK && b == http.StatusOK
		return b == http.StatusOK && a == 0
	})
	if !both {
		t.Error("the two never answered 200 at once")
	}
}
