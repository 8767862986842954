package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// consent counts who has agreed to what, and knows who could.
type consent struct {
	records   *records
	rules     *policy.Rules
	directory Directory
	now       func() time.Time
	drilled   func(cluster string) time.Duration // How long its last drill took; zero: nothing is known.
}

// Screens returns what the run's messages show now.
func (s *consent) Screens(run string) (view.Screens, error) {
	events, err := s.records.engine.Journal.Events(run)
	if err != nil {
		return view.Screens{}, fmt.Errorf("journal of %s: %w", run, err)
	}
	return view.ScreensOf(events, s.people(runner.Fold(events))), nil
}

// people counts the approvals as they stand, without asking anybody anew: for
// display only. What counts is asked again at the moment of use.
func (s *consent) people(st *runner.State) view.People {
	p := view.People{
		RequesterMayApprove: s.rules.RequesterMayApprove, Now: st.At,
		Gates: map[string]policy.Verdict{}, Needed: map[string][]string{}, Lasts: map[string]time.Duration{},
		Remind: map[string][]time.Duration{}, Asked: map[string][]string{},
	}
	if now := s.now(); st.Status != runner.Closed && now.After(p.Now) {
		p.Now = now // An approval that has ended by now counts no more, though nothing happened since.
	}
	if st.Gate == "start" {
		p.LastTook, p.LastDrill = s.records.lastTook(st.Request.Cluster), s.drilled(st.Request.Cluster)
	}
	gates := maps.Clone(s.rules.Gates)
	for _, id := range []string{policy.Without, policy.Clean} {
		gates[id] = s.rules.RuleOf(id)
	}
	for id, rule := range gates {
		for _, f := range rule.Factors {
			p.Needed[id] = append(p.Needed[id], f.String())
		}
		p.Lasts[id], p.Remind[id], p.Asked[id] = rule.Expiry(), rule.Reminds(), s.asked(st, id)
		gs := st.Gates[id]
		var given []policy.Approval
		for _, a := range gs.Approvals {
			given = append(given, policy.Approval{Who: s.remembered(a), Digest: a.Digest, At: a.At})
		}
		p.Gates[id] = s.rules.Gate(id, st.Requesters(id), gs.Digest, given, p.Now)
	}
	return p
}

// asked are the people and groups whose consent could count at a gate, "TEAM/ID": of
// everybody, nobody is named.
func (s *consent) asked(st *runner.State, gate string) []string {
	if len(s.rules.Teams) == 0 {
		return nil
	}
	var keys []string
	ids, except := s.rules.Approvers(gate, st.Requesters(gate))
	for _, id := range ids {
		if !slices.Contains(except, id) {
			keys = append(keys, s.rules.Teams[0]+"/"+id)
		}
	}
	return keys
}

// remembered is the person of an approval as they were when they gave it: their
// groups stand in the event.
func (s *consent) remembered(a runner.Approval) policy.Actor {
	team, user, _ := strings.Cut(a.Who, "/")
	who := policy.Actor{TeamID: team, UserID: user}
	// Without groups an approval counts for less, never for more.
	var v vouched
	if json.Unmarshal(a.Data, &v) == nil && !v.Known.IsZero() {
		who.Groups, who.Known = v.Groups, v.Known
	} else {
		_ = json.Unmarshal(a.Data, &who.Groups)
	}
	return who
}

// vouched is the data of an approval by what Slack said earlier; that of any other is
// the list of groups alone.
type vouched struct {
	Groups []string  `json:"groups"`
	Known  time.Time `json:"slack_answered"` // When Slack said so.
}

// evidence is the data of an approval by who.
func evidence(who policy.Actor) (json.RawMessage, error) {
	if who.Known.IsZero() {
		return json.Marshal(who.Groups)
	}
	return json.Marshal(vouched{who.Groups, who.Known})
}

// deciding is the purpose of looking somebody up for a decision that a call makes.
func deciding(c call) Purpose {
	if c.Channel == "cli" {
		return Vouched
	}
	return Deciding
}

// counts reports whether an approval is somebody's, and not too old to count.
func (s *consent) counts(gate string, a runner.Approval, who policy.Actor) bool {
	return a.Who == who.Key() && s.now().Sub(a.At) <= s.rules.RuleOf(gate).Expiry()
}

// mayConsent tells whether somebody's approval of what a run waits for would be a new
// one. Slack isn't asked: it is for what is shown, not for what counts.
func (s *consent) mayConsent(st *runner.State, who policy.Actor) bool {
	return s.rules.May(st.Gate, st.Requesters(st.Gate), who) == nil &&
		!slices.ContainsFunc(st.Gates[st.Gate].Approvals, func(a runner.Approval) bool { return s.counts(st.Gate, a, who) })
}

// factor is what somebody's approval counts for as things are, for those who
// read the run later; what it counts for in the end stands where the gate is
// passed. "": nothing, by what is known of the others.
func (s *consent) factor(st *runner.State, gate string, who policy.Actor) string {
	now := s.now()
	digest := st.Gates[gate].Digest
	given := []policy.Approval{{Who: who, Digest: digest, At: now}}
	for _, a := range st.Gates[gate].Approvals {
		if a.Who != who.Key() {
			given = append(given, policy.Approval{Who: s.remembered(a), Digest: a.Digest, At: a.At})
		}
	}
	for _, c := range s.rules.Gate(gate, st.Requesters(gate), digest, given, now).Given {
		if c.Who == who.Key() {
			return c.Factor
		}
	}
	return ""
}

