package diagnose

import (
	"slices"
	"time"
)

// An Act is a time in which the bot itself stopped and started schedulers: what
// happened then says nothing of the cluster.
type Act struct {
	From, To  time.Time
	Recovered bool // The log was replaced by then, and a leader is registered with Mesos.
}

// past is from when on what the logs say counts, and what of it does not.
type past struct {
	from time.Time // By the bot's clock. Zero: all of it counts.
	acts []Act
}

// counts reports whether something that happened then is held against the cluster.
func (p past) counts(at time.Time) bool {
	return !at.Before(p.from) && !slices.ContainsFunc(p.acts, func(a Act) bool { return !at.Before(a.From) && !at.After(a.To) })
}

// stableAfter is how long one leader must be registered at least until what was
// before it counts no more.
const stableAfter = 15 * time.Minute

// pastOf judges from when on the lines of the last hour count: from the election
// of the leader, named if it is registered, where that leads longer than leaders
// did before. A run that recovered the cluster begins a new time as well.
func (dr *Doctor) pastOf(facts []*hostFacts, registered string) past {
	p := past{}
	if dr.Acts != nil {
		p.acts = dr.Acts()
	}
	for _, a := range p.acts {
		if a.Recovered && a.To.After(p.from) {
			p.from = a.To
		}
	}
	var elections []time.Time
	var leads time.Time
	for _, f := range facts {
		if registered != "" && !f.scanned {
			return p // It may have had elections that nobody knows of.
		}
		for _, m := range f.lines {
			if m.Finding != "elected" {
				continue
			}
			for _, at := range m.Times {
				elections = append(elections, at.Add(-f.look.Skew))
			}
			if f.name == registered && !m.LastAt.IsZero() {
				leads = m.LastAt.Add(-f.look.Skew)
			}
		}
	}
	if registered == "" || leads.IsZero() {
		return p
	}
	elections = slices.DeleteFunc(elections, func(at time.Time) bool { return !p.counts(at) })
	slices.SortFunc(elections, time.Time.Compare)
	need := stableAfter
	for i := 1; i < len(elections); i++ {
		need = max(need, 2*elections[i].Sub(elections[i-1]))
	}
	if dr.Now().Sub(leads) >= need && leads.After(p.from) {
		p.from = leads
	}
	return p
}

// since sets for all hosts from when on their lines count.
func since(facts []*hostFacts, p past) {
	for _, f := range facts {
		f.past = p
	}
}
