package recovery

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// clusterLook is what pre-flight found of the cluster as a whole: the facts of
// prepare/look-at-cluster.
type clusterLook struct {
	Backup       backup.Report `json:"backup"`
	From         []string      `json:"from"`                   // Hosts that have it, or "bot".
	Candidates   []string      `json:"candidates"`             // Host names as ZooKeeper has them.
	Replicas     []string      `json:"replicas"`               // Addresses of the log's group.
	Registered   string        `json:"registered,omitempty"`   // The scheduler that leads, registered with Mesos.
	LiveTasks    int           `json:"live_tasks,omitempty"`   // Of the registered leader.
	Warnings     []string      `json:"warnings,omitempty"`     // What people should know; nothing that stops.
	FailoverEnds time.Time     `json:"failover_ends,omitzero"` // When Mesos tears the framework down, at the earliest.
	Loss         *loss         `json:"loss,omitempty"`         // What a restore would lose, as far as it can be told from outside.

	Counts time.Time       `json:"counts_from,omitzero"` // From when on the lines of the schedulers' logs count.
	Joined int             `json:"joined,omitempty"`     // Candidates that came and went, per hour, by ZooKeeper's numbers.
	Flaps  *health.Finding `json:"flaps,omitempty"`      // Leadership changed again and again before the run.
}

func (r preflight) lookAtClusterStep() runner.Step {
	return runner.Step{
		ID: stepCluster, Source: "pre-flight", Title: "Compare the hosts with each other, with ZooKeeper and with the backup",
		On: onBot, Check: r.lookAtCluster, Limit: 5 * time.Minute,
	}
}

func (r preflight) lookAtCluster(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	var found clusterLook
	n := noted{subject: r.Cluster.Name}
	bad := n.bad

	looks := map[string]node.Look{}
	for _, name := range r.everyScheduler(t.State) {
		l, err := look(t.State, name)
		if err != nil {
			return runner.Answer{}, err
		}
		looks[name] = l
	}
	d := r.doctor()
	d.SameEverywhere(looks, bad)
	group, err := d.CompareWithZooKeeper(ctx, r.any(t.State), looks, bad)
	if err != nil {
		return runner.Answer{}, telling(t, "zookeeper-silent", err)
	}
	found.Replicas, found.Warnings, found.Joined = group.Addresses(), group.Warnings, group.Joined(r.Now())
	for _, c := range group.Candidates {
		found.Candidates = append(found.Candidates, c.Host)
	}
	if err := r.findBackup(ctx, t, looks, &found, &n); err != nil {
		return runner.Answer{}, err
	}
	leading := r.findLeader(ctx, t.State, looks, &found)
	if found.Backup.Valid {
		found.Loss = r.estimate(ctx, t, &found, leading)
	}
	before := d.Before(looks, found.Registered, found.Joined)
	found.Counts, found.Flaps = before.From, before.Flaps
	for _, f := range before.Ending {
		n.also(f)
	}
	for _, f := range d.Removed(looks, before) {
		n.also(f)
		found.Warnings = append(found.Warnings, f.Means+" "+f.Evidence)
	}
	// From outside it can be told that the log is not the cause only where a
	// leader replayed it; else Assess finds out.
	outside := false
	if found.Flaps != nil {
		n.also(*found.Flaps)
		found.Warnings = append(found.Warnings, found.Flaps.Means+" "+found.Flaps.Evidence)
		outside = (found.Flaps.ID == "flapping-zookeeper" || found.Flaps.ID == "flapping-registration") && before.Replayed
	}
	works := found.Registered != "" && (found.Flaps == nil || found.Flaps.ID != "flapping-log")
	if err := tell(t, n.found...); err != nil {
		return runner.Answer{}, err
	}
	if len(n.wrong) > 0 && (!works && !outside || t.State.Reason != "") {
		return runner.No("%s", n.words()).With(found), nil
	}
	// That it is not needed comes first: whatever else is wrong can be mended in peace.
	if (works || outside) && t.State.Reason == "" {
		return runner.No("%s", n.words()).With(found), &runner.Ending{Reason: runner.StopNotNeeded, Close: true, Why: r.notNeeded(looks, found, outside)}
	}
	return runner.Yes("%s", found.words(r.Now())).With(found), nil
}

func (c *clusterLook) words(now time.Time) string {
	b := c.Backup
	s := fmt.Sprintf("backup %s of %s (%s old), %d tasks, %d active, on %s", filepath.Base(b.File), b.Timestamp,
		check.Age(now.Sub(diagnose.ParseTime(b.Timestamp))), b.Tasks.Total, b.Tasks.Active, strings.Join(c.From, ", "))
	if c.Registered != "" {
		s += "; " + c.Registered + " leads and is registered with Mesos"
	}
	for _, w := range c.Warnings {
		s += "\nwarning: " + w
	}
	return s
}

