package handlers

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// An auditor writes down what belongs to no run: refusals, and who acts by what.
type auditor struct {
	records         *records
	policy, version string
}

// refuse journals a refusal and answers with it, to the person alone.
func (s *auditor) refuse(c call, run string, err error) Response {
	kind, hint := "refused", ""
	var r *policy.Refusal
	if errors.As(err, &r) {
		kind = refusalKind(r.Rule, c.Actor)
	}
	if unknown(err) {
		hint = unasked
	}
	return s.refuseAs(c, run, kind, err.Error(), hint)
}

// unasked is what to do where Slack does not say who somebody is.
const unasked = "If this lasts, use the command line on the bot's machine. Where Slack can't be asked about a group, name people by ID in the policy (policy.lists)."

// refusalKind is the word for the audit.
func refusalKind(rule string, a policy.Actor) string {
	switch {
	case rule == "requester":
		return "self-approve"
	case rule == "channel":
		return "wrong-channel"
	case rule == "identity" && a.Guest:
		return "guest"
	}
	return rule
}

func (s *auditor) refuseAs(c call, run, kind, why, hint string) Response {
	if run == "" {
		run = auditRun
	}
	data, err := json.Marshal(map[string]any{"words": c.Words, "channel": c.Channel, "why": why, "policy": s.policy, "version": s.version})
	if err != nil {
		return failure(err)
	}
	if _, err := s.records.engine.Append(run, runner.Event{Kind: runner.Refused, Who: c.Actor.Key(), Why: kind, Data: data}); err != nil {
		return failure(err)
	}
	m := view.Refusal(policy.Refusal{Rule: kind, Why: why})
	if hint != "" {
		m.Lines = append(m.Lines, hint)
	}
	return Response{Message: m, Exit: ExitRefused, Private: true, Run: run}
}

// The rules under which a surface does not take a request for the person's own wish.
const (
	ForgedView  = "forged-view"   // It came from a modal that is not the bot's.
	SudoAsOther = "sudo-as-other" // The account that gives it was entered from another login.
)

// forgedHints are what to do, by the rule.
var forgedHints = map[string]string{
	ForgedView:  "Nothing was done. Press the button again, or type the command. If you did not expect a question from the bot, tell the person who looks after it.",
	SudoAsOther: "Nothing was done. Log in with an account of your own that policy.os_users names, and type it there, without su and sudo.",
}

// forged refuses what did not come from whom it says, whatever it asks for.
func (s *auditor) forged(r Request) Response {
	run := ""
	if len(r.Words) > 1 {
		runs, err := s.records.engine.Journal.Runs()
		if err != nil {
			return failure(err)
		}
		if slices.Contains(runs, r.Words[1]) {
			run = r.Words[1]
		}
	}
	return s.refuseAs(call{Request: r}, run, r.Forged.Rule, r.Forged.Why, forgedHints[r.Forged.Rule])
}

// Began journals which program, under which policy, acts from now on. It says
// nothing where that is what the audit said last.
func (s *auditor) Began() error {
	events, err := s.records.engine.Journal.Events(auditRun)
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	data, err := json.Marshal(map[string]string{"policy": s.policy, "version": s.version})
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
	_, err = s.records.engine.Append(auditRun, runner.Event{Kind: runner.Note, Why: fmt.Sprintf("version %s acts under policy %.12s", s.version, s.policy), Data: data})
	return err
}
