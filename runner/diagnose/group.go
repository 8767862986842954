package diagnose

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// groupFacts are what was seen of the cluster as a whole.
type groupFacts struct {
	none       bool  // The configuration says that there is no ZooKeeper.
	err        error // It could not be asked.
	complaints []complaint
	candidates []zk.Candidate
	replicas   []zk.Replica
	members    []zk.Member
	advertised bool // members is known.

	leader  string   // Whom all sources name. "" if none, or they disagree.
	leaders []string // Whose /vars say that they lead.
	odds    string   // Why there is no one leader, "" if there is.
	says    []health.Saying
	hosts   map[string]node.Look // With what schedulerOf needs.
}

// members is what a [node.ZooKeeper] may also know: who is advertised.
type members interface {
	Members(ctx context.Context, path string) ([]zk.Member, error)
}

// askGroup compares the hosts with each other and with ZooKeeper, and finds the
// leader. A disagreement must last twice the session timeout to be one: the
// candidate of a scheduler that was killed stays that long.
func (dr *Doctor) askGroup(ctx context.Context, visits []*visit) *groupFacts {
	end := dr.Now().Add(2 * dr.Cluster.SessionLimit)
	for {
		g := dr.askOnce(ctx, visits)
		if !g.mayPass() || !dr.Now().Before(end) {
			return g
		}
		if dr.Pause(ctx, dr.Cluster.SessionLimit/10) != nil {
			return g
		}
		for _, v := range visits {
			if f := &v.facts; f.silent == nil && f.vars != nil {
				if again, err := dr.Node(f.name).Client().Vars(ctx); err == nil {
					f.takeState(again)
				}
			}
		}
	}
}

// mayPass reports whether something is odd that a scheduler which ended a
// moment ago explains.
func (g *groupFacts) mayPass() bool {
	if g.err != nil || len(g.candidates) == 0 && len(g.leaders) == 0 {
		return false
	}
	return g.odds != "" || slices.ContainsFunc(g.complaints, func(c complaint) bool {
		return c.id == "scheduler-unlisted" || c.id == "replicas-unlisted"
	})
}

func (dr *Doctor) askOnce(ctx context.Context, visits []*visit) *groupFacts {
	g := &groupFacts{none: dr.Cluster.ZooKeeper == "none", hosts: map[string]node.Look{}}
	bad := func(id, format string, args ...any) {
		g.complaints = append(g.complaints, complaint{id, fmt.Sprintf(format, args...)})
	}
	var known node.Look
	var via *node.Node // A host that answers, for where ZooKeeper is asked through one.
	silent := 0
	for _, v := range visits {
		if f := &v.facts; f.looked && f.look.Flags["zk_endpoints"] != "" && known.Flags == nil {
			known, via = f.look, v.Node
		}
	}
	for _, v := range visits {
		g.hosts[v.facts.name] = v.facts.look
		if v.facts.look.Flags["zk_endpoints"] == "" {
			silent++
			g.hosts[v.facts.name] = standIn(known)
		}
	}
	if known.Flags == nil {
		g.err = errors.New("no host said where its ZooKeeper is")
		dr.whoSaysWhat(g, visits)
		return g
	}
	dr.SameEverywhere(g.hosts, bad)
	if !g.none {
		g.err = dr.askZooKeeper(ctx, via, g, bad)
	}
	if silent > 0 {
		// A host that says nothing may be the one that ZooKeeper names.
		for i := range g.complaints {
			if g.complaints[i].id == "scheduler-unlisted" {
				g.complaints[i] = complaint{"cannot-tell", g.complaints[i].text + "; or it is a host that could not be asked"}
			}
		}
	}
	dr.whoSaysWhat(g, visits)
	return g
}

// standIn has the flags that all hosts share, of a host that was asked.
func standIn(known node.Look) node.Look {
	l := node.Look{Flags: map[string]string{}}
	for _, name := range []string{"native_log_quorum_size", "native_log_zk_group_path", "serverset_path", "zk_endpoints", "cluster_name"} {
		if v, ok := known.Flags[name]; ok {
			l.Flags[name] = v
		}
	}
	return l
}

func (dr *Doctor) askZooKeeper(ctx context.Context, via *node.Node, g *groupFacts, bad node.Complain) error {
	seen, err := dr.CompareWithZooKeeper(ctx, via, g.hosts, bad)
	if err != nil {
		return err
	}
	g.candidates, g.replicas = seen.Candidates, seen.Replicas
	flags := g.hosts[via.Name].Flags
	z, err := via.OpenZooKeeper(flags["zk_endpoints"])
	if err != nil {
		return err
	}
	if m, ok := z.(members); ok {
		if g.members, err = m.Members(ctx, flags["serverset_path"]); err != nil && !errors.Is(err, zk.ErrNoNode) {
			return err
		}
		g.advertised = true
	}
	return nil
}

