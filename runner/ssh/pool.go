package ssh

import (
	"context"
	"fmt"
	"sync"
)

// A Pool bounds how many connections are open at once over all hosts that share
// it. Where there is no room, the connection that nobody has used for longest is
// closed; connections in use never are: who needs another one waits. A nil Pool
// sets no bound.
type Pool struct {
	most int

	mu    sync.Mutex
	open  map[*Host]bool // Connected, or about to be.
	users map[*Host]int  // Sessions and forwarded connections of a host.
	used  map[*Host]int  // When a host was last used, in turns.
	turn  int
	peak  int
	freed chan struct{} // Closed, and made anew, when room may have come.
}

// NewPool returns a pool of at most that many connections; most is at least 1.
func NewPool(most int) *Pool {
	return &Pool{most: most, open: map[*Host]bool{}, users: map[*Host]int{}, used: map[*Host]int{}, freed: make(chan struct{})}
}

// Peak is how many connections there were at most.
func (p *Pool) Peak() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.peak
}

// use says that h is being used until the function that it returns is called.
func (p *Pool) use(h *Host) func() {
	if p == nil {
		return func() {}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[h]++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.turn++
		p.used[h] = p.turn
		if p.users[h]--; p.users[h] == 0 {
			delete(p.users, h)
			p.signal()
		}
	})
}

// room waits until h may connect. The caller holds h's turn, and tells gone
// when the connection has ended or did not come about.
func (p *Pool) room(ctx context.Context, h *Host) error {
	if p == nil {
		return nil
	}
	for {
		p.mu.Lock()
		if len(p.open) < p.most {
			p.open[h] = true
			p.peak = max(p.peak, len(p.open))
			p.mu.Unlock()
			return nil
		}
		freed := p.freed
		idle := p.idle()
		p.mu.Unlock()
		if idle != nil && idle.rest(p) {
			continue
		}
		select {
		case <-freed:
		case <-ctx.Done():
			return fmt.Errorf("waiting for one of %d connections: %w", p.most, context.Cause(ctx))
		}
	}
}

// idle is the host with a connection that nobody has used for longest; nil if
// all are in use.
func (p *Pool) idle() *Host {
	var best *Host
	for h := range p.open {
		if p.users[h] == 0 && (best == nil || p.used[h] < p.used[best]) {
			best = h
		}
	}
	return best
}

func (p *Pool) busy(h *Host) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.users[h] > 0
}

// gone says that h has no connection any more.
func (p *Pool) gone(h *Host) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, h)
	p.signal()
}

// signal wakes up all who wait. The caller holds mu.
func (p *Pool) signal() {
	close(p.freed)
	p.freed = make(chan struct{})
}

// rest closes the host's connection if nobody uses it, and reports whether there
// is room now. Whoever begins to use the host says so to the pool first and then
// waits for its turn, so that nothing is started on a connection that goes.
func (h *Host) rest(p *Pool) bool {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	default:
		return false // Somebody connects.
	}
	if p.busy(h) || h.link == nil {
		return false
	}
	h.link.end(errClosed)
	h.link = nil
	return true
}
