package simulation

import (
	"slices"
	"strings"

	"aurorabot/policy"
	"aurorabot/runner"
)

// Rule 13: a commit has the consent of two people, of different groups, none of
// them the requester, all of them members as Slack says at that moment, to the
// very digest, and not longer ago than half an hour. Counted here anew, without
// the code of policy.
func twoPeople(w *world) *rule {
	r := &rule{name: "13 two people"}
	looked := 0 // Events in the journal when the commit's own step had its turn.
	r.event = func(e runner.Event) {
		if e.Kind == runner.StepStarted && e.Step == "restore/commit" {
			looked = len(w.journ.kept)
		}
		if e.Kind != runner.CommitSent {
			return
		}
		events := w.journ.events()
		given := map[string]runner.Event{}
		for _, x := range events {
			if x.Gate != "commit" {
				continue
			}
			switch x.Kind {
			case runner.GateApproved:
				if x.Digest == e.Digest {
					given[x.Who] = x
				}
			case runner.GateVoided, runner.GateDenied:
				given = map[string]runner.Event{}
			}
		}
		var sre, leads []string
		for who, x := range given {
			said, asked := w.people.said[who]
			switch a := said.actor; {
			case who == events[0].Who:
				continue // The requester.
			case !asked || said.at < x.Seq || said.at < looked-2:
				continue // Not asked anew right before.
			case a.Bot || a.Guest || a.Foreign || a.Deactivated || a.TeamID != "T1":
				continue
			case e.At.Sub(x.At) > 30*60e9+5e9:
				continue
			default:
				sre, leads = groups(a, sre, leads)
			}
		}
		if !distinct(sre, leads) {
			var who []string
			for g := range given {
				who = append(who, g)
			}
			slices.Sort(who)
			w.violated(r.name, "a commit leaves with the consent of %s only (sre %v, leads %v)", strings.Join(who, ", "), sre, leads)
		}
	}
	return r
}

func groups(a policy.Actor, sre, leads []string) ([]string, []string) {
	if slices.Contains(a.Groups, "S1") {
		sre = append(sre, a.UserID)
	}
	if slices.Contains(a.Groups, "S2") {
		leads = append(leads, a.UserID)
	}
	return sre, leads
}

// distinct tells whether there is one of each group, and they are two people.
func distinct(sre, leads []string) bool {
	for _, a := range sre {
		for _, b := range leads {
			if a != b {
				return true
			}
		}
	}
	return false
}
