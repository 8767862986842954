package offline

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/recovery"
	"aurorabot/runner/replica"
)

// The sentences that approvers are shown.
const (
	oneWay  = "the schedulers start on the loaded log and meet the real Mesos master: jobs and tasks that are newer than the backup are unknown to them and are killed; the old log folders stay beside the new ones on every host"
	follows = "nothing more is lost by it: what the backup does not have is lost with the start before it"
	goesOn  = "the schedulers go on with it"
)

// restore loads the backup, and starts the schedulers on it.
func (r *Recovery) restore() runner.Phase {
	const source = "Later runbook ¶4"
	shot := r.Step("cleanup/snapshot")
	shot.ID, shot.Source, shot.Needed, shot.On = stepSnapshot, "Later runbook ¶6", learning, r.leader
	shot.Title = "Let the leader write a snapshot, before another blank replica starts"
	return runner.Phase{ID: "restore", Title: "Restore from backup", Source: "Later runbook ¶4 to ¶7", Steps: []runner.Step{
		{
			ID: stepBring, Source: source, Title: "Copy the backup to the host that is loaded, hashes equal on both sides",
			On: r.one, Verify: r.loading().isBrought, Do: r.loading().bring, Limit: 15 * time.Minute,
			Undo: func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
				return stays("the copy stays in the run's folder"), nil
			},
			Keeps: "the copy goes with the run's folder",
			Shows: func(t *runner.Task) []string {
				return []string{"write " + r.backupName(t.State) + " into the run's folder"}
			},
		},
		{
			ID: stepLoad, Source: source, Title: "recovery-tool: load the backup into the new log, and read natively what it holds",
			On: r.one, Check: r.loading().mayLoad, Verify: r.loading().isLoaded, Do: r.loading().load, Undo: r.loading().unload, Dangerous: true, Limit: 20 * time.Minute,
			Keeps: goesOn, Holds: r.loading().asLoaded, Until: []string{stepCommit}, Voids: []string{stepFetch, stepSpread, stepFolders, stepCommit},
			Shows: func(t *runner.Task) []string {
				l, _ := r.On(t).Known() // Without pre-flight there is nothing to show.
				return []string{node.Shown(node.RecoveryCommand(l.RecoveryTool, r.backupName(t.State), l.Flags))}
			},
		},
		{
			ID: stepFetch, Source: "Later runbook, copying", Title: "Pack the loaded folder, and bring it to the bot",
			On: r.one, Needed: copied, Verify: r.spreading().packed, Do: r.spreading().pack, Limit: 30 * time.Minute,
			Undo: func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
				return stays("the file stays in the run's folder"), nil
			},
			Keeps: "the file goes with the run's folder",
			Shows: func(t *runner.Task) []string {
				l, _ := r.On(t).Known()
				return []string{node.Shown(node.PackCommand(l.Flags["native_log_file_path"], "FILE"))}
			},
		},
		{
			ID: stepSpread, Source: "Later runbook, copying", Title: "Put the loaded folder on the other hosts, hashes equal on all",
			On: r.others, Needed: copied, Check: r.spreading().maySpread, Verify: r.spreading().isSpread, Do: r.spreading().spread, Dangerous: true, Limit: 30 * time.Minute,
			Undo: func(context.Context, *runner.Task, runner.Receipt) (runner.Answer, error) {
				return stays("the copy goes aside when the old log comes back"), nil
			},
			Keeps: goesOn, Holds: r.loading().asLoaded, Until: []string{stepCommit}, Voids: []string{stepFolders, stepCommit},
			Shows: func(t *runner.Task) []string {
				l, _ := r.On(t).Known()
				return []string{node.Shown(node.UnpackCommand(l.Flags["native_log_file_path"], "FILE"))}
			},
		},
		{
			ID: stepFolders, Source: "Safety rule 8", Title: "Read every folder natively, and compare it with the backup task by task",
			On: onBot, Check: r.spreading().compare, Dangerous: true, Limit: 30 * time.Minute,
		},
		{
			ID: stepCommit, Source: "Later runbook ¶5", Title: "Commit: start the first scheduler on the loaded log",
			On: r.one, Check: r.starting().mayCommit, Do: r.starting().commit, Once: true, Dangerous: true, OneWay: oneWay, Limit: 5 * time.Minute,
			Shows: func(t *runner.Task) []string { return r.On(t).Supervisor().StartShows() },
		},
		{
			ID: stepFirst, Source: "Later runbook ¶5", Title: "See that the first scheduler runs, before another one starts",
			On: r.one, Check: r.starting().wasStarted, Verify: r.starting().started, Do: r.starting().start, Holds: r.NobodyElse, OneWay: follows, Limit: 10 * time.Minute,
			Shows: func(t *runner.Task) []string { return r.On(t).Supervisor().StartShows() },
		},
		{
			ID: stepStartAll, Source: "Later runbook ¶5", Title: "Start the others: all that have a copy; or so many blank ones that they are a quorum with it",
			On: r.joining, Check: r.starting().mayStart, Verify: r.starting().started, Do: r.starting().start, Holds: r.NobodyElse, OneWay: follows, Limit: 10 * time.Minute,
			Shows: func(t *runner.Task) []string { return r.On(t).Supervisor().StartShows() },
		},
		{
			ID: stepProve, Source: "Later runbook ¶5", Title: "Prove the commit: a leader is registered with Mesos, and its tasks are the backup's",
			On: onBot, Check: r.starting().prove, Limit: 20 * time.Minute,
		},
		shot,
		{
			ID: stepRest, Source: "Later runbook ¶7", Title: "Start the rest, whose replicas learn from the others",
			On: r.rest, Needed: learning, Check: r.starting().mayStartRest, Verify: r.starting().started, Do: r.starting().start, Holds: r.NobodyElse, OneWay: follows, Limit: 10 * time.Minute,
			Shows: func(t *runner.Task) []string { return r.On(t).Supervisor().StartShows() },
		},
	}}
}

