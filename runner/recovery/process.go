package recovery

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// startedProcess names the process that a start of this run left: the receipt
// of the start steps. A scheduler that exited at once is evidence, not a failure.
type startedProcess struct {
	PID    int       `json:"pid"`
	Start  uint64    `json:"start"` // With the PID it names the process.
	At     time.Time `json:"at"`
	Exited bool      `json:"exited,omitempty"`
	Exit   int       `json:"exit,omitempty"`
	Words  string    `json:"words,omitempty"`
}

// schedulerStopped: the supervisor says so, no process has the log's path in
// its arguments (lingering ones would), the HTTP port is closed.
func (r schedulers) schedulerStopped(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	mine, facts, err := n.Running(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	port := facts.Dials[n.Scheduler.HTTP]
	switch {
	case u.Running:
		return runner.No("the supervisor says: %s", u.Words), nil
	case len(mine) > 0:
		return runner.No("a scheduler still runs: %s", node.PIDs(mine)), nil
	case port == "open":
		return runner.No("somebody listens at %s", n.Scheduler.HTTP), nil
	case port != "refused":
		return runner.Answer{}, fmt.Errorf("whether somebody listens at %s: %s", n.Scheduler.HTTP, port)
	}
	return runner.Yes("stopped: supervisor says %s, no process, port closed", u.Words), nil
}

// mustBeStopped is an error that begins with what is not done, as long as a
// scheduler is not stopped.
func (r schedulers) mustBeStopped(ctx context.Context, t *runner.Task, what string) error {
	a, err := r.schedulerStopped(ctx, t)
	if err == nil && !a.Yes {
		err = fmt.Errorf("%s: %s", what, a.Evidence)
	}
	return err
}

// stoppedByThisRun is the proof after this run asked for it. A scheduler that
// was down before, or between two crashes, is stopped like the others: only a
// step that was done is undone, and after the commit all of them must start.
func (r schedulers) stoppedByThisRun(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("not asked for yet"), nil
	}
	return r.schedulerStopped(ctx, t)
}

// stopScheduler stops it through its supervisor, then ends what lingers: from
// 0.21 on a scheduler that committed stays, and nobody but its process knows.
func (r schedulers) stopScheduler(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := n.Supervisor().Stop(ctx); err != nil {
		return nil, err
	}
	ended := []int{}
	for _, signal := range []string{"TERM", "KILL"} {
		a, err := r.Until(ctx, 20*time.Second, func(ctx context.Context) (runner.Answer, error) { return r.schedulerStopped(ctx, t) })
		if err == nil && a.Yes {
			return map[string]any{"ended": ended}, nil
		}
		mine, _, err := n.Running(ctx)
		if err != nil {
			return nil, err
		}
		for _, p := range mine {
			if err := t.Say(runner.Event{Kind: runner.Note, Why: fmt.Sprintf("ending the lingering process %d with SIG%s", p.PID, signal)}); err != nil {
				return nil, err
			}
			if _, err := n.Run(ctx, r.Cluster.User, "kill", "-"+signal, strconv.Itoa(p.PID)); err != nil {
				return nil, err
			}
			ended = append(ended, p.PID)
		}
	}
	return map[string]any{"ended": ended}, nil
}

