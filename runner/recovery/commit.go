package recovery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

func (r proving) commitStep() runner.Step {
	return runner.Step{
		ID: stepCommit, Source: "Restore ¶4", Title: "Commit: overwrite the replicated log with what is staged",
		On: theLeader, Check: r.readyToCommit, Do: r.commit, Once: true, Dangerous: true, Limit: 10 * time.Minute,
		OneWay: "the scheduler overwrites its replicated log with the backup and fails over at once; jobs and tasks that are newer than the backup are unknown to it and are killed; the old log stays in the run's folder on every host",
		Shows:  func(*runner.Task) []string { return []string{r.staging().adminShows("scheduler_commit_recovery")} },
	}
}

// commitReceipt is what was known before and right after the commit left.
type commitReceipt struct {
	Answer  string    `json:"answer"` // The scheduler's own word; says nothing about whether it took effect.
	End     int64     `json:"end"`    // Of the leader's log before the commit; -1 if not known.
	At      time.Time `json:"at"`
	Snap    int64     `json:"last_snapshot"`
	Replied bool      `json:"replied"`
}

// knownBefore is what was known right before the commit left. It is read from
// the event that announced it: a crash may have taken the step's own receipt.
func knownBefore(s *runner.State) commitReceipt {
	receipt := commitReceipt{End: -1, Snap: -1}
	if json.Unmarshal(s.Commit.Data, &receipt) != nil {
		return commitReceipt{End: -1, Snap: -1}
	}
	return receipt
}

