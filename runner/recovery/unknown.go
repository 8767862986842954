package recovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// unknownSteps are the way out where nobody can say from outside whether the
// commit took effect: stop all schedulers, lingering ones too; read every
// replica natively; then start them, disabled, and look for the proof again.
// They have their turn only after a person resumed a run whose commit is unknown.
func (r proving) unknownSteps() []runner.Step {
	unknown := func(s *runner.State) (bool, string) {
		// Once begun they are gone through, also when the outcome is found on the way.
		begun := s.Passed(stepUnknownStop, r.anyScheduler(s)) && !s.Passed(stepUnknownProve, runner.Bot)
		return s.Commit.Outcome == runner.Unknown || begun, "the commit's outcome is known"
	}
	return []runner.Step{
		{
			ID: stepUnknownStop, Source: "Facts, way out of unknown", Title: "Stop all schedulers, lingering ones too, and prove it",
			On: r.everyScheduler, Needed: unknown, Verify: r.schedulers().schedulerStopped, Do: r.schedulers().stopScheduler, Limit: 10 * time.Minute,
			OneWay: "nothing is lost by it: the schedulers are disabled, and are started again two steps later",
			Shows:  func(t *runner.Task) []string { return r.on(t).Supervisor().StopShows() },
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
			On: r.everyScheduler, Needed: unknown, Verify: r.schedulers().startedDisabled, Do: r.schedulers().start, Dangerous: true,
			OneWay: "nothing is lost by it: Cleanup stops the schedulers again",
			Shows:  func(t *runner.Task) []string { return r.on(t).Supervisor().StartShows() },
		},
		{
			ID: stepUnknownProve, Source: "Restore ¶4", Title: "Prove the commit by the leader that is elected now",
			On: onBot, Needed: unknown, Check: r.proveAtLast, Limit: 15 * time.Minute,
		},
	}
}

func (r proving) readStopped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	if a, err := r.schedulers().schedulerStopped(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	var report replica.Report
	if err := n.ReadLog(ctx, l.Flags["native_log_file_path"], &report); err != nil {
		return runner.Answer{}, err
	}
	report.Digests = nil
	return runner.Yes("%s", node.LogWords(&report)).With(report), nil
}

// A trace is what one replica holds of the commit.
type trace int

const (
	noTrace  trace = iota // Nothing behind the old end, or nothing that can be the commit's.
	hidden                // It may have been there: what lies behind the old end is cut off, not whole, or replaced by a later snapshot.
	accepted              // Its snapshot, and not all of it is known to be agreed on.
	agreedOn              // Its snapshot, learned.
)

// traceOf looks for the commit's snapshot, which has the staged time stamp and
// lies behind the end recorded before the commit. A leader that loaded it writes
// a snapshot of its own every hour, and cuts the log off before it: then the
// newest one says nothing of what was there before.
func traceOf(p *replica.Report, end uint64, want time.Time) trace {
	a := p.Aurora
	switch {
	case a != nil && a.LastSnapshot > int64(end) && a.LastSnapshotTime.Time().Equal(want):
		if overlaps(p.Unlearned, uint64(a.LastSnapshot), uint64(a.LastSnapshotEnd)) {
			return accepted
		}
		return agreedOn
	case p.State != replica.StateOK:
		return hidden
	case p.Begin > end+1, a != nil && a.LastSnapshot > int64(end):
		return hidden
	case p.End > end && (a == nil || a.LastUnread > int64(end)):
		return hidden // Frames that are not complete, or not yet readable as an entry.
	}
	return noTrace
}

