package recovery

import (
	"context"
	"fmt"
	"path"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

// preparation is the runbook's "Preparation".
func (r preparing) preparation() runner.Phase {
	steps := []runner.Step{
		r.preflight().helperStep(),
		r.preflight().lookStep(),
		r.preflight().lookAtClusterStep(),
		r.preflight().diagnoseStep(),
		{
			ID: stepKeep, Source: "Preparation, before ¶1", Title: "Link every host's backups into the run's folder, so that retention cannot take them",
			On: r.everyScheduler, Verify: r.backupsKept, Do: r.keepBackups, Undo: stays("the links stay in the run's folder"),
			Keeps: "the links hold no space of their own; they go with the run's folder",
			Shows: func(t *runner.Task) []string {
				l, _ := look(t.State, t.On) // Without pre-flight there is nothing to show.
				return []string{fmt.Sprintf("cp -al %s %s", l.Flags["backup_dir"], path.Join(r.on(t).Folder(), "backups"))}
			},
		},
		{
			ID: stepSupervise, Source: "Preparation ¶1", Title: "Disable whatever would start a scheduler again",
			On: r.everyScheduler, Verify: r.supervisionIsOff, Do: r.supervisionOff, Undo: r.supervisionOn, Holds: r.supervisionIsOff,
			Shows: func(t *runner.Task) []string { return r.on(t).Supervisor().OffShows() },
		},
		{
			ID: stepStop, Source: "Preparation ¶1", Title: "Stop all scheduler instances, and prove it",
			On: r.everyScheduler, Verify: r.schedulers().stoppedByThisRun, Do: r.schedulers().stopScheduler, Undo: r.schedulers().startAsBefore, Limit: 10 * time.Minute,
			Shows: func(t *runner.Task) []string { return r.on(t).Supervisor().StopShows() },
		},
		{
			ID: stepEvidence, Source: "Order that protects the evidence", Title: "Read every log natively and keep a copy of it, before anything starts",
			On: r.everyScheduler, Verify: r.logs().evidenceKept, Do: r.logs().keepEvidence, Undo: r.logs().logAsFound, Limit: 30 * time.Minute,
			Keeps: "the copies are evidence; they go with the run's folder",
			Shows: func(t *runner.Task) []string {
				l, _ := look(t.State, t.On)
				return []string{fmt.Sprintf("cp -a %s %s", l.Flags["native_log_file_path"], evidence(r.on(t)))}
			},
		},
	}
	if r.Firewalled() {
		steps = append(steps, r.blockStep())
	}
	steps = append(steps,
		runner.Step{
			ID: stepConfigure, Source: "Preparation ¶3", Title: "Change the configuration: no real Mesos master, a long wait for it, no task collected",
			On: r.everyScheduler, Check: r.configIsOriginal, Verify: r.configIsChanged, Do: r.changeConfig, Undo: r.restoreConfig, Holds: r.configIsChanged,
			Voids: append([]string{stepStart, stepRestart}, afterElection...), // Of the two starts the one that counts.
			Shows: func(t *runner.Task) []string {
				l, _ := look(t.State, t.On)
				return append([]string{fmt.Sprintf("write %s (%.12s -> %.12s):", r.on(t).Scheduler.ConfigFile, l.ConfigSHA256, l.NewSHA256)}, l.Diff...)
			},
		},
		runner.Step{
			ID: stepStart, Source: "Preparation ¶4", Title: "Start all schedulers, disabled, and prove the changed flags by their arguments",
			On: r.everyScheduler, Verify: r.schedulers().startedByThisRun, Do: r.schedulers().start, Undo: r.schedulers().undoStart, Holds: r.schedulers().nobodyElseStarted, Dangerous: true,
			Until: []string{stepReStop, stepCommit}, Voids: afterElection,
			Shows: func(t *runner.Task) []string { return r.on(t).Supervisor().StartShows() },
		},
	)
	return runner.Phase{ID: "prepare", Title: "Preparation", Source: "Preparation", Steps: steps}
}

func (r preparing) blockStep() runner.Step {
	return runner.Step{
		ID: stepBlock, Source: "Preparation ¶2", Title: "Block outside traffic to the schedulers' HTTP port",
		On: r.everyScheduler, Verify: r.trafficBlocked, Do: r.blockTraffic, Undo: r.openTraffic, Last: true,
		Holds: r.trafficBlocked, Voids: afterElection,
		Shows: func(t *runner.Task) []string {
			l, _ := look(t.State, t.On)
			return r.on(t).Firewall().Shows(l.Flags["http_port"], r.Cluster.FirewallLease)
		},
	}
}

// stays is the Undo of a step whose effect is harmless and is left in place.
func stays(why string) func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
	return func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
		return runner.Yes("%s", why), nil
	}
}

