package scheduler

import (
	"fmt"
	"os"
	"testing"
	"time"

	"aurorabot/lab/tjson"
)

// bigState is a state of n tasks in jobs of a thousand.
func bigState(n int) *snapshot {
	snap := &snapshot{time.Now().UnixMilli(), newState()}
	snap.state.frameworkID = "00000000-0000-0000-0000-000000000000-0000"
	for i := range n {
		key := jobKey{"role", "prod", fmt.Sprintf("job%d", i/1000)}
		assigned := record{
			{1, tjson.String, vString(fmt.Sprintf("role-prod-%s-%d-%032d", key.name, i%1000, i))}, {2, tjson.String, vString("lab-agent-S1")}, {3, tjson.String, vString("agent1.lab.example")},
			{4, tjson.Struct, labConfig(key)}, {6, tjson.I32, vI32(int32(i % 1000))},
		}
		t := readTask(record{{1, tjson.Struct, assigned.encode()}, {2, tjson.I32, vI32(int32(statusRunning))}, {3, tjson.I32, vI32(0)}, {4, tjson.List, vElements(tjson.Struct, nil)}}.encode())
		snap.state.tasks[t.id] = t
	}
	return snap
}

// A backup of ten thousand tasks is staged and committed in a time that a lab
// can wait for; SCHEDULER_TEST_TASKS=100000 measures the recorded larger size.
func TestManyTasks(t *testing.T) {
	n := 10_000
	if s := os.Getenv("SCHEDULER_TEST_TASKS"); s != "" {
		if _, err := fmt.Sscan(s, &n); err != nil {
			t.Fatal(err)
		}
	}
	c := newCluster(t, 2, nil)
	c.start(fakeMaster)
	leader := c.leader(stateAwaiting)
	data := bigState(n).encode(nil)
	leader.give(smallBackup, data)
	began := time.Now()
	leader.ok("stageRecovery", stageArg(smallBackup))
	staged := time.Since(began)
	leader.ok("commitRecovery", `{}`)
	committed := time.Since(began) - staged
	c.wait("HTTP to close", func() bool { status, _ := leader.get("/health"); return status == 0 })
	next := c.leader(stateAwaiting)
	t.Logf("%d tasks, %d bytes: stage %v, commit %v, next leader ready after %v", n, len(data), staged, committed, time.Since(began)-staged-committed)
	if got := len(next.state().Tasks); got != n {
		t.Errorf("tasks of the next leader = %d, want %d", got, n)
	}
}
