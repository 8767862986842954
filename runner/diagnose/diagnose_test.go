package diagnose

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
	"aurorabot/runner/rooted"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/zk"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// testDoctor looks at a cluster of three hosts.
func testDoctor(t testing.TB) *Doctor {
	t.Helper()
	c := &aurora.Cluster{
		Name: "devcluster", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: "aurora-scheduler", MesosLogPath: "mesos-log", User: "aurora", Group: "aurora",
		FakeMaster: "zk://127.0.0.1:2/nonexistent/mesos", RegistrationWait: "360mins", SessionLimit: time.Second,
	}
	hosts := map[string]runner.Host{}
	for _, name := range []string{"s1", "s2", "s3"} {
		c.Schedulers = append(c.Schedulers, aurora.Scheduler{Name: name, Hostname: name, HTTP: "127.0.0.1:8081", ConfigFile: "/etc/default/aurora-scheduler", RunDir: "/var/lib/aurorabot"})
		hosts[name] = runnertest.NewHost(t, name)
	}
	p, err := aurora.ProfileOf(c.Version)
	if err != nil {
		t.Fatal(err)
	}
	return &Doctor{Nodes: &node.Nodes{Cluster: c, Profile: p, Hosts: hosts, Now: time.Now}}
}

// a scene is what was seen of a cluster of three.
type scene struct {
	r     *Doctor
	facts []*hostFacts
	g     *groupFacts
	ask   Ask
}

// whole is a scene in which nothing is wrong.
func whole(t testing.TB) *scene {
	r := testDoctor(t)
	r.Now = func() time.Time { return noon }
	r.Cluster.MaxBackupAge = 26 * time.Hour
	sc := &scene{r: r, g: &groupFacts{leader: "s1", leaders: []string{"s1"}, hosts: map[string]node.Look{}}, ask: Ask{Logs: true}}
	for i, name := range r.Cluster.Names() {
		disk := func(device uint64) probe.Path {
			return probe.Path{Exists: true, Dir: true, Free: 100 << 30, Device: device}
		}
		f := &hostFacts{
			name: name, looked: true, lifecycle: "STORAGE_PREPARED", scanned: true, framework: "f-0000",
			vars: aurora.Vars{"build.version": "0.22.0", "scheduler_log_native_append_timeouts": "0", "scheduler_backup_failed": "0"},
			look: node.Look{
				Running: true, Process: probe.Process{PID: 100 + i, Since: noon.Add(-48 * time.Hour)}, Uptime: 48 * 3600,
				Unit:  node.UnitState{Running: true, Enabled: true, Restarts: true, Words: "active (running)"},
				Flags: map[string]string{"native_log_file_path": "/log", "backup_dir": "/backups", "framework_failover_timeout": "21days"},
				Log:   disk(2), LogParent: disk(2), BackupDir: disk(1), Config: disk(1),
			},
			report: &replica.Report{Path: "/log", State: replica.StateOK, Status: "VOTING", Begin: 1, End: 90, Appends: 90, Aurora: &replica.Aurora{}},
		}
		if i == 0 {
			f.lifecycle, f.registered = "ACTIVE", true
			f.backups = []backupFound{backupAt(name, noon.Add(-time.Hour), 60)}
		}
		sc.facts = append(sc.facts, f)
		sc.g.hosts[name] = f.look
		sc.g.candidates = append(sc.g.candidates, zk.Candidate{Host: name, Sequence: "000000000" + strconv.Itoa(i), Created: noon.Add(-48 * time.Hour)})
		sc.g.replicas = append(sc.g.replicas, zk.Replica{Address: netip.MustParseAddrPort("10.0.0." + strconv.Itoa(i+1) + ":8083")})
	}
	return sc
}

func backupAt(host string, at time.Time, tasks int) backupFound {
	return backupFound{Host: host, Path: "/backups/" + at.Format("scheduler-backup-2006-01-02-15-04"), Report: backup.Report{
		Valid: true, Timestamp: at.Format(time.RFC3339), SHA256: at.String(), FrameworkID: "f-0000",
		Metadata: map[string]string{"version": "0.22.0"}, Tasks: backup.TaskFigures{Total: tasks},
	}}
}

func (sc *scene) lines(host int, counts map[string]int) {
	f := sc.facts[host]
	f.lines = nil
	for id, n := range counts {
		f.lines = append(f.lines, health.Match{Finding: id, Severity: health.Look(id).Severity, Count: n, Last: noon.Add(-time.Minute).Format(time.RFC3339), Example: "x"})
	}
}

