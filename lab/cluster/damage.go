package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/lab/host"
	"aurorabot/lab/mesoslog"
)

// The kinds of damage that are there before anybody looks.
const (
	Corrupt     = "corrupt"       // The files of the log have wrong bytes: its scheduler takes it for an EMPTY one.
	Missing     = "missing"       // The log's folder is gone (moved aside).
	EmptyLog    = "empty"         // The log's folder is new, without a file.
	Flapping    = "flapping"      // The log holds an entry that no scheduler can decode: each leader ends when it replays it.
	ExitAtStart = "exit-at-start" // The log cannot be opened: its scheduler exits with status 1, again and again.
	Down        = "down"          // All schedulers are stopped; their logs are whole.
	Unlisted    = "unlisted-host" // A fourth scheduler is registered that nobody configured.

	FlappingZooKeeper   = "flapping-zookeeper"            // Leaders lose their ZooKeeper sessions, again and again.
	RegistrationTimeout = "registration-timeout"          // The Mesos master is gone: each leader gives up in turn.
	WrongQuorum         = "wrong-quorum"                  // One host runs with another quorum than the others.
	ForeignFramework    = "foreign-framework"             // The backup is another cluster's.
	OldBackup           = "old-backup"                    // Two logs are gone, and the only backup is 40 days old.
	RealListener        = "real-listener-on-fake-address" // The fake Mesos address is that of a real ZooKeeper.
)

// The kinds that happen in the middle of a run: package script does them.
const (
	LeaderChange    = "leader-change-after-stage" // The leader loses its leadership when the backup is staged on it.
	WriteTimeout    = "write-timeout-at-commit"   // The quorum is gone when the commit is written, and comes back later.
	LostReply       = "lost-commit-reply"         // The commit takes effect, and its answer is lost.
	CommitNonLeader = "commit-on-non-leader"      // The leader is restarted and the backup staged there again by hand: it looks verified, and follows.
	SwappedStaging  = "swapped-staging"           // Somebody unloads what is staged and stages another backup, between approval and commit.
	ProofLineBefore = "proof-line-before-commit"  // The log's newest snapshot is the backup: who starts prints the "proof" line. The commit never arrives.
)

// DamageKinds are all kinds, in the order of help.
var DamageKinds = []string{
	Corrupt, Missing, EmptyLog, Flapping, ExitAtStart, Down, Unlisted,
	FlappingZooKeeper, RegistrationTimeout, WrongQuorum, ForeignFramework, OldBackup, RealListener,
	LeaderChange, WriteTimeout, LostReply, CommitNonLeader, SwappedStaging, ProofLineBefore,
}

// InRun reports whether a kind happens in the middle of a run.
func InRun(kind string) bool {
	return slices.Contains([]string{LeaderChange, WriteTimeout, LostReply, CommitNonLeader, SwappedStaging, ProofLineBefore}, kind)
}

// Damage is what is broken before anybody looks. The zero value is none.
type Damage struct {
	Kind  string
	Hosts int // How many logs, where it is logs that are broken.
}

// ParseDamage reads KIND or KIND:N, for a cluster of so many schedulers; N is by default 2.
func ParseDamage(text string, schedulers int) (Damage, error) {
	kind, number, given := strings.Cut(text, ":")
	d := Damage{Kind: kind, Hosts: min(2, schedulers)}
	if given {
		n, err := strconv.Atoi(number)
		if err != nil {
			return d, fmt.Errorf("damage %q: %q is no number of hosts", text, number)
		}
		d.Hosts = n
	}
	return d, d.check(schedulers)
}

func (d Damage) check(schedulers int) error {
	switch {
	case d.Kind == "":
		return nil
	case !slices.Contains(DamageKinds, d.Kind):
		return fmt.Errorf("damage %q: the kinds are %s", d.Kind, strings.Join(DamageKinds, ", "))
	case d.Hosts < 1 || d.Hosts > schedulers:
		return fmt.Errorf("damage %s: %d hosts; the lab has %d", d.Kind, d.Hosts, schedulers)
	}
	return nil
}

