package runnertest_test

import (
	"bytes"
	"context"
	"errors"
	"os/exec"
	"syscall"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/runnertest"
)

// real runs a command on this machine: the contract is about the fake's own
// part, which is everything around the command.
func real(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	c := exec.CommandContext(ctx, cmd.Argv[0], cmd.Argv[1:]...)
	var stdout, stderr bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(cmd.Stdin), &stdout, &stderr
	if cmd.User != "" {
		c.Env = append(c.Environ(), "USER="+cmd.User)
	}
	err := c.Run()
	if ctx.Err() != nil {
		return runner.Output{}, errors.Join(ctx.Err(), errors.New("killed"))
	}
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return runner.Output{}, err
	}
	out := runner.Output{Stdout: stdout.Bytes(), Stderr: stderr.Bytes(), Exit: c.ProcessState.ExitCode()}
	if out.Exit < 0 {
		out.Exit = 128 + int(c.ProcessState.Sys().(syscall.WaitStatus).Signal())
	}
	return out, nil
}

// The fake keeps the contract that the real adapters keep.
func TestFakeKeepsTheContract(t *testing.T) {
	runnertest.TestHost(t, runnertest.Lab{Dir: "/fake", User: "aurora", NoDial: true, NoFiles: true}, func(t *testing.T) runner.Host {
		h := runnertest.NewHost(t, "s1")
		for _, name := range []string{"sh", "cat", "printf", "sleep"} {
			h.Handle([]string{name}, real)
		}
		return h
	})
}

// A command nobody taught fails the test, and the longest prefix wins.
func TestFakeKnowsWhatItWasTaught(t *testing.T) {
	var seen recorder
	h := runnertest.NewHost(&seen, "s1")
	h.On([]string{"systemctl"}, func(runner.Command) runner.Output { return runnertest.Exit(1, "any") })
	h.On([]string{"systemctl", "stop", "aurora"}, func(runner.Command) runner.Output { return runnertest.Out("stopped") })
	for _, tt := range []struct {
		argv []string
		want int
	}{
		{[]string{"systemctl", "stop", "aurora"}, 0},
		{[]string{"systemctl", "stop", "other"}, 1},
	} {
		if out, err := h.Run(t.Context(), runner.Command{Argv: tt.argv}); err != nil || out.Exit != tt.want {
			t.Errorf("%q: %+v, %v; want exit %d", tt.argv, out, err, tt.want)
		}
	}
	if seen.failed {
		t.Error("a command that it was taught failed the test")
	}
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"reboot"}}); !errors.Is(err, runner.ErrNotStarted) || !seen.failed {
		t.Errorf("unknown command: %v, test failed %v", err, seen.failed)
	}
	if n := len(h.Ran()); n != 2 {
		t.Errorf("Ran has %d commands, want 2", n)
	}
}

// A host that is down starts nothing.
func TestFakeDown(t *testing.T) {
	h := runnertest.NewHost(t, "s1")
	why := errors.New("no route to host")
	h.Down(why)
	_, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}})
	if !errors.Is(err, runner.ErrNotStarted) || !errors.Is(err, why) {
		t.Errorf("run: %v", err)
	}
	if err := h.Put(t.Context(), runner.File{Path: "/x"}); !errors.Is(err, why) {
		t.Errorf("put: %v", err)
	}
	h.Down(nil)
	if err := h.Put(t.Context(), runner.File{Path: "/x"}); err != nil {
		t.Errorf("put after it came back: %v", err)
	}
}

type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Errorf(string, ...any) { r.failed = true }
