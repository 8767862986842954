package ssh

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// giveUp bounds how long the kernel tries to send: see [Unsent].
func giveUp(_, _ string, raw syscall.RawConn) error {
	var err error
	if e := raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(Unsent.Milliseconds()))
	}); e != nil {
		return e
	}
	return err
}
