package simulation

import (
	"aurorabot/runner"
)

// Rule 8: no scheduler meets the real Mesos master until the commit is proved,
// but on the logs as they were found, all of them, when a run is undone; and
// never with an empty log.
func noRealMaster(w *world) *rule {
	r := &rule{name: "8 no real master before the proof"}
	r.act = func(a *act) {
		switch {
		case a.kind == "spawn" && !a.proc.real():
			a.host.returned = false
		case a.kind == "spawn" && a.by == "bot":
			st := w.state()
			if st.Commit.Outcome == runner.Committed {
				return
			}
			if st.Irreversible() {
				w.violated(r.name, "%s: a scheduler starts on the real master, and what became of the commit is not known", a.host.name)
			}
			// What somebody writes between the look at the file and the start is seen
			// right after it: the scheduler is stopped before it registers.
			if !st.Undo && !a.host.touched["config"] {
				w.violated(r.name, "%s: a scheduler starts on the real master, and the run is not undone", a.host.name)
			}
			for _, h := range w.hosts {
				if h.asFound == "" || h.returned || h.touched["log"] || h.touched["process"] || h.touched["unit"] {
					continue
				}
				running := h.unit.main != nil && h.unit.main.alive // Started a moment ago: it writes to its log.
				if n := h.fs.at(logPath); !running && (n == nil || n.log == nil || n.log.hash() != h.asFound) {
					w.violated(r.name, "%s: a scheduler starts on the real master, but the log of %s is not as it was found", a.host.name, h.name)
				}
				h.returned = h == a.host
			}
		case a.kind == "register":
			empty := len(a.proc.store.tasks) == 0 || a.proc.store.framework == ""
			if empty && a.by == "bot" {
				w.violated(r.name, "%s: PID %d registers with Mesos with an empty log", a.host.name, a.proc.pid)
			}
		}
	}
	return r
}
