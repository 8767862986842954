package recovery

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// mayStartFresh: an EMPTY replica catches up from a quorum of the others. Where
// they have none it would wait, and people would be tempted to initialise it.
func (r settling) mayStartFresh(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Passed(stepSettleLog, t.On) || !t.State.Passed(stepSettleFlags, t.On) {
		return runner.No("its log folder and its configuration are not settled"), nil
	}
	if a, err := r.configIsSettled(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	// Once it was started its replica writes there: what it is then is asked next.
	if !t.State.Of(t.Step, t.On).Begun {
		if a, err := r.logIsFresh(ctx, t); err != nil || !a.Yes {
			return a, err
		}
	}
	others := slices.DeleteFunc(r.nodes(t.State), func(n *node.Node) bool { return n.Name == t.On })
	says, err := node.Everywhere(others, func(n *node.Node) (int, error) { return n.Client().LeaderHealth(ctx) })
	if at := slices.Index(says, http.StatusOK); at >= 0 {
		return runner.Yes("%s leads, so the others have a quorum; its own folder is empty", others[at].Name), nil
	}
	return runner.No("the others have no leader that is registered with Mesos (/leaderhealth answers %v, %v): a fresh replica has nobody to catch up from", says, err), nil
}

// startedFresh: one scheduler runs, and not with the disabled flags.
func (r settling) startedFresh(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if len(mine) != 1 {
		return runner.No("%d schedulers run", len(mine)), nil
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	if flags["mesos_master_address"] == r.Cluster.FakeMaster {
		return runner.No("PID %d runs with the disabled flags", mine[0].PID), nil
	}
	return runner.Yes("PID %d runs with its own flags", mine[0].PID), nil
}

func (r settling) startFresh(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := n.Supervisor().Start(ctx); err != nil {
		return nil, err
	}
	_, err := r.Until(ctx, time.Minute, func(ctx context.Context) (runner.Answer, error) { return r.startedFresh(ctx, t) })
	return nil, err
}

// caughtUp reads a copy of its log until it is VOTING and holds a snapshot of
// the state that the others have.
func (r settling) caughtUp(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	return r.Until(ctx, 25*time.Minute, func(ctx context.Context) (runner.Answer, error) {
		report, err := n.HotLog(ctx)
		switch {
		case err != nil:
			return runner.No("%v", err), nil
		case report.Status != "VOTING":
			return runner.No("its replica is %s", cmp.Or(report.Status, "not there yet")), nil
		case report.State != replica.StateOK && !node.OnlyTorn(&report):
			return runner.No("its log: %s", node.LogWords(&report)), nil
		case report.End == 0:
			return runner.No("its replica is VOTING and holds nothing: it did not catch up but was initialised"), nil
		}
		return runner.Yes("its replica caught up by itself: %s", node.LogWords(&report)), nil
	})
}

// supervisionWas is how its supervision was before this run, or when it came back.
func supervisionWas(t *runner.Task) (node.UnitState, error) {
	before, ok := foundHost.Of(t.State, t.On)
	if ok {
		return before.Unit, nil
	}
	var c containReceipt
	if !t.State.Receipt(stepContain, t.On, &c) {
		return node.UnitState{}, fmt.Errorf("how the supervision of %s was is not in the journal", t.On)
	}
	return c.Was, nil
}

func (r settling) supervisionIsBack(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	was, err := supervisionWas(t)
	if err != nil {
		return runner.Answer{}, err
	}
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	return supervisionAs(u, was), nil
}

func (r settling) supervisionBack(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	was, err := supervisionWas(t)
	if err != nil {
		return nil, err
	}
	return nil, n.Supervisor().On(ctx, was)
}

func (r settling) helperGone(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	f, err := r.on(t).Program(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	out, err := t.Host.Run(ctx, runner.Command{Argv: []string{"test", "-e", f.Path}})
	if err != nil {
		return runner.Answer{}, fmt.Errorf("look for %s: %w", f.Path, err)
	}
	return runner.Answer{Yes: out.Exit == 1, Evidence: fmt.Sprintf("%s is gone: %v", f.Path, out.Exit == 1)}, nil
}

func (r settling) helperAway(ctx context.Context, t *runner.Task) (any, error) {
	_, err := r.preflight().removeHelper(ctx, t, nil)
	return nil, err
}
