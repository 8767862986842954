package recovery

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// reinitialize is the runbook's "Re-initialise the log": all replicas or none.
func (r logs) reinitialize() runner.Phase {
	return runner.Phase{
		ID: "reinitialize", Title: "Re-initialise the replicated log", Source: "Assess the damage, Re-initialising",
		Needed: func(s *runner.State) (bool, string) {
			if s.Of(stepDecide, runner.Bot).Progress == "" {
				return true, ""
			}
			return decided(s).Reinitialize, "the assessment says that the log need not be re-initialised"
		},
		Steps: []runner.Step{
			{
				ID: stepReStop, Source: "Re-initialising ¶1", Title: "Stop the schedulers, and prove it",
				On: r.everyScheduler, Verify: r.schedulers().schedulerStopped, Do: r.schedulers().stopScheduler, Limit: 10 * time.Minute,
				Undo:  stays("the schedulers stay stopped until the logs are back on all hosts"),
				Keeps: "Preparation's own undo starts the schedulers",
				Holds: r.schedulers().schedulerStopped, Until: []string{stepRestart},
				Shows: func(t *runner.Task) []string { return r.on(t).Supervisor().StopShows() },
			},
			{
				ID: stepGone, Source: "Safety rule 2", Title: "Wait until ZooKeeper lists neither a candidate nor a replica",
				On: onBot, Check: r.nobodyRegistered, Limit: 5 * time.Minute,
			},
			{
				ID: stepAside, Source: "Re-initialising ¶2", Title: "Move every log folder aside",
				On: r.everyScheduler, Verify: r.logAside, Do: r.moveLogAside, Undo: r.logBack, Dangerous: true,
				Keeps: "the old folders are the way back until the commit, and evidence after it",
				Shows: func(t *runner.Task) []string {
					l, _ := look(t.State, t.On)
					log := l.Flags["native_log_file_path"]
					return []string{fmt.Sprintf("mv %s %s", log, node.AsideOf(log, t.State.Run))}
				},
			},
			{
				ID: stepInit, Source: "Re-initialising ¶2", Title: "mesos-log initialize, as the scheduler's user",
				On: r.everyScheduler, Check: r.mayInitialize, Verify: r.logInitialized, Do: r.initializeLog, Dangerous: true,
				Undo:  r.initializedNoMore,
				Keeps: "the commit writes into this log",
				Shows: func(t *runner.Task) []string {
					l, _ := look(t.State, t.On)
					return []string{node.Shown(node.InitCommand(l.MesosLog, l.Flags["native_log_file_path"]))}
				},
			},
			{
				ID: stepRestart, Source: "Re-initialising ¶3", Title: "Start the schedulers, disabled as before",
				On: r.everyScheduler, Verify: r.schedulers().startedByThisRun, Do: r.schedulers().start, Undo: r.schedulers().undoStart, Dangerous: true,
				Keeps: "Cleanup stops the schedulers with Preparation's own undo",
				Holds: r.schedulers().nobodyElseStarted, Until: []string{stepCommit}, Voids: afterElection,
				Shows: func(t *runner.Task) []string { return r.on(t).Supervisor().StartShows() },
			},
		},
	}
}

// nobodyRegistered: both lists are empty. A killed scheduler's nodes stay until
// its session ends.
func (r logs) nobodyRegistered(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if r.Cluster.ZooKeeper == "none" {
		return runner.Yes("there is no ZooKeeper: the configuration says so"), nil
	}
	l, err := look(t.State, r.anyScheduler(t.State))
	if err != nil {
		return runner.Answer{}, err
	}
	return r.Until(ctx, 2*r.Cluster.SessionLimit, func(ctx context.Context) (runner.Answer, error) {
		candidates, replicas, err := r.any(t.State).Group(ctx, l.Flags)
		if err != nil {
			return runner.Answer{}, err
		}
		if len(candidates)+len(replicas) == 0 {
			return runner.Yes("ZooKeeper lists no candidate and no replica"), nil
		}
		var who []string
		for _, c := range candidates {
			who = append(who, "candidate "+c.Host)
		}
		for _, p := range replicas {
			who = append(who, "replica "+p.Address.String())
		}
		return runner.No("still in ZooKeeper: %s", strings.Join(who, ", ")), nil
	})
}

// asideFacts are the stats of the folder before it was moved: the receipt.
type asideFacts struct {
	From  string     `json:"from"`
	To    string     `json:"to"`
	Was   probe.Path `json:"was"`
	Empty bool       `json:"empty,omitempty"` // There was nothing to move.
}

func aside(t *runner.Task) (log, to string, err error) {
	l, err := look(t.State, t.On)
	if err != nil {
		return "", "", err
	}
	log = l.Flags["native_log_file_path"]
	return log, node.AsideOf(log, t.State.Run), nil
}

func (r logs) logAside(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	log, to, err := aside(t)
	if err != nil {
		return runner.Answer{}, err
	}
	inside := path.Join(log, path.Base(to))
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log, to, inside}})
	if err != nil {
		return runner.Answer{}, err
	}
	switch {
	case facts.Paths[inside].Dir:
		return runner.Yes("the contents of %s lie in %s", log, inside), nil
	case facts.Paths[to].Dir && !facts.Paths[log].Exists:
		return runner.Yes("%s lies at %s", log, to), nil
	case facts.Paths[to].Dir:
		return runner.No("%s and %s are both there", log, to), nil
	case !facts.Paths[log].Exists && t.State.Of(t.Step, t.On).Begun:
		return runner.Yes("%s is missing: there is nothing to move", log), nil
	}
	return runner.No("%s is in its place", log), nil
}

