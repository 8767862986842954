package handlers

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// An Explanation is what policy says of one person, now.
type Explanation struct {
	Who     string        `json:"who"`     // "TEAM/USER"
	Channel string        `json:"channel"` // From where it would be asked.
	Policy  string        `json:"policy"`  // Digest of the rules.
	Access  []Entitlement `json:"access"`
	Gates   []GateStand   `json:"gates"`
}

// An Entitlement is the answer for one permission on one cluster.
type Entitlement struct {
	Cluster    string            `json:"cluster"`
	Permission policy.Permission `json:"permission"`
	Allowed    bool              `json:"allowed"`
	Rule       string            `json:"rule,omitempty"` // Which allows.
	Why        string            `json:"why,omitempty"`  // Why not.
}

// A GateStand is what a gate needs and whether the person's consent can count there.
type GateStand struct {
	Gate  string `json:"gate"`
	Needs string `json:"needs"`
	Count bool   `json:"count"`
	Why   string `json:"why,omitempty"`
}

// doPolicy explains the rules to whoever stands before a refusal, with the
// functions that decide: there is no second reading of the rules to differ.
func (s *Service) doPolicy(ctx context.Context, c call) Response {
	if c.args[0] != "explain" {
		return Response{Message: view.Error(fmt.Sprintf("policy: there is no %.40q", c.args[0]), c.usage()), Exit: ExitUsage, Private: true}
	}
	who := c.Actor
	if len(c.args) == 2 {
		var err error
		if who, err = s.person(ctx, c.args[1]); err != nil {
			return failure(err)
		}
	}
	channel := c.Channel
	if given := c.flags["channel"]; given != "" {
		channel = given
	}
	e := explain(s.Rules, s.Policy, s.Clusters, who, channel)
	return Response{Message: e.page(s.Rules.RequesterMayApprove), Data: e, Private: true}
}

func explain(rules policy.Rules, digest string, clusters []*Cluster, who policy.Actor, channel string) Explanation {
	e := Explanation{Who: who.Key(), Channel: channel, Policy: digest, Access: []Entitlement{}, Gates: []GateStand{}}
	for _, k := range clusters {
		for _, p := range []policy.Permission{policy.Read, policy.Approve, policy.Operate} {
			rule, err := rules.Decide(who, p, k.Name, channel)
			one := Entitlement{Cluster: k.Name, Permission: p, Allowed: err == nil, Rule: rule}
			if err != nil {
				one.Why = err.Error()
			}
			e.Access = append(e.Access, one)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(rules.Gates)) {
		one := GateStand{Gate: g, Needs: rules.Gates[g].String()}
		err := rules.May(g, nil, who)
		if one.Count = err == nil; !one.Count {
			one.Why = err.Error()
		}
		e.Gates = append(e.Gates, one)
	}
	if _, gated := rules.Gates[runner.GateUndo]; !gated {
		e.Gates = append(e.Gates, GateStand{Gate: runner.GateUndo, Needs: "one person who may operate, no gate", Count: true})
	}
	return e
}

func (e Explanation) page(requesterMay bool) view.Message {
	access := view.Table{Title: "May", Rows: [][]string{{"cluster", "permission", "", "by"}}}
	for _, a := range e.Access {
		answer, by := "yes", "rule "+a.Rule
		if !a.Allowed {
			answer, by = "no", a.Why
		}
		access.Rows = append(access.Rows, []string{a.Cluster, string(a.Permission), answer, by})
	}
	gates := view.Table{Title: "Counts at gates", Rows: [][]string{{"gate", "needs", "", "why"}}}
	for _, g := range e.Gates {
		answer := "yes"
		if !g.Count {
			answer = "no"
		}
		gates.Rows = append(gates.Rows, []string{g.Gate, g.Needs, answer, g.Why})
	}
	line := "Who asks for a recovery does not approve it."
	if requesterMay {
		line = "Who asks for a recovery may be one of those who approve it (requester_may_approve)."
	}
	return view.Message{
		Tone: view.Plain, Head: "What policy says of " + e.Who + ", asking from " + e.Channel, Lines: []string{line},
		Tables: []view.Table{access, gates}, Foot: fmt.Sprintf("Policy %.12s. Groups are those of this minute, or older where Slack cannot be asked; they are asked for again when it matters.", e.Policy),
	}
}
