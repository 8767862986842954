package policy

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// A GateRule says whose consent a gate needs: all factors, each by people of
// its own; one person counts for one factor.
type GateRule struct {
	Factors []Factor      `json:"factors"`
	Expires time.Duration `json:"expires"` // An approval counts up to and including this age. Zero: 30 minutes.

	// Remind are the ages at which a gate that is still open reminds those who can count.
	// Nil: after 5 and 15 minutes. Empty: never.
	Remind []time.Duration `json:"remind,omitempty"`
}

// defaultRemind is when people are reminded if the rule says nothing.
var defaultRemind = []time.Duration{5 * time.Minute, 15 * time.Minute}

// Reminds returns when people are reminded, by the gate's age.
func (g GateRule) Reminds() []time.Duration {
	if g.Remind == nil {
		return defaultRemind
	}
	return g.Remind
}

// A Factor is so many people out of named lists or groups.
type Factor struct {
	Count int      `json:"count"`
	Of    []string `json:"of"` // Names of lists or groups, or user IDs; "*" is everybody of our teams.
}

func (f Factor) String() string { return fmt.Sprintf("%d of %s", f.Count, strings.Join(f.Of, " or ")) }

// defaultExpiry is how long an approval counts if the rule says nothing.
const defaultExpiry = 30 * time.Minute

// Expiry returns how long an approval counts.
func (g GateRule) Expiry() time.Duration {
	if g.Expires == 0 {
		return defaultExpiry
	}
	return g.Expires
}

// Needed is how many people the gate needs.
func (g GateRule) Needed() int {
	n := 0
	for _, f := range g.Factors {
		n += f.Count
	}
	return n
}

// An Approval is one person's consent to one digest.
type Approval struct {
	Who    Actor // As they are now, not as they were then.
	Digest string
	At     time.Time
}

// A Verdict is where a gate stands.
type Verdict struct {
	Open    bool
	Given   []Counted // Approvals that count, each for one factor.
	Ignored []string  // Approvals that do not count, with the reason.
	Missing []string  // What is still needed, in words.
	Until   time.Time // When the first of the counted approvals ends. Zero if there is none.
}

// Counted is an approval and the factor it counts for.
type Counted struct {
	Who    string // "TEAM/USER"
	Factor string
	At     time.Time
	Known  time.Time // When Slack said who they are; see [Actor.Known].
}

// Without is the gate at which people decide to go on without a host. It needs
// whom the commit gate needs, so that a configuration cannot make it easier.
const Without = "without"

// Clean is where people decide that what a run left is removed. It needs whom the commit
// gate needs, too.
const Clean = "clean"

// RuleOf is the rule of a gate.
func (r Rules) RuleOf(gate string) GateRule {
	if gate == Without || gate == Clean {
		gate = "commit"
	}
	return r.Gates[gate]
}

// Gate counts the approvals at a gate for digest at the time now. Requesters are
// all who asked for what is decided, "TEAM/USER". People are judged as they are
// now: an approval of somebody who has left does not count.
func (r Rules) Gate(gate string, requesters []string, digest string, approvals []Approval, now time.Time) Verdict {
	rule := r.RuleOf(gate)
	var v Verdict
	var good []Approval
	seen := map[string]bool{}
	for _, a := range approvals {
		if err := r.counts(rule, requesters, digest, a, now); err != nil {
			v.Ignored = append(v.Ignored, fmt.Sprintf("%s: %v", a.Who.Key(), err))
			continue
		}
		if !seen[a.Who.Key()] {
			seen[a.Who.Key()] = true
			good = append(good, a)
		}
	}
	assigned, missing := r.assign(rule, good)
	v.Missing = missing
	for i, a := range good {
		if assigned[i] == "" {
			v.Ignored = append(v.Ignored, a.Who.Key()+": no factor of the "+gate+" gate needs them")
			continue
		}
		v.Given = append(v.Given, Counted{a.Who.Key(), assigned[i], a.At, a.Who.Known})
		if end := a.At.Add(rule.Expiry()); v.Until.IsZero() || end.Before(v.Until) {
			v.Until = end
		}
	}
	v.Open = len(missing) == 0 && len(rule.Factors) > 0
	if len(rule.Factors) == 0 {
		v.Missing = append(v.Missing, "policy.gates."+gate+" names nobody")
	}
	return v
}

// May reports whether a's consent could count at the gate at all, whatever its
// digest and time; asked when the button is pressed.
func (r Rules) May(gate string, requesters []string, a Actor) error {
	return r.counts(r.RuleOf(gate), requesters, "", Approval{Who: a}, time.Time{})
}

