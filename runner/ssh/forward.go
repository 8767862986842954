package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"

	"golang.org/x/crypto/ssh"
)

// Dial is part of [runner.Host]. A port that is closed on the host is an error
// in which errors.Is finds [syscall.ECONNREFUSED]. The connection knows
// deadlines, which the library's does not.
func (h *Host) Dial(ctx context.Context, address string) (conn net.Conn, err error) {
	unused := h.cfg.Pool.use(h)
	defer func() {
		if err != nil {
			unused()
		}
	}()
	l, err := h.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial %s on %s: %w", address, h.cfg.Name, err)
	}
	if conn, err = l.forward(ctx, address); err != nil {
		return nil, fmt.Errorf("dial %s on %s: %w", address, h.cfg.Name, err)
	}
	conn.(*forward).unused = unused
	return conn, nil
}

// forward connects from the host to an address, over l.
func (l *link) forward(ctx context.Context, address string) (net.Conn, error) {
	far, err := l.client.DialContext(ctx, "tcp", address)
	var none *ssh.OpenChannelError
	switch {
	case errors.As(err, &none) && none.Reason == ssh.Prohibited:
		return nil, fmt.Errorf("sshd there forbids forwarding (AllowTcpForwarding, PermitOpen): %w", err)
	case errors.As(err, &none) && strings.Contains(strings.ToLower(none.Message), "connection refused"):
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	case err != nil:
		return nil, err
	}
	near, inner := net.Pipe()
	// Why one end closed, the other end sees by itself.
	pass := func(to io.Writer, from io.Reader) { _, _ = io.Copy(to, from); inner.Close(); far.Close() }
	go pass(inner, far)
	go pass(far, inner)
	return &forward{near, far, func() {}}, nil
}

// A forward is the near end of a pipe to the host, with the addresses of the
// far connection.
type forward struct {
	net.Conn
	far    net.Conn
	unused func() // Tells the pool, once.
}

func (f *forward) Close() error {
	f.unused()
	return f.Conn.Close()
}

func (f *forward) LocalAddr() net.Addr  { return f.far.LocalAddr() }
func (f *forward) RemoteAddr() net.Addr { return f.far.RemoteAddr() }
