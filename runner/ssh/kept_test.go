package ssh_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/kept"
)

// keepsHere makes the test's own program keep a session.
const keepsHere = "AURORABOT_TEST_KEEPS"

// keepInstead is the host's end, where the test's program was started for that.
func keepInstead() {
	if os.Getenv(keepsHere) == "" {
		return
	}
	if err := kept.Serve(context.Background(), os.Stdin, os.Stdout, time.Minute, kept.Exec); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// keeper puts a program that keeps a session on the host.
func keeper(t *testing.T) runner.Keeper {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "keeper")
	if err := os.WriteFile(program, fmt.Appendf(nil, "#!/bin/sh\nexec env %s=1 '%s' keeper-of-a-session \"$@\"\n", keepsHere, self), 0o700); err != nil {
		t.Fatal(err)
	}
	return runner.Keeper{Program: program, Words: []string{"host", "keep"}}
}

// parent has a command say which program it is run by.
var parent = []string{"sh", "-c", `tr '\0' ' ' </proc/$PPID/cmdline; cat; echo err >&2; exit 3`}

func TestKeptSession(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	by := keeper(t)
	for range 3 {
		out, err := h.Run(t.Context(), runner.Command{Argv: parent, Stdin: []byte("in"), Through: by})
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(string(out.Stdout), "keeper-of-a-session host keep in") || string(out.Stderr) != "err\n" || out.Exit != 3 {
			t.Errorf("%q %q %d: not run by the program that keeps the session", out.Stdout, out.Stderr, out.Exit)
		}
	}
	keepers := func() []int { return processes(lab.Processes(), filepath.Base(os.Args[0])) }
	if n := len(keepers()); n != 1 {
		t.Errorf("%d programs keep sessions, want 1", n)
	}

	// Its limit: what it began is ended, the session goes on.
	_, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "sleep 61 & sleep 62"}, Limit: time.Second, Through: by})
	if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "not done within 1s") || !ended(err) {
		t.Errorf("got %v", err)
	}
	if left := processes(lab.Processes(), "sleep"); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
	if n := len(keepers()); n != 1 {
		t.Errorf("%d programs keep sessions, want 1", n)
	}

	// Let go, it ends; the next command has it begun anew.
	h.LetGo(by.Program)
	eventually(t, "it is gone", func() bool { return len(keepers()) == 0 })
	if out, err := h.Run(t.Context(), runner.Command{Argv: parent, Through: by}); err != nil || !strings.Contains(string(out.Stdout), "keeper-of-a-session") {
		t.Errorf("%q, %v", out.Stdout, err)
	}

	// Another account's command goes through sudo, as without it.
	cfg.Sudo = []string{"/nowhere/sudo"}
	out, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}, User: "root", Through: by})
	if err != nil || out.Exit != 127 || !strings.Contains(string(out.Stderr), "/nowhere/sudo") {
		t.Errorf("%d %q, %v", out.Exit, out.Stderr, err)
	}

	h.Close()
	eventually(t, "all but that host's are gone with the connection", func() bool { return len(keepers()) == 1 })
}

// Where no session can be kept, or it ends, a command has one of its own.
func TestNoKeptSession(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	broken := filepath.Join(t.TempDir(), "talks")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\necho Welcome\ncat\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]runner.Keeper{
		"it is not there":         {Program: "/nowhere/keeper"},
		"another program answers": {Program: broken},
	} {
		t.Run(name, func(t *testing.T) {
			for range 2 {
				out, err := h.Run(t.Context(), runner.Command{Argv: parent, Through: by})
				if err != nil || out.Exit != 3 || strings.Contains(string(out.Stdout), "keeper-of-a-session") {
					t.Errorf("%d %q, %v", out.Exit, out.Stdout, err)
				}
			}
		})
	}
	t.Run("it dies under a command", func(t *testing.T) {
		by, marks := keeper(t), filepath.Join(t.TempDir(), "marks")
		type result struct {
			out runner.Output
			err error
		}
		done := make(chan result, 1)
		go func() {
			out, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "echo x >>'" + marks + "'; sleep 1; cat '" + marks + "'"}, Through: by})
			done <- result{out, err}
		}()
		eventually(t, "the command runs", func() bool { _, err := os.Stat(marks); return err == nil })
		for _, pid := range processes(lab.Processes(), filepath.Base(os.Args[0])) {
			p, err := os.FindProcess(pid)
			if err != nil {
				t.Fatal(err)
			}
			_ = p.Kill()
		}
		if r := <-done; r.err != nil || string(r.out.Stdout) != "x\nx\n" {
			t.Errorf("%q, %v: want it run again", r.out.Stdout, r.err)
		}
	})
	t.Run("the connection breaks under a command", func(t *testing.T) {
		by, marks := keeper(t), filepath.Join(t.TempDir(), "marks")
		done := make(chan error, 1)
		go func() {
			_, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "echo x >>'" + marks + "'; sleep 2; cat '" + marks + "'"}, Through: by})
			done <- err
		}()
		eventually(t, "the command runs", func() bool { _, err := os.Stat(marks); return err == nil })
		lab.Cut()
		if err := <-done; err != nil {
			t.Errorf("%v: want it run again over a new connection", err)
		}
	})
}

// An sshd that allows few sessions: what it refuses is waited for, the session that
// is kept for looks is given up, and whoever finds none is told why.
func TestFewSessions(t *testing.T) {
	lab, cfg := startHost(t)
	lab.MaxSessions(2)
	h := open(t, cfg)
	by := keeper(t)
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}, Limit: time.Minute, Through: by}); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range 12 {
		wg.Go(func() {
			cmd := runner.Command{Argv: []string{"sh", "-c", "sleep 0.2; echo done"}, Limit: time.Minute}
			if i%2 == 0 {
				cmd.Through = by
			}
			if out, err := h.Run(t.Context(), cmd); err != nil || string(out.Stdout) != "done\n" {
				t.Errorf("command %d: %q, %v", i, out.Stdout, err)
			}
		})
	}
	wg.Wait()
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "60"}, Limit: time.Second}); err == nil || errors.Is(err, runner.ErrNotStarted) || strings.Contains(err.Error(), "could not confirm") {
		t.Errorf("a command that is killed: %v", err)
	}
}
