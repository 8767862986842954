package simulation

import (
	"path"
	"strings"

	"aurorabot/runner"
)

// Rule 3: nothing is deleted. What lay at the log's path when its scheduler was
// stopped lies somewhere on the host for good; nothing but our own helper, and
// copies that were made to be read, is removed.
func nothingDeleted(w *world) *rule {
	r := &rule{name: "3 never delete"}
	check := func(when string) {
		for _, h := range w.hosts {
			if h.asFound != "" && !h.fs.holds(h.asFound) {
				w.violated(r.name, "%s: the log as it was found lies nowhere any more (%s)", h.name, when)
				h.asFound = ""
			}
		}
	}
	r.act = func(a *act) {
		switch {
		case a.kind == "delete" && !strings.HasPrefix(a.what, path.Join(runDir, "bin")+"/") && !strings.HasPrefix(a.what, lookedAt):
			w.violated(r.name, "%s: rm %s", a.host.name, a.what)
		case a.kind == "spawn" && a.by == "bot" && !a.proc.real():
			check("a disabled scheduler starts on " + a.host.name)
		case a.kind == "spawn" && a.by != "bot":
			a.host.touch("log") // Whatever others start writes to the log.
		}
	}
	r.event = func(e runner.Event) {
		// From here to the first start nothing but the run touches the log.
		if e.Kind == runner.StepDone && e.Step == "prepare/read-logs" {
			if n := w.host(e.Host).fs.at(logPath); n != nil && n.log != nil {
				w.host(e.Host).asFound = n.log.hash()
			}
		}
		check(string(e.Kind) + " " + e.Step)
	}
	return r
}

func helperAt() string {
	return "/var/lib/aurorabot/bin/aurorabot-" + (&node{content: helperProgram}).hash()[:16]
}
