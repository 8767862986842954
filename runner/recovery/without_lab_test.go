package recovery_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/recovery"
	"aurorabot/runner/ssh"
)

// play is a run on the lab with people who consent to everything, and a host
// that loses its power at a moment of the run.
type play struct {
	t    *testing.T
	c    *cluster.Cluster
	r    *recovery.Recovery
	e    *runner.Engine
	j    *runner.Memory
	dies func(runner.Event, *runner.State) string // The host that goes at this event, or "".

	off    bool // gone was off before the run, and is left out from its request on.
	gone   string
	at     runner.Event
	log    string // Hash of its log folder when it went.
	asked  int
	events []runner.Event
}

func newPlay(t *testing.T, damage string, dies func(runner.Event, *runner.State) string) *play {
	t.Helper()
	c, r := lab(t, damage)
	p := &play{t: t, c: c, r: r, j: &runner.Memory{}, dies: dies}
	begun := time.Now()
	p.e = &runner.Engine{Journal: p.j, Now: time.Now, Told: func(ev runner.Event) {
		t.Logf("%6.1fs %-15s %-30s %-4s %s", time.Since(begun).Seconds(), ev.Kind, ev.Step+ev.Gate, ev.Host, ev.Why)
		p.events = append(p.events, ev)
		if p.gone != "" {
			return
		}
		if name := p.dies(ev, runner.Fold(p.events)); name != "" {
			p.powerOff(name, ev)
		}
	}}
	return p
}

func (p *play) host(name string) *host.Host { return p.c.Host(name).(*host.Host) }

func (p *play) powerOff(name string, ev runner.Event) {
	p.gone, p.at = name, ev
	p.host(name).PowerOff()
	p.log = folder(p.t, p.c.LogDir(p.c.Host(name)))
	p.t.Logf("POWER OFF: %s", name)
}

// folder hashes a folder's files with their names.
func folder(t *testing.T, dir string) string {
	t.Helper()
	h := sha256.New()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		fmt.Fprintf(h, "%s %d\n%s", strings.TrimPrefix(path, dir), len(b), b)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Error(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func (p *play) say(events ...runner.Event) {
	p.t.Helper()
	for _, ev := range events {
		if _, err := p.e.Append(run, ev); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *play) state() *runner.State {
	events, err := p.j.Events(run)
	if err != nil {
		p.t.Fatal(err)
	}
	return runner.Fold(events)
}

// untilOwed plays the run to where only debts keep it open. A stop with the host
// gone is answered by going on without it; with undo, by undo first.
func (p *play) untilOwed(undo bool) *runner.State {
	p.t.Helper()
	recipe := p.r.Recipe()
	req := runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: p.c.Truth.Backup, Hosts: p.r.Cluster.Names(), Reinitialize: "auto", Reason: "a rehearsal"}
	data, err := json.Marshal(req)
	if err != nil {
		p.t.Fatal(err)
	}
	p.say(runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: data})
	if p.off {
		p.say(runner.Event{Kind: runner.HostAsked, Host: p.gone, Who: "T/UANN", Why: "its board burnt"})
	}
	for range 30 {
		s := p.state()
		switch s.Status {
		case runner.Gated:
			p.say(runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest})
		case runner.Stopped:
			switch {
			case undo && !s.Undo:
				p.say(runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"})
			case p.gone != "" && !s.IsLeft(p.gone) && len(s.Asked()) == 0:
				p.say(runner.Event{Kind: runner.HostAsked, Host: p.gone, Who: "T/UANN", Why: "its board burnt"}, runner.Event{Kind: runner.RunResumed})
			default:
				if p.asked++; p.asked > 3 {
					p.t.Fatalf("stopped again: %s", s.Why)
				}
				p.say(runner.Event{Kind: runner.RunResumed})
			}
		case runner.Open:
			_, err = p.e.Advance(p.t.Context(), recipe, run)
		case runner.Undoing:
			_, err = p.e.Undo(p.t.Context(), recipe, run)
		default:
			return s
		}
		if err != nil {
			p.t.Fatal(err)
		}
	}
	p.t.Fatal("the run does not end")
	return nil
}

// settle lets the host return, and does what it owes.
func (p *play) settle() *runner.State {
	p.t.Helper()
	if err := p.host(p.gone).PowerOn(); err != nil {
		p.t.Fatal(err)
	}
	p.say(runner.Event{Kind: runner.SettleRequested, Who: "T/UANN", Host: p.gone})
	s, err := p.e.Settle(p.t.Context(), p.r.Recipe(), run)
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

// oldReplica finds where the replica lies that the host had when it went.
func (p *play) oldReplica() string {
	p.t.Helper()
	found, err := filepath.Glob(p.c.LogDir(p.c.Host(p.gone)) + ".dr-" + run + ".returned-*")
	if err != nil || len(found) != 1 {
		p.t.Fatalf("folders moved aside on %s: %v, %v; want one", p.gone, found, err)
	}
	return found[0]
}

var everyPhase = flag.Bool("every-phase", false, "let a host vanish in every phase, not in three of them")

// A host loses its power in each phase. The run ends right without it and shows
// what it owes; when it is back that is done, and the replica that it had has
// not changed by a byte: it took part in nothing.
func TestHostVanishesOnLab(t *testing.T) {
	done := func(step, host string) func(runner.Event, *runner.State) string {
		return func(ev runner.Event, _ *runner.State) string {
			if ev.Kind == runner.StepDone && ev.Step == step {
				return host
			}
			return ""
		}
	}
	leads := func(ev runner.Event, s *runner.State) string {
		if ev.Kind != runner.GateOpened || ev.Gate != "commit" {
			return ""
		}
		for host := range s.Steps["restore/compare-staged"] {
			return host
		}
		return ""
	}
	for _, tt := range []struct {
		name, damage string
		dies         func(runner.Event, *runner.State) string
		owes         []string
	}{
		{"preparation", "missing:1", done("prepare/change-configuration", "s2"), []string{"flags", "supervision", "traffic"}},
		{"assess", "", done("assess/look-at-schedulers", "s3"), []string{"flags", "supervision", "traffic"}},
		{"reinitialize", "missing:2", done("reinitialize/move-log-aside", "s2"), []string{"flags", "supervision", "traffic"}},
		{"restore-before-stage", "flapping", done("restore/find-leader", "s1"), []string{"flags", "supervision"}},
		{"restore-staged-leader", "missing:3", leads, []string{"flags", "supervision"}},
		{"restore-committed-leader", "missing:3", func(ev runner.Event, s *runner.State) string {
			if ev.Kind == runner.CommitProved {
				return s.Commit.Host
			}
			return ""
		}, []string{"flags", "supervision"}},
		{"cleanup", "", func(ev runner.Event, _ *runner.State) string {
			if ev.Kind == runner.UndoStarted && ev.Step == "prepare/start-schedulers" {
				return "s2"
			}
			return ""
		}, []string{"flags", "supervision"}},
	} {
		if !*everyPhase && !slices.Contains([]string{"preparation", "restore-staged-leader", "cleanup"}, tt.name) {
			continue // Half a minute each: `make phases` has them.
		}
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			p := newPlay(t, tt.damage, tt.dies)
			s := p.untilOwed(false)
			if s.Status != runner.Owing || s.Outcome != "recovered" || p.gone == "" {
				t.Fatalf("%s %q without %q: %s; want recovered, and owing", s.Status, s.Outcome, p.gone, s.Why)
			}
			leader, err := p.c.WaitLeader(t.Context())
			if err != nil || leader.Name() == p.gone {
				t.Fatalf("leader %v, %v", leader, err)
			}
			debts := s.Debts()
			if len(debts) != 1 || debts[0].Host != p.gone || !slices.Contains(debts[0].Owes, "log folder aside") {
				t.Fatalf("debts %+v", debts)
			}
			for _, want := range tt.owes {
				if !slices.Contains(debts[0].Owes, want) {
					t.Errorf("it owes %v, want %q too", debts[0].Owes, want)
				}
			}
			s = p.settle()
			if s.Status != runner.Closed || s.Outcome != "recovered" {
				t.Fatalf("settling: %s %q: %s", s.Status, s.Outcome, s.Why)
			}
			// The damaged log can be that of the host that goes: then there is none to move.
			got := folder(t, filepath.Join(t.TempDir(), "no-such-folder"))
			if p.log != got {
				got = folder(t, p.oldReplica())
			}
			if got != p.log {
				t.Errorf("the replica that %s had has changed since it went: %.12s, was %.12s", p.gone, got, p.log)
			}
			p.right(p.gone)
		})
	}
}

