package recovery

import (
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/health"
	"aurorabot/runner/replica"
)

// assess is the runbook's "Assess the damage".
func (r *Recovery) assess() runner.Phase {
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
	Runs      bool           `json:"runs"`
	Words     string         `json:"words"`
	Lifecycle string         `json:"lifecycle,omitempty"`
	Found     []health.Match `json:"found,omitempty"`   // In its log since this run started it.
	Missing   bool           `json:"missing,omitempty"` // Its log could not be read.
	Since     time.Time      `json:"since"`
	Unusual   []string       `json:"unusual,omitempty"` // Ids of the findings that tell of log trouble.
}

// settles is how long a disabled scheduler may take until it shows what it is:
// from election to READY can take 15 s (recorded).
const settles = 20 * time.Second

// lookAtScheduler watches a disabled scheduler until it stands, and reads its log.
func (r *Recovery) lookAtScheduler(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	var s schedulerLook
	p, ok := startReceipt(t.State, t.On)
	if !ok {
		return runner.Answer{}, fmt.Errorf("which process this run started on %s is not in the journal", t.On)
	}
	s.Since = p.At
	_, err := r.until(ctx, settles, func(ctx context.Context) (runner.Answer, error) {
		mine, _, err := r.running(ctx, t)
		if err != nil {
			return runner.Answer{}, err
		}
		if s.Runs = len(mine) == 1; !s.Runs {
			return runner.Yes("it does not run"), nil
		}
		v, err := r.client(t.On).Vars(ctx)
		if err != nil {
			return runner.No("no answer yet: %v", err), nil
		}
		s.Lifecycle, err = v.Lifecycle()
		if err != nil {
			return runner.Answer{}, err
		}
		// A follower stands as soon as its storage is prepared; whether a leader
		// comes up is seen on another host.
		settled := s.Lifecycle == "LEADER_AWAITING_REGISTRATION" || s.Lifecycle == "STORAGE_PREPARED"
		return runner.Answer{Yes: settled, Evidence: s.Lifecycle}, nil
	})
	if err != nil {
		return runner.Answer{}, err
	}
	u, err := r.supervisor().State(ctx, t)
	if err != nil {
		return runner.Answer{}, err
	}
	s.Words = u.Words
	if !s.Runs {
		s.Words += fmt.Sprintf(", ended with status %d", u.Exit)
	}
	if err := r.scan(ctx, t, &s); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s", s.say()).With(s), nil
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

// scan reads what the scheduler logged since this run started it, on the host.
func (r *Recovery) scan(ctx context.Context, t *runner.Task, s *schedulerLook) error {
	if r.Cluster.Supervisor != "systemd" {
		s.Missing = true
		return nil
	}
	helper, err := r.helper(t)
	if err != nil {
		return err
	}
	argv := []string{helper, "log", "scan", "--json", "--unit", r.Cluster.Unit, "--since", fmt.Sprint(s.Since.Add(-time.Second).Unix())}
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: "root", Limit: 2 * time.Minute})
	if err != nil {
		return fmt.Errorf("read the scheduler's log: %w", err)
	}
	if s.Found, err = health.DecodeMatches(out.Stdout); err != nil || out.Exit != 0 {
		s.Missing = true // Said in the evidence; it makes the decision unsure, not impossible.
		return nil       //nolint:nilerr // as above
	}
	for _, m := range s.Found {
		if health.LogTrouble(m.Finding) {
			s.Unusual = append(s.Unusual, m.Finding)
		}
	}
	return nil
}

// loss is what a restore would lose: the facts of assess/compare-with-log.
type loss struct {
	Against string       `json:"against"` // What the backup was compared with, in words.
	Known   bool         `json:"known"`
	Why     string       `json:"why,omitempty"` // Why it is not known.
	Diff    *backup.Diff `json:"diff,omitempty"`
	Killed  int          `json:"killed"`      // Tasks that will be killed.
	Revived int          `json:"resurrected"` // Tasks that will be started again or found lost.
	Jobs    int          `json:"jobs"`        // Jobs with a difference.

	Salvage     string    `json:"salvage,omitempty"`      // On the host: a backup made from that log.
	SalvageHost string    `json:"salvage_host,omitempty"` // Where it lies.
	SalvageTime time.Time `json:"salvage_time,omitzero"`  // How far it goes.

	Mesos        string `json:"mesos,omitempty"`         // The master that was asked, or why none answered.
	MesosKnown   bool   `json:"mesos_known"`             //
	MesosKilled  int    `json:"mesos_killed"`            // Tasks that run now and that the backup does not know.
	MesosMissing int    `json:"mesos_missing,omitempty"` // Tasks active in the backup that do not run now.
}

// listed bounds the tasks that are kept in the journal; the numbers are whole.
const listed = 200

// lookAtLoss replays the best replica's log into a snapshot, on the host and
// from the evidence copy, and compares the backup with it. That it can't be
// known stops nothing: it is shown as not known.
func (r *Recovery) lookAtLoss(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l := loss{Why: "no replica's log can be read"}
	if host, e := r.bestReplica(t.State); host != "" {
		found, err := r.compareWithLog(ctx, t, host, e)
		if err != nil {
			found = loss{Why: fmt.Sprintf("the log of %s: %v", host, err)}
		}
		l = found
	}
	r.compareWithMesos(ctx, t, &l)
	return runner.Yes("%s", l.words()).With(l), nil
}