func (r *Recovery) backupName(s *runner.State) string {
	if s.Source != nil {
		return s.Source.Name
	}
	return s.Request.Backup
}

// leader is the host of the leader that proved the commit.
func (r *Recovery) leader(s *runner.State) []string {
	if l, ok := proved.Of(s, runner.Bot); ok {
		return []string{l.Host}
	}
	return r.one(s)
}

// mayCommit is the last look, after the approvals; that every scheduler is stopped and
// every folder is as it was loaded is asked right before, of what must hold.
func (r starting) mayCommit(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	a, err := r.spreading().compare(ctx, t)
	if err != nil || !a.Yes {
		return a, err
	}
	group, err := r.NobodyRegistered(ctx, t)
	group.Evidence += "; " + a.Evidence
	return group, err
}

// sent is what was known right before the first start: the data of commit.sent.
type sent struct {
	Host string    `json:"host"`
	Tree string    `json:"tree_sha256"`
	At   time.Time `json:"at"`
}

// commit starts the scheduler. From here on its log is its own.
func (r starting) commit(ctx context.Context, t *runner.Task) (any, error) {
	n := r.On(t)
	l, ok := loaded.Of(t.State, t.On)
	if !ok {
		return nil, fmt.Errorf("nothing was started: what was loaded on %s is not in the journal", t.On)
	}
	left := r.NewestMember(ctx, t)
	data, err := json.Marshal(sent{Host: t.On, Tree: l.Tree.SHA256, At: r.Now().UTC()})
	if err != nil {
		return nil, err
	}
	if err := t.Say(runner.Event{Kind: runner.CommitSent, Digest: t.State.Gates["commit"].Digest, Data: data}); err != nil {
		return nil, err // Not journaled, so not done.
	}
	if err := n.Supervisor().Start(ctx); err != nil {
		if jerr := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: err.Error()}); jerr != nil {
			return left, jerr
		}
		return left, err
	}
	return left, nil
}

// mayStart: a blank replica starts only beside the loaded one, since two of them are a
// quorum, and lead with no task at all (recorded).
func (r starting) mayStart(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Request.CatchUp {
		return runner.Yes("its folder is a copy of the loaded one"), nil
	}
	host := r.rehydrated(t.State)
	n := r.NodeOf(t.State, host)
	return r.Until(ctx, time.Minute, func(ctx context.Context) (runner.Answer, error) {
		in, why, err := r.Joined(ctx, t.State, n)
		return runner.Answer{Yes: in, Evidence: fmt.Sprintf("the loaded replica of %s must be in the log's group before a blank one starts: %s", host, why)}, err
	})
}

