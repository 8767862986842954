package cli

import (
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// peer asks the kernel which user is at the other end.
func peer(conn net.Conn) (uid int, err error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, fmt.Errorf("who asks: not a Unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("who asks: %w", err)
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return 0, fmt.Errorf("who asks: %w", err)
	}
	if cerr != nil {
		return 0, fmt.Errorf("who asks: %w", cerr)
	}
	return int(cred.Uid), nil
}
