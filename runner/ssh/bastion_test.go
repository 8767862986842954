package ssh_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/runnertest"
	"aurorabot/runner/ssh"
)

// bastion makes what is reached by cfg a bastion that is closed when the test ends.
func bastion(t *testing.T, name string, cfg ssh.Config) *ssh.Host {
	t.Helper()
	cfg.Name = name
	b := ssh.NewBastion(cfg)
	t.Cleanup(func() { b.Close() })
	return b
}

// behind starts a host behind a bastion, both in this process.
func behind(t *testing.T) (before, after *host.Host, cfg ssh.Config) {
	t.Helper()
	before, way := startHost(t)
	after, cfg = startHost(t)
	way.Keepalive, cfg.Keepalive = 300*time.Millisecond, 300*time.Millisecond
	cfg.Via = bastion(t, "b1", way)
	return before, after, cfg
}

// The adapter keeps the whole contract through two bastions, one behind the other.
func TestContractThroughBastions(t *testing.T) {
	_, first := startHost(t)
	_, second := startHost(t)
	second.Via = bastion(t, "b1", first)
	way := bastion(t, "b2", second)
	runnertest.TestHost(t, runnertest.Lab{Dir: t.TempDir()}, func(t *testing.T) runner.Host {
		_, cfg := startHost(t)
		cfg.Via = way
		return ssh.New(cfg)
	})
	if s := way.Stats(); s.Made != 1 || !s.Connected {
		t.Errorf("%+v: want one connection to a bastion for all that is behind it", s)
	}
}

// OpenSSH's own sshd as bastion, and as the host behind it, each with MaxSessions 2: a
// bastion's limit does not count what it forwards, and the host's is waited for.
func TestBastionWithFewSessions(t *testing.T) {
	way, missing := startSSHD(t, "MaxSessions 2")
	if missing != "" {
		t.Skipf("SKIPPED: %s", missing)
	}
	cfg, missing := startSSHD(t, "MaxSessions 2")
	if missing != "" {
		t.Skipf("SKIPPED: %s", missing)
	}
	cfg.Via = bastion(t, "b1", way)
	var all sync.WaitGroup
	for range 3 {
		h := open(t, cfg)
		for range 4 {
			all.Go(func() {
				out, err := h.Run(t.Context(), runner.Command{Argv: []string{"sh", "-c", "sleep 0.1; echo done"}})
				if err != nil || string(out.Stdout) != "done\n" {
					t.Errorf("%q, %v", out.Stdout, err)
				}
			})
		}
	}
	all.Wait()
	if s := cfg.Via.Stats(); s.Made != 1 {
		t.Errorf("%d connections to the bastion for three hosts, want 1", s.Made)
	}
}

// Each leap proves who it is: a bastion's key opens nothing for the host behind it, and
// a host that shows another key is refused by its own name.
func TestEachLeapProvesItself(t *testing.T) {
	for _, who := range []string{"bastion", "host"} {
		before, after, cfg := behind(t)
		changed := before
		if who == "host" {
			changed = after
		}
		if err := changed.ChangeHostKey(); err != nil {
			t.Fatal(err)
		}
		_, err := open(t, cfg).Run(t.Context(), runner.Command{Argv: []string{"true"}})
		var refusal *ssh.HostKeyError
		if !errors.As(err, &refusal) || refusal.Address != changed.Address() || !errors.Is(err, runner.ErrNotStarted) {
			t.Errorf("%s: %v, want a HostKeyError about %s", who, err, changed.Address())
		}
		if said := strings.Contains(err.Error(), "the bastion b1 cannot be used"); said != (who == "bastion") {
			t.Errorf("%s: %v", who, err)
		}
	}
}

// Who died is said: the bastion, or the host behind it; while nothing runs, and in the
// middle of a command; by closing, and by silence.
func TestWhoDied(t *testing.T) {
	const bastionDied, hostDied = "the bastion b1 does not answer any more", "the bastion b1 is there"
	for _, tt := range []struct {
		name string
		do   func(before, after *host.Host)
		want string
	}{
		{"bastion closes", func(before, _ *host.Host) { before.Down() }, bastionDied},
		{"bastion is silent", func(before, _ *host.Host) { before.Hang(true) }, bastionDied},
		{"host closes", func(_, after *host.Host) { after.Down() }, hostDied},
		{"host is silent", func(_, after *host.Host) { after.Hang(true) }, hostDied},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before, after, cfg := behind(t)
			h := open(t, cfg)
			began := make(chan error, 1)
			if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
				t.Fatal(err)
			}
			go func() {
				_, err := h.Run(t.Context(), runner.Command{Argv: []string{"sleep", "60"}})
				began <- err
			}()
			eventually(t, "the command runs", func() bool { return len(processes(after.Processes(), "sleep")) > 0 })
			tt.do(before, after)
			err := <-began
			if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), bastionDied) && strings.Contains(err.Error(), hostDied) {
				t.Errorf("%v, want %q", err, tt.want)
			}
			before.Hang(false)
			after.Hang(false)
		})
	}
	t.Run("not there", func(t *testing.T) {
		before, after, cfg := behind(t)
		after.Down()
		refused(t, cfg, "the bastion b1 is there, and does not reach the host", "refused")
		before.Down()
		refused(t, cfg, "the bastion b1 cannot be used, and the host behind it was not asked")
	})
}

// A bastion that comes back is used again, and nothing is run on it: its account needs
// no shell.
func TestBastionComesBack(t *testing.T) {
	before, _, cfg := behind(t)
	h := open(t, cfg)
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	before.MaxSessions(1)
	before.Cut()
	eventually(t, "the loss is seen", func() bool { return !h.Stats().Connected })
	if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
		t.Fatal(err)
	}
	if len(before.Processes()) > 0 {
		t.Errorf("%v run on the bastion", before.Processes())
	}
}
