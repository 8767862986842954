package recovery

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/rooted"
	"aurorabot/runner/runnertest"
)

// aHost is a host on which pre-flight finds nothing.
type aHost struct {
	config string
	facts  probe.Facts
	lines  []health.Match
	unit   string
	list   string            // Why the backups cannot be listed.
	silent bool              // Nothing was logged.
	seen   map[string]string // Owner, group and mode of what is on the way to where root works; else root's.
	links  map[string]string
	old    bool // Its sudoers file is of another version.
}

const goodConfig = `MESOS_MASTER=zk://10.0.0.1:2181/mesos
LOGDB_FILE_PATH=/var/lib/aurora/db
BACKUP_DIR=/var/lib/aurora/backups
ZK_ENDPOINTS=10.0.0.1:2181
ZK_SERVERSET_PATH=/aurora/scheduler
ZK_LOGDB_PATH=/aurora/replicated-log
HTTP_PORT=8081
QUORUM_SIZE=2
EXTRA_SCHEDULER_ARGS="-max_leading_duration=1days"
`

func goodHost() *aHost {
	argv := strings.Fields("java -cp /usr/share/aurora/lib/* org.apache.aurora.scheduler.app.SchedulerMain -mesos_master_address=zk://10.0.0.1:2181/mesos -native_log_file_path=/var/lib/aurora/db -backup_dir=/var/lib/aurora/backups " +
		"-zk_endpoints=10.0.0.1:2181 -serverset_path=/aurora/scheduler -native_log_zk_group_path=/aurora/replicated-log -http_port=8081 -native_log_quorum_size=2 -max_leading_duration=1days")
	dir := func(free int64) probe.Path {
		return probe.Path{Exists: true, Dir: true, UID: 9, Device: 5, Free: free, Size: 100 << 20}
	}
	return &aHost{
		config: goodConfig, unit: "LoadState=loaded\nActiveState=active\nSubState=running\nMainPID=7\nUnitFileState=enabled\nRestart=always\n",
		facts: probe.Facts{
			Now: noon, UID: 9, Processes: []probe.Process{{PID: 7, Start: 70, Since: noon.Add(-time.Hour), UID: 9, Argv: argv}},
			Paths: map[string]probe.Path{
				"/var/lib/aurora/db": dir(9 << 30), "/var/lib/aurora": {Exists: true, Dir: true, UID: 9, Device: 5, Free: 9 << 30, Writes: true}, "/var/lib/aurorabot": dir(200<<20 + 64<<20),
				"/var/lib/aurora/backups": dir(9 << 30), "/etc/default/aurora-scheduler": {Exists: true, Device: 1},
			},
			Dials: map[string]string{"127.0.0.1:2": "refused", "127.0.0.1:8081": "refused"},
		},
	}
}

