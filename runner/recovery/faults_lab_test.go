package recovery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/lab/proxy"
	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// A cell is one fault at one step: what became of it.
type cell struct {
	fault, step string
	verdict     string // One of the verdicts of faultsdoc_test.go.
	says        string // The stop's first words.
}

// spoiled is a run during which a fault strikes one host, at one step after the
// other; people mend it and resume.
type spoiled struct {
	*play
	victim string                   // Of steps that have several hosts, or the bot.
	pick   func(step string) string // The fault that a step gets; "" for none.
	px     map[string]*proxy.Proxy  // By host.
	ahead  atomic.Int64             // How far the bot's clock is off.

	mu    sync.Mutex
	armed bool            // One fault at a time.
	had   map[string]bool // Steps that had theirs.
	last  cell
	on    string // The host that is struck.
	heard int64  // By its proxy, when it was struck.
	hit   *atomic.Bool
	cells []cell
	heal  func()
	stops int    // Since the last fault.
	sent  func() // Strikes when the commit leaves; nil: nothing does.
}

// behindProxies puts a proxy before each SSH server. Times are short, so that a
// silent host is noticed within seconds.
func (s *spoiled) behindProxies() {
	s.px = map[string]*proxy.Proxy{}
	for name := range s.r.Hosts {
		h := s.c.Host(name).(*host.Host)
		px, err := proxy.Listen("127.0.0.1", h.Address())
		must(s.t, err)
		s.t.Cleanup(func() { px.Close() })
		s.px[name] = px
		known := filepath.Join(s.t.TempDir(), "known_hosts")
		line := strings.Fields(h.KnownHosts())
		_, port, _ := strings.Cut(px.Address(), ":")
		must(s.t, os.WriteFile(known, []byte(fmt.Sprintf("[127.0.0.1]:%s %s\n", port, strings.Join(line[1:], " "))), 0o600))
		s.r.Hosts[name].Close()
		to := ssh.New(ssh.Config{
			Name: name, Address: px.Address(), User: cluster.User, KeyFiles: []string{s.c.KeyFile}, KnownHosts: []string{known},
			RunDir: h.Path("/var/lib/aurorabot-ssh"), Now: time.Now, Keepalive: 3 * time.Second, ConnectTimeout: 3 * time.Second,
		})
		s.t.Cleanup(func() { to.Close() })
		s.r.Hosts[name] = to
	}
}

// recipe is the recipe whose steps are struck when they ask or change a host.
func (s *spoiled) recipe() *runner.Recipe {
	r := s.r.Recipe()
	for p := range r.Phases {
		for i := range r.Phases[p].Steps {
			st := &r.Phases[p].Steps[i]
			if do := st.Do; do != nil {
				st.Do = func(ctx context.Context, t *runner.Task) (any, error) {
					defer s.strike(st, t.Step, t)()
					return do(ctx, t)
				}
			} else if check := st.Check; check != nil {
				st.Check = func(ctx context.Context, t *runner.Task) (runner.Answer, error) {
					defer s.strike(st, t.Step, t)()
					return check(ctx, t)
				}
			}
			if undo := st.Undo; undo != nil {
				st.Undo = func(ctx context.Context, t *runner.Task, left runner.Receipt) (runner.Answer, error) {
					defer s.strike(st, t.Step+", undone", t)()
					return undo(ctx, t, left)
				}
			}
		}
	}
	return r
}

// strike spoils the step's host, if it is its turn, and returns what notes that
// the step's function is done: what is asked later is not this step's.
func (s *spoiled) strike(st *runner.Step, step string, t *runner.Task) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	on := t.On
	switch {
	case s.had[step]:
		return func() {}
	case on == runner.Bot:
		on = s.victim
	case on != s.victim && len(st.On(t.State)) > 1 && st.ID != "restore/restart-lingering": // That has something to do on one host.
		return func() {}
	}
	fault := s.pick(step)
	if fault == "" {
		return func() {}
	}
	if s.armed { // The step before outlasted its fault.
		s.heal()
		s.cells = append(s.cells, s.last)
	}
	hit := &atomic.Bool{}
	s.armed, s.had[step], s.stops = true, true, 0
	s.on, s.heard, s.hit, s.heal, s.sent = on, s.px[on].Heard(), hit, func() {}, nil
	s.last = cell{fault: fault, step: step, verdict: notAsked}
	h := s.c.Host(on).(*host.Host)
	begin := func() {
		s.t.Logf("FAULT: %s at %s on %s", fault, step, on)
		s.heal = s.begin(fault, h, hit)
	}
	if st.Once && !strings.Contains(step, ",") {
		s.sent = begin // Right when the commit is on its way.
	} else {
		begin()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.armed && s.last.step == step && s.last.verdict == notAsked && s.wasAsked(fault) {
			s.last.verdict = wentOn
		}
	}
}

