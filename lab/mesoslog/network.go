package mesoslog

import (
	"context"
	"fmt"
	"maps"
	"net"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
)

// network is the group of replicas as this one knows it, and the way to talk
// to them. Requests that get lost are not repeated: whoever waits for the
// answers has a limit, as in the real one.
type network struct {
	address string // IP:PORT that stands in the pid texts of our messages.
	self    string // Our replica's pid.
	replica *replica
	log     *glog
	alone   func() bool // Nil: never.

	requests atomic.Uint64 // Numbers of __req_res__ in the pid texts.

	mu      sync.Mutex
	members map[string]bool
	changed chan struct{} // Closed and renewed at each change of members.
	links   map[string]*link
	local   chan func()
	ctx     context.Context
	wg      *sync.WaitGroup
}

func newNetwork(ctx context.Context, wg *sync.WaitGroup, address, self string, r *replica, log *glog) *network {
	n := &network{
		address: address, self: self, replica: r, log: log,
		members: map[string]bool{}, changed: make(chan struct{}), links: map[string]*link{},
		local: make(chan func(), 64), ctx: ctx, wg: wg,
	}
	wg.Go(func() {
		for {
			select {
			case f := <-n.local:
				f()
			case <-ctx.Done():
				return
			}
		}
	})
	return n
}

// pidAddress finds the address in a pid text, NAME(N)@IP:PORT.
var pidAddress = regexp.MustCompile(`^[^@]+@([0-9.]+:[0-9]+)$`)

// setMembers takes over the members of the group, as pid texts.
func (n *network) setMembers(pids []string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.members = map[string]bool{}
	for _, pid := range pids {
		n.members[pid] = true
	}
	close(n.changed)
	n.changed = make(chan struct{})
}

// pids are the members, sorted.
func (n *network) pids() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Sorted(maps.Keys(n.members))
}

// size is the number of members, and a channel that is closed at the next
// change of them.
func (n *network) size() (int, <-chan struct{}) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.members), n.changed
}

// watch waits until there are at least want members.
func (n *network) watch(ctx context.Context, want int) error {
	for {
		have, changed := n.size()
		if have >= want {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// broadcast sends q to every member. The channel has room for all answers;
// those that do not come are simply missing. sent is their greatest number.
func (n *network) broadcast(q request) (answers <-chan response, sent int) {
	pids := n.pids()
	c := make(chan response, len(pids))
	for _, pid := range pids {
		q.From = fmt.Sprintf("__req_res__(%d)@%s", n.requests.Add(1), n.address)
		if pid != n.self {
			if !n.cut() {
				n.link(pid).send(q, c)
			}
			continue
		}
		own := q
		n.here(func() {
			if answer, ok := n.replica.handle(own); ok {
				c <- answer
			}
		})
	}
	return c, len(pids)
}

// learn tells every member that a is decided. It returns when our own replica
// has taken note, after everything that it was sent before.
func (n *network) learn(ctx context.Context, a action) error {
	a.Learned, a.HasLearned = true, true
	q := request{Kind: kindLearned, Action: a, From: "log-network(1)@" + n.address}
	for _, pid := range n.pids() {
		if pid != n.self && !n.cut() {
			n.link(pid).send(q, nil)
		}
	}
	done := make(chan struct{})
	n.here(func() {
		n.replica.handle(q)
		close(done)
	})
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// cut reports whether no message comes in or goes out now.
func (n *network) cut() bool { return n.alone != nil && n.alone() }

// here queues f for our own replica, behind what was queued before.
func (n *network) here(f func()) {
	select {
	case n.local <- f:
	case <-n.ctx.Done():
	}
}

func (n *network) link(pid string) *link {
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.links[pid]
	if l == nil {
		address := ""
		if m := pidAddress.FindStringSubmatch(pid); m != nil {
			address = m[1]
		}
		l = newLink(n.ctx, n.wg, address, n.log)
		n.links[pid] = l
	}
	return l
}

// serve answers the peers that connect to l, until the context ends.
func (n *network) serve(l net.Listener) {
	n.wg.Go(func() {
		<-n.ctx.Done()
		_ = l.Close()
	})
	n.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			n.wg.Go(func() { n.answer(c) })
		}
	})
}
