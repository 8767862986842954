package scheduler

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/master"
	"aurorabot/runner/backup"
	botreplica "aurorabot/runner/replica"
)

// Two codecs that share nothing agree: what the stand-in wrote to its log and
// to its backup is, read by the bot's readers, the same state and without
// anything odd.
func TestTheBotReadsWhatTheStandInWrote(t *testing.T) {
	c := newCluster(t, 3, read(t, "testdata/"+smallBackup))
	c.startMaster()
	for _, n := range c.nodes {
		n.flags = []string{"-dlog_max_entry_size=4KB"}
	}
	c.start("zk://" + c.zk.Addr() + "/mesos")
	leader := c.leader(stateActive)
	leader.startTasks("role=www-data&environment=prod&name=one&instances=4")
	leader.ok("setQuota", `{"1":{"str":"fresh"},"2":{"rec":{"4":{"set":["rec",3,{"3":{"i64":9}},{"2":{"i64":8}},{"1":{"dbl":1.5}}]}}}}`)
	leader.ok("snapshot", `{}`)
	leader.startTasks("role=www-data&environment=prod&name=two&instances=40")
	leader.ok("killTasks", `{"4":{"rec":{"1":{"str":"www-data"},"2":{"str":"prod"},"3":{"str":"one"}}}}`)
	c.wait("the kills", func() bool {
		return strings.Count(strings.Join(leader.state().ids(), "\n"), " KILLED") == 8+4
	})
	leader.ok("performBackup", `{}`)
	var dirs []string
	for _, n := range c.nodes {
		n.stop()
		dirs = append(dirs, n.path("replicated-log"))
	}
	entries, err := os.ReadDir(leader.path("backups"))
	if err != nil || len(entries) != 1 {
		t.Fatalf("backups = %v, %v, want one", entries, err)
	}
	file := read(t, leader.path("backups", entries[0].Name()))

	report, err := backup.Inspect(bytes.NewReader(file), backup.Options{Name: entries[0].Name(), Size: int64(len(file)), Now: time.Now()})
	if err != nil || !report.Clean() {
		t.Errorf("the backup is not clean: %v %v %s", err, report.Warnings, report.Error)
	}
	if report.Tasks.Total != 65+44 {
		t.Errorf("tasks in the backup = %d, want 109", report.Tasks.Total)
	}
	snap, made, err := botreplica.Salvage(t.Context(), dirs, botreplica.SalvageOptions{})
	if err != nil {
		t.Fatalf("salvage: %v", err)
	}
	if made.Transactions == 0 {
		t.Error("the salvage has no transaction after the snapshot")
	}
	written, err := backup.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := backup.Compare(written.State(), snap.State()); !d.Empty() {
		t.Errorf("the replicas' state is not the backup's: %+v", d)
	}
}

// A seeded folder is what the bot's reader takes for the backup.
func TestSeededLogIsTheBackup(t *testing.T) {
	file := read(t, "testdata/"+smallBackup)
	dir := t.TempDir() + "/log"
	if err := SeedLog(dir, file); err != nil {
		t.Fatal(err)
	}
	if err := SeedLog(dir, file); err == nil {
		t.Error("a folder that exists is seeded again")
	}
	snap, _, err := botreplica.Salvage(t.Context(), []string{dir}, botreplica.SalvageOptions{})
	if err != nil {
		t.Fatal(err)
	}
	written, err := backup.Parse(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := backup.Compare(written.State(), snap.State()); !d.Empty() {
		t.Errorf("the seeded state is not the backup's: %+v", d)
	}
}

// Without -ip and -hostname the address that libprocess was told stands in for
// both, as on a host of the lab.
func TestAddressFromLibprocess(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	var args []string
	for _, a := range n.args(fakeMaster) {
		if !strings.HasPrefix(a, "-ip=") && !strings.HasPrefix(a, "-hostname=") {
			args = append(args, a)
		}
	}
	n.startWith(args)
	c.leader(stateAwaiting)
	if dump := c.zk.Dump("/aurora/scheduler"); !strings.Contains(dump, "data="+n.ip) {
		t.Errorf("the candidate does not carry %s:\n%s", n.ip, dump)
	}
}

// A replica that cannot listen says so, as libprocess does, and nothing waits.
func TestReplicaPortInUse(t *testing.T) {
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	l, err := net.Listen("tcp", net.JoinHostPort(n.ip, fmt.Sprint(n.peers)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	n.start(fakeMaster)
	<-n.done
	want := fmt.Sprintf("process.cpp:1124] Failed to initialize: Failed to bind on %s: Address already in use", l.Addr())
	if log := n.log.String(); n.status == 0 || !strings.Contains(log, want) {
		t.Errorf("status %d; the log does not say %q:\n%s", n.status, want, log)
	}
}

// Releases with a GC executor kill what they do not know as soon as they are
// registered.
func TestGCExecutorKillsAtOnce(t *testing.T) {
	c := newCluster(t, 1, nil) // an empty log, the mistake that this is about
	c.startMaster()
	tasks, err := RunningTasks(read(t, "testdata/"+smallBackup))
	if err != nil {
		t.Fatal(err)
	}
	n := c.nodes[0]
	n.env = []string{"AURORA_LAB_VERSION=0.8.0"}
	n.start("zk://" + c.zk.Addr() + "/mesos")
	c.leader(stateActive)
	id := n.state().Framework
	for i := range tasks {
		tasks[i].Framework = id
	}
	n.stop()
	if err := master.Seed(t.Context(), c.master, tasks); err != nil {
		t.Fatal(err)
	}
	n.start("zk://" + c.zk.Addr() + "/mesos")
	c.leader(stateActive)
	time.Sleep(1500 * time.Millisecond) // longer than a GC executor would take
	if got := len(c.running()); got != 54 {
		t.Errorf("tasks without -gc_executor_path = %d, want 54: nobody kills them", got)
	}
	n.stop()
	n.flags = []string{"-gc_executor_path=/usr/share/aurora/bin/gc_executor"}
	n.start("zk://" + c.zk.Addr() + "/mesos")
	c.leader(stateActive)
	c.wait("all tasks to be killed", func() bool { return len(c.running()) == 0 })
}
