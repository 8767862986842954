package recovery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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

	Salvaged *salvaged `json:"salvaged,omitempty"` // The backup made of that log.

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

	Create []createAgain `json:"create,omitempty"` // Jobs that only the log knows, at most [listed].
}

// A createAgain is a job of which the backup has no task at work: whoever wants it back
// must create it. Its configuration may hold passwords and stays on the bot, in
// [lostJobs].
type createAgain struct {
	Job       string           `json:"job"`
	Instances int              `json:"instances"`
	Each      health.Resources `json:"each"` // Of its first instance.
}

// lostJobs is the run's file on the bot with the configurations of the jobs that only
// the log knows.
const lostJobs = "lost-jobs.json"

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
	jobs := health.LostJobs(l.sources()...)
	for i := range jobs {
		for _, c := range l.Create {
			if c.Job == jobs[i].Job {
				jobs[i].Each = &c.Each
			}
		}
	}
	return health.LossOf(l.sources()...), jobs
}

// LostJobs are the configurations of the jobs that a run's restore loses and that only
// the log knows, as JSON: [{"job", "instances": [0, 1, …], "task_config": as the API takes
// it}]. nil: there are none.
func (r *Recovery) LostJobs(s *runner.State) ([]byte, error) {
	if l, ok := foundLoss.Of(s, runner.Bot); !ok || len(l.Create) == 0 {
		return nil, nil
	}
	file, err := r.file(s, lostJobs)
	if err != nil {
		return nil, err
	}
	return os.ReadFile(file)
}

// keepLostJobs writes down, on the bot, the configurations of the jobs of which the
// backup has no task at work and that log has.
func (r assessing) keepLostJobs(ctx context.Context, s *runner.State, d *backup.Diff, log string) ([]createAgain, error) {
	wanted := map[string]bool{}
	for _, j := range d.Jobs {
		if j.Killed > 0 && j.OldActive == 0 {
			wanted[j.Job] = true
		}
	}
	if len(wanted) == 0 {
		return nil, nil
	}
	var configs []backup.JobConfig
	err := reading(ctx, log, "configurations", func(f io.Reader, _ int64) (err error) {
		configs, err = backup.Configs(f, func(job string) bool { return wanted[job] })
		return err
	})
	if err != nil || len(configs) == 0 {
		return nil, err
	}
	file, err := r.file(s, lostJobs)
	if err != nil {
		return nil, err
	}
	var list []createAgain
	err = fetch(ctx, file, "", func(w io.Writer) error {
		next := "["
		for _, c := range configs {
			config, err := c.Config.Struct()
			if err != nil {
				return fmt.Errorf("configuration of %.200s: %w", c.Job, err)
			}
			one, err := json.Marshal(map[string]any{"job": c.Job, "instances": c.Instances, "task_config": json.RawMessage(config.AppendJSON(nil))})
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s%s", next, one); err != nil {
				return err
			}
			next = ",\n"
			switch last := len(list) - 1; {
			case last >= 0 && list[last].Job == c.Job:
				list[last].Instances += len(c.Instances)
			case len(list) < listed:
				list = append(list, createAgain{Job: c.Job, Instances: len(c.Instances), Each: health.Resources{CPUs: c.Each.CPUs, RAMMB: c.Each.RAMMB, DiskMB: c.Each.DiskMB}})
			}
		}
		_, err := io.WriteString(w, "]\n")
		return err
	})
	return list, err
}

// listed bounds the tasks that are kept in the journal; the numbers are whole.
const listed = 200

