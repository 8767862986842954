package handlers

import (
	"fmt"
	"slices"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// verifier is a journal that can be held against what it was.
type verifier interface {
	Verify(only ...string) ([]runner.Chain, error)
	Raw(run string) ([]byte, error)
}

// verified checks the hash chains. The hash that a chain ends with stands for
// all of its events: who wrote it down elsewhere can tell a chain made anew. Runs
// that are hidden, of clusters that who asks may not see, are checked and counted.
func verified(v verifier, only []string, hidden map[string]bool) Response {
	chains, err := v.Verify(only...)
	if err != nil {
		return failure(fmt.Errorf("audit: %w", err))
	}
	if len(chains) < len(only) {
		return failure(fmt.Errorf("audit: there is no run %.80q", only[0]))
	}
	n, all := 0, len(chains)
	for _, c := range chains {
		n += c.Events
	}
	chains = slices.DeleteFunc(chains, func(c runner.Chain) bool { return hidden[c.Run] })
	lines := make([]string, 0, len(chains))
	for _, c := range chains {
		lines = append(lines, fmt.Sprintf("%s: %d events, ends with %.16s", c.Run, c.Events, c.Head))
	}
	const most = 50
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d more runs in --json", len(chains)-most))
	}
	if n := all - len(chains); n > 0 {
		lines = append(lines, fmt.Sprintf("runs of clusters that you may not see, checked as well: %d", n))
	}
	return Response{
		Message: view.Message{Tone: view.Good, Head: fmt.Sprintf("%d events of %d runs: every hash chain is whole", n, all), Lines: lines},
		Data:    map[string]any{"runs": all, "events": n, "whole": true, "chains": chains},
	}
}