// look asks pre-flight of the host, and returns what stops it and all it found.
func (h *aHost) look(t *testing.T) (stops bool, ids []string, words string) {
	t.Helper()
	r, s := testRecovery(t), &runner.State{}
	r.Now = func() time.Time { return noon }
	r.Cluster.MaxClockSkew = 30 * time.Second
	s.Apply(runner.Event{Kind: runner.RunRequested, Data: json.RawMessage(`{"backup":"scheduler-backup-2026-11-23-08-36"}`)})
	on := answering(t, r, "s1", s, func(q probe.Request) probe.Facts {
		f := h.facts
		if q.Backups != "" && h.list != "" {
			f.Errors = []string{h.list}
		}
		return f
	}, h.lines)
	host := r.Hosts["s1"].(*runnertest.Host)
	host.On(node.EverydayCommand, func(runner.Command) runner.Output { return runnertest.Out("asked\n") })
	host.On(node.RootCommand, func(c runner.Command) runner.Output {
		if h.old {
			return runner.Output{Exit: 1, Stderr: []byte("sudo: a password is required\n")}
		}
		return runnertest.Out("sudoers-3:0:0\n")
	})
	host.On([]string{"env", "LC_ALL=C", "stat"}, func(c runner.Command) runner.Output {
		out := runner.Output{}
		for _, p := range c.Argv[6:] {
			out.Stdout = fmt.Appendf(out.Stdout, "%s %s\n", cmp.Or(h.seen[p], "0 0 41ed"), p)
		}
		return out
	})
	host.On([]string{"readlink", "--"}, func(c runner.Command) runner.Output {
		out := runner.Output{}
		for _, p := range c.Argv[2:] {
			out.Stdout = fmt.Appendln(out.Stdout, h.links[p])
		}
		return out
	})
	for _, quiet := range [][]string{{"true"}, {"install", "-d", "-m", "0755", "/var/lib/aurorabot"}} {
		host.On([]string{"stat", "-c", "%u %g %a"}, func(runner.Command) runner.Output { return runnertest.Out("0 0 0\n") })
		host.On(quiet, func(runner.Command) runner.Output { return runner.Output{} })
	}
	host.On([]string{"sh", "-c", `command -v "$1"`, "sh"}, func(c runner.Command) runner.Output { return runnertest.Out("/usr/bin/" + c.Argv[4]) })
	host.On([]string{"env", "TZ=UTC", "systemctl", "show"}, func(runner.Command) runner.Output { return runnertest.Out(h.unit) })
	if h.silent {
		host.On([]string{"/var/lib/aurorabot/bin/aurorabot-0", "log", "scan"}, func(runner.Command) runner.Output {
			return runner.Output{Stdout: []byte("[]"), Stderr: []byte("aurorabot: read the journal: " + health.NothingLogged)}
		})
	}
	if err := host.Put(t.Context(), runner.File{Path: "/etc/default/aurora-scheduler", Content: []byte(h.config)}); err != nil {
		t.Fatal(err)
	}
	on.Say = func(ev runner.Event) error {
		var f health.Finding
		if err := json.Unmarshal(ev.Data, &f); err != nil {
			t.Error(err)
		}
		ids = append(ids, f.ID)
		return nil
	}
	a, err := r.preflight().lookAtHost(t.Context(), on)
	words = a.Evidence
	if err != nil {
		words = err.Error()
	}
	return !a.Yes, ids, words
}

// array is a file of rpm's with the flags of the host's process.
func array(h *aHost) string {
	argv := h.facts.Processes[0].Argv
	return "#!/bin/bash\nAURORA_FLAGS=(\n  " + strings.Join(argv[slices.Index(argv, "org.apache.aurora.scheduler.app.SchedulerMain")+1:], "\n  ") + "\n)\n"
}

