package recovery

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/replica"
)

// An Ask says how far a diagnosis goes.
type Ask struct {
	Logs bool          // Read a copy of every replica's log, and say whether a restore is needed.
	Run  *runner.State // The open run of the cluster: what it did on purpose is no finding. Nil: none is open.
}

// A Diagnosis is a cluster as it was found, any day. Its JSON form is a
// promise to scripts: names are added, never changed.
type Diagnosis struct {
	Cluster      string           `json:"cluster"`
	At           time.Time        `json:"at"`
	Verdict      Verdict          `json:"verdict,omitempty"` // Empty: the logs were not read.
	Advice       string           `json:"advice,omitempty"`
	Reinitialize bool             `json:"reinitialize"` // Would a restore re-initialise the log?
	Leader       string           `json:"leader"`       // "" if there is none, or it can't be told.
	Says         []Saying         `json:"says"`         // Who says what of the leader.
	OpenRun      string           `json:"open_run,omitempty"`
	Findings     []health.Finding `json:"findings"` // Worst first.
	Hosts        []HostSeen       `json:"hosts"`
	Backup       *BackupSeen      `json:"newest_backup,omitempty"` // The newest valid one over all hosts.
}

// A Saying is one line of the table of who says what.
type Saying struct {
	Who  string `json:"who"`
	Says string `json:"says"`
}

