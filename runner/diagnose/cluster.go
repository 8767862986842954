package diagnose

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/node"
	"aurorabot/runner/zk"
)

// SameEverywhere compares the flags that must be equal on all hosts.
func (dr *Doctor) SameEverywhere(looks map[string]node.Look, bad node.Complain) {
	for _, flag := range []string{"native_log_quorum_size", "native_log_zk_group_path", "serverset_path", "zk_endpoints", "cluster_name"} {
		values := map[string][]string{}
		for _, name := range dr.Cluster.Names() {
			// Not known, where a scheduler does not run and only its start script sets it.
			if v := looks[name].Flags[flag]; v != "" {
				values[v] = append(values[v], name)
			}
		}
		if len(values) > 1 {
			var parts []string
			for v, hosts := range values {
				parts = append(parts, fmt.Sprintf("%q on %s", v, strings.Join(hosts, ", ")))
			}
			slices.Sort(parts)
			bad("flags-differ", "-%s differs between the hosts: %s", flag, strings.Join(parts, "; "))
		}
	}
}

// A Group is what ZooKeeper lists of a cluster.
type Group struct {
	Candidates []zk.Candidate
	Replicas   []zk.Replica
	Warnings   []string // What people should know; nothing that stops.
}

// Joined is how many candidates came and went, per hour, by ZooKeeper's numbers.
func (g *Group) Joined(now time.Time) int { return joinedIn(g.Candidates, now) }

// CompareWithZooKeeper looks there by the flags of the node that it asks through:
// hosts configured = candidates = replica addresses, as far as their schedulers
// run. A scheduler there that is not configured is a stop; ZooKeeper unreachable
// is "cannot tell", which is a stop too.
func (dr *Doctor) CompareWithZooKeeper(ctx context.Context, via *node.Node, looks map[string]node.Look, bad node.Complain) (g Group, err error) {
	if dr.Cluster.ZooKeeper == "none" {
		g.Warnings = append(g.Warnings, "there is no ZooKeeper to compare with: the configuration says so")
		return g, nil
	}
	flags := looks[via.Name].Flags
	if g.Candidates, g.Replicas, err = via.Group(ctx, flags); err != nil {
		return g, err
	}
	there := map[string]bool{}
	for _, c := range g.Candidates {
		name := dr.SchedulerOf(c.Host, looks)
		if there[name] = true; name == "" {
			bad("scheduler-unlisted", "%s is a scheduler of this cluster in ZooKeeper (%s/%s), but it is not configured: it would meet an empty log", c.Host, flags["serverset_path"], c.Node)
		}
	}
	if list := g.Addresses(); len(slices.Compact(slices.Clone(list))) > len(dr.Cluster.Schedulers) {
		bad("replicas-unlisted", "the log's group in ZooKeeper (%s) has %d replicas, but %d schedulers are configured: %s", flags["native_log_zk_group_path"], len(slices.Compact(slices.Clone(list))), len(dr.Cluster.Schedulers), strings.Join(list, ", "))
	}
	for name, l := range looks {
		if l.Running && l.Lifecycle != "" && !there[name] {
			g.Warnings = append(g.Warnings, name+" runs, but is no candidate in ZooKeeper")
		}
	}
	slices.Sort(g.Warnings)
	return g, nil
}

// Addresses are those of the log's group, sorted.
func (g *Group) Addresses() []string {
	var list []string
	for _, p := range g.Replicas {
		list = append(list, p.Address.String())
	}
	slices.Sort(list)
	return list
}

// ParseTime reads a time in RFC 3339, the zero time where it is none.
func ParseTime(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}
	}
	return t
}
