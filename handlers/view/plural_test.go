package view_test

import (
	"strings"
	"testing"

	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// Numbers in the end of a run: of one, of none, of at least some, of nobody knows how many.
func TestTheEndCountsRight(t *testing.T) {
	for want, loss := range map[string]health.Loss{
		"As counted before the commit, no task was to be killed.":                              health.LossOf(health.LossSource{Source: health.LossByMesos, Complete: true}),
		"As counted before the commit, 1 task was to be killed: a/b/c 1.":                      health.LossOf(health.LossSource{Source: health.LossByMesos, Killed: 1, Complete: true, Jobs: map[string]int{"a/b/c": 1}}),
		"As counted before the commit, at least 2 tasks were to be killed: a/b/c 2.":           health.LossOf(health.LossSource{Source: health.LossByLog, Killed: 2, Jobs: map[string]int{"a/b/c": 2}}),
		"As counted before the commit, how many tasks were to be killed is unknown.":           health.LossOf(),
		"As counted before the commit, 1,200 tasks were to be killed: a/b/c 1,000, a/b/d 200.": health.LossOf(health.LossSource{Source: health.LossByMesos, Killed: 1200, Complete: true, Jobs: map[string]int{"a/b/c": 1000, "a/b/d": 200}}),
	} {
		s := begin(t)
		s.look("assess/compare-with-log", "compared", map[string]any{"known": true, "total": loss})
		s.say(runner.Event{Kind: runner.RunClosed, Why: "recovered"})
		screens := view.ScreensOf(s.events, view.People{})
		if got := screens.Status.Lines; len(got) == 0 || !strings.HasPrefix(got[0], want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
