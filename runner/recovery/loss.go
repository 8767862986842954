package recovery

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/bound"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// loss is what a restore would lose: the facts of assess/compare-with-log.
type loss struct {
	Against string       `json:"against"` // What the backup was compared with, in words.
	Known   bool         `json:"known"`
	Why     string       `json:"why,omitempty"` // Why it is not known.
	Diff    *backup.Diff `json:"diff,omitempty"`
	Whole   bool         `json:"whole"`       // That log holds all that was ever agreed on, as far as a quorum tells.
	Killed  int          `json:"killed"`      // Tasks that will be killed.
	Revived int          `json:"resurrected"` // Tasks that will be started again or found lost.
	Jobs    int          `json:"jobs"`        // Jobs with a difference.

	Salvage     string    `json:"salvage,omitempty"`      // On the host: a backup made from that log.
	SalvageHost string    `json:"salvage_host,omitempty"` // Where it lies.
	SalvageTime time.Time `json:"salvage_time,omitzero"`  // How far it goes.

	Mesos        string `json:"mesos,omitempty"`         // The master that was asked, or why none answered.
	MesosKnown   bool   `json:"mesos_known"`             //
	MesosRuns    int    `json:"mesos_runs,omitempty"`    // Tasks of the framework that run now.
	MesosKilled  int    `json:"mesos_killed"`            // Tasks that run now and that the backup does not know.
	MesosMissing int    `json:"mesos_missing,omitempty"` // Tasks active in the backup that do not run now.

	LeaderKnown  bool           `json:"leader_known,omitempty"` // A scheduler leads, and said which tasks there are.
	LeaderKilled int            `json:"leader_killed,omitempty"`
	LeaderJobs   map[string]int `json:"leader_jobs,omitempty"`

	MesosJobs map[string]int `json:"mesos_jobs,omitempty"` // MesosKilled, by job.

	Total *health.Loss `json:"total,omitempty"` // By all of them.
}

// sources are those that were asked, with what they know.
func (l *loss) sources() []health.LossSource {
	var list []health.LossSource
	if l.Known {
		log := health.LossSource{Source: health.LossByLog, Killed: l.Killed, Complete: l.Whole}
		if l.Diff != nil {
			log.Jobs = l.Diff.Killed.ByJob
		}
		list = append(list, log)
	}
	if l.LeaderKnown {
		list = append(list, health.LossSource{Source: health.LossByAPI, Killed: l.LeaderKilled, Complete: true, Jobs: l.LeaderJobs})
	}
	if l.MesosKnown {
		// A master that knows no task at all of this framework may just have been elected.
		known := l.MesosRuns > 0 || l.MesosMissing == 0
		list = append(list, health.LossSource{Source: health.LossByMesos, Killed: l.MesosKilled, Complete: known, Jobs: l.MesosJobs})
	}
	return list
}

// Loss is what a restore kills: as it was found in Assess, before that as far as
// pre-flight can tell.
func (r *Recovery) Loss(s *runner.State) (health.Loss, []health.LostJob) {
	l, ok := foundLoss.Of(s, runner.Bot)
	if c, _ := foundCluster.Of(s, runner.Bot); !ok && c.Loss != nil {
		l = *c.Loss
	}
	return health.LossOf(l.sources()...), health.LostJobs(l.sources()...)
}

// listed bounds the tasks that are kept in the journal; the numbers are whole.
const listed = 200