// wasAsked tells whether the struck host was asked something since, and, of faults
// that need something to strike, whether there was something.
func (s *spoiled) wasAsked(fault string) bool {
	switch fault {
	case "reset", "killed", "scheduler killed":
		return s.hit.Load()
	case "clock jump":
		return true
	}
	return s.px[s.on].Heard() > s.heard
}

// begin lets the fault begin and returns what heals it.
func (s *spoiled) begin(fault string, h *host.Host, hit *atomic.Bool) func() {
	px := s.px[h.Name()]
	switch fault {
	case "reboot":
		if err := h.Reboot(); err != nil {
			s.t.Error(err)
		}
		return func() {}
	case "disk full":
		if err := h.FullDisk(h.Path("/")); err != nil {
			s.t.Error(err)
		}
		return s.soon(func() {
			must(s.t, h.FullDisk())
			must(s.t, os.Remove(h.Path("/etc/lab-full"))) // The lab's own mark.
		})
	case "killed", "scheduler killed":
		// The kernel chooses what it ends when memory is short: what the bot has at
		// work there, or the scheduler. The first that is there is struck, once.
		return s.whileArmed(func() bool { return s.kill(h, fault == "scheduler killed") }, hit)
	case "clock jump":
		s.ahead.Store(int64(7 * time.Hour)) // More than the schedulers wait for Mesos.
		return func() { s.ahead.Store(0) }
	case "reset":
		from := s.heard
		return s.whileArmed(func() bool {
			if px.Heard() < from+512 {
				return false // Nothing is on its way yet.
			}
			px.Set(proxy.Reset)
			return true
		}, hit)
	}
	px.Set(proxy.Fault(fault))
	return s.soon(func() { px.Set(proxy.None) })
}

// whileArmed tries to strike until it succeeds or the step is over.
func (s *spoiled) whileArmed(try func() bool, hit *atomic.Bool) func() {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for end := time.Now().Add(lasts); time.Now().Before(end); {
			if try() {
				hit.Store(true)
				return
			}
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}()
	return sync.OnceFunc(func() { close(over); <-ended })
}

// lasts is how long a fault is there where nobody mends it before: a step that
// waits for something may outlast it.
const lasts = 12 * time.Second

// soon is a healing that happens once, by itself or when somebody mends.
func (s *spoiled) soon(heal func()) func() {
	once := sync.OnceFunc(heal)
	timer := time.AfterFunc(lasts, once)
	return func() { timer.Stop(); once() }
}

// kill ends what the bot runs on the host, or the scheduler, and tells whether
// there was something.
func (s *spoiled) kill(h *host.Host, scheduler bool) bool {
	found := false
	for _, pid := range h.Processes() {
		argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(argv) == 0 || strings.Contains(string(argv), "-native_log_file_path") != scheduler {
			continue
		}
		if p, err := os.FindProcess(pid); err == nil {
			found = p.Kill() == nil || found
		}
	}
	return found
}

// mend heals the fault that was struck, and keeps what became of it. It reports
// whether there was one.
func (s *spoiled) mend(stopped *runner.State) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.armed {
		return false
	}
	s.heal()
	s.armed = false
	if stopped != nil {
		s.last.verdict, s.last.says = stoppedThere, firstWords(stopped.Why)
	}
	s.cells = append(s.cells, s.last)
	return true
}

// embedded is where an embedded host has its files: no reader's machine has it.
var embedded = regexp.MustCompile(`/\S*/001/s[0-9]`)

func firstWords(why string) string {
	why = embedded.ReplaceAllString(why, "")
	why = strings.ReplaceAll(strings.Join(strings.Fields(why), " "), "|", "/")
	if len(why) > 160 {
		why = strings.ToValidUTF8(why[:160], "") + " …"
	}
	return why
}

// through plays the run to its end and returns the cells.
func (s *spoiled) through() []cell {
	s.t.Helper()
	recipe := s.recipe()
	data, err := json.Marshal(runner.Request{Recipe: "staged", Cluster: cluster.Name, Backup: s.c.Truth.Backup, Hosts: s.r.Cluster.Names(), Reinitialize: "always", Reason: "a rehearsal"})
	must(s.t, err)
	s.say(runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: data})
	for range 600 {
		st := s.state()
		switch st.Status {
		case runner.Closed:
			s.mend(nil)
			return s.cells
		case runner.Gated:
			s.mend(nil)
			s.say(runner.Event{Kind: runner.GatePassed, Gate: st.Gate, Digest: st.Gates[st.Gate].Digest})
		case runner.Stopped:
			if !s.mend(st) {
				if s.stops++; s.stops > 12 {
					s.t.Fatalf("it stops without a fault: %s", st.Why)
				}
			}
			s.say(runner.Event{Kind: runner.RunResumed})
		default:
			if _, err := s.e.Advance(s.t.Context(), recipe, run); err != nil {
				s.t.Fatal(err)
			}
		}
	}
	s.t.Fatal("the run does not end")
	return nil
}

