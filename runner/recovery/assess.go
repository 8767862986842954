package recovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// assess is the runbook's "Assess the damage".
func (r assessing) assess() runner.Phase {
	return runner.Phase{ID: "assess", Title: "Assess the damage", Source: "Assess the damage", Steps: []runner.Step{
		{
			ID: stepReplicas, Source: "Assess ¶1, ¶2", Title: "Look whether schedulers fail over, and for unusual replicated-log messages",
			On: r.everyScheduler, Check: r.lookAtScheduler, Limit: 3 * time.Minute,
		},
		{
			ID: stepLoss, Source: "Assess ¶3", Title: "Compare the backup with what the best replica's log still holds",
			On: onBot, Check: r.lookAtLoss, Limit: 30 * time.Minute,
		},
		{
			ID: stepDecide, Source: "Two questions after looking", Title: "Is a restore needed, and is the log re-initialised?",
			On: onBot, Check: r.decide,
		},
		{
			ID: stepConfirm, Source: "Assess the damage", Title: "A person confirms the assessment",
			On:    onBot,
			Check: func(context.Context, *runner.Task) (runner.Answer, error) { return runner.Yes("confirmed"), nil },
		},
	}}
}

// schedulerLook is what was seen of a disabled scheduler: the facts of
// assess/look-at-schedulers.
type schedulerLook struct {
	Runs        bool   `json:"runs"`
	Words       string `json:"words"`
	Lifecycle   string `json:"lifecycle,omitempty"`
	node.Logged        // Since this run started it.
}

// settles is how long a disabled scheduler may take until it shows what it is:
// from election to READY can take 15 s (recorded).
const settles = 20 * time.Second

