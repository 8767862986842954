package mesoslog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aurorabot/lab/zookeeper"
)

// The database library leaves one goroutine behind for half a minute.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}

// buffer collects log lines from many goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// cluster is a group of replicas in one process, around one ZooKeeper.
type cluster struct {
	t   *testing.T
	dir string
	zk  string

	server *zookeeper.Server
	logs   map[int]*Log
	text   map[int]*buffer
}

func newCluster(t *testing.T) *cluster {
	t.Helper()
	s, err := zookeeper.Start(t.Context(), "127.0.0.1:0", zookeeper.Options{TickTime: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{t: t, server: s, dir: t.TempDir(), zk: s.Addr(), logs: map[int]*Log{}, text: map[int]*buffer{}}
	t.Cleanup(func() {
		for n := range c.logs {
			c.stop(n)
		}
		s.Close()
	})
	return c
}

func (c *cluster) path(n int) string { return filepath.Join(c.dir, fmt.Sprint("replica", n)) }

func (c *cluster) initialize(replicas ...int) {
	c.t.Helper()
	for _, n := range replicas {
		var errs bytes.Buffer
		if exit := Main([]string{"mesos-log", "initialize", "--path=" + c.path(n)}, nil, &errs, &errs, []string{"LIBPROCESS_IP=127.0.0.1"}); exit != 0 {
			c.t.Fatalf("initialize %d: %s", n, errs.String())
		}
	}
}

// start opens replica n; change may alter its options.
func (c *cluster) start(n int, change ...func(*Options)) *Log {
	c.t.Helper()
	c.text[n] = &buffer{}
	o := Options{
		Path: c.path(n), Quorum: 2, ZK: []string{c.zk}, ZNode: "/lab/log", ZKTimeout: time.Second,
		Listen: "127.0.0.1:0", Log: c.text[n],
	}
	for _, f := range change {
		f(&o)
	}
	l, err := Open(context.Background(), o)
	if err != nil {
		c.t.Fatal(err)
	}
	c.logs[n] = l
	return l
}

func (c *cluster) stop(n int) {
	if err := c.logs[n].Close(); err != nil {
		c.t.Error(err)
	}
	delete(c.logs, n)
}

// says waits until replica n has logged a line that matches.
func (c *cluster) says(n int, pattern string) {
	c.t.Helper()
	re := regexp.MustCompile(pattern)
	for limit := time.Now().Add(15 * time.Second); !re.MatchString(c.text[n].String()); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			c.t.Fatalf("replica %d never said %q:\n%s", n, pattern, c.text[n])
		}
	}
}

func (c *cluster) together(n ...int) {
	c.t.Helper()
	for _, i := range n {
		for limit := time.Now().Add(10 * time.Second); c.logs[i].EnsembleSize() < len(n); time.Sleep(time.Millisecond) {
			if time.Now().After(limit) {
				c.t.Fatalf("replica %d sees %d members, want %d", i, c.logs[i].EnsembleSize(), len(n))
			}
		}
	}
}

func (c *cluster) writer(n int) *Writer {
	c.t.Helper()
	w := c.logs[n].Writer()
	c.elect(w)
	return w
}

func (c *cluster) elect(w *Writer) uint64 {
	c.t.Helper()
	for range 20 {
		end, ok, err := w.Start(c.t.Context())
		if err != nil {
			c.t.Fatal(err)
		}
		if ok {
			return end
		}
	}
	c.t.Fatal("the writer was not elected in 20 attempts")
	return 0
}

func (c *cluster) append(w *Writer, data string) uint64 {
	c.t.Helper()
	p, err := w.Append(c.t.Context(), []byte(data))
	if err != nil {
		c.t.Fatalf("append %s: %v", data, err)
	}
	return p
}

