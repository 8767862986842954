package recovery

import (
	"context"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/replica"
)

// unknownSteps are the way out where nobody can say from outside whether the
// commit took effect: stop all schedulers, lingering ones too; read every
// replica natively; then start them, disabled, and look for the proof again.
// They have their turn only after a person resumed a run whose commit is unknown.
func (r *Recovery) unknownSteps() []runner.Step {
	unknown := func(s *runner.State) (bool, string) {
		// Once begun they are gone through, also when the outcome is found on the way.
		begun := s.Passed(stepUnknownStop, r.Cluster.Schedulers[0].Name) && !s.Passed(stepUnknownProve, runner.Bot)
		return s.Commit.Outcome == runner.Unknown || begun, "the commit's outcome is known"
	}
	return []runner.Step{
		{
			ID: stepUnknownStop, Source: "Facts, way out of unknown", Title: "Stop all schedulers, lingering ones too, and prove it",
			On: r.everyScheduler, Needed: unknown, Verify: r.schedulerStopped, Do: r.stopScheduler, Limit: 10 * time.Minute,
			OneWay: "nothing is lost by it: the schedulers are disabled, and are started again two steps later",
			Shows:  func(*runner.Task) []string { return r.supervisor().StopShows() },
		},
		{
			ID: stepUnknownRead, Source: "Facts, way out of unknown", Title: "Read every replica's log natively",
			On: r.everyScheduler, Needed: unknown, Check: r.readStopped, Limit: 15 * time.Minute,
		},
		{
			ID: stepUnknownJudge, Source: "Facts, way out of unknown", Title: "Is the commit's snapshot on no replica, or agreed on?",
			On: onBot, Needed: unknown, Check: r.judgeCommit,
		},
		{
			ID: stepUnknownStart, Source: "Facts, way out of unknown", Title: "Start the schedulers, disabled as before",
			On: r.everyScheduler, Needed: unknown, Verify: r.startedDisabled, Do: r.start,
			OneWay: "nothing is lost by it: Cleanup stops the schedulers again",
			Shows:  func(*runner.Task) []string { return r.supervisor().StartShows() },
		},
		{
			ID: stepUnknownProve, Source: "Restore ¶4", Title: "Prove the commit by the leader that is elected now",
			On: onBot, Needed: unknown, Check: r.proveAtLast, Limit: 15 * time.Minute,
		},
	}
}

func (r *Recovery) readStopped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a, err := r.schedulerStopped(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	l, err := look(t.State, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	var report replica.Report
	if err := r.readLog(ctx, t, l.Flags["native_log_file_path"], &report); err != nil {
		return runner.Answer{}, err
	}
	report.Digests = nil
	return runner.Yes("%s", logWords(&report)).With(report), nil
}

// judgeCommit: the commit's snapshot has the staged time stamp and lies behind
// the end recorded before the commit. On no replica: not committed. Learned on
// one, or there on a quorum: committed. Anything else stays unknown.
func (r *Recovery) judgeCommit(_ context.Context, t *runner.Task) (runner.Answer, error) {
	receipt := knownBefore(t.State)
	if receipt.End < 0 {
		return r.staysUnknown(t, "where the log ended before the commit is not known")
	}
	var c clusterLook
	t.State.Facts(stepCluster, runner.Bot, &c)
	want := parseTime(c.Backup.Timestamp)
	var words []string
	has, learned, clean := 0, 0, true
	for _, name := range r.Cluster.Names() {
		var p replica.Report
		if !t.State.Facts(stepUnknownRead, name, &p) {
			return runner.Answer{}, fmt.Errorf("what the log of %s holds is not in the journal", name)
		}
		words = append(words, name+": "+logWords(&p))
		clean = clean && p.State == replica.StateOK
		a := p.Aurora
		switch {
		case a != nil && a.LastSnapshot > receipt.End && a.LastSnapshotTime.Time().Equal(want):
			has++
			if !contains(p.Unlearned, uint64(a.LastSnapshot)) {
				learned++
			}
		case p.End > uint64(receipt.End):
			// Something was written behind the old end that is no such snapshot,
			// or not yet readable as one: frames that are not complete.
			clean = clean && a != nil && a.AbortedFrameSeries == 0 && a.Undecodable == 0
		}
	}
	quorum := r.Cluster.Quorum()
	seen := fmt.Sprintf("the commit's snapshot is on %d of %d replicas, learned on %d (%s)", has, len(r.Cluster.Schedulers), learned, strings.Join(words, "; "))
	switch {
	case learned > 0 || has >= quorum:
		return runner.Yes("committed: %s", seen), nil
	case has == 0 && clean:
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: seen}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("not committed: %s", seen), nil
	}
	return r.staysUnknown(t, seen)
}

func contains(list replica.Ranges, position uint64) bool {
	for _, g := range list {
		if g.First <= position && position <= g.Last {
			return true
		}
	}
	return false
}

func (r *Recovery) staysUnknown(t *runner.Task, why string) (runner.Answer, error) {
	if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: why}); err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Reopen: []string{stepUnknownStop, stepUnknownRead},
		Why: "the replicas do not tell either: " + why + ". All schedulers are stopped and stay so. Read the logs with `log inspect` and decide with somebody who knows the log; resume reads them again"}
}

// proveAtLast: an absent commit leaves a run that may stage and ask anew, or be
// undone; a committed one must be proved like any other.
func (r *Recovery) proveAtLast(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome == runner.Absent {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopExpired,
			Reopen: append([]string{stepProve, stepUnknownStop, stepUnknownRead, stepUnknownJudge, stepUnknownStart}, afterElection...),
			Why:    "the commit did not take effect: " + t.State.Commit.Why + ". Undo takes everything back; resume stages the backup again and asks for approvals anew"}
	}
	a, err := r.until(ctx, r.proofWait(), func(ctx context.Context) (runner.Answer, error) { return r.proofNow(ctx, t) })
	if err == nil && a.Yes {
		return a, t.Say(runner.Event{Kind: runner.CommitProved, Why: a.Evidence})
	}
	if err != nil {
		a.Evidence = err.Error()
	}
	return r.staysUnknown(t, "the replicas hold the commit's snapshot, but no leader shows it: "+a.Evidence)
}
