package offline

import (
	"context"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
)

// without refuses to leave out the one host that holds the state.
func (r *Recovery) without() runner.Phase {
	p := r.Without()
	for i := range p.Steps {
		look := p.Steps[i].Check
		p.Steps[i].Check = func(ctx context.Context, t *runner.Task) (runner.Answer, error) {
			if r.alone(t.State, t.On) {
				return runner.No("%s alone holds the state that was loaded: with --catch-up the others learn it only with the leader's first snapshot. Bring it back; without it everything is lost that the backup does not have, and a new run must load it again", t.On), nil
			}
			return look(ctx, t)
		}
	}
	return p
}

// alone reports whether a host is the only one with the state that runs by now.
func (r *Recovery) alone(s *runner.State, host string) bool {
	if !s.Request.CatchUp || !s.Irreversible() || r.rehydrated(s) != host {
		return false
	}
	for _, leads := range r.leader(s) {
		if s.Passed(stepSnapshot, leads) {
			return false
		}
	}
	return true
}

// rests: whoever was loaded and is left out before the commit, another one is loaded.
func (r *Recovery) rests(s *runner.State, host string) []string {
	if s.Commit.Sent || s.Of(stepLoad, host).Progress == "" && s.Of(stepSpread, host).Progress == "" {
		return nil
	}
	if s.Of(stepLoad, host).Progress == "" {
		return []string{stepFolders, stepCommit}
	}
	return append([]string{stepInit}, afterBackup...)
}

// cleanup is the runbook's own. At its end every replica holds the state by itself: one
// that votes may hold nothing (recorded).
func (r *Recovery) cleanup(p runner.Phase) runner.Phase {
	steps := append([]runner.Step{}, p.Steps...)
	for i := range steps {
		if steps[i].ID == "cleanup/snapshot" {
			steps[i].Title = "Let the leader write a snapshot while all replicas are in the log's group, so that each holds the state by itself"
		}
	}
	p.Steps = append(steps, runner.Step{
		ID: "cleanup/holds-state", Source: "Later runbook ¶8", Title: "Read every replica: each holds a snapshot of the state",
		On: r.Here, Check: r.holdsState, Limit: 15 * time.Minute,
	})
	return p
}

func (r *Recovery) holdsState(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.On(t)
	return r.Until(ctx, time.Minute, func(ctx context.Context) (runner.Answer, error) {
		p, err := n.HotLog(ctx)
		switch {
		case err != nil:
			return runner.Answer{}, err
		case p.Aurora == nil || p.Aurora.LastSnapshot < 0:
			return runner.No("its replica holds no snapshot (%s): it votes, and knows the state from the others only", node.LogWords(&p)), nil
		}
		return runner.Yes("it holds a snapshot of %d tasks at position %d", p.Aurora.LastSnapshotTasks, p.Aurora.LastSnapshot), nil
	})
}
