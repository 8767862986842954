// Package proxy stands between a bot and the SSH server of a host of the lab,
// and spoils what goes through: the network's part of what can go wrong.
package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// A Fault is what a proxy does to its connections.
type Fault string

// The faults. All but Reset last until they are healed.
const (
	None     Fault = ""
	Reset    Fault = "reset"     // Open connections are reset, once; new ones are taken.
	Hang     Fault = "hang"      // Nothing goes through any more, in either direction; nothing is closed.
	HalfOpen Fault = "half-open" // What the host says does not arrive; what it is told does.
	Slow     Fault = "slow"      // One byte a second.
	Garbage  Fault = "garbage"   // Each connection gets bytes that the host did not send, once.
)

// Faults are all of them, in the order of documents.
var Faults = []Fault{Reset, Hang, HalfOpen, Slow, Garbage}

// A Proxy passes connections on to one address.
type Proxy struct {
	to       string
	listener net.Listener

	mu    sync.Mutex
	fault Fault
	turn  chan struct{} // Closed when the fault changes.
	conns map[net.Conn]bool
	done  sync.WaitGroup

	heard atomic.Int64
	due   atomic.Pointer[due]
}

// A due fault begins when clients have sent so many bytes.
type due struct {
	at    int64
	fault Fault
}

// Listen starts a proxy for the server at to, on a free port of ip.
func Listen(ip, to string) (*Proxy, error) {
	listener, err := net.Listen("tcp", net.JoinHostPort(ip, "0"))
	if err != nil {
		return nil, fmt.Errorf("proxy for %s: %w", to, err)
	}
	p := &Proxy{to: to, listener: listener, turn: make(chan struct{}), conns: map[net.Conn]bool{}}
	p.done.Go(p.serve)
	return p, nil
}

// Address is where the proxy listens.
func (p *Proxy) Address() string { return p.listener.Addr().String() }

// Close ends the proxy and all connections through it.
func (p *Proxy) Close() error {
	err := p.listener.Close()
	p.Set(None)
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.done.Wait()
	return err
}

// Heard is how many bytes clients have sent since the proxy was started, whether
// they were passed on or not, and how often one connected.
func (p *Proxy) Heard() int64 { return p.heard.Load() }

// After makes f what happens from when clients have sent n more bytes: those that
// reach the number are struck already.
func (p *Proxy) After(n int64, f Fault) { p.due.Store(&due{p.heard.Load() + n, f}) }

// Set makes f what happens from now on. None heals.
func (p *Proxy) Set(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.turn)
	p.turn = make(chan struct{})
	if f != Reset {
		p.fault = f
		return
	}
	p.fault = None
	for c := range p.conns {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // A reset instead of an end; a connection that is gone needs none.
		}
		c.Close()
	}
}

func (p *Proxy) now() (Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fault, p.turn
}

func (p *Proxy) serve() {
	for {
		near, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.heard.Add(1)
		p.done.Go(func() { p.pass(near) })
	}
}

func (p *Proxy) keep(c net.Conn, on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if on {
		p.conns[c] = true
		return
	}
	delete(p.conns, c)
}

func (p *Proxy) pass(near net.Conn) {
	defer near.Close()
	far, err := (&net.Dialer{Timeout: 5 * time.Second}).DialContext(context.Background(), "tcp", p.to)
	if err != nil {
		return // The host is off: its peer sees the connection end.
	}
	defer far.Close()
	for _, c := range []net.Conn{near, far} {
		p.keep(c, true)
		defer p.keep(c, false)
	}
	ended := make(chan struct{}, 2)
	p.done.Go(func() { p.copy(far, near, false); ended <- struct{}{} })
	p.done.Go(func() { p.copy(near, far, true); ended <- struct{}{} })
	<-ended
}

// errSpoiled ends a copy whose bytes are no longer the sender's.
var errSpoiled = errors.New("spoiled")

// copy passes bytes on; back is the direction from the host.
func (p *Proxy) copy(to io.Writer, from io.Reader, back bool) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		if !back {
			at := p.heard.Add(int64(n))
			if d := p.due.Load(); d != nil && at >= d.at && p.due.CompareAndSwap(d, nil) {
				p.Set(d.fault)
			}
		}
		if n > 0 && p.write(to, buf[:n], back) != nil {
			return
		}
		if err != nil {
			return
		}
	}
}

func (p *Proxy) write(to io.Writer, b []byte, back bool) error {
	for len(b) > 0 {
		fault, changed := p.now()
		switch {
		case fault == Hang:
			<-changed
			continue
		case fault == HalfOpen && back:
			return nil // Lost; what comes after it makes no sense to the peer.
		case fault == Garbage && back:
			_, _ = to.Write([]byte("\x00\x7fthis is not what the host said\r\n")) // A peer that is gone hears nothing.
			return errSpoiled
		case fault == Slow:
			if _, err := to.Write(b[:1]); err != nil {
				return err
			}
			b = b[1:]
			select {
			case <-changed:
			case <-time.After(time.Second):
			}
			continue
		}
		_, err := to.Write(b)
		return err
	}
	return nil
}