// lookAtLoss makes a backup of the log that reaches furthest, on the host and from
// the evidence copy, and compares what is restored with it. That it can't be known
// stops nothing: it is shown as not known.
func (r assessing) lookAtLoss(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l := loss{}
	made, err := r.salvageFurthest(ctx, t)
	if err == nil {
		l, err = r.compareWithLog(ctx, t, made)
	}
	if err != nil {
		l = loss{Why: err.Error()}
	}
	c, _ := foundCluster.Of(t.State, runner.Bot)
	running := r.askMesos(ctx, t.State, c.Backup.FrameworkID)
	file, err := r.backupFile(t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	l.compareWithMesos(ctx, file, running)
	l.Total = new(health.LossOf(l.sources()...))
	if l.Salvaged != nil {
		// By the log alone nothing is lost of what it holds.
		instead := loss{Known: true, Whole: l.Whole}
		instead.compareWithMesos(ctx, made.local, running)
		l.Salvaged.Total = health.LossOf(instead.sources()...)
		if l.Salvaged.NotOffered == "" && !l.lessBySalvage() {
			l.Salvaged.NotOffered = "it loses no less than the backup"
		}
	}
	return runner.Yes("%s", l.words()).With(l), nil
}

func (l *loss) words() string {
	s := "what a restore would lose is not known from the logs: " + l.Why
	if l.Known {
		s = fmt.Sprintf("compared with %s: %d tasks will be killed, %d come back, %d jobs differ", l.Against, l.Killed, l.Revived, l.Jobs)
		if v := l.Salvaged; v != nil {
			s += fmt.Sprintf("\na backup made of that log goes to %s, has %d tasks and is named %s", v.Time.Format(time.RFC3339), v.Backup.Tasks.Total, v.Name)
			if v.NotOffered != "" {
				s += "; it is not offered: " + v.NotOffered
			}
		}
	}
	if l.MesosKnown {
		return s + fmt.Sprintf("\ncompared with what runs, by the Mesos master %s: %d tasks run that the backup does not know and that will be killed; %d are active in the backup and do not run", l.Mesos, l.MesosKilled, l.MesosMissing)
	}
	return s + "\nwhat runs now is not known from Mesos: " + l.Mesos
}

// A running is what the leading Mesos master says that runs of the framework.
type running struct {
	now    *backup.State
	master string
	err    error // Why it is not known.
}

func (r *Recovery) askMesos(ctx context.Context, s *runner.State, framework string) (m running) {
	if !r.Cluster.MesosTasks {
		m.err = errors.New("the configuration says not to ask")
		return m
	}
	m.now, m.master, m.err = r.runningTasks(ctx, s, framework)
	return m
}

// compareWithMesos adds what runs and is not in a backup on the bot.
func (l *loss) compareWithMesos(ctx context.Context, file string, m running) {
	var d backup.Diff
	if m.err == nil {
		d, m.err = compareState(ctx, file, m.now)
	}
	if m.err != nil {
		l.Mesos = m.err.Error()
		return
	}
	l.Mesos, l.MesosKnown, l.MesosRuns = m.master, true, d.New.Active
	l.MesosKilled, l.MesosMissing, l.MesosJobs = d.Killed.Total, d.Resurrected.Total, d.Killed.ByJob
}

// salvageFurthest makes a backup of the log that reaches furthest. How far one does
// shows only when it is replayed: a log that may reach further than what was made is
// tried too.
func (r assessing) salvageFurthest(ctx context.Context, t *runner.Task) (best made, err error) {
	if chosen := t.State.Source; chosen != nil {
		e, _ := foundLog.Of(t.State, chosen.Host)
		return r.salvage(ctx, r.node(t.State, chosen.Host), e.Copy, "salvage", true, chosen)
	}
	err = errors.New("no replica's log can be read")
	for _, name := range r.readable(t.State) {
		e, _ := foundLog.Of(t.State, name)
		if best.host != "" && agreedEnd(&e.Report) <= best.position {
			break
		}
		// Up to damage: whether that is restored is for people to say.
		m, failed := r.salvage(ctx, r.node(t.State, name), e.Copy, "salvage", true, nil)
		switch {
		case failed != nil && best.host == "":
			err = fmt.Errorf("the log of %s: %w", name, failed)
		case failed == nil && (best.host == "" || m.position > best.position):
			best, err = m, nil
		}
	}
	return best, err
}

// readable are the hosts whose log can be read, the one first whose agreed entries
// reach furthest without a gap after its last snapshot, whole ones before others.
func (r assessing) readable(s *runner.State) []string {
	var names []string
	found := map[string]logEvidence{}
	for _, name := range r.everyScheduler(s) {
		if e, ok := foundLog.Of(s, name); ok && !e.Missing && e.Report.Aurora != nil {
			names, found[name] = append(names, name), e
		}
	}
	slices.SortStableFunc(names, func(a, b string) int {
		p, q := found[a].Report, found[b].Report
		whole := func(p *replica.Report) int {
			if p.State.Whole() {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(agreedEnd(&q), agreedEnd(&p)), whole(&q)-whole(&p))
	})
	return names
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

func (r assessing) compareWithLog(ctx context.Context, t *runner.Task, m made) (loss, error) {
	e, _ := foundLog.Of(t.State, m.host)
	file, err := r.backupFile(t.State)
	if err != nil {
		return loss{}, err
	}
	d, err := compareFiles(ctx, file, m.local)
	if err != nil {
		return loss{}, fmt.Errorf("the log of %s: %w", m.host, err)
	}
	against := fmt.Sprintf("the log of %s up to position %d", m.host, m.position)
	if end, other := r.furthest(t.State); end > m.position {
		against += fmt.Sprintf(" (that of %s reaches %d; what lies between is not counted)", other, end)
	}
	l := loss{
		Known: true, Against: against, Diff: &d, Whole: r.holdsAll(t.State, &e.Report),
		Killed: d.Killed.Total, Revived: d.Resurrected.Total, Jobs: len(d.Jobs),
	}
	if l.Salvaged, err = r.judgeSalvage(ctx, t.State, m); err != nil {
		return loss{}, fmt.Errorf("the log of %s: %w", m.host, err)
	}
	if l.Create, err = r.keepLostJobs(ctx, t.State, &d, m.local); err != nil {
		return loss{}, fmt.Errorf("the log of %s: %w", m.host, err)
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