// A host that is really off answers nobody, and refuses nobody either. A recovery
// that leaves it out from the beginning ends: what is known of it grows with
// pre-flight, and is compared by what was asked, not by its words.
func TestSilentHostIsLeftOutOnLab(t *testing.T) {
	t.Parallel()
	p := newPlay(t, "", func(runner.Event, *runner.State) string { return "" })
	if _, err := p.c.WaitLeader(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.off = true
	h := p.c.Host("s3")
	quick := ssh.New(ssh.Config{
		Name: "s3", Address: h.Address(), User: cluster.User, KeyFiles: []string{p.c.KeyFile}, KnownHosts: []string{p.c.KnownHosts},
		RunDir: h.Path("/var/lib/aurorabot-ssh"), Now: time.Now, ConnectTimeout: 2 * time.Second, // The test waits for it a dozen times.
	})
	t.Cleanup(func() { quick.Close() })
	p.r.Hosts["s3"] = quick
	p.powerOff("s3", runner.Event{})
	if err := p.host("s3").Silence(cluster.HTTPPort, cluster.LogPort); err != nil {
		t.Fatal(err)
	}
	s := p.untilOwed(false)
	if s.Status != runner.Owing || s.Outcome != "recovered" || p.asked > 0 {
		t.Fatalf("%s %q after %d stops: %s; want recovered without one, and owing", s.Status, s.Outcome, p.asked, s.Why)
	}
	if s = p.settle(); s.Status != runner.Closed || s.Outcome != "recovered" {
		t.Fatalf("settling: %s %q: %s", s.Status, s.Outcome, s.Why)
	}
	p.right("s3")
}

// right is how everything must be after a settlement.
func (p *play) right(returned string) {
	p.t.Helper()
	if changed, err := p.c.ChangedFiles(); err != nil || len(changed) > 0 {
		p.t.Errorf("files changed in /etc: %v, %v", changed, err)
	}
	for _, h := range p.c.Hosts {
		if rules, err := p.c.Ruleset(h); err != nil || strings.Contains(rules, "aurorabot") {
			p.t.Errorf("%s: rules left: %v\n%s", h.Name(), err, rules)
		}
		if on, err := p.c.Supervised(h); err != nil || !on {
			p.t.Errorf("%s: supervised %v, %v", h.Name(), on, err)
		}
	}
	text := p.c.SchedulerLog(p.c.Host(returned), 0)
	if !strings.Contains(text, "Starting catch-up from position") || !strings.Contains(text, "Updating replica status to VOTING") {
		p.t.Errorf("the scheduler of %s does not say that its replica caught up:\n%s", returned, p.c.SchedulerLog(p.c.Host(returned), 30))
	}
}
