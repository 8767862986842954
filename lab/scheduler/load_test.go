package scheduler

import (
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/master"
)

// running are the ids of the tasks that the master runs.
func (c *cluster) running() []string {
	c.t.Helper()
	resp, err := http.Get("http://" + c.master + "/tasks")
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	var page struct {
		Tasks []struct{ ID, State string }
	}
	if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
		c.t.Fatal(err)
	}
	var ids []string
	for _, t := range page.Tasks {
		if t.State == master.Running {
			ids = append(ids, t.ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// startTasks starts tasks through the lab's door and returns their ids.
func (n *node) startTasks(query string) []string {
	n.c.t.Helper()
	resp, err := http.Post(n.url("/lab/start?"+query), "", nil)
	if err != nil {
		n.c.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	var ids []string
	if err := json.Unmarshal(body, &ids); err != nil {
		n.c.t.Fatalf("start tasks: %s: %s", resp.Status, body)
	}
	return ids
}

// The truth of a restore: tasks started after the backup are killed when the
// scheduler reconciles, tasks of the backup that run no more become LOST, and
// before it reconciles nothing changes.
func TestRestoreLosesWhatCameAfterTheBackup(t *testing.T) {
	backup := read(t, "testdata/"+smallBackup)
	c := newCluster(t, 3, backup)
	c.startMaster()
	address := "zk://" + c.zk.Addr() + "/mesos"
	tasks, err := RunningTasks(backup)
	if err != nil || len(tasks) != 54 {
		t.Fatalf("running tasks of the backup = %d, %v, want 54", len(tasks), err)
	}
	gone := tasks[0].ID // one of them has ended since
	if err := master.Seed(t.Context(), c.master, tasks[1:]); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		n.flags = append(n.flags, "-reconciliation_initial_delay=365days")
	}
	c.start(address)
	leader := c.leader(stateActive)
	if got, want := leader.state().ids(), truthIDs(t, "testdata/small.truth.json"); !slices.Equal(got, want) {
		t.Errorf("a leader without reconciliation has changed its tasks")
	}
	fresh := leader.startTasks("role=www-data&environment=prod&name=after-backup&instances=3")
	c.wait("the new tasks to run", func() bool { return len(c.running()) == 53+3 })
	if st := leader.state(); st.Tasks[fresh[0]] != "RUNNING" {
		t.Errorf("%s is %q, want RUNNING", fresh[0], st.Tasks[fresh[0]])
	}
	// Disabled, committed, active again.
	for _, n := range c.nodes {
		n.stop()
	}
	c.start(fakeMaster)
	leader = c.leader(stateAwaiting)
	if got := len(leader.state().Tasks); got != 65+3 {
		t.Fatalf("tasks of the disabled leader = %d, want 68", got)
	}
	leader.give(smallBackup, backup)
	leader.ok("stageRecovery", stageArg(smallBackup))
	leader.ok("commitRecovery", `{}`)
	c.wait("HTTP to close", func() bool { status, _ := leader.get("/health"); return status == 0 })
	c.leader(stateAwaiting)
	for _, n := range c.nodes {
		n.stop()
	}
	if got := len(c.running()); got != 53+3 {
		t.Errorf("tasks running while disabled = %d, want 56", got)
	}
	c.start(address)
	leader = c.leader(stateActive)
	if got, want := leader.state().ids(), truthIDs(t, "testdata/small.truth.json"); !slices.Equal(got, want) {
		t.Errorf("the state after the restore is not the backup's")
	}
	leader.ok("triggerExplicitTaskReconciliation", `{"1":{"rec":{}}}`)
	c.wait("the ended task to be LOST", func() bool { return leader.state().Tasks[gone] == "LOST" })
	leader.ok("triggerImplicitTaskReconciliation", `{}`)
	c.wait("the new tasks to be killed", func() bool { return len(c.running()) == 53 })
	for _, id := range c.running() {
		if slices.Contains(fresh, id) {
			t.Errorf("%s still runs", id)
		}
	}
	ids := leader.state()
	if len(ids.Tasks) != 65 {
		t.Errorf("tasks after the reconciliation = %d, want the 65 of the backup", len(ids.Tasks))
	}
}

// Transactions, snapshots and failovers keep the state, in entries of any size.
func TestStateSurvivesFailovers(t *testing.T) {
	c := newCluster(t, 3, read(t, "testdata/"+smallBackup))
	c.startMaster()
	for i, n := range c.nodes {
		n.flags = append(n.flags, []string{"-dlog_max_entry_size=1KB", "-dlog_max_entry_size=512KB", "-dlog_max_entry_size=4KB"}[i])
	}
	address := "zk://" + c.zk.Addr() + "/mesos"
	c.start(address)
	want := map[string]string{}
	for round := range 3 {
		leader := c.leader(stateActive)
		got := leader.state()
		if round > 0 && !maps.Equal(got.Tasks, want) {
			t.Errorf("round %d: the next leader has other tasks: %d, want %d", round, len(got.Tasks), len(want))
		}
		started := leader.startTasks("role=load&environment=devel&name=job" + string(rune('a'+round)) + "&instances=5")
		if round == 1 {
			leader.ok("snapshot", `{}`)
		}
		leader.ok("killTasks", `{"4":{"rec":{"1":{"str":"load"},"2":{"str":"devel"},"3":{"str":"job`+string(rune('a'+round))+`"}}},"5":{"set":["i32",1,0]}}`)
		c.wait("the kill of its first task", func() bool {
			want = leader.state().Tasks
			return want[started[0]] == "KILLED"
		})
		if round < 2 {
			leader.stop()
			leader.start(address) // it stands behind the other two
		}
	}
}

// Backups come by the interval since the start of the process, and the oldest
// by name go.
func TestBackups(t *testing.T) {
	c := newCluster(t, 1, read(t, "testdata/"+smallBackup))
	n := c.nodes[0]
	n.flags = []string{"-backup_interval=300ms", "-max_saved_backups=2"}
	n.env = []string{"TZ=America/New_York"}
	for _, old := range []string{"scheduler-backup-2000-01-01-00-00", "scheduler-backup-2000-01-02-00-00", "temp_scheduler-backup-2000-01-01-00-00"} {
		n.give(old, []byte("old"))
	}
	n.start(fakeMaster)
	c.leader(stateAwaiting)
	var name string
	c.wait("a backup", func() bool {
		entries, _ := os.ReadDir(n.path("backups"))
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), "scheduler-backup-20") && !strings.HasPrefix(e.Name(), "scheduler-backup-2000") {
				name = e.Name()
			}
		}
		return name != ""
	})
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Skip("no time zones here")
	}
	at, err := time.ParseInLocation("scheduler-backup-2006-01-02-15-04", name, zone)
	if err != nil || time.Since(at).Abs() > 2*time.Minute {
		t.Errorf("backup %s is not named by the local minute", name)
	}
	c.wait("the retention", func() bool {
		_, err := os.Stat(n.path("backups", "scheduler-backup-2000-01-01-00-00"))
		return os.IsNotExist(err)
	})
	if _, err := os.Stat(n.path("backups", "temp_scheduler-backup-2000-01-01-00-00")); err != nil {
		t.Errorf("a temp_ file was deleted: %v", err)
	}
	snap, err := decodeSnapshot(read(t, n.path("backups", name)))
	if err != nil || len(snap.state.tasks) != 65 {
		t.Errorf("the backup does not hold the state: %v", err)
	}
}