// mayCommit is the last look: same processes, same leader, and what is staged
// is exactly what was approved. It comes after the approvals.
func (r proving) mayCommit(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a, err := r.staging().exactlyEverywhere(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	s, ok := foundStake.Of(t.State, t.On)
	if !ok {
		return runner.No("what is staged was not compared in this run"), nil
	}
	have, staged, err := r.staging().staged(ctx, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	if !staged || tasksSum(have) != s.Sum {
		what := "nothing is staged any more"
		if staged {
			what = fmt.Sprintf("%d tasks are staged now, %d were approved, and they are not the same", len(have), s.Tasks)
		}
		return runner.Answer{}, stagedElse(t, fmt.Sprintf("what is staged on %s is not what was approved: %s", t.On, what))
	}
	return runner.Yes("%d tasks are staged on %s, exactly those approved", len(have), t.On), nil
}

// readyToCommit: without a quorum in the log's group the append only times out, and
// the outcome would be unknown.
func (r proving) readyToCommit(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	a, err := r.mayCommit(ctx, t)
	if err != nil || !a.Yes {
		return a, err
	}
	group, err := r.leading().quorumInGroup(ctx, t)
	if err != nil || group.Yes {
		group.Evidence = a.Evidence + "; " + group.Evidence
		return group, err
	}
	// A scheduler whose application has ended may be what is missing.
	gone, _ := r.gone(ctx, t.State) // One of which it can't be told may be there.
	for i, why := range gone {
		if why != "" {
			name := r.everyScheduler(t.State)[i]
			return group, replaced(t, name, name+": "+why+"; "+group.Evidence)
		}
	}
	return runner.No("a commit without a quorum could only time out: %s. Look at the schedulers' logs and at ZooKeeper; resume looks again", group.Evidence), nil
}

// commitLimit is how long aurora_admin may take: with 100,000 tasks the real
// scheduler took 9 s (recorded).
const commitLimit = time.Minute

const committing = "scheduler_commit_recovery"

func (r proving) commit(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	receipt := commitReceipt{End: -1, Snap: -1, At: r.Now().UTC()}
	if err := r.staging().calledNoMore(ctx, n, t.Step, n.Job.Try-1, commitLimit, committing); err != nil {
		return nil, fmt.Errorf("the commit was not sent: %w", err)
	}
	if err := r.staging().readyToAct(ctx, t); err != nil {
		return nil, fmt.Errorf("the commit was not sent: %w", err)
	}
	// Without it an unknown outcome could never be told apart: nothing is sent.
	if _, err := r.Until(ctx, 20*time.Second, func(ctx context.Context) (runner.Answer, error) {
		report, err := n.HotLog(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		receipt.End = int64(report.End)
		if report.Aurora != nil {
			receipt.Snap = report.Aurora.LastSnapshot
		}
		return runner.Yes("read"), nil
	}); err != nil {
		return nil, fmt.Errorf("the commit was not sent: where the log ends before it can't be read: %w", err)
	}
	// Reading it took time, in which somebody may have staged something else.
	if a, err := r.mayCommit(ctx, t); err != nil {
		return nil, err
	} else if !a.Yes {
		return nil, fmt.Errorf("the commit was not sent: %s", a.Evidence)
	}
	g := t.State.Gates["commit"]
	if err := t.Say(runner.Event{Kind: runner.CommitSent, Digest: g.Digest, Data: asJSON(receipt)}); err != nil {
		return nil, err // Not journaled, so not sent.
	}
	a, err := r.staging().actNow(ctx, t, committing, commitLimit, committing)
	if err == nil && a.OK {
		receipt.Answer, receipt.Replied = a.Code, true
		return receipt, nil
	}
	// Neither an error nor a lost reply says that nothing was committed.
	if err == nil {
		receipt.Answer, receipt.Replied = strings.TrimSpace(a.Code+" "+a.Message), a.Code != ""
		err = fmt.Errorf("the scheduler answers %s", receipt.Answer)
	} else {
		receipt.Answer = err.Error()
	}
	if jerr := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: err.Error()}); jerr != nil {
		return receipt, jerr
	}
	found := []health.Finding{health.Found("commit-unknown", t.On, "%v", err)}
	if strings.Contains(receipt.Answer, "Timeout performing log") {
		// Recorded: it took effect when the quorum was back.
		found = append(found, health.Found("log-write-timeout", t.On, "%s", receipt.Answer))
	}
	if jerr := tell(t, found...); jerr != nil {
		return receipt, jerr
	}
	return receipt, err
}

func (r proving) proveStep() runner.Step {
	return runner.Step{
		ID: stepProve, Source: "Restore ¶4", Title: "Prove the commit: another leader loaded it, and its tasks are those staged",
		On: onBot, Check: r.prove, Limit: 15 * time.Minute,
	}
}

func (r proving) proofWait() time.Duration {
	return cmp.Or(r.ProofWait, r.Cluster.ProofWait, 3*time.Minute)
}

// prove looks for the next leader and compares its tasks with what was staged.
// What it cannot prove is unknown: the run stops, and nobody stages or commits
// again. On a resume it looks again; what is unknown still is then read from the
// replicas themselves, with all schedulers stopped: see unknown.go.
func (r proving) prove(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome == runner.Committed {
		return runner.Yes("%s", t.State.Commit.Why), nil
	}
	if !t.State.Commit.Sent {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopExpired, Reopen: afterElection,
			Why: "the commit was not sent: the journal has no record of it. Resume stages and asks for new approvals"}
	}
	// A bot that died while it sent looks here first; no one else said "unknown" then.
	if t.State.Commit.Outcome == "" && t.State.Of(stepCommit, t.State.Commit.Host).Receipt == nil {
		if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: "it was sent; whether it took effect is looked for now"}); err != nil {
			return runner.Answer{}, err
		}
	}
	again := t.State.Of(stepProve, runner.Bot).Progress == runner.Failed // A person resumed after the stop below.
	dead := 0
	a, err := r.Until(ctx, r.proofWait(), func(ctx context.Context) (runner.Answer, error) {
		if absent, err := r.neverArrived(ctx, t); err != nil || absent != "" {
			return runner.Answer{}, absentEnding(absent, err)
		}
		a, err := r.proofNow(ctx, t)
		if err != nil || a.Yes {
			return a, err
		}
		// Nobody will show it any more: it is not waited for. Seen twice, since one
		// process may end while another one is looked at.
		if why := r.nobodyCanLead(ctx, t); why == "" {
			dead = 0
		} else if dead++; dead > 1 {
			a.Yes, a.Evidence = true, a.Evidence+"; "+why
		}
		return a, nil
	})
	if err == nil && a.Yes && dead < 2 {
		return a, t.Say(runner.Event{Kind: runner.CommitProved, Why: a.Evidence})
	}
	var absent *runner.Ending
	if errors.As(err, &absent) {
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: absent.Why}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Answer{}, absent
	}
	why := a.Evidence
	if err != nil {
		why = err.Error()
	}
	if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: why}); err != nil {
		return runner.Answer{}, err
	}
	found := []health.Finding{health.Found("commit-unknown", r.Cluster.Name, "%s", why)}
	if _, before := a.Facts.(snapshotOfBefore); before {
		found = append(found, health.Found("snapshot-of-before", r.Cluster.Name, "%s", why))
	}
	if err := tell(t, found...); err != nil {
		return runner.Answer{}, err
	}
	if again {
		return runner.Yes("from outside it cannot be told whether the commit took effect: %s. The replicas are read next", why), nil
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Why: "whether the commit took effect is unknown: " + why +
		". Nothing is sent again, and undo is not possible while it is unknown. Resume looks again; if it still cannot be told then, it stops all schedulers and reads every replica's log"}
}