// findBackup finds the backup that was asked for on the hosts or on the bot:
// one content, wholly decoded, without warnings, of this framework and not old.
func (r preflight) findBackup(ctx context.Context, t *runner.Task, looks map[string]node.Look, found *clusterLook, n *noted) error {
	bad, name := n.bad, t.State.Request.Backup
	byHash := map[string][]string{}
	for _, host := range r.Cluster.Names() {
		if b := looks[host].Backup; b != nil {
			byHash[b.Report.SHA256] = append(byHash[b.Report.SHA256], host)
			found.Backup = b.Report
		}
	}
	if r.Cluster.BackupCopies != "" {
		report, err := inspectFile(ctx, filepath.Join(r.Cluster.BackupCopies, name), r.Now())
		switch {
		case err == nil:
			byHash[report.SHA256] = append(byHash[report.SHA256], runner.Bot)
			found.Backup = report
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	switch len(byHash) {
	case 0:
		bad("backup-none", "backup %s is on none of the hosts (%s); those that are there: %s", name, strings.Join(r.Cluster.Names(), ", "), newestBackups(looks))
		return nil
	case 1:
	default:
		var parts []string
		for hash, hosts := range byHash {
			parts = append(parts, fmt.Sprintf("%.12s on %s", hash, strings.Join(hosts, ", ")))
		}
		slices.Sort(parts)
		bad("backups-differ", "backup %s has different content on different hosts: %s. Which one is meant can't be told: move the wrong one out of its folder", name, strings.Join(parts, "; "))
		return nil
	}
	found.From = byHash[found.Backup.SHA256]
	r.judgeBackup(t, found, looks, n)
	_, err := r.fetchBackup(ctx, t, looks, found)
	return err
}

func newestBackups(looks map[string]node.Look) string {
	var names []string
	for _, l := range looks {
		names = append(names, l.Backups...)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names[max(0, len(names)-5):], ", ")
}

func (r preflight) judgeBackup(t *runner.Task, found *clusterLook, looks map[string]node.Look, n *noted) {
	b, bad := found.Backup, n.bad
	if !b.Valid {
		bad("backup-damaged", "backup %s does not decode to its end: %s", t.State.Request.Backup, b.Error)
		return
	}
	odd, known := r.odd(&b)
	found.Warnings = append(found.Warnings, known...)
	for _, w := range odd {
		bad("backup-odd", "backup %s decodes, but looks wrong: %s", t.State.Request.Backup, w)
	}
	if id := foreignTo(looks, &b); id != "" {
		bad("backup-foreign", "backup %s is of framework %s, the cluster is %s: Mesos would not know the restored scheduler's tasks. Choose a backup of this cluster", t.State.Request.Backup, b.FrameworkID, id)
	}
	switch age := r.Now().Sub(diagnose.ParseTime(b.Timestamp)); {
	case age <= r.Cluster.MaxBackupAge:
	case t.State.Reason != "":
		found.Warnings = append(found.Warnings, fmt.Sprintf("the backup is %s old by its inner time, older than %s; wanted all the same: %s", check.Age(age), check.Age(r.Cluster.MaxBackupAge), t.State.Reason))
		n.also(health.Found("backup-stale", r.Cluster.Name, "%s is %s old, the limit is %s; a reason was given", t.State.Request.Backup, check.Age(age), check.Age(r.Cluster.MaxBackupAge)))
	default:
		bad("backup-stale", "backup %s is %s old by its inner time, older than %s; say why it is wanted with --reason TEXT", t.State.Request.Backup, check.Age(age), check.Age(r.Cluster.MaxBackupAge))
	}
}

// findLeader asks every host whether it leads and is registered with Mesos. Whoever
// does says which tasks there are; nil: nobody does.
func (r preflight) findLeader(ctx context.Context, s *runner.State, looks map[string]node.Look, found *clusterLook) []aurora.Task {
	nodes := r.nodes(s)
	leads, _ := node.Everywhere(nodes, func(n *node.Node) (bool, error) {
		if looks[n.Name].Lifecycle != "ACTIVE" {
			return false, nil
		}
		v, err := n.Client().Vars(ctx)
		if err != nil {
			return false, err // It was active a moment ago; that it answers no more is no proof of health.
		}
		registered, err := v.Int("framework_registered")
		return registered == 1, err
	})
	if at := slices.Index(leads, true); at >= 0 {
		found.Registered = nodes[at].Name
		if reply, err := nodes[at].Client().Tasks(ctx); err == nil && reply.OK() {
			found.LiveTasks = len(reply.Tasks)
			return reply.Tasks
		}
	}
	return nil
}

// estimate is what a restore would lose, before anything is stopped: by the leader,
// and by Mesos.
func (r preflight) estimate(ctx context.Context, t *runner.Task, found *clusterLook, leading []aurora.Task) *loss {
	l := loss{Why: "the schedulers' logs are read when they have stopped"}
	file, err := r.backupFile(t.State)
	if err != nil {
		l.Mesos = err.Error()
		return &l
	}
	if leading != nil {
		var now []backup.Task
		for _, task := range leading {
			now = append(now, backup.Task{ID: task.ID, Status: backup.Status(task.Status), Role: task.Role, Environment: task.Env, Job: task.Job})
		}
		if d, err := compareState(ctx, file, backup.NewState(r.Now(), now)); err == nil {
			l.LeaderKnown, l.LeaderKilled, l.LeaderJobs = true, d.Killed.Total, d.Killed.ByJob
		}
	}
	l.compareWithMesos(ctx, file, r.askMesos(ctx, t.State, found.Backup.FrameworkID))
	l.Total = new(health.LossOf(l.sources()...))
	return &l
}

// notNeeded is the advice where the cluster works, or is kept from it by a cause
// outside the log: RUNBOOK, "Is a restore needed?".
func (r preflight) notNeeded(looks map[string]node.Look, found clusterLook, outside bool) string {
	if outside {
		return fmt.Sprintf("No restore seems to be needed: leaders replay the log, so it has a quorum, and leadership flaps for a cause outside it. %s %s (%s) If the state of the backup itself is wanted back, say why: --reason TEXT.",
			found.Flaps.Means, found.Flaps.Do, found.Flaps.Evidence)
	}
	var behind []string
	for _, name := range r.Cluster.Names() {
		if l := looks[name]; !l.Running || !l.Log.Exists || l.Lifecycle == "" || l.Lifecycle == "IDLE" || l.Lifecycle == "PREPARING_STORAGE" {
			behind = append(behind, name)
		}
	}
	s := fmt.Sprintf("No restore seems to be needed: %s leads, is registered with Mesos, and its log has a quorum.", found.Registered)
	if found.Backup.Timestamp != "" {
		s += fmt.Sprintf(" A restore would throw away what happened since %s.", found.Backup.Timestamp)
	}
	if len(behind) > 0 {
		s += fmt.Sprintf(" The replica of %s is not whole: start its scheduler with an empty log folder and let it catch up by itself (about 300 positions a second; its log says \"Starting catch-up from position\", then \"Replica is in VOTING status\"). Do not initialise it alone.", strings.Join(behind, ", "))
	}
	return s + " If the state of the backup itself is wanted back, say why: --reason TEXT."
}

// diagnosed is what `assess` would say right before the start gate: the facts of
// prepare/diagnose.
type diagnosed struct {
	Verdict  health.Verdict   `json:"verdict"`
	Advice   string           `json:"advice"`
	Findings []health.Finding `json:"findings"` // Warnings and worse, the worst first, at most mostFindings.
	More     int              `json:"more,omitempty"`
}

// mostFindings bounds the findings in the journal; `assess` tells all.
const mostFindings = 40

// diagnoseStep reads the logs too, of stopped schedulers as of running ones: whoever
// approves an outage sees first whether it is needed.
func (r preflight) diagnoseStep() runner.Step {
	return runner.Step{
		ID: stepDiagnose, Source: "RUNBOOK, Is a restore needed?", Title: "Read a copy of every log, and say whether a restore is needed",
		On: onBot, Check: r.diagnose, Limit: 15 * time.Minute,
	}
}

func (r preflight) diagnose(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if r.Assess == nil {
		return runner.Yes("nobody was asked"), nil
	}
	d, err := r.Assess(ctx, t.State, true)
	if err != nil {
		return runner.Answer{}, err
	}
	found := diagnosed{Verdict: d.Verdict, Advice: d.Advice, Findings: []health.Finding{}}
	for _, f := range d.Findings {
		switch {
		case !f.Severity.AtLeast(health.Warning):
		case len(found.Findings) == mostFindings:
			found.More++
		default:
			found.Findings = append(found.Findings, f)
		}
	}
	if d.Verdict == health.NotNeeded && t.State.Reason == "" {
		return runner.No("").With(found), &runner.Ending{Reason: runner.StopNotNeeded, Close: true, Why: d.Advice + " If the state of the backup itself is wanted back, say why: --reason TEXT."}
	}
	return runner.Yes("%s: %s", d.Verdict, d.Advice).With(found), nil
}
