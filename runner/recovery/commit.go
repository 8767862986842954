package recovery

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

func (r *Recovery) commitStep() runner.Step {
	return runner.Step{
		ID: stepCommit, Source: "Restore ¶4", Title: "Commit: overwrite the replicated log with what is staged",
		On: r.theLeader, Check: r.mayCommit, Do: r.commit, Once: true, Dangerous: true, Limit: 10 * time.Minute,
		OneWay: "the scheduler overwrites its replicated log with the backup and fails over at once; jobs and tasks that are newer than the backup are unknown to it and are killed; the old log stays in the run's folder on every host",
		Shows:  func(*runner.Task) []string { return []string{r.adminShows("scheduler_commit_recovery")} },
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
func (r *Recovery) mayCommit(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a, err := r.exactlyEverywhere(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	var s stake
	if !t.State.Facts(stepCompare, t.On, &s) {
		return runner.No("what is staged was not compared in this run"), nil
	}
	have, staged, err := r.stagedTasks(ctx, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	if !staged || idsSum(have) != s.IDs {
		what := "nothing is staged any more"
		if staged {
			what = fmt.Sprintf("%d tasks are staged now, %d were approved", len(have), s.Tasks)
		}
		return runner.Answer{}, &runner.Ending{
			Reason: runner.StopExpired, Reopen: []string{stepStage, stepDrop, stepCompare, stepCommit},
			Why: fmt.Sprintf("what is staged on %s is not what was approved: %s. Somebody unloaded or replaced it. Nothing was committed; resume stages the backup again and asks for approvals anew", t.On, what),
		}
	}
	return runner.Yes("%d tasks are staged on %s, exactly those approved", len(have), t.On), nil
}

// commitLimit is how long aurora_admin may take: with 100,000 tasks the real
// scheduler took 9 s (recorded).
const commitLimit = time.Minute

func (r *Recovery) commit(ctx context.Context, t *runner.Task) (any, error) {
	receipt := commitReceipt{End: -1, Snap: -1, At: r.Now().UTC()}
	if report, err := r.hotLog(ctx, t); err == nil {
		receipt.End = int64(report.End)
		if report.Aurora != nil {
			receipt.Snap = report.Aurora.LastSnapshot
		}
	}
	g := t.State.Gates["commit"]
	if err := t.Say(runner.Event{Kind: runner.CommitSent, Digest: g.Digest, Data: asJSON(receipt)}); err != nil {
		return nil, err // Not journaled, so not sent.
	}
	a, err := r.act(ctx, t, commitLimit, "scheduler_commit_recovery")
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
	return receipt, err
}

// hotLog reads the log of a running scheduler from a copy: the folder itself
// changes while it is read. What it says is used only as "at least".
func (r *Recovery) hotLog(ctx context.Context, t *runner.Task) (replica.Report, error) {
	var report replica.Report
	l, err := look(t.State, t.On)
	if err != nil {
		return report, err
	}
	log := l.Flags["native_log_file_path"]
	base := path.Join(r.folder(t), "hot")
	if err := r.makeFolder(ctx, t, base); err != nil {
		return report, err
	}
	facts, err := r.probe(ctx, t, probe.Request{})
	if err != nil {
		return report, err
	}
	dir := path.Join(base, fmt.Sprint(facts.Now.UnixNano()))
	if _, err := run(ctx, t, r.Cluster.User, "cp", "-a", "--reflink=auto", "-T", "--", log, dir); err != nil {
		return report, err
	}
	if err := r.readLog(ctx, t, dir, &report); err != nil {
		return report, err
	}
	if !report.State.Whole() && !onlyTorn(&report) {
		return report, fmt.Errorf("copy of %s while it was written: %s", log, logWords(&report))
	}
	return report, nil
}

// onlyTorn reports whether nothing but the end of the newest file is cut: what
// a copy of a log that is being written looks like.
func onlyTorn(p *replica.Report) bool {
	for _, d := range p.Damage {
		if d.What != "torn tail" {
			return false
		}
	}
	return len(p.Damage) > 0
}

func (r *Recovery) proveStep() runner.Step {
	return runner.Step{
		ID: stepProve, Source: "Restore ¶4", Title: "Prove the commit: another leader loaded it, and its tasks are those staged",
		On: onBot, Check: r.prove, Limit: 15 * time.Minute,
	}
}

func (r *Recovery) proofWait() time.Duration {
	if r.ProofWait == 0 {
		return 3 * time.Minute
	}
	return r.ProofWait
}

// prove looks for the next leader and compares its tasks with what was staged.
// What it cannot prove is unknown: the run stops, and nobody stages or commits
// again. On a resume it looks again; what is unknown still is then read from the
// replicas themselves, with all schedulers stopped: see unknown.go.
func (r *Recovery) prove(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if t.State.Commit.Outcome == runner.Committed {
		return runner.Yes("%s", t.State.Commit.Why), nil
	}
	if !t.State.Commit.Sent {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopExpired, Reopen: afterElection,
			Why: "the commit was not sent: the journal has no record of it. Resume stages and asks for approvals anew"}
	}
	// A bot that died while it sent looks here first; no one else said "unknown" then.
	if t.State.Commit.Outcome == "" && t.State.Of(stepCommit, t.State.Commit.Host).Receipt == nil {
		if err := t.Say(runner.Event{Kind: runner.CommitUnknown, Why: "it was sent; whether it took effect is looked for now"}); err != nil {
			return runner.Answer{}, err
		}
	}
	again := t.State.Of(stepProve, runner.Bot).Progress == runner.Failed // A person resumed after the stop below.
	a, err := r.until(ctx, r.proofWait(), func(ctx context.Context) (runner.Answer, error) {
		if absent, err := r.neverArrived(ctx, t); err != nil || absent != "" {
			return runner.Answer{}, absentEnding(absent, err)
		}
		return r.proofNow(ctx, t)
	})
	if err == nil && a.Yes {
		return a, t.Say(runner.Event{Kind: runner.CommitProved, Why: a.Evidence})
	}
	var absent *runner.Ending
	if isEnding(err, &absent) {
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
	if again {
		return runner.Yes("from outside it cannot be told whether the commit took effect: %s. The replicas are read next", why), nil
	}
	return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Why: "whether the commit took effect is unknown: " + why +
		". Nothing is sent again, and undo is not possible while it is unknown. Resume looks again; if it still cannot be told then, it stops all schedulers and reads every replica's log"}
}

// inFlight is how long a commit can still be on its way after it was sent: the
// time limit of aurora_admin on the host, which a bot that died cannot shorten,
// and what comes on top of it until its process is surely gone.
const inFlight = commitLimit + 20*time.Second

// neverArrived says why the commit surely did not take effect, "" if that can't
// be said: the very process that was told to commit still leads, and still has
// staged what was approved, after nothing can be on its way any more. A commit
// that is begun ends the leader, and takes what is staged with it.
func (r *Recovery) neverArrived(ctx context.Context, t *runner.Task) (string, error) {
	if r.Now().Sub(t.State.Commit.SentAt) < inFlight {
		return "", nil
	}
	old, ok := r.fence(t.State)
	var s stake
	if !ok || !t.State.Facts(stepCompare, old.Host, &s) {
		return "", nil
	}
	now, why, err := r.whoLeads(ctx, t)
	if err != nil || why != "" || now.Host != old.Host || now.PID != old.PID || now.Start != old.Start {
		return "", nil //nolint:nilerr // Then it can't be said this way.
	}
	have, staged, err := r.stagedTasks(ctx, old.Host)
	if err != nil || !staged || idsSum(have) != s.IDs {
		return "", nil //nolint:nilerr // as above
	}
	return fmt.Sprintf("%s ago it was sent, and %s still leads with the same process (PID %d) and still has the %d tasks staged: the commit never arrived",
		r.Now().Sub(t.State.Commit.SentAt).Round(time.Second), old.Host, old.PID, s.Tasks), nil
}

func absentEnding(why string, err error) error {
	if err != nil {
		return err
	}
	return &runner.Ending{Reason: runner.StopExpired, Reopen: append([]string{stepProve}, afterElection...),
		Why: why + ". Undo takes everything back; resume compares what is staged and asks for approvals anew"}
}

// proofNow looks once.
func (r *Recovery) proofNow(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	old, ok := r.fence(t.State)
	if !ok {
		return runner.Answer{}, fmt.Errorf("who led at the commit is not in the journal")
	}
	var s stake
	if !t.State.Facts(stepCompare, old.Host, &s) {
		return runner.Answer{}, fmt.Errorf("what was staged is not in the journal")
	}
	receipt := knownBefore(t.State)
	next, why, err := r.whoLeads(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if why != "" {
		return runner.No("no next leader yet: %s", why), nil
	}
	if next.Host == old.Host && next.PID == old.PID && next.Start == old.Start {
		return runner.No("the leader that was told to commit still leads (PID %d on %s)", next.PID, next.Host), nil
	}
	reply, err := r.client(next.Host).Tasks(ctx)
	if err != nil {
		return runner.No("tasks of the next leader %s: %v", next.Host, err), nil
	}
	if !reply.OK() {
		return runner.No("tasks of the next leader %s: %s", next.Host, reply), nil
	}
	ids := map[string]bool{}
	for _, task := range reply.Tasks {
		ids[task.ID] = true
	}
	if idsSum(ids) != s.IDs {
		return runner.No("the next leader %s holds %d tasks that are not those staged (%d)", next.Host, len(ids), s.Tasks), nil
	}
	return r.loadedSnapshot(ctx, t, next, receipt, s)
}

// loadedSnapshot wants to see that the next leader loaded a snapshot with the
// staged time stamp, and, where the state before and after are the same, that
// the log's newest snapshot lies behind the end recorded before the commit: a
// start on the old log prints the same line.
func (r *Recovery) loadedSnapshot(ctx context.Context, t *runner.Task, next fence, receipt commitReceipt, s stake) (runner.Answer, error) {
	on := *t
	on.Host, on.On = r.Hosts[next.Host], next.Host
	var c clusterLook
	t.State.Facts(stepCluster, runner.Bot, &c)
	report, err := r.hotLog(ctx, &on)
	if err != nil {
		return runner.No("the log of the next leader %s: %v", next.Host, err), nil
	}
	if report.Aurora == nil || report.Aurora.LastSnapshot < 0 {
		return runner.No("the log of %s holds no snapshot", next.Host), nil
	}
	a := report.Aurora
	if want := parseTime(c.Backup.Timestamp); !a.LastSnapshotTime.Time().Equal(want) {
		return runner.No("the newest snapshot in the log of %s is of %s, not of the backup's %s", next.Host, a.LastSnapshotTime.Time().Format(time.RFC3339), c.Backup.Timestamp), nil
	}
	if s.Equal && receipt.End < 0 {
		return runner.No("the state before and after the commit are the same, and where the log ended before is not known: it cannot be told apart"), nil
	}
	if receipt.End >= 0 && a.LastSnapshot <= receipt.End {
		return runner.No("the newest snapshot in the log of %s lies at %d, before the end recorded before the commit (%d)", next.Host, a.LastSnapshot, receipt.End), nil
	}
	return runner.Yes("%s leads since then (PID %d, was PID %d on %s); its log's newest snapshot is the backup's of %s at position %d, behind the old end %d; its %d tasks are exactly those staged",
		next.Host, next.PID, r.oldPID(t.State), r.oldHost(t.State), c.Backup.Timestamp, a.LastSnapshot, receipt.End, s.Tasks).With(next), nil
}

func (r *Recovery) oldPID(s *runner.State) int     { f, _ := r.fence(s); return f.PID }
func (r *Recovery) oldHost(s *runner.State) string { f, _ := r.fence(s); return f.Host }

// nextLeader is the leader that proved the commit.
func nextLeader(s *runner.State) (fence, bool) {
	var f fence
	for _, step := range []string{stepUnknownProve, stepProve} {
		if s.Facts(step, runner.Bot, &f) && f.Host != "" {
			return f, true
		}
	}
	return f, false
}

func (r *Recovery) lingerStep() runner.Step {
	return runner.Step{
		ID: stepLinger, Source: "Facts, after the commit", Title: "Restart what lingers of the old leader, disabled, so that its replica catches up",
		On: r.theLeader, Verify: r.notLingering, Do: r.restartLingering, Undo: r.undoStart,
		Keeps: "Cleanup stops the schedulers with Preparation's own undo",
		Shows: func(*runner.Task) []string { return append(r.supervisor().StopShows(), r.supervisor().StartShows()...) },
	}
}

// notLingering: the host of the old leader runs another process than the one
// that committed, with the disabled flags.
func (r *Recovery) notLingering(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	old, ok := r.fence(t.State)
	if !ok {
		return runner.Answer{}, fmt.Errorf("who led at the commit is not in the journal")
	}
	mine, _, err := r.running(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	for _, p := range mine {
		if p.PID == old.PID && p.Start == old.Start {
			return runner.No("the process that committed (PID %d) still runs on %s", p.PID, t.On), nil
		}
	}
	return r.startedDisabled(ctx, t)
}

func (r *Recovery) restartLingering(ctx context.Context, t *runner.Task) (any, error) {
	if _, err := r.stopScheduler(ctx, t); err != nil {
		return nil, err
	}
	return r.start(ctx, t)
}
