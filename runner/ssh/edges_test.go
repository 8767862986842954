package ssh_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// A handshake that hangs ends with the connect timeout, not with the TCP one.
func TestConnectTimeoutCoversTheHandshake(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	_, cfg := startHost(t)
	cfg.Address, cfg.ConnectTimeout = silent.Addr().String(), 200*time.Millisecond
	begin := time.Now()
	_, err = open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
	if !errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "the handshake is not done: no answer within 200ms") {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("took %v", took)
	}
}

// A host that is down is "connection refused" and nothing was started.
func TestHostDown(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	lab.Down()
	_, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}})
	if !errors.Is(err, runner.ErrNotStarted) || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v", err)
	}
}

// That nobody takes a connection is one answer, whichever of the two clocks that run
// notices it.
func TestNobodyTakesTheConnection(t *testing.T) {
	lab, cfg := startHost(t)
	lab.Down()
	if err := lab.Silence(); err != nil {
		t.Fatal(err)
	}
	cfg.ConnectTimeout = 50 * time.Millisecond
	h := open(t, cfg)
	for range 14 {
		_, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}})
		var dial *net.OpError
		if !errors.As(err, &dial) || dial.Op != "dial" || dial.Err.Error() != "no answer within 50ms" {
			t.Errorf("got %v", err)
		}
	}
}

// A connection that is silent is closed by the keepalive, and whoever waits wakes up.
func TestKeepaliveClosesASilentConnection(t *testing.T) {
	lab, cfg := startHost(t)
	cfg.Keepalive, cfg.ConnectTimeout = 100*time.Millisecond, 300*time.Millisecond
	h := open(t, cfg)
	failed := make(chan error, 1)
	go func() {
		_, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "60"}})
		failed <- err
	}()
	eventually(t, "the command runs", func() bool { return len(processes(lab.Processes(), "sleep")) == 1 })
	lab.Hang(true)
	select {
	case err := <-failed:
		if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "no answer to a keepalive") || !strings.Contains(err.Error(), "could not confirm") {
			t.Errorf("got %v", err)
		}
	case <-time.After(40 * time.Second):
		t.Fatal("still waiting")
	}
	lab.Hang(false)
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// Giving up a command ends all its processes, also those with sessions of their own.
func TestCancelKillsTheWholeTree(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := h.Run(ctx, runner.Command{Argv: []string{"sh", "-c", "sleep 61 & setsid sh -c 'trap \"\" TERM; sleep 62; sleep 63' & wait"}})
		failed <- err
	}()
	eventually(t, "two sleeps run", func() bool { return len(processes(lab.Processes(), "sleep")) == 2 })
	cancel()
	err := <-failed
	if !errors.Is(err, context.Canceled) || !ended(err) {
		t.Errorf("got %v", err)
	}
	if left := processes(lab.Processes(), "sleep"); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// A connection that breaks under a command: the command is looked for over a
// new one and ended.
func TestLostConnectionKills(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	failed := make(chan error, 1)
	go func() {
		_, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "60"}})
		failed <- err
	}()
	eventually(t, "the command runs", func() bool { return len(processes(lab.Processes(), "sleep")) == 1 })
	lab.Cut()
	err := <-failed
	if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "connection lost") || !ended(err) {
		t.Errorf("got %v", err)
	}
}

// A session that is given up does not take the other ones with it.
func TestCancelLeavesOtherCommandsAlone(t *testing.T) {
	for name, cfg := range everyServer(t) {
		t.Run(name, func(t *testing.T) {
			h := open(t, cfg)
			if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil { // Connected from here on.
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				if out, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "sleep 6; echo done"}}); err != nil || string(out.Stdout) != "done\n" {
					t.Errorf("the other command: %+v, %v", out, err)
				}
			})
			if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "60"}, Limit: 4 * time.Second}); err == nil || !ended(err) {
				t.Errorf("the one with the limit: %v", err)
			}
			wg.Wait()
		})
	}
}

// Four sessions at most, whoever calls.
func TestSessionsAreLimited(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "0.5"}}); err != nil {
				t.Error(err)
			}
		})
	}
	most := 0
	for done := time.After(700 * time.Millisecond); ; {
		most = max(most, len(processes(lab.Processes(), "sleep")))
		select {
		case <-done:
			wg.Wait()
			if most > 4 || most == 0 {
				t.Errorf("%d at once", most)
			}
			return
		default:
		}
	}
}

// sudo that asks for a password started nothing, and the error says so.
func TestSudoThatAsks(t *testing.T) {
	_, cfg := startHost(t)
	says := func(text string, status int) []string {
		script := filepath.Join(t.TempDir(), "sudo")
		if err := os.WriteFile(script, fmt.Appendf(nil, "#!/bin/sh\necho '%s' >&2\nexit %d\n", text, status), 0o755); err != nil {
			t.Fatal(err)
		}
		return []string{script, "-n"}
	}
	for _, tt := range []struct {
		says    string
		status  int
		refused bool
	}{
		{"sudo: a password is required", 1, true},
		{"Sorry, user dr is not allowed to execute /bin/true as root on s1.", 1, true},
		{"sudo: a password is required", 2, false}, // The command's own.
		{"cat: sudo: No such file", 1, false},
		{"sudo: unable to resolve host s1: Name or service not known", 1, false},
	} {
		cfg.Sudo = says(tt.says, tt.status)
		for _, job := range []string{"", "job-1"} {
			out, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}, User: "root", Job: job})
			if tt.refused {
				if !errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("job %q: %q: %+v, %v", job, tt.says, out, err)
				}
			} else if job == "" && (err != nil || out.Exit != tt.status) {
				t.Errorf("%q: %+v, %v", tt.says, out, err)
			}
		}
	}
}

