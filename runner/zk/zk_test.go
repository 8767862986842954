package zk

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/lab/zookeeper"
	"aurorabot/runner/bound"

	gozk "github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// ensemble starts a server that holds a recording; "" is an empty one.
func ensemble(t *testing.T, file string) *zookeeper.Server {
	t.Helper()
	s, err := recordedServer(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func recordedServer(file string) (*zookeeper.Server, error) {
	var dump []byte
	if file != "" {
		var err error
		if dump, err = os.ReadFile(filepath.Join("testdata", file)); err != nil {
			return nil, err
		}
	}
	s, err := zookeeper.Start(context.Background(), "127.0.0.1:0", zookeeper.Options{})
	if err != nil {
		return nil, err
	}
	if err := s.Load(string(dump)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// write lets a client of the test's own change the tree.
func write(t *testing.T, s *zookeeper.Server, f func(*gozk.Conn) error) {
	t.Helper()
	c, events, err := gozk.Connect([]string{s.Addr()}, 10*time.Second, gozk.WithLogger(silence{}))
	if err != nil {
		t.Fatal(err)
	}
	err = f(c)
	c.Close()
	for range events { // closed with the client's goroutines
	}
	if err != nil {
		t.Fatal(err)
	}
}

func client(servers ...string) *Client { return New(Address{Servers: servers}, nil) }

// What the recordings say comes over the wire as it comes from the file.
func TestLooks(t *testing.T) {
	s := ensemble(t, "during-failover-after-commit.txt")
	sessions := len(s.Sessions())
	c := client(s.Addr())
	ctx := context.Background()
	candidates, err := c.Candidates(ctx, "/aurora/scheduler")
	if err != nil || len(candidates) != 2 || candidates[0].Host != "127.0.0.12" || candidates[0].Created.IsZero() {
		t.Errorf("Candidates = %+v, %v", candidates, err)
	}
	members, err := c.Members(ctx, "/aurora/scheduler")
	if err != nil || len(members) != 1 || members[0].Port != 8081 || members[0].SessionOwner != candidates[0].SessionOwner {
		t.Errorf("Members = %+v, %v", members, err)
	}
	replicas, err := c.LogReplicas(ctx, "/aurora/replicated-log")
	if err != nil || len(replicas) != 3 || replicas[0].PID != "log-replica(1)@127.0.0.11:8083" {
		t.Errorf("LogReplicas = %+v, %v", replicas, err)
	}
	masters, err := c.MesosMaster(ctx, "/mesos")
	if err != nil || len(masters) != 1 || masters[0].PID != "master@127.0.0.1:5050" {
		t.Errorf("MesosMaster = %+v, %v", masters, err)
	}
	if left := len(s.Sessions()) - sessions; left != 0 {
		t.Errorf("%d sessions left behind", left)
	}
}

// Nothing there, an empty node and no server are three different answers.
func TestMissingIsNotEmptyIsNotUnreachable(t *testing.T) {
	s := ensemble(t, "three-prepared.txt")
	ctx := context.Background()
	list, err := client(s.Addr()).Candidates(ctx, "/aurora/nothing")
	if list != nil || !errors.Is(err, ErrNoNode) {
		t.Errorf("missing: %v, %v", list, err)
	}
	if want := fmt.Sprintf("zookeeper %s: /aurora/nothing: no such node", s.Addr()); err.Error() != want {
		t.Errorf("missing: %q, want %q", err, want)
	}
	list, err = client(s.Addr()).Candidates(ctx, "/aurora/replicated-log")
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("empty: %v, %v, want an empty list", list, err)
	}
	dead := unused(t)
	list, err = client(dead).Candidates(ctx, "/aurora/scheduler")
	if err == nil || list != nil || errors.Is(err, ErrNoNode) {
		t.Errorf("unreachable: %v, %v", list, err)
	}
	for _, part := range []string{dead, "/aurora/scheduler", "cannot tell", "connection refused"} {
		if err != nil && !strings.Contains(err.Error(), part) {
			t.Errorf("unreachable: %q does not say %q", err, part)
		}
	}
	if _, err := client().Candidates(ctx, "/x"); err == nil {
		t.Error("no server at all: no error")
	}
	for _, path := range []string{"", "relative", "/a//b", "/a/"} {
		if _, err := client(s.Addr()).Candidates(ctx, path); err == nil || errors.Is(err, ErrNoNode) {
			t.Errorf("path %q: %v", path, err)
		}
	}
	if list, err := client(s.Addr()).Candidates(ctx, "/"); err != nil || len(list) != 0 {
		t.Errorf("the root: %v, %v", list, err)
	}
}

// Whatever the first server does, the second answers.
func TestTheSecondServerAnswers(t *testing.T) {
	s := ensemble(t, "three-prepared.txt")
	for _, tt := range []struct {
		name  string
		first string
	}{
		{"refuses", unused(t)},
		{"closes", answering(t, nil)},
		{"is an SSH server", answering(t, []byte("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\n"))},
		{"is a web server", answering(t, []byte("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"))},
		{"says nothing", silentServer(t)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			list, err := client(tt.first, s.Addr()).Candidates(context.Background(), "/aurora/scheduler")
			if err != nil || len(list) != 3 {
				t.Errorf("%d candidates, %v", len(list), err)
			}
		})
	}
}

// The reason for each server is in the error, and nothing goes on for ever.
func TestNoServerAnswers(t *testing.T) {
	wrong, refusing := answering(t, []byte("SSH-2.0-OpenSSH_9.2p1\r\n")), unused(t)
	begun := time.Now()
	_, err := client(wrong, refusing).Members(context.Background(), "/a")
	if err == nil {
		t.Fatal("no error")
	}
	for _, part := range []string{wrong + ": answer of", "not a ZooKeeper", refusing, "connection refused"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
}

func TestLimitAndCancellation(t *testing.T) {
	s := ensemble(t, "three-prepared.txt")
	s.Pause()
	c := client(s.Addr())
	c.Limit = 200 * time.Millisecond
	begun := time.Now()
	_, err := c.Candidates(context.Background(), "/aurora/scheduler")
	if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "cannot tell") {
		t.Errorf("limit: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	_, err = client(s.Addr()).Candidates(ctx, "/aurora/scheduler")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_, err = client(s.Addr()).Candidates(ctx, "/aurora/scheduler")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled before: %v", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	s.Resume()
	if _, err := client(s.Addr()).Candidates(context.Background(), "/aurora/scheduler"); err != nil {
		t.Errorf("after the pause: %v", err)
	}
}

// The server falls silent between one answer and the next.
func TestServerStallsWithinALook(t *testing.T) {
	s := ensemble(t, "three-prepared.txt")
	var dials atomic.Int32
	c := New(Address{Servers: []string{s.Addr()}}, func(network, address string, timeout time.Duration) (net.Conn, error) {
		dials.Add(1)
		nc, err := net.DialTimeout(network, address, timeout)
		return &pausing{Conn: nc, after: 3, pause: s.Pause}, err
	})
	c.Limit = 500 * time.Millisecond
	list, err := c.Candidates(context.Background(), "/aurora/scheduler")
	if err == nil || list != nil || errors.Is(err, ErrNoNode) {
		t.Errorf("%v, %v", list, err)
	}
	if dials.Load() != 1 {
		t.Errorf("%d dials", dials.Load())
	}
}

// A server that lags must catch up before it is asked, and the session is
// closed at the end.
func TestLookSyncsFirstAndClosesLast(t *testing.T) {
	s := ensemble(t, "three-active.txt")
	var log opLog
	c := New(Address{Servers: []string{s.Addr()}}, func(network, address string, timeout time.Duration) (net.Conn, error) {
		nc, err := net.DialTimeout(network, address, timeout)
		log.Conn = nc
		return &log, err
	})
	if _, err := c.Members(context.Background(), "/aurora/scheduler"); err != nil {
		t.Fatal(err)
	}
	const sync, children2, getData, closeSession = 9, 12, 4, -11
	if diff := cmp.Diff([]int32{sync, children2, getData, closeSession}, log.ops); diff != "" {
		t.Errorf("operations (-want +got):\n%s", diff)
	}
}

// An opLog keeps the operation of each request that is written.
type opLog struct {
	net.Conn
	greeted bool
	ops     []int32
}

func (l *opLog) Write(b []byte) (int, error) {
	if l.greeted {
		l.ops = append(l.ops, int32(binary.BigEndian.Uint32(b[8:12])))
	}
	l.greeted = true
	return l.Conn.Write(b)
}

// A pausing connection pauses the server once so many requests were written.
type pausing struct {
	net.Conn
	after int
	pause func()
}

func (p *pausing) Write(b []byte) (int, error) {
	if p.after--; p.after == 0 {
		p.pause()
	}
	return p.Conn.Write(b)
}

// Through a forward, names mean something at the other end only.
func TestDialerGetsTheNameAsConfigured(t *testing.T) {
	s := ensemble(t, "three-prepared.txt")
	var asked string
	c := New(Address{Servers: []string{"zk1.internal.example:2181"}}, func(network, address string, timeout time.Duration) (net.Conn, error) {
		asked = network + " " + address
		return net.DialTimeout(network, s.Addr(), timeout)
	})
	list, err := c.Candidates(context.Background(), "/aurora/scheduler")
	if err != nil || len(list) != 3 || asked != "tcp zk1.internal.example:2181" {
		t.Errorf("%d candidates, %v; dialed %q", len(list), err, asked)
	}
}

// A dialer that ignores its timeout delays the end by a moment only.
func TestDialerThatHangs(t *testing.T) {
	release := make(chan struct{})
	returned := make(chan struct{})
	c := New(Address{Servers: []string{"h:1"}}, func(string, string, time.Duration) (net.Conn, error) {
		defer close(returned)
		<-release
		return nil, errors.New("too late")
	})
	c.Limit = 50 * time.Millisecond
	begun := time.Now()
	_, err := c.Candidates(context.Background(), "/a")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 20*time.Second {
		t.Errorf("took %v", took)
	}
	close(release)
	<-returned
}

// Credentials open what an access list closes, and no error holds them.
func TestCredentials(t *testing.T) {
	s := ensemble(t, "")
	write(t, s, func(c *gozk.Conn) error {
		_, err := c.Create("/closed", nil, 0, gozk.DigestACL(gozk.PermAll, "aurora", "canary"))
		return err
	})
	ctx := context.Background()
	_, err := client(s.Addr()).Candidates(ctx, "/closed")
	if err == nil || !strings.Contains(err.Error(), "not allowed to read") {
		t.Errorf("without: %v", err)
	}
	a := Address{Servers: []string{s.Addr()}, User: "aurora", Password: "canary"}
	if list, err := New(a, nil).Candidates(ctx, "/closed"); err != nil || len(list) != 0 {
		t.Errorf("with: %v, %v", list, err)
	}
	a.Servers = []string{unused(t), answering(t, nil)}
	_, err = New(a, nil).Candidates(ctx, "/closed")
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("unreachable, with: %v", err)
	}
	a.Servers = []string{s.Addr()}
	s.Pause()
	c := New(a, nil)
	c.Limit = 100 * time.Millisecond
	if _, err = c.Candidates(ctx, "/closed"); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("paused, with: %v", err)
	}
}

// A node that cannot be understood is an error that names it.
func TestOddDataIsAnError(t *testing.T) {
	s := ensemble(t, "")
	write(t, s, func(c *gozk.Conn) error {
		for _, node := range [][2]string{
			{"/a", ""}, {"/a/member_0000000001", "{"}, {"/a/singleton_candidate_0000000002", "x y"},
			{"/a/0000000003", "nobody"}, {"/a/json.info_0000000004", "[]"},
		} {
			if _, err := c.Create(node[0], []byte(node[1]), 0, gozk.WorldACL(gozk.PermAll)); err != nil {
				return err
			}
		}
		return nil
	})
	c, ctx := client(s.Addr()), context.Background()
	for name, look := range map[string]func() error{
		"member_0000000001":              func() error { _, err := c.Members(ctx, "/a"); return err },
		"singleton_candidate_0000000002": func() error { _, err := c.Candidates(ctx, "/a"); return err },
		"0000000003":                     func() error { _, err := c.LogReplicas(ctx, "/a"); return err },
		"json.info_0000000004":           func() error { _, err := c.MesosMaster(ctx, "/a"); return err },
	} {
		err := look()
		if err == nil || !strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), "zookeeper "+s.Addr()+": /a: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// unused returns an address on which nobody listens.
func unused(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// answering runs a server that says the same to everybody, and closes.
func answering(t *testing.T, answer []byte) string {
	t.Helper()
	return listening(t, func(nc net.Conn) {
		_, _ = nc.Write(answer)
		buf := make([]byte, 64)
		_, _ = nc.Read(buf)
	})
}

// silentServer accepts and never answers.
func silentServer(t *testing.T) string {
	t.Helper()
	return listening(t, func(nc net.Conn) {
		buf := make([]byte, 64)
		for {
			if _, err := nc.Read(buf); err != nil {
				return
			}
		}
	})
}

func listening(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			serve(nc)
			_ = nc.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	return l.Addr().String()
}

// Nodes that together hold more than any ensemble of Aurora's are too much, each
// of them being one that a server may store.
func TestDataOfALookIsBounded(t *testing.T) {
	s := ensemble(t, "")
	write(t, s, func(c *gozk.Conn) error {
		if _, err := c.Create("/log", nil, 0, gozk.WorldACL(gozk.PermAll)); err != nil {
			return err
		}
		for range maxData>>20 + 1 {
			if _, err := c.Create("/log/", make([]byte, 1<<20-100), gozk.FlagSequence, gozk.WorldACL(gozk.PermAll)); err != nil {
				return err
			}
		}
		return nil
	})
	if _, err := client(s.Addr()).LogReplicas(t.Context(), "/log"); !errors.Is(err, bound.ErrTooMuch) {
		t.Errorf("got %v", err)
	}
}