// damage does it, and waits until it has its effect.
func (c *Cluster) damage(ctx context.Context, leader host.Machine) error {
	switch kind := c.opt.Damage.Kind; kind {
	case "", ForeignFramework, RealListener:
		return nil // Nothing, or in the backup and in the bot's configuration.
	case FlappingZooKeeper:
		return c.flapZooKeeper(ctx)
	case RegistrationTimeout:
		return c.giveUpRegistering(ctx)
	case WrongQuorum:
		return c.wrongQuorum(ctx, leader)
	case LeaderChange, WriteTimeout, LostReply, CommitNonLeader, SwappedStaging, ProofLineBefore:
		return nil // Later.
	case Flapping:
		return c.spoilLog(ctx, leader)
	case Unlisted:
		return c.addUnlisted(ctx)
	case Down:
		return c.stop(append(c.others(leader), leader)) // The leader last: else another one is elected in between.
	}
	victims := c.victims(leader)
	quorum := len(c.Hosts)-len(victims) > len(c.Hosts)/2
	stopped := victims
	if !quorum {
		// All of them, as when the power fails: a leader that was elected while
		// there still was a quorum goes on until it writes. The leader last: else
		// another one is elected in between, and the promise that it is given stands
		// at the end of the others' write-ahead logs, which the damage leaves.
		stopped = append(c.others(leader), leader)
	}
	if err := c.stop(stopped); err != nil {
		return err
	}
	for _, h := range victims {
		c.Truth.Damaged = append(c.Truth.Damaged, h.Name())
		if err := breakLog(c.brokenAs(), c.LogDir(h)); err != nil {
			return fmt.Errorf("damage the log of %s: %w", h.Name(), err)
		}
		if c.brokenAs() == Missing {
			continue
		}
		if err := c.ground.own(h, host.Scheduler{}.LogDir("")); err != nil {
			return err
		}
	}
	// With a quorum left a replica that lost its log catches up within a second
	// of its start, and nothing of the damage would be left to see. So it stays
	// as its operator found it: stopped.
	if quorum && c.opt.Damage.Kind != ExitAtStart {
		return nil
	}
	for _, h := range stopped {
		if _, err := c.Systemctl(h, "start", host.Unit); err != nil {
			return err
		}
	}
	return c.settle(ctx, victims, quorum)
}

// brokenAs is how logs are broken.
func (c *Cluster) brokenAs() string {
	if c.opt.Damage.Kind == OldBackup {
		return Missing
	}
	return c.opt.Damage.Kind
}

func (c *Cluster) stop(hosts []host.Machine) error {
	for _, h := range hosts {
		if _, err := c.Systemctl(h, "stop", host.Unit); err != nil {
			return err
		}
	}
	return nil
}

// settle waits until the started schedulers show what the damage did to them.
func (c *Cluster) settle(ctx context.Context, victims []host.Machine, quorum bool) error {
	if quorum {
		_, err := c.WaitLeader(ctx)
		return err
	}
	return until(ctx, time.Minute, "the schedulers to find their logs", func() bool {
		for _, h := range c.Hosts {
			log := c.SchedulerLog(h, 400)
			found := strings.Contains(log, "Starting replica recovery")
			if c.opt.Damage.Kind == ExitAtStart && slices.Contains(victims, h) {
				found = strings.Contains(log, "Failed to recover the log")
			}
			if !found {
				return false
			}
		}
		return c.Leader(ctx) == nil
	})
}

// victims are followers as long as a quorum is left; else the leader is the
// first, since one that goes on would hide the damage for a while.
func (c *Cluster) victims(leader host.Machine) []host.Machine {
	others := c.others(leader)
	if n := c.opt.Damage.Hosts; len(c.Hosts)-n > len(c.Hosts)/2 {
		return others[len(others)-n:]
	}
	return append([]host.Machine{leader}, others...)[:c.opt.Damage.Hosts]
}

// others are all hosts but the leader's.
func (c *Cluster) others(leader host.Machine) []host.Machine {
	return slices.DeleteFunc(slices.Clone(c.Hosts), func(h host.Machine) bool { return h == leader })
}