func (r Rules) counts(rule GateRule, requesters []string, digest string, a Approval, now time.Time) error {
	if err := r.Identity(a.Who); err != nil {
		return err
	}
	if slices.Contains(requesters, a.Who.Key()) && !r.RequesterMayApprove {
		return refuse("requester", "who asked for it, or for a change of it, does not approve it: somebody else must")
	}
	doubt := r.doubtOf(rule, a.Who)
	if doubt == "" && !slices.ContainsFunc(rule.Factors, func(f Factor) bool { return r.is(a.Who, f.Of) }) {
		return refuse("factor", "they are in none of the groups that this gate needs (%s)", rule)
	}
	switch {
	case a.Digest != digest:
		return refuse("digest", "it was for another plan (%.12s, now %.12s)", a.Digest, digest)
	case a.At.After(now):
		return refuse("time", "it lies in the future")
	case now.Sub(a.At) > rule.Expiry():
		return refuse("expired", "it ended after %s", minutes(rule.Expiry()))
	case doubt != "":
		return refuse(CannotTell, "%s. This gate (%s) depends on it", doubt, rule)
	}
	return nil
}

// minutes is d as people read it: "30 min".
func minutes(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return d.String()
}

// doubtOf says which group a person would count by that cannot be told. "": they
// count as it is, or not at all.
func (r Rules) doubtOf(rule GateRule, a Actor) (doubt string) {
	for _, f := range rule.Factors {
		if r.is(a, f.Of) {
			return ""
		}
		doubt = cmp.Or(doubt, r.doubt(a, f.Of))
	}
	return doubt
}

// Doubt refuses to say that a gate is closed where it would be open if the groups
// that cannot be told now had everybody in them. Nil: none of them matters.
func (r Rules) Doubt(gate string, requesters []string, digest string, approvals []Approval, now time.Time) error {
	if r.Gate(gate, requesters, digest, approvals, now).Open {
		return nil
	}
	var doubt string
	best := slices.Clone(approvals)
	for i, a := range best {
		for _, f := range r.RuleOf(gate).Factors {
			doubt = cmp.Or(doubt, r.doubt(a.Who, f.Of))
		}
		best[i].Who.Groups = slices.AppendSeq(slices.Clone(a.Who.Groups), maps.Keys(a.Who.Unknown))
		best[i].Who.Unknown = nil
	}
	if doubt == "" || !r.Gate(gate, requesters, digest, best, now).Open {
		return nil
	}
	return refuse(CannotTell, "%s. The %s gate depends on it", doubt, gate)
}

// String is the rule in words: "1 of sre and 1 of leads".
func (g GateRule) String() string {
	var w []string
	for _, f := range g.Factors {
		w = append(w, f.String())
	}
	return strings.Join(w, " and ")
}

// assign gives each approval to at most one place of one factor so that as many
// places as possible are filled (augmenting paths: a person in two groups goes
// where they are needed). It returns the factor of each approval and what is missing.
func (r Rules) assign(rule GateRule, approvals []Approval) (factor []string, missing []string) {
	var places []Factor
	for _, f := range rule.Factors {
		for range f.Count {
			places = append(places, f)
		}
	}
	holder := make([]int, len(places)) // Which approval fills the place; -1: none.
	for i := range holder {
		holder[i] = -1
	}
	var fill func(a int, tried []bool) bool
	fill = func(a int, tried []bool) bool {
		for p, f := range places {
			if tried[p] || !r.is(approvals[a].Who, f.Of) {
				continue
			}
			tried[p] = true
			if holder[p] < 0 || fill(holder[p], tried) {
				holder[p] = a
				return true
			}
		}
		return false
	}
	for a := range approvals {
		fill(a, make([]bool, len(places)))
	}
	factor = make([]string, len(approvals))
	lack := map[string]int{}
	for p, a := range holder {
		if a >= 0 {
			factor[a] = places[p].String()
		} else {
			lack[strings.Join(places[p].Of, " or ")]++
		}
	}
	for of, n := range lack {
		missing = append(missing, fmt.Sprintf("%d more of %s", n, of))
	}
	slices.Sort(missing)
	return factor, missing
}

// Approvers are whom the rules count at a gate: IDs of people and of user groups, each
// once, but not "*"; and, of them, the people who asked for what is decided, where their
// consent does not count.
func (r Rules) Approvers(gate string, requesters []string) (ids, except []string) {
	if !r.RequesterMayApprove {
		for _, who := range requesters {
			_, asked, _ := strings.Cut(who, "/")
			except = append(except, asked)
		}
	}
	add := func(id string) {
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, f := range r.RuleOf(gate).Factors {
		for _, name := range f.Of {
			switch {
			case name == "*": // Everybody is asked in the channel.
			case len(r.Lists[name]) > 0:
				for _, id := range r.Lists[name] {
					add(id)
				}
			case r.Groups[name] != "":
				add(r.Groups[name])
			default:
				add(name)
			}
		}
	}
	return ids, except
}
