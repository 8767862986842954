package recovery

import (
	"context"
	"errors"
	"fmt"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// forwardOnly is why settling has no undo: what it takes back is the run's own.
const forwardOnly = "nothing is lost by it: folders are moved aside, and the rest is put back as it was before the run"

// settle is what a host owes that was left out, in the order in which nothing
// of it can take part before it is a fresh replica: docs/adr/0012.
func (r settling) settle() runner.Phase {
	host := func(s *runner.State) []string { return []string{s.Settling} }
	ended := func(s *runner.State) (bool, string) {
		return s.Ended, "the run has not ended: until then it is only kept from taking part"
	}
	const source = "Safety rule 1"
	return runner.Phase{ID: runner.PhaseSettle, Title: "Settling a host that was left out", Source: source, Steps: []runner.Step{
		{
			ID: stepContain, Source: source, Title: "Keep its scheduler from starting, and stop it if it runs, before anything else",
			On: host, Verify: r.contained, Do: r.contain, OneWay: forwardOnly, Limit: 10 * time.Minute,
		},
		{
			ID: stepSettleHelper, Source: source, Title: "Put the reader of logs on it, checked by its hash",
			On: host, Verify: r.preflight().helperThere, Do: r.preflight().uploadHelper, OneWay: forwardOnly,
		},
		{
			ID: stepSettleLook, Source: source, Title: "Look at it: flags, configuration, log",
			On: host, Check: r.lookAtReturned,
		},
		{
			ID: stepSettleStop, Source: source, Title: "Prove that no scheduler runs on it",
			On: host, Verify: r.schedulers().schedulerStopped, Do: r.schedulers().stopScheduler, OneWay: forwardOnly, Limit: 10 * time.Minute,
		},
		{
			ID: stepSettleLog, Source: source, Title: "Move its log folder aside, and leave an empty one",
			On: host, Verify: r.logIsFresh, Do: r.freshLog, OneWay: forwardOnly,
		},
		{
			ID: stepSettleFlags, Source: source, Title: "Put its original configuration back",
			On: host, Needed: ended, Verify: r.configIsSettled, Do: r.settleConfig, OneWay: forwardOnly,
		},
		{
			ID: stepSettleTraffic, Source: source, Title: "Open its traffic",
			On: host, Needed: func(s *runner.State) (bool, string) {
				if !r.Firewalled() {
					return false, "no traffic is blocked here"
				}
				return ended(s)
			}, Verify: r.trafficIsOpen, Do: r.openSettled, OneWay: forwardOnly,
		},
		{
			ID: stepSettleOn, Source: source, Title: "Put its supervision back",
			On: host, Needed: ended, Verify: r.supervisionIsBack, Do: r.supervisionBack, OneWay: forwardOnly,
		},
		{
			ID: stepSettleStart, Source: source, Title: "Start its scheduler with an empty log, where the others have a quorum",
			On: host, Needed: ended, Check: r.mayStartFresh, Verify: r.startedFresh, Do: r.startFresh, OneWay: forwardOnly, Limit: 10 * time.Minute,
		},
		{
			ID: stepSettleVoting, Source: source, Title: "Wait until its replica has caught up and is VOTING",
			On: host, Needed: ended, Check: r.caughtUp, Limit: 30 * time.Minute,
		},
		{
			ID: stepSettleTools, Source: source, Title: "Take the reader of logs away",
			On: host, Needed: ended, Verify: r.helperGone, Do: r.helperAway, OneWay: forwardOnly,
		},
	}}
}

// containReceipt is how its supervisor was when the host came back.
type containReceipt struct {
	Was node.UnitState `json:"was"`
	Ran bool           `json:"ran,omitempty"` // Its scheduler ran when it came back.
}

// contained asks the supervisor alone: the helper is not there yet, and its
// upload would give a running replica time to vote.
func (r settling) contained(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	u, err := n.Supervisor().State(ctx)
	switch {
	case err != nil:
		return runner.Answer{}, err
	case u.Running:
		return runner.No("its scheduler runs: %s", u.Words), nil
	case u.Enabled || u.Restarts:
		return runner.No("its scheduler would be started: at boot %v, after it ends %v", u.Enabled, u.Restarts), nil
	case !t.State.Of(t.Step, t.On).Begun:
		return runner.No("not asked for yet"), nil // So that what it was stands in the journal.
	}
	return runner.Yes("kept from starting, and stopped: %s", u.Words), nil
}

func (r settling) contain(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	was, err := n.Supervisor().State(ctx)
	if err != nil {
		return nil, err
	}
	var before containReceipt
	if t.State.Receipt(stepContain, t.On, &before) {
		was.Enabled, was.Restarts = before.Was.Enabled, before.Was.Restarts // A second time finds our own doing.
	}
	left := containReceipt{Was: was, Ran: was.Running || before.Ran}
	if was.Running {
		if err := t.Say(runner.Event{Kind: runner.Note, Why: fmt.Sprintf("ITS SCHEDULER RUNS (%s, since %s): its replica of the log may have voted with what it holds from before. It is stopped now, before anything else. Compare the logs when this is settled: `assess %s`",
			was.Words, was.Since.UTC().Format(time.RFC3339), r.Cluster.Name)}); err != nil {
			return nil, err
		}
		// First of all; and once more below, for whatever started it meanwhile.
		if err := n.Supervisor().Stop(ctx); err != nil {
			return left, err
		}
	}
	if err := n.Supervisor().Off(ctx); err != nil {
		return left, err
	}
	return left, n.Supervisor().Stop(ctx)
}

// lookAtReturned finds what the steps after it need, and judges nothing that
// they do not ask themselves.
func (r settling) lookAtReturned(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	var l node.Look
	if err := l.AtAccess(ctx, n); err != nil {
		return runner.Answer{}, err
	}
	unit, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	l.Unit = unit
	vars, err := l.AtConfig(ctx, n)
	if err != nil {
		return runner.Answer{}, err
	}
	before, ok := foundHost.Of(t.State, t.On)
	if ok {
		l.Flags = before.Flags
	} else {
		l.Flags = node.FlagsOf(vars)
	}
	for _, name := range node.NeededFlags {
		if l.Flags[name] == "" {
			// Only its start script knows it, and it does not run: the others have the same.
			if flags, err := r.leaving().flagsOfAny(ctx, t.State); err == nil {
				l.Flags[name] = flags[name]
			}
		}
		if l.Flags[name] == "" {
			return runner.No("-%s is not set by %s", name, n.Scheduler.ConfigFile), nil
		}
	}
	log := l.Flags["native_log_file_path"]
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log, n.Scheduler.ConfigFile}})
	if err != nil {
		return runner.Answer{}, err
	}
	l.Log, l.Config, l.UID = facts.Paths[log], facts.Paths[n.Scheduler.ConfigFile], facts.UID
	if err := l.SeeConfig(n); err != nil {
		return runner.Answer{}, err
	}
	words := log + ": missing"
	if l.Log.Exists {
		var report replica.Report
		if err := n.ReadLog(ctx, log, &report); err != nil {
			return runner.Answer{}, err
		}
		words = "its log, as it came back: " + node.LogWords(&report)
	}
	var c containReceipt
	if t.State.Receipt(stepContain, t.On, &c) && c.Ran {
		words += "; its scheduler ran until it was stopped"
	}
	return runner.Yes("%s", words).With(l), nil
}

