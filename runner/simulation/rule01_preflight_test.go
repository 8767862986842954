package simulation

import "slices"

// Rule 1: no destructive step before every host passed pre-flight in this run.
func preflightFirst(w *world) *rule {
	r := &rule{name: "1 pre-flight of every host first"}
	r.act = func(a *act) {
		e := a.effect(w)
		if slices.Contains(harmless, e) || e == "rm "+helperAt() {
			return
		}
		st := w.state()
		for _, h := range w.hosts {
			if !st.Passed("prepare/look", h.name) {
				w.violated(r.name, "%s on %s, but %s was not looked at", e, a.host.name, h.name)
			}
		}
		if !st.Passed("prepare/look-at-cluster", "bot") {
			w.violated(r.name, "%s on %s, but the cluster was not looked at", e, a.host.name)
		}
	}
	return r
}
