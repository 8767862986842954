package recovery

import (
	"context"
	"fmt"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
)

// Offline is the ID of the later runbook's recipe; see package offline.
const Offline = "offline"

// real reports whether the schedulers that a run starts are meant for the real Mesos
// master: those of the later runbook, which start on a log that is loaded already.
func real(s *runner.State) bool { return s.Request.Recipe == Offline }

// Parts are what the later runbook has in common with this one.
type Parts struct{ *Recovery }

// Parts are those of r.
func (r *Recovery) Parts() Parts { return Parts{r} }

// Step is one of this runbook's steps.
func (p Parts) Step(id string) runner.Step {
	step, _ := p.Recipe().Step(id)
	if step == nil {
		panic("recovery: there is no step " + id) // A mistake of the program.
	}
	return *step
}

// Without and Settle are the phases beside the runbook, for hosts that are left out.
func (p Parts) Without() runner.Phase { return p.leaving().without() }

// Settle is what a host owes that was left out; see [Parts.Without].
func (p Parts) Settle() runner.Phase { return p.settling().settle() }

// On is the host that a task is for.
func (p Parts) On(t *runner.Task) *node.Node { return p.on(t) }

// Here are the schedulers that the run goes on with, by name.
func (p Parts) Here(s *runner.State) []string { return p.everyScheduler(s) }

// HereNodes are their hosts.
func (p Parts) HereNodes(s *runner.State) []*node.Node { return p.nodes(s) }

// Stopped asks whether the scheduler of a task's host is stopped.
func (p Parts) Stopped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return p.schedulers().schedulerStopped(ctx, t)
}

// Stop stops it.
func (p Parts) Stop(ctx context.Context, t *runner.Task) error {
	_, err := p.schedulers().stopScheduler(ctx, t)
	return err
}

// NobodyRegistered waits until ZooKeeper lists neither a candidate nor a replica.
func (p Parts) NobodyRegistered(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return p.logs().nobodyRegistered(ctx, t)
}

// OriginalConfig asks whether the configuration file of a task's host is the original one.
func (p Parts) OriginalConfig(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return p.preparing().configIsOriginal(ctx, t)
}

// InitJob is the command that initialises a log.
func (p Parts) InitJob(l node.Look) runner.Command { return p.logs().initJob(l) }

// Source is the file on the bot that a run restores, with its SHA-256 as it was decoded.
func (p Parts) Source(s *runner.State) (file, sum string, err error) {
	if file, err = p.backupFile(s); err == nil {
		sum, err = backupSum(s)
	}
	return file, sum, err
}

// File is a file of the run on the bot, by its name.
func (p Parts) File(s *runner.State, name string) (string, error) { return p.file(s, name) }

// Meant are the ids of all tasks that a restore brings back: what the backup holds, less
// those dropped. ended are those of them that had ended.
func (p Parts) Meant(ctx context.Context, s *runner.State) (ids, ended map[string]bool, err error) {
	file, err := p.backupFile(s)
	if err != nil {
		return nil, nil, err
	}
	all, active, err := backupTasks(ctx, file)
	if err != nil {
		return nil, nil, err
	}
	ended = map[string]bool{}
	for _, id := range s.Dropped {
		delete(all, id)
	}
	for id := range all {
		if !active[id] {
			ended[id] = true
		}
	}
	return all, ended, nil
}

// A Content is what a log amounts to.
type Content struct {
	IDs         map[string]bool // Of its tasks.
	FrameworkID string
}

// Amounts reads what the log in a host's folder amounts to, by its learned entries;
// name is that of the file that is made of it, on the host and on the bot.
func (p Parts) Amounts(ctx context.Context, n *node.Node, log, name string) (Content, error) {
	m, err := p.salvage(ctx, n, log, name, false, nil)
	if err != nil {
		return Content{}, err
	}
	report, err := inspectFile(ctx, m.local, p.Now())
	if err != nil {
		return Content{}, err
	}
	all, _, err := backupTasks(ctx, m.local)
	return Content{all, report.FrameworkID}, err
}

// BackupFramework is the framework id of the backup that a run restores.
func (p Parts) BackupFramework(s *runner.State) string {
	if l, ok := foundLoss.Of(s, runner.Bot); ok && s.Source != nil && l.Salvaged != nil {
		return l.Salvaged.Backup.FrameworkID
	}
	c, _ := foundCluster.Of(s, runner.Bot)
	return c.Backup.FrameworkID
}

// A Leader is a scheduler that leads: host, process, and who says so.
type Leader = fence

// WhoLeads looks once. why is not empty as long as nobody leads, or the sources don't agree.
func (p Parts) WhoLeads(ctx context.Context, t *runner.Task) (l Leader, why string, err error) {
	return p.leading().whoLeads(ctx, t)
}

// Joined reports whether a host's replica is in the log's group since its scheduler's
// present start, with the evidence.
func (p Parts) Joined(ctx context.Context, s *runner.State, n *node.Node) (in bool, why string, err error) {
	members, err := p.leading().members(ctx, s)
	if err != nil {
		return false, "", fmt.Errorf("who is in the log's group: %w", err)
	}
	m, err := p.leading().membershipOf(ctx, s, n, members)
	return m.in, m.why, err
}

// NewestMember is what a start leaves: who was in the log's group before it.
func (p Parts) NewestMember(ctx context.Context, t *runner.Task) any {
	return groupBefore{Newest: p.leading().newestMember(ctx, t)}
}

// Snapshot asks the scheduler of a task's host, which leads, for a snapshot.
func (p Parts) Snapshot(ctx context.Context, t *runner.Task) error {
	return p.closing().snapshot(ctx, t)
}

// ShownSnapshot is that call, for the plan.
func (p Parts) ShownSnapshot() string { return p.staging().adminShows("scheduler_snapshot") }

// LossAtStake is what the commit gate binds of the loss.
func (p Parts) LossAtStake(s *runner.State) any { return lossAtStake(s) }

// StartedReal is the facts of a start for the real Mesos master.
func StartedReal(m node.Process) any {
	return startedProcess{PID: m.PID, Start: m.Start, At: m.Since}
}

// NobodyElse holds as long as no other process than the one that this run started runs.
func (p Parts) NobodyElse(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	return p.schedulers().nobodyElseStarted(ctx, t)
}

// Tell journals findings as events of their own.
func (p Parts) Tell(t *runner.Task, found ...health.Finding) error { return tell(t, found...) }