func newSpoiled(t *testing.T, pick func(step string) string) *spoiled {
	t.Helper()
	c, r := lab(t, "")
	p := &play{t: t, c: c, r: r, j: &runner.Memory{}}
	s := &spoiled{play: p, victim: "s2", pick: pick, had: map[string]bool{}}
	begun := time.Now()
	now := func() time.Time { return time.Now().Add(time.Duration(s.ahead.Load())) }
	r.Now = now
	p.e = &runner.Engine{Journal: p.j, Now: now, Told: func(ev runner.Event) {
		t.Logf("%6.1fs %-15s %-30s %-4s %s", time.Since(begun).Seconds(), ev.Kind, ev.Step+ev.Gate, ev.Host, firstWords(ev.Why))
		if ev.Kind == runner.StepDone && ev.Step == "restore/find-leader" {
			s.takeBackupAway()
		}
		if ev.Kind == runner.CommitSent {
			s.mu.Lock()
			defer s.mu.Unlock()
			if s.sent != nil {
				s.sent()
				s.sent = nil
			}
		}
	}}
	r.ProofWait = 30 * time.Second
	s.behindProxies()
	return s
}

// takeBackupAway leaves the backup on other hosts than the leader, so that it has
// to be copied.
func (s *spoiled) takeBackupAway() {
	lead, ok := runner.Fact[struct {
		Host string `json:"host"`
	}]{Step: "restore/find-leader"}.Of(s.state(), runner.Bot)
	if !ok {
		s.t.Error("who leads is not in the journal")
		return
	}
	file := filepath.Join(s.c.BackupDir(s.c.Host(lead.Host)), s.c.Truth.Backup)
	if err := os.Remove(file); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Error(err)
	}
}

// ends checks that the run was recovered for real, with one commit for each
// approval at most, and nothing left.
func (s *spoiled) ends(cells []cell) {
	s.t.Helper()
	st := s.state()
	if st.Outcome != "recovered" {
		s.t.Errorf("%s %q: %s", st.Status, st.Outcome, st.Why)
	}
	events, err := s.j.Events(run)
	must(s.t, err)
	passed, sent := 0, 0
	for _, e := range events {
		switch {
		case e.Kind == runner.GatePassed && e.Gate == "commit":
			passed++
		case e.Kind == runner.CommitSent:
			sent++
		}
	}
	if n := s.c.Calls("commitRecovery"); n > sent || sent > passed {
		s.t.Errorf("the schedulers received %d commits, %d were sent, %d were approved", n, sent, passed)
	}
	if changed, err := s.c.ChangedFiles(); err != nil || len(changed) > 0 {
		s.t.Errorf("files changed in /etc: %v, %v", changed, err)
	}
	for _, h := range s.c.Hosts {
		s.nothingRuns(h.(*host.Host))
	}
	for _, c := range cells {
		s.t.Logf("%-10s %-34s %-8s %s", c.fault, c.step, c.verdict, c.says)
	}
}

// nothingRuns: a host has one scheduler, and no other process.
func (s *spoiled) nothingRuns(h *host.Host) {
	s.t.Helper()
	for end := time.Now().Add(15 * time.Second); ; {
		schedulers := 0
		var left []string
		for _, pid := range h.Processes() {
			argv, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
			switch {
			case err != nil || len(argv) == 0:
			case strings.Contains(string(argv), "-native_log_file_path"):
				schedulers++
			default:
				left = append(left, strings.ReplaceAll(string(argv), "\x00", " "))
			}
		}
		if len(left) == 0 && schedulers == 1 {
			return
		}
		if time.Now().After(end) {
			s.t.Errorf("%s: %d schedulers, want 1; processes left: %q", h.Name(), schedulers, left)
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// A sample of faults, each at another step of one run: a host that goes silent,
// answers nonsense, loses its power or its disk. The run stops with a clear
// message or goes on; it never says done of what is not, commits once, and
// leaves no process behind.
func TestFaultsOnLab(t *testing.T) {
	if *everyFault {
		t.Skip("every fault is played at every step instead")
	}
	t.Parallel()
	sample := map[string]string{
		"prepare/helper": "reset", "prepare/read-logs": "killed", "prepare/change-configuration": "disk full",
		"reinitialize/move-log-aside": "garbage", "reinitialize/initialize-log": "half-open", "restore/commit": "hang",
	}
	s := newSpoiled(t, func(step string) string { return sample[step] })
	cells := s.through()
	s.ends(cells)
	if len(cells) != len(sample) {
		t.Errorf("%d faults struck, want %d", len(cells), len(sample))
	}
	for _, c := range cells {
		if c.verdict == notAsked {
			t.Errorf("%s at %s struck nothing", c.fault, c.step)
		}
	}
	if !slices.ContainsFunc(cells, func(c cell) bool { return c.verdict == stoppedThere }) {
		t.Error("no fault stopped the run")
	}
}
