// Package cluster brings up what a rehearsal happens on: scheduler hosts
// with their supervisors, ZooKeeper, a Mesos master, a former state of the
// cluster with a backup of it, and, if asked for, damage. It also knows the
// truth from outside: what the state was, and what is there now.
package cluster

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"

	"aurorabot/lab/host"
	"aurorabot/lab/master"
	"aurorabot/lab/scheduler"
)

// Name is the cluster's name, for people and as -cluster_name.
const Name = "lab"

// User is whom the bot logs in as; the schedulers run as [SchedulerUser].
const (
	User          = "aurorabot"
	SchedulerUser = "aurora"
)

// Paths in ZooKeeper, and the schedulers' ports on each host.
const (
	serverset = "/aurora/scheduler"
	logGroup  = "/aurora/replicated-log"
	HTTPPort  = 8081
	LogPort   = 8083 // Libprocess, which the replicas of the log speak.
)

// sessionTimeout is the schedulers' ZooKeeper session timeout. It is short, so
// that a killed leader is soon followed by another; a busy machine must still
// keep it.
const sessionTimeout = 6 * time.Second

// Options say what cluster to bring up. Dir and Bin must be given.
type Options struct {
	Dir string // An existing folder, absolute; everything lies in it.
	Bin string // The multi-call program that plays the tools of the hosts.

	Schedulers int // 1, 3 or 5. Zero: 3.

	Backup string   // File to play with. Empty: an embedded one of 65 tasks.
	Extra  int      // Tasks started after the backup: what a restore loses. Negative: none; zero: 7.
	Damage Damage   // What is broken before anybody looks.
	Real   bool     // Real hosts and a real ZooKeeper; see package host.
	Env    []string // More of the schedulers' environment: the lab's own settings.
	Few    bool     // Real hosts, reached through a bastion only, and two sessions of a connection at once.
	Secure bool     // Schedulers want a user, and something in front of them speaks TLS: see [Cluster.Front].
	Slow   bool     // Schedulers start and end as slowly as real ones: see [slowly].

	Supervisor string // Of real hosts: "" and "systemd", or one of [Supervisors].

	Log io.Writer // What the hosts and servers have to say. Nil: nowhere.
}

// A Cluster is one that runs. Its methods are safe for concurrent use.
type Cluster struct {
	Hosts []host.Machine // s1, s2, …; an unlisted one is not among them.
	Truth Truth

	KeyFile    string // Private key that opens the hosts to [User].
	KnownHosts string // File with the hosts' keys.
	Bastion    string // "host:port" of what is before them, which knows [User] too. Empty: none.
	ZooKeeper  string // "host:port".
	Master     string // "host:port".

	dir     string
	opt     Options
	ground  ground
	key     ssh.PublicKey
	all     []host.Machine // Hosts, and an unlisted one.
	cancel  context.CancelFunc
	serving sync.WaitGroup

	mend      func() error // Ends a fault that goes on by itself; nil if there is none.
	withdrawn []masterNode

	tls tls.Certificate // Of what stands in front of the schedulers.
}

