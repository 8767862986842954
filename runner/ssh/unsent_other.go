//go:build !linux

package ssh

import "syscall"

// giveUp has no like here: a bot that dies on such a machine leaves to the kernel
// how long it tries to send.
func giveUp(string, string, syscall.RawConn) error { return nil }
