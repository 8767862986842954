package backup

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
)

// Diff is what a restore of an older state would do to a newer one. Lists are sorted, and never nil.
type Diff struct {
	Old Point `json:"old"` // The backup.
	New Point `json:"new"` // What is there now, or was last.

	// Another framework id: Mesos would not know the restored scheduler's tasks. False where one of them is not known.
	OtherFramework bool `json:"other_framework"`

	Killed      TaskList `json:"killed"`      // Active in the newer state, absent or inactive in the older: unknown to the restored scheduler, so it kills them.
	Resurrected TaskList `json:"resurrected"` // Active in the older state, absent or inactive in the newer: started again, or found lost and replaced.
	Changed     TaskList `json:"changed"`     // Active in both, with another status, host or configuration.

	Jobs []JobDiff `json:"jobs"` // Those with a difference in their tasks.

	OnlyTasks           bool     `json:"only_tasks"` // One state has tasks only; what follows was not compared.
	CronJobs            PartDiff `json:"cron_jobs"`
	Quotas              PartDiff `json:"quotas"`
	JobUpdates          PartDiff `json:"job_updates"`
	HostAttributes      PartDiff `json:"host_attributes"`
	MaintenanceRequests PartDiff `json:"maintenance_requests"`
	Locks               PartDiff `json:"locks"`
}

// Point is one of the states that are compared.
type Point struct {
	Time        time.Time `json:"time,omitzero"`
	FrameworkID string    `json:"framework_id"`
	Tasks       int       `json:"tasks"`
	Active      int       `json:"active"`
}

// TaskList is a number of tasks, its figures first.
type TaskList struct {
	Total  int            `json:"total"`
	ByRole map[string]int `json:"by_role"`
	ByJob  map[string]int `json:"by_job"`
	Tasks  []TaskDiff     `json:"tasks"` // By job, instance, id.
}

// TaskDiff is one task in both states. A status is "" where the task is absent.
type TaskDiff struct {
	ID        string   `json:"id"`
	Job       string   `json:"job"` // role/environment/name
	Instance  int32    `json:"instance"`
	OldStatus string   `json:"old_status,omitempty"`
	NewStatus string   `json:"new_status,omitempty"`
	OldHost   string   `json:"old_host,omitempty"`
	NewHost   string   `json:"new_host,omitempty"`
	Changes   []string `json:"changes,omitempty"` // Of "status", "host", "config"; for tasks active in both.
	role      string
}

// JobDiff is one job in both states, by its active tasks.
type JobDiff struct {
	Job         string `json:"job"`
	OldActive   int    `json:"old_active"`
	NewActive   int    `json:"new_active"`
	Killed      int    `json:"killed"`
	Resurrected int    `json:"resurrected"`
	Changed     int    `json:"changed"`
}

// PartDiff is what differs in the crons, the quotas and so on; each with its key.
type PartDiff struct {
	Lost     []PartChange `json:"lost"`     // In the newer state only: a restore loses it.
	Returned []PartChange `json:"returned"` // In the older state only: a restore brings it back.
	Changed  []PartChange `json:"changed"`
}

// PartChange is one of them. Old and New are a few words where there is a short form.
type PartChange struct {
	Key string `json:"key"` // role/environment/name, with the update's id after it; a role; a host.
	Old string `json:"old,omitempty"`
	New string `json:"new,omitempty"`
}

// Empty tells whether a restore would lose and change nothing.
func (d *Diff) Empty() bool {
	n := d.Killed.Total + d.Resurrected.Total + d.Changed.Total
	for _, p := range []PartDiff{d.CronJobs, d.Quotas, d.JobUpdates, d.HostAttributes, d.MaintenanceRequests, d.Locks} {
		n += len(p.Lost) + len(p.Returned) + len(p.Changed)
	}
	return n == 0 && !d.OtherFramework
}

// Compare tells what a restore of older would do where newer is the state of things.
func Compare(older, newer *State) Diff {
	d := Diff{Old: older.point(), New: newer.point(), OnlyTasks: older.partial || newer.partial}
	d.OtherFramework = older.FrameworkID != newer.FrameworkID && older.FrameworkID != "" && newer.FrameworkID != ""
	killed, resurrected, changed := compareTasks(older, newer)
	d.Killed, d.Resurrected, d.Changed = listOf(killed), listOf(resurrected), listOf(changed)
	d.Jobs = jobsOf(older, newer, &d)
	for id, part := range map[Field]*PartDiff{
		CronJobs: &d.CronJobs, Quotas: &d.Quotas, JobUpdates: &d.JobUpdates,
		HostAttributes: &d.HostAttributes, MaintenanceRequests: &d.MaintenanceRequests, Locks: &d.Locks,
	} {
		*part = PartDiff{Lost: []PartChange{}, Returned: []PartChange{}, Changed: []PartChange{}}
		if !d.OnlyTasks {
			part.compare(id, older, newer)
		}
	}
	return d
}

