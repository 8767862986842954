package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"aurorabot/runner"
)

// cleanup is the runbook's "Cleanup": its own looks first, then the undoing of
// Preparation, which the engine derives.
func (r closing) cleanup() runner.Phase {
	return runner.Phase{ID: "cleanup", Title: "Cleanup", Source: "Cleanup", Undoes: "prepare", Steps: []runner.Step{
		{
			ID: stepProof, Source: "Cleanup", Title: "Go on only with a proved commit",
			On: onBot, Check: r.proofIsThere, Limit: 10 * time.Minute,
		},
		{
			ID: stepGroup, Source: "Cleanup", Title: "Wait until every replica is in the log's group since its scheduler's present start",
			On: onBot, Check: r.leading().allInGroup, Limit: 10 * time.Minute,
		},
		{
			ID: stepSnapshot, Source: "Cleanup", Title: "Let the disabled leader write a snapshot, so that its log does not rest on one replica's transactions",
			On: r.nextLeader, Check: r.maySnapshot, Verify: r.snapshotWritten, Do: r.writeSnapshot, Limit: 5 * time.Minute,
			OneWay: "afterwards one snapshot is written, which repeats what the log then holds: nothing is lost by it",
			Shows:  func(*runner.Task) []string { return []string{r.staging().adminShows("scheduler_snapshot")} },
		},
		r.levelStep(),
		{
			ID: stepVoting, Source: "Cleanup", Title: "Wait until all replicas are VOTING and level: the same end, or behind by no more than was written since",
			On: onBot, Check: r.allVoting, Limit: 15 * time.Minute,
		},
	}}
}

func (r closing) proofIsThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome != runner.Committed {
		return runner.No("the commit is not proved: no scheduler may meet the real Mesos master"), nil
	}
	// The leader that proved it may have been left out or replaced since, or the
	// bot died before it wrote down who it was.
	a, err := r.leading().electedLeader(ctx, t)
	if err == nil && a.Yes {
		a.Evidence = t.State.Commit.Why + "\nnow: " + a.Evidence
	}
	return a, err
}

// nextLeader is the host of the leader after the commit.
func (r closing) nextLeader(s *runner.State) []string {
	if f, ok := nextLeader(s); ok {
		return []string{f.Host}
	}
	return []string{leader}
}

// snapshotWritten asks the log itself: a snapshot lies behind the one that the
// commit wrote.
func (r closing) snapshotWritten(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if err := r.leadsNow(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("not asked for yet"), nil
	}
	v, err := n.Client().Vars(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	count, err := v.Int("scheduler_log_snapshots")
	if err != nil {
		return runner.Answer{}, err
	}
	if count < 1 {
		return runner.No("%s wrote no snapshot since it leads", t.On), nil
	}
	return runner.Yes("%s wrote %d snapshots since it leads", t.On, count), nil
}

// leadsNow ends the walk where another scheduler leads by now than the one that
// the proof found, or where one has ended: a resume finds the leader anew.
func (r closing) leadsNow(ctx context.Context, t *runner.Task) error {
	now, why, err := r.leading().whoLeads(ctx, t)
	switch {
	case err != nil:
		return err
	case why == "" && now.Host == t.On:
		return nil
	case why == "":
		return &runner.Ending{Reason: runner.StopExpired, Reopen: []string{stepProof},
			Why: fmt.Sprintf("%s led after the commit, now %s leads; resume continues with it", t.On, now.Host)}
	}
	if err := r.ended(ctx, t); err != nil {
		return err
	}
	return fmt.Errorf("who leads can't be told now: %s", why)
}

// ended ends the walk where a scheduler has ended since the commit: nothing
// starts it again by itself, and every replica is needed. A resume starts it.
func (r closing) ended(ctx context.Context, t *runner.Task) error {
	gone, err := r.gone(ctx, t.State)
	if err != nil {
		return err
	}
	for i, why := range gone {
		if name := r.everyScheduler(t.State)[i]; why != "" {
			return &runner.Ending{Reason: runner.StopExpired, Reopen: []string{stepLinger, stepFirst, stepStartAll, stepRest, stepProof, stepGroup, stepLevel},
				Why: fmt.Sprintf("the scheduler of %s has ended: %s; resume starts it again%s, and looks who leads", name, why, asDisabled(t.State))}
		}
	}
	return nil
}

func asDisabled(s *runner.State) string {
	if real(s) {
		return ""
	}
	return ", disabled"
}

// maySnapshot: without a quorum in the log's group a snapshot ends the leader.
func (r closing) maySnapshot(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if err := r.leadsNow(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	return r.leading().quorumInGroup(ctx, t)
}

func (r closing) writeSnapshot(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	report, err := n.HotLog(ctx)
	if err != nil {
		return nil, fmt.Errorf("no snapshot was asked for: where the log ends before it: %w", err)
	}
	return endBefore{End: int64(report.End)}, r.snapshot(ctx, t)
}

// snapshot asks the leader for one.
func (r closing) snapshot(ctx context.Context, t *runner.Task) error {
	a, err := r.staging().act(ctx, t, "scheduler_snapshot", 2*time.Minute, "scheduler_snapshot")
	if err != nil {
		return err
	}
	if !a.OK {
		return fmt.Errorf("scheduler_snapshot: %s %s", a.Code, a.Message)
	}
	return nil
}

func asJSON(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic("recovery: " + err.Error()) // Our own types always encode.
	}
	return b
}
