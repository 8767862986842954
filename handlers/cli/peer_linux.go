package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// peer asks the kernel which account is at the other end of a Unix socket, and
// which login that account was entered from.
func peer(conn net.Conn) (Account, error) {
	uc, ok := conn.(*net.UnixConn)
	if !ok {
		return Account{}, fmt.Errorf("who asks: not a Unix socket")
	}
	raw, err := uc.SyscallConn()
	if err != nil {
		return Account{}, fmt.Errorf("who asks: %w", err)
	}
	var a Account
	var cerr error
	err = raw.Control(func(fd uintptr) {
		var cred *unix.Ucred
		if cred, cerr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); cerr == nil {
			a = Account{UID: int(cred.Uid)}
			a.Login, a.Doubt = loginAt(int(fd), int(cred.Pid))
		}
	})
	if err = errors.Join(err, cerr); err != nil {
		return Account{}, fmt.Errorf("who asks: %w", err)
	}
	return a, nil
}

// loginAt is the login of the program that connected fd, which had the process ID
// pid then. A program that has ended cannot be told from a later one of the same ID.
func loginAt(fd, pid int) (int, error) {
	if pid == 0 {
		return Nobody, errors.New("the program that asks runs in another PID namespace than the bot")
	}
	pidfd, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PEERPIDFD)
	if err != nil { // Linux before 6.5.
		return loginBefore(pid)
	}
	defer unix.Close(pidfd)
	login, err := loginOf(strconv.Itoa(pid))
	if err != nil {
		return Nobody, err
	}
	ended := []unix.PollFd{{Fd: int32(pidfd), Events: unix.POLLIN}}
	if n, err := unix.Poll(ended, 0); err != nil || n > 0 {
		return Nobody, errors.Join(err, errors.New("the program that asks ended before it was looked at"))
	}
	return login, nil
}

// userHZ is the unit of times in /proc/PID/stat, per second: 100 on every machine
// that Go runs on (man 5 proc_pid_stat).
const userHZ = 100

// loginBefore is the login of the process pid, if that began before now: one that
// began later took the ID of the program that asks.
func loginBefore(pid int) (int, error) {
	var up unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &up); err != nil {
		return Nobody, fmt.Errorf("how long this machine is up: %w", err)
	}
	login, err := loginOf(strconv.Itoa(pid))
	if err != nil {
		return Nobody, err
	}
	stat, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return Nobody, fmt.Errorf("the program that asks: %w", err)
	}
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // From the third field on: the name may have blanks.
	if len(f) < 20 {
		return Nobody, errors.New("the program that asks: /proc does not say when it began")
	}
	began, err := strconv.ParseInt(string(f[19]), 10, 64) // starttime, field 22 of all.
	if err != nil {
		return Nobody, fmt.Errorf("the program that asks: %w", err)
	}
	if began > up.Nano()/int64(time.Second/userHZ)+1 {
		return Nobody, errors.New("the program that asks ended before it was looked at")
	}
	return login, nil
}

// unset is the login uid of what no login began: a service, or a container.
const unset = 1<<32 - 1

// loginOf reads the login uid of a process, "self" for this one.
func loginOf(process string) (int, error) {
	text, err := os.ReadFile(filepath.Join("/proc", process, "loginuid"))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat("/proc/self/loginuid"); err != nil {
			return Nobody, errors.New("this machine does not keep who logged in (a kernel without CONFIG_AUDIT)")
		}
		return Nobody, errors.New("the program that asks has ended, or /proc hides it from the bot (hidepid, or ProtectProc= in the bot's unit)")
	case err != nil:
		return Nobody, fmt.Errorf("who logged in: %w", err)
	}
	uid, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return Nobody, fmt.Errorf("who logged in: %w", err)
	}
	if uid == unset {
		return Nobody, nil
	}
	return int(uid), nil
}

// self is the account that runs this program.
func self() Account {
	a := Account{UID: os.Getuid()}
	a.Login, a.Doubt = loginOf("self")
	return a
}
