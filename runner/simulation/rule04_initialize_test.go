package simulation

// Rule 4: initialize only on the path of the running flag, moved aside by this
// run on all hosts, with all schedulers stopped.
func initializeOnlyOurs(w *world) *rule {
	r := &rule{name: "4 initialize only what was moved aside"}
	r.act = func(a *act) {
		if a.kind != "initialize" {
			return
		}
		if a.what != logPath {
			w.violated(r.name, "initialize of %s", a.what)
		}
		st := w.state()
		for _, h := range w.hosts {
			if !st.Passed("reinitialize/move-log-aside", h.name) {
				w.violated(r.name, "initialize on %s, though the log of %s was not moved aside", a.host.name, h.name)
			}
			if n := h.fs.at(logPath); n != nil && n.log != nil && n.log.made == 0 && len(n.log.entries) > 0 {
				w.violated(r.name, "initialize on %s, though an old log lies in its place on %s", a.host.name, h.name)
			}
			if h.touched["process"] {
				continue // Somebody may have started one between look and act.
			}
			for _, p := range h.procs {
				if p.alive {
					w.violated(r.name, "initialize on %s, though PID %d runs on %s", a.host.name, p.pid, h.name)
				}
			}
		}
	}
	return r
}
