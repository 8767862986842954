package handlers

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

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

// raw is a run's journal for the incident pack: with its hash chain, so that
// `audit verify FILE` can check it wherever the pack is opened.
func (s *Service) raw(run string, events []runner.Event) (string, error) {
	if v, ok := s.Engine.Journal.(verifier); ok {
		text, err := v.Raw(run)
		return string(text), err
	}
	var b strings.Builder
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return "", err
		}
		b.Write(append(line, '\n'))
	}
	return b.String(), nil
}

// Began journals which program, under which policy, acts from now on. It says
// nothing where that is what the audit said last.
func (s *Service) Began() error {
	events, err := s.Engine.Journal.Events(auditRun)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	data, err := json.Marshal(map[string]string{"policy": s.Policy, "version": s.Version})
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	for i := len(events) - 1; i >= 0; i-- {
		if events[i].Kind == runner.Note && events[i].Data != nil {
			if string(events[i].Data) == string(data) {
				return nil
			}
			break
		}
	}
	_, err = s.Engine.Append(auditRun, runner.Event{Kind: runner.Note, Why: fmt.Sprintf("version %s acts under policy %.12s", s.Version, s.Policy), Data: data})
	return err
}
