// Package mesoslog stands in for the Mesos replicated log that Aurora's
// schedulers keep their state in: the library ([Open]) and the tool mesos-log
// ([Main]).
//
// A replica's folder is the real thing, a LevelDB database with the records of
// the real one, so that either reads what the other wrote. Replicas find each
// other through ZooKeeper as the real ones do, and agree by the same protocol
// with the same log lines, but they speak to each other in a format of their
// own: a group cannot mix both kinds.
package mesoslog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Options say which replica to open and how to reach the others.
type Options struct {
	Path   string // The replica's folder. Made if it is missing, but not its parents.
	Quorum int    // Replicas that must agree: (size of the group)/2 + 1.

	ZK         []string      // ZooKeeper servers, HOST:PORT.
	ZNode      string        // Folder of the members, such as /aurora/replicated-log.
	ZKTimeout  time.Duration // Session timeout. Zero means 10 seconds.
	Members    []string      // Pid texts of all replicas, instead of ZooKeeper: when ZK is empty.
	Listen     string        // IP:PORT to answer the other replicas at. Port 0 means any.
	Advertise  string        // IP:PORT told to the others. Empty means where we listen.
	ID         string        // Name in the pid text. Empty means log-replica(1).
	Verbosity  int           // As GLOG_v: 1 adds a line for each record persisted.
	NoPreamble bool          // Leaves out the line that glog writes before its first.

	// AutoInitialize lets replicas become VOTING by themselves when all of
	// them are EMPTY. Aurora never sets it.
	AutoInitialize bool
	// Alone, while it says so, cuts this replica off: it neither hears the
	// others nor is heard, as where a network breaks. Nil: never.
	Alone func() bool
	// WriteTimeout is how long Append and Truncate wait. Zero means 3 seconds.
	WriteTimeout time.Duration
	// RoundTimeout is the longest time of one round of the recover protocol.
	// Zero means 10 seconds.
	RoundTimeout time.Duration

	Log io.Writer        // Gets the log lines, as the real one's stderr. Nil means none.
	Now func() time.Time // Clock of the log lines. Nil means the system's.
}

// Log is an open replica and its place in the group.
type Log struct {
	options Options
	log     *glog
	replica *replica
	net     *network

	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	recovered chan struct{} // Closed when the replica votes.
	failure   chan error    // Has the reason why it never will.

	mu      sync.Mutex
	closing bool // No more operations are let in.
}

// Open opens the replica, joins the group and starts to recover. It does not
// wait for the others: see [Log.Recovered].
//
// An error wraps what the folder is refused for, in the recorded words, or
// says that the address cannot be used; the first was logged as the line with
// which the real process exits with status 1. The log lives until Close or
// until ctx ends.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.Quorum < 1 {
		return nil, fmt.Errorf("open replicated log in %s: quorum %d is not positive", o.Path, o.Quorum)
	}
	if o.WriteTimeout == 0 {
		o.WriteTimeout = 3 * time.Second
	}
	if o.RoundTimeout == 0 {
		o.RoundTimeout = 10 * time.Second
	}
	if o.ZKTimeout == 0 {
		o.ZKTimeout = 10 * time.Second
	}
	if o.ID == "" {
		o.ID = "log-replica(1)"
	}
	log := newGlog(o.Log, o.Now)
	log.verbosity = o.Verbosity
	if !o.NoPreamble {
		log.raw(early)
	}
	listener, err := net.Listen("tcp", o.Listen)
	if err != nil {
		log.line(levelFatal, "process.cpp:1124", "Failed to initialize: Failed to bind on %s: %s", o.Listen, strerror(err))
		return nil, fmt.Errorf("open replicated log in %s: %w", o.Path, err)
	}
	r, err := openReplica(o.Path, log)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	if o.Advertise == "" {
		o.Advertise = listener.Addr().String()
	}
	l := &Log{options: o, log: log, replica: r, recovered: make(chan struct{}), failure: make(chan error, 1)}
	l.ctx, l.cancel = context.WithCancel(ctx)
	l.net = newNetwork(l.ctx, &l.wg, o.Advertise, l.PID(), r, log)
	l.net.alone = o.Alone
	l.net.serve(listener)
	if len(o.ZK) > 0 {
		g := &group{servers: o.ZK, timeout: o.ZKTimeout, znode: o.ZNode, net: l.net, log: log}
		g.start(l.ctx, &l.wg)
	} else {
		l.net.setMembers(append([]string{l.PID()}, o.Members...))
	}
	l.wg.Go(l.recover)
	// The folder is closed with the context too, when all that uses it ended.
	go func() {
		<-l.ctx.Done()
		_ = l.Close()
	}()
	return l, nil
}

func (l *Log) recover() {
	r := recovery{
		proposer: l.proposer(), replica: l.replica,
		autoInitialize: l.options.AutoInitialize, limit: l.options.RoundTimeout,
	}
	if err := r.run(l.ctx); err != nil {
		l.failure <- err
		return
	}
	close(l.recovered)
}

func (l *Log) proposer() proposer {
	return proposer{quorum: l.options.Quorum, net: l.net, log: l.log}
}

// PID is the pid text of the replica, as it stands in ZooKeeper.
func (l *Log) PID() string { return l.options.ID + "@" + l.options.Advertise }

// Status is the replica's status now.
func (l *Log) Status() Status { return l.replica.status() }

// Recovered is closed when the replica votes. Until then there is neither a
// reader nor a writer.
func (l *Log) Recovered() <-chan struct{} { return l.recovered }

// EnsembleSize is the number of replicas in the group, as the metric
// log/ensemble_size has it.
func (l *Log) EnsembleSize() int {
	n, _ := l.net.size()
	return n
}

// Close leaves the group and closes the folder. What is being written then
// fails; it may take effect all the same.
func (l *Log) Close() error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.cancel()
	l.wg.Wait()
	return l.replica.close()
}

// enter lets an operation in that Close has to wait for. It says no when the
// log is closing; else leave must be called.
func (l *Log) enter() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closing {
		return false
	}
	l.wg.Add(1)
	return true
}

func (l *Log) leave() { l.wg.Done() }

// wait returns when the replica votes.
func (l *Log) wait(ctx context.Context) error {
	select {
	case <-l.recovered:
		return nil
	case err := <-l.failure:
		l.failure <- err
		return err
	case <-l.ctx.Done():
		return errClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}