// logIsFresh: the folder is there and holds no replica.
func (r settling) logIsFresh(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	log, _, err := aside(t)
	if err != nil {
		return runner.Answer{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}, Trees: []string{log}})
	if err != nil {
		return runner.Answer{}, err
	}
	tree := facts.Trees[log]
	switch {
	case tree.Error != "":
		return runner.Answer{}, fmt.Errorf("read %s: %s", log, tree.Error)
	case !facts.Paths[log].Dir:
		return runner.No("%s is not there", log), nil
	case tree.Files > 0 && !facts.Paths[log].Mount:
		return runner.No("%s holds %d files", log, tree.Files), nil
	}
	if facts.Paths[log].Mount { // What was moved aside lies inside: only our reader tells it from a log.
		var report replica.Report
		if err := n.ReadLog(ctx, log, &report); err != nil {
			return runner.Answer{}, err
		}
		if report.State != replica.StateNotALog && report.State != replica.StateEmpty {
			return runner.No("%s: %s", log, node.LogWords(&report)), nil
		}
	}
	return runner.Yes("%s is empty: its replica will be EMPTY, and has no vote before it caught up", log), nil
}

// freshLog moves whatever replica lies there aside, under a name by its inode:
// a host may come back more than once.
func (r settling) freshLog(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := r.schedulers().mustBeStopped(ctx, t, "not moved"); err != nil {
		return nil, err
	}
	log, aside, err := aside(t)
	if err != nil {
		return nil, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log}})
	if err != nil {
		return nil, err
	}
	was := facts.Paths[log]
	left := asideFacts{From: log, To: fmt.Sprintf("%s.returned-%d", aside, was.Inode), Was: was, Empty: !was.Exists}
	mode := uint32(0o755)
	if was.Exists {
		mode = was.Mode
		if err := n.MoveAside(ctx, log, left.To, false); err != nil {
			return left, err
		}
	}
	return left, node.MakeLog(ctx, n, log, mode)
}

