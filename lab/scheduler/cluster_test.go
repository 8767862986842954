package scheduler

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"aurorabot/lab/master"
	"aurorabot/lab/zookeeper"

	"go.uber.org/goleak"
)

const smallBackup = "scheduler-backup-2026-11-23-08-36"

// TestMain lets the test binary be a scheduler: a child process that can be
// killed as only a process can.
func TestMain(m *testing.M) {
	if os.Getenv("SCHEDULER_TEST_CHILD") == "1" {
		os.Exit(Main(append([]string{"aurora-scheduler"}, os.Args[1:]...), os.Stdin, os.Stdout, os.Stderr, os.Environ()))
	}
	status := m.Run()
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
	// goleveldb drains its pool for a second after it was closed.
	drain := goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain")
	if err := goleak.Find(drain); status == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// A cluster is three schedulers' worth of hosts, a ZooKeeper and a master.
type cluster struct {
	t      *testing.T
	zk     *zookeeper.Server
	dir    string
	nodes  []*node
	master string // host:port

	// session is the ZooKeeper session timeout: long, because the machine may be
	// busy; tests that kill schedulers and wait for their nodes to go shorten it.
	session string
}

// A node is one host; its scheduler may run or not.
type node struct {
	c      *cluster
	n      int
	ip     string
	http   int
	peers  int
	log    lockedBuffer
	cancel context.CancelFunc
	done   chan struct{}
	status int
	flags  []string
	env    []string
	child  *exec.Cmd // instead of cancel, if the scheduler is a process
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newCluster makes n hosts with initialised logs. backup, if not nil, is the
// state that they begin with.
func newCluster(t *testing.T, n int, backup []byte) *cluster {
	t.Helper()
	server, err := zookeeper.Start(t.Context(), "127.0.0.1:0", zookeeper.Options{TickTime: 200 * time.Millisecond, MaxTimeout: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	c := &cluster{t: t, zk: server, dir: t.TempDir(), session: "20secs"}
	for i := 1; i <= n; i++ {
		ip := fmt.Sprintf("127.0.%d.%d", 40+os.Getpid()%100, 10+i)
		ports := freePorts(t, ip, 2)
		node := &node{c: c, n: i, ip: ip, http: ports[0], peers: ports[1]}
		c.nodes = append(c.nodes, node)
		if err := os.MkdirAll(node.path("backups"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	first := c.nodes[0].path("replicated-log")
	if backup != nil {
		err = SeedLog(first, backup)
	} else {
		err = InitLog(first)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, node := range c.nodes[1:] {
		if err := os.CopyFS(node.path("replicated-log"), os.DirFS(first)); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, node := range c.nodes {
			node.stop()
			if t.Failed() && testing.Verbose() {
				t.Logf("log of %d:\n%s", node.n, node.log.String())
			}
		}
	})
	return c
}

// freePorts returns n ports of ip on which nobody listens. All are held until
// the last is found, for the kernel may give a port that was let go once more.
func freePorts(t *testing.T, ip string, n int) []int {
	t.Helper()
	var ports []int
	for range n {
		l, err := net.Listen("tcp", ip+":0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

// startMaster runs a master that is published in ZooKeeper.
func (c *cluster) startMaster() {
	c.t.Helper()
	// Not 127.0.0.1: each client of this machine takes a port there.
	ip := c.nodes[0].ip
	c.master = fmt.Sprintf("%s:%d", ip, freePorts(c.t, ip, 1)[0])
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		master.Run(ctx, []string{"mesos-master", "--ip=" + ip, "--port=" + strings.TrimPrefix(c.master, ip+":"), "--zk=zk://" + c.zk.Addr() + "/mesos"}, io.Discard, io.Discard, nil)
	}()
	c.t.Cleanup(func() { cancel(); <-done })
	c.wait("the master", func() bool {
		resp, err := http.Get("http://" + c.master + "/health")
		if err == nil {
			resp.Body.Close()
		}
		return err == nil
	})
}

func (n *node) path(parts ...string) string {
	return filepath.Join(append([]string{n.c.dir, fmt.Sprintf("host%d", n.n)}, parts...)...)
}

const fakeMaster = "zk://127.0.0.1:2/nonexistent/mesos"

// args are the flags of the node's scheduler.
func (n *node) args(masterAddress string) []string {
	return append([]string{
		"-cluster_name=labcluster", "-hostname=" + n.ip, "-ip=" + n.ip, fmt.Sprintf("-http_port=%d", n.http),
		"-zk_endpoints=" + n.c.zk.Addr(), "-serverset_path=/aurora/scheduler", "-zk_session_timeout=" + n.c.session,
		"-native_log_file_path=" + n.path("replicated-log"), "-native_log_zk_group_path=/aurora/replicated-log",
		fmt.Sprintf("-native_log_quorum_size=%d", len(n.c.nodes)/2+1), "-native_log_election_timeout=2secs",
		"-backup_dir=" + n.path("backups"), "-mesos_master_address=" + masterAddress,
		"-max_registration_delay=360mins", "-thermos_executor_path=/dev/null",
	}, n.flags...)
}

func (n *node) environ() []string {
	return append([]string{"LIBPROCESS_IP=" + n.ip, fmt.Sprintf("LIBPROCESS_PORT=%d", n.peers), "TZ=UTC"}, n.env...)
}

// start runs the node's scheduler in this process.
func (n *node) start(masterAddress string) {
	n.c.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel, n.done = cancel, make(chan struct{})
	go func() {
		defer close(n.done)
		n.status = Run(ctx, append([]string{"aurora-scheduler"}, n.args(masterAddress)...), io.Discard, &n.log, n.environ())
	}()
}

// spawn runs the node's scheduler as a process.
func (n *node) spawn(masterAddress string) {
	n.c.t.Helper()
	cmd := exec.Command(os.Args[0], n.args(masterAddress)...)
	cmd.Env = append(append(os.Environ(), "SCHEDULER_TEST_CHILD=1"), n.environ()...)
	cmd.Stdout, cmd.Stderr = &n.log, &n.log
	if err := cmd.Start(); err != nil {
		n.c.t.Fatal(err)
	}
	n.child, n.done = cmd, make(chan struct{})
	go func() {
		defer close(n.done)
		_ = cmd.Wait() // the exit status is in ProcessState
		n.status = cmd.ProcessState.ExitCode()
	}()
}

// kill is SIGKILL: the nodes in ZooKeeper stay until their session ends.
func (n *node) kill() {
	_ = n.child.Process.Kill() // it may have ended
	<-n.done
	n.child = nil
}

// stop is SIGTERM and the wait for the end.
func (n *node) stop() int {
	if n.child != nil {
		_ = n.child.Process.Signal(syscall.SIGTERM) // it may have ended
		select {
		case <-n.done:
		case <-time.After(20 * time.Second):
			_ = n.child.Process.Kill()
			<-n.done
		}
		n.child = nil
		return n.status
	}
	if n.cancel == nil {
		return 0
	}
	n.cancel()
	<-n.done
	n.cancel = nil
	return n.status
}

func (c *cluster) start(masterAddress string) {
	for _, n := range c.nodes {
		n.start(masterAddress)
	}
}

// wait polls until ok, for a minute at most.
func (c *cluster) wait(what string, ok func() bool) {
	c.t.Helper()
	for end := time.Now().Add(60 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if ok() {
			return
		}
	}
	c.t.Fatalf("waited 60 s for %s", what)
}

func (n *node) url(path string) string { return fmt.Sprintf("http://%s:%d%s", n.ip, n.http, path) }

// get returns the status and body of a page; 0 if nobody answers.
func (n *node) get(path string) (int, string) {
	resp, err := http.Get(n.url(path))
	if err != nil {
		return 0, ""
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// is says whether the node's /vars has the lifecycle state.
func (n *node) is(state string) bool {
	_, body := n.get("/vars")
	return strings.Contains(body, "scheduler_lifecycle_"+state+" 1\n")
}

// ended says whether the scheduler that was started last has ended.
func (n *node) ended() bool {
	select {
	case <-n.done:
		return true
	default:
		return n.done == nil
	}
}

// leader waits for the node that leads in the given state with storage READY.
func (c *cluster) leader(state string) *node {
	c.t.Helper()
	var found *node
	c.wait("a leader "+state, func() bool {
		ended := 0
		for _, n := range c.nodes {
			if n.ended() {
				ended++
			}
			if n.is(state) {
				if status, _ := n.get("/lab/state"); status == http.StatusOK {
					found = n
					return true
				}
			}
		}
		if ended == len(c.nodes) {
			c.t.Fatalf("every scheduler has ended, the first with status %d", c.nodes[0].status)
		}
		return false
	})
	return found
}

// A labState is the answer of /lab/state.
type labState struct {
	Framework   string            `json:"framework_id"`
	Tasks       map[string]string `json:"tasks"`
	Quotas      int               `json:"quotas"`
	Crons       int               `json:"crons"`
	Updates     int               `json:"updates"`
	Hosts       int               `json:"hosts"`
	Maintenance int               `json:"maintenance"`
	Replayed    int64             `json:"replayed_snapshot_millis"`
}

func (n *node) state() labState {
	n.c.t.Helper()
	_, body := n.get("/lab/state")
	var s labState
	if err := json.Unmarshal([]byte(body), &s); err != nil {
		n.c.t.Fatalf("state of %d: %v: %s", n.n, err, body)
	}
	return s
}

// call does a Thrift call in JSON, with the bypass header, and returns the code
// and the message.
func (n *node) call(name, args string) (code int, detail string, err error) {
	body := fmt.Sprintf(`[1,"%s",1,0,%s]`, name, args)
	req, _ := http.NewRequest(http.MethodPost, n.url("/api"), strings.NewReader(body))
	req.Header.Set("Content-Type", typeJSON)
	req.Header.Set("Bypass-Leader-Redirect", "true")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, "", err
	}
	if resp.StatusCode != http.StatusOK {
		return 0, "", fmt.Errorf("%s: %s", resp.Status, b)
	}
	m, err := readJSON(b)
	if err != nil {
		return 0, "", err
	}
	r := mustOpen(m.body).sub(0)
	for _, d := range r.elements(6) {
		detail += mustOpen(d).str(1)
	}
	return int(r.i32(1)), detail, nil
}

// ok does a call that must succeed.
func (n *node) ok(name, args string) {
	n.c.t.Helper()
	if code, detail, err := n.call(name, args); code != codeOK || err != nil {
		n.c.t.Fatalf("%s on %d = %d %q, %v; want OK", name, n.n, code, detail, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// truthIDs are the "id STATUS" lines of a recorded truth.
func truthIDs(t *testing.T, name string) []string {
	t.Helper()
	var truth struct {
		IDs []string `json:"taskIds"`
	}
	if err := json.Unmarshal(read(t, name), &truth); err != nil {
		t.Fatal(err)
	}
	slices.Sort(truth.IDs)
	return truth.IDs
}

func (s labState) ids() []string {
	var out []string
	for id, status := range s.Tasks {
		out = append(out, id+" "+status)
	}
	slices.Sort(out)
	return out
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b.Reset()
}
