package node

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"aurorabot/runner/zk"
)

// ZooKeeper is what is looked up there. An error means: cannot tell.
type ZooKeeper interface {
	Candidates(ctx context.Context, path string) ([]zk.Candidate, error)
	LogReplicas(ctx context.Context, path string) ([]zk.Replica, error)
	MesosMaster(ctx context.Context, path string) ([]zk.Master, error)
}

// OpenZooKeeper opens the connection to the servers of -zk_endpoints, directly or
// through this host.
func (n *Node) OpenZooKeeper(endpoints string) (ZooKeeper, error) {
	if n.Cluster.ZooKeeper != "host" {
		return n.ZooKeeper(endpoints, nil)
	}
	return n.ZooKeeper(endpoints, func(_, address string, limit time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		defer cancel()
		return n.Host.Dial(ctx, address)
	})
}

// Group reads the candidates and the log's replicas by a scheduler's flags, through
// this host. A list that is not there is empty.
func (n *Node) Group(ctx context.Context, flags map[string]string) (candidates []zk.Candidate, replicas []zk.Replica, err error) {
	z, err := n.OpenZooKeeper(flags["zk_endpoints"])
	if err != nil {
		return nil, nil, err
	}
	if candidates, err = z.Candidates(ctx, flags["serverset_path"]); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return nil, nil, fmt.Errorf("who is configured and who is there can't be compared: %w", err)
	}
	if replicas, err = z.LogReplicas(ctx, flags["native_log_zk_group_path"]); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return candidates, nil, fmt.Errorf("which replicas the log has can't be told: %w", err)
	}
	return candidates, replicas, nil
}

// SchedulerOf names the configured scheduler that ZooKeeper calls hostname: by
// the configuration, or by its own -hostname flag. "" if there is none.
func (s *Nodes) SchedulerOf(hostname string, looks map[string]Look) string {
	if c := s.Cluster.ByHostname(hostname); c != nil {
		return c.Name
	}
	for name, l := range looks {
		if l.Flags["hostname"] == hostname {
			return name
		}
	}
	return ""
}
