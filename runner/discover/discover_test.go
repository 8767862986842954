package discover_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/discover"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/zk"
)

// nothing is the SHA-256 of no bytes: the helper of these tests.
const nothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// ensemble is a ZooKeeper that says what it was told.
type ensemble struct{ err error }

func (e ensemble) Candidates(context.Context, string) ([]zk.Candidate, error) {
	return []zk.Candidate{{Host: "two.example"}, {Host: "one.example"}, {Host: "two.example"}}, e.err
}

func (e ensemble) LogReplicas(context.Context, string) ([]zk.Replica, error) {
	return []zk.Replica{{Address: netip.MustParseAddrPort("127.0.0.1:8083")}}, e.err
}

func (e ensemble) MesosMaster(context.Context, string) ([]zk.Master, error) { return nil, e.err }

// stranger is a host with so many schedulers on it.
func stranger(t *testing.T, schedulers int, zkErr error) (discover.Stranger, *runnertest.Host) {
	t.Helper()
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "build.version 0.22.0\njvm_uptime_secs 5\n")
	}))
	t.Cleanup(site.Close)
	h := runnertest.NewHost(t, "one")
	facts := probe.Facts{Paths: map[string]probe.Path{"/etc/sysconfig/aurora": {Exists: true}}}
	for i := range schedulers {
		facts.Processes = append(facts.Processes, probe.Process{PID: 40 + i, UID: 7, Argv: []string{
			"java", "org.apache.aurora.scheduler.app.SchedulerMain", "-cluster_name=west", "-hostname=one.example", "-http_port=8081",
			"-zk_endpoints=127.0.0.1:2181", "-serverset_path=/aurora/scheduler", "-native_log_zk_group_path=/aurora/log", "-framework_authentication_file=/secret",
		}})
	}
	answer, err := json.Marshal(facts)
	if err != nil {
		t.Fatal(err)
	}
	for prefix, out := range map[string]string{"uname": "x86_64\n", "mkdir": "", "rm": "", "id": "aurora\n", "cat": "0::/system.slice/aurora-scheduler.service\n"} {
		h.On([]string{prefix}, func(runner.Command) runner.Output { return runnertest.Out(out) })
	}
	h.On([]string{"cat", "--", "/etc/sysconfig/aurora"}, func(runner.Command) runner.Output {
		return runnertest.Out("AURORA_FLAGS=(\n  -cluster_name='west'\n  -http_port=8081\n  -serverset_path=/aurora/scheduler\n)\n")
	})
	h.On([]string{"systemctl", "show"}, func(runner.Command) runner.Output {
		return runnertest.Out("FragmentPath=/lib/systemd/system/aurora-scheduler.service\nDropInPaths=/etc/systemd/system/aurora-scheduler.service.d/flags.conf\nExecStart={ path=/usr/bin/start-aurora ; argv[]=/usr/bin/start-aurora ; }\n")
	})
	h.On([]string{"/home/bot/discover-" + nothing[:12]}, func(runner.Command) runner.Output { return runnertest.Out(string(answer)) })
	h.On([]string{"sh"}, func(c runner.Command) runner.Output {
		if slices.Contains(c.Argv, "nft") {
			return runnertest.Exit(127, "")
		}
		return runnertest.Out("/usr/bin/" + c.Argv[len(c.Argv)-1] + "\n")
	})
	h.OnDial(func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", site.Listener.Addr().String())
	})
	return discover.Stranger{
		Host: h, Dir: "/home/bot",
		Helper: func(string) (func() (io.ReadCloser, error), string, error) {
			return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(nil)), nil }, nothing, nil
		},
		ZooKeeper: func(string, zk.Dialer) (node.ZooKeeper, error) { return ensemble{zkErr}, nil },
	}, h
}

// One host tells of its whole cluster, without sudo; the helper goes again, and
// a flag that may hold a secret is not told.
func TestDiscover(t *testing.T) {
	s, h := stranger(t, 1, nil)
	d, err := s.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if d.Cluster != "west" || d.Version != "0.22.0" || d.Hostname != "one.example" || d.HTTP != "127.0.0.1:8081" || d.User != "aurora" ||
		d.Unit != "aurora-scheduler" || d.ConfigFile != "/etc/sysconfig/aurora" || d.Firewall != "iptables" || d.MesosLog != "/usr/bin/mesos-log" {
		t.Errorf("%+v", d)
	}
	if !slices.Equal(d.Peers, []string{"one.example", "two.example"}) || len(d.Replicas) != 1 || len(d.Unknown) > 0 {
		t.Errorf("peers %v, replicas %v, unknown %v", d.Peers, d.Replicas, d.Unknown)
	}
	if text, _ := json.Marshal(d); strings.Contains(string(text), "/secret") {
		t.Errorf("a flag that was not asked for is told: %s", text)
	}
	removed := false
	for _, c := range h.Ran() {
		if c.User != "" {
			t.Errorf("%q was run through sudo", c.Argv)
		}
		removed = removed || c.Argv[0] == "rm"
	}
	if !removed {
		t.Error("the helper stays")
	}
}

// What cannot be found out is said; no scheduler, or two, is an error.
func TestDiscoverCannotTell(t *testing.T) {
	s, _ := stranger(t, 1, errors.New("session expired"))
	d, err := s.Discover(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(d.Unknown) != 1 || !strings.Contains(d.Unknown[0], "session expired") {
		t.Errorf("unknown %v", d.Unknown)
	}
	for _, n := range []int{0, 2} {
		s, _ := stranger(t, n, nil)
		if _, err := s.Discover(t.Context()); err == nil || !strings.Contains(err.Error(), "exactly one") {
			t.Errorf("%d schedulers: %v", n, err)
		}
	}
}

// The file that is told is the one whose flags the process has: not the package's, which
// nobody reads any more, but the drop-in that took its place, or the start script. Where
// none agrees it is said where it was looked for, and why that is not it.
func TestDiscoverTheFileThatIsRead(t *testing.T) {
	const other = "AURORA_FLAGS=(\n  -cluster_name='east'\n  -http_port=8081\n)\n"
	const dropIn, script = "/etc/systemd/system/aurora-scheduler.service.d/flags.conf", "/usr/bin/start-aurora"
	for _, tt := range []struct{ file, text, want, unknown string }{
		{dropIn, "[Service]\nExecStart=\nExecStart=/usr/bin/aurora-scheduler -cluster_name=west -http_port=8081\n", dropIn, ""},
		{script, "#!/bin/bash\nexec aurora-scheduler -cluster_name=west -http_port=8081 \"$@\"\n", script, ""},
		{script, "#!/bin/bash\nexec aurora-scheduler -cluster_name=north -http_port=8081\n", "/etc/sysconfig/aurora", `the file says "east", the process has "west"`},
	} {
		s, h := stranger(t, 1, nil)
		h.On([]string{"cat", "--"}, func(runner.Command) runner.Output { return runnertest.Exit(1, "no such file") })
		h.On([]string{"cat", "--", "/etc/sysconfig/aurora"}, func(runner.Command) runner.Output { return runnertest.Out(other) })
		h.On([]string{"cat", "--", tt.file}, func(runner.Command) runner.Output { return runnertest.Out(tt.text) })
		d, err := s.Discover(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if said := strings.Join(d.Unknown, "\n"); d.ConfigFile != tt.want || (said != "") != (tt.unknown != "") || !strings.Contains(said, tt.unknown) {
			t.Errorf("%s: %s, unknown %q; want %s, %q", tt.file, d.ConfigFile, said, tt.want, tt.unknown)
		}
	}
}
