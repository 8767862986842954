package simulation

import (
	"slices"
)

// Rule 23: a run is not closed until it is green. Recovered means: a leader is
// registered with Mesos on exactly what was committed, and everything that
// Preparation changed is as it was.
func greenAtTheEnd(w *world) *rule {
	r := &rule{name: "23 closed when green"}
	r.end = func() {
		st := w.state()
		if st.Outcome != "recovered" {
			return
		}
		lead := w.active()
		if lead == nil {
			if !w.touchedAny("process", "unit") {
				w.violated(r.name, "recovered, but no leader is registered with Mesos")
			}
			return
		}
		if last := w.lastCommit(); last == nil || !slices.Equal(lead.store.ids(), last.what.ids()) {
			w.violated(r.name, "recovered, but the leader holds %v", lead.store.ids())
		}
		for _, h := range w.hosts {
			if h.touched["unit"] || h.touched["process"] {
				continue
			}
			if h.unit.enabled != h.was.enabled || h.unit.noLoop {
				w.violated(r.name, "recovered, but supervision on %s is not as it was", h.name)
			}
			if h.unit.main == nil || !h.unit.main.alive {
				w.violated(r.name, "recovered, but no scheduler runs on %s", h.name)
			}
			if h.fs.at(helperAt()) != nil {
				w.violated(r.name, "recovered, but the helper is left on %s", h.name)
			}
		}
	}
	return r
}

func (w *world) touchedAny(things ...string) bool {
	return slices.ContainsFunc(w.hosts, func(h *host) bool {
		return slices.ContainsFunc(things, func(t string) bool { return h.touched[t] })
	})
}

func (w *world) lastCommit() *commit {
	for _, c := range slices.Backward(w.truth.commits) {
		if yes, _ := w.committed(c); yes {
			return c
		}
	}
	return nil
}

// Undo leaves the world as it was: files, supervision, packet filter, logs, and
// what runs.
func undoTakesBack(w *world) *rule {
	r := &rule{name: "23 undo leaves the world as it was"}
	r.end = func() {
		if !slices.Contains([]string{"undone", "not-needed", "nothing-done", "denied"}, w.state().Outcome) {
			return
		}
		for _, h := range w.hosts {
			if h.fs.at(helperAt()) != nil {
				w.violated(r.name, "%s: the helper is left", h.name)
			}
			if h.touched["unit"] || h.touched["process"] || h.touched["config"] {
				continue
			}
			if h.fs.at(h.dropIn()) != nil || h.unit.noLoop || h.unit.enabled != h.was.enabled {
				w.violated(r.name, "%s: supervision is not as it was", h.name)
			}
			running := h.unit.main != nil && (h.unit.main.alive || h.unit.starting)
			if running != h.was.running {
				w.violated(r.name, "%s: its scheduler runs %v, before the run %v", h.name, running, h.was.running)
			}
			if running && h.unit.main.alive && !h.unit.main.real() {
				w.violated(r.name, "%s: its scheduler runs with the disabled flags", h.name)
			}
			if n := h.fs.at(logPath); n != nil && n.log != nil && n.log.made > 0 {
				w.violated(r.name, "%s: the log that this run initialised is in its place", h.name)
			}
		}
	}
	return r
}
