// Package zk looks into ZooKeeper for a recovery: who stands for leader, who is
// advertised, whose replicas are in the log's group, which Mesos master leads.
//
// It only reads. Each look is one connection that is closed afterwards, asks
// each server at most a few times, and ends soon after its limit at the
// latest. An answer is either complete or an error: a server that cannot be
// reached, a node that cannot be read or understood is never an empty list.
package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	gozk "github.com/go-zookeeper/zk"

	"aurorabot/runner/bound"
)

// ErrNoNode is what an error wraps if the path that was asked for does not
// exist: the server answered, and there is nothing.
var ErrNoNode = errors.New("no such node")

const (
	defaultLimit = 15 * time.Second

	// maxNodes is how many nodes a look reads at most. Aurora's and Mesos' paths
	// hold one or two for each host.
	maxNodes = 1000

	// maxData is how many bytes the nodes of one look hold at most, together. One
	// of Aurora's or Mesos' has some hundred.
	maxData = 8 << 20
)

// A Dialer connects to a server, directly or through a forward. It gets the
// address as it was configured, so that a name is resolved where the
// connection leaves for the server. It must end within about timeout.
type Dialer func(network, address string, timeout time.Duration) (net.Conn, error)

// A Client looks into one ensemble. It holds no connection between looks, and
// may be used concurrently.
type Client struct {
	address Address
	dial    Dialer

	// Limit is the longest time that one look may take. Zero means 15 s. Where
	// a server or the dialer hangs, letting go of it takes up to 3 s more.
	Limit time.Duration
}

// New returns a client for the ensemble at a. The path of a is not used: looks
// are given whole paths. A nil dial connects directly.
func New(a Address, dial Dialer) *Client {
	if dial == nil {
		dial = net.DialTimeout
	}
	return &Client{address: a, dial: dial}
}

// Candidates returns those that stand for leader under a scheduler's
// -serverset_path, the leader first.
func (c *Client) Candidates(ctx context.Context, serversetPath string) ([]Candidate, error) {
	return look(ctx, c, serversetPath, isCandidate, parseCandidates)
}

// Members returns the schedulers advertised under -serverset_path: the leader
// once it is active, and nobody while all are disabled.
func (c *Client) Members(ctx context.Context, serversetPath string) ([]Member, error) {
	return look(ctx, c, serversetPath, isMember, parseMembers)
}

// LogReplicas returns the members of a replicated log's group, oldest first
// (-native_log_zk_group_path).
func (c *Client) LogReplicas(ctx context.Context, groupPath string) ([]Replica, error) {
	return look(ctx, c, groupPath, isReplica, parseReplicas)
}

// MesosMaster returns the Mesos masters that stand for leader under path, the
// leader first.
func (c *Client) MesosMaster(ctx context.Context, path string) ([]Master, error) {
	return look(ctx, c, path, isMaster, parseMasters)
}

// A znode is one child of the path that is looked at.
type znode struct {
	name    string
	data    []byte
	owner   int64
	created time.Time
}

// look reads the children of path that are wanted, and has them parsed.
func look[T any](ctx context.Context, c *Client, path string, wanted func(string) bool, parse func([]znode) ([]T, error)) ([]T, error) {
	limit := c.Limit
	if limit <= 0 {
		limit = defaultLimit
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	l, err := c.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("zookeeper %s: %s: %w", c.servers(), path, err)
	}
	defer l.close()
	defer context.AfterFunc(ctx, l.close)()
	nodes, err := l.read(path, wanted)
	if err != nil {
		return nil, c.explain(ctx, l, path, err)
	}
	parsed, err := parse(nodes)
	if err != nil {
		return nil, fmt.Errorf("zookeeper %s: %s: %w", l.server(), path, err)
	}
	return parsed, nil
}

func (l *link) read(path string, wanted func(string) bool) ([]znode, error) {
	// A server that lags behind the leader would show us the past.
	if _, err := l.conn.Sync(path); err != nil {
		return nil, err
	}
	names, _, err := l.conn.Children(path)
	if err != nil {
		return nil, err
	}
	nodes, size := []znode{}, 0
	for _, name := range names {
		if !wanted(name) {
			continue
		}
		if len(nodes) == maxNodes {
			return nil, fmt.Errorf("more than %d nodes of one kind", maxNodes)
		}
		data, stat, err := l.conn.Get(strings.TrimSuffix(path, "/") + "/" + name)
		if errors.Is(err, gozk.ErrNoNode) {
			continue // gone since it was listed, with its session
		}
		if err != nil {
			return nil, err
		}
		if size += len(data); size > maxData {
			return nil, fmt.Errorf("%w: the nodes hold over %d bytes", bound.ErrTooMuch, maxData)
		}
		nodes = append(nodes, znode{name, data, stat.EphemeralOwner, time.UnixMilli(stat.Ctime).UTC()})
	}
	return nodes, nil
}

// explain says what an error of the client library means for the operator.
func (c *Client) explain(ctx context.Context, l *link, path string, err error) error {
	switch {
	case errors.Is(err, gozk.ErrNoNode):
		return fmt.Errorf("zookeeper %s: %s: %w", l.server(), path, ErrNoNode)
	case errors.Is(err, gozk.ErrNoAuth):
		return fmt.Errorf("zookeeper %s: %s: not allowed to read; its access list wants other credentials", l.server(), path)
	case errors.Is(err, gozk.ErrInvalidPath):
		return fmt.Errorf("zookeeper %s: %q: not a valid path", c.servers(), path)
	}
	why := err
	if errors.Is(err, gozk.ErrNoServer) || errors.Is(err, gozk.ErrConnectionClosed) || errors.Is(err, gozk.ErrClosing) {
		why = l.trouble()
	}
	if ctx.Err() != nil {
		return fmt.Errorf("zookeeper %s: %s: cannot tell: %w (%w)", c.servers(), path, ctx.Err(), why)
	}
	return fmt.Errorf("zookeeper %s: %s: cannot tell: %w", c.servers(), path, why)
}

func (c *Client) servers() string { return strings.Join(c.address.Servers, ",") }