// Start brings a cluster up: when it returns, a leader is registered and the
// tasks run, or the damage that was asked for has had its effect. The cluster
// lives until Close or until ctx ends.
func Start(ctx context.Context, opt Options) (*Cluster, error) {
	if opt.Log == nil {
		opt.Log = io.Discard
	}
	if opt.Extra == 0 {
		opt.Extra = 7
	}
	opt.Schedulers = cmp.Or(opt.Schedulers, 3)
	if opt.Damage.Kind == ProofLineBefore {
		opt.Extra = -1 // The state is the newest backup's.
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Cluster{dir: opt.Dir, opt: opt, cancel: cancel, ground: &embedded{}}
	if opt.Real {
		c.ground = &realGround{}
	}
	if err := c.start(ctx); err != nil {
		c.Close()
		return nil, fmt.Errorf("start the cluster: %w", err)
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.opt.Damage.check(c.opt.Schedulers); err != nil {
		return err
	}
	lies, past, err := c.readBackup()
	if err != nil {
		return err
	}
	if err := c.servers(ctx); err != nil {
		return err
	}
	if err := c.keys(); err != nil {
		return err
	}
	var known strings.Builder
	if c.opt.Few {
		b, err := c.ground.(*realGround).before(ctx, c)
		if err != nil {
			return err
		}
		c.Bastion = b.Address()
		known.WriteString(b.KnownHosts())
	}
	for i := range c.opt.Schedulers {
		h, err := c.addHost(ctx, i+1)
		if err != nil {
			return err
		}
		c.Hosts = append(c.Hosts, h)
	}
	for _, h := range c.Hosts {
		known.WriteString(h.KnownHosts())
	}
	c.KnownHosts = filepath.Join(c.dir, "known_hosts")
	if err := os.WriteFile(c.KnownHosts, []byte(known.String()), 0o600); err != nil {
		return err
	}
	if err := c.seed(ctx, past); err != nil {
		return err
	}
	for _, h := range c.Hosts {
		if err := c.ground.boot(h); err != nil {
			return err
		}
	}
	leader, err := c.WaitLeader(ctx)
	if err != nil {
		return err
	}
	if err := c.goOn(ctx, leader); err != nil {
		return err
	}
	if err := c.placeBackup(leader, lies); err != nil {
		return err
	}
	if err := c.damage(ctx, leader); err != nil {
		return err
	}
	c.Truth.Led = c.Leader(ctx) != nil
	return nil
}

// servers starts ZooKeeper and the Mesos master.
func (c *Cluster) servers(ctx context.Context) error {
	if err := c.ground.start(ctx, c); err != nil {
		return err
	}
	c.ZooKeeper, c.Master = c.ground.servers()+":2181", c.ground.servers()+":5050"
	c.serving.Go(func() {
		status := master.Run(ctx, []string{
			"mesos-master", "--ip=" + c.ground.servers(), "--port=5050", "--zk=zk://" + c.ZooKeeper + "/mesos", "--work_dir=" + c.dir,
		}, io.Discard, c.opt.Log, nil)
		if ctx.Err() == nil {
			fmt.Fprintf(c.opt.Log, "the Mesos master ended by itself with status %d\n", status)
		}
	})
	find, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	if _, err := master.Find(find, "zk://"+c.ZooKeeper+"/mesos"); err != nil {
		return fmt.Errorf("the Mesos master is not published: %w", err)
	}
	return nil
}

// keys makes the key that opens the hosts.
func (c *Cluster) keys() error {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	block, err := ssh.MarshalPrivateKey(private, "aurora lab")
	if err != nil {
		return err
	}
	if c.key, err = ssh.NewPublicKey(public); err != nil {
		return err
	}
	c.KeyFile = filepath.Join(c.dir, "id_ed25519")
	return os.WriteFile(c.KeyFile, pem.EncodeToMemory(block), 0o600)
}

// addHost makes the n-th host, with a scheduler installed but not started.
func (c *Cluster) addHost(ctx context.Context, n int) (host.Machine, error) {
	h, err := c.ground.host(ctx, c, n)
	if err != nil {
		return nil, err
	}
	c.all = append(c.all, h)
	if err := c.secure(ctx, h); err != nil {
		return nil, err
	}
	if err := h.InstallScheduler(c.scheduler(h)); err != nil {
		return nil, err
	}
	return h, c.clustersJSON(h)
}

// scheduler is the configuration of a host's scheduler.
func (c *Cluster) scheduler(h host.Machine) host.Scheduler {
	ip, more := c.ground.ip(h), c.authentication(h)
	if c.opt.Damage.Kind == RegistrationTimeout {
		more += fmt.Sprintf(" -max_registration_delay=%dsecs", int(registrationDelay.Seconds()))
	}
	return host.Scheduler{
		Cluster: Name, HTTPPort: HTTPPort, Quorum: c.opt.Schedulers/2 + 1, ZK: c.ZooKeeper,
		Serverset: serverset, LogGroup: logGroup, LibprocessIP: ip, Libprocess: LogPort, User: SchedulerUser,
		ExtraArgs: fmt.Sprintf("-hostname=%s -ip=%[1]s -zk_session_timeout=%dsecs -native_log_election_timeout=3secs -framework_failover_timeout=21days%s",
			ip, int(c.Session().Seconds()), more),
	}
}

// slowly are the settings of schedulers that take their time as the real ones
// do (measured): a launcher that forks, a replica of the log that opens after 1.6
// to 3 s, HTTP after 4 to 8 s, nodes in ZooKeeper that stay after the end, followers
// that end with their session.
var slowly = []string{
	"AURORA_LAB_FORK=10ms..150ms", "AURORA_LAB_REPLICA_DELAY=1600ms..3s", "AURORA_LAB_START_DELAY=4s..8s",
	"AURORA_LAB_NODES_LINGER=yes", "AURORA_LAB_EXPIRED_ENDS=yes",
}

// Session is the schedulers' ZooKeeper session timeout.
func (c *Cluster) Session() time.Duration {
	if c.opt.Slow {
		return 15 * time.Second // As on the hosts that were measured.
	}
	return sessionTimeout
}

// environment is what the hosts' schedulers get besides their configuration.
func (c *Cluster) environment() []string {
	env := slices.Clone(c.opt.Env)
	if c.opt.Slow {
		env = append(env, slowly...)
	}
	if ends(c.opt.Damage.Kind) {
		env = append(env, noLinger)
	}
	return env
}

// clustersJSON writes what the hosts' own aurora_admin goes by.
func (c *Cluster) clustersJSON(h host.Machine) error {
	dir := h.Path("/etc/aurora")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(`[{
  "name": %q,
  "zk": %q,
  "zk_port": 2181,
  "scheduler_zk_path": %q,
  "auth_mechanism": "UNAUTHENTICATED",
  "slave_run_directory": "latest",
  "slave_root": "/var/lib/mesos"
}]
`, Name, c.ground.servers(), serverset)
	return os.WriteFile(filepath.Join(dir, "clusters.json"), []byte(text), 0o644)
}

// LogDir is where this process finds a host's log.
func (c *Cluster) LogDir(h host.Machine) string { return h.Path(host.Scheduler{}.LogDir("")) }

// BackupDir is where this process finds a host's backups.
func (c *Cluster) BackupDir(h host.Machine) string { return h.Path(host.Scheduler{}.BackupDir("")) }

// IP is a host's address.
func (c *Cluster) IP(h host.Machine) string { return c.ground.ip(h) }

// HTTP is the address of a host's scheduler.
func (c *Cluster) HTTP(h host.Machine) string { return fmt.Sprintf("%s:%d", c.ground.ip(h), HTTPPort) }

// Damage is what was broken.
func (c *Cluster) Damage() Damage { return c.opt.Damage }

// Host returns the host of that name, or nil.
func (c *Cluster) Host(name string) host.Machine {
	for _, h := range c.Hosts {
		if h.Name() == name {
			return h
		}
	}
	return nil
}

// Close ends everything: no process of a host is left. The files stay.
func (c *Cluster) Close() {
	_ = c.Mend() // What it would put back goes with the cluster.
	var closing sync.WaitGroup
	for _, h := range c.all {
		closing.Go(func() { _ = h.Close() }) // it has nothing to say
	}
	closing.Wait()
	c.cancel()
	c.serving.Wait()
	c.ground.close()
}

// seed gives the hosts their past: a log that holds the backup's state, and the
// tasks that the master runs for it.
func (c *Cluster) seed(ctx context.Context, data []byte) error {
	first := c.LogDir(c.Hosts[0])
	if err := scheduler.SeedLog(first, data); err != nil {
		return err
	}
	for i, h := range c.Hosts {
		if i > 0 {
			if err := os.CopyFS(c.LogDir(h), os.DirFS(first)); err != nil {
				return err
			}
		}
		if err := c.ground.own(h, host.Scheduler{}.LogDir("")); err != nil {
			return err
		}
	}
	tasks, err := scheduler.RunningTasks(data)
	if err != nil {
		return err
	}
	return master.Seed(ctx, c.Master, tasks)
}
