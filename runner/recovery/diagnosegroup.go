package recovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
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
	says    []Saying
	hosts   map[string]hostLook // With what schedulerOf needs.
}

// members is what a [ZooKeeper] may also know: who is advertised.
type members interface {
	Members(ctx context.Context, path string) ([]zk.Member, error)
}

// askGroup compares the hosts with each other and with ZooKeeper, and finds the
// leader. A disagreement must last twice the session timeout to be one: the
// candidate of a scheduler that was killed stays that long.
func (r *Recovery) askGroup(ctx context.Context, visits []*visit) *groupFacts {
	end := r.Now().Add(2 * r.Cluster.SessionLimit)
	for {
		g := r.askOnce(ctx, visits)
		if !g.mayPass() || !r.Now().Before(end) {
			return g
		}
		select {
		case <-ctx.Done():
			return g
		case <-time.After(max(r.poll(), r.Cluster.SessionLimit/10)):
		}
		for _, v := range visits {
			if f := &v.facts; f.silent == nil && f.vars != nil {
				if again, err := r.client(f.name).Vars(ctx); err == nil {
					r.takeState(f, again)
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

func (r *Recovery) askOnce(ctx context.Context, visits []*visit) *groupFacts {
	g := &groupFacts{none: r.Cluster.ZooKeeper == "none", hosts: map[string]hostLook{}}
	bad := func(id, format string, args ...any) {
		g.complaints = append(g.complaints, complaint{id, fmt.Sprintf(format, args...)})
	}
	var known hostLook
	silent := 0
	for _, v := range visits {
		if f := &v.facts; f.looked && f.look.Flags["zk_endpoints"] != "" && known.Flags == nil {
			known = f.look
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
		r.whoSaysWhat(g, visits)
		return g
	}
	r.sameEverywhere(g.hosts, bad)
	if !g.none {
		g.err = r.askZooKeeper(ctx, g, bad)
	}
	if silent > 0 {
		// A host that says nothing may be the one that ZooKeeper names.
		for i := range g.complaints {
			if g.complaints[i].id == "scheduler-unlisted" {
				g.complaints[i] = complaint{"cannot-tell", g.complaints[i].text + "; or it is a host that could not be asked"}
			}
		}
	}
	r.whoSaysWhat(g, visits)
	return g
}

// standIn has the flags that all hosts share, of a host that was asked.
func standIn(known hostLook) hostLook {
	l := hostLook{Flags: map[string]string{}}
	for _, name := range []string{"native_log_quorum_size", "native_log_zk_group_path", "serverset_path", "zk_endpoints", "cluster_name"} {
		if v, ok := known.Flags[name]; ok {
			l.Flags[name] = v
		}
	}
	return l
}

func (r *Recovery) askZooKeeper(ctx context.Context, g *groupFacts, bad complainer) error {
	var found clusterLook
	if err := r.compareWithZooKeeper(ctx, &runner.State{}, g.hosts, &found, bad); err != nil {
		return err
	}
	flags := g.hosts[r.Cluster.Schedulers[0].Name].Flags
	z, err := r.zookeeper(&runner.State{}, flags)
	if err != nil {
		return err
	}
	if g.candidates, err = z.Candidates(ctx, flags["serverset_path"]); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return err
	}
	if g.replicas, err = z.LogReplicas(ctx, flags["native_log_zk_group_path"]); err != nil && !errors.Is(err, zk.ErrNoNode) {
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
func (r *Recovery) whoSaysWhat(g *groupFacts, visits []*visit) {
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
		if f.lifecycle == "ACTIVE" || f.lifecycle == awaiting {
			g.leaders = append(g.leaders, f.name)
			if f.registered {
				state, active = state+", registered with Mesos", f.name
			}
		}
		g.says = append(g.says, Saying{"/vars of " + f.name, state})
	}
	first := ""
	switch {
	case g.none:
		g.says = append(g.says, Saying{"ZooKeeper", "there is none"})
	case g.err != nil:
		g.says = append(g.says, Saying{"ZooKeeper", "cannot be asked"})
	case len(g.candidates) == 0:
		g.says = append(g.says, Saying{"ZooKeeper's candidates", "none"})
	default:
		first = r.schedulerOf(g.candidates[0].Host, g.hosts)
		g.says = append(g.says, Saying{"ZooKeeper's candidates", fmt.Sprintf("%s (%s) is first of %d", orName(first, g.candidates[0].Host), g.candidates[0].Node, len(g.candidates))})
	}
	advertised := r.advertisedIn(g)
	facts := make([]*hostFacts, len(visits))
	for i, v := range visits {
		facts[i] = &v.facts
	}
	logs := r.hear(g, facts)
	switch {
	case len(g.leaders) == 0:
		g.odds = "no scheduler's /vars say that it leads"
	case len(g.leaders) > 1:
		g.odds = fmt.Sprintf("%d schedulers' /vars say that they lead", len(g.leaders))
	case first != "" && first != g.leaders[0]:
		g.odds = fmt.Sprintf("/vars say that %s leads, but ZooKeeper's first candidate is %s", g.leaders[0], first)
	case active != "" && g.advertised && advertised != active:
		g.odds = fmt.Sprintf("%s is registered with Mesos, but ZooKeeper advertises %s", active, orName(advertised, "nobody"))
	case logs != "":
		g.odds = logs
	default:
		g.leader = g.leaders[0]
	}
}

// advertisedIn is whom get_scheduler would find, "" if nobody or a stranger.
func (r *Recovery) advertisedIn(g *groupFacts) string {
	if !g.advertised {
		return ""
	}
	if len(g.members) == 0 {
		g.says = append(g.says, Saying{"get_scheduler (member_ in ZooKeeper)", "nobody"})
		return ""
	}
	m := g.members[0]
	name := r.schedulerOf(m.Host, g.hosts)
	g.says = append(g.says, Saying{"get_scheduler (member_ in ZooKeeper)", orName(name, net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))})
	return name
}

func orName(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// judgeGroup judges what was seen of the cluster as a whole.
func (r *Recovery) judgeGroup(facts []*hostFacts, g *groupFacts, ask Ask) []health.Finding {
	var found []health.Finding
	say := func(id, subject, format string, args ...any) {
		found = append(found, health.Found(id, subject, format, args...))
	}
	for _, c := range g.complaints {
		say(c.id, r.Cluster.Name, "%s", c.text)
	}
	if g.err != nil {
		say("zookeeper-silent", r.Cluster.Name, "%v", g.err)
	}
	running := 0
	for _, f := range facts {
		if f.look.Running && f.lifecycle != "" {
			running++
			if !g.none && g.err == nil && !r.stands(g, f.name) {
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
		say("replica-unregistered", r.Cluster.Name, "%d schedulers run, but the log's group in ZooKeeper has %d replicas", running, len(addresses))
	}
	return append(found, r.judgeLeader(facts, g, ask)...)
}

func (r *Recovery) stands(g *groupFacts, name string) bool {
	for _, c := range g.candidates {
		if r.schedulerOf(c.Host, g.hosts) == name {
			return true
		}
	}
	return false
}