// configIsSettled: the file is the original one, or one in which no disabled
// flag is left (the host was installed anew, or a configuration manager came
// first).
func (r settling) configIsSettled(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	beside := node.AsideOf(n.Scheduler.ConfigFile, t.State.Run)
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{beside}})
	if err != nil {
		return runner.Answer{}, err
	}
	if facts.Paths[beside].Exists {
		return runner.No("%s is left from a replacement that was cut short", beside), nil
	}
	text, err := n.ReadConfig(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	file := n.Scheduler.ConfigFile
	before, ok := foundHost.Of(t.State, t.On)
	if ok && node.SHA256(text) == before.ConfigSHA256 {
		return runner.Yes("%s is the original one (%.12s)", file, before.ConfigSHA256), nil
	}
	conf, err := node.ParseConfig(n, text)
	if errors.Is(err, flagfile.ErrNoFlags) {
		conf, err = flagfile.Empty(file), nil // No fake value either.
	}
	if err != nil {
		return runner.Answer{}, err
	}
	if v, _ := conf.Flag("mesos_master_address"); v == r.Cluster.FakeMaster {
		return runner.No("%s still names the address that does not exist", file), nil
	}
	return runner.Yes("%s is not the one that this run saw, and names no fake value: it is left as it is (%.12s)", file, node.SHA256(text)), nil
}

func (r settling) settleConfig(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := n.TidyConfig(ctx); err != nil {
		return nil, err
	}
	if a, err := r.configIsSettled(ctx, t); err != nil || a.Yes {
		return nil, err
	}
	a, err := r.preparing().restoreConfig(ctx, t, nil)
	if err == nil && !a.Yes {
		err = fmt.Errorf("%s", a.Evidence)
	}
	return nil, err
}

func (r settling) trafficIsOpen(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("not asked for yet"), nil
	}
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	blocked, words, err := n.Firewall().Blocked(ctx, l.Flags["http_port"], r.Cluster.FirewallLease)
	return runner.Answer{Yes: !blocked, Evidence: words}, err
}

func (r settling) openSettled(ctx context.Context, t *runner.Task) (any, error) {
	n, l, err := r.known(t)
	if err != nil {
		return nil, err
	}
	return nil, n.Firewall().Open(ctx, l.Flags["http_port"])
}
