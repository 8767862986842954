package recovery

import (
	"context"
	"fmt"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// An election is what a scheduler's log says of it.
type election struct {
	heard bool      // The log could be read.
	at    time.Time // The last one, by the bot's clock. Zero: there is none, or it does not say when.
	lost  bool      // What the log says after it is that the leadership ended.
}

// endings are lines after which nobody leads any more.
var endings = []string{"leadership-lost", "registration-timeout", "log-disabled"}

// electionIn reads an election out of lines; skew is how far the host's clock is
// ahead of the bot's.
func electionIn(lines []health.Match, skew time.Duration) election {
	e := election{heard: true}
	for _, m := range lines {
		if at, ok := lineTime(m); ok && m.Finding == "elected" {
			e.at = at.Add(-skew).UTC()
		}
	}
	for _, m := range lines {
		at, ok := lineTime(m)
		for _, id := range endings {
			e.lost = e.lost || m.Finding == id && ok && !e.at.IsZero() && at.Add(-skew).After(e.at)
		}
	}
	return e
}

func (e election) String() string {
	switch {
	case !e.heard:
		return "cannot be read"
	case e.at.IsZero():
		return "no election"
	case e.lost:
		return "elected at " + e.at.Format(time.RFC3339) + ", and lost it since"
	}
	return "elected at " + e.at.Format(time.RFC3339)
}

// contradicts says why what the logs say and who leads by all else can't both be
// true, "" if they can. Whoever leads was elected last; tolerance is how far the
// clocks may be apart. A log that says nothing of it contradicts nobody.
func contradicts(leader string, said map[string]election, names []string, tolerance time.Duration) string {
	of := said[leader]
	if of.lost {
		return fmt.Sprintf("%s says that it leads, but its log says that it lost the leadership after its election at %s", leader, of.at.Format(time.RFC3339))
	}
	for _, name := range names {
		if e := said[name]; name != leader && !of.at.IsZero() && !e.lost && e.at.After(of.at.Add(tolerance)) {
			return fmt.Sprintf("%s says that it leads, but the log of %s says that it was elected at %s, after it (%s)", leader, name, e.at.Format(time.RFC3339), of.at.Format(time.RFC3339))
		}
	}
	return ""
}

// logsAgree asks the logs of all schedulers, since their processes began, and
// takes the time of the election from the leader's. Where that does not say, the
// process's own start stands for it: the leader cannot have been elected before.
func (r *Recovery) logsAgree(ctx context.Context, t *runner.Task, f *fence) (why string, err error) {
	names := r.everyScheduler(t.State)
	said := map[string]election{}
	for _, name := range names {
		on := *t
		on.Host, on.On = r.Hosts[name], name
		l, err := look(t.State, name)
		if err != nil {
			return "", err
		}
		mine, _, err := r.schedulers(ctx, &on)
		if err != nil {
			return "", err
		}
		if len(mine) != 1 {
			continue // It does not lead; what its old processes logged is not asked for.
		}
		s := schedulerLook{Since: mine[0].Since}
		if err := r.scan(ctx, &on, &s); err != nil {
			return "", err
		}
		e := election{}
		if !s.Missing && !s.Silent {
			e = electionIn(s.Found, l.Skew)
		}
		said[name] = e
		if name == f.Host {
			began := mine[0].Since.Add(-l.Skew).UTC()
			if f.ElectedAt = began; e.at.After(began) && e.at.Before(r.Now()) {
				f.ElectedAt = e.at
			}
		}
		f.Says = append(f.Says, fmt.Sprintf("log of %s since it started: %s", name, e))
	}
	return contradicts(f.Host, said, names, 2*r.Cluster.MaxClockSkew), nil
}

// election is what a host's log of the last hour says of the process that runs.
func (f *hostFacts) election() election {
	if !f.scanned {
		return election{}
	}
	e := electionIn(f.lines, f.look.Skew)
	if at := e.at.Add(f.look.Skew); !f.look.Running || at.Before(began(f.look.Process.Since, at)) {
		return election{heard: true} // That was another process.
	}
	return e
}

// hear adds what the logs say to the table of who says what, and returns why it
// contradicts the leader, "" if it does not.
func (r *Recovery) hear(g *groupFacts, facts []*hostFacts) string {
	said := map[string]election{}
	for _, f := range facts {
		if f.silent != nil {
			continue // That it says nothing was said.
		}
		said[f.name] = f.election()
		g.says = append(g.says, Saying{"log of " + f.name + ", last hour", said[f.name].String()})
	}
	if len(g.leaders) != 1 || !said[g.leaders[0]].heard {
		return ""
	}
	return contradicts(g.leaders[0], said, r.Cluster.Names(), 2*r.Cluster.MaxClockSkew)
}
