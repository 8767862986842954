package recovery

import (
	"time"

	"aurorabot/runner"
	"aurorabot/runner/diagnose"
)

// ActsOf are the acts of one run. Of one that goes on the last lasts until now.
func ActsOf(events []runner.Event, now time.Time) []diagnose.Act {
	var acts []diagnose.Act
	open := false
	end := func(at time.Time, recovered bool) {
		if open {
			acts[len(acts)-1].To, acts[len(acts)-1].Recovered = at, recovered
			open = false
		}
	}
	s := &runner.State{}
	for _, e := range events {
		was := s.Ended || s.Status == runner.Closed
		s.Apply(e)
		// A host that was left out is brought back after the end: an act of its own.
		if !open && e.Kind == runner.StepStarted && (e.Step == stepStop || e.Step == stepContain) {
			acts, open = append(acts, diagnose.Act{From: e.At}), true
		}
		switch ended := s.Ended || s.Status == runner.Closed; {
		case ended && !was, s.Status == runner.Closed:
			end(e.At, s.Outcome == "recovered")
		case ended && s.Status != runner.Settling:
			end(e.At, false)
		}
	}
	end(now, false)
	return acts
}
