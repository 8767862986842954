package host_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	xssh "golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/runnertest"
)

// needReal skips a test where real hosts cannot be had without installing
// anything, and says so; with AURORABOT_REAL=1 it installs or fails instead.
func needReal(t *testing.T) {
	t.Helper()
	must := os.Getenv("AURORABOT_REAL") != ""
	err := host.Supported()
	if missing := host.Missing(); err == nil && len(missing) > 0 && !must {
		err = fmt.Errorf("not installed: %s; AURORABOT_REAL=1 installs it", strings.Join(missing, ", "))
	}
	if testing.Short() && !must {
		err = errors.New("-short")
	}
	switch {
	case err != nil && must:
		t.Fatalf("REAL HOSTS: FAILED (%v)", err)
	case err != nil:
		fmt.Printf("REAL HOSTS: SKIPPED (%v)\n", err)
		t.Skipf("REAL HOSTS: SKIPPED (%v)", err)
	}
	fmt.Println("REAL HOSTS: RUN")
}

// startReal starts a real host in a lab of its own.
func startReal(t *testing.T) (*lab, *host.Real) {
	t.Helper()
	l, err := host.StartReal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(traces(t, l.ID())) == 0 {
		t.Error("nothing is known of what the lab made: what it leaves behind would not be seen")
	}
	t.Cleanup(func() { // By now the test's context has ended, and the lab may be closing.
		if err := l.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
		if left := traces(t, l.ID()); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	})
	key, public := newKey(t)
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := l.Host(t.Context(), host.RealOptions{
		Name: "s1", Users: []string{"dr"}, Accounts: []string{"aurora"}, AuthorizedKeys: []xssh.PublicKey{public},
		Bin: bin, Links: []string{"aurora-scheduler"},
	})
	if err != nil {
		t.Fatal(err)
	}
	return reach(t, h, key, "/home/dr/aurorabot"), h
}

// A real host is one: systemd is PID 1, its rules and files are its own, and
// afterwards nothing of it is left on this machine.
func TestRealHost(t *testing.T) {
	needReal(t)
	t.Run("host", func(t *testing.T) {
		l, h := startReal(t)
		l.want("systemd\n", 0, "cat", "/proc/1/comm")
		l.want("s1\n", 0, "hostname")
		l.until("running", "systemctl", "is-system-running")
		l.want("", 0, "nft", "add", "table", "inet", "dr")
		l.want("table inet dr", 0, "nft", "list", "ruleset")
		if out, err := exec.Command("nft", "list", "ruleset").CombinedOutput(); err == nil && strings.Contains(string(out), "inet dr") {
			t.Error("the host's rule is seen on this machine")
		}
		l.want("", 0, "touch", "/etc/only-here")
		if _, err := os.Stat("/etc/only-here"); err == nil {
			t.Error("the host's file is seen on this machine")
		}
		if err := h.InstallScheduler(host.Scheduler{Cluster: "devcluster", Quorum: 2}); err != nil {
			t.Fatal(err)
		}
		l.want("", 0, "systemctl", "start", "aurora-scheduler")
		l.until("user: aurora", "journalctl", "-u", "aurora-scheduler", "-o", "cat", "--no-pager")
		if err := h.Reboot(); err != nil {
			t.Fatal(err)
		}
		l.ssh.Close()
		l.want("active\n", 0, "systemctl", "is-active", "aurora-scheduler")
		if got := l.want("", 0, "nft", "list", "ruleset"); got != "" {
			t.Errorf("rules after the reboot: %s", got)
		}
		l.want("", 0, "test", "-e", "/etc/only-here")

		if err := h.FullDisk("/"); err != nil {
			t.Fatal(err)
		}
		err := l.ssh.Put(t.Context(), runner.File{Path: "/etc/default/x", Content: make([]byte, 1<<20), Mode: 0o600, User: "root"})
		if err == nil {
			t.Error("put on a full disk is done")
		}
		if err := h.FullDisk(); err != nil {
			t.Fatal(err)
		}
		if err := l.ssh.Put(t.Context(), runner.File{Path: "/tmp/x", Content: []byte("x"), Mode: 0o600, User: "aurora"}); err != nil {
			t.Error(err)
		}
		l.want("600 aurora aurora\n", 0, "stat", "-c", "%a %U %G", "/tmp/x")
		// It is written as its owner, who may not write everywhere.
		if err := l.ssh.Put(t.Context(), runner.File{Path: "/etc/default/y", Content: []byte("y"), Mode: 0o600, User: "aurora"}); err == nil {
			t.Error("an account wrote where it may not")
		}

		// What only root may read is read through sudo.
		var shadow bytes.Buffer
		if n, err := l.ssh.Get(t.Context(), "/etc/shadow", "root", &shadow); err != nil || n != int64(shadow.Len()) || !strings.Contains(shadow.String(), "\ndr:*:") {
			t.Errorf("get /etc/shadow: %d bytes, %v", n, err)
		}
		if _, err := l.ssh.Get(t.Context(), "/root/nothing", "root", io.Discard); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get /root/nothing: %v, want fs.ErrNotExist", err)
		}

		if err := h.AskPassword(true); err != nil {
			t.Fatal(err)
		}
		_, err = l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id"}, User: "root"})
		if err == nil || !strings.Contains(err.Error(), "sudo: a password is required") {
			t.Errorf("sudo that asks: %v", err)
		}
		if err := h.AskPassword(false); err != nil {
			t.Fatal(err)
		}
		if err := h.ChangeHostKey(); err != nil {
			t.Fatal(err)
		}
		_, err = l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id"}})
		if err == nil || !strings.Contains(err.Error(), "another key than the known one") {
			t.Errorf("another host key: %v", err)
		}
	})
}

