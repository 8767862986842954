package probe

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is USER_HZ: 100 on every Linux that Go runs on.
const ticks = 100

// schedulers lists the processes whose arguments are those of a scheduler:
// they have both -native_log_file_path and -serverset_path. That finds
// lingering ones too, which no supervisor knows any more.
func schedulers(proc string) ([]Process, error) {
	dirs, err := os.ReadDir(proc)
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	boot, err := bootTime()
	if err != nil {
		return nil, err
	}
	var found []Process
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil {
			continue
		}
		p, ok, err := process(proc, pid, boot)
		if err != nil {
			return nil, err
		}
		if ok {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b Process) int { return a.PID - b.PID })
	if len(found) > 1 {
		tellListeners(proc, found)
	}
	return found, nil
}

// tellListeners sets Listens. A launcher and the scheduler that it started have
// the same arguments; only the scheduler listens.
func tellListeners(proc string, list []Process) {
	open := listening(proc)
	for i := range list {
		fds := filepath.Join(proc, strconv.Itoa(list[i].PID), "fd")
		entries, _ := os.ReadDir(fds) // Not ours to read: it counts as one that does not listen.
		for _, e := range entries {
			to, _ := os.Readlink(filepath.Join(fds, e.Name()))
			list[i].Listens = list[i].Listens || open[to]
		}
	}
}

// listening are the listening TCP sockets, named as links of /proc/PID/fd name them.
func listening(proc string) map[string]bool {
	const state, inode, listen = 3, 9, "0A" // Fields of /proc/net/tcp; TCP_LISTEN.
	open := map[string]bool{}
	for _, name := range []string{"net/tcp", "net/tcp6"} {
		raw, _ := os.ReadFile(filepath.Join(proc, name)) // There is no tcp6 without IPv6.
		for line := range strings.Lines(string(raw)) {
			if f := strings.Fields(line); len(f) > inode && f[state] == listen {
				open["socket:["+f[inode]+"]"] = true
			}
		}
	}
	return open
}

func process(proc string, pid int, boot time.Time) (Process, bool, error) {
	dir := filepath.Join(proc, strconv.Itoa(pid))
	raw, err := os.ReadFile(filepath.Join(dir, "cmdline"))
	if gone(err) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, fmt.Errorf("arguments of process %d: %w", pid, err)
	}
	argv := strings.Split(strings.TrimSuffix(string(raw), "\x00"), "\x00")
	// A shell that carries the arguments in one word is not the scheduler.
	if !hasFlag(argv, "native_log_file_path") || !hasFlag(argv, "serverset_path") {
		return Process{}, false, nil
	}
	stat, err := os.ReadFile(filepath.Join(dir, "stat"))
	if gone(err) {
		return Process{}, false, nil
	}
	if err != nil {
		return Process{}, false, fmt.Errorf("start of process %d: %w", pid, err)
	}
	// The second field is the name in parentheses and may hold anything.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 20 {
		return Process{}, false, fmt.Errorf("start of process %d: stat has %d fields", pid, len(fields))
	}
	if fields[0] == "Z" || fields[0] == "X" {
		return Process{}, false, nil // Dead; nobody asked for its status yet.
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	if err != nil {
		return Process{}, false, fmt.Errorf("start of process %d: %w", pid, err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return Process{}, false, nil //nolint:nilerr // It ended while we looked.
	}
	uid := -1
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		uid = int(st.Uid)
	}
	since := boot.Add(time.Duration(start) * time.Second / ticks)
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		return Process{}, false, fmt.Errorf("parent of process %d: %w", pid, err)
	}
	return Process{PID: pid, Start: start, Since: since.UTC(), UID: uid, Argv: argv, Parent: parent, Above: above(proc, parent)}, true, nil
}

// maxAbove bounds [Process.Above]: a start script or two lie between a scheduler
// and its supervisor.
const maxAbove = 8

// above follows the parents up from pid. It ends where one cannot be read.
func above(proc string, pid int) []Ancestor {
	var list []Ancestor
	for pid > 0 && len(list) < maxAbove {
		stat, err := os.ReadFile(filepath.Join(proc, strconv.Itoa(pid), "stat"))
		if err != nil {
			return list
		}
		from, to := bytes.IndexByte(stat, '('), bytes.LastIndexByte(stat, ')')
		if from < 0 || to < from {
			return list
		}
		list = append(list, Ancestor{pid, string(stat[from+1 : to])})
		fields := strings.Fields(string(stat[to+1:]))
		if len(fields) < 2 {
			return list
		}
		if pid, err = strconv.Atoi(fields[1]); err != nil {
			return list
		}
	}
	return list
}

func hasFlag(argv []string, name string) bool {
	return slices.ContainsFunc(argv, func(a string) bool {
		return strings.HasPrefix(a, "-"+name+"=") || a == "-"+name
	})
}

// gone reports whether a process ended between two looks, or is none of ours to read.
func gone(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH)
}

func asErrno(err error, target *syscall.Errno) bool { return errors.As(err, target) }
