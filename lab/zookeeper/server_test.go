package zookeeper

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A handClock stands still until it is advanced.
type handClock struct {
	mu    sync.Mutex
	now   time.Time
	ticks chan time.Time
}

func newHandClock() *handClock {
	return &handClock{now: time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), ticks: make(chan time.Time)}
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) Ticker(time.Duration) (<-chan time.Time, func()) { return c.ticks, func() {} }

// advance moves the clock and returns once the server has dealt with it: it
// takes the second tick only after the first.
func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	now := c.now
	c.mu.Unlock()
	c.ticks <- now
	c.ticks <- now
}

// A session lives until the tick after its timeout, and not a tick longer.
func TestSessionExpiresAtTheTickAfterItsTimeout(t *testing.T) {
	clock := newHandClock()
	s := start(t, Options{Clock: clock})
	c := dial(t, s.Addr(), 10*time.Second)
	if _, err := c.Create("/mine", nil, zk.FlagEphemeral, open); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		by   time.Duration
		want int
	}{{0, 1}, {10 * time.Second, 1}, {2*time.Second - 1, 1}, {1, 0}} {
		clock.advance(step.by)
		if got := len(s.Sessions()); got != step.want {
			t.Fatalf("after %v more: %d sessions, want %d", step.by, got, step.want)
		}
	}
	if got := s.Dump(); got != "" {
		t.Errorf("the ephemeral node outlived its session:\n%s", got)
	}
}

// A container goes when it has had children and has none left; one that is new
// stays.
func TestContainersAreReaped(t *testing.T) {
	clock := newHandClock()
	s := start(t, Options{Clock: clock, MaxTimeout: time.Hour})
	c := dial(t, s.Addr(), time.Hour)
	for _, path := range []string{"/new", "/used", "/inuse"} {
		if _, err := c.CreateContainer(path, nil, zk.FlagContainer, open); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/used/a", "/inuse/a"} {
		if _, err := c.Create(path, nil, 0, open); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Delete("/used/a", -1); err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		by   time.Duration
		want bool
	}{{containerInterval - 1, true}, {1, false}} {
		clock.advance(step.by)
		if got := strings.Contains(s.Dump(), "/used"); got != step.want {
			t.Errorf("after %v more: /used there = %v, want %v", step.by, got, step.want)
		}
	}
	if got := s.Dump(); !strings.Contains(got, "/new\n") || !strings.Contains(got, "/inuse/a\n") {
		t.Errorf("reaped too much; left:\n%s", got)
	}
}

func TestExpireSessionTellsTheClient(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr(), 10*time.Second)
	if _, err := c.Create("/mine", nil, zk.FlagEphemeral, open); err != nil {
		t.Fatal(err)
	}
	_, _, events, err := c.GetW("/mine")
	if err != nil {
		t.Fatal(err)
	}
	if !s.ExpireSession(c.SessionID()) {
		t.Fatal("no such session")
	}
	if ev := <-events; !errors.Is(ev.Err, zk.ErrSessionExpired) && ev.Type != zk.EventNodeDeleted {
		t.Errorf("event = %+v, want an expired session or the deletion", ev)
	}
	if got := s.Dump(); got != "" {
		t.Errorf("left after the expiry:\n%s", got)
	}
	if s.ExpireSession(1) {
		t.Error("a session that never was, was expired")
	}
}

// While paused the server answers nobody and expires nobody; afterwards the
// request under way is answered and sessions have their timeout anew.
func TestPauseHoldsAnswersAndExpiry(t *testing.T) {
	clock := newHandClock()
	s := start(t, Options{Clock: clock, MaxTimeout: time.Hour})
	c := dial(t, s.Addr(), 30*time.Second)
	s.Pause()
	s.Pause()
	answered := make(chan error, 1)
	go func() {
		_, err := c.Create("/late", nil, 0, open)
		answered <- err
	}()
	clock.advance(time.Hour)
	select {
	case err := <-answered:
		t.Fatalf("answered while paused: %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if len(s.Sessions()) != 1 {
		t.Fatal("expired while paused")
	}
	s.Resume()
	s.Resume()
	if err := <-answered; err != nil {
		t.Errorf("after the pause: %v", err)
	}
	clock.advance(time.Second)
	if len(s.Sessions()) != 1 {
		t.Error("expired right after the pause")
	}
}

func TestStallEndsByItself(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr(), 10*time.Second)
	begun := time.Now()
	s.Stall(100 * time.Millisecond)
	if _, _, err := c.Children("/"); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took < 100*time.Millisecond {
		t.Errorf("answered after %v, within the stall", took)
	}
}