func (sc *scene) noLeader() {
	sc.g.leader, sc.g.leaders, sc.g.odds = "", nil, "nobody"
	for _, f := range sc.facts {
		f.lifecycle, f.registered = "STORAGE_PREPARED", false
	}
}

func (sc *scene) alarms() []string {
	var ids []string
	for _, f := range sc.r.conclude(sc.facts, sc.g, sc.ask).Findings {
		if f.Severity.AtLeast(health.Warning) {
			ids = append(ids, f.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// A cluster in which nothing is wrong gives nothing to worry about.
func TestNothingToFind(t *testing.T) {
	sc := whole(t)
	if got := sc.alarms(); len(got) > 0 {
		t.Errorf("found %v", got)
	}
	d := sc.r.conclude(sc.facts, sc.g, sc.ask)
	if d.Verdict != health.NotNeeded || d.Reinitialize || !health.Has(d.Findings, "profile") {
		t.Errorf("%s, %v: %s", d.Verdict, d.Reinitialize, d.Advice)
	}
}

// Each finding is found where its evidence is, alone or with what comes along.
func TestFindings(t *testing.T) {
	proved := map[string]bool{"profile": true}
	for _, tt := range []struct {
		want, also string
		do         func(*scene)
	}{
		{"host-silent", "", func(sc *scene) {
			sc.facts[2].silent, sc.facts[2].report, sc.facts[2].look = errors.New("no answer"), nil, node.Look{}
		}},
		{"cannot-tell", "", func(sc *scene) { sc.facts[1].cannotTell("its files", errors.New("half an answer")) }},
		{"cannot-tell", "", func(sc *scene) { sc.facts[1].report = nil }},
		{"cannot-tell", "", func(sc *scene) { sc.facts[1].vars["scheduler_log_native_append_timeouts"] = "NaNa" }},
		{"cannot-tell", "", func(sc *scene) { sc.facts[1].vars["build.version"] = "trunk" }},
		{"cannot-tell", "", func(sc *scene) { sc.facts[1].vars = nil; sc.facts[1].unknown = []unknown{{whatVars, "refused"}} }},
		{"cannot-tell", "", func(sc *scene) { sc.noLeader(); sc.facts[1].vars, sc.facts[1].lifecycle = nil, "" }},
		{"cannot-tell", "", func(sc *scene) { sc.noLeader(); sc.facts[1].lifecycle = "" }}, // It answers, and names no state: it may lead.
		{"cannot-tell", "", func(sc *scene) { sc.facts[0].backups = nil; sc.facts[1].look.BackupDir = probe.Path{} }},
		{"access-missing", "", func(sc *scene) { sc.facts[0].complain("access-missing", "sudo to root") }},
		{"configuration-unreadable", "", func(sc *scene) { sc.facts[0].complain("configuration-unreadable", "parse") }},
		{"flag-missing", "", func(sc *scene) {
			sc.facts[0].complain("flag-missing", "-%s is set neither by the running scheduler nor by %s", "x", "y")
		}},
		{"http-port-differs", "", func(sc *scene) {
			sc.facts[0].complain("http-port-differs", "the scheduler's -http_port is %s, but the configuration of the bot says %s", "1", "2")
		}},
		{"log-path-differs", "", func(sc *scene) {
			sc.facts[0].complain("log-path-differs", "the scheduler runs with -native_log_file_path=%s, but %s says %s: after a restart it would use another log", "a", "b", "c")
		}},
		{"lingering-process", "", func(sc *scene) {
			sc.facts[1].look.Running = false // Which of both is it?
			sc.facts[1].complain("lingering-process", "%d schedulers run on the host (%s); one of them may be left from a commit before", 2, "PID 1, PID 2")
		}},
		{"scheduler-lingers", "", func(sc *scene) {
			f := sc.facts[1]
			f.vars, f.lifecycle, f.closed, f.unknown = nil, "", true, []unknown{{whatVars, "refused"}}
		}},
		{"scheduler-lingers", "leadership-lost", func(sc *scene) {
			f := sc.facts[1]
			f.vars, f.lifecycle, f.closed, f.look.Process.Since = nil, "", true, noon.Add(-70*time.Second)
			sc.lines(1, map[string]int{"leadership-lost": 1})
			sc.facts[1].look.Process.Since = noon.Add(-61 * time.Second)
		}},
		{"cannot-tell", "", func(sc *scene) { // It may have just started.
			f := sc.facts[1]
			f.vars, f.lifecycle, f.closed, f.unknown, f.look.Process.Since = nil, "", true, []unknown{{whatVars, "refused"}}, noon.Add(-node.Listens)
		}},
		{"clock-skew", "", func(sc *scene) {
			sc.facts[0].complain("clock-skew", "the clock is %s off the bot's, more than %s", time.Hour, time.Second)
		}},
		{"fake-address-answers", "", func(sc *scene) {
			sc.facts[0].complain("fake-address-answers", "something answers at %s, where the disabled scheduler must find nobody: %s", "x", "open")
		}},
		{"log-parent-missing", "", func(sc *scene) {
			sc.facts[0].complain("log-parent-missing", "%s, which should hold the log, is no folder: a wrong path or an unmounted disk", "/x")
		}},
		{"log-not-a-folder", "", func(sc *scene) { sc.facts[0].complain("log-not-a-folder", "%s is no folder (link to %q)", "/x", "/y") }},
		{"log-wrong-owner", "", func(sc *scene) {
			sc.facts[0].complain("log-wrong-owner", "%s belongs to user %d, not to the scheduler's user %s (%d)", "/x", 0, "aurora", 9)
		}},
		{"root-path-open", "", func(sc *scene) { sc.facts[0].complain("root-path-open", "root works at %s", "/x") }},
		{"log-parent-foreign", "", func(sc *scene) {
			sc.facts[0].complain("log-parent-foreign", "%s belongs to user %d", "/x", 7)
		}},
		{"link-loose", "", func(sc *scene) { sc.facts[0].complain("link-loose", "the link %s", "/x -> /y") }},
		{"run-disk-full", "", func(sc *scene) {
			sc.facts[0].complain("run-disk-full", "%s has %d MiB free; the evidence copy of the log needs %d MiB", "/x", 1, 2)
		}},
		{"backup-folder-unreadable", "", func(sc *scene) {
			sc.facts[0].complain("backup-folder-unreadable", "%v", errors.New("list backups: no such folder"))
		}},
		{"scheduler-authentication", "", func(sc *scene) { sc.facts[0].complain("scheduler-authentication", "wants Kerberos") }},
		{"supervisor-differs", "", func(sc *scene) { sc.facts[0].complain("supervisor-differs", "supervisord starts it") }},
		{"configuration-not-read", "", func(sc *scene) { sc.facts[0].complain("configuration-not-read", "another master") }},
		{"zookeeper-chroot", "", func(sc *scene) { sc.facts[0].complain("zookeeper-chroot", "-zk_chroot_path is %s", "/prod") }},
		{"quorum-flag-wrong", "", func(sc *scene) {
			sc.facts[0].complain("quorum-flag-wrong", "-native_log_quorum_size is %s; with %d schedulers it must be %d", "3", 3, 2)
		}},
		{"flags-differ", "", func(sc *scene) { sc.g.complaints = []complaint{{"flags-differ", "x"}} }},
		{"scheduler-unlisted", "", func(sc *scene) { sc.g.complaints = []complaint{{"scheduler-unlisted", "x"}} }},
		{"replicas-unlisted", "", func(sc *scene) { sc.g.complaints = []complaint{{"replicas-unlisted", "x"}} }},
		{"zookeeper-silent", "", func(sc *scene) { sc.g.err = errors.New("no route"); sc.g.candidates, sc.g.replicas = nil, nil }},
		{"not-a-candidate", "", func(sc *scene) { sc.g.candidates = sc.g.candidates[:2] }},
		{"replica-unregistered", "", func(sc *scene) { sc.g.replicas = sc.g.replicas[:2] }},
		{"scheduler-down", "", func(sc *scene) { sc.facts[1].look.Running, sc.facts[1].vars, sc.facts[1].lifecycle = false, nil, "" }},
		{"scheduler-keeps-ending", "start-failed", func(sc *scene) { sc.lines(1, map[string]int{"start-failed": 2}) }},
		{"flag-of-another-version", "", func(sc *scene) {
			sc.facts[0].complain("flag-of-another-version", "%s sets -%s, which Aurora %s does not know: the scheduler would refuse to start", "/etc/default/x", "gc_executor_path", "0.22.0")
		}},
		{"fake-master-left", "", func(sc *scene) { sc.facts[1].look.Flags["mesos_master_address"] = sc.r.Cluster.FakeMaster }},
		{"fake-master-left", "", func(sc *scene) { sc.facts[1].fakeInFile = true }},
		{"supervision-off", "", func(sc *scene) { sc.facts[1].look.Unit.Restarts = false }},
		{"supervision-on", "", func(sc *scene) { sc.ask.Run = &Run{ID: "dev-20260102T0304Z", Disabled: true} }},
		{"configuration-manager", "", func(sc *scene) { sc.facts[1].managers = []string{"puppet"} }},
		{"disk-nearly-full", "", func(sc *scene) { sc.facts[1].look.Log.Free = little - 1 }},
		{"disk-nearly-full", "", func(sc *scene) { sc.facts[1].look.BackupDir.Size = 51 << 30 }},
		{"log-missing", "", func(sc *scene) { *sc.facts[1].report = replica.Report{State: replica.StateMissing} }},
		{"log-empty", "", func(sc *scene) { *sc.facts[1].report = replica.Report{State: replica.StateEmpty, Status: "EMPTY"} }},
		{"log-damaged", "", func(sc *scene) {
			sc.facts[1].report.State, sc.facts[1].report.Damage = replica.StateDamaged, []replica.Damage{{File: "000005.ldb", What: "checksum mismatch"}}
		}},
		{"log-not-voting", "", func(sc *scene) { sc.facts[1].report.Status = "RECOVERING" }},
		{"log-lags", "", func(sc *scene) {
			for _, i := range []int{0, 2} {
				sc.facts[i].report.End = 90 + lagging + 1
			}
		}},
		{"log-diverged", "", func(sc *scene) {
			for i, f := range sc.facts {
				f.report.End, f.report.Digests = 600, []replica.Digest{{First: 256, Count: 256, Sum: strconv.Itoa(i / 2)}}
			}
		}},
		{"log-quorum-lost", "log-missing", func(sc *scene) {
			*sc.facts[0].report, *sc.facts[1].report = replica.Report{State: replica.StateMissing}, replica.Report{State: replica.StateMissing}
		}},
		{"log-undecodable", "", func(sc *scene) { sc.facts[1].report.Aurora.Undecodable = 1 }},
		{"log-positions-high", "", func(sc *scene) {
			for _, f := range sc.facts {
				f.report.Begin, f.report.End = positionsHigh, positionsHigh
			}
		}},
		{"log-write-trouble", "", func(sc *scene) { sc.facts[0].vars["scheduler_log_native_append_timeouts"] = "2" }},
		{"log-on-other-mount", "", func(sc *scene) { sc.facts[1].look.Log.Device, sc.facts[1].look.LogParent.Device = 1, 1 }},
		{"log-on-other-mount", "", func(sc *scene) { // Two disks are not mounted, or one host has a disk too many.
			for _, f := range sc.facts[1:] {
				f.look.Log.Device, f.look.LogParent.Device = 1, 1
			}
		}},
		{"no-leader", "failover-timeout", func(sc *scene) { sc.noLeader() }},
		{"two-leaders", "", func(sc *scene) { sc.g.leaders, sc.g.leader = []string{"s1", "s2"}, "" }},
		{"leaders-disagree", "", func(sc *scene) { sc.g.leader, sc.g.odds = "", "ZooKeeper names s2" }},
		{"leader-unregistered", "failover-timeout", func(sc *scene) { sc.facts[0].lifecycle, sc.facts[0].registered = aurora.Awaiting, false }},
		{"flapping", "leadership-lost", func(sc *scene) { sc.lines(0, map[string]int{"elected": 5, "leadership-lost": 5}) }},
		{"flapping", "", func(sc *scene) { sc.facts[0].scanned = false; sc.g.candidates[2].Sequence = "0000000500" }},
		{"flapping-log", "log-write-timeout leadership-lost", func(sc *scene) {
			sc.lines(0, map[string]int{"elected": 5, "leadership-lost": 4, "log-write-timeout": 4})
			sc.facts[1].report.Status = "RECOVERING"
			sc.facts[2].report.Status = "RECOVERING"
		}},
		{"flapping-zookeeper", "zookeeper-session-expired leadership-lost", func(sc *scene) {
			sc.lines(0, map[string]int{"elected": 3, "zookeeper-session-expired": 3, "leadership-lost": 3})
			sc.lines(1, map[string]int{"elected": 3, "zookeeper-session-expired": 2})
		}},
		{"flapping-zookeeper", "zookeeper-client-lost leadership-lost", func(sc *scene) {
			sc.lines(0, map[string]int{"elected": 5, "zookeeper-client-lost": 5, "leadership-lost": 5})
		}},
		{"flapping", "out-of-memory leadership-lost", func(sc *scene) {
			sc.lines(0, map[string]int{"elected": 5, "out-of-memory": 5, "leadership-lost": 5})
		}},
		{"flapping-registration", "registration-timeout", func(sc *scene) {
			for i := range sc.facts {
				sc.lines(i, map[string]int{"elected": 2, "registration-timeout": 2})
			}
		}},
		{"flapping-start", "start-failed scheduler-keeps-ending", func(sc *scene) { sc.lines(1, map[string]int{"elected": 5, "start-failed": 5}) }},
		{"staged-left", "", func(sc *scene) { sc.facts[1].staged = true }},
		{"backup-none", "", func(sc *scene) { sc.facts[0].backups = nil }},
		{"backup-stale", "", func(sc *scene) {
			sc.facts[0].backups = []backupFound{backupAt("s1", noon.Add(-26*time.Hour-time.Minute), 60)}
		}},
		{"backup-damaged", "", func(sc *scene) {
			b := backupAt("s2", noon.Add(-time.Minute), 60)
			b.Report.Valid, b.Report.Error = false, "cut"
			sc.facts[1].backups = []backupFound{b}
		}},
		{"backup-odd", "", func(sc *scene) {
			b := backupAt("s2", noon.Add(-time.Minute), 60)
			b.Report.Warnings = []string{"no tasks"}
			sc.facts[1].backups = []backupFound{b}
		}},
		{"backup-foreign", "", func(sc *scene) {
			b := backupAt("s2", noon.Add(-time.Minute), 60)
			b.Report.FrameworkID = "other"
			sc.facts[1].backups = []backupFound{b}
		}},
		{"backup-newer", "", func(sc *scene) { sc.facts[0].backups[0].Report.Metadata["version"] = "0.23.0" }},
		{"backups-differ", "", func(sc *scene) {
			b := backupAt("s2", noon.Add(-time.Hour), 60)
			b.Report.SHA256 = "another"
			sc.facts[1].backups = []backupFound{b}
		}},
		{"backup-writes-fail", "", func(sc *scene) { sc.facts[0].vars["scheduler_backup_failed"] = "1" }},
		{"backup-in-run", "", func(sc *scene) { sc.facts[1].backups = []backupFound{backupAt("s2", noon.Add(-time.Minute), 29)} }},
		{"version-differs", "", func(sc *scene) { sc.facts[1].vars["build.version"] = "0.21.0" }},
		{"failover-timeout", "no-leader", func(sc *scene) { sc.noLeader() }},
		{"host-owes", "", func(sc *scene) {
			sc.ask.Run = &Run{ID: "dev-20260102T0304Z", Left: []string{"s2"}, Debts: []runner.Debt{{Host: "s2"}}}
			sc.facts[1].looked = false // Gone.
		}},
		{"host-owes-and-runs", "host-owes", func(sc *scene) {
			sc.ask.Run = &Run{ID: "dev-20260102T0304Z", Left: []string{"s2"}, Debts: []runner.Debt{{Host: "s2"}}}
		}},
		{"disabled-state-ends", "fake-master-left leader-unregistered failover-timeout", func(sc *scene) {
			f := sc.facts[0]
			f.lifecycle, f.registered = aurora.Awaiting, false
			f.look.Flags["mesos_master_address"], f.look.Flags["max_registration_delay"], f.look.Uptime = sc.r.Cluster.FakeMaster, "360mins", 5*3600+1
		}},
	} {
		proved[tt.want] = true
		sc := whole(t)
		tt.do(sc)
		got := sc.alarms()
		if !slices.Contains(got, tt.want) {
			t.Errorf("%s is not found, but %v", tt.want, got)
		}
		for _, id := range got {
			along := id == tt.want || slices.Contains(strings.Fields(tt.also), id) || strings.HasPrefix(tt.want, "flapping") && (strings.HasPrefix(id, "log-") || id == "scheduler-keeps-ending")
			if !along {
				t.Errorf("with %s %s is found", tt.want, id)
			}
		}
	}
	for i := range health.Kinds {
		k := &health.Kinds[i]
		line := slices.ContainsFunc(health.LogFindings, func(l health.LogFinding) bool { return l.ID == k.ID })
		// Findings of the commit, and of a start, are of an open run: the lab has them.
		inRun := k.Blocks == "restore/commit" || k.ID == "snapshot-of-before" || k.ID == "disabled-start-failed"
		// What is only told alarms nobody: TestWhatRunsLeft.
		told := k.ID == "runs-left"
		// Most of backups are judged, and tested, by the package of their check.
		backups := strings.HasPrefix(k.ID, "backup-")
		if !line && !inRun && !backups && !told && !proved[k.ID] {
			t.Errorf("no scene for %s", k.ID)
		}
	}
}

// What an open run did on purpose is no finding; both sides of each limit.
func TestFindingsExpected(t *testing.T) {
	sc := whole(t)
	sc.ask.Run = &Run{ID: "dev-20260102T0304Z", Disabled: true}
	sc.noLeader()
	for _, f := range sc.facts {
		f.look.Unit.Enabled, f.look.Unit.Restarts = false, false
		f.look.Flags["mesos_master_address"] = sc.r.Cluster.FakeMaster
	}
	sc.lines(0, map[string]int{"elected": 9, "new-framework": 1})
	if got := sc.alarms(); !slices.Equal(got, []string{"failover-timeout"}) {
		t.Errorf("while a run is open: %v", got)
	}
	for name, do := range map[string]func(*scene){
		"elections on purpose":   func(sc *scene) { sc.lines(0, map[string]int{"elected": 5}) },
		"a backup at the limit":  func(sc *scene) { sc.facts[0].backups = []backupFound{backupAt("s1", noon.Add(-26*time.Hour), 60)} },
		"half of the tasks":      func(sc *scene) { sc.facts[1].backups = []backupFound{backupAt("s2", noon.Add(-time.Minute), 30)} },
		"a few positions behind": func(sc *scene) { sc.facts[0].report.End += lagging; sc.facts[2].report.End += lagging },
		"a torn copy of a running log": func(sc *scene) {
			sc.facts[1].report.State, sc.facts[1].report.Damage = replica.StateDamaged, []replica.Damage{{File: "000006.log", What: "torn tail"}}
		},
		"a disk just large enough": func(sc *scene) { sc.facts[1].look.Log.Free = little },
		"what passed":              func(sc *scene) { sc.lines(1, map[string]int{"replica-recovering": 7}) },
		"lines of a process before": func(sc *scene) {
			sc.lines(1, map[string]int{"log-write-timeout": 1})
			sc.facts[1].look.Process.Since = noon.Add(-30 * time.Second)
		},
		"no ZooKeeper": func(sc *scene) { sc.g.none, sc.g.candidates, sc.g.replicas = true, nil, nil },
	} {
		sc := whole(t)
		do(sc)
		if got := sc.alarms(); len(got) > 0 {
			t.Errorf("%s: found %v", name, got)
		}
	}
}

// A line belongs to the process that had begun when it was logged: to the
// hundredth of a second where the log says it, to the second where it does not.
func TestWhoseLineItIs(t *testing.T) {
	start := noon.Add(-time.Hour).Add(500 * time.Millisecond)
	for _, tt := range []struct {
		last string
		its  bool
	}{
		{"2026-11-23T11:00:00.470000+0000", false},
		{"2026-11-23T11:00:00.495000+0000", true},
		{"2026-11-23T11:00:00+0000", true},
		{"2026-11-23T10:59:59+0000", false},
	} {
		sc := whole(t)
		sc.lines(1, map[string]int{"log-write-timeout": 1})
		sc.facts[1].look.Process.Since, sc.facts[1].lines[0].Last = start, tt.last
		if got := slices.Contains(sc.alarms(), "log-write-timeout"); got != tt.its {
			t.Errorf("a line of %s, a process since %s: an alarm %v", tt.last, start.Format(time.RFC3339Nano), got)
		}
	}
}

// The verdicts of the runbook's table, and the second question.
func TestVerdicts(t *testing.T) {
	lost := func(sc *scene, hosts ...int) {
		for _, i := range hosts {
			*sc.facts[i].report = replica.Report{State: replica.StateMissing}
		}
	}
	for name, tt := range map[string]struct {
		do           func(*scene)
		want         health.Verdict
		reinitialize bool
		says         string
	}{
		"all healthy":               {func(*scene) {}, health.NotNeeded, false, "--reason"},
		"one is missing":            {func(sc *scene) { lost(sc, 2) }, health.CatchUp, true, "s3 (missing)"},
		"one is EMPTY":              {func(sc *scene) { *sc.facts[2].report = replica.Report{State: replica.StateEmpty, Status: "EMPTY"} }, health.CatchUp, true, "Let s3 (EMPTY) catch up"},
		"two are missing":           {func(sc *scene) { lost(sc, 1, 2) }, health.Restore, true, "1 of 3 whole"},
		"two not read":              {func(sc *scene) { sc.facts[1].report, sc.facts[2].report = nil, nil }, health.CannotTell, true, "s2 and s3"},
		"one not read":              {func(sc *scene) { sc.facts[1].report = nil }, health.NotNeeded, true, "nothing is known of it"},
		"one not read, one missing": {func(sc *scene) { sc.facts[1].report = nil; lost(sc, 2) }, health.CannotTell, true, "s2 and s3 (missing)"},
		"cannot be replayed":        {func(sc *scene) { sc.facts[0].report.Aurora.Undecodable = 1 }, health.Restore, true, "no scheduler can replay"},
		"flaps for ZooKeeper":       {func(sc *scene) { sc.lines(0, map[string]int{"elected": 6, "zookeeper-session-expired": 6}) }, health.MendCause, false, "Mend ZooKeeper"},
		"flaps for its master":      {func(sc *scene) { sc.lines(0, map[string]int{"elected": 6, "registration-timeout": 6}) }, health.MendCause, false, "Mesos master"},
		"nobody leads":              {func(sc *scene) { sc.noLeader() }, health.NotNeeded, false, "outside the log"},
	} {
		t.Run(name, func(t *testing.T) {
			sc := whole(t)
			tt.do(sc)
			d := sc.r.conclude(sc.facts, sc.g, sc.ask)
			if d.Verdict != tt.want || d.Reinitialize != tt.reinitialize || !strings.Contains(d.Advice, tt.says) {
				t.Errorf("%s, re-initialise %v: %s", d.Verdict, d.Reinitialize, d.Advice)
			}
		})
	}
}

// A program counts by its name or its script, not a word in somebody's arguments.
func TestManagersIn(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"/usr/bin/ruby\n/usr/bin/puppet\nagent\n":                                        "puppet",
		"puppet agent: applying configuration\n":                                         "puppet",
		"/usr/bin/python3\n-u\n/usr/bin/salt-minion\n-d\n\nchef-client worker: ppid=1\n": "chef-client salt-minion",
		"/usr/bin/python3\n/usr/local/bin/ansible-pull\n-U\nx\n":                         "ansible-pull",
		"vim\n/etc/puppet/puppet.conf\n\ngrep\npuppet\n\npuppetdb-exporter\n":            "",
	} {
		if got := strings.Join(managersIn(text), " "); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

// What closed runs left is said by run, the oldest first; what the open one keeps is its
// way back.
func TestWhatRunsLeft(t *testing.T) {
	f := &hostFacts{name: "s2", left: []rooted.Left{
		{Run: "dev-20260102T0304Z", Bytes: 1 << 30}, {Run: "dev-20251202T0304Z", Bytes: 1 << 30},
		{Run: "dev-20251102T0304Z", Bytes: 3 << 30}, {Run: "dev-20251102T0304Z", Bytes: 1 << 20},
	}}
	got := judgeLeft(f, &Run{ID: "dev-20260102T0304Z"})
	if len(got) != 1 || got[0].ID != "runs-left" || got[0].Evidence != "4.0 GiB: dev-20251102T0304Z 3.0 GiB, dev-20251202T0304Z 1.0 GiB" {
		t.Errorf("%+v", got)
	}
	f.left = f.left[:1]
	if got := judgeLeft(f, &Run{ID: "dev-20260102T0304Z"}); got != nil {
		t.Errorf("of the open run alone: %+v", got)
	}
	if got := judgeLeft(f, nil); len(got) != 1 {
		t.Errorf("of a closed run: %+v", got)
	}
}