// The faults of the commit do what they are named after.
func TestCommitFaults(t *testing.T) {
	backup := read(t, "testdata/"+smallBackup)
	for _, tt := range []struct {
		fault  string
		answer string // of the call: OK, an error's text, or "none"
		tasks  int    // after a restart
	}{
		{faultDropReply, "none", 65},
		{faultTimeout, "Timeout performing log append", 65},
		{faultTimeoutLost, "Timeout performing log append", 0},
		{faultCrashBefore, "none", 0},
		{faultCrashAfter, "none", 65},
	} {
		t.Run(tt.fault, func(t *testing.T) {
			c := newCluster(t, 1, nil)
			c.session = "4secs"
			n := c.nodes[0]
			n.env = []string{"AURORA_LAB_COMMIT_FAULT=" + tt.fault}
			n.spawn(fakeMaster)
			c.leader(stateAwaiting)
			n.give(smallBackup, backup)
			n.ok("stageRecovery", stageArg(smallBackup))
			_, detail, err := n.call("commitRecovery", `{}`)
			got := detail
			if err != nil {
				got = "none"
			}
			if got != tt.answer {
				t.Errorf("commit answers %q (%v), want %q", got, err, tt.answer)
			}
			c.wait("HTTP to close", func() bool { status, _ := n.get("/health"); return status == 0 })
			n.stop()
			n.env = nil
			n.start(fakeMaster)
			c.leader(stateAwaiting)
			if got := len(n.state().Tasks); got != tt.tasks {
				t.Errorf("tasks after the restart = %d, want %d", got, tt.tasks)
			}
		})
	}
}

// Knobs can be changed while the scheduler runs; one that is unknown is refused.
func TestKnobsWhileRunning(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.start(fakeMaster)
	n := c.leader(stateAwaiting)
	turn := func(query string) int {
		resp, err := http.Post(n.url("/lab/knobs?"+query), "", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp.StatusCode
	}
	if status := turn("NO_SUCH=1"); status != http.StatusBadRequest {
		t.Errorf("an unknown knob = %d, want 400", status)
	}
	if status := turn("API_DELAY=300ms"); status != http.StatusOK {
		t.Fatalf("API_DELAY = %d", status)
	}
	began := time.Now()
	n.ok("unloadRecovery", `{}`)
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("a call took %v, want the delay of 300ms", took)
	}
	if status := turn("BACKUP_FAULT=truncate"); status != http.StatusOK {
		t.Fatalf("BACKUP_FAULT = %d", status)
	}
	n.ok("performBackup", `{}`)
	entries, err := os.ReadDir(n.path("backups"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("backups = %v, %v, want one", entries, err)
	}
	if _, err := decodeSnapshot(read(t, n.path("backups", entries[0].Name()))); err == nil {
		t.Error("the truncated backup decodes")
	}
}
