package host_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	xssh "golang.org/x/crypto/ssh"

	"aurorabot/handlers/files"
	"aurorabot/lab/host"
	"aurorabot/lab/tools"
	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// The test binary is also the multi-call binary of the hosts that it starts.
func TestMain(m *testing.M) {
	if status, ok := tools.Run(os.Args); ok {
		os.Exit(status)
	}
	if len(os.Args) > 1 && strings.HasPrefix(filepath.Base(os.Args[0]), "aurorabot-") {
		exit, _ := files.Run(context.Background(), os.Args[1:], files.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now})
		os.Exit(exit)
	}
	if filepath.Base(os.Args[0]) == "aurora-scheduler" {
		schedule()
	}
	if os.Getenv(labOnly) != "" {
		if err := onlyLab(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// schedule plays a scheduler: it says its flags, and ends on SIGTERM or when told to.
func schedule() {
	fmt.Println("flags:", strings.Join(os.Args[1:], " "))
	fmt.Println("libprocess:", os.Getenv("LIBPROCESS_IP"), "user:", os.Getenv("USER"))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	for _, arg := range os.Args {
		if arg == "-exit=3" {
			os.Exit(3)
		}
	}
	<-ended
	os.Exit(0)
}

type lab struct {
	host.Machine
	t   *testing.T
	ssh *ssh.Host
}

// newKey returns a key file and its public half.
func newKey(t *testing.T) (string, xssh.PublicKey) {
	t.Helper()
	pub, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := xssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "id")
	if err := os.WriteFile(key, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := xssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	return key, public
}

// start starts an embedded host.
func start(t *testing.T) *lab {
	t.Helper()
	key, public := newKey(t)
	bin, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	h, err := host.Start(context.WithoutCancel(t.Context()), host.Options{
		Name: "s1", IP: "127.0.1.1", Root: filepath.Join(t.TempDir(), "root"), Bin: bin, Links: []string{"aurora-scheduler"},
		Users: []string{"dr"}, Accounts: []string{"aurora"}, AuthorizedKeys: []xssh.PublicKey{public},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		h.Close()
		if left := h.Processes(); len(left) > 0 {
			t.Errorf("processes left behind: %v", left)
		}
	})
	return reach(t, h, key, h.Path("/var/lib/aurorabot"))
}

// reach connects to a host as its account dr.
func reach(t *testing.T, m host.Machine, key, runDir string) *lab {
	t.Helper()
	known := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(known, []byte(m.KnownHosts()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := ssh.New(ssh.Config{
		Name: m.Name(), Address: m.Address(), User: "dr", KeyFiles: []string{key}, KnownHosts: []string{known},
		RunDir: runDir, Now: time.Now,
	})
	t.Cleanup(func() { c.Close() })
	return &lab{m, t, c}
}

// run runs a command on the host as root and returns its output and exit status.
func (l *lab) run(argv ...string) (string, int) {
	l.t.Helper()
	out, err := l.ssh.Run(l.t.Context(), runner.Command{Argv: argv, User: "root"})
	if err != nil {
		l.t.Fatalf("%q: %v", argv, err)
	}
	return string(out.Stdout) + string(out.Stderr), out.Exit
}

func (l *lab) want(text string, exit int, argv ...string) string {
	l.t.Helper()
	got, status := l.run(argv...)
	if status != exit || !strings.Contains(got, text) {
		l.t.Errorf("%q: exit %d, want %d; output %q, want %q in it", argv, status, exit, got, text)
	}
	return got
}

// until waits for a state that a process brings about.
func (l *lab) until(text string, argv ...string) string {
	l.t.Helper()
	got := ""
	for range 200 {
		if got, _ = l.run(argv...); strings.Contains(got, text) {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	l.t.Fatalf("%q: last output %q, want %q in it", argv, got, text)
	return ""
}

// The unit of a scheduler goes through the states that a recovery asks about.
func TestSchedulerUnit(t *testing.T) {
	l := start(t)
	if err := l.InstallScheduler(host.Scheduler{Cluster: "devcluster", HTTPPort: 8081, Quorum: 2, ZK: "127.0.0.1:2181", LibprocessIP: "127.0.1.1", ExtraArgs: "-v=1 -w=2"}); err != nil {
		t.Fatal(err)
	}
	l.want("inactive\n", 3, "systemctl", "is-active", "aurora-scheduler")
	l.want("enabled\n", 0, "systemctl", "is-enabled", "aurora-scheduler")
	l.want("", 0, "systemctl", "start", "aurora-scheduler")
	l.want("active\n", 0, "systemctl", "is-active", "aurora-scheduler")
	shown := l.want("MainPID=", 0, "systemctl", "show", "-p", "SubState,MainPID,NRestarts,ExecMainStartTimestamp", "aurora-scheduler")
	if !strings.Contains(shown, "SubState=running\n") || !strings.Contains(shown, "NRestarts=0\n") {
		t.Errorf("show: %s", shown)
	}
	log := l.until("libprocess:", "journalctl", "-u", "aurora-scheduler", "-o", "cat", "--no-pager")
	for _, want := range []string{
		"-mesos_master_address=zk://127.0.0.1:2181/mesos", "-native_log_file_path=" + l.Path("/var/lib/aurora/scheduler/db"), "-v=1 -w=2",
		"libprocess: 127.0.1.1 user: aurora", "Started aurora-scheduler.service - Aurora Scheduler.",
	} {
		if !strings.Contains(l.until(want, "journalctl", "-u", "aurora-scheduler", "-o", "cat"), want) {
			t.Errorf("log lacks %q:\n%s", want, log)
		}
	}
	pid := strings.TrimSpace(l.want("", 0, "systemctl", "show", "-p", "MainPID", "--value", "aurora-scheduler"))
	l.want("", 0, "kill", "-KILL", pid)
	l.until("NRestarts=1", "systemctl", "show", "-p", "NRestarts", "aurora-scheduler")
	l.until("active\n", "systemctl", "is-active", "aurora-scheduler")
	if now := strings.TrimSpace(l.want("", 0, "systemctl", "show", "-p", "MainPID", "--value", "aurora-scheduler")); now == pid {
		t.Errorf("the main process is still %s", pid)
	}
	l.want("", 0, "systemctl", "stop", "aurora-scheduler")
	l.want("inactive\n", 3, "systemctl", "is-active", "aurora-scheduler")
	l.want("ActiveState=inactive\n", 0, "systemctl", "show", "-p", "ActiveState", "aurora-scheduler")
	l.want("Deactivated successfully.", 0, "journalctl", "-u", "aurora-scheduler", "-o", "short-iso-precise")
}

// A drop-in takes effect after daemon-reload, and Restart=no keeps a dead service dead.
func TestDropInAndRestart(t *testing.T) {
	l := start(t)
	if err := l.InstallScheduler(host.Scheduler{}); err != nil {
		t.Fatal(err)
	}
	l.want("", 0, "systemctl", "start", "aurora-scheduler")
	l.want("", 0, "mkdir", "-p", l.Path("/run/systemd/system/aurora-scheduler.service.d"))
	if err := os.WriteFile(l.Path("/run/systemd/system/aurora-scheduler.service.d/50-dr.conf"), []byte("[Service]\nRestart=no\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	// systemd does not see folders that are new since it last looked.
	l.want("Restart=always\nNeedDaemonReload=no\n", 0, "systemctl", "show", "-p", "NeedDaemonReload,Restart", "aurora-scheduler")
	l.want("", 0, "systemctl", "daemon-reload")
	l.want("Restart=no\nNeedDaemonReload=no\n", 0, "systemctl", "show", "-p", "NeedDaemonReload,Restart", "aurora-scheduler")
	if err := os.WriteFile(l.Path("/run/systemd/system/aurora-scheduler.service.d/60-more.conf"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l.want("Restart=no\nNeedDaemonReload=yes\n", 0, "systemctl", "show", "-p", "NeedDaemonReload,Restart", "aurora-scheduler")
	l.want("50-dr.conf\n[Service]\nRestart=no\n", 0, "systemctl", "cat", "aurora-scheduler")
	pid := strings.TrimSpace(l.want("", 0, "systemctl", "show", "-p", "MainPID", "--value", "aurora-scheduler"))
	l.want("", 0, "kill", "-KILL", pid)
	l.until("failed\n", "systemctl", "is-active", "aurora-scheduler")
	l.want("Result=signal\n", 0, "systemctl", "show", "-p", "Result,ActiveState", "aurora-scheduler")
}

// What systemctl says of units that are not there, and to those who are not root.
func TestSystemctlRefuses(t *testing.T) {
	l := start(t)
	l.want("Failed to start nope.service: Unit nope.service not found.\n", 5, "systemctl", "start", "nope")
	l.want("Failed to stop nope.service: Unit nope.service not loaded.\n", 5, "systemctl", "stop", "nope")
	l.want("Unit nope.service could not be found.\n", 4, "systemctl", "status", "nope")
	l.want("LoadState=not-found\nActiveState=inactive\n", 0, "systemctl", "show", "-p", "ActiveState,LoadState", "nope")
	l.want("Failed to get unit file state for nope.service: No such file or directory\n", 1, "systemctl", "is-enabled", "nope")
	out, err := l.ssh.Run(t.Context(), runner.Command{Argv: []string{"systemctl", "stop", "aurora-scheduler"}})
	if err != nil || out.Exit != 1 || !strings.Contains(string(out.Stderr), "Interactive authentication required.") {
		t.Errorf("stop without sudo: %+v, %v", out, err)
	}
}

// disable survives a reboot, and without it the unit comes back.
func TestReboot(t *testing.T) {
	l := start(t)
	if err := l.InstallScheduler(host.Scheduler{}); err != nil {
		t.Fatal(err)
	}
	if err := l.Boot(); err != nil {
		t.Fatal(err)
	}
	l.want("active\n", 0, "systemctl", "is-active", "aurora-scheduler")
	l.want("", 0, "nft", "add", "table", "inet", "dr")
	before := strings.TrimSpace(l.want("", 0, "systemctl", "show", "-p", "MainPID", "--value", "aurora-scheduler"))
	if err := l.Reboot(); err != nil {
		t.Fatal(err)
	}
	l.want("active\n", 0, "systemctl", "is-active", "aurora-scheduler")
	if now := strings.TrimSpace(l.want("", 0, "systemctl", "show", "-p", "MainPID", "--value", "aurora-scheduler")); now == before {
		t.Error("the process survived the reboot")
	}
	if got := l.want("", 0, "nft", "list", "ruleset"); got != "" {
		t.Errorf("rules after the reboot: %q", got)
	}
	l.want("Removed", 0, "systemctl", "disable", "aurora-scheduler")
	if err := l.Reboot(); err != nil {
		t.Fatal(err)
	}
	l.want("inactive\n", 3, "systemctl", "is-active", "aurora-scheduler")
	l.want("Created symlink", 0, "systemctl", "enable", "--now", "aurora-scheduler")
	l.want("active\n", 0, "systemctl", "is-active", "aurora-scheduler")
}

// Each fault is seen as the real one, and is over when it is taken back.
func TestFaults(t *testing.T) {
	l := start(t)
	file := l.Path("/etc/default/aurora-scheduler")
	put := func(user string) error {
		return l.ssh.Put(t.Context(), runner.File{Path: file, Content: []byte("x"), Mode: 0o640, User: user})
	}
	for _, user := range []string{"", "aurora"} {
		if err := put(user); err != nil {
			t.Fatalf("put as %q: %v", user, err)
		}
		l.FullDisk(l.Path("/etc/default"))
		if err := put(user); err == nil || !strings.Contains(err.Error(), "o space left on device") {
			t.Errorf("put as %q on a full disk: %v", user, err)
		}
		l.FullDisk()
	}
	l.AskPassword(true)
	_, err := l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id"}, User: "root"})
	if err == nil || !strings.Contains(err.Error(), "sudo: a password is required") {
		t.Errorf("sudo that asks: %v", err)
	}
	l.AskPassword(false)
	l.want("uid=0(root)", 0, "id")

	l.Down()
	if c, err := net.Dial("tcp", l.Address()); err == nil {
		c.Close()
		t.Error("a host that is down answers")
	}
	if err := l.Up(); err != nil {
		t.Fatal(err)
	}
	l.want("uid=0(root)", 0, "id")
	if err := l.ChangeHostKey(); err != nil {
		t.Fatal(err)
	}
	_, err = l.ssh.Run(t.Context(), runner.Command{Argv: []string{"id"}})
	if err == nil || !strings.Contains(err.Error(), "another key than the known one") {
		t.Errorf("another host key: %v", err)
	}
}