// nobodyCanLead says that every host's scheduler is seen to take no part any more,
// "" if one may, or if it can't be told: nothing starts one while the run is open.
func (r proving) nobodyCanLead(ctx context.Context, t *runner.Task) string {
	gone, err := r.gone(ctx, t.State)
	if err != nil || slices.Contains(gone, "") {
		return ""
	}
	for i, name := range r.everyScheduler(t.State) {
		gone[i] = name + ": " + gone[i]
	}
	return "no scheduler is left that could lead (" + strings.Join(gone, "; ") + ")"
}

// inFlight is how long a commit can still be on its way after it was sent: what
// the kernel keeps for a network that is cut (ssh.Unsent), the time limit of
// aurora_admin on the host, which a bot that died cannot shorten, and what comes
// on top of it until its process is surely gone.
const inFlight = 30*time.Second + commitLimit + 20*time.Second

// neverArrived says why the commit surely did not take effect, "" if that can't
// be said: the very process that was told to commit still leads, still has
// staged what was approved, and has begun no snapshot, after nothing can be on
// its way any more. A commit that is begun writes one first; then it ends the
// leader, and takes what is staged with it.
func (r proving) neverArrived(ctx context.Context, t *runner.Task) (string, error) {
	if r.Now().Sub(t.State.Commit.SentAt) < inFlight {
		return "", nil
	}
	old, _ := fenceOf(t.State)
	s, ok := foundStake.Of(t.State, old.Host)
	if !ok {
		return "", nil
	}
	now, why, err := r.leading().whoLeads(ctx, t)
	if err != nil || why != "" || now.Host != old.Host || now.PID != old.PID || now.Start != old.Start {
		return "", nil //nolint:nilerr // Then it can't be said this way.
	}
	n := r.node(t.State, old.Host)
	if r.staging().calledNoMore(ctx, n, stepCommit, t.State.Of(stepCommit, old.Host).Try, commitLimit, committing) != nil {
		return "", nil // It may be sent yet.
	}
	have, staged, err := r.staging().stagedTasks(ctx, old.Host)
	if err != nil || !staged || idsSum(have) != s.IDs {
		return "", nil //nolint:nilerr // as above
	}
	report, err := n.HotLog(ctx)
	if end := knownBefore(t.State).End; err != nil || end < 0 || begun(t.State, &report, end) {
		return "", nil //nolint:nilerr // as above
	}
	return fmt.Sprintf("%s ago it was sent, and %s still leads with the same process (PID %d) and still has the %d tasks staged; its log has nothing of it: the commit never arrived",
		r.Now().Sub(t.State.Commit.SentAt).Round(time.Second), old.Host, old.PID, s.Tasks), nil
}

