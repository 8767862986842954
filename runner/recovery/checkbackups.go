package recovery

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup/check"
)

// CheckBackups asks every host about its backups, and changes nothing but for
// the reader, which it leaves on the host for the next check. runs are the
// recoveries of the cluster, mem is what the check before left. What can't be
// told stands in the facts; an error means that ctx ended.
func (r *Recovery) CheckBackups(ctx context.Context, runs []check.Window, mem check.Memory) (check.Facts, check.Memory, error) {
	f := check.Facts{
		Cluster: r.Cluster.Name, At: r.Now(), Limit: r.Cluster.MaxBackupAge, Skew: r.Cluster.MaxClockSkew, DBScript: r.Profile.DBScript,
		Runs: runs, Before: mem.Counters, Last: mem.Level, Hosts: make([]check.HostFacts, len(r.Cluster.Schedulers)),
	}
	looks := make([]*checkLook, len(r.Cluster.Schedulers))
	var wg sync.WaitGroup
	for i, name := range r.Cluster.Names() {
		looks[i] = &checkLook{r: r, mem: &mem, t: r.lookTask(name), f: check.HostFacts{Host: name}}
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
	framework, ledBy := r.liveFramework(ctx, looks, &mem)
	f.Framework = framework
	f.Took = r.Now().Sub(f.At)
	next := mem.Next(&f, places)
	next.Framework, next.LedBy = framework, ledBy
	return f, next, nil
}

// lookTask is a task for questions outside of a run.
func (r *Recovery) lookTask(name string) *runner.Task {
	return &runner.Task{Host: r.Hosts[name], On: name, Step: stepHelper, State: &runner.State{}, Say: func(runner.Event) error { return nil }}
}

// liveFramework is the id of the framework that the cluster is now, and of which
// process it was learned: of the leader's log lines, of a check before, or of
// Mesos. "": it is not known.
func (r *Recovery) liveFramework(ctx context.Context, looks []*checkLook, mem *check.Memory) (id, ledBy string) {
	var lead *checkLook
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
	if id, err := r.registeredFramework(ctx, lead); err == nil {
		return id, ledBy
	}
	return "", ""
}

// frameworkIn reads the id out of a log line "Found persisted framework ID".
func frameworkIn(line string) string {
	if _, id, first := strings.Cut(line, `Registered with ID value: "`); first {
		id, _, _ = strings.Cut(id, `"`)
		return id
	}
	_, id, _ := strings.Cut(line, "framework ID: ")
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "Optional["), "]")
}