// breakLog breaks the log of a stopped scheduler.
func breakLog(kind, dir string) error {
	switch kind {
	case Missing, EmptyLog:
		if err := os.Rename(dir, dir+".lost"); err != nil {
			return err
		}
		if kind == EmptyLog {
			return os.Mkdir(dir, 0o755)
		}
		return nil
	case ExitAtStart:
		return os.Rename(filepath.Join(dir, "MANIFEST-"+manifest(dir)), filepath.Join(dir, "MANIFEST.lost"))
	}
	// Zeros in the middle of each table and write-ahead log, as a bad disk
	// leaves them: leveldb skips what has a wrong checksum without a word.
	files, err := filepath.Glob(filepath.Join(dir, "*.*"))
	if err != nil {
		return err
	}
	broken := 0
	for _, file := range files {
		if ext := filepath.Ext(file); ext != ".ldb" && ext != ".sst" && ext != ".log" {
			continue
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		if len(data) == 0 {
			continue
		}
		from, to := 0, max(1, len(data)*3/4) // The end stays: a table keeps its footer.
		if len(data) > 4096 {
			from = 16
		}
		clear(data[from:to])
		if err := os.WriteFile(file, data, 0o644); err != nil {
			return err
		}
		broken++
	}
	if broken == 0 {
		return errors.New("no table and no write-ahead log with bytes in it")
	}
	return nil
}

// manifest is the number of the folder's current MANIFEST.
func manifest(dir string) string {
	current, _ := os.ReadFile(filepath.Join(dir, "CURRENT")) // Without it the rename says so.
	return strings.TrimPrefix(strings.TrimSpace(string(current)), "MANIFEST-")
}

// spoilLog appends an entry to the log of all hosts that cannot be decoded.
func (c *Cluster) spoilLog(ctx context.Context, leader host.Machine) error {
	if err := c.stop(c.Hosts); err != nil {
		return err
	}
	for _, h := range c.Hosts {
		c.Truth.Damaged = append(c.Truth.Damaged, h.Name())
	}
	dir := c.LogDir(leader)
	if err := appendRaw(ctx, dir, c.ground.servers()+":0", []byte("garbage, garbage")); err != nil {
		return fmt.Errorf("spoil the log: %w", err)
	}
	// A leader would have replicated the entry; the others get it by copy.
	for _, h := range c.Hosts {
		if h == leader {
			continue
		}
		if err := os.Rename(c.LogDir(h), c.LogDir(h)+".before"); err != nil {
			return err
		}
		if err := os.CopyFS(c.LogDir(h), os.DirFS(dir)); err != nil {
			return err
		}
	}
	for _, h := range c.Hosts {
		if err := c.ground.own(h, host.Scheduler{}.LogDir("")); err != nil {
			return err
		}
		if _, err := c.Systemctl(h, "start", host.Unit); err != nil {
			return err
		}
	}
	return until(ctx, time.Minute, "a leader that ends while it replays", func() bool {
		for _, h := range c.Hosts {
			if strings.Contains(c.SchedulerLog(h, 400), "Caught unchecked exception") {
				return true
			}
		}
		return false
	})
}

func appendRaw(ctx context.Context, dir, listen string, entry []byte) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	l, err := mesoslog.Open(ctx, mesoslog.Options{Path: dir, Quorum: 1, Listen: listen})
	if err != nil {
		return err
	}
	defer l.Close()
	w := l.Writer()
	if _, ok, err := w.Start(ctx); err != nil || !ok {
		return fmt.Errorf("elect the writer: won %v: %w", ok, err)
	}
	_, err = w.Append(ctx, entry)
	return err
}

// addUnlisted starts a fourth scheduler that registers beside the others.
func (c *Cluster) addUnlisted(ctx context.Context) error {
	h, err := c.addHost(ctx, len(c.Hosts)+1)
	if err != nil {
		return err
	}
	c.Truth.Damaged = append(c.Truth.Damaged, h.Name())
	if err := c.ground.boot(h); err != nil {
		return err
	}
	return until(ctx, time.Minute, "the unlisted scheduler to be a candidate", func() bool {
		return strings.Contains(c.SchedulerLog(h, 0), "STORAGE_PREPARED") && c.candidate(ctx, h)
	})
}
