// Package zookeeper is a small ZooKeeper server that runs inside the process:
// a rehearsal cluster and tests talk to it over loopback TCP with the same
// client library that production code uses.
//
// It speaks the wire protocol of a standalone ZooKeeper 3.8: sessions with
// timeouts, persistent, ephemeral, sequential and container nodes, versions,
// access lists, watches, multi, and three four-letter words. One contract test
// gives it and a real ZooKeeper the same script and wants the same answers.
// It keeps everything in memory and forgets it at Close. There is no quorum,
// no SASL, no TLS, no reconfiguration; nodes with a time to live are refused,
// as a real server does unless it is told otherwise.
package zookeeper

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"sync"
	"time"
)

// maxConns is how many clients may be connected at once; more are closed.
const maxConns = 1000

// A Clock tells a server the time, for sessions and nodes. What guards against
// clients that hang in a read or write goes by the machine's time.
type Clock interface {
	// Now is the present time.
	Now() time.Time
	// Ticker returns a channel on which a value comes about every d, and a
	// function that stops it.
	Ticker(d time.Duration) (<-chan time.Time, func())
}

type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Ticker(d time.Duration) (<-chan time.Time, func()) {
	t := time.NewTicker(d)
	return t.C, t.Stop
}

// Options are the settings of a server. The zero value has ZooKeeper's own
// defaults.
type Options struct {
	TickTime   time.Duration // Sessions expire at multiples of it. Zero means 2 s.
	MinTimeout time.Duration // Shortest session timeout granted. Zero means 2 ticks.
	MaxTimeout time.Duration // Longest session timeout granted. Zero means 20 ticks.
	Clock      Clock         // Nil means the machine's clock.
}

func (o Options) withDefaults() Options {
	if o.TickTime <= 0 {
		o.TickTime = 2 * time.Second
	}
	if o.MinTimeout <= 0 {
		o.MinTimeout = 2 * o.TickTime
	}
	if o.MaxTimeout <= 0 {
		o.MaxTimeout = 20 * o.TickTime
	}
	if o.Clock == nil {
		o.Clock = wallClock{}
	}
	return o
}

// A Server is a running ZooKeeper. Its methods may be called concurrently.
type Server struct {
	opts     Options
	listener net.Listener
	done     chan struct{} // Closed when the server stops.
	running  sync.WaitGroup
	detach   func() bool // Ends the watch on Start's context.

	mu       sync.Mutex
	gate     chan struct{} // Not nil while paused; closed by Resume.
	closed   bool
	tree     *tree
	watches  watches
	sessions map[int64]*session
	conns    map[*conn]bool
	zxid     int64 // Of the last transaction.
	lastID   int64 // Of the last session.
	received int64 // Packets.
	sent     int64
	reaped   time.Time // When empty containers were last looked for.
}

// Start listens on addr, a loopback address with a port or port 0, and serves
// until Close is called or ctx ends.
func Start(ctx context.Context, addr string, opts Options) (*Server, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("zookeeper on %s: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("zookeeper on %s: not a loopback address", addr)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("zookeeper on %s: %w", addr, err)
	}
	s := &Server{
		opts:     opts.withDefaults(),
		listener: listener,
		done:     make(chan struct{}),
		tree:     newTree(),
		watches:  newWatches(),
		sessions: map[int64]*session{},
		conns:    map[*conn]bool{},
	}
	s.reaped = s.opts.Clock.Now()
	s.lastID = firstSession(s.reaped)
	s.running.Add(2)
	go s.accept()
	go s.tick()
	s.detach = context.AfterFunc(ctx, s.stop)
	return s, nil
}

// Addr is the host:port that clients dial.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Close stops the server, drops every client and waits until nothing of it
// runs. A second Close does nothing.
func (s *Server) Close() {
	s.detach()
	s.stop()
	s.running.Wait()
}

func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	_ = s.listener.Close()
	for c := range s.conns {
		_ = c.net.Close()
	}
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		nc, err := s.listener.Accept()
		if err != nil {
			select {
			case <-s.done:
				return
			case <-time.After(10 * time.Millisecond): // out of descriptors, for a moment
				continue
			}
		}
		s.mu.Lock()
		if s.closed || len(s.conns) >= maxConns {
			s.mu.Unlock()
			_ = nc.Close()
			continue
		}
		c := newConn(s, nc)
		s.conns[c] = true
		s.running.Add(2)
		s.mu.Unlock()
		go c.read()
		go c.write()
	}
}

// enter takes the lock once the server is not paused. It returns false, and
// holds no lock, if the server stops first.
func (s *Server) enter() bool {
	for {
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			return false
		}
		gate := s.gate
		if gate == nil {
			return true
		}
		s.mu.Unlock()
		select {
		case <-gate:
		case <-s.done:
			return false
		}
	}
}

// next begins a transaction.
func (s *Server) next() stamp {
	s.zxid++
	return stamp{s.zxid, s.opts.Clock.Now()}
}

func newPassword() []byte {
	password := make([]byte, 16)
	_, _ = rand.Read(password) // never fails
	return password
}