// startAsBefore is the Undo of stopping: back to the real Mesos master. It comes
// after the files were restored on every host, and waits for a registered leader
// where there was one, or where a proved commit says that there must be one.
func (r schedulers) startAsBefore(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	// Between two crash restarts there is no process, but its supervisor says that it runs.
	if !l.Running && !l.Unit.Running && t.State.Commit.Outcome != runner.Committed {
		return runner.Yes("it did not run before this run either: %s", l.Unit.Words), nil
	}
	if a, err := r.realMaster(ctx, t, l); err != nil || !a.Yes {
		return a, err
	}
	if err := r.stopDisabled(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	if a, err := r.startUnlessRunning(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	found, _ := foundCluster.Of(t.State, runner.Bot)
	if found.Registered == "" && t.State.Commit.Outcome != runner.Committed {
		return runner.Yes("started as before; no leader was registered before this run"), nil
	}
	if l.Lifecycle == "" && t.State.Commit.Outcome != runner.Committed {
		return runner.Yes("started as before; it did not answer before this run either: %s", l.Unit.Words), nil
	}
	ended := 0
	return r.Until(ctx, 4*time.Minute, func(ctx context.Context) (runner.Answer, error) {
		u, err := n.Supervisor().State(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		if !u.Running && !u.Stopping {
			if ended++; ended >= endsOften && t.State.Commit.Outcome != runner.Committed {
				return runner.Yes("started as before, and it ends by itself again and again (status %d, %s). Its configuration and its log are as they were found: what ends it was there before this run%s", u.Exit, u.Words, foundDamaged(t)), nil
			}
		}
		// One that somebody starts shows its flags only when its start script is done.
		if err := r.stopDisabled(ctx, t); err != nil {
			return runner.Answer{}, err
		}
		// A stop that was on its way when the bot died may take effect only now.
		if a, err := r.startUnlessRunning(ctx, t); err != nil || !a.Yes {
			return a, err
		}
		status, err := n.Client().LeaderHealth(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		switch status {
		case 200:
			return runner.Yes("started; it leads and is registered with Mesos"), nil
		case 503:
			return runner.Yes("started; another scheduler leads and is registered with Mesos"), nil
		}
		return runner.No("started, but no leader is registered with Mesos yet (/leaderhealth answers %d)", status), nil
	})
}

// endsOften is how often a scheduler must have ended by itself before that
// counts as how it was: one whose log was damaged as it was found never stays.
const endsOften = 3

// foundDamaged says how the log was when the run found it, if it was not whole.
func foundDamaged(t *runner.Task) string {
	e, ok := foundLog.Of(t.State, t.On)
	if !ok || e.Report.State == replica.StateOK {
		return ""
	}
	return " (its log: " + node.LogWords(&e.Report) + ")"
}

// stopDisabled stops a scheduler that runs with the disabled flags though its
// configuration is the original one again: somebody started it in between, and
// one that leads like that keeps the others from registering.
func (r schedulers) stopDisabled(ctx context.Context, t *runner.Task) error {
	n := r.on(t)
	mine, _, err := n.Running(ctx)
	if err != nil {
		return err
	}
	for _, p := range mine {
		flags, err := aurora.ParseFlags(p.Argv)
		if err != nil {
			return fmt.Errorf("arguments of process %d: %w", p.PID, err)
		}
		if is, _ := flags.Has(r.DisabledFlags()); is {
			_, err := r.stopScheduler(ctx, t)
			return err
		}
	}
	return nil
}

// startUnlessRunning waits for a scheduler that is on its way down, and starts
// the one that is down.
func (r schedulers) startUnlessRunning(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	return r.Until(ctx, 2*time.Minute, func(ctx context.Context) (runner.Answer, error) {
		u, err := n.Supervisor().State(ctx)
		switch {
		case err != nil:
			return runner.Answer{}, err
		case u.Stopping:
			return runner.No("it is still on its way down: %s", u.Words), nil
		case u.Running:
			return runner.Yes("it runs: %s", u.Words), nil
		}
		if err := n.Supervisor().Start(ctx); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("started"), nil
	})
}

// realMaster refuses to start a scheduler whose configuration is not the original one.
func (r schedulers) realMaster(ctx context.Context, t *runner.Task, l node.Look) (runner.Answer, error) {
	n := r.on(t)
	_, hash, err := r.preparing().configHash(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	if hash != l.ConfigSHA256 {
		return runner.No("%s is not the original one (%.12s)", n.Scheduler.ConfigFile, hash), nil
	}
	return runner.Yes(""), nil
}

// startReceipt is the receipt of the newest start of this run on a host.
func startReceipt(s *runner.State, host string) (p startedProcess, ok bool) {
	return runner.Fact[startedProcess]{Step: newestStart(s, host)}.Of(s, host)
}

// newestStart is the step that started a host's scheduler last, "" if none did.
// One that was reopened since still is, until it has its turn again: the way out
// of an unknown commit reopens its start, and its process goes on.
func newestStart(s *runner.State, host string) string {
	newest := ""
	for _, step := range []string{stepLinger, stepUnknownStart, stepRestart, stepStart, stepFirst, stepStartAll, stepRest} {
		st := s.Of(step, host)
		// Skipped with a beginning: it was reopened, and found to be so still; or a
		// commit that is a start had begun it.
		begun := st.Begun || step == stepFirst && s.Of(stepCommit, host).Begun
		stands := st.Progress == runner.Done || begun && (st.Progress == runner.Skipped || st.Progress == "")
		if st.Facts != nil && stands && (newest == "" || st.Seq > s.Of(newest, host).Seq) {
			newest = step
		}
	}
	return newest
}

func (r schedulers) start(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	a, err := r.preparing().configIsChanged(ctx, t)
	if err != nil {
		return nil, err
	}
	if !a.Yes {
		return nil, errors.New(a.Evidence) // No scheduler meets the real master before the commit is proved.
	}
	// One that runs and is not as it must be (its wait for Mesos is nearly over,
	// or somebody started it) is stopped first.
	mine, _, err := n.Running(ctx)
	if err != nil {
		return nil, err
	}
	if len(mine) > 0 {
		if _, err := r.stopScheduler(ctx, t); err != nil {
			return nil, err
		}
	}
	left := groupBefore{Newest: r.leading().newestMember(ctx, t)}
	if err := n.Supervisor().Start(ctx); err != nil {
		return nil, err
	}
	real := ""
	_, err = r.Until(ctx, 20*time.Second, func(ctx context.Context) (runner.Answer, error) {
		a, err := r.startedDisabled(ctx, t)
		if err == nil && !a.Yes {
			real, err = r.onRealMaster(ctx, t)
			a.Yes = real != ""
		}
		return a, err
	})
	if real == "" {
		return left, err
	}
	// Somebody wrote the file between the look at it and the start.
	if _, err := r.stopScheduler(ctx, t); err != nil {
		return nil, fmt.Errorf("%s, AND IT COULD NOT BE STOPPED: %w", real, err)
	}
	return nil, fmt.Errorf("%s; it was stopped at once. Either its start does not read %s, or somebody wrote that file in between", real, n.Scheduler.ConfigFile)
}

// onRealMaster says which scheduler of the host was started for the real Mesos
// master, "" if none.
func (r schedulers) onRealMaster(ctx context.Context, t *runner.Task) (string, error) {
	n := r.on(t)
	mine, _, err := n.Running(ctx)
	if err != nil {
		return "", err
	}
	for _, p := range mine {
		flags, err := aurora.ParseFlags(p.Argv)
		if err != nil {
			return "", fmt.Errorf("arguments of process %d: %w", p.PID, err)
		}
		if to := flags["mesos_master_address"]; to != "" && to != r.Cluster.FakeMaster {
			return fmt.Sprintf("PID %d was started for the Mesos master at %s", p.PID, to), nil
		}
	}
	return "", nil
}

// startedByThisRun is startedDisabled of a scheduler that the step has begun to
// start. One that somebody else started is not taken over: the journal would not
// know it, nothing could hold it to be ours, and undo would leave it running.
func (r schedulers) startedByThisRun(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if !t.State.Of(t.Step, t.On).Begun {
		return runner.No("this run has not started it yet"), nil
	}
	return r.startedDisabled(ctx, t)
}

// startedDisabled: a process runs with the changed flags, or one did and ended
// by itself. It is proved by process and arguments, not by health.
func (r schedulers) startedDisabled(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	mine, left, err := n.Gone(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	switch len(mine) {
	case 0:
		return r.exitedAtStart(ctx, t)
	case 1:
	default:
		return runner.No("%d schedulers run: %s", len(mine), node.Named(mine)), nil
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return runner.Answer{}, fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	if ok, why := flags.Has(r.DisabledFlags()); !ok {
		return runner.No("PID %d runs, but %s", mine[0].PID, why), nil
	}
	l, err := n.Known()
	if err != nil {
		return runner.Answer{}, err
	}
	if t.State.Of(t.Step, t.On).Again && left != "" {
		return runner.No("%s", left), nil
	}
	if since := mine[0].Since.Add(-l.Skew); t.State.Of(t.Step, t.On).Again && !r.Now().Before(since.Add(r.leading().disabledFor(l))) {
		return runner.No("PID %d runs with the disabled flags, but since %s: its wait for Mesos is nearly over", mine[0].PID, since.UTC().Format(time.RFC3339)), nil
	}
	return runner.Yes("PID %d runs with the disabled flags", mine[0].PID).With(startedProcess{PID: mine[0].PID, Start: mine[0].Start, At: mine[0].Since}), nil
}

// exitedAtStart tells a scheduler that ended by itself after this run started
// it from one that was not started.
func (r schedulers) exitedAtStart(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	st := t.State.Of(t.Step, t.On)
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	// The start is told by two clocks, one of them in whole seconds.
	after := u.Since.Add(-l.Skew).Add(2 * time.Second).After(st.At)
	if st.Begun && !st.Again && !u.Running && !u.Since.IsZero() && after {
		return runner.Yes("it was started with the disabled configuration and ended by itself with status %d (%s)", u.Exit, u.Words).
			With(startedProcess{At: u.Since, Exited: true, Exit: u.Exit, Words: u.Words}), nil
	}
	// Most supervisors but systemd do not say when and how one ended. Right behind the
	// start, which went well, that it is not there is enough.
	if st.Begun && !st.Again && !u.Running && u.Since.IsZero() && t.Left != nil {
		return runner.Yes("it was started with the disabled configuration and has ended by itself (%s; its supervisor does not say how)", u.Words).
			With(startedProcess{At: st.At.Add(l.Skew), Exited: true, Exit: u.Exit, Words: u.Words}), nil
	}
	return runner.No("no scheduler runs (%s)", u.Words), nil
}

// nobodyElseStarted holds as long as no other process than the one that this
// run started runs. That it ended by itself breaks nothing here; the steps that
// need it ask for it.
func (r schedulers) nobodyElseStarted(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	p, ok := startReceipt(t.State, t.On)
	if !ok {
		return runner.Answer{}, fmt.Errorf("which process this run started on %s is not in the journal", t.On)
	}
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	for _, m := range mine {
		if p.Exited || !m.Is(p.PID, p.Start) {
			if err := tell(t, health.Found("scheduler-replaced", t.On, "PID %d runs, this run started PID %d", m.PID, p.PID)); err != nil {
				return runner.Answer{}, err
			}
			return runner.No("PID %d runs, which this run did not start (it started PID %d)", m.PID, p.PID), nil
		}
	}
	return runner.Yes("no other scheduler than the one that this run started"), nil
}

// exactly is the stricter question before stage, verify and commit: every host
// runs exactly the process that this run started.
func exactly(ctx context.Context, s *runner.State, n *node.Node) (runner.Answer, error) {
	p, ok := startReceipt(s, n.Name)
	if !ok {
		return runner.Answer{}, fmt.Errorf("which process this run started on %s is not in the journal", n.Name)
	}
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	if len(mine) != 1 || !mine[0].Is(p.PID, p.Start) {
		return runner.No("%s: not exactly the scheduler that this run started (PID %d) runs: %s", n.Name, p.PID, node.Named(mine)), nil
	}
	return runner.Yes("%s: PID %d, as started", n.Name, p.PID), nil
}

func (r schedulers) undoStart(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	if _, err := r.stopScheduler(ctx, t); err != nil {
		return runner.Answer{}, err
	}
	return r.schedulerStopped(ctx, t)
}
