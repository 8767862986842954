package supervise

import (
	"fmt"
	"strings"
)

// An Ancestor is a process above the scheduler.
type Ancestor struct {
	PID  int
	Name string // As the kernel has it: cut to 15 bytes.
}

// kindOf names the kind whose process that is, "" if none is known by its process.
func kindOf(name string) string {
	switch {
	case name == "runsv":
		return "runit"
	case name == "supervisord":
		return "supervisord"
	case name == "conmon":
		return "podman"
	case strings.HasPrefix(name, "containerd-shim"), strings.HasPrefix(name, "docker-containe"):
		return "docker"
	}
	return ""
}

// Differs says why a kind of supervisor cannot be the one that runs the process
// pid, whose parents are above, the nearest first; "" if it may be. unit is the
// PID that the supervisor calls its own, 0 if not known. The site's own commands
// may drive anything.
func Differs(kind string, unit, pid int, above []Ancestor) string {
	if kind == "commands" {
		return ""
	}
	found, of := "", Ancestor{}
	for _, a := range above {
		if found = kindOf(a.Name); found != "" {
			of = a
			break
		}
	}
	switch {
	case found == kind, kind == "systemd" && found == "podman": // A unit may run a container of podman's.
	case found != "":
		return fmt.Sprintf("PID %d was started by %s (PID %d): write supervisor: {kind: %s, unit: NAME}, not %s", pid, of.Name, of.PID, found, kind)
	}
	if kinds[kind].of == nil || unit == 0 || unit == pid {
		return ""
	}
	for _, a := range above {
		if a.PID == unit {
			return ""
		}
	}
	return fmt.Sprintf("%s calls PID %d its own, and the scheduler is PID %d, which that did not start: write what starts it as supervisor", kind, unit, pid)
}