func (r logs) moveLogAside(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := r.schedulers().mustBeStopped(ctx, t, "not moved"); err != nil {
		return nil, err
	}
	log, to, err := aside(t)
	if err != nil {
		return nil, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}})
	if err != nil {
		return nil, err
	}
	left := asideFacts{From: log, To: to, Was: facts.Paths[log]}
	if !left.Was.Exists {
		left.Empty = true
		return left, nil
	}
	return left, n.MoveAside(ctx, log, to, false)
}

// logBack is the Undo: what mesos-log made goes aside, the old folder comes back.
func (r logs) logBack(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	log, to, err := aside(t)
	if err != nil {
		return runner.Answer{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log, to, path.Join(log, path.Base(to))}})
	if err != nil {
		return runner.Answer{}, err
	}
	if facts.Paths[path.Join(log, path.Base(to))].Dir {
		// On a mount the evidence step puts the copy back; the contents stay inside.
		return runner.Yes("the old contents stay in %s; the copy is put back next", path.Join(log, path.Base(to))), nil
	}
	if !facts.Paths[to].Exists {
		return runner.Yes("nothing lies at %s", to), nil
	}
	if facts.Paths[log].Exists {
		if err := n.MoveAside(ctx, log, to+".initialized", false); err != nil {
			return runner.Answer{}, err
		}
	}
	if err := node.MoveBack(ctx, n, to, log); err != nil {
		return runner.Answer{}, err
	}
	facts, err = n.Ask(ctx, probe.Request{Paths: []string{log, to}})
	if err != nil {
		return runner.Answer{}, err
	}
	if !facts.Paths[log].Dir || facts.Paths[to].Exists {
		return runner.No("%s did not come back from %s", log, to), nil
	}
	return runner.Yes("%s is back", log), nil
}

// mayInitialize is safety rule 4, asked on every host right before.
func (r logs) mayInitialize(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if a, err := r.schedulers().schedulerStopped(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	// All or none: a host whose folder was not moved would vote beside new ones.
	// A host that was left out has no say while it is gone, and its folder goes
	// aside before its scheduler may start: docs/adr/0012.
	for _, name := range r.everyScheduler(t.State) {
		if !t.State.Passed(stepAside, name) {
			return runner.No("the log of %s was not moved aside", name), nil
		}
	}
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	log := l.Flags["native_log_file_path"]
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{path.Dir(log), log}})
	if err != nil {
		return runner.Answer{}, err
	}
	if p := facts.Paths[path.Dir(log)]; !p.Dir || p.Device != l.LogParent.Device {
		return runner.No("%s is not the mount that pre-flight saw", path.Dir(log)), nil
	}
	return runner.Yes("stopped, moved aside everywhere, on the mount that pre-flight saw"), nil
}

func (r logs) initializeLog(ctx context.Context, t *runner.Task) (any, error) {
	n, l, err := r.known(t)
	if err != nil {
		return nil, err
	}
	log := l.Flags["native_log_file_path"]
	mode := uint32(0o755)
	if l.Log.Exists {
		mode = l.Log.Mode
	}
	// Made here, because the scheduler's user may not write beside it.
	if err := node.MakeLog(ctx, n, log, mode); err != nil {
		return nil, err
	}
	out, err := n.Detached(ctx, "mesos-log", r.initJob(l), nil)
	if err := node.Well("mesos-log initialize", out, err); err != nil {
		return nil, err
	}
	return map[string]string{"path": log, "stderr": node.Tail(out)}, nil
}

func (r logs) initJob(l node.Look) runner.Command {
	return runner.Command{Argv: node.InitCommand(l.MesosLog, l.Flags["native_log_file_path"]), User: r.Cluster.User, Limit: 2 * time.Minute}
}

// initializedNoMore is the Undo: the tool writes by the log's path, so it must be
// at work no more when the old log comes back there.
func (r logs) initializedNoMore(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := n.Over(ctx, t.Step, "mesos-log", t.State.Of(t.Step, t.On).Try, r.initJob(l)); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("mesos-log is at work no more; the new log goes aside when the old one comes back"), nil
}

// logInitialized reads the new log natively: exit 0 of the tool is no health.
func (r logs) logInitialized(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	log, _, err := aside(t)
	if err != nil {
		return runner.Answer{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}})
	if err != nil {
		return runner.Answer{}, err
	}
	if !facts.Paths[log].Exists {
		return runner.No("%s is not there", log), nil
	}
	var report replica.Report
	if err := n.ReadLog(ctx, log, &report); err != nil {
		return runner.Answer{}, err
	}
	// New: it votes, and holds no position yet.
	if report.State == replica.StateOK && report.Status == "VOTING" && report.End == 0 && report.Appends == 0 && t.State.Of(t.Step, t.On).Begun {
		if l, err := n.Known(); err != nil || l.UID != facts.Paths[log].UID {
			return runner.No("%s belongs to user %d, not to the scheduler's", log, facts.Paths[log].UID), nil
		}
		return runner.Yes("%s: VOTING, without entries", log), nil
	}
	return runner.No("%s: %s", log, node.LogWords(&report)), nil
}