func (l *loss) words() string {
	s := "what a restore would lose is not known from the logs: " + l.Why
	if l.Known {
		s = fmt.Sprintf("compared with %s: %d tasks will be killed, %d come back, %d jobs differ", l.Against, l.Killed, l.Revived, l.Jobs)
		if l.Diff != nil && l.Diff.Old.Time.Before(l.Diff.New.Time) && l.Killed+l.Jobs > 0 {
			s += fmt.Sprintf("\na backup made from that log would lose less: it goes to %s and lies in %s on %s. To use it, deny, give it a backup's name, put it into a -backup_dir and ask for it", l.SalvageTime.Format(time.RFC3339), l.Salvage, l.SalvageHost)
		}
	}
	if l.MesosKnown {
		return s + fmt.Sprintf("\ncompared with what runs, by the Mesos master %s: %d tasks run that the backup does not know and that will be killed; %d are active in the backup and do not run", l.Mesos, l.MesosKilled, l.MesosMissing)
	}
	return s + "\nwhat runs now is not known from Mesos: " + l.Mesos
}

// compareWithMesos adds what the leading Mesos master says.
func (r *Recovery) compareWithMesos(ctx context.Context, t *runner.Task, l *loss) {
	if !r.Cluster.MesosTasks {
		l.Mesos = "the configuration says not to ask"
		return
	}
	var c clusterLook
	t.State.Facts(stepCluster, runner.Bot, &c)
	now, master, err := r.runningTasks(ctx, t.State, c.Backup.FrameworkID)
	if err != nil {
		l.Mesos = err.Error()
		return
	}
	d, err := r.compareBackup(t.State, now)
	if err != nil {
		l.Mesos = err.Error()
		return
	}
	l.Mesos, l.MesosKnown, l.MesosKilled, l.MesosMissing = master, true, d.Killed.Total, d.Resurrected.Total
}

// bestReplica is the one whose agreed entries reach furthest without a gap
// after its last snapshot, of those that can be read; whole ones first.
func (r *Recovery) bestReplica(s *runner.State) (string, logEvidence) {
	var best string
	var found logEvidence
	for _, name := range r.Cluster.Names() {
		var e logEvidence
		if !s.Facts(stepEvidence, name, &e) || e.Missing || e.Report.Aurora == nil {
			continue
		}
		whole, was := e.Report.State.Whole(), found.Report.State.Whole()
		if best == "" || whole && !was || whole == was && agreedEnd(&e.Report) > agreedEnd(&found.Report) {
			best, found = name, e
		}
	}
	return best, found
}

// agreedEnd is the last position up to which everything after the last snapshot
// is there and learned.
func agreedEnd(p *replica.Report) uint64 {
	from := p.Begin
	if p.Aurora != nil && p.Aurora.LastSnapshot > 0 {
		from = uint64(p.Aurora.LastSnapshot)
	}
	end := p.End
	for _, missing := range []replica.Ranges{p.Holes, p.Unlearned} {
		for _, gap := range missing {
			if gap.Last >= from && max(gap.First, from+1)-1 < end {
				end = max(gap.First, from+1) - 1
			}
		}
	}
	return end
}

// furthest is the highest position that any replica holds.
func (r *Recovery) furthest(s *runner.State) (end uint64, host string) {
	for _, name := range r.Cluster.Names() {
		var e logEvidence
		if s.Facts(stepEvidence, name, &e) && e.Report.End > end {
			end, host = e.Report.End, name
		}
	}
	return end, host
}

func (r *Recovery) compareWithLog(ctx context.Context, t *runner.Task, host string, e logEvidence) (loss, error) {
	on := *t
	on.Host, on.On = r.Hosts[host], host
	remote := path.Join(r.folder(&on), "salvage")
	helper, err := r.helper(&on)
	if err != nil {
		return loss{}, err
	}
	// UpToDamage: here it is about what would be lost, not about restoring it.
	out, err := on.Host.Run(ctx, runner.Command{
		Argv: []string{"nice", "-n", "10", helper, "log", "salvage", "--json", "--up-to-damage", e.Copy, "-o", remote},
		User: r.Cluster.User, Limit: 20 * time.Minute,
	})
	if err != nil {
		return loss{}, fmt.Errorf("salvage: %w", err)
	}
	if out.Exit != 0 {
		return loss{}, fmt.Errorf("salvage: exit status %d: %s", out.Exit, tail(out))
	}
	dir, err := r.Files(t.State.Run)
	if err != nil {
		return loss{}, err
	}
	local := path.Join(dir, "salvage-"+host)
	if err := fetch(local, "", func(w io.Writer) error { _, err := on.Host.Get(ctx, remote, w); return err }); err != nil {
		return loss{}, err
	}
	file, err := r.backupFile(t.State)
	if err != nil {
		return loss{}, err
	}
	d, err := compareFiles(file, local)
	if err != nil {
		return loss{}, err
	}
	against := fmt.Sprintf("the log of %s up to position %d", host, agreedEnd(&e.Report))
	if end, other := r.furthest(t.State); end > agreedEnd(&e.Report) {
		against += fmt.Sprintf(" (that of %s reaches %d; what lies between is not counted)", other, end)
	}
	l := loss{
		Known: true, Against: against, Diff: &d,
		Killed: d.Killed.Total, Revived: d.Resurrected.Total, Jobs: len(d.Jobs),
		Salvage: remote, SalvageHost: host, SalvageTime: d.New.Time,
	}
	for _, list := range []*backup.TaskList{&d.Killed, &d.Resurrected, &d.Changed} {
		list.Tasks = list.Tasks[:min(len(list.Tasks), listed)]
	}
	return l, nil
}