// wasStarted waits for the scheduler that the commit started. Of one that has stopped it
// asks whether it ever ran: one that opened its log has changed the folder. Where the
// commit was announced and the log was never opened, on no host, nothing was committed,
// and people are asked again.
func (r starting) wasStarted(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	var s sent
	if err := json.Unmarshal(t.State.Commit.Data, &s); err != nil {
		return runner.Answer{}, fmt.Errorf("what was loaded is not in the journal: %w", err)
	}
	absent := ""
	a, err := r.Until(ctx, inFlight+node.Listens, func(ctx context.Context) (runner.Answer, error) {
		if a, err := r.started(ctx, t); err != nil || a.Yes {
			return a, err
		}
		if a, err := r.Stopped(ctx, t); err != nil || !a.Yes {
			return a, err // A supervisor says active before there is a process.
		}
		a, err := folderIs(ctx, r.On(t), s.Tree)
		switch {
		case err != nil:
			return runner.Answer{}, err
		case !a.Yes:
			return runner.Yes("its scheduler was started on the loaded log and has ended; it is started again"), nil
		case r.Now().Sub(t.State.Commit.SentAt) < inFlight:
			return runner.No("its start may be on its way yet"), nil
		}
		absent = fmt.Sprintf("the scheduler of %s never opened the loaded log: it does not run, and %s", t.On, a.Evidence)
		return runner.Yes("%s", absent), nil
	})
	if err != nil || absent == "" {
		return a, err
	}
	if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: absent}); err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopExpired, Reopen: []string{stepFolders, stepCommit, stepFirst},
		Why: absent + ". Undo puts everything back; resume compares the folders and asks for new approvals"}
}

// inFlight is how long a start can still be on its way after it was announced: what the
// kernel keeps for a network that is cut, the limit of the command on the host, and what
// comes on top of it until its process is surely gone.
const inFlight = 30*time.Second + time.Minute + 20*time.Second

// started: one scheduler runs, with the flags that were found before this run.
func (r starting) started(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun && !t.State.Of(stepCommit, t.On).Begun {
		return runner.No("this run has not started it"), nil
	}
	n := r.On(t)
	mine, gone, err := n.Gone(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	switch {
	case len(mine) == 0:
		return runner.No("no scheduler runs"), nil
	case len(mine) > 1:
		return runner.No("%d schedulers run: %s", len(mine), node.Named(mine)), nil
	case gone != "":
		return runner.No("%s", gone), nil
	}
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	for _, name := range []string{"mesos_master_address", "native_log_file_path"} {
		if flags[name] != l.Flags[name] {
			return runner.No("PID %d runs with -%s=%s, pre-flight found %s", mine[0].PID, name, flags[name], l.Flags[name]), nil
		}
	}
	return runner.Yes("PID %d runs with its own flags", mine[0].PID).With(recovery.StartedReal(mine[0])), nil
}

func (r starting) start(ctx context.Context, t *runner.Task) (any, error) {
	n := r.On(t)
	if a, err := r.OriginalConfig(ctx, t); err != nil {
		return nil, err
	} else if !a.Yes {
		return nil, fmt.Errorf("not started: %s", a.Evidence)
	}
	if t.State.Of(stepCommit, t.On).Begun {
		if a, err := r.started(ctx, t); err != nil || a.Yes {
			return nil, err // The commit started it.
		}
	}
	mine, _, err := n.Running(ctx)
	if err != nil {
		return nil, err
	}
	if len(mine) > 0 { // Somebody started it, or it lingers.
		if err := r.Stop(ctx, t); err != nil {
			return nil, err
		}
	}
	left := r.NewestMember(ctx, t)
	if err := n.Supervisor().Start(ctx); err != nil {
		return left, err
	}
	_, err = r.Until(ctx, time.Minute, func(ctx context.Context) (runner.Answer, error) { return r.started(ctx, t) })
	return left, err
}

// mayStartRest: without a snapshot a crash of the loaded replica loses everything
// (recorded), so no further blank one starts before it.
func (r starting) mayStartRest(_ context.Context, t *runner.Task) (runner.Answer, error) {
	for _, host := range r.leader(t.State) {
		if t.State.Passed(stepSnapshot, host) {
			return runner.Yes("%s has written a snapshot", host), nil
		}
	}
	return runner.No("no leader has written a snapshot since the start"), nil
}

// prove looks for the registered leader and compares its tasks with the backup's. What
// Mesos and people did since then may have added some, and taken away what had ended.
func (r starting) prove(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome == runner.Committed {
		return runner.Yes("%s", t.State.Commit.Why), nil
	}
	meant, ended, err := r.Meant(ctx, t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	limit := max(r.ProofWait, cmp.Or(r.Cluster.ProofWait, 3*time.Minute)) + 2*r.Cluster.SessionLimit
	a, err := r.Until(ctx, limit, func(ctx context.Context) (runner.Answer, error) { return r.proof(ctx, t, meant, ended) })
	if err == nil && a.Yes {
		return a, t.Say(runner.Event{Kind: runner.CommitProved, Why: a.Evidence})
	}
	why := a.Evidence
	if err != nil {
		why = err.Error()
	}
	if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: why}); err != nil {
		return runner.Answer{}, err
	}
	if err := r.Tell(t, health.Found("commit-unknown", r.Cluster.Name, "%s", why)); err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Reopen: []string{stepFirst, stepStartAll, stepProve},
		Why: "the schedulers were started on the loaded log, and no leader shows it: " + why + ". Undo is not possible from here on. Read the schedulers' logs; resume starts those that have ended, and looks again"}
}

