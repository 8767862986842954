package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// endBefore is what a snapshot leaves: the end of the log before it, -1 if it is
// not known. A replica that learned a position behind it has the snapshot.
type endBefore struct {
	End       int64 `json:"end_before"`
	Snapshots int   `json:"snapshots,omitempty"` // How many this step asked for in vain.
}

// done is what remains of a turn that brought the replicas level: when another
// scheduler is started after it, the next turn may write as many again.
func (e endBefore) done() endBefore { return endBefore{End: e.End} }

// levelStep has its turn where a replica missed the last snapshot: a VOTING
// replica fetches nothing by itself, so that its end would stay behind for ever
// (recorded). What is written while all are in the group brings all level.
func (r closing) levelStep() runner.Step {
	return runner.Step{
		ID: stepLevel, Source: "Cleanup", Title: "Where a replica ends before the others, let the leader write one more snapshot, which brings all level",
		On: r.nextLeader, Verify: r.level, Check: r.mayLevel, Do: r.writeLevel, Limit: 10 * time.Minute,
		OneWay: "one more snapshot is written, which repeats what the log then holds: nothing is lost by it",
		Shows: func(*runner.Task) []string {
			return []string{r.staging().adminShows("scheduler_snapshot") + ", only where a replica is behind; at most twice"}
		},
	}
}

// mostLevels is how many snapshots are written to bring replicas level.
const mostLevels = 2

