// Package node is one scheduler host: the helper that is put there and what it
// is asked, the supervisor, the configuration file and its flags, the firewall,
// processes, copies of the log, jobs, and the same on all hosts at once.
package node

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/zk"
)

// Nodes are the scheduler hosts of one cluster, and what it takes to work with them.
type Nodes struct {
	Cluster *aurora.Cluster
	Profile aurora.Profile
	Hosts   map[string]runner.Host // By the names of the schedulers.
	Now     func() time.Time

	// ZooKeeper looks at the servers of -zk_endpoints; dial is nil to go
	// directly, or goes through a host.
	ZooKeeper func(endpoints string, dial zk.Dialer) (ZooKeeper, error)

	// Helper is this program, to be run on a host of that architecture.
	Helper Helper

	// Poll is how long to wait between two looks. Zero: 500 ms.
	Poll time.Duration

	proved sync.Map // By host and path: the identity of the program whose hash was right.
}

// A Helper is this program, for a host of that architecture.
type Helper func(arch string) (open func() (io.ReadCloser, error), sha256 string, err error)

// A Node is one scheduler host, as one run or one look works with it.
type Node struct {
	*Nodes
	Name      string
	Host      runner.Host
	Scheduler *aurora.Scheduler
	RunID     string // Names folders and jobs of the run. Empty: there is no run.
	Job       Job
	Tool      Tool // The helper on the host. Zero: it is not there.

	// Known is what was found on the host before.
	Known func() (Look, error)
}

// Node is a host by its scheduler's name, outside of any run.
func (s *Nodes) Node(name string) *Node {
	return &Node{Nodes: s, Name: name, Host: s.Hosts[name], Scheduler: s.Cluster.Scheduler(name), Known: func() (Look, error) {
		return Look{}, fmt.Errorf("pre-flight of %s is not in the journal", name)
	}}
}

// Everywhere asks all nodes at once, and returns the answers in their order, with
// the error of the first one that has one.
func Everywhere[T any](nodes []*Node, ask func(*Node) (T, error)) ([]T, error) {
	answers, errs := make([]T, len(nodes)), make([]error, len(nodes))
	var asking sync.WaitGroup
	for i, n := range nodes {
		asking.Go(func() { answers[i], errs[i] = ask(n) })
	}
	asking.Wait()
	for i, err := range errs {
		if err != nil {
			return answers, fmt.Errorf("%s: %w", nodes[i].Name, err)
		}
	}
	return answers, nil
}

// Client asks the scheduler over HTTP, through its host.
func (n *Node) Client() *aurora.Client {
	return &aurora.Client{Address: n.Scheduler.HTTP, Front: n.Scheduler.HTTPS, Access: n.Cluster.API, Dial: n.Host.Dial, Limit: 30 * time.Second}
}

// Pause waits for the time between two looks, and at least so long.
func (s *Nodes) Pause(ctx context.Context, least time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(max(least, cmp.Or(s.Poll, 500*time.Millisecond))):
		return nil
	}
}

// Until looks again and again until look says yes, an ending, or limit is over;
// it returns the last answer. Nothing is slept away: a cancelled ctx ends it at once.
func (s *Nodes) Until(ctx context.Context, limit time.Duration, look func(context.Context) (runner.Answer, error)) (runner.Answer, error) {
	end := s.Now().Add(limit)
	for {
		a, err := look(ctx)
		if err == nil && a.Yes {
			return a, nil
		}
		if stop := (*runner.Ending)(nil); errors.As(err, &stop) || !s.Now().Before(end) {
			return a, err
		}
		if cut := s.Pause(ctx, 0); cut != nil {
			if err == nil {
				err = cut
			}
			return a, err
		}
	}
}

// Hello bounds the first word of a host; one that hangs shall not hold up the others.
const Hello = 20 * time.Second

// Run runs argv on the host and wants exit status 0.
func (n *Node) Run(ctx context.Context, user string, argv ...string) (runner.Output, error) {
	return n.run(ctx, runner.Keeper{}, user, argv)
}

// Peek is Run for a command that only looks: the helper may keep a session for it.
func (n *Node) Peek(ctx context.Context, user string, argv ...string) (runner.Output, error) {
	return n.run(ctx, n.through(), user, argv)
}

// asRoot runs commands as root, one after the other, until one fails.
func asRoot(ctx context.Context, n *Node, commands ...[]string) error {
	for _, argv := range commands {
		if _, err := n.Run(ctx, "root", argv...); err != nil {
			return err
		}
	}
	return nil
}

func (n *Node) run(ctx context.Context, by runner.Keeper, user string, argv []string) (runner.Output, error) {
	out, err := n.Host.Run(ctx, runner.Command{Argv: argv, User: user, Through: by})
	if err != nil {
		return out, err // The transport says which command, and on which host.
	}
	if out.Exit != 0 {
		return out, fmt.Errorf("%s: exit status %d: %s", Shown(argv), out.Exit, Tail(out))
	}
	return out, nil
}

// SHA256 is the hash of b, in hexadecimal digits.
func SHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