// traces lists what the lab of an ID has made on this machine. (Others may run
// beside it.)
func traces(t *testing.T, id string) (all []string) {
	t.Helper()
	for _, pattern := range []string{"/run/aurora-lab/" + id, "/sys/class/net/al" + id + "*"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, found...)
	}
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		if strings.Contains(line, "/aurora-lab/"+id+"/") {
			all = append(all, line)
		}
		if f := strings.Fields(line); len(f) > 2 && f[2] == "cgroup2" {
			if group := filepath.Join(f[1], "aurora-lab-"+id); exists(group) {
				all = append(all, group)
			}
		}
	}
	return all
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The adapter keeps its contract on a real host.
func TestRealHostKeepsTheContract(t *testing.T) {
	needReal(t)
	l, _ := startReal(t)
	runnertest.TestHost(t, runnertest.Lab{Dir: "/tmp", User: "aurora", NoDial: true}, func(*testing.T) runner.Host { return l.ssh })
}

// systemctlScript is what a program asks of systemctl; both answer it.
var systemctlScript = [][]string{
	{"systemctl", "is-active", "aurora-scheduler"},
	{"systemctl", "is-enabled", "aurora-scheduler"},
	{"systemctl", "show", "-p", "LoadState,ActiveState,SubState,Result,NRestarts,Restart,UnitFileState,ExecMainCode,ExecMainStatus,FragmentPath,KillMode,RestartUSec,TimeoutStopUSec,Type,User,Id,Names", "aurora-scheduler"},
	{"systemctl", "start", "aurora-scheduler"},
	{"systemctl", "is-active", "aurora-scheduler"},
	{"systemctl", "show", "--property=SubState", "--property=Result", "--property=ActiveState", "aurora-scheduler.service"},
	{"systemctl", "show", "-p", "SubState", "--value", "aurora-scheduler"},
	{"systemctl", "cat", "aurora-scheduler"},
	{"mkdir", "-p", "@/run/systemd/system/aurora-scheduler.service.d"},
	{"sh", "-c", `printf '[Service]\nRestart=no\n' >"$1"`, "sh", "@/run/systemd/system/aurora-scheduler.service.d/50-dr.conf"},
	{"systemctl", "show", "-p", "NeedDaemonReload,Restart", "aurora-scheduler"},
	{"systemctl", "daemon-reload"},
	{"systemctl", "show", "-p", "NeedDaemonReload,Restart,DropInPaths", "aurora-scheduler"},
	{"systemctl", "cat", "aurora-scheduler"},
	{"systemctl", "kill", "-s", "KILL", "aurora-scheduler"},
	{"sleep", "0.5"},
	{"systemctl", "is-active", "aurora-scheduler"},
	{"systemctl", "is-failed", "aurora-scheduler"},
	{"systemctl", "show", "-p", "Result,ExecMainCode,ExecMainStatus,ActiveState,SubState,MainPID", "aurora-scheduler"},
	{"systemctl", "reset-failed", "aurora-scheduler"},
	{"systemctl", "is-active", "aurora-scheduler"},
	{"systemctl", "start", "aurora-scheduler"},
	{"sleep", "0.5"},
	{"systemctl", "stop", "aurora-scheduler"},
	{"systemctl", "is-active", "aurora-scheduler"},
	{"systemctl", "show", "-p", "Result,ExecMainCode,ExecMainStatus,MainPID", "aurora-scheduler"},
	{"systemctl", "stop", "aurora-scheduler"},
	{"systemctl", "disable", "aurora-scheduler"},
	{"systemctl", "is-enabled", "aurora-scheduler"},
	{"systemctl", "disable", "aurora-scheduler"},
	{"systemctl", "enable", "aurora-scheduler"},
	{"systemctl", "enable", "aurora-scheduler"},
	{"systemctl", "mask", "--runtime", "aurora-scheduler"},
	{"systemctl", "unmask", "--runtime", "aurora-scheduler"},
	{"cp", "@/lib/systemd/system/aurora-scheduler.service", "@/etc/systemd/system/aurora-scheduler.service"},
	{"systemctl", "mask", "aurora-scheduler"},
	{"rm", "@/etc/systemd/system/aurora-scheduler.service"},
	{"systemctl", "mask", "aurora-scheduler"},
	{"systemctl", "start", "aurora-scheduler"},
	{"systemctl", "is-enabled", "aurora-scheduler"},
	{"systemctl", "show", "-p", "LoadState,UnitFileState", "aurora-scheduler"},
	{"systemctl", "unmask", "aurora-scheduler"},
	{"systemctl", "is-active", "nope"},
	{"systemctl", "is-enabled", "nope"},
	{"systemctl", "start", "nope"},
	{"systemctl", "stop", "nope"},
	{"systemctl", "restart", "nope"},
	{"systemctl", "disable", "nope"},
	{"systemctl", "enable", "nope"},
	{"systemctl", "mask", "nope"},
	{"systemctl", "unmask", "nope"},
	{"systemctl", "kill", "nope"},
	{"systemctl", "show", "-p", "LoadState,ActiveState,SubState,UnitFileState", "nope"},
	{"systemctl", "status", "nope"},
	{"systemctl", "cat", "nope"},
	{"systemctl", "frobnicate", "nope"},
	{"systemctl", "start"},
	{"journalctl", "-u", "nope", "--no-pager"},
	{"journalctl", "-u", "aurora-scheduler", "--no-pager", "-o", "cat"},
	{"systemctl", "status", "--no-pager", "-n", "0", "aurora-scheduler"},
	{"systemctl", "start", "aurora-scheduler"},
	{"sleep", "0.5"},
	{"systemctl", "status", "--no-pager", "-n", "0", "aurora-scheduler"},
}