// whoSaysWhat makes the table of who says what of the leader.
func (dr *Doctor) whoSaysWhat(g *groupFacts, visits []*visit) {
	active := ""
	for _, v := range visits {
		f := &v.facts
		state := "no answer"
		if f.vars != nil {
			state = f.lifecycle
			if state == "" {
				state = "in no state"
			}
		}
		if f.lifecycle == "ACTIVE" || f.lifecycle == aurora.Awaiting {
			g.leaders = append(g.leaders, f.name)
			if f.registered {
				state, active = state+", registered with Mesos", f.name
			}
		}
		g.says = append(g.says, health.Saying{Who: "/vars of " + f.name, Says: state})
	}
	first := ""
	switch {
	case g.none:
		g.says = append(g.says, health.Saying{Who: "ZooKeeper", Says: "there is none"})
	case g.err != nil:
		g.says = append(g.says, health.Saying{Who: "ZooKeeper", Says: "cannot be asked"})
	case len(g.candidates) == 0:
		g.says = append(g.says, health.Saying{Who: "ZooKeeper's candidates", Says: "none"})
	default:
		first = dr.SchedulerOf(g.candidates[0].Host, g.hosts)
		g.says = append(g.says, health.Saying{Who: "ZooKeeper's candidates", Says: fmt.Sprintf("%s (%s) is first of %d", cmp.Or(first, g.candidates[0].Host), g.candidates[0].Node, len(g.candidates))})
	}
	advertised := dr.advertisedIn(g)
	facts := seen(visits)
	logs := dr.hear(g, facts)
	switch {
	case len(g.leaders) == 0:
		g.odds = "no scheduler's /vars say that it leads"
	case len(g.leaders) > 1:
		g.odds = fmt.Sprintf("%d schedulers' /vars say that they lead", len(g.leaders))
	case first != "" && first != g.leaders[0]:
		g.odds = fmt.Sprintf("/vars say that %s leads, but ZooKeeper's first candidate is %s", g.leaders[0], first)
	case active != "" && g.advertised && advertised != active:
		g.odds = fmt.Sprintf("%s is registered with Mesos, but ZooKeeper advertises %s", active, cmp.Or(advertised, "nobody"))
	case logs != "":
		g.odds = logs
	default:
		g.leader = g.leaders[0]
	}
}

// advertisedIn is whom get_scheduler would find, "" if nobody or a stranger.
func (dr *Doctor) advertisedIn(g *groupFacts) string {
	if !g.advertised {
		return ""
	}
	if len(g.members) == 0 {
		g.says = append(g.says, health.Saying{Who: "get_scheduler (member_ in ZooKeeper)", Says: "nobody"})
		return ""
	}
	m := g.members[0]
	name := dr.SchedulerOf(m.Host, g.hosts)
	g.says = append(g.says, health.Saying{Who: "get_scheduler (member_ in ZooKeeper)", Says: cmp.Or(name, net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))})
	return name
}

// judgeGroup judges what was seen of the cluster as a whole.
func (dr *Doctor) judgeGroup(facts []*hostFacts, g *groupFacts, ask Ask) []health.Finding {
	var found []health.Finding
	say := func(id, subject, format string, args ...any) {
		found = append(found, health.Found(id, subject, format, args...))
	}
	for _, c := range g.complaints {
		say(c.id, dr.Cluster.Name, "%s", c.text)
	}
	if g.err != nil {
		say("zookeeper-silent", dr.Cluster.Name, "%v", g.err)
	}
	running := 0
	for _, f := range facts {
		if f.look.Running && f.lifecycle != "" {
			running++
			if !g.none && g.err == nil && !dr.stands(g, f.name) {
				say("not-a-candidate", f.name, "it runs (%s), but none of the %d candidates in ZooKeeper is it", f.lifecycle, len(g.candidates))
			}
		}
	}
	addresses := map[string]bool{}
	for _, p := range g.replicas {
		if !p.Stale {
			addresses[p.Address.String()] = true
		}
	}
	if !g.none && g.err == nil && len(addresses) < running {
		say("replica-unregistered", dr.Cluster.Name, "%d schedulers run, but the log's group in ZooKeeper has %d replicas", running, len(addresses))
	}
	return append(found, dr.judgeLeader(facts, g, ask)...)
}

func (dr *Doctor) stands(g *groupFacts, name string) bool {
	for _, c := range g.candidates {
		if dr.SchedulerOf(c.Host, g.hosts) == name {
			return true
		}
	}
	return false
}