// judgeCommit: on no replica: not committed. Learned on one, or there on a
// quorum: committed. Anything else stays unknown; a replica of a host that was
// left out is one that nobody has read.
func (r proving) judgeCommit(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	receipt := knownBefore(t.State)
	if receipt.End < 0 {
		return staysUnknown(t, "where the log ended before the commit is not known")
	}
	want := backupTime(t.State)
	var words []string
	var since string // A host whose log has an agreed snapshot of a leader after the commit.
	found := map[trace]int{}
	for _, name := range r.everyScheduler(t.State) {
		p, ok := foundReplica.Of(t.State, name)
		if !ok {
			return runner.Answer{}, fmt.Errorf("what the log of %s holds is not in the journal", name)
		}
		words = append(words, name+": "+node.LogWords(&p))
		is := traceOf(&p, uint64(receipt.End), want)
		found[is]++
		if a := p.Aurora; is == hidden && p.State == replica.StateOK && a != nil && a.LastSnapshot > receipt.End && !overlaps(p.Unlearned, uint64(a.LastSnapshot), uint64(a.LastSnapshotEnd)) {
			since = name
		}
	}
	for _, name := range r.Cluster.Names() {
		if t.State.IsLeft(name) {
			words = append(words, name+": left out, its log was not read")
			found[hidden]++
		}
	}
	has := found[accepted] + found[agreedOn]
	seen := fmt.Sprintf("the commit's snapshot is on %d of %d replicas, learned on %d; the log ended at %d before (%s)", has, len(r.Cluster.Schedulers), found[agreedOn], receipt.End, strings.Join(words, "; "))
	switch {
	case found[agreedOn] > 0 || has >= r.Cluster.Quorum():
		return runner.Yes("committed: %s", seen), nil
	case has == 0 && found[hidden] == 0:
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: seen}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("not committed: %s", seen), nil
	case has == 0 && since != "":
		return r.judgeContent(ctx, t, since, seen)
	case found[hidden] > 0:
		seen += fmt.Sprintf("; on %d it may have been, and was cut off or not written whole, or could not be read", found[hidden])
	}
	return staysUnknown(t, seen)
}

// overlaps reports whether a position from first to last is in list.
func overlaps(list replica.Ranges, first, last uint64) bool {
	return slices.ContainsFunc(list, func(g replica.Range) bool { return g.First <= last && first <= g.Last })
}

func staysUnknown(t *runner.Task, why string) (runner.Answer, error) {
	if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: why}); err != nil {
		return runner.Answer{}, err
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Reopen: []string{stepUnknownStop, stepUnknownRead},
		Why: "the replicas do not tell either: " + why + ". All schedulers are stopped and stay so. Read the logs with `log inspect` and decide with somebody who knows the log; resume reads them again"}
}

// proveAtLast: an absent commit leaves a run that may stage and ask anew, or be
// undone; a committed one must be proved like any other.
func (r proving) proveAtLast(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome == runner.Absent {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopExpired,
			Reopen: append([]string{stepProve, stepUnknownStop, stepUnknownRead, stepUnknownJudge, stepUnknownStart}, afterElection...),
			Why:    "the commit did not take effect: " + t.State.Commit.Why + ". Undo takes everything back; resume stages the backup again and asks for new approvals"}
	}
	read, _ := foundWords.Of(t.State, runner.Bot)
	a, err := r.Until(ctx, r.proofWait(), func(ctx context.Context) (runner.Answer, error) {
		if !read.ByContent {
			return r.proofNow(ctx, t)
		}
		next, _, a, err := r.holdsStaged(ctx, t)
		a.Evidence += "; the logs were read while all schedulers were stopped, and held the same"
		return a.With(next), err
	})
	if err == nil && a.Yes {
		return a, t.Say(runner.Event{Kind: runner.CommitProved, Why: a.Evidence})
	}
	if err != nil {
		a.Evidence = err.Error()
	}
	return staysUnknown(t, "the replicas hold the commit's snapshot, but no leader shows it: "+a.Evidence)
}

// spareStep has its turn where hosts were left out and the others are no more
// than a quorum. Before 0.21 the leader that commits ends its process, and
// supervision is off: its replica would be missing, and nobody could be elected
// who shows the commit. A cluster of one has nobody else in any case.
func (r proving) spareStep() runner.Step {
	return runner.Step{
		ID: stepSpare, Source: "Facts, after the commit", Title: "Without a spare replica: see that the leader's own is there, so that a next leader can be elected",
		On: theLeader,
		Needed: func(s *runner.State) (bool, string) {
			here := len(r.everyScheduler(s))
			return here == 1 || here <= r.Cluster.Quorum() && len(s.Debts()) > 0, "all schedulers are there: one of them may end"
		},
		Verify: r.replicaIsThere, Do: r.schedulers().start, Dangerous: true,
		OneWay: "nothing is lost by it: it starts disabled, and Cleanup stops it again",
		Shows:  func(t *runner.Task) []string { return r.on(t).Supervisor().StartShows() },
	}
}

