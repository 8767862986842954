// Package diagnose tells how a cluster is: it gathers facts of the hosts, of
// ZooKeeper and of the logs, judges them, and comes to a verdict.
package diagnose

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// A Doctor looks at one cluster and judges it.
type Doctor struct {
	*node.Nodes

	// Acts are what the bot did to this cluster within the last hours. Nil: nothing.
	Acts func() []Act
}

// An Ask says how far a diagnosis goes.
type Ask struct {
	Logs bool // Read a copy of every replica's log, and say whether a restore is needed.
	Run  *Run // The open run of the cluster: what it did on purpose is no finding. Nil: none is open.
}

// A Run is what a diagnosis must know of the cluster's open run.
type Run struct {
	ID       string
	Disabled bool // It keeps the schedulers disabled. Once its work has ended what is open are debts of single hosts.
	Left     []string
	Debts    []runner.Debt
	Started  time.Time // The first start of a scheduler, disabled. Zero: none was started.
	Leader   *Leader   // Whom it found. Nil: nobody.
}

// A Leader is the process that was found to lead, and since when.
type Leader struct {
	Host      string
	PID       int
	Start     uint64
	ElectedAt time.Time
}

// A visit is one host while it is being asked.
type visit struct {
	*node.Node
	facts hostFacts
	seat  string // Names helper and host. Empty: not entered.
}

// visitLimit bounds all questions to one host but the reading of its log.
const visitLimit = 4 * time.Minute

// Diagnose looks at the cluster as it is and changes nothing: logs of running
// schedulers are read from copies, and those and the helper are taken away
// again. What can't be told is a finding, never an error; an error means that
// ctx ended.
func (dr *Doctor) Diagnose(ctx context.Context, ask Ask) (*health.Diagnosis, error) {
	visits := make([]*visit, len(dr.Cluster.Schedulers))
	each := func(do func(context.Context, *visit)) {
		var wg sync.WaitGroup
		for _, v := range visits {
			wg.Go(func() { do(ctx, v) })
		}
		wg.Wait()
	}
	for i, name := range dr.Cluster.Names() {
		visits[i] = &visit{Node: dr.Node(name), facts: hostFacts{name: name}}
	}
	each(dr.visit)
	defer each(func(_ context.Context, v *visit) { v.leave(context.WithoutCancel(ctx)) })

	group := dr.askGroup(ctx, visits)
	if ask.Logs {
		dr.readLogs(ctx, visits, group.leader)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("diagnosis of %s: %w", dr.Cluster.Name, context.Cause(ctx))
	}
	return dr.conclude(seen(visits), group, ask), nil
}

func seen(visits []*visit) []*hostFacts {
	facts := make([]*hostFacts, len(visits))
	for i, v := range visits {
		facts[i] = &v.facts
	}
	return facts
}

// conclude is the pure half: facts in, findings and verdict out.
func (dr *Doctor) conclude(facts []*hostFacts, group *groupFacts, ask Ask) *health.Diagnosis {
	now := dr.Now()
	d := &health.Diagnosis{Cluster: dr.Cluster.Name, At: now.UTC(), Leader: group.leader, Says: group.says, Findings: []health.Finding{}, Hosts: []health.HostSeen{}}
	if ask.Run != nil {
		d.OpenRun = ask.Run.ID
		for _, debt := range ask.Run.Debts {
			d.Findings = append(d.Findings, health.Found("host-owes", debt.Host, "left out of run %s; it owes: %s", ask.Run.ID, cmp.Or(strings.Join(debt.Owes, ", "), "nothing that is known yet")))
			for _, f := range facts {
				if f.name == debt.Host && f.looked && f.look.Running {
					d.Findings = append(d.Findings, health.Found("host-owes-and-runs", f.name, "PID %d, since %s; left out of run %s", f.look.Process.PID, f.look.Process.Since.UTC().Format(time.RFC3339), ask.Run.ID))
				}
			}
		}
	}
	registered := ""
	for _, f := range facts {
		if f.registered && f.name == group.leader {
			registered = f.name
		}
	}
	since(facts, dr.pastOf(facts, registered))
	var logs replica.Comparison
	if ask.Logs {
		logs = compareLogs(facts)
		d.Findings = append(d.Findings, dr.judgeLogs(facts, logs)...)
	}
	for _, f := range facts {
		d.Findings = append(d.Findings, dr.judgeHost(f, ask, logs.Verdict)...)
		d.Hosts = append(d.Hosts, f.seen())
	}
	d.Findings = append(d.Findings, dr.judgeGroup(facts, group, ask)...)
	d.Findings = append(d.Findings, dr.judgeChanges(facts, group.leader != "", joinedIn(group.candidates, now), ask)...)
	backups, newest := dr.judgeBackups(facts, ask)
	d.Findings = append(d.Findings, backups...)
	d.Findings = append(d.Findings, dr.judgeTimes(facts, group, newest, ask)...)
	if newest != nil {
		d.Backup = newest.seen(now)
	}
	health.Sort(d.Findings)
	if ask.Logs {
		d.Verdict, d.Reinitialize, d.Advice = advise(facts, group, logs, d.Findings)
	}
	return d
}

func (f *hostFacts) seen() health.HostSeen {
	l := &f.look
	s := health.HostSeen{
		Host: f.name, Answers: f.silent == nil, Running: l.Running, PID: l.Process.PID, Since: l.Process.Since, Lifecycle: f.lifecycle,
		Uptime: l.Uptime, Unit: l.Unit.Words, Version: f.vars["build.version"], Skew: l.Skew.Milliseconds(), Backups: len(l.Backups),
		Log: health.LogSeen{Path: l.Flags["native_log_file_path"], Bytes: l.Log.Size},
	}
	if f.report != nil {
		s.Log.State, s.Log.Status, s.Log.Begin, s.Log.End = string(f.report.State), f.report.Status, f.report.Begin, f.report.End
		s.Log.Words = node.LogWords(f.report)
	}
	return s
}

// visit asks one host everything but its log.
func (dr *Doctor) visit(ctx context.Context, v *visit) {
	f := &v.facts
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	if _, err := v.Host.Run(ctx, runner.Command{Argv: []string{"true"}, Limit: node.Hello}); err != nil {
		f.silent = err
		return
	}
	if err := v.enter(ctx); err != nil {
		f.complain("access-missing", "the reader of logs and backups cannot be put on the host: %v", err)
	}
	dr.gather(ctx, v)
}
