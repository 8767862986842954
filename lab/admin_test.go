package main

import (
	"slices"
	"strings"
	"testing"

	"aurorabot/lab/script"
)

// The API without aurora_admin does the same.
func TestAdminAPI(t *testing.T) {
	t.Parallel()
	by := play(t, script.Done)
	for _, args := range [][]string{{"--admin", "api"}, {"--admin", "api", "--secure"}} {
		s := play(t, script.Done, args...)
		if got, want := s.walked(), by.walked(); !slices.Equal(got, want) {
			t.Errorf("lab %q: the journal is another one than with aurora_admin:\n%s\nwant\n%s", args, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// walked are the kinds and steps of a story's events in their order, once for all hosts:
// which of them is ready first is chance.
func (s *story) walked() []string {
	var list []string
	for _, e := range s.events {
		kind := e.Kind
		if kind == "step.started" || kind == "note" || strings.HasPrefix(kind, "finding") {
			continue // What is done already is not started; findings differ with the time.
		}
		if kind == "step.skipped" {
			kind = "step.done"
		}
		one := strings.TrimSpace(kind + " " + e.Step + " " + e.Gate)
		if !slices.Contains(list, one) {
			list = append(list, one)
		}
	}
	return list
}