// decision is the answer to the two questions: the facts of assess/decide.
type decision struct {
	Needed       bool               `json:"needed"`
	Reinitialize bool               `json:"reinitialize"`
	Verdict      replica.Comparison `json:"verdict"`
	Why          []string           `json:"why"`
}

// decide answers the two questions from the evidence; a person confirms it.
func (r *Recovery) decide(_ context.Context, t *runner.Task) (runner.Answer, error) {
	d, err := r.judge(t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	var l loss
	if t.State.Facts(stepLoss, runner.Bot, &l); l.Diff != nil && l.Diff.OtherFramework {
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
	if d.Reinitialize {
		second = "The log is re-initialised on all hosts, after every folder is moved aside."
	}
	return runner.Yes("%s.\n%s\n%s", head, second, strings.Join(d.Why, "\n")).With(d), nil
}

func (r *Recovery) judge(s *runner.State) (decision, error) {
	d := decision{Why: []string{}}
	var reports []replica.Report
	whole, undecodable := 0, ""
	for _, name := range r.Cluster.Names() {
		var e logEvidence
		if !s.Facts(stepEvidence, name, &e) {
			return d, fmt.Errorf("what the log of %s holds is not in the journal", name)
		}
		e.Report.Path = name // The host is what tells replicas apart.
		reports = append(reports, e.Report)
		if e.Report.State == replica.StateOK && e.Report.Status == "VOTING" {
			whole++
		} else {
			d.Why = append(d.Why, fmt.Sprintf("The log of %s: %s.", name, logWords(&e.Report)))
		}
		if e.Report.Aurora != nil && e.Report.Aurora.Undecodable > 0 {
			undecodable = name
		}
	}
	d.Verdict = replica.Compare(reports)
	logTrouble := r.logTrouble(s, &d)
	quorum := d.Verdict.Verdict == replica.VerdictHealthy || d.Verdict.Verdict == replica.VerdictLags
	switch {
	case undecodable != "":
		d.Needed = true
		d.Why = append(d.Why, fmt.Sprintf("The log of %s holds entries that a scheduler cannot replay: whoever leads ends at once, though a quorum votes.", undecodable))
	case !quorum:
		d.Needed = true
		d.Why = append(d.Why, fmt.Sprintf("The replicas together: %s (%d of %d whole and VOTING, %d needed).", d.Verdict.Verdict, whole, len(reports), d.Verdict.Quorum))
	case whole < len(reports):
		d.Why = append(d.Why, fmt.Sprintf("%d of %d replicas are whole and VOTING, which is a quorum: a replica that is missing, damaged or EMPTY catches up by itself (about 300 positions a second). Start its scheduler with an empty folder, do not initialise it alone, and watch its log for \"Replica is in VOTING status\".", whole, len(reports)))
	default:
		d.Why = append(d.Why, fmt.Sprintf("All %d replicas are whole, VOTING and agree.", len(reports)))
	}
	d.Reinitialize = undecodable != "" || whole < len(reports) || !quorum || logTrouble
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
// could not be read at all.
func (r *Recovery) logTrouble(s *runner.State, d *decision) bool {
	trouble := false
	for _, name := range r.Cluster.Names() {
		var l schedulerLook
		if !s.Facts(stepReplicas, name, &l) {
			continue
		}
		if len(l.Unusual) > 0 {
			trouble = true
			d.Why = append(d.Why, fmt.Sprintf("The scheduler's log on %s speaks of the replicated log: %s.", name, strings.Join(slices.Compact(slices.Sorted(slices.Values(l.Unusual))), ", ")))
		}
		if !l.Runs {
			d.Why = append(d.Why, fmt.Sprintf("The scheduler on %s ended by itself after its disabled start: %s.", name, l.Words))
			trouble = true
		}
	}
	return trouble
}

// assessed is what the assess gate binds.
func (r *Recovery) assessed(s *runner.State) any {
	var d decision
	s.Facts(stepDecide, runner.Bot, &d)
	return map[string]any{"needed": d.Needed, "reinitialize": d.Reinitialize, "verdict": string(d.Verdict.Verdict)}
}

func decided(s *runner.State) decision {
	var d decision
	s.Facts(stepDecide, runner.Bot, &d)
	return d
}
