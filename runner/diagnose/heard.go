package diagnose

import (
	"fmt"
	"time"

	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// An Election is what a scheduler's log says of it.
type Election struct {
	heard bool      // The log could be read.
	At    time.Time // The last one, by the bot's clock. Zero: there is none, or it does not say when.
	lost  bool      // What the log says after it is that the leadership ended.
}

// endings are lines after which nobody leads any more.
var endings = []string{"leadership-lost", "registration-timeout", "log-disabled"}

// ElectionIn reads an election out of lines; skew is how far the host's clock is
// ahead of the bot's.
func ElectionIn(lines []health.Match, skew time.Duration) Election {
	e := Election{heard: true}
	for _, m := range lines {
		if at, ok := m.When(); ok && m.Finding == "elected" {
			e.At = at.Add(-skew).UTC()
		}
	}
	for _, m := range lines {
		at, ok := m.When()
		for _, id := range endings {
			e.lost = e.lost || m.Finding == id && ok && !e.At.IsZero() && at.Add(-skew).After(e.At)
		}
	}
	return e
}

func (e Election) String() string {
	switch {
	case !e.heard:
		return "cannot be read"
	case e.At.IsZero():
		return "no election"
	case e.lost:
		return "elected at " + e.At.Format(time.RFC3339) + ", and lost it since"
	}
	return "elected at " + e.At.Format(time.RFC3339)
}

// Contradicts says why what the logs say and who leads by all else can't both be
// true, "" if they can. Whoever leads was elected last; tolerance is how far the
// clocks may be apart. A log that says nothing of it Contradicts nobody.
func Contradicts(leader string, said map[string]Election, names []string, tolerance time.Duration) string {
	of := said[leader]
	if of.lost {
		return fmt.Sprintf("%s says that it leads, but its log says that it lost the leadership after its election at %s", leader, of.At.Format(time.RFC3339))
	}
	for _, name := range names {
		if e := said[name]; name != leader && !of.At.IsZero() && !e.lost && e.At.After(of.At.Add(tolerance)) {
			return fmt.Sprintf("%s says that it leads, but the log of %s says that it was elected at %s, after it (%s)", leader, name, e.At.Format(time.RFC3339), of.At.Format(time.RFC3339))
		}
	}
	return ""
}

// election is what a host's log of the last hour says of the process that runs.
func (f *hostFacts) election() Election {
	if !f.scanned {
		return Election{}
	}
	e := ElectionIn(f.lines, f.look.Skew)
	if at := e.At.Add(f.look.Skew); !f.look.Running || at.Before(node.Began(f.look.Process.Since, at)) {
		return Election{heard: true} // That was another process.
	}
	return e
}

// hear adds what the logs say to the table of who says what, and returns why it
// Contradicts the leader, "" if it does not.
func (dr *Doctor) hear(g *groupFacts, facts []*hostFacts) string {
	said := map[string]Election{}
	for _, f := range facts {
		if f.silent != nil {
			continue // That it says nothing was said.
		}
		said[f.name] = f.election()
		g.says = append(g.says, health.Saying{Who: "log of " + f.name + ", last hour", Says: said[f.name].String()})
	}
	if len(g.leaders) != 1 || !said[g.leaders[0]].heard {
		return ""
	}
	return Contradicts(g.leaders[0], said, dr.Cluster.Names(), 2*dr.Cluster.MaxClockSkew)
}