func TestDisconnectKeepsSessions(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr(), 10*time.Second)
	before := c.SessionID()
	if _, err := c.Create("/mine", nil, zk.FlagEphemeral, open); err != nil {
		t.Fatal(err)
	}
	_, _, events, err := c.GetW("/mine")
	if err != nil {
		t.Fatal(err)
	}
	s.Disconnect()
	other := dial(t, s.Addr(), 10*time.Second)
	if _, err := other.Set("/mine", []byte("2"), -1); err != nil {
		t.Fatal(err)
	}
	if ev := <-events; ev.Type != zk.EventNodeDataChanged {
		t.Errorf("event = %+v", ev)
	}
	if c.SessionID() != before {
		t.Error("the client got another session")
	}
}

// After 2147483647 ZooKeeper's sequence goes on at -2147483648.
func TestSequenceOverflow(t *testing.T) {
	s := start(t, Options{})
	c := dial(t, s.Addr(), 10*time.Second)
	if _, err := c.Create("/q", nil, 0, open); err != nil {
		t.Fatal(err)
	}
	if err := s.SetSequence("/q", 2147483647); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/q/n-2147483647", "/q/n--2147483648", "/q/n--2147483647"} {
		if got, err := c.Create("/q/n-", nil, zk.FlagSequence, open); err != nil || got != want {
			t.Errorf("Create = %q, %v, want %q", got, err, want)
		}
	}
	if err := s.SetSequence("/missing", 1); err == nil {
		t.Error("set the sequence of a missing node")
	}
}

// What was recorded comes back as it was recorded, to the byte.
func TestLoadAndDump(t *testing.T) {
	for _, tt := range []struct {
		file string
		dump func(*Server, ...string) string
	}{
		{"aurora-three-prepared.txt", (*Server).Dump},
		{"aurora-leader-sigkilled.txt", (*Server).Dump},
		{"mesos-after-session-expiry.txt", (*Server).DumpBytes},
		{"mesos-one-killed.txt", (*Server).DumpBytes},
	} {
		t.Run(tt.file, func(t *testing.T) {
			want, err := os.ReadFile(filepath.Join("testdata", "recordings", tt.file))
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, Options{Clock: newHandClock()})
			if err := s.Load(string(want)); err != nil {
				t.Fatal(err)
			}
			var roots []string
			for _, line := range strings.Split(string(want), "\n") {
				if strings.HasPrefix(line, "/") && (len(roots) == 0 || !strings.HasPrefix(line, roots[len(roots)-1]+"/")) {
					roots = append(roots, line)
				}
			}
			if diff := cmp.Diff(string(want), tt.dump(s, roots...)); diff != "" {
				t.Errorf("dump of what was loaded (-recording +got):\n%s", diff)
			}
		})
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, dump := range []string{"    data=x", "/a//b", "/a\n    czxid=0xzz", "/a\n  hex=5", "relative"} {
		if err := start(t, Options{}).Load(dump); err == nil {
			t.Errorf("Load(%q) = nil", dump)
		}
	}
}

// The next sequential node after a load follows the highest one loaded, and
// sessions loaded can be expired like others.
func TestLoadedTreeGoesOn(t *testing.T) {
	recording, err := os.ReadFile(filepath.Join("testdata", "recordings", "aurora-three-prepared.txt"))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, Options{Clock: newHandClock()})
	if err := s.Load(string(recording)); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.Addr(), 10*time.Second)
	got, err := c.Create("/aurora/scheduler/member_", nil, zk.FlagSequence, open)
	if err != nil || got != "/aurora/scheduler/member_0000000017" {
		t.Errorf("next = %q, %v", got, err)
	}
	if !s.ExpireSession(0x100001c7a46007d) {
		t.Error("the leader's session is not there")
	}
	if strings.Contains(s.Dump(), "lock-0000000014") {
		t.Error("the leader's node outlived its session")
	}
}

func TestStartRefusesOtherThanLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "localhost:0", "192.0.2.1:0", "127.0.0.1"} {
		if s, err := Start(context.Background(), addr, Options{}); err == nil {
			s.Close()
			t.Errorf("Start(%q) = nil error", addr)
		}
	}
}

// The end of the context stops the server, paused or not; Close may follow, twice.
func TestContextEndsTheServer(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := Start(ctx, "127.0.0.1:0", Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.Addr(), 10*time.Second)
	s.Pause()
	go func() { _, _, _ = c.Children("/") }() // waits at the gate
	s.Stall(time.Hour)
	cancel()
	s.running.Wait()
	s.Close()
	s.Close()
	s.Stall(time.Hour)
}