// mayLevel: a snapshot that a replica misses again is of no use.
func (r closing) mayLevel(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if err := r.leadsNow(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	return r.leading().allInGroup(ctx, t)
}

// writeLevel writes snapshots until every replica learned one.
func (r closing) writeLevel(ctx context.Context, t *runner.Task) (any, error) {
	left := endBefore{End: -1}
	t.State.Receipt(t.Step, t.On, &left)
	for ; left.Snapshots < mostLevels; left.Snapshots++ {
		ends, err := r.endsOf(ctx, t)
		if err != nil {
			return left, fmt.Errorf("no snapshot was asked for: %w", err)
		}
		if left.Snapshots > 0 {
			if a := levelOf(ends, left.End); a.Yes {
				return left.done(), nil
			}
			if a, err := r.mayLevel(ctx, t); err != nil {
				return left, err
			} else if !a.Yes {
				return left, errors.New(a.Evidence)
			}
		}
		left.End = highest(ends)
		if err := t.Say(runner.Event{Kind: runner.Note, Why: fmt.Sprintf("snapshot %d of at most %d that bring the replicas level: %s", left.Snapshots+1, mostLevels, wordsOf(ends))}); err != nil {
			return left, err
		}
		if err := r.snapshot(ctx, t); err != nil {
			left.Snapshots++ // It may have been written.
			return left, err
		}
		switch a, err := r.levelBehind(ctx, t, left.End); {
		case err != nil:
			left.Snapshots++
			return left, err
		case a.Yes:
			return left.done(), nil
		}
	}
	return left, nil
}

// level asks whether every replica has the last snapshot that this run asked for.
func (r closing) level(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	before := lastEnd(t.State)
	var left endBefore
	if t.Left != nil && json.Unmarshal(t.Left, &left) == nil {
		before = left.End
	}
	a, err := r.levelBehind(ctx, t, before)
	if err == nil && !a.Yes && (left.Snapshots >= mostLevels || t.State.Receipt(t.Step, t.On, &left) && left.Snapshots >= mostLevels) {
		a.Evidence += fmt.Sprintf(", after %d snapshots that all of them should have. A replica that learns none has lost the others: look at its scheduler's log and at the network between the hosts. Resume looks again; `resume RUN --without HOST --reason TEXT` continues without it", left.Snapshots)
		return a, &runner.Ending{Reason: runner.StopFailed, Why: a.Evidence}
	}
	return a, err
}

// lastEnd is the end of the log before the last snapshot that this run asked for, -1
// if there is none or it is not known.
func lastEnd(s *runner.State) int64 {
	last, seq := int64(-1), 0
	for _, step := range []string{stepSnapshot, stepLevel} {
		for host := range s.Steps[step] {
			left := endBefore{End: -1}
			if s.Receipt(step, host, &left) && s.Of(step, host).Seq > seq {
				last, seq = left.End, s.Of(step, host).Seq
			}
		}
	}
	return last
}

// passes is how long uneven ends may be those of copies that were made one after
// the other, or of a position that a replica is about to learn.
const passes = 5 * time.Second

// levelBehind waits until all replicas can be read and vote, and a moment longer
// until they are level.
func (r closing) levelBehind(ctx context.Context, t *runner.Task, before int64) (runner.Answer, error) {
	var uneven time.Time // Since when all vote and are not level.
	var a runner.Answer
	_, err := r.Until(ctx, time.Minute, func(ctx context.Context) (runner.Answer, error) {
		ends, err := r.endsOf(ctx, t)
		if err != nil {
			uneven = time.Time{}
			return runner.Answer{}, err
		}
		a = levelOf(ends, before)
		if a.Yes {
			return a, nil
		}
		if uneven.IsZero() {
			uneven = r.Now()
		}
		return runner.Answer{Yes: r.Now().Sub(uneven) > passes}, nil
	})
	if err != nil {
		if gone := r.ended(ctx, t); gone != nil {
			err = gone
		}
		return runner.Answer{}, err
	}
	return a, nil
}

// A replicaEnd is where a replica ends.
type replicaEnd struct {
	host    string
	end     int64
	learned int64 // The last position that is agreed on.
}

// endsOf reads copies of all logs while their schedulers run. A replica that can't
// be read or does not vote is an error: it may yet.
func (r closing) endsOf(ctx context.Context, t *runner.Task) ([]replicaEnd, error) {
	return node.Everywhere(r.nodes(t.State), func(n *node.Node) (replicaEnd, error) {
		report, err := n.HotLog(ctx)
		if err == nil && report.Status != "VOTING" {
			err = fmt.Errorf("it is %s", report.Status)
		}
		return replicaEnd{n.Name, int64(report.End), learnedEnd(&report)}, err
	})
}

// learnedEnd is the last position that is agreed on, -1 if there is none.
func learnedEnd(p *replica.Report) int64 {
	for at := int64(p.End); at >= int64(p.Begin); at-- {
		if !overlaps(p.Unlearned, uint64(at), uint64(at)) && !overlaps(p.Holes, uint64(at), uint64(at)) {
			return at
		}
	}
	return -1
}

func highest(ends []replicaEnd) int64 {
	end := int64(-1)
	for _, e := range ends {
		end = max(end, e.end)
	}
	return end
}

func wordsOf(ends []replicaEnd) string {
	words := make([]string, len(ends))
	for i, e := range ends {
		words[i] = fmt.Sprintf("%s ends at %d", e.host, e.end)
	}
	return "all VOTING; " + strings.Join(words, ", ")
}

// levelOf judges ends: level are replicas with the same one, and those that have
// all learned a position behind before, the end of the log before the last snapshot:
// what they lack was written since.
func levelOf(ends []replicaEnd, before int64) runner.Answer {
	a := runner.Answer{Yes: true, Evidence: wordsOf(ends)}
	end, least := highest(ends), int64(-1)
	for i, e := range ends {
		if i == 0 || e.learned < least {
			least = e.learned
		}
		if e.end < end {
			a.Yes = false
		}
	}
	if a.Yes || before < 0 || least <= before {
		return a
	}
	for _, e := range ends {
		if e.end < end {
			a.Evidence += fmt.Sprintf("; %s is %d behind, which was written since the last snapshot", e.host, end-e.end)
		}
	}
	a.Yes, a.Evidence = true, a.Evidence+fmt.Sprintf(": all have the snapshot, which lies behind %d", before)
	return a
}

// allVoting is asked last: whoever starts next on the real master must have a
// quorum of the new log.
func (r closing) allVoting(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	a, err := r.levelBehind(ctx, t, lastEnd(t.State))
	if err == nil && !a.Yes {
		// A scheduler was started again since: what is written next brings it level.
		return a, &runner.Ending{Reason: runner.StopExpired, Reopen: []string{stepGroup, stepLevel}, Why: a.Evidence + "; resume writes one more snapshot, which brings all level"}
	}
	return a, err
}
