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
	"aurorabot/runner/ssh"
)

// everyServer are the servers that a test of something that sshd does in its
// own way runs against.
func everyServer(t *testing.T) map[string]ssh.Config {
	t.Helper()
	_, cfg := startHost(t)
	servers := map[string]ssh.Config{"in process": cfg}
	if cfg, missing := startSSHD(t); missing == "" {
		servers["openssh"] = cfg
	} else {
		t.Logf("SKIPPED with OpenSSH: %s", missing)
	}
	return servers
}

func ran(t *testing.T, file string) string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	return string(b)
}

// counting is a job that counts its runs in a file.
func counting(t *testing.T, then string) (runner.Command, string) {
	file := filepath.Join(t.TempDir(), "runs")
	return runner.Command{Argv: []string{"sh", "-c", fmt.Sprintf("echo run >>%s; %s", file, then)}, Job: "commit-1"}, file
}

// A connection that breaks under a job costs nothing: the verdict is read over the next one.
func TestJobOutlivesItsConnection(t *testing.T) {
	lab, cfg := startHost(t)
	h := open(t, cfg)
	cmd, file := counting(t, "sleep 1; echo out; exit 4")
	var wg sync.WaitGroup
	wg.Go(func() {
		out, err := h.Run(t.Context(), cmd)
		if err != nil || out.Exit != 4 || string(out.Stdout) != "out\n" {
			t.Errorf("got %+v, %v", out, err)
		}
	})
	eventually(t, "the job runs", func() bool { return ran(t, file) != "" })
	lab.Cut()
	wg.Wait()
	if got := ran(t, file); got != "run\n" {
		t.Errorf("runs: %q", got)
	}
}

// Two callers at once, and a caller whose bot was restarted: one run, one verdict.
func TestJobHasOneRun(t *testing.T) {
	for name, cfg := range everyServer(t) {
		t.Run(name, func(t *testing.T) {
			cmd, file := counting(t, "sleep 0.3; echo out")
			var wg sync.WaitGroup
			for range 6 {
				wg.Go(func() {
					out, err := open(t, cfg).Run(t.Context(), cmd)
					if err != nil || string(out.Stdout) != "out\n" {
						t.Errorf("got %+v, %v", out, err)
					}
				})
			}
			wg.Wait()
			if got := ran(t, file); got != "run\n" {
				t.Errorf("runs: %q", got)
			}
			cmd.Argv = []string{"echo", "another"}
			_, err := open(t, cfg).Run(t.Context(), cmd)
			if !errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "started as another command") {
				t.Errorf("another command under the name: %v", err)
			}
		})
	}
}

// A bot that stops leaves the job running, and says so.
func TestJobGoesOnWhenTheBotStops(t *testing.T) {
	_, cfg := startHost(t)
	cmd, file := counting(t, "sleep 1; echo out")
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	go func() {
		_, err := open(t, cfg).Run(ctx, cmd)
		failed <- err
	}()
	eventually(t, "the job runs", func() bool { return ran(t, file) != "" })
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "outcome unknown") {
		t.Errorf("got %v", err)
	}
	out, err := open(t, cfg).Run(t.Context(), cmd)
	if err != nil || string(out.Stdout) != "out\n" || ran(t, file) != "run\n" {
		t.Errorf("got %+v, %v after runs %q", out, err, ran(t, file))
	}
}

// Started, no verdict and no process: the outcome is unknown, for good.
func TestJobWithoutVerdict(t *testing.T) {
	lab, cfg := startHost(t)
	cmd, file := counting(t, "sleep 60")
	failed := make(chan error, 1)
	go func() {
		_, err := open(t, cfg).Run(t.Context(), cmd)
		failed <- err
	}()
	eventually(t, "the job runs", func() bool { return ran(t, file) != "" })
	if err := lab.Reboot(); err != nil {
		t.Fatal(err)
	}
	unknown := func(err error) {
		t.Helper()
		if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "outcome unknown: it was started, but left no verdict") {
			t.Errorf("got %v", err)
		}
	}
	unknown(<-failed)
	_, err := open(t, cfg).Run(t.Context(), cmd)
	unknown(err)
	if got := ran(t, file); got != "run\n" {
		t.Errorf("runs: %q", got)
	}
}

// A job has its limit on the host.
func TestJobLimit(t *testing.T) {
	lab, cfg := startHost(t)
	cmd, _ := counting(t, "sleep 60")
	cmd.Limit = time.Second
	_, err := open(t, cfg).Run(t.Context(), cmd)
	if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "not done within its limit; killed") {
		t.Errorf("got %v", err)
	}
	if left := processes(lab.Processes(), "sleep"); len(left) > 0 {
		t.Errorf("still there: %v", left)
	}
}

// A host that cannot be reached says nothing about a job: somebody may have
// started it before. One that has no room for it does.
func TestJobThatCannotStart(t *testing.T) {
	lab, cfg := startHost(t)
	cmd, file := counting(t, "true")
	lab.Down()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	_, err := open(t, cfg).Run(ctx, cmd)
	if err == nil || errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "outcome unknown") || ctx.Err() != nil {
		t.Errorf("host down: %v", err)
	}
	if err := lab.Up(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(lab.Root(), "var/lib/aurorabot"), nil, 0o600); err != nil {
		t.Fatal(err) // A file where the run directory should be.
	}
	if _, err := open(t, cfg).Run(t.Context(), cmd); !errors.Is(err, runner.ErrNotStarted) {
		t.Errorf("no run directory: %v", err)
	}
	if got := ran(t, file); got != "" {
		t.Errorf("runs: %q", got)
	}
}

// A person's abort ends a job with all its processes, and the error says that it
// is proved; one that nobody started is not started by it.
func TestAbortKillsTheJob(t *testing.T) {
	for name, cfg := range everyServer(t) {
		t.Run(name, func(t *testing.T) {
			cmd, file := counting(t, "sleep 7131 & setsid sleep 7132; echo never >>"+filepath.Join(t.TempDir(), "end"))
			ctx, abort := context.WithCancelCause(t.Context())
			failed := make(chan error, 1)
			go func() {
				_, err := open(t, cfg).Run(ctx, cmd)
				failed <- err
			}()
			sooner(t, "the job runs", func() bool { return ran(t, file) != "" })
			abort(runner.ErrAborted)
			err := <-failed
			if !errors.Is(err, runner.ErrAborted) || !errors.Is(err, runner.ErrOver) || !strings.HasSuffix(err.Error(), "killed") {
				t.Errorf("got %v; want it killed, for the abort", err)
			}
			for _, left := range []string{"7131", "7132"} {
				out, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", sleepers, "sh", left}})
				if err != nil || len(out.Stdout) > 0 {
					t.Errorf("sleep %s is there still: %s, %v", left, out.Stdout, err)
				}
			}
			if _, err := open(t, cfg).Run(t.Context(), runner.Command{Job: cmd.Job}); !errors.Is(err, runner.ErrOver) {
				t.Errorf("looked for afterwards: %v; want that it is over", err)
			}
			ended, abort := context.WithCancelCause(t.Context())
			abort(runner.ErrAborted)
			cmd.Job = "commit-2"
			if _, err := open(t, cfg).Run(ended, cmd); err == nil || ran(t, file) != "run\n" {
				t.Errorf("aborted before it began: %v after runs %q", err, ran(t, file))
			}
		})
	}
}
