package simulation

import "aurorabot/runner"

// Rule 21: one recovery per cluster.
func oneRun(w *world) *rule {
	r := &rule{name: "21 one run per cluster"}
	open := map[string]bool{}
	r.event = func(e runner.Event) {
		switch {
		case e.Run == "audit":
			return
		case e.Kind == runner.RunRequested:
			open[e.Run] = true
		case e.Kind == runner.RunClosed:
			delete(open, e.Run)
		}
		if len(open) > 1 {
			w.violated(r.name, "%d runs are open", len(open))
			open = map[string]bool{}
		}
	}
	return r
}
