package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"golang.org/x/crypto/ssh"
)

// A link is one connection to a host.
type link struct {
	client *ssh.Client
	tcp    *net.TCPConn // Under client. Nil: it goes through a bastion.
	via    *link        // The bastion's connection, where there is one.
	name   string       // Of what is at work over it; see scripts/wrap.sh.
	once   sync.Once
	gone   chan struct{} // Closed when the connection has ended.
	why    error         // Set before gone is closed.
	over   func(why error)

	bastion string // Its name, where there is one.

	mu   sync.Mutex
	kept map[string]*keeping // By the command line that serves it.
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
	if err := h.cfg.Pool.room(ctx, h); err != nil {
		return nil, notStarted(fmt.Errorf("ssh to %s: %w", h.cfg.Address, err))
	}
	client, tcp, via, err := h.dial(ctx)
	if err != nil {
		h.cfg.Pool.gone(h)
		h.count.refused.Add(1)
		return nil, notStarted(fmt.Errorf("ssh to %s as %s: %w", h.cfg.Address, h.cfg.User, err))
	}
	h.count.made.Add(1)
	h.up.Store(true)
	h.links++
	l := &link{client: client, tcp: tcp, via: via, name: h.mine + strconv.Itoa(h.links), gone: make(chan struct{}), kept: map[string]*keeping{}, over: func(why error) {
		h.up.Store(false)
		h.cfg.Pool.gone(h)
		if !errors.Is(why, errClosed) {
			h.count.lost.Add(1)
			h.left.Store(!h.bastion)
		}
	}}
	if via != nil {
		l.bastion = h.cfg.Via.Name()
	}
	h.link = l
	go l.watch()
	go l.keepalive(h.cfg.Keepalive)
	if h.left.Load() {
		if err := h.sweep(ctx, l); err != nil {
			l.end(err)
			return nil, notStarted(fmt.Errorf("ssh to %s: %w", h.cfg.Address, err))
		}
		h.left.Store(false)
	}
	return l, nil
}

// Unsent is how long the kernel keeps what a host did not acknowledge, before it
// gives the connection up, also that of a bot that has died. Without it a command
// could reach a host a quarter of an hour after everybody stopped waiting for it.
const Unsent = 30 * time.Second

// dial connects and logs in within ConnectTimeout. [ssh.ClientConfig.Timeout]
// covers TCP only, so the end of the time closes the connection under the
// handshake.
func (h *Host) dial(ctx context.Context) (*ssh.Client, *net.TCPConn, *link, error) {
	auth, err := h.cfg.auth()
	if err != nil {
		return nil, nil, nil, err
	}
	defer auth.close()
	try := &login{user: h.cfg.User}
	// All keys are offered in one method: the client tries each method once only.
	config := &ssh.ClientConfig{User: h.cfg.User, Auth: []ssh.AuthMethod{ssh.PublicKeys(try.watched(auth.signers)...)}, BannerCallback: try.heard}
	if err := h.cfg.hostKeys(config); err != nil {
		return nil, nil, nil, err
	}

	silent := fmt.Errorf("no answer within %v", h.cfg.ConnectTimeout)
	within, stop := context.WithTimeoutCause(ctx, h.cfg.wait(), silent)
	defer stop()
	conn, via, err := h.cfg.reach(within)
	if err != nil {
		var timeout net.Error
		switch {
		case ctx.Err() != nil: // The caller stopped waiting, which says nothing of the host.
			err = context.Cause(ctx)
		case h.cfg.Via != nil: // It says itself how far it came.
		case within.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
			// The dialer and we watch a clock each. Whichever notices first, it is one answer.
			err = &net.OpError{Op: "dial", Net: "tcp", Err: silent}
		}
		return nil, nil, nil, err
	}
	release := context.AfterFunc(within, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, h.cfg.Address, config)
	if !release() && within.Err() != nil {
		conn.Close()
		return nil, nil, nil, fmt.Errorf("connected, but the handshake is not done: %w", context.Cause(within))
	}
	if err != nil {
		conn.Close()
		return nil, nil, nil, h.cfg.explain(try, len(auth.signers), err)
	}
	tcp, _ := conn.(*net.TCPConn) // Nil behind a bastion.
	return ssh.NewClient(c, channels, requests), tcp, via, nil
}

// wait is how long it may take to connect and log in, on each leap of the way.
func (c *Config) wait() time.Duration {
	if c.Via == nil {
		return c.ConnectTimeout
	}
	return c.ConnectTimeout + c.Via.cfg.wait()
}

// end closes the connection, because of why. What is not sent yet by then is
// thrown away: it is reported as not known, and must not arrive behind what the
// next connection asks.
func (l *link) end(why error) {
	l.once.Do(func() {
		if l.tcp != nil && !errors.Is(why, errClosed) {
			_ = l.tcp.SetLinger(0) // Of a connection that is gone there is nothing left to send.
		}
		l.why = why
		l.over(why)
		l.client.Close()
		close(l.gone)
	})
}

func (l *link) watch() {
	err := l.client.Wait()
	if err == nil {
		err = errors.New("closed by the host")
	}
	l.end(l.blame(fmt.Errorf("connection lost: %w", err)))
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
				l.end(l.blame(fmt.Errorf("connection lost: keepalive: %w", err)))
				return
			}
		case <-late.C:
			l.end(l.blame(fmt.Errorf("connection lost: no answer to a keepalive within %v", every)))
			return
		case <-l.gone:
			late.Stop()
			return
		}
	}
}
