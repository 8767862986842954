// Package host asks scheduler hosts for their backups.
package host

import (
	"context"
	"fmt"
	"sync"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/node"
)

// Check asks every host about its backups, and changes nothing but for
// the reader, which it leaves on the host for the next check. runs are the
// recoveries of the cluster, mem is what the check before left. What can't be
// told stands in the facts; an error means that ctx ended.
func Check(ctx context.Context, r *node.Nodes, runs []check.Window, mem check.Memory) (check.Facts, check.Memory, error) {
	f := check.Facts{
		Cluster: r.Cluster.Name, At: r.Now(), Limit: r.Cluster.MaxBackupAge, Skew: r.Cluster.MaxClockSkew, DBScript: r.Profile.DBScript,
		Runs: runs, Before: mem.Counters, Last: mem.Level, Hosts: make([]check.HostFacts, len(r.Cluster.Schedulers)),
	}
	looks := make([]*look, len(r.Cluster.Schedulers))
	var wg sync.WaitGroup
	for i, name := range r.Cluster.Names() {
		looks[i] = &look{Node: r.Node(name), mem: &mem, f: check.HostFacts{Host: name}}
		wg.Go(func() { looks[i].ask(ctx) })
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return f, mem, fmt.Errorf("check the backups of %s: %w", r.Cluster.Name, context.Cause(ctx))
	}
	elected, all := 0, true
	places := make([]check.Place, 0, len(looks))
	for i, l := range looks {
		f.Hosts[i] = l.f
		elected += l.elected
		all = all && l.scanned
		places = append(places, l.place)
	}
	if all {
		f.Failovers = &elected
	}
	framework, ledBy := liveFramework(ctx, looks, &mem)
	f.Framework = framework
	f.Took = r.Now().Sub(f.At)
	next := mem.Next(&f, places)
	next.Framework, next.LedBy = framework, ledBy
	return f, next, nil
}

// liveFramework is the id of the framework that the cluster is now, and of which
// process it was learned: of the leader's log lines, of a check before, or of
// Mesos. "": it is not known.
func liveFramework(ctx context.Context, looks []*look, mem *check.Memory) (id, ledBy string) {
	var lead *look
	for _, l := range looks {
		if l.f.Leads {
			if lead != nil {
				return "", "" // Who of them is the cluster can't be told.
			}
			lead = l
		}
		if l.framework != "" {
			id = l.framework // The last word of any scheduler, while nobody leads.
		}
	}
	if lead == nil {
		if id == "" {
			id = mem.Framework
		}
		return id, mem.LedBy
	}
	ledBy = lead.f.Host + " " + lead.f.Began.UTC().Format(time.RFC3339)
	switch {
	case lead.framework != "":
		return lead.framework, ledBy
	case mem.LedBy == ledBy && mem.Framework != "":
		return mem.Framework, ledBy
	}
	if lead.sinceStart(ctx); lead.framework != "" {
		return lead.framework, ledBy
	}
	if id, err := lead.registeredFramework(ctx); err == nil {
		return id, ledBy
	}
	return "", ""
}