// The stand-in for systemctl answers as the real one.
func TestSystemctlAsTheRealOne(t *testing.T) {
	needReal(t)
	answers := func(l *lab) []string {
		if err := l.InstallScheduler(host.Scheduler{Cluster: "devcluster"}); err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, argv := range systemctlScript {
			var filled []string
			for _, a := range argv {
				if rest, ok := strings.CutPrefix(a, "@"); ok {
					a = l.Prefix() + rest
				}
				filled = append(filled, a)
			}
			out, err := l.ssh.Run(t.Context(), runner.Command{Argv: filled, User: "root"})
			if err != nil {
				t.Fatal(err)
			}
			text := fmt.Sprintf("$ %s\n%s%s= %d\n", strings.Join(argv, " "), out.Stdout, out.Stderr, out.Exit)
			if l.Prefix() != "" {
				text = strings.ReplaceAll(text, l.Prefix(), "")
			}
			for _, r := range changing {
				text = r.ReplaceAllString(text, "$1…")
			}
			for _, r := range dropped {
				text = r.ReplaceAllString(text, "$1")
			}
			all = append(all, text)
		}
		return all
	}
	real, _ := startReal(t)
	want, got := answers(real), answers(start(t))
	for i := range want {
		if d := cmp.Diff(want[i], got[i]); d != "" {
			t.Errorf("(-real +stand-in)\n%s", d)
		}
	}
}

