package tools

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// propertyOrder is the order in which `systemctl show` prints properties,
// whatever order they were asked for in (seen on systemd 252).
var propertyOrder = []string{
	"Type", "Restart", "RestartUSec", "TimeoutStopUSec", "MainPID", "ControlPID", "Result", "NRestarts",
	"ExecMainStartTimestamp", "ExecMainExitTimestamp", "ExecMainPID", "ExecMainCode", "ExecMainStatus",
	"ExecStart", "ControlGroup", "EnvironmentFiles", "WorkingDirectory", "User", "KillMode", "KillSignal",
	"Id", "Names", "WantedBy", "Description", "LoadState", "ActiveState", "FreezerState", "SubState",
	"FragmentPath", "DropInPaths", "UnitFileState", "UnitFilePreset", "StateChangeTimestamp",
	"InactiveExitTimestamp", "ActiveEnterTimestamp", "ActiveExitTimestamp", "InactiveEnterTimestamp",
	"NeedDaemonReload",
}

// props are the service's properties as `systemctl show` names and writes them.
func (s *service) props() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.unit
	p := map[string]string{
		"Id": u.name, "Names": u.name, "Description": u.description, "LoadState": u.load,
		"ActiveState": s.active, "SubState": s.sub, "Result": s.result, "FreezerState": "running",
		"MainPID": strconv.Itoa(s.pid), "ControlPID": "0", "NRestarts": strconv.Itoa(s.restarts),
		"ExecMainPID": strconv.Itoa(s.lastPID), "ExecMainCode": strconv.Itoa(s.code), "ExecMainStatus": strconv.Itoa(s.status),
		"ExecMainStartTimestamp": stamp(s.begun), "ExecMainExitTimestamp": stamp(s.ended),
		"StateChangeTimestamp": stamp(s.changed), "InactiveExitTimestamp": stamp(s.begun),
		"ActiveEnterTimestamp": stamp(s.entered), "ActiveExitTimestamp": stamp(s.left), "InactiveEnterTimestamp": stamp(s.left),
		"NeedDaemonReload": "no", "UnitFileState": "", "UnitFilePreset": "", "FragmentPath": "", "DropInPaths": "",
	}
	if u.load == "not-found" {
		return p
	}
	p["FragmentPath"] = u.fragment
	p["DropInPaths"] = strings.Join(u.dropIns, " ")
	p["UnitFileState"] = fileState(s.super.opt.Root, u.name)
	p["UnitFilePreset"] = "enabled"
	if u.stampNow(s.super.opt.Root) != u.stamp && u.load == "loaded" {
		p["NeedDaemonReload"] = "yes"
	}
	if u.load == "masked" {
		return p
	}
	p["Type"], p["Restart"], p["KillMode"], p["KillSignal"] = u.kind, u.restart, u.killMode, "15"
	p["RestartUSec"], p["TimeoutStopUSec"] = spanText(u.restartAfter), spanText(u.stopTimeout)
	p["User"], p["WorkingDirectory"] = u.user, u.dir
	p["WantedBy"] = strings.Join(u.wantedBy, " ")
	for _, line := range u.start {
		argv, counts := command(line, nil)
		if len(argv) > 0 {
			p["ExecStart"] = fmt.Sprintf("{ path=%s ; argv[]=%s ; ignore_errors=%s ; start_time=[%s] ; stop_time=[%s] ; pid=%d ; code=%s ; status=%d/%d }",
				argv[0], strings.Join(argv, " "), map[bool]string{true: "no", false: "yes"}[counts], orNA(stamp(s.begun)), orNA(stamp(s.ended)), s.lastPID,
				map[int]string{0: "(null)", 1: "exited", 2: "killed"}[s.code], s.status, 0)
		}
	}
	var files []string
	for _, file := range u.envFiles {
		path, optional := strings.CutPrefix(file, "-")
		files = append(files, fmt.Sprintf("%s (ignore_errors=%s)", path, map[bool]string{true: "yes", false: "no"}[optional]))
	}
	p["EnvironmentFiles"] = strings.Join(files, "\n")
	if s.pid != 0 {
		p["ControlGroup"] = "/system.slice/" + u.name
	}
	return p
}

func orNA(s string) string {
	if s == "" {
		return "n/a"
	}
	return s
}

// stamp writes a time as systemctl does; never is empty.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("Mon 2006-01-02 15:04:05 MST")
}

// spanText writes a time span as systemctl does: "1min 30s", "100ms".
func spanText(d time.Duration) string {
	if d >= 1<<62 {
		return "infinity"
	}
	if d == 0 {
		return "0"
	}
	var parts []string
	for _, unit := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}, {time.Millisecond, "ms"}, {time.Microsecond, "us"}} {
		if n := d / unit.size; n > 0 {
			parts = append(parts, strconv.FormatInt(int64(n), 10)+unit.name)
			d %= unit.size
		}
	}
	return strings.Join(parts, " ")
}

// fileState is what `systemctl is-enabled` says; empty: there is no such file.
func fileState(root, name string) string {
	u := loadUnit(root, name)
	switch u.load {
	case "masked":
		if strings.Contains(u.fragment, "/run/systemd/") {
			return "masked-runtime"
		}
		return "masked"
	case "not-found":
		return ""
	}
	for folder, state := range map[string]string{"etc/systemd/system": "enabled", "run/systemd/system": "enabled-runtime"} {
		if links, _ := filepath.Glob(filepath.Join(root, folder, "*.wants", name)); len(links) > 0 {
			if _, err := os.Lstat(links[0]); err == nil {
				return state
			}
		}
	}
	if len(u.wantedBy) == 0 {
		return "static"
	}
	return "disabled"
}
