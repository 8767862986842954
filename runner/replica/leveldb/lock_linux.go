package leveldb

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// holder says which process holds the database's LOCK, or "" if none does.
//
// LevelDB takes a POSIX record lock, goleveldb a BSD one. The first is asked
// for with F_GETLK, which takes nothing; the second can only be seen in
// /proc/locks, for asking with flock(2) would take it for a moment.
func (f *folder) holder() (string, error) {
	e, ok := f.find(kindLock, 0)
	if !ok || !e.mode.IsRegular() {
		return "", nil
	}
	file, err := f.regular(e)
	if errors.Is(err, fs.ErrPermission) {
		// The inode can be seen without reading the file.
		info, err := os.Lstat(f.path + "/" + e.name)
		if err != nil {
			return "", err
		}
		return heldInProc(info)
	} else if err != nil {
		return "", err
	}
	defer file.Close()
	ask := unix.Flock_t{Type: unix.F_WRLCK, Whence: 0}
	if err := unix.FcntlFlock(file.Fd(), unix.F_GETLK, &ask); err == nil && ask.Type != unix.F_UNLCK {
		if ask.Pid <= 0 {
			return "another process", nil
		}
		return fmt.Sprintf("process %d", ask.Pid), nil
	}
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	return heldInProc(info)
}

// heldInProc looks for a lock on the file in /proc/locks. A system without
// that file has no answer, which is not an error: F_GETLK was asked before.
func heldInProc(info os.FileInfo) (string, error) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", nil
	}
	locks, err := os.Open("/proc/locks")
	if err != nil {
		return "", nil
	}
	defer locks.Close()
	inode := fmt.Sprintf(":%d", stat.Ino)
	want := fmt.Sprintf("%02x:%02x:%d", unix.Major(uint64(stat.Dev)), unix.Minor(uint64(stat.Dev)), stat.Ino)
	lines := bufio.NewScanner(locks)
	for lines.Scan() {
		// 1: POSIX  ADVISORY  WRITE 1234 fe:01:5678 0 EOF; a waiting one has "->" after the number.
		fields := strings.Fields(lines.Text())
		if len(fields) < 6 || fields[1] == "->" {
			continue
		}
		pid, err := strconv.Atoi(fields[4])
		if err != nil || (fields[5] != want && !(strings.HasSuffix(fields[5], inode) && opens(pid, info))) {
			continue
		}
		if pid > 0 {
			return fmt.Sprintf("process %d", pid), nil
		}
		return "another process", nil
	}
	return "", nil
}

// opens tells whether a process has the file open. On an overlay the device in
// /proc/locks is not the one that stat tells.
func opens(pid int, file os.FileInfo) bool {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return false
	}
	for _, fd := range fds {
		if info, err := os.Stat(fmt.Sprintf("/proc/%d/fd/%s", pid, fd.Name())); err == nil && os.SameFile(info, file) {
			return true
		}
	}
	return false
}
