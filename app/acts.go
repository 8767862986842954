package app

import (
	"slices"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/recovery"
)

// remembered is how long an act of the bot's own is told of after its end: a
// diagnosis reads what schedulers logged within the last hour.
const remembered = 2 * time.Hour

// acts returns what runs did to a cluster within the last hours. A journal that
// can't be read tells of none: then all that the schedulers logged counts.
func acts(j runner.Journal, cluster string, now time.Time) []diagnose.Act {
	runs, err := j.Runs()
	if err != nil {
		return nil
	}
	var all []diagnose.Act
	for _, run := range slices.Backward(runs) {
		events, err := j.Events(run)
		if err != nil || len(events) == 0 || runner.Fold(events[:1]).Request.Cluster != cluster {
			continue
		}
		s := runner.Fold(events)
		if s.Status == runner.Closed && now.Sub(s.At) > remembered {
			break // A cluster has one run at a time: those before ended earlier.
		}
		all = append(all, recovery.ActsOf(events, now)...)
	}
	return all
}
