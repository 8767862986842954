package simulation

import (
	"slices"

	"aurorabot/runner"
)

// Rule 22: silence is never consent. Behind a gate nothing is begun until it was
// passed, and it is passed by approvals for the digest that it shows.
func silenceIsNoConsent(w *world) *rule {
	r := &rule{name: "22 silence is no consent"}
	gates := map[string]string{"prepare/keep-backups": "start", "restore/commit": "commit"}
	r.event = func(e runner.Event) {
		switch e.Kind {
		case runner.StepStarted:
			gate := gates[e.Step]
			if gate == "" {
				return
			}
			if g := w.state().Gates[gate]; !g.Passed {
				w.violated(r.name, "%s is begun on %s, and the %s gate is not passed", e.Step, e.Host, gate)
			}
		case runner.GatePassed:
			g := w.state().Gates[e.Gate]
			if e.Digest != g.Digest || !slices.ContainsFunc(g.Approvals, func(a runner.Approval) bool { return a.Digest == e.Digest }) {
				w.violated(r.name, "the %s gate is passed without an approval of its digest", e.Gate)
			}
		}
	}
	return r
}