// proof looks once.
func (r starting) proof(ctx context.Context, t *runner.Task, meant, ended map[string]bool) (runner.Answer, error) {
	l, why, err := r.WhoLeads(ctx, t)
	switch {
	case err != nil:
		return runner.Answer{}, err
	case why != "":
		return runner.No("%s", why), nil
	}
	n := r.NodeOf(t.State, l.Host)
	v, err := n.Client().Vars(ctx)
	if err != nil {
		return runner.No("%s leads, and does not answer: %v", l.Host, err), nil
	}
	if is, err := v.Int("framework_registered"); err != nil || is != 1 {
		return runner.No("%s leads, and is not registered with Mesos", l.Host), nil
	}
	reply, err := n.Client().Tasks(ctx)
	if err != nil {
		return runner.No("tasks of %s: %v", l.Host, err), nil
	}
	if !reply.OK() {
		return runner.No("tasks of %s: %s", l.Host, reply), nil
	}
	have := map[string]bool{}
	for _, task := range reply.Tasks {
		have[task.ID] = true
	}
	var missing []string
	for _, id := range lacks(have, meant) {
		if !ended[id] { // One that had ended may be forgotten by its age.
			missing = append(missing, id)
		}
	}
	if len(missing) > 0 {
		return runner.No("%s leads, and %d of the backup's %d tasks are not there, for example %s", l.Host, len(missing), len(meant), missing[0]), nil
	}
	framework, err := frameworkOf(ctx, n)
	if err != nil {
		return runner.No("the log of %s: %v", l.Host, err), nil
	}
	if want := r.BackupFramework(t.State); framework != want {
		return runner.No("%s leads with framework %s, the backup is of %s: Mesos does not know its tasks", l.Host, framework, want), nil
	}
	words := fmt.Sprintf("%s leads (PID %d), registered with Mesos as framework %s; it has all %d tasks of the backup", l.Host, l.PID, framework, len(meant))
	if more := len(lacks(meant, have)); more > 0 {
		words += fmt.Sprintf(", and %d that are newer", more)
	}
	return runner.Yes("%s:\n%s", words, strings.Join(l.Says, "\n")).With(l), nil
}

// frameworkOf reads the framework id out of a copy of a running scheduler's log.
func frameworkOf(ctx context.Context, n *node.Node) (id string, err error) {
	log, err := logOf(n)
	if err != nil {
		return "", err
	}
	failed := fmt.Errorf("%s cannot be read", log)
	_, err = n.ReadCopy(ctx, node.Copy{Log: log, Running: true, More: func(dir, copied string, _ *replica.Report) {
		var made node.Salvaged
		if made, failed = n.Salvage(ctx, copied, dir+"/state", true); failed == nil {
			id = made.FrameworkID
		}
	}})
	return id, cmp.Or(err, failed)
}
