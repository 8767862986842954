package recovery

import (
	"context"
	"fmt"
	"time"

	"aurorabot/runner"
)

// spareStep has its turn where hosts were left out and the others are no more
// than a quorum. Before 0.21 the leader that commits ends its process, and
// supervision is off: its replica would be missing, and nobody could be elected
// who shows the commit.
func (r *Recovery) spareStep() runner.Step {
	return runner.Step{
		ID: stepSpare, Source: "Facts, after the commit", Title: "Without a spare replica: see that the leader's own is there, so that a next leader can be elected",
		On: r.theLeader,
		Needed: func(s *runner.State) (bool, string) {
			return len(r.everyScheduler(s)) <= r.Cluster.Quorum() && len(s.Debts()) > 0, "all schedulers are there: one of them may end"
		},
		Verify: r.replicaIsThere, Do: r.start, Dangerous: true,
		OneWay: "nothing is lost by it: it starts disabled, and Cleanup stops it again",
		Shows:  func(t *runner.Task) []string { return r.on(t).Supervisor().StartShows() },
	}
}

// endsWithin is how long a leader may take to end after its commit: it shuts its
// services down first.
const endsWithin = 20 * time.Second

// replicaIsThere: a process that lingers has its replica, and so has one that
// was started since.
func (r *Recovery) replicaIsThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	old, ok := fenceOf(t.State)
	if !ok {
		return runner.Answer{}, fmt.Errorf("who led at the commit is not in the journal")
	}
	end := t.State.Commit.SentAt.Add(endsWithin)
	for {
		mine, _, err := n.Schedulers(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		switch {
		case len(mine) == 0:
			return runner.No("the process that committed has ended, and its replica with it"), nil
		case len(mine) > 1 || !mine[0].Is(old.PID, old.Start):
			return r.startedDisabled(ctx, t)
		case !r.Now().Before(end):
			return runner.Yes("the process that committed lingers (PID %d), and its replica with it", old.PID), nil
		}
		if err := r.Pause(ctx, 0); err != nil {
			return runner.Answer{}, err
		}
	}
}
