package tools

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// bearers returns the processes whose environment holds all these settings.
// The lab knows by them what it started itself.
func bearers(settings ...string) []int {
	entries, _ := filepath.Glob("/proc/[0-9]*/environ")
	var found []int
	for _, path := range entries {
		raw, err := os.ReadFile(path)
		if err != nil {
			continue // Ended meanwhile, or another account's.
		}
		env := bytes.Split(raw, []byte{0})
		all := true
		for _, want := range settings {
			all = all && slices.ContainsFunc(env, func(v []byte) bool { return string(v) == want })
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); all && err == nil && pid != os.Getpid() {
			found = append(found, pid)
		}
	}
	return found
}

// comm returns a process's name, cut as the kernel does.
func comm(pid int) string {
	raw, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "comm"))
	if err != nil {
		return "n/a"
	}
	return string(bytes.TrimSpace(raw))
}

func signalWord(s syscall.Signal) string {
	names := map[syscall.Signal]string{
		syscall.SIGABRT: "ABRT", syscall.SIGALRM: "ALRM", syscall.SIGBUS: "BUS", syscall.SIGFPE: "FPE", syscall.SIGHUP: "HUP",
		syscall.SIGILL: "ILL", syscall.SIGINT: "INT", syscall.SIGKILL: "KILL", syscall.SIGPIPE: "PIPE", syscall.SIGQUIT: "QUIT",
		syscall.SIGSEGV: "SEGV", syscall.SIGTERM: "TERM", syscall.SIGUSR1: "USR1", syscall.SIGUSR2: "USR2",
	}
	if name, ok := names[s]; ok {
		return name
	}
	return strconv.Itoa(int(s))
}

// exitWord is systemd's word for an exit status of a service.
func exitWord(status int) string {
	switch status {
	case 0:
		return "SUCCESS"
	case 1:
		return "FAILURE"
	case 2:
		return "INVALIDARGUMENT"
	case 127:
		return "n/a"
	case 143:
		return "n/a"
	case 203:
		return "EXEC"
	}
	return "n/a"
}
