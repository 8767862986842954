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
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	l, err := h.connect(ctx)
	if err != nil {
		return nil, fmt.Errorf("dial %s on %s: %w", address, h.cfg.Name, err)
	}
	far, err := l.client.DialContext(ctx, "tcp", address)
	var none *ssh.OpenChannelError
	switch {
	case errors.As(err, &none) && none.Reason == ssh.Prohibited:
		return nil, fmt.Errorf("dial %s on %s: the host's sshd forbids forwarding (AllowTcpForwarding, PermitOpen): %w", address, h.cfg.Name, err)
	case errors.As(err, &none) && strings.Contains(strings.ToLower(none.Message), "connection refused"):
		return nil, fmt.Errorf("dial %s on %s: %w", address, h.cfg.Name,
			&net.OpError{Op: "dial", Net: "tcp", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)})
	case err != nil:
		return nil, fmt.Errorf("dial %s on %s: %w", address, h.cfg.Name, err)
	}
	near, inner := net.Pipe()
	go func() { io.Copy(inner, far); inner.Close(); far.Close() }()
	go func() { io.Copy(far, inner); inner.Close(); far.Close() }()
	return &forward{near, far}, nil
}

// A forward is the near end of a pipe to the host, with the addresses of the
// far connection.
type forward struct {
	net.Conn
	far net.Conn
}

func (f *forward) LocalAddr() net.Addr  { return f.far.LocalAddr() }
func (f *forward) RemoteAddr() net.Addr { return f.far.RemoteAddr() }