// lookAtLoss replays the best replica's log into a snapshot, on the host and
// from the evidence copy, and compares the backup with it. That it can't be
// known stops nothing: it is shown as not known.
func (r assessing) lookAtLoss(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l := loss{Why: "no replica's log can be read"}
	if host, e := r.bestReplica(t.State); host != "" {
		found, err := r.compareWithLog(ctx, t, host, e)
		if err != nil {
			found = loss{Why: fmt.Sprintf("the log of %s: %v", host, err)}
		}
		l = found
	}
	c, _ := foundCluster.Of(t.State, runner.Bot)
	r.compareWithMesos(ctx, t.State, c.Backup.FrameworkID, &l)
	l.Total = new(health.LossOf(l.sources()...))
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
func (r *Recovery) compareWithMesos(ctx context.Context, s *runner.State, framework string, l *loss) {
	if !r.Cluster.MesosTasks {
		l.Mesos = "the configuration says not to ask"
		return
	}
	now, master, err := r.runningTasks(ctx, s, framework)
	if err != nil {
		l.Mesos = err.Error()
		return
	}
	d, err := r.compareBackup(ctx, s, now)
	if err != nil {
		l.Mesos = err.Error()
		return
	}
	l.Mesos, l.MesosKnown, l.MesosRuns = master, true, d.New.Active
	l.MesosKilled, l.MesosMissing, l.MesosJobs = d.Killed.Total, d.Resurrected.Total, d.Killed.ByJob
}

// bestReplica is the one whose agreed entries reach furthest without a gap
// after its last snapshot, of those that can be read; whole ones first.
func (r assessing) bestReplica(s *runner.State) (string, logEvidence) {
	var best string
	var found logEvidence
	for _, name := range r.everyScheduler(s) {
		e, ok := foundLog.Of(s, name)
		if !ok || e.Missing || e.Report.Aurora == nil {
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
func (r assessing) furthest(s *runner.State) (end uint64, host string) {
	for _, name := range r.Cluster.Names() {
		e, ok := foundLog.Of(s, name)
		if ok && e.Report.End > end {
			end, host = e.Report.End, name
		}
	}
	return end, host
}

// holdsAll reports whether a log has all that was agreed on: it is whole, no other
// reaches further, and so many are whole that they are a quorum. A replica alone may
// have missed what the others agreed on.
func (r assessing) holdsAll(s *runner.State, best *replica.Report) bool {
	whole := 0
	for _, name := range r.Cluster.Names() {
		if e, ok := foundLog.Of(s, name); ok && e.Report.State.Whole() && e.Report.Status == replica.Voting.String() {
			whole++
		}
	}
	end, _ := r.furthest(s)
	return best.State.Whole() && agreedEnd(best) >= end && whole > len(r.Cluster.Names())/2
}

func (r assessing) compareWithLog(ctx context.Context, t *runner.Task, host string, e logEvidence) (loss, error) {
	// Up to damage: here it is about what would be lost, not about restoring it.
	remote, local, err := r.salvage(ctx, r.node(t.State, host), e.Copy, "salvage", true)
	if err != nil {
		return loss{}, err
	}
	file, err := r.backupFile(t.State)
	if err != nil {
		return loss{}, err
	}
	d, err := compareFiles(ctx, file, local)
	if err != nil {
		return loss{}, err
	}
	against := fmt.Sprintf("the log of %s up to position %d", host, agreedEnd(&e.Report))
	if end, other := r.furthest(t.State); end > agreedEnd(&e.Report) {
		against += fmt.Sprintf(" (that of %s reaches %d; what lies between is not counted)", other, end)
	}
	l := loss{
		Known: true, Against: against, Diff: &d, Whole: r.holdsAll(t.State, &e.Report),
		Killed: d.Killed.Total, Revived: d.Resurrected.Total, Jobs: len(d.Jobs),
		Salvage: remote, SalvageHost: host, SalvageTime: d.New.Time,
	}
	for _, list := range []*backup.TaskList{&d.Killed, &d.Resurrected, &d.Changed} {
		list.Tasks = list.Tasks[:min(len(list.Tasks), listed)]
	}
	return l, nil
}

// runningTasks asks Mesos what runs of the framework. While the schedulers are
// down Mesos usually is not: it says what a restore will find.
func (r *Recovery) runningTasks(ctx context.Context, s *runner.State, framework string) (now *backup.State, master string, err error) {
	n := r.node(s, r.anyScheduler(s))
	l, err := n.Known()
	if err != nil {
		return nil, "", err
	}
	var tasks []backup.Task
	// Without a limit a master answers with 100 tasks.
	master, err = n.Mesos(ctx, l.Flags["mesos_master_address"], "/tasks?limit=10000000", func(page *bound.Decoder) (err error) {
		tasks, err = parseMesosTasks(page, framework)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	return backup.NewState(r.Now(), tasks), master, nil
}

// maxMesos bounds the memory of the tasks that a Mesos master names, in bytes.
const maxMesos = 64 << 20

// parseMesosTasks reads {"tasks":[{…}]} one by one and keeps those of the
// framework that run or are about to. framework "" keeps all.
func parseMesosTasks(page *bound.Decoder, framework string) ([]backup.Task, error) {
	var tasks []backup.Task
	left := maxMesos
	err := node.MesosList(page, "tasks", func() error {
		var t struct {
			ID        string `json:"id"`
			Name      string `json:"name"` // Aurora's: role/environment/name.
			Framework string `json:"framework_id"`
			Agent     string `json:"slave_id"`
			State     string `json:"state"`
		}
		if err := page.Decode(&t); err != nil {
			return err
		}
		if framework != "" && t.Framework != framework {
			return nil
		}
		switch t.State {
		case "TASK_RUNNING", "TASK_STARTING", "TASK_STAGING", "TASK_KILLING":
			const each = 300 // A task beside its text, while the list of them grows.
			if left -= each + len(t.ID) + len(t.Name) + len(t.Agent); left < 0 {
				return fmt.Errorf("%w: its tasks would take over %d MiB of memory", bound.ErrTooMuch, maxMesos>>20)
			}
			status, _ := backup.ParseStatus("RUNNING")
			task := backup.Task{ID: t.ID, Status: status, Host: t.Agent}
			task.Role, task.Environment, task.Job, task.Instance = jobOf(t.ID, t.Name)
			tasks = append(tasks, task)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("/tasks: %w", err)
	}
	return tasks, nil
}

// jobOf reads whose task it is. Aurora names tasks after their job, and builds a
// task's ID as role-environment-name-instance-UUID, in which role and name may have
// dashes too: without the name all before the instance is the job.
func jobOf(id, name string) (role, env, job string, instance int32) {
	job = id
	const uuid = len("-00000000-0000-0000-0000-000000000000")
	if at := len(id) - uuid; at > 0 && id[at] == '-' {
		dash := strings.LastIndexByte(id[:at], '-')
		if n, err := strconv.ParseInt(id[dash+1:at], 10, 32); dash > 0 && err == nil {
			job, instance = id[:dash], int32(n)
		}
	}
	if parts := strings.Split(name, "/"); len(parts) == 3 {
		return parts[0], parts[1], parts[2], instance
	}
	return "", "", job, instance
}