// begun reports whether a log has the beginning of a commit behind the old end.
// A whole snapshot of another time is one that the leader wrote by itself.
func begun(s *runner.State, p *replica.Report, end int64) bool {
	a := p.Aurora
	if a == nil {
		return int64(p.End) > end
	}
	return a.LastUnread > end || a.LastSnapshot > end && a.LastSnapshotTime.Time().Equal(backupTime(s))
}

func absentEnding(why string, err error) error {
	if err != nil {
		return err
	}
	return &runner.Ending{Reason: runner.StopExpired, Reopen: append([]string{stepProve}, afterElection...),
		Why: why + ". Undo takes everything back; resume compares what is staged and asks for new approvals"}
}

// proofNow looks once.
func (r proving) proofNow(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	next, staged, a, err := r.holdsStaged(ctx, t)
	if err != nil || !a.Yes {
		return a, err
	}
	return r.loadedSnapshot(ctx, t, next, knownBefore(t.State), staged)
}

// holdsStaged asks whether another leader than the one that was told to commit
// holds exactly the tasks that were staged.
func (r proving) holdsStaged(ctx context.Context, t *runner.Task) (next fence, s stake, a runner.Answer, err error) {
	old, ok := fenceOf(t.State)
	if !ok {
		return next, s, a, fmt.Errorf("who led at the commit is not in the journal")
	}
	if s, ok = foundStake.Of(t.State, old.Host); !ok {
		return next, s, a, fmt.Errorf("what was staged is not in the journal")
	}
	next, why, err := r.leading().whoLeads(ctx, t)
	if err != nil {
		return next, s, a, err
	}
	if why != "" {
		return next, s, runner.No("no next leader yet: %s", why), nil
	}
	if next.Host == old.Host && next.PID == old.PID && next.Start == old.Start {
		return next, s, runner.No("the leader that received the commit still leads (PID %d on %s)", next.PID, next.Host), nil
	}
	reply, err := r.Node(next.Host).Client().Tasks(ctx)
	if err != nil {
		return next, s, runner.No("tasks of the next leader %s: %v", next.Host, err), nil
	}
	if !reply.OK() {
		return next, s, runner.No("tasks of the next leader %s: %s", next.Host, reply), nil
	}
	if ids := idsOf(reply.Tasks); idsSum(ids) != s.IDs {
		return next, s, runner.No("the next leader %s holds %d tasks that are not those staged (%d)", next.Host, len(ids), s.Tasks), nil
	}
	return next, s, runner.Yes("%s leads since then (PID %d, was PID %d on %s); its %d tasks are exactly those staged", next.Host, next.PID, old.PID, old.Host, s.Tasks), nil
}

// snapshotOfBefore marks the answer that the newest snapshot of the log is the
// backup's, and older than the commit.
type snapshotOfBefore struct{}

// loadedSnapshot wants to see that the next leader loaded a snapshot with the
// staged time stamp, and, where the state before and after are the same, that
// the log's newest snapshot lies behind the end recorded before the commit: a
// start on the old log prints the same line.
func (r proving) loadedSnapshot(ctx context.Context, t *runner.Task, next fence, receipt commitReceipt, s stake) (runner.Answer, error) {
	n := r.node(t.State, next.Host)
	old, _ := fenceOf(t.State)
	report, err := n.HotLog(ctx)
	if err != nil {
		return runner.No("the log of the next leader %s: %v", next.Host, err), nil
	}
	if report.Aurora == nil || report.Aurora.LastSnapshot < 0 {
		return runner.No("the log of %s holds no snapshot", next.Host), nil
	}
	a := report.Aurora
	want := backupTime(t.State)
	if !a.LastSnapshotTime.Time().Equal(want) {
		if !s.Equal && receipt.End >= 0 && a.LastSnapshot > receipt.End {
			return beganWith(ctx, n, old, next, want, s)
		}
		return runner.No("the newest snapshot in the log of %s is of %s, not of the backup's %s", next.Host, a.LastSnapshotTime.Time().Format(time.RFC3339), want.Format(time.RFC3339)), nil
	}
	if s.Equal && receipt.End < 0 {
		return runner.No("the state before and after the commit are the same, and where the log ended before is not known: it cannot be told apart"), nil
	}
	if receipt.End >= 0 && a.LastSnapshot <= receipt.End {
		return runner.No("the newest snapshot in the log of %s lies at %d, before the end recorded before the commit (%d)", next.Host, a.LastSnapshot, receipt.End).With(snapshotOfBefore{}), nil
	}
	return runner.Yes("%s leads since then (PID %d, was PID %d on %s); its log's newest snapshot is the backup's of %s at position %d, behind the old end %d; its %d tasks are exactly those staged",
		next.Host, next.PID, old.PID, old.Host, want.Format(time.RFC3339Nano), a.LastSnapshot, receipt.End, s.Tasks).With(next), nil
}

