package ssh

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/crypto/ssh"
)

// NewBastion returns a machine that hosts are reached through: the Via of their
// [Config]. It runs no command there, so an account without a shell will do; it has
// no sessions, and sshd's MaxSessions does not count what it forwards. One connection
// serves all hosts behind it.
func NewBastion(cfg Config) *Host {
	cfg.Owner, cfg.Pool = "", nil // Nothing is left at work there; and a host holds a place of the pool while it waits for its bastion.
	h := New(cfg)
	h.bastion = true
	return h
}

// askBastion is how long a bastion may take to say that it is there, when a host
// behind it was lost.
const askBastion = time.Second

// reach connects to the host: directly, or through its bastion. via is the bastion's
// connection.
func (c *Config) reach(ctx context.Context) (conn net.Conn, via *link, err error) {
	b := c.Via
	if b == nil {
		conn, err = (&net.Dialer{Control: giveUp}).DialContext(ctx, "tcp", c.Address)
		return conn, nil, err
	}
	for again := false; ; again = true {
		if via, err = b.connect(ctx); err != nil {
			return nil, nil, fmt.Errorf("the bastion %s cannot be used, and the host behind it was not asked: %w", b.cfg.Name, err)
		}
		conn, err = via.forward(ctx, c.Address)
		var refused *ssh.OpenChannelError
		switch {
		case err == nil:
			return conn, via, nil
		case errors.As(err, &refused) && refused.Reason == ssh.Prohibited:
			return nil, nil, fmt.Errorf("the bastion %s is there, and does not let %s through to the host: %w", b.cfg.Name, b.cfg.User, err)
		case ctx.Err() != nil:
			err = context.Cause(ctx)
		}
		switch {
		case via.answers():
			return nil, nil, fmt.Errorf("the bastion %s is there, and does not reach the host: %w", b.cfg.Name, err)
		case again || ctx.Err() != nil:
			return nil, nil, fmt.Errorf("the bastion %s does not answer any more, and the host behind it was not reached: %w", b.cfg.Name, err)
		}
		via.end(err) // It was lost before: nothing was started, and it may be there again.
	}
}

// blame says whether it was the bastion that went when a connection through it ended
// because of err.
func (l *link) blame(err error) error {
	switch {
	case l.via == nil:
		return err
	case l.via.answers():
		return fmt.Errorf("%w (the bastion %s is there: it is the host, or the way from the bastion to it)", err, l.bastion)
	}
	return fmt.Errorf("the bastion %s does not answer any more, and with it went the connection to the host, which may be well: %w", l.bastion, err)
}

// answers asks the other end whether it is there.
func (l *link) answers() bool {
	answer := make(chan error, 1)
	go func() {
		_, _, err := l.client.SendRequest("keepalive@openssh.com", true, nil)
		answer <- err
	}()
	late := time.NewTimer(askBastion)
	defer late.Stop()
	select {
	case <-l.gone:
		return false
	case err := <-answer:
		return err == nil
	case <-late.C:
		return false
	}
}

// blamed is how long it takes at most until it is known why a connection ended.
func (l *link) blamed() time.Duration {
	if l.via == nil {
		return grace / 4
	}
	return grace/4 + askBastion
}