func (r preparing) backupsKept(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	kept := path.Join(n.Folder(), "backups")
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{kept}})
	if err != nil {
		return runner.Answer{}, err
	}
	if !facts.Paths[kept].Dir {
		return runner.No("%s is not there", kept), nil
	}
	facts, err = n.Ask(ctx, probe.Request{Backups: kept})
	if err != nil {
		return runner.Answer{}, err
	}
	have := map[string]bool{}
	for _, f := range facts.Backups {
		have[f.Name] = true
	}
	for _, name := range l.Backups {
		if !have[name] {
			return runner.No("%s is not in %s", name, kept), nil
		}
	}
	return runner.Yes("%d files in %s", len(l.Backups), kept), nil
}

func (r preparing) keepBackups(ctx context.Context, t *runner.Task) (any, error) {
	n, l, err := r.known(t)
	if err != nil {
		return nil, err
	}
	kept := path.Join(n.Folder(), "backups")
	if err := n.MakeFolder(ctx, path.Base(kept)); err != nil {
		return nil, err
	}
	// Hard links where it is one file system, else copies; -n never overwrites.
	how := "-aln"
	if l.BackupDir.Device != l.RunDir.Device {
		how = "-an"
	}
	for start := 0; start < len(l.Backups); start += 64 {
		argv := []string{"cp", how, "--"}
		for _, name := range l.Backups[start:min(start+64, len(l.Backups))] {
			argv = append(argv, path.Join(l.Flags["backup_dir"], name))
		}
		if _, err := n.Run(ctx, r.Cluster.User, append(argv, kept+"/")...); err != nil {
			return nil, err
		}
	}
	return map[string]string{"folder": kept}, nil
}

func (r preparing) supervisionIsOff(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if u.Enabled || u.Restarts {
		return runner.No("it would be started again: at boot %v, after it ends %v", u.Enabled, u.Restarts), nil
	}
	return runner.Yes("nothing starts it again, neither at boot nor when it ends"), nil
}

func (r preparing) supervisionOff(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	return nil, n.Supervisor().Off(ctx)
}

func (r preparing) supervisionOn(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := n.Supervisor().On(ctx, l.Unit); err != nil {
		return runner.Answer{}, err
	}
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	a := supervisionAs(u, l.Unit)
	if !a.Yes {
		return a, nil
	}
	// Between its start and this line nothing started it again: one that ended
	// meanwhile (it crashed before the run too, or for another reason) is started
	// once more, and from here on its supervisor looks after it.
	ran := l.Running || l.Unit.Running || t.State.Commit.Outcome == runner.Committed
	if ran && !u.Running {
		if a, err := r.schedulers().realMaster(ctx, t, l); err != nil || !a.Yes {
			return a, err
		}
		if err := n.Supervisor().Start(ctx); err != nil {
			return runner.Answer{}, err
		}
		a.Evidence += "; the scheduler had ended by itself and is started again"
	}
	return a, nil
}

// supervisionAs compares how a scheduler is supervised with how it was.
func supervisionAs(u, was node.UnitState) runner.Answer {
	if u.Enabled != was.Enabled || u.Restarts != was.Restarts {
		return runner.No("started at boot %v (was %v), after it ends %v (was %v)", u.Enabled, was.Enabled, u.Restarts, was.Restarts)
	}
	return runner.Yes("supervision is as it was: at boot %v, after it ends %v", u.Enabled, u.Restarts)
}

// trafficBlocked asks for the block, and renews its lease.
func (r preparing) trafficBlocked(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	yes, words, err := n.Firewall().Blocked(ctx, l.Flags["http_port"], r.Cluster.FirewallLease)
	return runner.Answer{Yes: yes, Evidence: words}, err
}

func (r preparing) blockTraffic(ctx context.Context, t *runner.Task) (any, error) {
	n, l, err := r.known(t)
	if err != nil {
		return nil, err
	}
	// What is left of a block whose lease is over stands in the way of a new one.
	if err := n.Firewall().Open(ctx, l.Flags["http_port"]); err != nil {
		return nil, err
	}
	return nil, n.Firewall().Block(ctx, l.Flags["http_port"], r.Cluster.FirewallLease)
}

func (r preparing) openTraffic(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := n.Firewall().Open(ctx, l.Flags["http_port"]); err != nil {
		return runner.Answer{}, err
	}
	blocked, words, err := n.Firewall().Blocked(ctx, l.Flags["http_port"], r.Cluster.FirewallLease)
	if err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{Yes: !blocked, Evidence: words}, nil
}