// What cannot be a command is refused here, before anything is sent.
func TestRefusedCommands(t *testing.T) {
	_, cfg := startHost(t)
	cfg.Address = "127.0.0.1:1"
	h := open(t, cfg)
	for _, cmd := range []runner.Command{
		{}, {Argv: []string{""}}, {Argv: []string{"a\x00b"}}, {Argv: []string{"true"}, User: "-x"}, {Argv: []string{"true"}, Job: "a/b"},
		{Argv: []string{"true"}, Job: "../x"}, {Argv: []string{"true"}, Job: ".x"}, {Argv: []string{"true"}, Job: "a b"},
	} {
		if _, err := h.Run(t.Context(), cmd); !errors.Is(err, runner.ErrNotStarted) || errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%+v: %v", cmd, err)
		}
	}
	for _, f := range []runner.File{{Path: "relative"}, {Path: "/a/../b"}, {Path: "/"}, {Path: "/a", Mode: 0o40000}, {Path: "/a", User: "-o"}} {
		if err := h.Put(t.Context(), f); !errors.Is(err, runner.ErrNotStarted) || errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("%+v: %v", f, err)
		}
	}
}

// A secret is never readable by others, not under its temporary name either.
func TestPutIsPrivateFromTheStart(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	dir := lab.Path("/etc/default")
	before := lab.Path("/etc/default/secret")
	if err := os.WriteFile(before, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	stop, seen := make(chan struct{}), make(chan string, 1)
	go func() {
		defer close(seen)
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
				if info, e := os.Stat(path); err == nil && e == nil && !d.IsDir() && info.Mode().Perm()&0o077 != 0 {
					// A file in a closed folder is out of reach, too.
					if room, e := os.Stat(filepath.Dir(path)); e == nil && room.Mode().Perm()&0o077 != 0 {
						select {
						case seen <- fmt.Sprintf("%s has mode %v", path, info.Mode()):
						default:
						}
					}
				}
				return nil
			})
		}
	}()
	for i := range 20 {
		if err := h.Put(t.Context(), runner.File{Path: before, Content: bytes.Repeat([]byte{byte(i)}, 100_000), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	if what, open := <-seen; open {
		t.Error(what)
	}
}

// A canary in the key file is in no error.
func TestNoSecretInErrors(t *testing.T) {
	_, cfg := startHost(t)
	canary := "-----BEGIN OPENSSH PRIVATE KEY-----\nCANARYCANARYCANARY\n-----END OPENSSH PRIVATE KEY-----\n"
	for _, content := range []string{canary, "CANARYCANARYCANARY", canary[:50]} {
		cfg.KeyFiles = []string{write(t, content)}
		_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
		if err == nil || strings.Contains(err.Error(), "CANARY") {
			t.Errorf("error %v", err)
		}
	}
}

// processes keeps those of the IDs that run a program of this name.
func processes(ids []int, name string) []int {
	var found []int
	for _, id := range ids {
		comm, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(id), "comm"))
		if err == nil && strings.TrimSpace(string(comm)) == name {
			found = append(found, id)
		}
	}
	return found
}

// ended reports whether an error says that its command runs no more. On a busy
// machine the answer of the look that killed it can come too late: the next one
// finds it gone.
func ended(err error) bool {
	return strings.HasSuffix(err.Error(), "; killed") || strings.HasSuffix(err.Error(), "; it had ended before it could be killed")
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for range 3000 { // Half a minute: a busy machine starts a process when it can.
		if is() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// What monitoring is told of the connections: a host that is gone, that is
// away, that is back, and that our own end of a connection is no error.
func TestStats(t *testing.T) {
	lab, cfg := startHost(t)
	h := ssh.New(cfg)
	t.Cleanup(func() { h.Close() })
	ask := func() error {
		_, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}})
		return err
	}
	if got := h.Stats(); got != (ssh.Stats{}) {
		t.Errorf("before the first call: %+v", got)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	if got, want := h.Stats(), (ssh.Stats{Connected: true, Made: 1}); got != want {
		t.Errorf("after a command: %+v, want %+v", got, want)
	}
	h.Close()
	if got, want := h.Stats(), (ssh.Stats{Made: 1}); got != want {
		t.Errorf("after our own end: %+v, want %+v", got, want)
	}
	if err := ask(); err != nil {
		t.Fatal(err)
	}
	lab.Down()
	eventually(t, "the loss is noticed", func() bool { return h.Stats() == ssh.Stats{Made: 2, Lost: 1} })
	if ask() == nil {
		t.Error("a host that is down answers")
	}
	if got, want := h.Stats(), (ssh.Stats{Made: 2, Lost: 1, Refused: 1}); got != want {
		t.Errorf("after an attempt: %+v, want %+v", got, want)
	}
}
