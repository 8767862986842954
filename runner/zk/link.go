package zk

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	gozk "github.com/go-zookeeper/zk"
)

const (
	// sessionTimeout is what a look asks for; a session that is left behind
	// goes this long after. A look owns no ephemeral nodes.
	sessionTimeout = 10 * time.Second

	dialLimit      = 5 * time.Second
	handshakeLimit = 3 * time.Second
	closeLimit     = 2 * time.Second
)

// A link is one connection of the client library, kept within bounds that the
// library does not have: it resolves names here and not behind the forward,
// waits for ever in a handshake, and believes any length that a server sends.
type link struct {
	conn    *gozk.Conn
	events  <-chan gozk.Event
	dial    Dialer
	servers []string
	once    sync.Once

	mu       sync.Mutex
	ended    bool
	session  bool // The present connection has had its handshake.
	net      net.Conn
	timer    *time.Timer // Ends a handshake that takes too long.
	failures map[string]error
}

// open prepares a connection; the first request makes it.
func (c *Client) open(ctx context.Context) (*link, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("cannot tell: %w", err)
	}
	if len(c.address.Servers) == 0 {
		return nil, errors.New("cannot tell: no server given")
	}
	l := &link{dial: c.dial, servers: c.address.Servers, failures: map[string]error{}}
	var err error
	l.conn, l.events, err = gozk.Connect(l.servers, sessionTimeout,
		gozk.WithDialer(l.connect),
		gozk.WithHostProvider(&rotation{servers: l.servers}),
		gozk.WithEventCallback(l.observe),
		gozk.WithMaxBufferSize(maxFrame),
		gozk.WithLogger(silence{}),
		gozk.WithLogInfo(false))
	if err != nil {
		return nil, err
	}
	if c.address.User == "" {
		return l, nil
	}
	stop := context.AfterFunc(ctx, l.close)
	defer stop()
	if err := l.conn.AddAuth("digest", []byte(c.address.User+":"+c.address.Password)); err != nil {
		trouble := l.trouble()
		l.close()
		return nil, fmt.Errorf("cannot tell: authenticate as %s: %w", c.address.User, trouble)
	}
	return l, nil
}

// connect is the library's dialer.
func (l *link) connect(network, server string, _ time.Duration) (net.Conn, error) {
	l.mu.Lock()
	ended := l.ended
	l.mu.Unlock()
	if ended {
		return nil, net.ErrClosed
	}
	nc, err := l.dial(network, server, dialLimit)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil {
		l.failures[server] = err
		return nil, err
	}
	if l.ended {
		_ = nc.Close()
		return nil, net.ErrClosed
	}
	g := &guard{Conn: nc, fail: func(err error) { l.failed(server, err) }}
	l.net, l.session = g, false
	l.timer = time.AfterFunc(handshakeLimit, func() {
		l.failed(server, fmt.Errorf("no answer to the handshake within %v", handshakeLimit))
		_ = nc.Close()
	})
	return g, nil
}

// failed keeps the first reason why a server is of no use: those that follow
// come from our closing the connection.
func (l *link) failed(server string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.ended && l.failures[server] == nil {
		l.failures[server] = err
	}
}

// observe hears of the library's states.
func (l *link) observe(ev gozk.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch ev.State {
	case gozk.StateHasSession:
		l.session = true
		l.stopTimer()
	case gozk.StateDisconnected:
		l.stopTimer()
	}
}

func (l *link) stopTimer() {
	if l.timer != nil {
		l.timer.Stop()
	}
}

// close ends the session and the connection, and waits a moment for what the
// library runs to end. Only the first call does anything.
func (l *link) close() {
	l.once.Do(func() {
		l.mu.Lock()
		l.ended = true
		l.stopTimer()
		if !l.session && l.net != nil {
			_ = l.net.Close() // nothing to say goodbye to
		}
		l.mu.Unlock()
		l.conn.Close()
		l.mu.Lock()
		if l.net != nil {
			_ = l.net.Close()
		}
		l.mu.Unlock()
		limit := time.NewTimer(closeLimit)
		defer limit.Stop()
		for {
			select {
			case _, open := <-l.events:
				if !open {
					return
				}
			case <-limit.C:
				return // a dialer that does not return; its connection is closed when it does
			}
		}
	})
}

// server names who answered.
func (l *link) server() string { return l.conn.Server() }

// trouble says what is wrong with each server that was tried.
func (l *link) trouble() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var parts []error
	for _, server := range l.servers {
		if err := l.failures[server]; err != nil {
			if !strings.Contains(err.Error(), server) {
				err = fmt.Errorf("%s: %w", server, err)
			}
			parts = append(parts, err)
		}
	}
	if len(parts) == 0 {
		return errors.New("no server answered in time")
	}
	return reasons(parts)
}

// reasons joins errors on one line.
type reasons []error

func (r reasons) Error() string {
	texts := make([]string, len(r))
	for i, err := range r {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

// Unwrap gives errors.Is each of them.
func (r reasons) Unwrap() []error { return r }

// A rotation gives the library the servers in their order, by the names that
// the configuration has, and tells it after each round that nobody answered.
type rotation struct {
	mu      sync.Mutex
	servers []string
	next    int
	tried   int // Since the last connection.
}

func (r *rotation) Init([]string) error { return nil } // the library shuffles its list

func (r *rotation) Len() int { return len(r.servers) }

func (r *rotation) Next() (server string, retryStart bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	server = r.servers[r.next%len(r.servers)]
	retryStart = r.tried > 0 && r.tried%len(r.servers) == 0
	r.next++
	r.tried++
	return server, retryStart
}

func (r *rotation) Connected() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tried = 0
}

type silence struct{}

func (silence) Printf(string, ...any) {}
