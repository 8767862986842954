package recovery_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
)

// The world changes under an open run, while people decide on the commit: the
// firewall's lease lapses, a configuration manager puts the flags back, a
// colleague edits the file, a host reboots. Each is found before the commit is
// sent, said with host and reason, and stops the run; what was approved opens
// nothing afterwards, and the run still ends recovered, with one commit.
func TestHoldsOnLab(t *testing.T) {
	t.Parallel()
	c, r := lab(t, "")
	p := &play{t: t, c: c, r: r}
	begun := time.Now()
	original, err := os.ReadFile(c.Host("s2").Path("/etc/default/aurora-scheduler"))
	must(t, err)
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: c.Truth.Backup, Hosts: r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	s, j := walkTo(t, r, req, "commit")
	if s.Gate != "commit" {
		t.Fatalf("gate %q: %s", s.Gate, s.Why)
	}
	p.j = j
	p.e = &runner.Engine{Journal: j, Now: time.Now, Told: func(ev runner.Event) {
		t.Logf("%6.1fs %-15s %-30s %-4s %s", time.Since(begun).Seconds(), ev.Kind, ev.Step+ev.Gate, ev.Host, ev.Why)
	}}
	config := func(name string) string { return c.Host(name).Path("/etc/default/aurora-scheduler") }
	disabled, err := os.ReadFile(config("s3"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, step, host, says string
		spoil, mend            func()
	}{
		{"the lease of the block lapses", "prepare/block-traffic", "s1", "there is no table", func() {
			must(t, os.Remove(c.Host("s1").Path("/run/nftables.json")))
		}, nil},
		{"a configuration manager rewrites the flags", "prepare/change-configuration", "s2", "the original one", func() {
			must(t, os.WriteFile(config("s2"), original, 0o644))
		}, nil},
		{"a colleague edits the file", "prepare/change-configuration", "s3", "somebody edited it", func() {
			must(t, os.WriteFile(config("s3"), append(disabled, "# a colleague was here\n"...), 0o644))
		}, func() { must(t, os.WriteFile(config("s3"), disabled, 0o644)) }},
		{"a host reboots", "prepare/supervision-off", "s2", "started again", func() { must(t, c.Host("s2").(*host.Host).Reboot()) }, nil},
	} {
		gate := p.toGate("commit")
		tt.spoil()
		p.say(runner.Event{Kind: runner.GatePassed, Gate: "commit", Digest: gate.Gates["commit"].Digest})
		s, err := p.e.Advance(t.Context(), r.Recipe(), run)
		if err != nil || s.Status != runner.Stopped || s.Stop.Reason != runner.StopHold || s.Commit.Sent {
			t.Fatalf("%s: %s, %+v, commit sent %v: %s, %v; want it stopped before the commit", tt.name, s.Status, s.Stop, s.Commit.Sent, s.Why, err)
		}
		if s.Stop.Step != tt.step || !strings.Contains(s.Why, tt.host) || !strings.Contains(s.Why, tt.says) {
			t.Errorf("%s: it says of %s: %q; want %s, %s, %q", tt.name, s.Stop.Step, s.Why, tt.step, tt.host, tt.says)
		}
		if tt.mend != nil {
			p.say(runner.Event{Kind: runner.RunResumed})
			if s, err = p.e.Advance(t.Context(), r.Recipe(), run); err != nil || s.Status != runner.Stopped || s.Commit.Sent {
				t.Errorf("%s, and resumed before it was mended: %s, commit sent %v, %v", tt.name, s.Status, s.Commit.Sent, err)
			}
			tt.mend()
		}
	}
	s = p.toGate("")
	if s.Outcome != "recovered" {
		t.Fatalf("%s: %s", s.Status, s.Why)
	}
	if n := c.Calls("commitRecovery"); n != 1 {
		t.Errorf("the schedulers received %d commits", n)
	}
	if changed, err := c.ChangedFiles(); err != nil || len(changed) > 0 {
		t.Errorf("files changed in /etc: %v, %v", changed, err)
	}
}

// toGate goes on, over stops, until people decide at the gate with nothing
// approved; or to the end.
func (p *play) toGate(gate string) *runner.State {
	p.t.Helper()
	for range 16 {
		s := p.state()
		switch {
		case s.Status == runner.Closed, s.Status == runner.Gated && s.Gate == gate:
			return s
		case s.Status == runner.Gated:
			p.say(runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest})
		case s.Status == runner.Stopped:
			p.say(runner.Event{Kind: runner.RunResumed})
		default:
			if _, err := p.e.Advance(p.t.Context(), p.r.Recipe(), run); err != nil {
				p.t.Fatal(err)
			}
		}
	}
	p.t.Fatalf("gate %q is not reached: %s", gate, p.state().Why)
	return nil
}
