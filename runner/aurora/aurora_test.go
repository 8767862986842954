package aurora

import (
	"aurorabot/runner/golden"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func recording(t testing.TB, name string) []byte {
	t.Helper()
	file := filepath.Join("testdata", name)
	if strings.HasSuffix(name, ".gz") {
		return golden.Gunzip(t, file)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The recorded answers of the real scheduler.
func TestParseReply(t *testing.T) {
	for _, tt := range []struct {
		file, method         string
		code, tasks, actives int
		names                int
		text                 string
	}{
		{"http/queryRecovery.json.gz", "queryRecovery", 1, 65, 57, 0, "OK"},
		{"http/getTasksWithoutConfigs.json.gz", "getTasksWithoutConfigs", 1, 65, 57, 0, "OK"},
		{"http/commit-not-ready.json", "commitRecovery", 6, 0, 0, 0, "ERROR_TRANSIENT: Storage is not READY"},
		{"http/listBackups.json", "listBackups", 1, 0, 0, 1, "OK"},
	} {
		r, err := parseReply(bytes.NewReader(recording(t, tt.file)), tt.method)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		actives := 0
		for _, task := range r.Tasks {
			if task.Active() {
				actives++
			}
			if task.ID == "" || task.Role == "" || task.Env == "" || task.Job == "" {
				t.Errorf("%s: task %+v lacks something", tt.file, task)
			}
		}
		if r.Code != tt.code || len(r.Tasks) != tt.tasks || actives != tt.actives || len(r.Names) != tt.names || r.String() != tt.text {
			t.Errorf("%s: %v, %d tasks, %d active, %d names; want %v", tt.file, r, len(r.Tasks), actives, len(r.Names), tt)
		}
	}
}

// An answer that is cut anywhere is an error, never fewer tasks.
func TestParseReplyCut(t *testing.T) {
	whole := bytes.TrimSpace(recording(t, "http/queryRecovery.json.gz"))
	for cut := 0; cut < len(whole)-3; cut += 997 {
		if r, err := parseReply(bytes.NewReader(whole[:cut]), "queryRecovery"); err == nil {
			t.Fatalf("cut at %d of %d: %d tasks and no error", cut, len(whole), len(r.Tasks))
		}
	}
	short := bytes.Replace(whole, []byte(`"set":["rec",65`), []byte(`"set":["rec",66`), 1)
	if bytes.Equal(short, whole) {
		t.Fatal("the recording has no count to change")
	}
	if _, err := parseReply(bytes.NewReader(short), "queryRecovery"); err == nil {
		t.Error("one task fewer than announced: no error")
	}
}

func FuzzParseReply(f *testing.F) {
	f.Add(recording(f, "http/commit-not-ready.json"))
	f.Add(recording(f, "http/listBackups.json"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := parseReply(bytes.NewReader(b), "listBackups"); err == nil && r.Code < 0 {
			t.Error("no code and no error")
		}
	})
}

func TestParseAdmin(t *testing.T) {
	for _, tt := range []struct {
		file string
		exit int
		ok   bool
		code string
	}{
		{"admin/print.stderr.txt", 0, true, "OK"},
		{"admin/stage-already.stderr.txt", 1, false, "ERROR"},
		{"admin/503.stderr.txt", 1, false, ""},
		{"admin/dead.stderr.txt", 1, false, ""},
		{"admin/commit-timeout.stderr.txt", 1, false, "ERROR"},
	} {
		a := ParseAdmin(nil, recording(t, tt.file), tt.exit)
		if a.OK != tt.ok || a.Code != tt.code || !tt.ok && a.Message == "" {
			t.Errorf("%s: %+v, want ok %v, code %q", tt.file, a, tt.ok, tt.code)
		}
	}
	if n := len(slices.Collect(RecoveryTasks(recording(t, "admin/print.stderr.txt")))); n != 57 {
		t.Errorf("%d tasks in the table, want the 57 active ones", n)
	}
}

// Whatever aurora_admin printed, only its own response line with OK and exit
// status 0 is a success, and no task is made up.
func FuzzParseAdmin(f *testing.F) {
	for _, file := range []string{"admin/print.stderr.txt", "admin/stage-already.stderr.txt", "admin/503.stderr.txt", "admin/dead.stderr.txt", "admin/commit-timeout.stderr.txt"} {
		f.Add(recording(f, file), []byte(nil), 0)
	}
	f.Add([]byte("Response from scheduler: OK (message: )\n"), []byte("x"), 1)
	f.Add([]byte("Response from scheduler: OK"), []byte("Response from scheduler: OK (message: )"), 0)
	f.Fuzz(func(t *testing.T, stderr, stdout []byte, exit int) {
		a := ParseAdmin(stdout, stderr, exit)
		if a.OK && (exit != 0 || !bytes.Contains(stderr, []byte("Response from scheduler: OK (message: "))) {
			t.Errorf("exit status %d, %q: taken for a success", exit, stderr)
		}
		if a.Exit != exit {
			t.Errorf("exit status %d, want %d", a.Exit, exit)
		}
		ids := slices.Collect(RecoveryTasks(stderr))
		if lines := bytes.Count(stderr, []byte("\n")) + 1; len(ids) > lines {
			t.Errorf("%d tasks in %d lines", len(ids), lines)
		}
		for _, id := range ids {
			if id == "" || strings.ContainsAny(id, " \t\n") {
				t.Errorf("task id %q", id)
			}
		}
	})
}

func TestVars(t *testing.T) {
	for file, want := range map[string]string{
		"http/vars-leader.txt": "LEADER_AWAITING_REGISTRATION", "http/vars-non-leader.txt": "STORAGE_PREPARED",
	} {
		v, err := ParseVars(bytes.NewReader(recording(t, file)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Lifecycle(); err != nil || got != want {
			t.Errorf("%s: Lifecycle = %q, %v; want %q", file, got, err, want)
		}
		if _, err := v.Int("framework_registered"); err != nil {
			t.Error(err)
		}
	}
	if _, err := (Vars{"scheduler_lifecycle_A": "1", "scheduler_lifecycle_B": "1"}).Lifecycle(); err == nil {
		t.Error("two states at once: no error")
	}
	if _, err := ParseVars(strings.NewReader("")); err == nil {
		t.Error("an empty answer: no error")
	}
}

func FuzzParseVars(f *testing.F) {
	f.Add([]byte("a 1\nscheduler_lifecycle_ACTIVE 1\n"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if v, err := ParseVars(bytes.NewReader(b)); err == nil {
			v.Lifecycle()            // must not panic
			v.Int("jvm_uptime_secs") // must not panic
		}
	})
}

func TestCheckBackupName(t *testing.T) {
	for name, ok := range map[string]bool{
		"scheduler-backup-2026-11-23-08-36":      true,
		"../scheduler-backup-2026-11-23-08-36":   false,
		"scheduler-backup-2026-11-23-08-36\n":    false,
		"scheduler-backup-2026-11-23-08-3":       false,
		"temp_scheduler-backup-2026-11-23-08-36": false,
		"--help":                                 false, "": false,
	} {
		if err := CheckBackupName(name); (err == nil) != ok {
			t.Errorf("CheckBackupName(%q) = %v, want ok %v", name, err, ok)
		}
	}
}

func FuzzParseBackupName(f *testing.F) {
	f.Add("scheduler-backup-2026-11-23-08-36")
	f.Fuzz(func(t *testing.T, name string) {
		if CheckBackupName(name) == nil && (len(name) != 33 || strings.ContainsAny(name, "/\\ \n\x00") || name[0] == '-') {
			t.Errorf("%q was accepted", name)
		}
	})
}

func TestVersionsAndProfiles(t *testing.T) {
	for _, tt := range []struct {
		version string
		flags   string
		bypass  bool
		lingers bool
		recipes int
	}{
		{"0.6.0", "mesos_master_address max_registration_delay gc_executor_path", false, false, 1},
		{"0.8.0", "mesos_master_address max_registration_delay gc_executor_path", false, false, 1},
		{"0.9", "mesos_master_address max_registration_delay reconciliation_initial_delay", false, false, 1},
		{"0.12.0", "mesos_master_address max_registration_delay reconciliation_initial_delay", true, false, 1},
		{"0.20.0", "mesos_master_address max_registration_delay reconciliation_initial_delay", true, false, 1},
		{"0.21.0", "mesos_master_address max_registration_delay reconciliation_initial_delay", true, true, 2},
		{"0.26.0-SNAPSHOT", "mesos_master_address max_registration_delay reconciliation_initial_delay", true, true, 2},
	} {
		v, err := ParseVersion(tt.version)
		if err != nil {
			t.Fatal(err)
		}
		p, err := ProfileOf(v)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, c := range p.DisabledFlags("zk://127.0.0.1:2/x", "360mins") {
			names = append(names, c.Flag)
		}
		if got := strings.Join(names, " "); got != tt.flags || p.Bypass != tt.bypass || p.Lingers != tt.lingers || len(p.Recipes) != tt.recipes {
			t.Errorf("%s: %q %+v, want %+v", tt.version, got, p, tt)
		}
	}
	for _, bad := range []string{"", "0", "x.y", "0.-1", "1.2.3.4", "0.5.0"} {
		if v, err := ParseVersion(bad); err == nil {
			if _, err = ProfileOf(v); err == nil {
				t.Errorf("version %q: no error", bad)
			}
		}
	}
}

func TestParseFlags(t *testing.T) {
	f, err := ParseFlags([]string{"java", "-Xmx1g", "-cp", "a.jar", "org.apache.aurora.scheduler.app.SchedulerMain", "-http_port=8081", "-hostname", "s1", "-allow_docker_parameters"})
	if err != nil || f["http_port"] != "8081" || f["hostname"] != "s1" || f["allow_docker_parameters"] != "true" {
		t.Errorf("ParseFlags = %v, %v", f, err)
	}
	if _, err := ParseFlags([]string{"-a=1", "-a=2"}); err == nil {
		t.Error("a flag given twice: no error")
	}
	ok, why := f.Has([]FlagChange{{Flag: "gc_executor_path", Unset: true}, {Flag: "http_port", Value: "8082"}})
	if ok || !strings.Contains(why, "-http_port") {
		t.Errorf("Has = %v, %q", ok, why)
	}
}

func TestParseAmount(t *testing.T) {
	for s, want := range map[string]time.Duration{"360mins": 6 * time.Hour, "(360, mins)": 6 * time.Hour, "365days": 8760 * time.Hour, "1hrs": time.Hour, "15secs": 15 * time.Second, "500ms": 500 * time.Millisecond} {
		if got, err := ParseAmount(s); err != nil || got != want {
			t.Errorf("ParseAmount(%q) = %v, %v; want %v", s, got, err, want)
		}
	}
	for _, bad := range []string{"", "360", "360min", "mins", "-1mins", "99999999999999days"} {
		if got, err := ParseAmount(bad); err == nil {
			t.Errorf("ParseAmount(%q) = %v, want an error", bad, got)
		}
	}
}

func TestAdminCommand(t *testing.T) {
	c := &Cluster{AdminName: "dev", AdminPath: "aurora_admin"}
	argv := AdminCommand(c, Profile{Bypass: true}, "/run/x", 30*time.Second, "scheduler_stage_recovery", "scheduler-backup-2026-11-23-08-36")
	at := slices.Index(argv, "scheduler_stage_recovery")
	if argv[at+1] != "--bypass-leader-redirect" || argv[at+2] != "dev" || argv[0] != "timeout" {
		t.Errorf("AdminCommand = %v", argv)
	}
}
