package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/go-zookeeper/zk"

	"aurorabot/lab/host"
)

// Disabled returns the host whose scheduler leads and waits for a Mesos master,
// as in an open recovery, or nil.
func (c *Cluster) Disabled() host.Machine {
	for _, h := range c.Hosts {
		body, err := c.ground.http(h, http.MethodGet, "http://"+c.HTTP(h)+"/vars")
		if err == nil && slices.Contains(strings.Split(body, "\n"), "scheduler_lifecycle_LEADER_AWAITING_REGISTRATION 1") {
			return h
		}
	}
	return nil
}

// WaitDisabled waits for such a leader on another host than but, half a minute
// at most.
func (c *Cluster) WaitDisabled(ctx context.Context, but host.Machine) (host.Machine, error) {
	var leader host.Machine
	err := until(ctx, 30*time.Second, "a disabled leader", func() bool {
		leader = c.Disabled()
		return leader != nil && leader != but
	})
	return leader, err
}

// WaitReady waits until a host's scheduler has replayed the log.
func (c *Cluster) WaitReady(ctx context.Context, h host.Machine) error {
	return until(ctx, 30*time.Second, "the storage of "+h.Name(), func() bool {
		_, err := c.ground.http(h, http.MethodGet, "http://"+c.HTTP(h)+"/lab/state")
		return err == nil
	})
}

// Knob changes a knob of a host's scheduler while it runs.
func (c *Cluster) Knob(h host.Machine, name, value string) error {
	_, err := c.ground.http(h, http.MethodPost, "http://"+c.HTTP(h)+"/lab/knobs?"+name+"="+value)
	return err
}

// Operator is somebody else at a host's aurora_admin, who talks to that host's
// scheduler alone.
func (c *Cluster) Operator(h host.Machine, verb string, args ...string) error {
	const dir = "/tmp/operator"
	if err := os.MkdirAll(h.Path(dir), 0o755); err != nil {
		return err
	}
	text := fmt.Sprintf(`[{"name": %q, "scheduler_uri": "http://%s", "auth_mechanism": "UNAUTHENTICATED"}]`, Name, c.HTTP(h))
	if err := os.WriteFile(filepath.Join(h.Path(dir), "clusters.json"), []byte(text), 0o644); err != nil {
		return err
	}
	_, err := c.ground.admin(h, dir, append([]string{verb, "--bypass-leader-redirect", Name}, args...))
	return err
}

// PutBackup writes another backup into a host's folder, under a name.
func (c *Cluster) PutBackup(h host.Machine, name string, data []byte) error {
	if err := os.MkdirAll(c.BackupDir(h), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(c.BackupDir(h), name), data, 0o644); err != nil {
		return err
	}
	return c.ground.own(h, host.Scheduler{}.BackupDir(""))
}

// LoseSessions ends the ZooKeeper sessions of a host's scheduler, first the
// log's, then the election's, as a pause of its JVM does. Where the lab's
// ZooKeeper is a real one nobody can do that: false.
func (c *Cluster) LoseSessions(ctx context.Context, h host.Machine) (bool, error) {
	before := strings.Count(c.SchedulerLog(h, 0), "ZooKeeper session expired")
	ok, err := c.endSession(h, logGroup)
	if !ok || err != nil {
		return ok, err
	}
	// A process that ends at once would not have said that this session was lost, too.
	err = until(ctx, 20*time.Second, "the log's lost session", func() bool {
		return strings.Count(c.SchedulerLog(h, 0), "ZooKeeper session expired") > before
	})
	if err != nil {
		return false, err
	}
	return c.endSession(h, serverset)
}

// endSession ends the session that a host's ephemeral node below path belongs to.
func (c *Cluster) endSession(h host.Machine, path string) (bool, error) {
	done := false
	err := c.withZooKeeper(func(conn *zk.Conn) error {
		children, _, err := conn.Children(path)
		if err != nil {
			return err
		}
		for _, child := range children {
			data, stat, err := conn.Get(path + "/" + child)
			if err != nil || !strings.Contains(string(data), c.IP(h)) {
				continue
			}
			done = c.ground.expire(stat.EphemeralOwner) || done
		}
		return nil
	})
	return done, err
}

func (c *Cluster) withZooKeeper(do func(*zk.Conn) error) error {
	conn, _, err := zk.Connect([]string{c.ZooKeeper}, 5*time.Second, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(conn)
}

// masters is where Mesos masters stand in ZooKeeper.
const masters = "/mesos"

// withdrawMaster takes the Mesos master's node away: nobody finds it any more.
func (c *Cluster) withdrawMaster() error {
	return c.withZooKeeper(func(conn *zk.Conn) error {
		children, _, err := conn.Children(masters)
		if err != nil {
			return err
		}
		for _, child := range children {
			node := masters + "/" + child
			data, _, err := conn.Get(node)
			if err != nil {
				return err
			}
			c.withdrawn = append(c.withdrawn, masterNode{node, data})
			if err := conn.Delete(node, -1); err != nil {
				return err
			}
		}
		if len(c.withdrawn) == 0 {
			return errors.New("no Mesos master stands in ZooKeeper")
		}
		return nil
	})
}

// A masterNode is a node that was withdrawn.
type masterNode struct {
	path string
	data []byte
}

// returnMaster puts it back.
func (c *Cluster) returnMaster() error {
	return c.withZooKeeper(func(conn *zk.Conn) error {
		for _, n := range c.withdrawn {
			if _, err := conn.Create(n.path, n.data, 0, zk.WorldACL(zk.PermAll)); err != nil {
				return err
			}
		}
		c.withdrawn = nil
		return nil
	})
}
