package simulation

// Rule 5: all replicas are initialised, or none; never one beside old ones.
// Before a commit every host runs what this run started, disabled.
func allOrNone(w *world) *rule {
	r := &rule{name: "5 initialise all or none"}
	r.act = func(a *act) {
		switch {
		case a.kind == "spawn" && a.by == "bot":
			old, made := "", ""
			for _, h := range w.hosts {
				n := h.fs.at(logPath)
				if n == nil || n.log == nil || h.touched["process"] {
					continue
				}
				switch {
				case n.log.made > 0:
					made = h.name
				case n.log.votes():
					old = h.name
				}
			}
			if old != "" && made != "" {
				w.violated(r.name, "a scheduler starts on %s, with a new log on %s and the old one on %s", a.host.name, made, old)
			}
		case a.kind == "call" && a.what == "commitRecovery" && a.by == "bot":
			for _, p := range w.running() {
				if p.real() && !p.h.touched["process"] && !p.h.touched["config"] && !p.h.touched["unit"] {
					w.violated(r.name, "a commit, while PID %d on %s runs on the real Mesos master", p.pid, p.h.name)
				}
			}
		}
	}
	return r
}
