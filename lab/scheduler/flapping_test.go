package scheduler

import (
	"context"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/mesoslog"
	"aurorabot/lab/tjson"
)

// appendRaw writes entries to the log of a stopped, single host.
func (n *node) appendRaw(entries ...[]byte) {
	n.c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	l, err := mesoslog.Open(ctx, mesoslog.Options{Path: n.path("replicated-log"), Quorum: 1, Listen: "127.0.0.1:0"})
	if err != nil {
		n.c.t.Fatal(err)
	}
	defer l.Close()
	w := l.Writer()
	if _, ok, err := w.Start(ctx); !ok || err != nil {
		n.c.t.Fatal(ok, err)
	}
	for _, e := range entries {
		if _, err := w.Append(ctx, e); err != nil {
			n.c.t.Fatal(err)
		}
	}
}

// logs/flapping/a: an entry that cannot be decoded ends each start anew. Where
// the release exits with its application, a supervisor makes a loop of it.
func TestGarbageEntryEndsEveryStart(t *testing.T) {
	c := newCluster(t, 1, read(t, "testdata/"+smallBackup))
	n := c.nodes[0]
	n.appendRaw([]byte("garbage, garbage"))
	n.env = []string{"AURORA_LAB_LINGER=no"}
	for range 2 {
		n.log.reset()
		n.start(fakeMaster)
		select {
		case <-n.done:
		case <-time.After(30 * time.Second):
			t.Fatal("the scheduler does not end")
		}
		if n.status != 0 {
			t.Errorf("exit status = %d, want the recorded 0", n.status)
		}
		log := n.log.String()
		for _, want := range []string{"Elected as leading scheduler!", "Caught unchecked exception: java.lang.", "LEADER_AWAITING_REGISTRATION -> DEAD", "Application run() exited."} {
			if !strings.Contains(log, want) {
				t.Errorf("the log lacks %q", want)
			}
		}
	}
}

// An aborted series of frames is passed over, what interrupted it counts.
func TestAbortedFramesAreSkipped(t *testing.T) {
	backup := read(t, "testdata/"+smallBackup)
	c := newCluster(t, 1, backup)
	n := c.nodes[0]
	snap, err := decodeSnapshot(emptyBackup(t))
	if err != nil {
		t.Fatal(err)
	}
	snap.state.quotas["padding"] = record{{4, tjson.Set, vElements(tjson.Struct, nil)}}.encode()
	entry, _ := snap.encodeForLog(nil)
	series := frames(entry, 50)
	n.appendRaw(series[2], series[0], series[1], transaction([]op{saveFrameworkID("after-the-abort")}))
	n.start(fakeMaster)
	c.leader(stateAwaiting)
	if st := n.state(); len(st.Tasks) != 65 || st.Framework != "after-the-abort" {
		t.Errorf("tasks, framework = %d, %q, want 65, after-the-abort", len(st.Tasks), st.Framework)
	}
	for _, want := range []string{"Found a frame with no preceding header", "Found an aborted transaction, required "} {
		if !strings.Contains(n.log.String(), want) {
			t.Errorf("the log lacks %q", want)
		}
	}
	if _, vars := n.get("/vars"); !strings.Contains(vars, "scheduler_log_bad_frames_read 2\n") {
		t.Error("/vars does not count the two bad frames")
	}
}

// logs/flapping/b2 and d: a folder that cannot be opened ends the process with 1.
func TestUnreadableLogEndsWithOne(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	if err := os.RemoveAll(n.path("replicated-log")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(n.path("replicated-log"), []byte("a file"), 0o644); err != nil {
		t.Fatal(err)
	}
	n.start(fakeMaster)
	<-n.done
	if n.status != 1 || !strings.Contains(n.log.String(), "Failed to recover the log:") {
		t.Errorf("exit status = %d, want 1 and the reason in the log", n.status)
	}
}

// logs/flapping/c1: a log that was never initialised says so and gives up after
// its election tries.
func TestLogNeverInitialised(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	if err := os.RemoveAll(n.path("replicated-log")); err != nil {
		t.Fatal(err)
	}
	n.flags = []string{"-native_log_election_retries=2"}
	n.start(fakeMaster)
	c.wait("the application to end", func() bool { return strings.Contains(n.log.String(), "Application run() exited.") })
	log := n.log.String()
	for _, want := range []string{"Replica is in EMPTY status", "Replicated log has not been initialized", "Caught unchecked exception"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

// The lines that a healthy start and a commit write give none of the findings
// that warn; the expressions are those of the recordings' FINDINGS.md.
func TestHealthyLogsGiveNoFindings(t *testing.T) {
	c := newCluster(t, 3, read(t, "testdata/"+smallBackup))
	c.startMaster()
	c.start("zk://" + c.zk.Addr() + "/mesos")
	leader := c.leader(stateActive)
	leader.ok("snapshot", `{}`)
	leader.ok("performBackup", `{}`)
	bad := regexp.MustCompile(`Failed to recover the log:|Error getting log record at|Error writing to log:|Aborting (explicit promise|implicit promise|write) request because|Could not start the writer|Unable to catch-up|Unable to finish the recover|Timeout performing log|cannot be used|tolerated delay|committing suicide|Found an aborted|no preceding header|Caught unchecked|Was passed main parameter|Did not find a persisted`)
	for _, n := range c.nodes {
		if line := bad.FindString(n.log.String()); line != "" {
			t.Errorf("the log of %d has %q", n.n, line)
		}
	}
	shape := regexp.MustCompile(`(?m)^I\d{4} \d\d:\d\d:\d\d\.\d{3} \[LeaderSelector-0, SchedulerLifecycle\] Elected as leading scheduler! $`)
	if !shape.MatchString(leader.log.String()) {
		t.Error("the line of the election has not the recorded shape")
	}
}
