package scheduler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"
)

// A candidate stands for election under -serverset_path, advertises itself once
// it is told to, and knows who is advertised.
type candidate struct {
	set     *settings
	version version
	log     *logger
	elected func() // called once, when this candidate leads
	lost    func() // called when the session that it led with is gone
	expired func() // called when its session expired, whether it led or not

	conn   *zk.Conn
	events <-chan zk.Event

	mu      sync.Mutex
	node    string // our candidate node, full path
	leading bool
	members []member
	known   bool // members were read at least once
	member  string
	closed  bool
}

// A member is what an advertised leader writes of itself.
type member struct {
	Service    endpoint            `json:"serviceEndpoint"`
	Additional map[string]endpoint `json:"additionalEndpoints"`
	Status     string              `json:"status"`
}

type endpoint struct {
	Host string `json:"host"`
	Port int    `json:"port"`
}

type quiet struct{}

func (quiet) Printf(string, ...any) {}

func (c *candidate) connect() error {
	conn, events, err := zk.Connect(c.set.zk, c.set.zkSession, zk.WithLogger(quiet{}), zk.WithLogInfo(false))
	if err != nil {
		return fmt.Errorf("zookeeper %v: %w", c.set.zk, err)
	}
	c.conn, c.events = conn, events
	return nil
}

// run stands for election until ctx ends.
func (c *candidate) run(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { c.watchSession(ctx) })
	wg.Go(func() { c.watchMembers(ctx) })
	for ctx.Err() == nil {
		if err := c.stand(ctx); err != nil && ctx.Err() == nil {
			c.pause(ctx)
		}
	}
	wg.Wait()
}

func (c *candidate) pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(200 * time.Millisecond):
	}
}

// watchSession reports the loss of the connection. The real scheduler's
// selector gives up leading as soon as it is suspended.
func (c *candidate) watchSession(ctx context.Context) {
	connected := false
	for {
		select {
		case <-ctx.Done():
			return
		case e, ok := <-c.events:
			if !ok {
				return
			}
			if e.Type != zk.EventSession {
				continue
			}
			switch e.State {
			case zk.StateHasSession:
				if !connected {
					c.log.info("main-EventThread", "ConnectionStateManager", "State change: CONNECTED")
				}
				connected = true
			case zk.StateDisconnected:
				if connected {
					c.log.info("main-EventThread", "ConnectionStateManager", "State change: SUSPENDED")
					connected = false
					c.defeat()
				}
			case zk.StateExpired:
				c.log.info("main-EventThread", "ConnectionStateManager", "State change: LOST")
				c.mu.Lock()
				c.node, c.member = "", ""
				c.mu.Unlock()
				c.defeat()
				c.expired()
			}
		}
	}
}

func (c *candidate) defeat() {
	c.mu.Lock()
	led := c.leading && !c.closed
	c.leading = false
	c.mu.Unlock()
	if led {
		c.lost()
	}
}

// stand creates our node if it is not there, and waits until it is the lowest
// or the world has changed.
func (c *candidate) stand(ctx context.Context) error {
	c.mu.Lock()
	node := c.node
	c.mu.Unlock()
	if node == "" {
		var err error
		if node, err = c.nominate(); err != nil {
			return err
		}
	}
	children, _, err := c.conn.Children(c.set.serverset)
	if err != nil {
		return err
	}
	name := path.Base(node)
	rivals := candidates(children)
	at := slices.Index(rivals, name)
	if at < 0 { // expired under us
		c.mu.Lock()
		c.node = ""
		c.mu.Unlock()
		return errors.New("our candidate node is gone")
	}
	if at > 0 {
		there, _, gone, err := c.conn.ExistsW(c.set.serverset + "/" + rivals[at-1])
		if err != nil || !there {
			return err
		}
		select {
		case <-ctx.Done():
		case <-gone:
		}
		return nil
	}
	c.mu.Lock()
	c.leading = true
	c.mu.Unlock()
	c.elected()
	<-ctx.Done()
	return nil
}

// nominate creates our candidate node.
func (c *candidate) nominate() (string, error) {
	uuid := newUUID()
	prefix, curator := c.version.candidate(uuid)
	data := c.set.hostname
	if !curator {
		data = c.set.bind()
	}
	if err := c.parents(); err != nil {
		return "", err
	}
	node, err := c.conn.Create(c.set.serverset+"/"+prefix, []byte(data), zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	c.node = node
	c.mu.Unlock()
	return node, nil
}

func (c *candidate) parents() error {
	at := ""
	for _, part := range strings.Split(strings.Trim(c.set.serverset, "/"), "/") {
		at += "/" + part
		if _, err := c.conn.Create(at, nil, 0, zk.WorldACL(zk.PermAll)); err != nil && !errors.Is(err, zk.ErrNodeExists) {
			return err
		}
	}
	return nil
}

// candidates returns the candidate nodes, the leader's first: the lowest number
// leads, whatever stands before the number.
func candidates(children []string) []string {
	var out []string
	for _, c := range children {
		if strings.HasPrefix(c, "_c_") || strings.HasPrefix(c, "singleton_candidate_") {
			out = append(out, c)
		}
	}
	number := func(s string) string { return s[max(0, len(s)-10):] }
	slices.SortFunc(out, func(a, b string) int { return strings.Compare(number(a), number(b)) })
	return out
}

// advertise creates our member node: only a registered leader has one.
func (c *candidate) advertise(port int) error {
	e := endpoint{c.set.hostname, port}
	data, err := json.Marshal(member{e, map[string]endpoint{c.set.endpointName: e}, "ALIVE"})
	if err != nil {
		return err
	}
	node, err := c.conn.Create(c.set.serverset+"/member_", data, zk.FlagEphemeral|zk.FlagSequence, zk.WorldACL(zk.PermAll))
	if err != nil {
		return fmt.Errorf("advertise in %s: %w", c.set.serverset, err)
	}
	c.mu.Lock()
	c.member = node
	c.mu.Unlock()
	return nil
}

// watchMembers keeps the list of advertised leaders.
func (c *candidate) watchMembers(ctx context.Context) {
	for ctx.Err() == nil {
		children, _, changed, err := c.conn.ChildrenW(c.set.serverset)
		if err != nil {
			c.pause(ctx)
			continue
		}
		var list []member
		for _, ch := range children {
			if !strings.HasPrefix(ch, "member_") {
				continue
			}
			data, _, err := c.conn.Get(c.set.serverset + "/" + ch)
			var m member
			if err == nil && json.Unmarshal(data, &m) == nil {
				list = append(list, m)
			}
		}
		c.mu.Lock()
		c.members, c.known = list, true
		c.mu.Unlock()
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// leader returns the advertised leader's HTTP endpoint. With none, or more than
// one, there is none.
func (c *candidate) leader() (endpoint, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.members) != 1 {
		return endpoint{}, false
	}
	m := c.members[0]
	if e, ok := m.Additional["http"]; ok {
		return e, true
	}
	return m.Service, true
}

// connected says whether there is a session now.
func (c *candidate) connected() bool { return c.conn != nil && c.conn.State() == zk.StateHasSession }

// close ends the session, and with it our nodes.
func (c *candidate) close() {
	c.mu.Lock()
	done := c.closed
	c.closed, c.leading = true, false
	c.mu.Unlock()
	if !done && c.conn != nil {
		c.conn.Close()
	}
}
