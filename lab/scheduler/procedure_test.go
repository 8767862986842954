package scheduler

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"aurorabot/lab/auroraadmin"
)

// admin runs aurora_admin against the cluster: labcluster by ZooKeeper, direct1
// to direct3 by the schedulers' own addresses.
func (c *cluster) admin(args ...string) (status int, out, errs string) {
	c.t.Helper()
	config := filepath.Join(c.dir, "clients")
	if err := os.MkdirAll(config, 0o755); err != nil {
		c.t.Fatal(err)
	}
	host, port, _ := strings.Cut(c.zk.Addr(), ":")
	list := []string{fmt.Sprintf(`{"name": "labcluster", "zk": %q, "zk_port": %s, "scheduler_zk_path": "/aurora/scheduler", "auth_mechanism": "UNAUTHENTICATED"}`, host, port)}
	for _, n := range c.nodes {
		list = append(list, fmt.Sprintf(`{"name": "direct%d", "scheduler_uri": %q, "auth_mechanism": "UNAUTHENTICATED"}`, n.n, n.url("")))
	}
	if err := os.WriteFile(filepath.Join(config, "clusters.json"), []byte("["+strings.Join(list, ",\n")+"]"), 0o644); err != nil {
		c.t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status = auroraadmin.Main(append([]string{"aurora_admin"}, args...), nil, &stdout, &stderr,
		[]string{"AURORA_CONFIG_ROOT=" + config, "HOME=" + config, "AURORA_ADMIN_TIMESCALE=0.01"})
	return status, stdout.String(), stderr.String()
}

const answeredOK = " INFO] Response from scheduler: OK (message: )\n"

// e2e-documented-procedure, with the stand-in client: stop, initialise, start
// disabled, stage, print, commit, restart active.
func TestDocumentedProcedure(t *testing.T) {
	backup := read(t, "testdata/"+smallBackup)
	c := newCluster(t, 3, nil)
	c.startMaster()
	c.start(fakeMaster)
	leader := c.leader(stateAwaiting)
	direct := fmt.Sprintf("direct%d", leader.n)
	leader.give(smallBackup, backup)
	if status, out, errs := c.admin("scheduler_list_backups", "--bypass-leader-redirect", direct); status != 0 || !strings.Contains(out, smallBackup) {
		t.Errorf("list_backups = %d\n%s%s", status, out, errs)
	}
	if status, _, errs := c.admin("scheduler_stage_recovery", "--bypass-leader-redirect", direct, smallBackup); status != 0 || errs != answeredOK {
		t.Errorf("stage = %d %q", status, errs)
	}
	status, _, errs := c.admin("scheduler_print_recovery_tasks", "--bypass-leader-redirect", direct)
	if n := strings.Count(errs, "\n"); status != 0 || n != 2+57 {
		t.Errorf("print = %d, %d lines, want the answer, the head and 57 active tasks:\n%.400s", status, n, errs)
	}
	if status, _, errs := c.admin("scheduler_stage_recovery", "--bypass-leader-redirect", direct, smallBackup); status != 1 || !strings.Contains(errs, "ERROR (message: Another backup is already loaded.)") {
		t.Errorf("stage again = %d %q", status, errs)
	}
	// Without the header nobody answers: the leader is not advertised.
	if status, _, errs := c.admin("scheduler_print_recovery_tasks", direct); status != 1 || !strings.Contains(errs, "NotRetriableError") {
		t.Errorf("print without bypass = %d %.300q", status, errs)
	}
	if status, out, _ := c.admin("get_scheduler", "labcluster"); status == 0 {
		t.Errorf("get_scheduler while disabled = %d %q, want an error", status, out)
	}
	if status, _, errs := c.admin("scheduler_commit_recovery", "--bypass-leader-redirect", direct); status != 0 || errs != answeredOK {
		t.Errorf("commit = %d %q", status, errs)
	}
	next := c.leader(stateAwaiting)
	if want := truthIDs(t, "testdata/small.truth.json"); !slices.Equal(next.state().ids(), want) {
		t.Error("the next leader's tasks are not the backup's")
	}
	for _, n := range c.nodes {
		n.stop()
	}
	c.start("zk://" + c.zk.Addr() + "/mesos")
	leader = c.leader(stateActive)
	if status, out, errs := c.admin("get_scheduler", "labcluster"); status != 0 || out != "Found leading scheduler at: "+leader.url("")+"\n" {
		t.Errorf("get_scheduler = %d %q %q", status, out, errs)
	}
	if status, _, errs := c.admin("scheduler_snapshot", "labcluster"); status != 0 {
		t.Errorf("snapshot = %d %q", status, errs)
	}
	if status, _, errs := c.admin("scheduler_backup_now", "labcluster"); status != 0 {
		t.Errorf("backup_now = %d %q", status, errs)
	}
	if want := truthIDs(t, "testdata/small.truth.json"); !slices.Equal(leader.state().ids(), want) {
		t.Error("the active leader's tasks are not the backup's")
	}
}

// aurora_admin/active-leader, 25 and 26: damaged files, by the recorded answers.
func TestStageDamagedBackups(t *testing.T) {
	c := newCluster(t, 1, nil)
	c.start(fakeMaster)
	n := c.leader(stateAwaiting)
	for name, file := range unpack(t, read(t, "testdata/backups.tar.gz")) {
		if strings.HasPrefix(name, "corrupt/scheduler-backup-") && !strings.HasSuffix(name, ".json") {
			n.give(filepath.Base(name), file)
		}
	}
	cut := "ERROR (message: Failed to decode backup org.apache.thrift.transport.TTransportException)"
	for number, want := range map[string]string{
		"00": cut, "01": cut, "02": cut, "03": cut, "09": cut, "05": "NotRetriableError",
		"06": "ERROR (message: Failed to decode backup org.apache.thrift.protocol.TProtocolException: Negative length: -2147483630)",
		"04": "OK", "07": "OK", "08": "OK", "10": "OK", "11": "OK", "12": "OK", "13": "OK",
	} {
		status, _, errs := c.admin("scheduler_stage_recovery", "--bypass-leader-redirect", "direct1", "scheduler-backup-2026-11-22-10-"+number)
		if !strings.Contains(errs, want) || (status == 0) != (want == "OK") {
			t.Errorf("stage …-10-%s = %d %.300q, want %s", number, status, errs, want)
		}
		if status, _, _ := c.admin("scheduler_unload_recovery", "--bypass-leader-redirect", "direct1"); status != 0 {
			t.Errorf("unload after …-10-%s = %d", number, status)
		}
	}
}
