package script

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/runner/backup"
)

// check looks from outside whether what the play ended with is so.
func (p *Play) check(ctx context.Context) error {
	// What still goes on ends first: an operator mends the cause.
	if err := p.Cluster.Mend(); err != nil {
		return fmt.Errorf("mend the cause: %w", err)
	}
	var wrong []string
	bad := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if !p.seen.copied {
		if err := p.Cluster.CopyLogs(p.Keep); err != nil {
			bad("%v", err)
		}
	}
	switch {
	case p.Cheat != "" && !p.Honest:
		p.checkCheat(bad)
	case p.seen.closed == "recovered":
		p.checkRecovered(ctx, bad)
	case p.seen.closed == "undone" || p.seen.closed == "not-needed" || p.seen.closed == "nothing-done":
		p.checkUndone(ctx, bad)
	}
	p.checkDamage(ctx, bad)
	if len(wrong) > 0 {
		return fmt.Errorf("looked at from outside: %s", strings.Join(wrong, "\n  and: "))
	}
	return nil
}

// checkCheat: it was refused under its name, and no scheduler heard of a commit.
func (p *Play) checkCheat(bad func(string, ...any)) {
	refused := slices.ContainsFunc(p.seen.refused, func(e Event) bool { return e.Why == p.Cheat && e.Who != "" })
	if !refused {
		bad("the journal does not say that %s was refused, and to whom", p.Cheat)
	}
	if p.Cheat == Forged && len(p.seen.refused) != forgeries {
		bad("%d of %d forged modals were refused", len(p.seen.refused), forgeries)
	}
	if p.seen.commitSent {
		bad("the cheat went through: a commit was sent")
	}
	if n := p.Cluster.Calls("commitRecovery"); n != 0 {
		bad("the schedulers received %d commits", n)
	}
}

// checkRecovered: before Cleanup the whole state was the backup's, now the
// tasks are, and nothing of the recovery is left on the hosts.
func (p *Play) checkRecovered(ctx context.Context, bad func(string, ...any)) {
	if !p.seen.copied {
		bad("nobody looked at the logs before Cleanup")
	}
	if p.seen.before != "" {
		bad("before Cleanup the state in the logs was not the backup's: %s", p.seen.before)
	}
	if p.seen.disabled != "" {
		bad("while the commit was decided: %s", p.seen.disabled)
	}
	want, commits := p.Cluster.Truth.Tasks, 1
	if p.Offline { // The log is loaded without them.
		commits = 0
	}
	if n := p.Cluster.Calls("commitRecovery"); n != commits {
		bad("the schedulers received %d commits, not %d", n, commits)
	}
	if p.Salvage {
		want = p.allTasks()
	}
	p.checkTasks(ctx, want, bad)
	p.checkLoss(ctx, bad)
	p.checkHosts(bad)
}

// allTasks are the tasks that there were before the damage.
func (p *Play) allTasks() []string {
	return slices.Sorted(slices.Values(slices.Concat(p.Cluster.Truth.Tasks, p.Cluster.Truth.Lost)))
}

// otherTasks says whether a state holds other tasks than there were before.
func (p *Play) otherTasks(state *backup.Snapshot) string {
	var got []string
	err := backup.Tasks(bytes.NewReader(state.Append(nil)), func(t backup.Task) error { got = append(got, t.ID); return nil })
	if err != nil {
		return err.Error()
	}
	if want := p.allTasks(); !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		return fmt.Sprintf("%d tasks, want the %d that there were", len(got), len(want))
	}
	return ""
}

// checkLoss: what the commit gate showed as lost is what Mesos then killed, by job.
func (p *Play) checkLoss(ctx context.Context, bad func(string, ...any)) {
	leader, err := p.Cluster.WaitLeader(ctx)
	if err != nil {
		return // checkTasks says so.
	}
	if err := p.Cluster.Reconcile(ctx, leader); err != nil {
		bad("reconcile: %v", err)
		return
	}
	var killed map[string]int
	for range 100 {
		if killed, err = p.Cluster.Killed(ctx); err != nil {
			bad("%v", err)
			return
		}
		for job, n := range p.seen.killed {
			if killed[job] -= n; killed[job] == 0 {
				delete(killed, job)
			}
		}
		if maps.Equal(killed, p.seen.loss.Jobs) {
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	total, shown := sum(killed), p.seen.loss
	p.Lost = killed
	switch {
	case shown.Killed == nil:
		bad("the commit gate did not know how many tasks are lost; %d were: %v", total, killed)
	case shown.AtLeast && total < *shown.Killed, !shown.AtLeast && (total != *shown.Killed || !maps.Equal(killed, shown.Jobs)):
		bad("the commit gate showed a loss of %d (at least: %v) %v; killed were %d: %v", *shown.Killed, shown.AtLeast, shown.Jobs, total, killed)
	}
	if total != len(p.Cluster.Truth.Lost) && !p.Salvage {
		bad("%d tasks were killed, and %d were started after the backup", total, len(p.Cluster.Truth.Lost))
	}
}

// checkUndone: the state is the former one, and so are the hosts. A cluster
// that had no leader has none to ask.
func (p *Play) checkUndone(ctx context.Context, bad func(string, ...any)) {
	if n := p.Cluster.Calls("commitRecovery"); n != 0 {
		bad("the schedulers received %d commits", n)
	}
	if p.Cluster.Truth.Led {
		p.checkTasks(ctx, p.allTasks(), bad)
	}
	p.checkHosts(bad)
}

// notDisabled says which host is not as it must be while the cluster is
// disabled: traffic blocked, supervision off.
func (p *Play) notDisabled() string {
	var wrong []string
	for _, h := range p.Cluster.Hosts {
		if h.Name() == p.gone {
			continue
		}
		rules, err := p.Cluster.Ruleset(h)
		if !p.Offline && (err != nil || !strings.Contains(rules, fmt.Sprint(cluster.HTTPPort))) {
			wrong = append(wrong, fmt.Sprintf("%s: no rule of nft blocks port %d (%v)", h.Name(), cluster.HTTPPort, err))
		}
		if on, err := p.Cluster.Supervised(h); err != nil || on {
			wrong = append(wrong, fmt.Sprintf("supervision of %s is on: %v, %v", h.Name(), on, err))
		}
	}
	return strings.Join(wrong, "; ")
}

// checkTasks compares the tasks that the leader knows.
func (p *Play) checkTasks(ctx context.Context, want []string, bad func(string, ...any)) {
	leader, err := p.Cluster.WaitLeader(ctx)
	if err != nil {
		bad("no leader is registered: %v", err)
		return
	}
	got, err := p.Cluster.TaskIDs(ctx, leader)
	if err != nil {
		bad("the tasks of the leader %s: %v", leader.Name(), err)
		return
	}
	if !slices.Equal(got, want) {
		bad("the leader %s knows %d tasks, not the %d wanted, or others", leader.Name(), len(got), len(want))
	}
}

// checkHosts: files, firewall and supervision are as they were.
func (p *Play) checkHosts(bad func(string, ...any)) {
	changed, err := p.Cluster.ChangedFiles()
	if err != nil {
		bad("%v", err)
	}
	for _, c := range changed {
		bad("%s", c)
	}
	for _, h := range p.Cluster.Hosts {
		if on, err := p.Cluster.Supervised(h); err != nil || !on {
			bad("supervision of %s is on: %v, %v", h.Name(), on, err)
		}
	}
}
