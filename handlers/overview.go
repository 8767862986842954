package handlers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// An Overview is what one person may see of everything, as policy says: App
// Home and the form for a recovery are made of it.
type Overview struct {
	Clusters []ClusterLine
	Runs     []RunLine // Those that are open.
}

// A ClusterLine is a cluster that the person may look at.
type ClusterLine struct {
	Name    string
	Health  string // One line; empty: not known.
	Recover bool   // The person may ask for a recovery, in some channel.
}

// A RunLine is an open run.
type RunLine struct {
	Run  string
	Mine bool // The person may approve at its gate, and has not.
}

// healthFor is how long a line about a cluster's backups is shown before the hosts
// are asked again: people open a home more often than hosts want to be asked.
const healthFor = time.Minute

// Overviews makes overviews, and remembers the lines about backups between them.
type Overviews struct {
	Service *Service

	mu    sync.Mutex
	lines map[string]healthLine
}

type healthLine struct {
	text    string
	at      time.Time
	looking bool
}

// Of returns what policy lets somebody see, in whatever channel.
func (o *Overviews) Of(ctx context.Context, who policy.Actor) (Overview, error) {
	var seen Overview
	s := o.Service
	for _, c := range s.Clusters {
		if s.Rules.Allow(who, policy.Read, c.Name, "") == nil {
			seen.Clusters = append(seen.Clusters, ClusterLine{
				Name: c.Name, Health: o.health(ctx, c), Recover: s.Rules.Allow(who, policy.Operate, c.Name, "") == nil,
			})
		}
	}
	states, err := s.Unclosed()
	if err != nil {
		return seen, err
	}
	for _, st := range states {
		if s.Rules.Allow(who, policy.Read, st.Request.Cluster, "") != nil {
			continue
		}
		mine := st.Status == runner.Gated && s.Rules.Allow(who, policy.Approve, st.Request.Cluster, "") == nil && s.mayConsent(st, who)
		seen.Runs = append(seen.Runs, RunLine{Run: st.Run, Mine: mine})
	}
	return seen, nil
}

// health is a line about a cluster's backups, as it was known last. Where that is
// old the hosts are asked in the background.
func (o *Overviews) health(ctx context.Context, c *Cluster) string {
	if c.Check == nil {
		return ""
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.lines == nil {
		o.lines = map[string]healthLine{}
	}
	l := o.lines[c.Name]
	if now := o.Service.Now(); !l.looking && now.Sub(l.at) > healthFor {
		l.looking = true
		o.lines[c.Name] = l
		go func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*healthFor)
			defer cancel()
			text := strings.TrimPrefix(o.Service.CheckBackups(ctx, c).Says, c.Name+": ")
			o.mu.Lock()
			defer o.mu.Unlock()
			o.lines[c.Name] = healthLine{text: text, at: o.Service.Now()}
		}()
	}
	if l.text == "" {
		return "its hosts are being asked for their backups"
	}
	return fmt.Sprintf("%s; asked %s", l.text, l.at.UTC().Format("2006-01-02T15:04:05Z"))
}

// Approvers returns whom policy counts at a gate, by ID, and of them whose consent would
// be no new one: who asked for what is decided, and who approved it already.
func (s *Service) Approvers(run, gate string) (ids, except []string) {
	st, err := s.state(run)
	if err != nil {
		return nil, nil // The gate stands in the channel all the same.
	}
	ids, except = s.Rules.Approvers(gate, st.Requesters(gate))
	for _, a := range st.Gates[gate].Approvals {
		_, user, _ := strings.Cut(a.Who, "/")
		except = append(except, user)
	}
	return ids, except
}