// contents are the payloads that replica n can read, in order.
func (c *cluster) contents(n int) string {
	c.t.Helper()
	r := c.logs[n].Reader()
	from, err := r.Beginning(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	to, _ := r.Ending(c.t.Context())
	entries, err := r.Read(c.t.Context(), from, to)
	if err != nil {
		return err.Error()
	}
	var all []string
	for _, e := range entries {
		all = append(all, string(e.Data))
	}
	return strings.Join(all, " ")
}

func (c *cluster) holds(n int, want string) {
	c.t.Helper()
	got := ""
	for limit := time.Now().Add(5 * time.Second); time.Now().Before(limit); time.Sleep(5 * time.Millisecond) {
		if got = c.contents(n); got == want {
			return
		}
	}
	c.t.Errorf("replica %d holds %q, want %q", n, got, want)
}

// Three initialized replicas, one writer: all hold what it appended, and the
// log lines are the recorded ones in the recorded order.
func TestNormalStart(t *testing.T) {
	c := newCluster(t)
	c.initialize(1, 2, 3)
	for n := 1; n <= 3; n++ {
		c.start(n)
	}
	c.together(1, 2, 3)
	begin := time.Now()
	w := c.writer(3)
	t.Logf("election: %v", time.Since(begin))
	begin = time.Now()
	for _, s := range []string{"a", "b", "c", "d"} {
		c.append(w, s)
	}
	t.Logf("append: %v", time.Since(begin)/4)
	for n := 1; n <= 3; n++ {
		c.holds(n, "a b c d")
	}
	if p, err := w.Truncate(t.Context(), 3); err != nil || p != 5 {
		t.Errorf("Truncate = %d, %v", p, err)
	}
	for n := 1; n <= 3; n++ {
		c.holds(n, "c d")
	}
	// What the writer and what its own replica says has an order each; the two
	// others can be a quorum before that replica.
	for _, want := range [][]string{
		{
			`network.hpp:485\] ZooKeeper group PIDs: \{ log-replica\(1\)@127.0.0.1:\d+, log-replica\(1\)@127.0.0.1:\d+, log-replica\(1\)@127.0.0.1:\d+ \}`,
			`log.cpp:554\] Attempting to start the writer`,
			`coordinator.cpp:238\] Coordinator attempting to fill missing positions`,
			`log.cpp:570\] Writer started with ending position 0`,
			`coordinator.cpp:348\] Coordinator attempting to write APPEND action at position 1`,
			`coordinator.cpp:348\] Coordinator attempting to write TRUNCATE action at position 5`,
		},
		{
			`replica.cpp:497\] Replica received implicit promise request from __req_res__\(\d\)@127.0.0.1:\d+ with proposal 1`,
			`replica.cpp:391\] Replica received explicit promise request from __req_res__\(\d\)@127.0.0.1:\d+ for position 0 with proposal 2`,
			`replica.cpp:541\] Replica received write request for position 0 from __req_res__\(\d\)@127.0.0.1:\d+`,
		},
		{`recover.cpp:437\] Starting replica recovery`, `recover.cpp:468\] Replica is in VOTING status`},
		{`replica.cpp:344\] Persisted promised to 1`},
		{`replica.cpp:695\] Replica received learned notice for position 0 from log-network\(1\)@127.0.0.1:\d+`},
	} {
		c.says(3, `(?s)`+strings.Join(want, `.*\n.*`))
	}
}

// An EMPTY replica catches up from a quorum of voters and votes from then on.
func TestEmptyReplicaCatchesUp(t *testing.T) {
	c := newCluster(t)
	c.initialize(1, 2)
	c.start(1)
	c.start(2)
	c.together(1, 2)
	w := c.writer(2)
	want := []string{}
	for i := range 30 {
		want = append(want, fmt.Sprint("e", i))
		c.append(w, want[i])
	}
	l := c.start(3)
	<-l.Recovered()
	c.holds(3, strings.Join(want, " "))
	c.says(3, `(?s)Replica is in EMPTY status.*Updating replica status to RECOVERING.*Persisted replica status to RECOVERING.*`+
		`Starting catch-up from position 0 to 30.*Replica ignoring promise request from \S+ as it is in RECOVERING status.*`+
		`Updating replica status to VOTING.*Persisted replica status to VOTING.*Successfully joined the Paxos group`)
	c.says(1, `received explicit promise request from \S+ for position 30 with proposal 3`)
	// It counts: with it the group survives the loss of one that was there.
	c.stop(1)
	c.append(w, "more")
}

// One voter of three is no quorum: the others stay EMPTY, and say so.
func TestTwoEmptyOneVotingIsStuck(t *testing.T) {
	c := newCluster(t)
	c.initialize(1)
	for n := 1; n <= 3; n++ {
		c.start(n)
	}
	for _, n := range []int{2, 3} {
		c.says(n, `(?s)(Received a recover response from a replica in (EMPTY|VOTING) status.*){6}`)
		c.says(n, `Replica in EMPTY status received a broadcasted recover request`)
		if s := c.logs[n].Status(); s != Empty {
			t.Errorf("replica %d is %s", n, s)
		}
	}
	c.says(1, `Replica in VOTING status received a broadcasted recover request`)
}

// All EMPTY stays EMPTY with the advice to initialize, unless that is
// automatic.
func TestAllEmpty(t *testing.T) {
	c := newCluster(t)
	for n := 1; n <= 3; n++ {
		c.start(n)
	}
	c.says(1, `recover.cpp:299\] \n-+\nReplicated log has not been initialized`)
	for n := 1; n <= 3; n++ {
		c.stop(n)
	}
	for n := 1; n <= 3; n++ {
		c.start(n, func(o *Options) { o.AutoInitialize = true })
	}
	for n := 1; n <= 3; n++ {
		<-c.logs[n].Recovered()
		c.says(n, `(?s)Updating replica status to STARTING.*Updating replica status to VOTING`)
	}
	w := c.writer(1)
	c.append(w, "x")
	c.holds(2, "x")
}

// A replica that was away keeps its holes until it is elected.
func TestLaggingReplicaKeepsHoles(t *testing.T) {
	c := newCluster(t)
	c.initialize(1, 2, 3)
	for n := 1; n <= 3; n++ {
		c.start(n)
	}
	c.together(1, 2, 3)
	w := c.writer(3)
	c.append(w, "a")
	c.holds(2, "a")
	c.stop(2)
	c.append(w, "b")
	c.append(w, "c")
	c.start(2)
	c.together(1, 2, 3)
	c.append(w, "d")
	c.holds(2, "Bad read range (includes missing entries)")
	c.writer(2)
	c.holds(2, "a b c d")
	if _, err := w.Append(t.Context(), []byte("late")); !errors.Is(err, ErrSuperseded) {
		t.Errorf("append of the superseded writer: %v, want ErrSuperseded", err)
	}
	if _, err := w.Append(t.Context(), []byte("late")); err == nil || !strings.Contains(err.Error(), "Failed to append: Coordinator is not elected") {
		t.Errorf("append after that: %v", err)
	}
}

// An append that timed out is on the writer's own replica, not learned, and
// takes effect when the next writer is elected.
func TestTimedOutAppendTakesEffectLater(t *testing.T) {
	c := newCluster(t)
	c.initialize(1, 2, 3)
	short := func(o *Options) { o.WriteTimeout = 150 * time.Millisecond }
	c.start(1, short)
	c.start(2)
	c.start(3)
	c.together(1, 2, 3)
	w := c.writer(1)
	c.append(w, "a")
	c.holds(1, "a")
	c.holds(2, "a")
	// Gone from the network but not from ZooKeeper yet, as after a kill.
	members := c.logs[1].net.pids()
	c.stop(2)
	c.stop(3)
	for range 100 {
		c.logs[1].net.setMembers(members)
		if c.logs[1].EnsembleSize() == 3 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := w.Append(t.Context(), []byte("b")); !errors.Is(err, ErrTimeout) {
		t.Fatalf("append without a quorum: %v, want ErrTimeout", err)
	}
	if _, err := w.Append(t.Context(), []byte("c")); err == nil || !strings.Contains(err.Error(), "Coordinator is currently writing") {
		t.Errorf("append while one is pending: %v", err)
	}
	c.holds(1, "Bad read range (includes pending entries)")
	c.stop(1)
	c.start(1)
	c.says(1, `Replica recovered with log positions 0 -> 2 with 0 holes and 1 unlearned`)
	c.start(2)
	c.together(1, 2)
	if end := c.elect(c.logs[1].Writer()); end != 2 {
		t.Errorf("ending position %d, want 2", end)
	}
	c.holds(1, "a b")
	c.holds(2, "a b")
}

// A folder that is in use is refused, also within one process.
func TestFolderInUse(t *testing.T) {
	c := newCluster(t)
	c.start(1)
	var text buffer
	_, err := Open(t.Context(), Options{Path: c.path(1), Quorum: 1, Listen: "127.0.0.1:0", Log: &text})
	if err == nil || !strings.Contains(err.Error(), "Failed to recover the log: IO error: lock "+c.path(1)+"/LOCK: ") {
		t.Errorf("second Open: %v", err)
	}
	if !regexp.MustCompile(`(?m)^E\d{4} \S+ +\d+ replica.cpp:774\] EXIT with status 1: Failed to recover the log: `).MatchString(text.String()) {
		t.Errorf("log lines:\n%s", &text)
	}
}

// The member's node is named and filled as the recorded ones, and is renewed
// when its session was lost.
func TestMembership(t *testing.T) {
	c := newCluster(t)
	c.start(1)
	c.start(2)
	c.together(1, 2)
	c.says(1, `group.cpp:341\] Group process \(zookeeper-group\(2\)@127.0.0.1:\d+\) connected to ZooKeeper`)
	c.says(1, `group.cpp:700\] Trying to get '/lab/log/000000000[01]' in ZooKeeper`)
	c.stop(2)
	c.says(1, `(?s)ZooKeeper group PIDs: .*, .*memberships changed.*ZooKeeper group PIDs: \{ log-replica\(1\)@127.0.0.1:\d+ \}`)
	for _, id := range c.server.Sessions() {
		c.server.ExpireSession(id)
	}
	c.says(1, `Renewing replica group membership`)
	c.says(1, `(?s)Renewing.*ZooKeeper group PIDs: \{ log-replica\(1\)@127.0.0.1:\d+ \}`)
	if dump := c.server.Dump("/lab/log"); !strings.Contains(dump, c.logs[1].PID()) {
		t.Errorf("the replica is not in ZooKeeper:\n%s", dump)
	}
}