// factors is the number of factors of a gate that a person could fill.
func (s *consent) factors(gate string, who policy.Actor) int {
	n := 0
	for _, f := range s.rules.RuleOf(gate).Factors {
		one := *s.rules
		one.RequesterMayApprove = true
		one.Gates = map[string]policy.GateRule{"one": {Factors: []policy.Factor{f}}}
		if one.May("one", nil, who) == nil {
			n++
		}
	}
	return n
}

// verdict counts the approvals at a gate with everybody asked anew. An approval
// that no longer counts because of the person is journaled as refused, once. An
// error says of whom it can't be told, where the gate depends on it.
func (s *consent) verdict(ctx context.Context, st *runner.State, gate string, p Purpose) (policy.Verdict, error) {
	gs := st.Gates[gate]
	var approvals []policy.Approval
	for _, a := range gs.Approvals {
		team, user, _ := strings.Cut(a.Who, "/")
		who, err := s.directory.Person(ctx, team, user, p)
		if err != nil {
			return policy.Verdict{}, fmt.Errorf("who %s is now can't be told: %w", a.Who, err)
		}
		approvals = append(approvals, policy.Approval{Who: who, Digest: a.Digest, At: a.At})
		if err := s.rules.May(gate, st.Requesters(gate), who); err != nil && !unknown(err) {
			data, merr := json.Marshal(map[string]any{"gate": gate, "why": err.Error()})
			if merr != nil {
				return policy.Verdict{}, fmt.Errorf("refusal: %w", merr)
			}
			if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.Refused, Gate: gate, Who: a.Who, Why: "approver-removed-after-approval", Data: data}); err != nil {
				return policy.Verdict{}, err
			}
		}
	}
	now := s.now()
	if err := s.rules.Doubt(gate, st.Requesters(gate), gs.Digest, approvals, now); err != nil {
		return policy.Verdict{}, err
	}
	return s.rules.Gate(gate, st.Requesters(gate), gs.Digest, approvals, now), nil
}

// unknown tells a refusal that may be none once Slack answers.
func unknown(err error) bool {
	var r *policy.Refusal
	return errors.As(err, &r) && r.Rule == policy.CannotTell
}

// withdrawn journals as refused, once each, the consents that would have opened
// the gate and were taken back by whoever gave them: they aborted or denied.
func (s *consent) withdrawn(ctx context.Context, st *runner.State, gate string, p Purpose) error {
	with := *st
	with.Gates = maps.Clone(st.Gates)
	g := st.Gates[gate]
	var who []string
	for _, w := range st.Withdrawn {
		given := slices.ContainsFunc(g.Approvals, func(a runner.Approval) bool { return a.Who == w.Who })
		if w.Gate == gate && w.Digest == g.Digest && !given && !slices.Contains(who, w.Who) {
			g.Approvals = append(slices.Clone(g.Approvals), w.Approval)
			who = append(who, w.Who)
		}
	}
	with.Gates[gate] = g
	if len(who) == 0 {
		return nil
	}
	if v, err := s.verdict(ctx, &with, gate, p); err != nil || !v.Open {
		return err
	}
	data, err := json.Marshal(map[string]any{"gate": gate, "why": "an approval that was withdrawn by an abort or a deny never counts again"})
	if err != nil {
		return fmt.Errorf("refusal: %w", err)
	}
	for _, w := range who {
		if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.Refused, Gate: gate, Who: w, Why: "approver-aborts", Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// recheck is asked by the engine at the moment of use. Where Slack has gone away since
// the gate was passed, the terminal's rule decides.
func (s *consent) recheck(ctx context.Context, st *runner.State, gate string) error {
	v, err := s.verdict(ctx, st, gate, Vouched)
	if err != nil {
		return err
	}
	if !v.Open {
		return fmt.Errorf("needed: %s; what does not count: %s", strings.Join(v.Missing, ", "), strings.Join(v.Ignored, "; "))
	}
	return nil
}

// operates reports whether the caller may operate a cluster, as they are now.
func (s *consent) operates(ctx context.Context, c call, cluster string) bool {
	who, err := s.directory.Person(ctx, c.Actor.TeamID, c.Actor.UserID, deciding(c))
	return err == nil && s.rules.Allow(who, policy.Operate, cluster, c.Channel) == nil
}

// person finds whom a word means: TEAM/USER, a user ID of our first team, or an
// account of the bot's machine.
func (s *consent) person(ctx context.Context, word string) (policy.Actor, error) {
	team, user, ok := strings.Cut(word, "/")
	if !ok {
		var err error
		if team, user, err = s.rules.OSUser(word); err != nil {
			if len(s.rules.Teams) == 0 {
				return policy.Actor{}, err
			}
			team, user = s.rules.Teams[0], word
		}
	}
	a, err := s.directory.Person(ctx, team, user, Looking)
	if err != nil {
		return policy.Actor{}, fmt.Errorf("who %.60q is, cannot be told: %w", word, err)
	}
	return a, nil
}