// beganWith looks for the proof in the words of the leader itself, where its
// log's newest snapshot is of its own making: a leader writes one every hour, and
// cuts off what was before. It is asked only where the state before the commit
// was another one than that which is staged, and which this leader has.
func beganWith(ctx context.Context, n *node.Node, old, next fence, want time.Time, staged stake) (runner.Answer, error) {
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	for _, p := range mine {
		if !p.Is(next.PID, next.Start) {
			continue
		}
		s, err := n.Logged(ctx, p.Since)
		if err != nil {
			return runner.Answer{}, err
		}
		for _, m := range s.Found {
			// Of the lines that were counted the first must be this process's too: what
			// the one before it said last is no word of this leader.
			if m.Finding == "snapshot-applied" && !m.FirstAt.Before(node.Began(p.Since, m.FirstAt)) && health.AppliedAt(m.Example, want) {
				return runner.Yes("%s leads since then (PID %d, was PID %d on %s); it logged that it began with the backup's snapshot (%s) and has written a newer one since; its %d tasks are exactly those staged, which the state before the commit was not",
					next.Host, next.PID, old.PID, old.Host, strings.TrimSpace(m.Example), staged.Tasks).With(next), nil
			}
		}
		return runner.No("the newest snapshot in the log of %s is of its own making, and its scheduler's log does not say that it began with the backup's", next.Host), nil
	}
	return runner.No("PID %d on %s has ended", next.PID, next.Host), nil
}

// nextLeader is the leader that proved the commit.
func nextLeader(s *runner.State) (fence, bool) {
	for _, step := range []string{stepProof, stepUnknownProve, stepProve} {
		if f, ok := (runner.Fact[fence]{Step: step}).Of(s, runner.Bot); ok && f.Host != "" {
			return f, true
		}
	}
	return fence{}, false
}

func (r proving) lingerStep() runner.Step {
	return runner.Step{
		ID: stepLinger, Source: "Facts, after the commit", Title: "Restart what lingers of the old leader, and what ended since, disabled, so that every replica catches up",
		On: r.everyScheduler, Verify: r.notLingering, Do: r.restartLingering, Undo: r.schedulers().undoStart, Dangerous: true,
		Keeps: "Cleanup stops the schedulers with Preparation's own undo",
		Shows: func(t *runner.Task) []string {
			return append(r.on(t).Supervisor().StopShows(), r.on(t).Supervisor().StartShows()...)
		},
	}
}

// notLingering: the host of the old leader runs another process than the one
// that committed, with the disabled flags.
func (r proving) notLingering(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	old, ok := fenceOf(t.State)
	if !ok {
		return runner.Answer{}, fmt.Errorf("who led at the commit is not in the journal")
	}
	mine, _, err := n.Running(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	for _, p := range mine {
		if p.PID == old.PID && p.Start == old.Start {
			return runner.No("the process that committed (PID %d) still runs on %s", p.PID, t.On), nil
		}
	}
	return r.schedulers().startedDisabled(ctx, t)
}

func (r proving) restartLingering(ctx context.Context, t *runner.Task) (any, error) {
	if _, err := r.schedulers().stopScheduler(ctx, t); err != nil {
		return nil, err
	}
	return r.schedulers().start(ctx, t)
}
