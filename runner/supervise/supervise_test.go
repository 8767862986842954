package supervise

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner"
)

// a reading is what one command of a recording answered.
func answer(text string, exit int) runner.Output {
	return runner.Output{Stdout: []byte(text), Exit: exit}
}

// What runit, supervisord and podman said to us, and what documents say of the
// others: each answer is read as it stands, and no other counts.
func TestStateOfAnswers(t *testing.T) {
	sv := func(o runner.Output) (State, error) { return svState([]string{"sv"}, o) }
	ctl := func(o runner.Output) (State, error) { return ctlState([]string{"supervisorctl"}, o, "demo") }
	lsb := func(o runner.Output) (State, error) { return lsbState([]string{"/etc/init.d/demo"}, o) }
	box := func(o runner.Output) (State, error) { return containerState([]string{"docker"}, o) }
	mon := func(o runner.Output) (State, error) { return monitState([]string{"monit"}, o, "demo") }
	ini := func(o runner.Output) (State, error) { return initctlState([]string{"initctl"}, o, "demo") }
	began := time.Date(2026, 12, 1, 14, 45, 0, 0, time.UTC)
	const monitText = "Monit 5.33.0 uptime: 1m\n\nProcess 'demo'\n  status                       %s\n  monitoring status            %s\n  monitoring mode              active\n  on reboot                    %s\n  pid                          77\n"
	for _, tt := range []struct {
		name string
		of   func(runner.Output) (State, error)
		said runner.Output
		want State
		fail string // Part of the error; "" none.
	}{
		{"runs", sv, answer("run: /etc/service/demo: (pid 6251) 5s\n", 0), State{Running: true, PID: 6251, Enabled: true, Restarts: true, Words: "run"}, ""},
		{"once", sv, answer("run: /etc/service/demo: (pid 6251) 5s, normally down, want down\n", 0), State{Running: true, PID: 6251, Words: "run, normally down, want down"}, ""},
		{"upped by somebody", sv, answer("run: /etc/service/demo: (pid 6251) 5s, normally down\n", 0), State{Running: true, PID: 6251, Restarts: true, Words: "run, normally down"}, ""},
		{"with a logger", sv, answer("run: demo: (pid 1) 5s; run: log: (pid 2) 5s\n", 0), State{Running: true, PID: 1, Enabled: true, Restarts: true, Words: "run"}, ""},
		{"on its way down", sv, answer("run: demo: (pid 1) 5s, want down, got TERM\n", 0), State{Running: true, Stopping: true, PID: 1, Enabled: true, Words: "run, want down, got TERM"}, ""},
		{"down and off", sv, answer("down: demo: 0s\n", 0), State{Words: "down"}, ""},
		{"down by hand", sv, answer("down: demo: 1s, normally up\n", 0), State{Enabled: true, Restarts: true, Words: "down, normally up"}, ""},
		{"about to be started", sv, answer("down: demo: 1s, normally up, want up\n", 0), State{Running: true, Enabled: true, Restarts: true, Words: "down, normally up, want up"}, ""},
		{"no service", sv, answer("fail: demo: unable to change to service directory: file does not exist\n", 1), State{}, "exit status 1"},
		{"not supervised", sv, answer("warning: demo: unable to open supervise/ok: file does not exist\n", 1), State{}, "exit status 1"},
		{"a new word", sv, answer("run: demo: (pid 1) 5s, want tea\n", 0), State{}, "want tea"},

		{"RUNNING", ctl, answer("demo                             RUNNING   pid 9697, uptime 0:00:01\n", 0), State{Running: true, PID: 9697, Words: "RUNNING"}, ""},
		{"STOPPED", ctl, answer("demo                             STOPPED   Dec 01 02:40 PM\n", 3), State{Words: "STOPPED"}, ""},
		{"EXITED", ctl, answer("demo                             EXITED    Dec 01 02:40 PM\n", 3), State{Words: "EXITED"}, ""},
		{"BACKOFF", ctl, answer("demo                             BACKOFF   Exited too quickly (process log may have details)\n", 3), State{Running: true, Words: "BACKOFF"}, ""},
		{"another program", ctl, answer("demo2                            STOPPED   Not started\n", 3), State{}, "demo2"},
		{"no such program", ctl, answer("demo: ERROR (no such process)\n", 4), State{}, "exit status 4"},
		{"no supervisord", ctl, answer("unix:///run/supervisor.sock no such file\n", 4), State{}, "exit status 4"},
		{"UNKNOWN", ctl, answer("demo                             UNKNOWN   \n", 3), State{}, "UNKNOWN"},

		{"script: runs", lsb, answer("", 0), State{Running: true, Words: "running"}, ""},
		{"script: dead with pid file", lsb, answer("", 1), State{Words: "dead, with a file left"}, ""},
		{"script: not running", lsb, answer("", 3), State{Words: "not running"}, ""},
		{"script: unknown", lsb, answer("", 4), State{}, "exit status 4"},
		{"script without status", lsb, answer("Usage: /etc/init.d/demo {start|stop}\n", 1), State{}, "must know"},

		{"docker: runs", box, answer(`{"Status":"running","Running":true,"Restarting":false,"Pid":4711,"ExitCode":0,"StartedAt":"2026-12-01T14:45:00Z"} {"Name":"on-failure","MaximumRetryCount":5}`, 0), State{Running: true, PID: 4711, Enabled: true, Restarts: true, Words: "running", Since: began, Policy: "on-failure:5"}, ""},
		{"docker: ended", box, answer(`{"Status":"exited","Running":false,"Pid":0,"ExitCode":143,"StartedAt":"2026-12-01T14:45:00Z"} {"Name":"no","MaximumRetryCount":0}`, 0), State{Words: "exited", Exit: 143, Since: began, Policy: "no"}, ""},
		{"docker: restarting", box, answer(`{"Status":"restarting","Running":true,"Restarting":true,"Pid":0,"ExitCode":1,"StartedAt":"2026-12-01T14:45:00Z"} {"Name":"always","MaximumRetryCount":0}`, 0), State{Running: true, Enabled: true, Restarts: true, Words: "restarting", Exit: 1, Since: began, Policy: "always"}, ""},
		{"docker: none", box, answer("\nError: No such container: demo\n", 1), State{}, "No such container"},
		{"docker: dead", box, answer(`{"Status":"dead"} {"Name":"no"}`, 0), State{Words: "dead", Since: time.Time{}, Policy: "no"}, "unknown state"},
		{"docker: half an answer", box, answer(`{"Status":"exited"}`, 0), State{}, "EOF"},

		{"monit: watched", mon, answer(fmt.Sprintf(monitText, "OK", "Monitored", "laststate"), 0), State{Running: true, PID: 77, Enabled: true, Restarts: true, Words: "OK"}, ""},
		{"monit: not watched", mon, answer(fmt.Sprintf(monitText, "Not monitored", "Not monitored", "laststate"), 0), State{PID: 77, Words: "Not monitored"}, ""},
		{"monit: starting", mon, answer(fmt.Sprintf(monitText, "Does not exist - start pending", "Monitored", "nostart"), 0), State{Running: true, PID: 77, Restarts: true, Words: "Does not exist - start pending"}, ""},
		{"monit: starts at boot", mon, answer(fmt.Sprintf(monitText, "OK", "Monitored", "start"), 0), State{Running: true, PID: 77, Restarts: true, Words: "OK"}, "onreboot laststate"},
		{"monit: a new word", mon, answer(fmt.Sprintf(monitText, "Sleeping", "Monitored", "nostart"), 0), State{PID: 77, Words: "Sleeping"}, "unknown status"},
		{"monit: no daemon", mon, answer("Monit: the monit daemon is not running\n", 1), State{}, "exit status 1"},

		{"upstart: runs", ini, answer("demo start/running, process 1234\n", 0), State{Running: true, PID: 1234, Words: "start/running"}, ""},
		{"upstart: stopped", ini, answer("demo stop/waiting\n", 0), State{Words: "stop/waiting"}, ""},
		{"upstart: on its way down", ini, answer("demo stop/killed, process 1234\n", 0), State{Running: true, Stopping: true, PID: 1234, Words: "stop/killed"}, ""},
		{"upstart: none", ini, answer("initctl: Unknown job: demo\n", 1), State{}, "Unknown job"},
		{"upstart: another", ini, answer("demo2 stop/waiting\n", 0), State{}, "demo2"},
		{"nothing at all", ini, answer("", 0), State{}, "exit status 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.of(tt.said)
			if (err != nil) != (tt.fail != "") || err != nil && !strings.Contains(err.Error(), tt.fail) {
				t.Fatalf("error %v, want one with %q", err, tt.fail)
			}
			if d := cmp.Diff(tt.want, got); tt.fail == "" && d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

// The recordings hold the same: every line of a status in them is one that is known.
func TestRecordings(t *testing.T) {
	for file, of := range map[string]func(string, int) error{
		"runit.txt": func(s string, exit int) error { _, err := svState(nil, answer(s, exit)); return err },
		"supervisord.txt": func(s string, exit int) error {
			_, err := ctlState(nil, answer(s, exit), "demo")
			return err
		},
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, part := range strings.Split(string(raw), "$ ")[1:] {
			command, rest, _ := strings.Cut(part, "\n")
			said, status, ok := strings.Cut("\n"+rest, "\nexit ")
			exit := 0
			if _, err := fmt.Sscan(status, &exit); !ok || err != nil {
				t.Fatalf("%s: %q", file, part)
			}
			if !strings.Contains(command, " status ") {
				continue
			}
			n++
			bad := strings.Contains(said, "fail:") || strings.Contains(said, "warning:") || exit == 4
			if err := of(strings.TrimPrefix(said, "\n"), exit); (err != nil) != bad {
				t.Errorf("%s: %s: %v", file, command, err)
			}
		}
		if n < 8 {
			t.Errorf("%s: %d answers read", file, n)
		}
	}
}

// A configuration that names another supervisor than what started the scheduler is
// found out (supervisor-differs); what is not certain is left alone.
func TestDiffers(t *testing.T) {
	const finding = "supervisor-differs"
	init := Ancestor{1, "systemd"}
	for _, tt := range []struct {
		kind  string
		unit  int
		above []Ancestor
		want  string
	}{
		{"systemd", 50, []Ancestor{init}, ""},
		{"systemd", 0, []Ancestor{{40, "runsv"}, {30, "runsvdir"}, init}, "kind: runit"},
		{"systemd", 0, []Ancestor{{49, "sh"}, {40, "supervisord"}, init}, "kind: supervisord"},
		{"systemd", 0, []Ancestor{{40, "containerd-shim"}, init}, "kind: docker"},
		{"systemd", 0, []Ancestor{{40, "conmon"}, init}, ""}, // The unit may hold podman's container.
		{"sysv", 0, []Ancestor{{40, "conmon"}, init}, "kind: podman"},
		{"monit", 0, []Ancestor{{40, "supervisord"}}, "kind: supervisord"},
		{"sysv", 0, []Ancestor{init}, ""},
		{"runit", 50, []Ancestor{{40, "runsv"}}, ""},
		{"runit", 49, []Ancestor{{49, "sh"}, {40, "runsv"}}, ""},
		{"runit", 61, []Ancestor{{40, "runsv"}}, "calls PID 61 its own"},
		{"runit", 61, []Ancestor{init}, "calls PID 61 its own"},
		{"docker", 0, []Ancestor{init}, ""}, // Down, says docker: that is another finding.
		{"commands", 0, []Ancestor{{40, "runsv"}}, ""},
	} {
		got := Differs(tt.kind, tt.unit, 50, tt.above)
		if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %s, PID %d, above %v: %q, want %q", finding, tt.kind, tt.unit, tt.above, got, tt.want)
		}
	}
}

// a watched host answers by what was done to it, and keeps what root was told.
type watched struct {
	runner.Host
	did    []string
	answer func(cmd runner.Command) runner.Output
}

func (w *watched) Run(_ context.Context, cmd runner.Command) (runner.Output, error) {
	if cmd.User == "root" {
		w.did = append(w.did, strings.Join(cmd.Argv, " "))
	}
	return w.answer(cmd), nil
}

// No adapter runs a command as root that it does not declare: sudo would refuse it
// in the middle of a recovery.
func TestGrantsCoverWhatIsRun(t *testing.T) {
	said := map[string]string{
		"sv status":            "run: /etc/service/demo: (pid 5) 5s\n",
		"supervisorctl status": "demo RUNNING   pid 9, uptime 0:00:01\n",
		"supervisorctl avail":  "demo                             in use    auto    999:999\n",
		"supervisorctl start":  "demo: started\n",
		"docker inspect":       `{"Status":"running","Running":true} {"Name":"%s"}`,
		"podman inspect":       `{"Status":"running","Running":true} {"Name":"%s"}`,
		"podman --version":     "podman version 5.4.0\n",
		"monit status":         "Process 'demo'\n  status OK\n  monitoring status Not monitored\n  on reboot laststate\n",
		"initctl status":       "demo start/running, process 5\n",
		"find -H":              "/etc/rc3.d/S03demo\n",
		"find /kept/run":       "/kept/run/rc3.d-S03demo\n",
		"cat --":               "start on runlevel [2345]\nrespawn\n",
	}
	for _, kind := range Kinds() {
		t.Run(kind, func(t *testing.T) {
			policy, there := "always", map[string]bool{"/etc/init/demo.conf": true}
			w := &watched{}
			w.answer = func(cmd runner.Command) runner.Output {
				switch last := cmd.Argv[len(cmd.Argv)-1]; {
				case cmd.Argv[0] == "test":
					if !there[last] {
						return runner.Output{Exit: 1}
					}
				case cmd.Argv[0] == "sh", cmd.Argv[0] == "touch":
					there[last] = true
				case cmd.Argv[0] == "cat" && strings.HasSuffix(last, ".override"):
					return answer(strings.Join(overrideLines(), "\n")+"\n", 0)
				case len(cmd.Argv) > 2 && strings.HasPrefix(cmd.Argv[2], "--restart="):
					policy = strings.TrimPrefix(cmd.Argv[2], "--restart=")
				case cmd.Argv[0] == "supervisorctl" && cmd.Argv[1] == "avail" && there["/etc/supervisor/conf.d/zz-aurorabot-demo.conf"]:
					return answer("demo in use    manual    999:999\n", 0)
				}
				if len(cmd.Argv) > 1 {
					if text := said[cmd.Argv[0]+" "+cmd.Argv[1]]; text != "" {
						return answer(strings.ReplaceAll(text, "%s", policy), 0)
					}
				}
				return runner.Output{}
			}
			a := Of(kind, Site{Host: w, Unit: "demo", Dir: Dir(kind), Kept: "/kept/run"})
			was, err := a.State(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if kind == "monit" {
				was.Restarts = true
				said["monit status"] = strings.ReplaceAll(said["monit status"], "Not monitored", "Monitored")
			}
			for name, act := range map[string]func() error{
				"Off": func() error { return a.Off(t.Context()) }, "Stop": func() error { return a.Stop(t.Context()) }, "Start": func() error { return a.Start(t.Context()) },
			} {
				if err := act(); err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
			if err := a.On(t.Context(), was); err != nil {
				t.Errorf("On: %v", err)
			}
			for _, did := range w.did {
				if strings.HasPrefix(did, "install -d -m 0700 /kept/run") {
					continue // The run's own folder, which every list has.
				}
				allowed := false
				for _, g := range a.Grants("/kept/[a-z]+") {
					allowed = allowed || regexp.MustCompile("^"+lit(g[0])+" "+strings.Join(g[1:], " ")+"$").MatchString(did)
				}
				if !allowed {
					t.Errorf("root ran %q, which no grant allows", did)
				}
			}
			if len(w.did) < 4 {
				t.Errorf("root did only %q", w.did)
			}
		})
	}
}
