package zookeeper

import (
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/zookeeper/zktest"

	"github.com/go-zookeeper/zk"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files of this package anew")

// contractTick is the tick of both servers: sessions of 400 ms are possible.
const contractTick = 200 * time.Millisecond

// The embedded server answers the script as the golden says, and the golden is
// what a real ZooKeeper answers.
func TestContract(t *testing.T) {
	s := start(t, Options{TickTime: contractTick})
	compareTable(t, play(t, s.Addr()), "embedded server")
}

func TestContractOnRealZooKeeper(t *testing.T) {
	addr := zktest.Server(t, contractTick)
	answers := play(t, addr)
	if *update {
		if err := os.WriteFile(goldenTable, []byte(answers), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	compareTable(t, answers, "real ZooKeeper")
}

// ZooKeeper's own command line finds in the embedded server what it expects.
func TestJavaClient(t *testing.T) {
	s := start(t, Options{})
	out := zktest.Client(t, s.Addr(), strings.Join([]string{
		"create /j one", "create -e -s /j/n- two", "create -c /j/c", "set -v 0 /j three", "get /j", "ls /j", "addauth digest a:b",
		"setAcl /j auth:a:b:cdrwa", "getAcl /j", "delete /j", "sync /j", "get -w /j", "set /j four", "deleteall /j", "ls /", "quit", "",
	}, "\n"))
	at := 0
	for _, want := range []string{
		"Welcome to ZooKeeper!", "Created /j\n", "Created /j/n-0000000000\n", "Created /j/c\n", "three\n", "[c, n-0000000000]\n",
		"'digest,'a:3OptnM09ILoVSfbZtd3mB0IViII=\n: cdrwa\n", "Node not empty: /j\n", "Sync is OK\n",
		"type:NodeDataChanged path:/j\n", "[zookeeper]\n",
	} {
		next := strings.Index(out[at:], want)
		if next < 0 {
			t.Fatalf("after %d bytes no %q in:\n%s", at, want, out)
		}
		at += next
	}
	if left := s.Dump(); left != "" || len(s.Sessions()) != 0 {
		t.Errorf("left behind: %d sessions, nodes:\n%s", len(s.Sessions()), left)
	}
}

var goldenTable = filepath.Join("testdata", "contract.golden")

func compareTable(t *testing.T, got, who string) {
	t.Helper()
	want, err := os.ReadFile(goldenTable)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("answers of the %s differ from %s (-golden +got); written by -update from a real ZooKeeper:\n%s", who, goldenTable, diff)
	}
}

func start(t *testing.T, opts Options) *Server {
	t.Helper()
	s, err := Start(context.Background(), "127.0.0.1:0", opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

type silent struct{}

func (silent) Printf(string, ...any) {}

// dial connects a client and waits for its session.
func dial(t *testing.T, addr string, timeout time.Duration) *zk.Conn {
	t.Helper()
	return dialVia(t, addr, timeout, net.DialTimeout)
}

func dialVia(t *testing.T, addr string, timeout time.Duration, dialer zk.Dialer) *zk.Conn {
	t.Helper()
	c, events, err := zk.Connect([]string{addr}, timeout, zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithDialer(dialer))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.Close()
		for range events { // closed once the client's goroutines have ended
		}
	})
	limit := time.After(10 * time.Second)
	for c.State() != zk.StateHasSession {
		select {
		case <-events:
		case <-limit:
			t.Fatalf("no session on %s within 10s", addr)
		}
	}
	return c
}

// A table collects the answers of one play.
type table struct {
	t     *testing.T
	addr  string
	lines []string
}

// say writes one line: what was asked, and what came back. Errors are written
// by their text, which the client library derives from the code.
func (b *table) say(what string, answer ...any) {
	parts := make([]string, len(answer))
	for i, a := range answer {
		if a == nil {
			a = "ok"
		}
		parts[i] = fmt.Sprint(a)
	}
	b.lines = append(b.lines, what+": "+strings.Join(parts, " | "))
}

func (b *table) client() *zk.Conn { return dial(b.t, b.addr, 4*time.Second) }

// wait returns the next event of a watch.
func (b *table) wait(events <-chan zk.Event) string {
	b.t.Helper()
	select {
	case ev := <-events:
		if ev.Err != nil {
			return ev.Type.String() + " " + ev.Err.Error()
		}
		return ev.Type.String() + " " + ev.Path
	case <-time.After(15 * time.Second):
		b.t.Error("no event within 15s")
		return "no event"
	}
}

// must is for what has to work before a question can be asked.
func (b *table) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *table) make(c *zk.Conn, path string, flags int32) string {
	b.t.Helper()
	made, err := c.Create(path, []byte("x"), flags, zk.WorldACL(zk.PermAll))
	b.must(err)
	return made
}

// play runs the whole script against the server at addr.
func play(t *testing.T, addr string) string {
	t.Helper()
	b := &table{t: t, addr: addr}
	for _, scene := range []struct {
		name string
		play func(*table)
	}{
		{"the empty server", emptyServer},
		{"nodes and versions", nodesAndVersions},
		{"stat fields", statFields},
		{"ephemeral and sequential", ephemeralSequential},
		{"watches", watchesFire},
		{"watches on the wire", rawWatches},
		{"watches after a reconnect", watchesAfterReconnect},
		{"multi", multis},
		{"chroot", chroot},
		{"access lists", accessLists},
		{"session expiry", sessionExpiry},
		{"re-attachment", reattachment},
		{"limits", limits},
		{"four-letter words", words},
	} {
		b.lines = append(b.lines, "# "+scene.name)
		scene.play(b)
	}
	return strings.Join(b.lines, "\n") + "\n"
}

// short leaves of a stat what does not depend on the moment.
func short(s *zk.Stat) string {
	if s == nil {
		return "no stat"
	}
	return fmt.Sprintf("version=%d cversion=%d aversion=%d ephemeral=%t dataLength=%d numChildren=%d",
		s.Version, s.Cversion, s.Aversion, s.EphemeralOwner != 0, s.DataLength, s.NumChildren)
}