// changing is what differs from run to run; dropped depends on the machine.
var (
	changing = []*regexp.Regexp{
		regexp.MustCompile(`(pid |PID: |PID=|\[|main process |` + "`-" + `)\d+`), regexp.MustCompile(`(since ).*ago`),
	}
	dropped = []*regexp.Regexp{
		// What the state after an end looks like depends on when systemd last forgot the unit.
		regexp.MustCompile(`(inactive \(dead\)) since …`), regexp.MustCompile(`()   Main PID: … \(code.*\n`),
		// Threads are processes to a cgroup of version 1; processor time needs a controller.
		regexp.MustCompile(`().*Sending signal .*\n`), regexp.MustCompile(`() +(CPU|Tasks|Memory): .*\n`),
	}
)

// Real hosts reach the lab's real ZooKeeper.
func TestRealZooKeeper(t *testing.T) {
	needReal(t)
	l, err := host.StartReal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	key, public := newKey(t)
	h, err := l.Host(t.Context(), host.RealOptions{Name: "s1", Users: []string{"dr"}, AuthorizedKeys: []xssh.PublicKey{public}})
	if err != nil {
		t.Fatal(err)
	}
	address, err := l.ZooKeeper(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c, err := reach(t, h, key, "/home/dr/aurorabot").ssh.Dial(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("srvr")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 1000)
	if n, _ := c.Read(answer); !strings.Contains(string(answer[:n]), "Zookeeper version: 3.8") {
		t.Errorf("answer %q", answer[:n])
	}
}

// What a lab that was killed left behind is gone when the next one has started.
func TestKilledLabIsClearedUp(t *testing.T) {
	needReal(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	other := exec.Command(self)
	other.Env = append(os.Environ(), labOnly+"=1")
	out, err := other.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	other.Process.Kill()
	other.Wait()
	id, address, ok := strings.Cut(strings.TrimSpace(line), " ")
	if err != nil || !ok {
		t.Fatalf("the other lab said %q, %v", line, err)
	}
	if len(traces(t, id)) == 0 {
		t.Error("nothing is known of what the other lab made")
	}
	l, err := host.StartReal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if c, err := net.DialTimeout("tcp", address, time.Second); err == nil {
		c.Close()
		t.Error("its host still answers")
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	for _, id := range []string{id, l.ID()} {
		if left := traces(t, id); len(left) > 0 {
			t.Errorf("left behind: %q", left)
		}
	}
}

// labOnly makes the test binary start a lab and wait to be killed.
const labOnly = "AURORABOT_TEST_LAB_ONLY"

func onlyLab() error {
	l, err := host.StartReal(context.Background())
	if err != nil {
		return err
	}
	h, err := l.Host(context.Background(), host.RealOptions{Name: "s1"})
	if err != nil {
		return err
	}
	fmt.Println(l.ID(), h.Address())
	time.Sleep(time.Minute)
	return l.Close()
}