// endsWithin is how long a leader may take to end after its commit: it shuts its
// services down first.
const endsWithin = 20 * time.Second

// replicaIsThere: a process that lingers has its replica, and so has one that
// was started since.
func (r proving) replicaIsThere(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	old, ok := fenceOf(t.State)
	if !ok {
		return runner.Answer{}, fmt.Errorf("who led at the commit is not in the journal")
	}
	end, alone := t.State.Commit.SentAt.Add(endsWithin), len(r.everyScheduler(t.State)) == 1
	for {
		mine, facts, err := n.Schedulers(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		switch {
		case len(mine) == 0:
			return runner.No("the process that committed has ended, and its replica with it"), nil
		case len(mine) > 1 || !mine[0].Is(old.PID, old.Start):
			return r.schedulers().startedDisabled(ctx, t)
		case alone && facts.Dials[n.Scheduler.HTTP] == "refused":
			return runner.No("the scheduler that committed leads no more, its process lingers (PID %d), and there is no other one that could lead", old.PID), nil
		case !r.Now().Before(end):
			return runner.Yes("the process that committed lingers (PID %d), and its replica with it", old.PID), nil
		}
		if err := r.Pause(ctx, 0); err != nil {
			return runner.Answer{}, err
		}
	}
}

// logsSay is what the replicas said of the commit: the facts of
// restore/unknown-judge.
type logsSay struct {
	ByContent bool `json:"by_content,omitempty"` // By the state that the log amounts to.
}

// judgeContent judges by what the log of a host amounts to. A leader after the
// commit wrote a snapshot there that was agreed on: whatever the commit left
// behind the old end is in it, or can never come, for the writer took the
// positions that were not decided. The commit's own entry is cut off, but the
// state tells, where staged and previous one differ.
func (r proving) judgeContent(ctx context.Context, t *runner.Task, host, seen string) (runner.Answer, error) {
	f, _ := fenceOf(t.State)
	s, ok := foundStake.Of(t.State, f.Host)
	if !ok || s.Equal || s.Before == "" || s.Before == s.IDs {
		return staysUnknown(t, seen+"; a later snapshot hides it, and the states before and after the commit do not tell them apart")
	}
	ids, err := r.amountsTo(ctx, t, host)
	if err != nil {
		return staysUnknown(t, fmt.Sprintf("%s; a later snapshot hides it, and what the log of %s amounts to can't be read: %v", seen, host, err))
	}
	seen += fmt.Sprintf("; the log of %s has a snapshot that a later leader wrote, and amounts to %d tasks", host, len(ids))
	switch idsSum(ids) {
	case s.IDs:
		return runner.Yes("committed: %s, exactly those staged", seen).With(logsSay{ByContent: true}), nil
	case s.Before:
		seen += ", exactly those before the commit"
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: seen}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("not committed: %s", seen), nil
	}
	return staysUnknown(t, fmt.Sprintf("%s, neither those staged (%d) nor those before the commit (%d)", seen, s.Tasks, s.Previous))
}

// amountsTo are the ids of the tasks in the state that a stopped scheduler's log
// amounts to, by its learned entries.
func (r proving) amountsTo(ctx context.Context, t *runner.Task, host string) (map[string]bool, error) {
	n := r.node(t.State, host)
	l, err := n.Known()
	if err != nil {
		return nil, err
	}
	p, ok := foundReplica.Of(t.State, host)
	if !ok {
		return nil, fmt.Errorf("what it holds is not in the journal")
	}
	// The name says up to where: the same log gives the same file.
	m, err := r.salvage(ctx, n, l.Flags["native_log_file_path"], fmt.Sprintf("state-%d", p.End), false, nil)
	if err != nil {
		return nil, err
	}
	all, _, err := backupTasks(ctx, m.local)
	return all, err
}
