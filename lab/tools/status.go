package tools

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// statusOf prints what `systemctl status` says of a unit that is there.
func (c *call) statusOf(unit string, p map[string]string) {
	dot := c.sign("●", "*")
	switch p["ActiveState"] {
	case "failed":
		dot = c.sign("×", "x")
	case "inactive":
		dot = c.sign("○", "*")
	}
	fmt.Fprintf(c.stdout, "%s %s - %s\n", dot, unit, p["Description"])
	fmt.Fprintf(c.stdout, "     Loaded: %s (%s; %s; preset: %s)\n", p["LoadState"], p["FragmentPath"], p["UnitFileState"], p["UnitFilePreset"])
	if files := strings.Fields(p["DropInPaths"]); len(files) > 0 {
		fmt.Fprintf(c.stdout, "    Drop-In: %s\n", filepath.Dir(files[0]))
		for i, file := range files {
			branch := c.sign("├─", "|-")
			if i == len(files)-1 {
				branch = c.sign("└─", "`-")
			}
			fmt.Fprintf(c.stdout, "             %s%s\n", branch, filepath.Base(file))
		}
	}
	active := p["ActiveState"] + " (" + p["SubState"] + ")"
	switch {
	case p["ActiveState"] == "failed":
		active = "failed (Result: " + p["Result"] + ")"
	case p["Result"] != "success":
		active += " (Result: " + p["Result"] + ")"
	}
	if since := p["StateChangeTimestamp"]; since != "" {
		if t, err := time.ParseInLocation("Mon 2006-01-02 15:04:05 MST", since, time.Local); err == nil {
			since += "; " + spanText(time.Since(t).Truncate(time.Second)) + " ago"
		}
		active += " since " + since
	}
	fmt.Fprintf(c.stdout, "     Active: %s\n", active)
	if pid := p["MainPID"]; pid != "0" {
		name, _ := os.ReadFile(filepath.Join("/proc", pid, "comm"))
		line, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline")) // Both empty if it has just ended.
		line = bytes.ReplaceAll(bytes.TrimRight(line, "\x00"), []byte{0}, []byte(" "))
		fmt.Fprintf(c.stdout, "   Main PID: %s (%s)\n     CGroup: %s\n             %s%s %s\n", pid, bytes.TrimSpace(name), p["ControlGroup"], c.sign("└─", "`-"), pid, line)
	} else if p["ExecMainPID"] != "0" {
		how := map[string]string{"1": "exited", "2": "killed", "3": "dumped"}[p["ExecMainCode"]]
		fmt.Fprintf(c.stdout, "   Main PID: %s (code=%s, status=%s)\n", p["ExecMainPID"], how, p["ExecMainStatus"])
	}
	entries, err := readJournal(c.root, func(e entry) bool { return e.Unit == unit })
	if err != nil || len(entries) == 0 || c.lines <= 0 {
		return
	}
	fmt.Fprintln(c.stdout)
	for _, e := range entries[max(0, len(entries)-c.lines):] {
		fmt.Fprintln(c.stdout, e.short())
	}
}
