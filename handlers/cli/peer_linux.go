package cli

import (
	"fmt"
	"net"
	"os/user"
	"strconv"

	"golang.org/x/sys/unix"
)

// peer asks the kernel which user is at the other end.
func peer(conn net.Conn) (string, error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return "", fmt.Errorf("who asks: not a Unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("who asks: %w", err)
	}
	var cred *unix.Ucred
	var cerr error
	if err := raw.Control(func(fd uintptr) { cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) }); err != nil {
		return "", fmt.Errorf("who asks: %w", err)
	}
	if cerr != nil {
		return "", fmt.Errorf("who asks: %w", cerr)
	}
	u, err := user.LookupId(strconv.Itoa(int(cred.Uid)))
	if err != nil {
		return "", fmt.Errorf("who asks: %w", err)
	}
	return u.Username, nil
}