// A HostSeen is one host in a [Diagnosis].
type HostSeen struct {
	Host      string    `json:"host"`
	Answers   bool      `json:"answers"`
	Running   bool      `json:"running"`
	PID       int       `json:"pid,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Lifecycle string    `json:"lifecycle,omitempty"`
	Uptime    int64     `json:"uptime_secs,omitempty"`
	Unit      string    `json:"unit,omitempty"`
	Version   string    `json:"version,omitempty"`
	Skew      int64     `json:"clock_skew_ms"`
	Log       LogSeen   `json:"log"`
	Backups   int       `json:"backups"` // Files named like backups.
}

// A LogSeen is one replica in a [Diagnosis].
type LogSeen struct {
	Path   string `json:"path,omitempty"`
	Bytes  int64  `json:"bytes"`
	Words  string `json:"words,omitempty"` // Of the copy that was read.
	State  string `json:"state,omitempty"`
	Status string `json:"status,omitempty"`
	Begin  uint64 `json:"begin"`
	End    uint64 `json:"end"`
}

// A BackupSeen is the newest valid backup in a [Diagnosis].
type BackupSeen struct {
	Host      string `json:"host"`
	Name      string `json:"name"`
	Timestamp string `json:"timestamp"`
	Age       int64  `json:"age_seconds"`
	Tasks     int    `json:"tasks"`
	Bytes     int64  `json:"bytes"`
}

// A visit is one host while it is being asked.
type visit struct {
	t     *runner.Task
	facts hostFacts
	ready bool   // The helper is there.
	seat  string // Names helper and host. Empty: not entered.
	path  string // Of the helper.
}

const (
	// hello bounds the first word of a host; one that hangs shall not hold up the others.
	hello = 20 * time.Second
	// visitLimit bounds all questions to one host but the reading of its log.
	visitLimit = 4 * time.Minute
)

// Diagnose looks at the cluster as it is and changes nothing: logs of running
// schedulers are read from copies, and those and the helper are taken away
// again. What can't be told is a finding, never an error; an error means that
// ctx ended.
func (r *Recovery) Diagnose(ctx context.Context, ask Ask) (*Diagnosis, error) {
	visits := make([]*visit, len(r.Cluster.Schedulers))
	each := func(do func(context.Context, *visit)) {
		var wg sync.WaitGroup
		for _, v := range visits {
			wg.Go(func() { do(ctx, v) })
		}
		wg.Wait()
	}
	for i, name := range r.Cluster.Names() {
		visits[i] = &visit{facts: hostFacts{name: name}, t: &runner.Task{
			Host: r.Hosts[name], On: name, Step: stepHelper, State: &runner.State{}, Say: func(runner.Event) error { return nil },
		}}
	}
	each(r.visit)
	defer each(func(_ context.Context, v *visit) { r.leave(context.WithoutCancel(ctx), v) })

	group := r.askGroup(ctx, visits)
	if ask.Logs {
		r.readLogs(ctx, visits, group.leader)
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("diagnosis of %s: %w", r.Cluster.Name, context.Cause(ctx))
	}
	facts := make([]*hostFacts, len(visits))
	for i, v := range visits {
		facts[i] = &v.facts
	}
	return r.conclude(facts, group, ask), nil
}

// conclude is the pure half: facts in, findings and verdict out.
func (r *Recovery) conclude(facts []*hostFacts, group *groupFacts, ask Ask) *Diagnosis {
	now := r.Now()
	d := &Diagnosis{Cluster: r.Cluster.Name, At: now.UTC(), Leader: group.leader, Says: group.says, Findings: []health.Finding{}, Hosts: []HostSeen{}}
	if ask.Run != nil {
		d.OpenRun = ask.Run.Run
		for _, debt := range ask.Run.Debts() {
			d.Findings = append(d.Findings, health.Found("host-owes", debt.Host, "left out of run %s; it owes: %s", ask.Run.Run, orName(strings.Join(debt.Owes, ", "), "nothing that is known yet")))
			for _, f := range facts {
				if f.name == debt.Host && f.looked && f.look.Running {
					d.Findings = append(d.Findings, health.Found("host-owes-and-runs", f.name, "PID %d, since %s; left out of run %s", f.look.Process.PID, f.look.Process.Since.UTC().Format(time.RFC3339), ask.Run.Run))
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
	since(facts, r.pastOf(facts, registered))
	var logs replica.Comparison
	if ask.Logs {
		logs = compareLogs(facts)
		d.Findings = append(d.Findings, r.judgeLogs(facts, logs)...)
	}
	for _, f := range facts {
		d.Findings = append(d.Findings, r.judgeHost(f, ask, logs.Verdict)...)
		d.Hosts = append(d.Hosts, f.seen())
	}
	d.Findings = append(d.Findings, r.judgeGroup(facts, group, ask)...)
	d.Findings = append(d.Findings, r.judgeChanges(facts, group.leader != "", joinedIn(group.candidates, now), ask)...)
	backups, newest := r.judgeBackups(facts, ask)
	d.Findings = append(d.Findings, backups...)
	d.Findings = append(d.Findings, r.judgeTimes(facts, group, newest, ask)...)
	if newest != nil {
		d.Backup = newest.seen(now)
	}
	health.Sort(d.Findings)
	if ask.Logs {
		d.Verdict, d.Reinitialize, d.Advice = r.advise(facts, group, logs, d.Findings)
	}
	return d
}

func (f *hostFacts) seen() HostSeen {
	l := &f.look
	s := HostSeen{
		Host: f.name, Answers: f.silent == nil, Running: l.Running, PID: l.Process.PID, Since: l.Process.Since, Lifecycle: f.lifecycle,
		Uptime: l.Uptime, Unit: l.Unit.Words, Version: f.vars["build.version"], Skew: l.Skew.Milliseconds(), Backups: len(l.Backups),
		Log: LogSeen{Path: l.Flags["native_log_file_path"], Bytes: l.Log.Size},
	}
	if f.report != nil {
		s.Log.State, s.Log.Status, s.Log.Begin, s.Log.End = string(f.report.State), f.report.Status, f.report.Begin, f.report.End
		s.Log.Words = logWords(f.report)
	}
	return s
}

// visit asks one host everything but its log.
func (r *Recovery) visit(ctx context.Context, v *visit) {
	f := &v.facts
	ctx, cancel := context.WithTimeout(ctx, visitLimit)
	defer cancel()
	if _, err := v.t.Host.Run(ctx, runner.Command{Argv: []string{"true"}, Limit: hello}); err != nil {
		f.silent = err
		return
	}
	if err := r.enter(ctx, v); err != nil {
		f.complain("access-missing", "the reader of logs and backups cannot be put on the host: %v", err)
	}
	r.gather(ctx, v)
}