// Pre-flight of one host stops for each thing that would spoil a recovery, under
// the name that the table gives it, on the far side of every limit and not on
// the near one.
func TestPreflightJudgesAHost(t *testing.T) {
	path := func(name string, change func(*probe.Path)) func(*aHost) {
		return func(h *aHost) {
			h.facts.Paths = maps.Clone(h.facts.Paths)
			p := h.facts.Paths[name]
			change(&p)
			h.facts.Paths[name] = p
		}
	}
	config := func(old, with string) func(*aHost) {
		return func(h *aHost) { h.config = strings.Replace(h.config, old, with, 1) }
	}
	runs := func(old, with string) func(*aHost) {
		return func(h *aHost) {
			argv := h.facts.Processes[0].Argv
			if i := slices.Index(argv, old); i < 0 {
				panic(old)
			} else if argv[i] = with; with == "" {
				h.facts.Processes[0].Argv = slices.Delete(argv, i, i+1)
			}
		}
	}
	const log, parent = "/var/lib/aurora/db", "/var/lib/aurora"
	for _, tt := range []struct {
		name  string
		spoil func(*aHost)
		stops string // The finding that stops it; "" if nothing does.
		also  string // Findings that stop nothing.
	}{
		{"nothing", func(*aHost) {}, "", ""},
		{"a clock ahead, at the limit", func(h *aHost) { h.facts.Now = noon.Add(30 * time.Second) }, "", ""},
		{"a clock ahead", func(h *aHost) { h.facts.Now = noon.Add(30*time.Second + time.Millisecond) }, "clock-skew", ""},
		{"a clock behind", func(h *aHost) { h.facts.Now = noon.Add(-3 * time.Hour) }, "clock-skew", ""},
		{"two processes", func(h *aHost) { h.facts.Processes = append(h.facts.Processes, h.facts.Processes[0]) }, "lingering-process", "scheduler-down"},
		{"one that nobody supervises", func(h *aHost) {
			h.unit = strings.Replace(strings.Replace(h.unit, "=active", "=inactive", 1), "=running", "=dead", 1)
		}, "lingering-process", ""},
		{"none", func(h *aHost) { h.facts.Processes = nil }, "", "scheduler-down"},
		{"the file names another log", config("LOGDB_FILE_PATH=/var/lib/aurora/db", "LOGDB_FILE_PATH=/var/lib/aurora/db2"), "log-path-differs", ""},
		{"a flag of another release", config("-max_leading", "-gc_executor_path=/x -max_leading"), "flag-of-another-version", ""},
		{"the fake master in the file", config("zk://10.0.0.1:2181/mesos", "zk://127.0.0.1:2/nonexistent/mesos"), "fake-master-left", ""},
		{"a file that cannot be read safely", config("QUORUM_SIZE=2", "QUORUM_SIZE=2\nQUORUM_SIZE=2"), "configuration-unreadable", ""},
		{"rpm's array", func(h *aHost) { h.config = array(h) }, "", ""},
		{"an array that nobody reads", func(h *aHost) { h.config = strings.Replace(array(h), "/var/lib/aurora/backups", "/srv/backups", 1) }, "configuration-not-read", ""},
		{"a unit to which nobody gave flags", func(h *aHost) {
			h.config = "[Service]\nExecStart=/usr/bin/aurora-scheduler-startup\n"
		}, "configuration-unreadable", ""},
		{"a script that takes flags from elsewhere", func(h *aHost) { h.config = array(h) + "exec aurora-scheduler \"${AURORA_FLAGS[@]}\" $MORE\n" }, "", ""},
		{"such a script, and nothing runs", func(h *aHost) {
			h.config = array(h) + "exec aurora-scheduler \"${AURORA_FLAGS[@]}\" $MORE\n"
			h.facts.Processes = nil
		}, "configuration-unreadable", "scheduler-down"},
		{"a flag of the disabled state from elsewhere", func(h *aHost) {
			h.facts.Processes[0].Argv = append(h.facts.Processes[0].Argv, "-max_registration_delay=1mins")
		}, "configuration-not-read", ""},
		{"an empty file", func(h *aHost) { h.config = "" }, "configuration-unreadable", ""},
		{"a flag that nobody sets", func(h *aHost) {
			config("ZK_ENDPOINTS=10.0.0.1:2181\n", "")(h)
			runs("-zk_endpoints=10.0.0.1:2181", "")(h)
		}, "flag-missing", ""},
		{"a flag given twice", func(h *aHost) {
			h.facts.Processes[0].Argv = append(h.facts.Processes[0].Argv, "-http_port=9")
		}, "cannot-tell", ""},
		{"another port", runs("-http_port=8081", "-http_port=8082"), "http-port-differs", ""},
		{"a quorum too small", runs("-native_log_quorum_size=2", "-native_log_quorum_size=1"), "quorum-flag-wrong", ""},
		{"a scheduler that wants Kerberos", func(h *aHost) {
			h.facts.Processes[0].Argv = append(h.facts.Processes[0].Argv, "-http_authentication_mechanism=NEGOTIATE")
		}, "scheduler-authentication", ""},
		{"a scheduler that wants a user", func(h *aHost) {
			h.facts.Processes[0].Argv = append(h.facts.Processes[0].Argv, "-http_authentication_mechanism=BASIC")
		}, "scheduler-authentication", ""},
		{"a file that nobody reads", runs("-mesos_master_address=zk://10.0.0.1:2181/mesos", "-mesos_master_address=zk://10.0.0.9:2181/mesos"), "configuration-not-read", ""},
		{"ZooKeeper below a path", func(h *aHost) {
			h.facts.Processes[0].Argv = append(h.facts.Processes[0].Argv, "-zk_chroot_path=/prod")
		}, "zookeeper-chroot", ""},
		{"a quorum too large", runs("-native_log_quorum_size=2", "-native_log_quorum_size=3"), "quorum-flag-wrong", ""},
		{"somebody at the fake address", func(h *aHost) { h.facts.Dials["127.0.0.1:2"] = "open" }, "fake-address-answers", ""},
		{"no word from the fake address", func(h *aHost) { h.facts.Dials["127.0.0.1:2"] = "i/o timeout" }, "fake-address-answers", ""},
		{"no folder above the log", path(parent, func(p *probe.Path) { p.Dir, p.Exists = false, false }), "log-parent-missing", ""},
		{"no log", path(log, func(p *probe.Path) { *p = probe.Path{} }), "", "log-missing"},
		{"a log that is a file", path(log, func(p *probe.Path) { p.Dir = false }), "log-not-a-folder", ""},
		{"a log that is a link", path(log, func(p *probe.Path) { p.Link = "/mnt/db" }), "log-not-a-folder", ""},
		{"a log of root's", path(log, func(p *probe.Path) { p.UID = 0 }), "log-wrong-owner", ""},
		{"a log that cannot be looked at", path(log, func(p *probe.Path) { p.Error = "permission denied" }), "cannot-tell", ""},
		{"a sudoers file of another version", func(h *aHost) { h.old = true }, "access-missing", ""},
		{"a run folder of an account's", func(h *aHost) { h.seen = map[string]string{"/var/lib/aurorabot": "9 9 41ed"} }, "root-path-open", ""},
		{"a configuration folder that a group can write", func(h *aHost) { h.seen = map[string]string{"/etc/default": "0 9 41fd"} }, "root-path-open", ""},
		{"a configuration file of the account's", func(h *aHost) { h.seen = map[string]string{"/etc/default/aurora-scheduler": "9 9 81a4"} }, "", ""},
		{"a configuration that is the account's link", func(h *aHost) {
			h.seen, h.links = map[string]string{"/etc/default/aurora-scheduler": "9 9 a1ff"}, map[string]string{"/etc/default/aurora-scheduler": "/etc/shadow"}
		}, "root-path-open", ""},
		{"a configuration that is root's link", func(h *aHost) {
			h.seen, h.links = map[string]string{"/etc/default/aurora-scheduler": "0 0 a1ff"}, map[string]string{"/etc/default/aurora-scheduler": "../aurora/scheduler"}
		}, "", ""},
		{"root's link to where an account can write", func(h *aHost) {
			h.seen, h.links = map[string]string{"/var/lib": "0 0 a1ff", "/data": "9 9 41ed"}, map[string]string{"/var/lib": "/data/lib"}
		}, "root-path-open", ""},
		{"a folder above the log that nobody may change", path(parent, func(p *probe.Path) { p.Writes = false }), "", ""},
		{"one of somebody else's", func(h *aHost) {
			path(parent, func(p *probe.Path) { p.Writes = false })(h)
			h.facts.Ways = map[string]rooted.Way{log: {Real: log, Open: "/var/lib/aurora belongs to user 7"}}
		}, "log-parent-foreign", ""},
		{"root's link on the way to the log", func(h *aHost) {
			h.facts.Ways = map[string]rooted.Way{log: {Real: "/data/aurora/db", Links: []string{"/var/lib/aurora -> /data/aurora"}}}
		}, "", ""},
		{"another one's link there", func(h *aHost) {
			h.facts.Ways = map[string]rooted.Way{log: {Loose: "/var/lib/aurora -> /data/aurora"}}
		}, "link-loose", ""},
		{"another one's link on the way to the backups", func(h *aHost) {
			h.facts.Ways = map[string]rooted.Way{"/var/lib/aurora/backups": {Loose: "/var/lib/aurora/backups -> /etc"}}
		}, "link-loose", ""},
		{"a byte too few for the copy", path("/var/lib/aurorabot", func(p *probe.Path) { p.Free-- }), "run-disk-full", ""},
		{"a folder of backups that cannot be listed", func(h *aHost) { h.list = "list backups: permission denied" }, "backup-folder-unreadable", ""},
		{"half an answer", func(h *aHost) { h.facts.Errors = []string{"read /proc: input/output error"} }, "cannot-tell", ""},
		{"a unit in an unknown state", func(h *aHost) { h.unit = strings.Replace(h.unit, "=active", "=refreshing", 1) }, "cannot-tell", ""},
		{"a scheduler that logs elsewhere", func(h *aHost) { h.silent = true }, "", "cannot-tell"},
		{"one that is down and logs nothing", func(h *aHost) { h.silent, h.facts.Processes = true, nil }, "", "scheduler-down"},
		{"a launcher and its scheduler", func(h *aHost) {
			child := h.facts.Processes[0]
			child.PID, child.Parent, child.Listens = 8, h.facts.Processes[0].PID, true
			h.facts.Processes = append(h.facts.Processes, child)
		}, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			h := goodHost()
			tt.spoil(h)
			stops, ids, words := h.look(t)
			want := strings.Fields(tt.stops + " " + tt.also)
			slices.Sort(want)
			slices.Sort(ids)
			// That nobody listens at the scheduler's own address is so on every host here.
			ids = slices.DeleteFunc(ids, func(id string) bool { return id == "scheduler-lingers" })
			if stops != (tt.stops != "") || !slices.Equal(ids, want) {
				t.Errorf("stops %v, found %v: %s; want %v", stops, ids, words, want)
			}
		})
	}
}
