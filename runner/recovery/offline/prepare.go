package offline

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
)

// prepare stops the schedulers and keeps them down. Their configuration stays as it
// is: none of them starts before its log is loaded.
func (r *Recovery) prepare() runner.Phase {
	p := r.Parts.Recipe().Phases[0]
	p.Title = "Preparation: stop all schedulers"
	stop := r.Step("prepare/stop-schedulers")
	stop.Source, stop.Holds, stop.Until = "Later runbook ¶1", r.down, []string{stepCommit}
	stop.Voids = []string{stepFolders, stepCommit}
	p.Steps = []runner.Step{
		p.Steps[0], p.Steps[1], p.Steps[2],
		{
			ID: stepTool, Source: "pre-flight", Title: "Look whether recovery-tool is there and takes what it is given",
			On: r.one, Check: r.lookAtTool, Limit: 3 * time.Minute,
		},
		p.Steps[3], r.Step(stepKeep), r.Step("prepare/supervision-off"), stop, r.Step("prepare/read-logs"),
	}
	return p
}

// down holds from the stop to the commit.
func (r *Recovery) down(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	a, err := r.Stopped(ctx, t)
	if err != nil || !a.Yes {
		return a, err
	}
	return r.OriginalConfig(ctx, t)
}

// assess is the runbook's own, less what only running schedulers show.
func (r *Recovery) assess() runner.Phase {
	p := r.Parts.Recipe().Phases[1]
	p.Steps = p.Steps[1:]
	return p
}

// lookAtTool asks the tool for its help, which it prints with exit status 1 (recorded).
func (r *Recovery) lookAtTool(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.On(t)
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	if l.Log.Mount && !t.State.Request.CatchUp {
		return runner.No("%s of %s is itself a mount, and a copy of a log's folder cannot be compared there. Ask for --catch-up, or for the recipe staged", l.Flags["native_log_file_path"], t.On), nil
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: node.RecoveryTool(l.RecoveryTool, "--help"), User: r.Cluster.User, Limit: time.Minute})
	if err != nil {
		return runner.Answer{}, err
	}
	help := string(out.Stdout) + string(out.Stderr)
	for _, flag := range node.RecoveryFlags {
		if !strings.Contains(help, flag+"\n") {
			return runner.No("%s --help does not name %s: it is not the recovery-tool of Aurora 0.20 or later, or it does not start (exit status %d: %s)", r.Cluster.RecoveryTool, flag, out.Exit, node.Tail(out)), nil
		}
	}
	return runner.Yes("%s is there and takes %s", l.RecoveryTool, strings.Join(node.RecoveryFlags, " ")), nil
}

// anew is a log without entries, on the host that is loaded, or on all.
func (r *Recovery) anew() runner.Phase {
	init := r.Step(stepInit)
	init.Source, init.Check, init.Verify, init.Do = "Later runbook ¶3", r.mayBegin, r.fresh, r.freshen
	init.On = func(s *runner.State) []string {
		if s.Request.CatchUp {
			return r.Here(s)
		}
		return r.one(s)
	}
	init.Holds, init.Until = nil, nil
	aside := r.Step("reinitialize/move-log-aside")
	aside.Source = "Later runbook ¶2"
	return runner.Phase{
		ID: "reinitialize", Title: "Make a new replicated log", Source: "Later runbook ¶2, ¶3",
		Steps: []runner.Step{r.Step("reinitialize/nobody-registered"), aside, init},
	}
}

// mayBegin is safety rule 4: every folder was moved aside by this run, and this host's
// scheduler is stopped.
func (r *Recovery) mayBegin(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	for _, name := range r.Here(t.State) {
		if !t.State.Passed("reinitialize/move-log-aside", name) {
			return runner.No("the log of %s was not moved aside", name), nil
		}
	}
	return r.Stopped(ctx, t)
}

// fresh reads the log natively: it votes and holds no position yet.
func (r *Recovery) fresh(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("this run has not initialised it"), nil
	}
	return r.isFresh(ctx, r.On(t))
}

func (r *Recovery) isFresh(ctx context.Context, n *node.Node) (runner.Answer, error) {
	log, err := logOf(n)
	if err != nil {
		return runner.Answer{}, err
	}
	report, owner, err := readThere(ctx, n, log)
	switch {
	case err != nil:
		return runner.Answer{}, err
	case report == nil:
		return runner.No("%s is not there", log), nil
	case !blank(report):
		return runner.No("%s: %s", log, node.LogWords(report)), nil
	case owner != "":
		return runner.No("%s", owner), nil
	}
	return runner.Yes("%s: VOTING, without entries", log), nil
}

func (r *Recovery) freshen(ctx context.Context, t *runner.Task) (any, error) {
	return nil, r.begin(ctx, t)
}

// begin makes a log without entries where none is: what lies there is of an earlier
// try of this run, and goes aside. recovery-tool may not be run twice on a folder, for
// also a run that it refuses appends to the log (recorded).
func (r *Recovery) begin(ctx context.Context, t *runner.Task) error {
	n := r.On(t)
	if a, err := r.isFresh(ctx, n); err != nil || a.Yes {
		return err
	}
	a, err := r.Stopped(ctx, t)
	if err == nil && !a.Yes {
		err = fmt.Errorf("not moved: %s", a.Evidence)
	}
	if err != nil {
		return err
	}
	l, err := n.Known()
	if err != nil {
		return err
	}
	log := l.Flags["native_log_file_path"]
	if err := setAside(ctx, n, log); err != nil {
		return err
	}
	if err := node.MakeLog(ctx, n, log, modeOf(l)); err != nil {
		return err
	}
	out, err := n.Detached(ctx, "mesos-log", r.InitJob(l), nil)
	return node.Well("mesos-log initialize", out, err)
}

// modeOf is the mode of the log's folder as it was found.
func modeOf(l node.Look) uint32 {
	if l.Log.Exists {
		return l.Log.Mode
	}
	return 0o755
}
