package ssh_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/lab/proxy"
	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// proxied puts a proxy before the host of cfg.
func proxied(t *testing.T, cfg ssh.Config) (*proxy.Proxy, ssh.Config) {
	t.Helper()
	px, err := proxy.Listen("127.0.0.1", cfg.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { px.Close() })
	known, err := os.ReadFile(cfg.KnownHosts[0])
	if err != nil {
		t.Fatal(err)
	}
	_, near, _ := strings.Cut(px.Address(), ":")
	fields := strings.Fields(string(known))
	cfg.KnownHosts = []string{write(t, fmt.Sprintf("[127.0.0.1]:%s %s\n", near, strings.Join(fields[1:], " ")))}
	cfg.Address = px.Address()
	return px, cfg
}

// sooner waits for something that happens for certain, but on a busy machine late.
func sooner(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(2 * time.Minute); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// sleepers lists the processes that sleep for so many seconds.
const sleepers = `for p in /proc/[0-9]*/cmdline; do [ "$(tr '\0' ' ' <$p 2>/dev/null)" = "sleep $1 " ] && echo $p; done; true`

// What was on its way when the connection broke arrives when the network is back,
// and does nothing any more: the bot has long gone on without it.
func TestNothingBeginsLate(t *testing.T) {
	_, cfg := startHost(t)
	px, cfg := proxied(t, cfg)
	cfg.Keepalive, cfg.ConnectTimeout = 300*time.Millisecond, time.Second
	for _, job := range []string{"", "late-1"} {
		h := open(t, cfg)
		if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "late")
		px.After(800, proxy.Hang) // The session is open then, and the command on its way.
		_, err := h.Run(t.Context(), runner.Command{Argv: []string{"touch", file}, Job: job, Limit: 2 * time.Second})
		if err == nil || job == "" && !errors.Is(err, runner.ErrNotStarted) {
			t.Errorf("job %q, over a network that hangs: %v, want that it was not started", job, err)
		}
		px.Set(proxy.None) // What hung in it goes on to the host.
		for range 3 {      // By then it has arrived.
			if out, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "0.5"}}); err != nil || out.Exit != 0 {
				t.Fatalf("afterwards: %+v, %v", out, err)
			}
		}
		if _, err := os.Stat(file); err == nil {
			t.Errorf("job %q: the command was done after the connection was given up", job)
		}
	}
}

// A login shell that prints is named, with what it prints: else its words would be
// taken for those of programs.
func TestLoginShellThatPrints(t *testing.T) {
	lab, cfg := startHost(t)
	cfg.Owner = "bot1"
	lab.Greet("Welcome to s1\nOn call this week: see the wiki\n")
	_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"hostname"}})
	if !errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "the login shell of dr writes to standard output") || !strings.Contains(err.Error(), "Welcome to s1") {
		t.Errorf("%v", err)
	}
}

// A bot that was killed leaves commands at work. Its next process ends them
// before it does anything else, and leaves alone what others run there.
func TestSweepAfterTheBotWasKilled(t *testing.T) {
	for name, cfg := range everyServer(t) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			begun := func(what, lasts string) runner.Command {
				script := fmt.Sprintf("touch %s/%s; sleep %s; touch %[1]s/%[2]s-done", dir, what, lasts)
				return runner.Command{Argv: []string{"sh", "-c", script}, Limit: time.Hour, Job: map[bool]string{true: "job-1"}[what == "job"]}
			}
			there := func(what string) bool { _, err := os.Stat(filepath.Join(dir, what)); return err == nil }
			long := strconv.Itoa(5000 + os.Getpid()%4000) // No other process sleeps just so long.
			ours, others := cfg, cfg
			ours.Owner, others.Owner = "bot1", "bot2"
			dead, other := open(t, ours), open(t, others)
			var runs sync.WaitGroup
			for _, r := range []struct {
				by          *ssh.Host
				what, lasts string
			}{{dead, "command", long}, {dead, "job", "5"}, {other, "stranger", "5"}} {
				runs.Go(func() { _, _ = r.by.Run(t.Context(), begun(r.what, r.lasts)) }) // What becomes of it is asked of the host.
			}
			sooner(t, "all three run", func() bool { return there("command") && there("job") && there("stranger") })

			// The new process does not know that the former one still holds its connection.
			out, err := open(t, ours).Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", sleepers, "sh", long}})
			if err != nil || len(out.Stdout) > 0 {
				t.Errorf("of the former process there is still %s, %v", out.Stdout, err)
			}
			sooner(t, "the job and the other bot's command end as they wish", func() bool { return there("job-done") && there("stranger-done") })
			if there("command-done") {
				t.Error("the command of the former process went on to its end")
			}
			runs.Wait()
		})
	}
}
