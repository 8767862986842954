package simulation

import "aurorabot/runner"

// Rule 6: what must hold is asked for on every host right before initialise,
// stage, commit and start: since whatever step came before was done.
func holdsAsked(w *world) *rule {
	r := &rule{name: "6 what must hold is asked for"}
	n, turn := 0, 0
	asked := map[string]int{} // When a thing of a host was looked at.
	ended := map[string]int{} // When a step was last done.
	r.event = func(e runner.Event) {
		n++
		switch e.Kind {
		case runner.StepDone, runner.StepSkipped:
			ended[e.Step] = n
		case runner.GatePassed, runner.RunResumed, runner.PhaseStarted:
			turn = n
		}
	}
	r.look = func(host, thing string) { n++; asked[host+" "+thing] = n }
	r.act = func(a *act) {
		if !w.dangerousAct(a) {
			return
		}
		st := w.state()
		if st.Undo || st.Phase == "cleanup" { // On the way back nothing of this is begun.
			return
		}
		step := ""
		for _, s := range mayDo[a.effect(w)] {
			if st.Of(s, a.host.name).Progress == runner.Started {
				step = s
			}
		}
		since := turn
		for s, at := range ended {
			if s != step {
				since = max(since, at)
			}
		}
		things := []string{"unit", "config", "firewall", "processes"}
		if a.effect(w) == "start" {
			things = things[:3] // Which processes run is a host's own question then.
		}
		for _, h := range w.hosts {
			for _, thing := range things {
				if asked[h.name+" "+thing] < since {
					w.violated(r.name, "%s on %s, and the %s of %s was not asked for since the step before", a.effect(w), a.host.name, thing, h.name)
				}
			}
		}
	}
	return r
}