func (s *State) point() Point {
	p := Point{Time: s.Time, FrameworkID: s.FrameworkID, Tasks: len(s.tasks)}
	for _, t := range s.tasks {
		if t.Status.Active() {
			p.Active++
		}
	}
	return p
}

func compareTasks(older, newer *State) (killed, resurrected, changed []TaskDiff) {
	for id, now := range newer.tasks {
		if !now.Status.Active() {
			continue
		}
		then, ok := older.tasks[id]
		d := differ(then, now, ok, true)
		if !ok || !then.Status.Active() {
			killed = append(killed, d)
		} else if len(d.Changes) > 0 {
			changed = append(changed, d)
		}
	}
	for id, then := range older.tasks {
		if now, ok := newer.tasks[id]; then.Status.Active() && (!ok || !now.Status.Active()) {
			resurrected = append(resurrected, differ(then, now, true, ok))
		}
	}
	return killed, resurrected, changed
}

// differ describes a task that was in the older state, or is in the newer one, or both.
func differ(then, now stateTask, was, is bool) TaskDiff {
	t := then.Task
	if is && (now.Job != "" || !was) {
		t = now.Task
	}
	d := TaskDiff{ID: t.ID, Job: t.Key(), Instance: t.Instance, role: t.Role, OldHost: then.Host, NewHost: now.Host}
	if was {
		d.OldStatus = then.Status.String()
	}
	if is {
		d.NewStatus = now.Status.String()
	}
	if !was || !is || !then.Status.Active() || !now.Status.Active() {
		return d
	}
	if then.Status != now.Status {
		d.Changes = append(d.Changes, "status")
	}
	if then.Host != now.Host {
		d.Changes = append(d.Changes, "host")
	}
	if unknown := (digest{}); then.config != now.config && then.config != unknown && now.config != unknown {
		d.Changes = append(d.Changes, "config")
	}
	return d
}

func listOf(tasks []TaskDiff) TaskList {
	slices.SortFunc(tasks, func(a, b TaskDiff) int {
		return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.ID, b.ID))
	})
	l := TaskList{Total: len(tasks), ByRole: map[string]int{}, ByJob: map[string]int{}, Tasks: tasks}
	if tasks == nil {
		l.Tasks = []TaskDiff{}
	}
	for _, t := range tasks {
		l.ByRole[t.role]++
		l.ByJob[t.Job]++
	}
	return l
}

func jobsOf(older, newer *State, d *Diff) []JobDiff {
	jobs := map[string]*JobDiff{}
	for _, l := range []TaskList{d.Killed, d.Resurrected, d.Changed} {
		for job := range l.ByJob {
			jobs[job] = &JobDiff{
				Job: job, Killed: d.Killed.ByJob[job], Resurrected: d.Resurrected.ByJob[job], Changed: d.Changed.ByJob[job],
			}
		}
	}
	for _, t := range older.tasks {
		if j := jobs[t.Key()]; j != nil && t.Status.Active() {
			j.OldActive++
		}
	}
	for _, t := range newer.tasks {
		if j := jobs[t.Key()]; j != nil && t.Status.Active() {
			j.NewActive++
		}
	}
	out := []JobDiff{}
	for _, job := range slices.Sorted(maps.Keys(jobs)) {
		out = append(out, *jobs[job])
	}
	return out
}

func (p *PartDiff) compare(id Field, older, newer *State) {
	then, now := older.parts[id], newer.parts[id]
	for _, k := range slices.Sorted(maps.Keys(now)) {
		c := PartChange{Key: k, Old: older.words[id][k], New: newer.words[id][k]}
		if was, ok := then[k]; !ok {
			p.Lost = append(p.Lost, c)
		} else if was != now[k] {
			p.Changed = append(p.Changed, c)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(then)) {
		if _, ok := now[k]; !ok {
			p.Returned = append(p.Returned, PartChange{Key: k, Old: older.words[id][k]})
		}
	}
}

// CompareFiles compares two backups as they are read; see [Compare].
func CompareFiles(older, newer io.Reader) (Diff, error) {
	then, err := ReadState(older)
	if err != nil {
		return Diff{}, fmt.Errorf("the older backup: %w", err)
	}
	now, err := ReadState(newer)
	if err != nil {
		return Diff{}, fmt.Errorf("the newer backup: %w", err)
	}
	return Compare(then, now), nil
}