// lookAtScheduler watches a disabled scheduler until it stands, and reads its log.
func (r assessing) lookAtScheduler(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := r.on(t)
	var s schedulerLook
	p, ok := startReceipt(t.State, t.On)
	if !ok {
		return runner.Answer{}, fmt.Errorf("which process this run started on %s is not in the journal", t.On)
	}
	_, err := r.Until(ctx, settles, func(ctx context.Context) (runner.Answer, error) {
		mine, _, err := n.Schedulers(ctx)
		if err != nil {
			return runner.Answer{}, err
		}
		if s.Runs = len(mine) == 1; !s.Runs {
			return runner.Yes("it does not run"), nil
		}
		v, err := n.Client().Vars(ctx)
		if err != nil {
			return runner.No("no answer yet: %v", err), nil
		}
		s.Lifecycle, err = v.Lifecycle()
		if err != nil {
			return runner.Answer{}, err
		}
		// A follower stands as soon as its storage is prepared; whether a leader
		// comes up is seen on another host.
		return runner.Answer{Yes: s.settled(), Evidence: s.Lifecycle}, nil
	})
	if err != nil {
		return runner.Answer{}, err
	}
	u, err := n.Supervisor().State(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	s.Words = u.Words
	if !s.Runs {
		s.Words += fmt.Sprintf(", ended with status %d", u.Exit)
	}
	if s.Logged, err = n.Logged(ctx, p.At); err != nil {
		return runner.Answer{}, err
	}
	s.Missing = s.Missing || s.Silent // It was started since then, so it logs elsewhere.
	if e, ok := foundLog.Of(t.State, t.On); ok && s.failed(&e.Report) {
		why := fmt.Sprintf("the scheduler on %s ended by itself after its disabled start, though its replica is whole: %s", t.On, s.say())
		if err := tell(t, health.Found("disabled-start-failed", t.On, "%s", why)); err != nil {
			return runner.Answer{}, err
		}
		return runner.Answer{}, &runner.Ending{
			Reason: runner.StopFailed, Reopen: []string{stepStart, stepReplicas},
			Why: why + ". Nothing says that the replicated log is the cause, so it is not re-initialised. Read the end of that scheduler's log, mend what it says, and resume, which starts it again; or undo",
		}
	}
	return runner.Yes("%s", s.say()).With(s), nil
}

// failed reports whether the scheduler ended for a cause that is not known to be its
// log: that was whole, and what the scheduler said since speaks of something else or
// cannot be read.
func (s *schedulerLook) failed(before *replica.Report) bool {
	return !s.Runs && before.State.Whole() && before.Status == replica.Voting.String() && len(s.Unusual) == 0
}

// settled reports whether the scheduler stands, as leader or follower.
func (s *schedulerLook) settled() bool {
	return s.Runs && (s.Lifecycle == aurora.Awaiting || s.Lifecycle == "STORAGE_PREPARED")
}

func (s *schedulerLook) say() string {
	words := s.Words
	if s.Lifecycle != "" {
		words += ", " + s.Lifecycle
	}
	for _, m := range s.Found {
		words += fmt.Sprintf("\n%s: %d (%s)", m.Finding, m.Count, m.Example)
	}
	if s.Missing {
		words += "\nits log could not be read"
	}
	return words
}

// decision is the answer to the two questions: the facts of assess/decide.
type decision struct {
	Needed       bool               `json:"needed"`
	Reinitialize bool               `json:"reinitialize"`
	Verdict      replica.Comparison `json:"verdict"`
	Why          []string           `json:"why"`

	found []health.Finding // What the answers rest on.
}

// decide answers the two questions from the evidence; a person confirms it.
func (r assessing) decide(_ context.Context, t *runner.Task) (runner.Answer, error) {
	d, err := r.judge(t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	l, _ := foundLoss.Of(t.State, runner.Bot)
	other := l.Diff != nil && l.Diff.OtherFramework
	if other {
		d.found = append(d.found, health.Found("backup-foreign", r.Cluster.Name, "the backup is of framework %s, the log of %s", l.Diff.Old.FrameworkID, l.Diff.New.FrameworkID))
	}
	if err := tell(t, d.found...); err != nil {
		return runner.Answer{}, err
	}
	if other {
		return runner.No("the backup belongs to another framework (%s) than the log (%s): Mesos would not know the restored scheduler's tasks. Choose a backup of this cluster", l.Diff.Old.FrameworkID, l.Diff.New.FrameworkID), nil
	}
	if !d.Needed && t.State.Reason == "" {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopNotNeeded, Why: "No restore seems to be needed. " + strings.Join(d.Why, " ") +
			" Choose undo, which puts everything back as it was, or resume with --reason TEXT if the state of the backup itself is wanted back."}
	}
	head := "A restore is needed"
	switch {
	case !d.Needed:
		head = "A restore is not needed for the log's sake, but wanted: " + t.State.Reason
	case t.State.Reason != "":
		head += " (" + t.State.Reason + ")"
	}
	second := "The log is not re-initialised: the commit overwrites it in any case."
	switch {
	case real(t.State):
		second = "The log is made anew from the backup, after every folder is moved aside."
	case d.Reinitialize:
		second = "The log is re-initialised on all hosts, after every folder is moved aside."
	}
	return runner.Yes("%s.\n%s\n%s", head, second, strings.Join(d.Why, "\n")).With(d), nil
}

func (r assessing) judge(s *runner.State) (decision, error) {
	d := decision{Why: []string{}}
	reports := make([]replica.Report, 0, len(r.Cluster.Schedulers))
	looks := map[string]node.Look{}
	for _, name := range r.everyScheduler(s) {
		looks[name], _ = look(s, name) // Without it there are no lines of before.
	}
	c, _ := foundCluster.Of(s, runner.Bot)
	found := map[string]replica.Report{}
	whole, undecodable := 0, ""
	for _, name := range r.everyScheduler(s) {
		e, ok := foundLog.Of(s, name)
		if !ok {
			return d, fmt.Errorf("what the log of %s holds is not in the journal", name)
		}
		e.Report.Path = name // The host is what tells replicas apart.
		reports = append(reports, e.Report)
		there := e.Report
		there.Path = e.Path
		found[name] = there
		if e.Report.State == replica.StateOK && e.Report.Status == "VOTING" {
			whole++
		} else {
			d.Why = append(d.Why, fmt.Sprintf("The log of %s: %s.", name, node.LogWords(&e.Report)))
		}
		if e.Report.Aurora != nil && e.Report.Aurora.Undecodable > 0 {
			undecodable = name
		}
	}
	here := len(reports)
	for _, name := range r.Cluster.Names() {
		if s.IsLeft(name) {
			// It counts for the quorum, and has no say. That it is gone is no reason
			// to re-initialise: docs/adr/0012.
			reports = append(reports, replica.Report{Path: name, State: replica.StateMissing, Error: "its host was left out"})
			d.Why = append(d.Why, fmt.Sprintf("%s was left out of this run: its replica is not counted on.", name))
		}
	}
	d.Verdict = replica.Compare(reports)
	var flaps *health.Finding
	d.found, flaps = r.doctor().Stopped(looks, found, d.Verdict, c.Counts, c.Registered, c.Joined)
	logTrouble := r.logTrouble(s, &d, whole == here)
	quorum := d.Verdict.Verdict == replica.VerdictHealthy || d.Verdict.Verdict == replica.VerdictLags
	switch {
	case undecodable != "":
		d.Needed = true
		d.Why = append(d.Why, fmt.Sprintf("The log of %s holds entries that a scheduler cannot replay: every leader ends at once, though a quorum votes.", undecodable))
	case !quorum:
		d.Needed = true
		d.Why = append(d.Why, fmt.Sprintf("The replicas together: %s (%d of %d whole and VOTING, %d needed).", d.Verdict.Verdict, whole, len(reports), d.Verdict.Quorum))
	case flaps != nil && flaps.ID == "flapping-log":
		d.Needed = true
		d.Why = append(d.Why, flaps.Means+" ("+flaps.Evidence+")")
	case diagnose.CauseOutside(flaps):
		d.Why = append(d.Why, fmt.Sprintf("%d of %d replicas are whole and VOTING, which is a quorum, and leadership flaps for a cause outside the log. %s %s (%s)", whole, len(reports), flaps.Means, flaps.Do, flaps.Evidence))
	case whole < here:
		d.Why = append(d.Why, fmt.Sprintf("%d of %d replicas are whole and VOTING, which is a quorum: a replica that is missing, damaged or EMPTY catches up by itself (about 300 positions a second). Start its scheduler with an empty folder, do not initialise it alone, and watch its log for \"Replica is in VOTING status\".", whole, len(reports)))
	default:
		d.Why = append(d.Why, fmt.Sprintf("All %d replicas are whole, VOTING and agree.", here))
	}
	d.Reinitialize = undecodable != "" || whole < here || !quorum || logTrouble
	if real(s) {
		d.Reinitialize = true
		return d, nil
	}
	switch s.Request.Reinitialize {
	case "always":
		d.Why = append(d.Why, fmt.Sprintf("--reinitialize always was asked for (by itself it would be: %v).", d.Reinitialize))
		d.Reinitialize = true
	case "never":
		d.Why = append(d.Why, fmt.Sprintf("--reinitialize never was asked for (by itself it would be: %v).", d.Reinitialize))
		d.Reinitialize = false
	}
	return d, nil
}

// logTrouble tells whether the disabled schedulers' logs speak of the log, or
// could not be read: unsure is trouble enough to re-initialise. Lines
// that a healthy scheduler has too while it starts do not count where every
// replica was whole and VOTING before that start, and it stands since.
func (r assessing) logTrouble(s *runner.State, d *decision, whole bool) bool {
	trouble := false
	for _, name := range r.everyScheduler(s) {
		l, ok := foundScheduler.Of(s, name)
		if !ok {
			continue
		}
		unusual, passed := l.Unusual, []string{}
		if whole && l.settled() {
			passed = slices.DeleteFunc(slices.Clone(unusual), func(id string) bool { k := health.Look(id); return k != nil && !k.Passes })
			unusual = slices.DeleteFunc(slices.Clone(unusual), func(id string) bool { k := health.Look(id); return k != nil && k.Passes })
		}
		if len(unusual) > 0 {
			trouble = true
			d.Why = append(d.Why, fmt.Sprintf("The scheduler's log on %s speaks of the replicated log: %s.", name, strings.Join(slices.Compact(slices.Sorted(slices.Values(unusual))), ", ")))
		}
		if len(passed) > 0 {
			d.Why = append(d.Why, fmt.Sprintf("The scheduler's log on %s has lines of its start that passed: %s.", name, strings.Join(slices.Compact(slices.Sorted(slices.Values(passed))), ", ")))
		}
		if l.Missing {
			trouble = true
			d.Why = append(d.Why, fmt.Sprintf("What the scheduler on %s logged could not be read: whether it speaks of the replicated log is not known.", name))
		}
		if !l.Runs {
			d.Why = append(d.Why, fmt.Sprintf("The scheduler on %s ended by itself after its disabled start: %s.", name, l.Words))
			trouble = true
		}
	}
	return trouble
}

// assessed is what the assess gate binds.
func assessed(s *runner.State) any {
	d := decided(s)
	return map[string]any{"needed": d.Needed, "reinitialize": d.Reinitialize, "verdict": string(d.Verdict.Verdict)}
}

func decided(s *runner.State) decision {
	d, _ := foundDecision.Of(s, runner.Bot)
	return d
}
