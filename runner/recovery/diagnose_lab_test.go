package recovery_test

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/zk"
)

// diagnose asks everything, and checks what holds for every diagnosis.
func diagnose(t *testing.T, c *cluster.Cluster, r *recovery.Recovery) *health.Diagnosis {
	t.Helper()
	begun := time.Now()
	d, err := r.Diagnose(t.Context(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s, re-initialise %v, after %s: %s", d.Verdict, d.Reinitialize, time.Since(begun).Round(time.Millisecond), d.Advice)
	for _, f := range d.Findings {
		t.Logf("%-8s %-24s %-4s %s", f.Severity, f.ID, f.Subject, f.Evidence)
	}
	if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
		t.Errorf("files changed: %v, %v", changed, err)
	}
	for _, h := range c.Hosts {
		left, err := filepath.Glob(filepath.Join(h.Path("/var/lib/aurorabot"), "*", "*"))
		looks, _ := filepath.Glob(filepath.Join(h.Path("/var/lib/aurorabot"), "look-*"))
		if err != nil || len(left)+len(looks) > 0 {
			t.Errorf("%s: left behind: %v %v, %v", h.Name(), left, looks, err)
		}
	}
	if b, err := json.Marshal(d); err != nil || !strings.Contains(string(b), `"findings":[`) {
		t.Errorf("JSON: %v", err)
	}
	return d
}

// alarms are the IDs of severity warning or above.
func alarms(d *health.Diagnosis) []string {
	var ids []string
	for _, f := range d.Findings {
		if f.Severity.AtLeast(health.Warning) && !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids
}

// expect wants these findings, and all others to be among may.
func expect(t *testing.T, d *health.Diagnosis, verdict health.Verdict, want string, may string) {
	t.Helper()
	got := alarms(d)
	for _, id := range strings.Fields(want) {
		if !slices.Contains(got, id) {
			t.Errorf("no finding %s among %v", id, got)
		}
	}
	for _, id := range got {
		if !slices.Contains(strings.Fields(want+" "+may), id) {
			t.Errorf("unexpected finding %s", id)
		}
	}
	if d.Verdict != verdict {
		t.Errorf("verdict %s, want %s", d.Verdict, verdict)
	}
}

// On a whole cluster nothing of severity warning or above is found, and asking
// changes nothing.
func TestDiagnoseWholeCluster(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	d := diagnose(t, c, r)
	expect(t, d, health.NotNeeded, "", "")
	if d.Reinitialize || d.Leader == "" || len(d.Hosts) != 3 || d.Backup == nil || d.Backup.Name != c.Truth.Backup {
		t.Errorf("%+v", d)
	}
	for _, h := range d.Hosts {
		if !h.Answers || !h.Running || h.Log.Status != "VOTING" || h.Version != "0.22.0" {
			t.Errorf("%+v", h)
		}
	}
	if len(d.Says) != 8 || !strings.Contains(d.Says[4].Says, d.Leader) {
		t.Errorf("who says what: %+v", d.Says)
	}
}

// Each kind of damage gives its findings and the verdict of the runbook.
func TestDiagnoseDamage(t *testing.T) {
	// What was being written when all schedulers were ended at once.
	const ending = " log-write-timeout start-failed"
	const down = " no-leader scheduler-down failover-timeout"
	const starting = " replica-empty replica-recovering replica-starting recover-no-quorum catch-up-stalled writer-not-elected leadership-lost votes-refused zookeeper-session-expired zookeeper-connection-lost membership-renewed start-failed scheduler-keeps-ending flapping-log replica-log-not-initialized aborted-frames backup-none cannot-tell not-a-candidate replica-unregistered leader-unregistered leaders-disagree"
	for damage, tt := range map[string]struct {
		verdict   health.Verdict
		want, may string
	}{
		"corrupt:1":       {health.CatchUp, "log-damaged scheduler-down", ""},
		"missing:1":       {health.CatchUp, "log-missing scheduler-down", ""},
		"empty:1":         {health.CatchUp, "log-empty scheduler-down", ""},
		"corrupt:2":       {health.Restore, "log-quorum-lost log-damaged failover-timeout", starting + ending + " no-leader"},
		"missing:2":       {health.Restore, "log-quorum-lost log-empty failover-timeout", starting + ending + " no-leader"},
		"empty:3":         {health.Restore, "log-quorum-lost log-empty failover-timeout", starting + ending + " no-leader"},
		"flapping":        {health.Restore, "log-undecodable flapping-log", starting + down + " log-lags"},
		"exit-at-start:1": {health.CatchUp, "log-open-failed scheduler-keeps-ending log-damaged", starting + down},
		"unlisted-host":   {health.NotNeeded, "scheduler-unlisted replicas-unlisted", "log-lags"},
		"down":            {health.NotNeeded, "scheduler-down no-leader failover-timeout", ending + " leadership-lost zookeeper-session-expired"},
	} {
		t.Run(strings.ReplaceAll(damage, ":", "-"), func(t *testing.T) {
			t.Parallel()
			c, r := lab(t, damage)
			if damage == "flapping" {
				// Two leaders at least have to end before it is a habit.
				for end := time.Now().Add(40 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
					n := 0
					for _, h := range c.Hosts {
						n += strings.Count(c.SchedulerLog(h, 0), "Caught unchecked exception")
					}
					if n > 2 {
						break
					}
				}
			}
			expect(t, diagnose(t, c, r), tt.verdict, tt.want, tt.may)
		})
	}
}

// A trouble is something that is wrong, and what it is found as.
type trouble struct {
	name, want string
	do         func() (undo func())
}

// What can be wrong beside the log, several things at a time on one cluster; all
// is taken back, and then is no longer found.
func TestDiagnoseHostsAndBackups(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	backups := c.BackupDir(c.Host(c.Truth.BackupHost))
	good, err := os.ReadFile(filepath.Join(backups, c.Truth.Backup))
	if err != nil {
		t.Fatal(err)
	}
	write := func(name string, b []byte) func() {
		file := filepath.Join(backups, name)
		if err := os.WriteFile(file, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return func() {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, rounds := range [][]trouble{{
		{"truncated backup", "backup-damaged", func() func() { return write("scheduler-backup-2026-11-23-09-36", good[:len(good)/2]) }},
		{"foreign backup", "backup-foreign", func() func() {
			return write("scheduler-backup-2026-11-23-10-36", []byte(strings.ReplaceAll(string(good), c.Truth.State.FrameworkID(), strings.Repeat("f", len(c.Truth.State.FrameworkID())))))
		}},
		{"backup with bytes after its end", "backup-odd", func() func() { return write("scheduler-backup-2026-11-23-11-36", append(slices.Clone(good), 0)) }},
	}, {
		{"old backup", "backup-stale", func() func() {
			was := r.Cluster.MaxBackupAge
			r.Cluster.MaxBackupAge = time.Second
			return func() { r.Cluster.MaxBackupAge = was }
		}},
		{"clock", "clock-skew", func() func() {
			was := r.Cluster.MaxClockSkew
			r.Cluster.MaxClockSkew = -1
			return func() { r.Cluster.MaxClockSkew = was }
		}},
		{"listener at the fake address", "fake-address-answers", func() func() {
			was := r.Cluster.FakeMaster
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			r.Cluster.FakeMaster = "zk://" + l.Addr().String() + "/nonexistent/mesos"
			return func() { l.Close(); r.Cluster.FakeMaster = was }
		}},
		{"lingering process", "lingering-process", func() func() {
			log := c.LogDir(c.Hosts[0])
			cmd := exec.Command("sh", "-c", "read x", "-native_log_file_path="+log, "-serverset_path=/aurora/scheduler")
			in, err := cmd.StdinPipe()
			if err == nil {
				err = cmd.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			return func() { in.Close(); _ = cmd.Wait() }
		}},
		{"supervision off", "supervision-off", func() func() {
			if _, err := c.Systemctl(c.Hosts[1], "disable", "aurora-scheduler"); err != nil {
				t.Fatal(err)
			}
			return func() {
				if _, err := c.Systemctl(c.Hosts[1], "enable", "aurora-scheduler"); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}, {
		{"ZooKeeper out of reach", "zookeeper-silent", func() func() {
			was := r.ZooKeeper
			r.ZooKeeper = func(string, zk.Dialer) (node.ZooKeeper, error) {
				return zk.New(zk.Address{Servers: []string{"127.0.0.1:1"}}, nil), nil
			}
			return func() { r.ZooKeeper = was }
		}},
		{"sudo asks for a password", "access-missing", func() func() {
			if err := c.Hosts[1].AskPassword(true); err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := c.Hosts[1].AskPassword(false); err != nil {
					t.Fatal(err)
				}
			}
		}},
		{"wrong version", "version-differs", func() func() {
			was := r.Cluster.Version
			r.Cluster.Version.Minor = 21
			return func() { r.Cluster.Version = was }
		}},
		{"staged by somebody", "staged-left", func() func() {
			client := clientOf(c, c.Hosts[1])
			dir := c.BackupDir(c.Hosts[1])
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			copied := filepath.Join(dir, c.Truth.Backup)
			had := os.WriteFile(copied, good, 0o644)
			if reply, err := client.Stage(t.Context(), c.Truth.Backup); err != nil || had != nil || !reply.OK() {
				t.Fatalf("stage: %v, %v, %v", reply, err, had)
			}
			return func() {
				if _, err := client.Unload(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}},
	}} {
		var undo []func()
		for _, tt := range rounds {
			undo = append(undo, tt.do())
		}
		d, err := r.Diagnose(t.Context(), nil, rounds[0].want == "backup-damaged")
		for _, back := range undo {
			back()
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range d.Findings {
			if f.Severity != health.Info {
				t.Logf("%-8s %-24s %-4s %s", f.Severity, f.ID, f.Subject, f.Evidence)
			}
		}
		for _, tt := range rounds {
			if got := alarms(d); !slices.Contains(got, tt.want) {
				t.Errorf("%s: %v, want %s", tt.name, got, tt.want)
			}
		}
	}
	d := diagnose(t, c, r)
	expect(t, d, health.NotNeeded, "", "")
}

// Quorum flag, fake master and log path that were left wrong in the file, and
// in what runs.
func TestDiagnoseFlagsLeft(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	h := c.Hosts[0]
	if c.Leader(t.Context()) == h {
		h = c.Hosts[1]
	}
	file := h.Path("/etc/default/aurora-scheduler")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.ReplaceAll(string(text), "QUORUM_SIZE=2", "QUORUM_SIZE=3")
	lines := strings.Split(changed, "\n")
	for i := range lines {
		if strings.HasPrefix(lines[i], "MESOS_MASTER=") {
			lines[i] = `MESOS_MASTER="` + r.Cluster.FakeMaster + `"`
		}
	}
	if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := c.RememberFiles(); err != nil {
		t.Fatal(err)
	}
	d, err := r.Diagnose(t.Context(), nil, false)
	if err != nil || !slices.Contains(alarms(d), "fake-master-left") || slices.Contains(alarms(d), "quorum-flag-wrong") {
		t.Errorf("before the restart: %v, %v", alarms(d), err)
	}
	if _, err := c.Systemctl(h, "restart", "aurora-scheduler"); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if v, err := clientOf(c, h).Vars(t.Context()); err == nil {
			if s, err := v.Lifecycle(); err == nil && s == "STORAGE_PREPARED" {
				break
			}
		}
	}
	d = diagnose(t, c, r)
	expect(t, d, health.NotNeeded, "fake-master-left quorum-flag-wrong flags-differ", "not-a-candidate replica-unregistered leadership-lost cannot-tell")
}

// A host that hangs while it is asked, one that is gone, and a ZooKeeper that is
// gone: each is a finding of its own, and nothing is called fine.
func TestDiagnoseWhatCannotBeAsked(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	c.Hosts[2].Down()
	d, err := r.Diagnose(t.Context(), nil, true)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, d, health.NotNeeded, "host-silent", "cannot-tell log-lags")
	if err := c.Hosts[2].Up(); err != nil {
		t.Fatal(err)
	}
	hanging, ok := c.Hosts[1].(interface{ Hang(bool) })
	if !ok {
		t.Fatal("the embedded host cannot hang")
	}
	hanging.Hang(true)
	begun := time.Now()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	d, err = r.Diagnose(ctx, nil, false)
	hanging.Hang(false)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("a host that hangs: %s", time.Since(begun))
	if got := alarms(d); !slices.Contains(got, "host-silent") || time.Since(begun) > time.Minute {
		t.Errorf("a host that hangs: %v after %s", got, time.Since(begun))
	}
	if d.Hosts[1].Answers || !d.Hosts[0].Answers {
		t.Errorf("%+v", d.Hosts)
	}
}

// clientOf asks a host's scheduler directly: the lab's are within reach.
func clientOf(c *cluster.Cluster, h interface{ Name() string }) *aurora.Client {
	address := strings.TrimPrefix(c.HTTP(c.Host(h.Name())), "http://")
	return &aurora.Client{Address: address, Dial: func(ctx context.Context, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", address)
	}}
}

// Leaders that never find the Mesos master give up one after the other: a cause
// outside the log, which is told apart.
func TestDiagnoseRegistrationTimeout(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	for _, h := range c.Hosts {
		file := h.Path("/etc/default/aurora-scheduler")
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(string(text), "\n")
		for i, l := range lines {
			switch {
			case strings.HasPrefix(l, "MESOS_MASTER="):
				lines[i] = `MESOS_MASTER="zk://127.0.0.1:1/nobody"`
			case strings.HasPrefix(l, "EXTRA_SCHEDULER_ARGS="):
				lines[i] = strings.TrimSuffix(l, `"`) + ` -max_registration_delay=1secs"`
			}
		}
		if err := os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.RememberFiles(); err != nil {
		t.Fatal(err)
	}
	for _, h := range c.Hosts {
		if _, err := c.Systemctl(h, "restart", "aurora-scheduler"); err != nil {
			t.Fatal(err)
		}
	}
	gaveUp := 0
	for end := time.Now().Add(90 * time.Second); gaveUp < 3 && time.Now().Before(end); time.Sleep(300 * time.Millisecond) {
		gaveUp = 0
		for _, h := range c.Hosts {
			gaveUp += strings.Count(c.SchedulerLog(h, 0), "Framework has not been registered within the tolerated delay")
		}
	}
	d := diagnose(t, c, r)
	expect(t, d, health.MendCause, "flapping-registration registration-timeout scheduler-lingers", "no-leader leader-unregistered failover-timeout scheduler-down scheduler-keeps-ending cannot-tell not-a-candidate replica-unregistered leaders-disagree leadership-lost log-lags votes-refused membership-renewed start-failed writer-not-elected zookeeper-session-expired zookeeper-connection-lost aborted-frames log-write-timeout log-disabled")
}

// Two looks at once share what they put on the hosts, and leave nothing.
func TestDiagnoseTwiceAtOnce(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			d, err := r.Diagnose(t.Context(), nil, true)
			if err != nil {
				t.Error(err)
				return
			}
			if got := alarms(d); len(got) > 0 {
				t.Errorf("found %+v", d.Findings)
			}
		})
	}
	wg.Wait()
	expect(t, diagnose(t, c, r), health.NotNeeded, "", "")
}

// A configuration manager on a host is seen. The embedded hosts share one table
// of processes, so no other diagnosis may run beside this one: it is not parallel.
func TestDiagnoseConfigurationManager(t *testing.T) {
	c, r := lab(t, "")
	script := filepath.Join(t.TempDir(), "puppet")
	if err := os.WriteFile(script, []byte("#!/bin/sh\nread x\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(script, "agent")
	in, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = cmd.Wait() }()
	if got := alarms(diagnose(t, c, r)); !slices.Contains(got, "configuration-manager") {
		t.Errorf("found %v", got)
	}
}

// While a run is open, what it did on purpose is no finding; after it was closed
// the cluster is whole, though it was elected anew several times within the hour.
func TestDiagnoseDuringAndAfterRecovery(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "always", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if s.Gate != "commit" {
		t.Fatalf("gate %q, status %s: %s", s.Gate, s.Status, s.Why)
	}
	d, err := r.Diagnose(t.Context(), s, false)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Findings {
		t.Logf("open: %-8s %-24s %-4s %s", f.Severity, f.ID, f.Subject, f.Evidence)
	}
	if got := alarms(d); !slices.Equal(got, []string{"failover-timeout"}) {
		t.Errorf("while the run is open: %v", got)
	}
	e := &runner.Engine{Journal: j, Now: time.Now}
	if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: s.Gates["commit"].Digest}); err != nil {
		t.Fatal(err)
	}
	if s, err = e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Outcome != "recovered" {
		t.Fatalf("outcome %q, status %s: %s, %v", s.Outcome, s.Status, s.Why, err)
	}
	if d, err = r.Diagnose(t.Context(), nil, true); err != nil {
		t.Fatal(err)
	}
	for _, f := range d.Findings {
		t.Logf("closed: %-8s %-24s %-4s %s", f.Severity, f.ID, f.Subject, f.Evidence)
	}
	expect(t, d, health.NotNeeded, "", "")
}
