package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A link is one connection to a host.
type link struct {
	client *ssh.Client
	once   sync.Once
	gone   chan struct{} // Closed when the connection has ended.
	why    error         // Set before gone is closed.
}

// connect returns the connection to the host, a new one if there is none.
func (h *Host) connect(ctx context.Context) (*link, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return nil, notStarted(fmt.Errorf("ssh to %s: waiting for the connection: %w", h.cfg.Address, context.Cause(ctx)))
	}
	if h.link != nil {
		select {
		case <-h.link.gone:
		default:
			return h.link, nil
		}
	}
	client, err := h.dial(ctx)
	if err != nil {
		return nil, notStarted(fmt.Errorf("ssh to %s as %s: %w", h.cfg.Address, h.cfg.User, err))
	}
	h.link = &link{client: client, gone: make(chan struct{})}
	go h.link.watch()
	go h.link.keepalive(h.cfg.Keepalive)
	return h.link, nil
}

// dial connects and logs in within ConnectTimeout. [ssh.ClientConfig.Timeout]
// covers TCP only, so the end of the time closes the connection under the
// handshake.
func (h *Host) dial(ctx context.Context) (*ssh.Client, error) {
	auth, err := h.auth()
	if err != nil {
		return nil, err
	}
	defer auth.close()
	config := &ssh.ClientConfig{User: h.cfg.User, Auth: auth.methods}
	if err := h.hostKeys(config); err != nil {
		return nil, err
	}

	within, stop := context.WithTimeoutCause(ctx, h.cfg.ConnectTimeout, fmt.Errorf("no answer within %v", h.cfg.ConnectTimeout))
	defer stop()
	conn, err := new(net.Dialer).DialContext(within, "tcp", h.cfg.Address)
	if err != nil {
		if within.Err() != nil {
			err = context.Cause(within)
		}
		return nil, err
	}
	release := context.AfterFunc(within, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, h.cfg.Address, config)
	if !release() && within.Err() != nil {
		conn.Close()
		return nil, fmt.Errorf("connected, but the handshake is not done: %w", context.Cause(within))
	}
	if err != nil {
		conn.Close()
		return nil, h.explain(config, err)
	}
	return ssh.NewClient(c, channels, requests), nil
}

// end closes the connection, because of why.
func (l *link) end(why error) {
	l.once.Do(func() {
		l.why = why
		l.client.Close()
		close(l.gone)
	})
}

func (l *link) watch() {
	err := l.client.Wait()
	if err == nil {
		err = errors.New("closed by the host")
	}
	l.end(fmt.Errorf("connection lost: %w", err))
}

// keepalive asks the peer whether it is there, and closes the connection on a
// miss: the library waits for the answer with a lock held, so nothing less
// would wake up whoever waits behind it.
func (l *link) keepalive(every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-l.gone:
			return
		case <-tick.C:
		}
		answer := make(chan error, 1)
		go func() {
			_, _, err := l.client.SendRequest("keepalive@openssh.com", true, nil)
			answer <- err
		}()
		late := time.NewTimer(every)
		select {
		case err := <-answer:
			late.Stop()
			if err != nil {
				l.end(fmt.Errorf("connection lost: keepalive: %w", err))
				return
			}
		case <-late.C:
			l.end(fmt.Errorf("connection lost: no answer to a keepalive within %v", every))
			return
		case <-l.gone:
			late.Stop()
			return
		}
	}
}
