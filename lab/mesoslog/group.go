package mesoslog

import (
	"context"
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// group is the replicas' membership in ZooKeeper: the folder znode, in which
// each has an ephemeral sequential node that holds its pid text. As the real
// one, a replica has two sessions, one to watch and one to be a member.
type group struct {
	servers []string
	timeout time.Duration // Of the sessions.
	znode   string
	net     *network
	log     *glog
}

// memberName is the name of a member: ten digits, no prefix.
var memberName = regexp.MustCompile(`^[0-9]{10}$`)

// retryZooKeeper is the pause after an operation that failed.
const retryZooKeeper = 100 * time.Millisecond

type quiet struct{}

func (quiet) Printf(string, ...any) {}

// start begins both sessions. They end with the context, and the membership
// with them.
func (g *group) start(ctx context.Context, wg *sync.WaitGroup) {
	g.log.info("log.cpp:108", "Attempting to join replica to ZooKeeper group")
	wg.Go(func() { g.session(ctx, 1, 0, g.watch) })
	wg.Go(func() { g.session(ctx, 2, 1, g.join) })
}

// session keeps connection number n and runs work on it again and again.
func (g *group) session(ctx context.Context, n, joins int, work func(context.Context, *zk.Conn) error) {
	c, events, err := zk.Connect(g.servers, g.timeout, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		g.log.line(levelFatal, "log.cpp:274", "Failed to participate in ZooKeeper group: %v", err)
		return
	}
	var reporting sync.WaitGroup
	reporting.Go(func() { g.report(ctx, n, joins, events) })
	defer reporting.Wait()
	defer c.Close()
	for ctx.Err() == nil {
		if err := work(ctx, c); err != nil && ctx.Err() == nil {
			_ = pause(ctx, retryZooKeeper)
		}
	}
}

// report writes the lines of a session's life.
func (g *group) report(ctx context.Context, n, joins int, events <-chan zk.Event) {
	word, lost := "connected", false
	for {
		select {
		case e, open := <-events:
			if !open {
				return
			}
			switch e.State {
			case zk.StateHasSession:
				g.log.info("group.cpp:341", "Group process (zookeeper-group(%d)@%s) %s to ZooKeeper", n, g.net.address, word)
				g.log.info("group.cpp:831", "Syncing group operations: queue size (joins, cancels, datas) = (%d, 0, 0)", joins)
				if word == "connected" {
					g.log.info("group.cpp:419", "Trying to create path '%s' in ZooKeeper", g.znode)
				}
				word, lost = "reconnected", false
			case zk.StateDisconnected:
				if word == "reconnected" && !lost && ctx.Err() == nil {
					g.log.info("group.cpp:452", "Lost connection to ZooKeeper, attempting to reconnect ...")
				}
				lost = true
			case zk.StateExpired:
				g.log.info("group.cpp:511", "ZooKeeper session expired")
				word = "connected"
			}
		case <-ctx.Done():
			// The connection is being closed; its events still have to be
			// taken, or it would not end.
			for range events {
			}
			return
		}
	}
}

// makePath creates the folder and its parents.
func (g *group) makePath(c *zk.Conn) error {
	made := ""
	for name := range strings.SplitSeq(strings.Trim(g.znode, "/"), "/") {
		made += "/" + name
		if _, err := c.Create(made, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	return nil
}

// children are the members' names in order, with a watch for the next change.
func (g *group) children(c *zk.Conn) ([]string, <-chan zk.Event, error) {
	names, _, changed, err := c.ChildrenW(g.znode)
	if errors.Is(err, zk.ErrNoNode) {
		if err = g.makePath(c); err == nil {
			names, _, changed, err = c.ChildrenW(g.znode)
		}
	}
	names = slices.DeleteFunc(names, func(name string) bool { return !memberName.MatchString(name) })
	slices.Sort(names)
	return names, changed, err
}

// watch follows the members until something fails.
func (g *group) watch(ctx context.Context, c *zk.Conn) error {
	known := []string(nil)
	for {
		names, changed, err := g.children(c)
		if err != nil {
			return err
		}
		// The real one says nothing of an empty group, nor when nothing changed.
		if !slices.Equal(names, known) {
			known = names
			if err := g.gather(c, names); err != nil {
				return err
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// gather reads the pids of the members and tells the network.
func (g *group) gather(c *zk.Conn, names []string) error {
	g.log.info("network.hpp:437", "ZooKeeper group memberships changed")
	var pids []string
	for _, name := range names {
		node := path.Join(g.znode, name)
		g.log.info("group.cpp:700", "Trying to get '%s' in ZooKeeper", node)
		data, _, err := c.Get(node)
		if errors.Is(err, zk.ErrNoNode) {
			continue // gone again; the next change will say so
		}
		if err != nil {
			return err
		}
		pids = append(pids, string(data))
	}
	slices.Sort(pids)
	pids = slices.Compact(pids)
	g.log.info("network.hpp:485", "ZooKeeper group PIDs: { %s }", strings.Join(pids, ", "))
	g.net.setMembers(pids)
	return nil
}

// join creates our node, and again whenever it is gone.
func (g *group) join(ctx context.Context, c *zk.Conn) error {
	own, renew := "", false
	for {
		if own == "" {
			if renew {
				g.log.info("log.cpp:258", "Renewing replica group membership")
			}
			if err := g.makePath(c); err != nil {
				return err
			}
			node, err := c.Create(g.znode+"/", []byte(g.net.self), zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
			if err != nil {
				return fmt.Errorf("create a member of %s: %w", g.znode, err)
			}
			own, renew = path.Base(node), true
		}
		names, changed, err := g.children(c)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			// Our node is there as long as the session is, so we must not
			// make a second one: look again.
			if err := pause(ctx, retryZooKeeper); err != nil {
				return err
			}
			continue
		case !slices.Contains(names, own):
			own = ""
			continue
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
