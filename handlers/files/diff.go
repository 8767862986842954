package files

import (
	"context"
	"fmt"
	"strings"

	"aurorabot/runner/backup"
)

func backupDiff(ctx context.Context, c *call) (int, error) {
	older, err := state(ctx, c.operands[0])
	if err != nil {
		return exitError, err
	}
	newer, err := state(ctx, c.operands[1])
	if err != nil {
		return exitError, err
	}
	d := backup.Compare(older, newer)
	if c.json {
		return exitDone, c.writeJSON(d)
	}
	p := c.page()
	diffPage(p, c.operands[0], c.operands[1], &d)
	return exitDone, p.end()
}

// diffPage is the human form of a comparison: the numbers first, then the lists.
func diffPage(p *page, older, newer string, d *backup.Diff) {
	p.line("What a restore of %s would do where %s is the state of things:", older, newer)
	if d.Empty() {
		p.line("Nothing: they hold the same.")
	}
	p.row("", "TAKEN", "TASKS", "ACTIVE", "FRAMEWORK ID")
	for _, x := range []struct {
		name string
		backup.Point
	}{{"old", d.Old}, {"new", d.New}} {
		taken := "not said"
		if !x.Time.IsZero() {
			taken = x.Time.UTC().Format("2006-01-02T15:04:05Z")
		}
		p.row(x.name, taken, x.Tasks, x.Active, orNone(x.FrameworkID))
	}
	if d.OtherFramework {
		p.line("The framework ids differ: to Mesos the restored scheduler would be another framework, and the tasks that run are not its own.")
	}
	if d.Empty() {
		return
	}
	p.line("")
	p.row("killed", counted(d.Killed.Total, "task"), tally(d.Killed.ByRole))
	p.row("start again", counted(d.Resurrected.Total, "task"), tally(d.Resurrected.ByRole))
	p.row("changed", counted(d.Changed.Total, "task"), tally(d.Changed.ByRole))
	for _, part := range parts(d) {
		if n := len(part.Lost) + len(part.Returned) + len(part.Changed); n > 0 {
			p.row(part.name, fmt.Sprintf("%d lost, %d returned, %d changed", len(part.Lost), len(part.Returned), len(part.Changed)))
		}
	}
	if len(d.Jobs) > 0 {
		p.line("")
		p.row("JOB", "ACTIVE IN OLD", "IN NEW", "KILLED", "START AGAIN", "CHANGED")
		for _, j := range d.Jobs[:min(len(d.Jobs), listed)] {
			p.row(j.Job, j.OldActive, j.NewActive, j.Killed, j.Resurrected, j.Changed)
		}
		p.more(len(d.Jobs))
	}
	taskTable(p, "killed", d.Killed.Tasks)
	taskTable(p, "that start again", d.Resurrected.Tasks)
	taskTable(p, "changed", d.Changed.Tasks)
	for _, part := range parts(d) {
		partTable(p, part.name+" lost", part.Lost)
		partTable(p, part.name+" returned", part.Returned)
		partTable(p, part.name+" changed", part.Changed)
	}
}

type namedPart struct {
	name string
	*backup.PartDiff
}

func parts(d *backup.Diff) []namedPart {
	return []namedPart{
		{"cron jobs", &d.CronJobs},
		{"quotas", &d.Quotas},
		{"job updates", &d.JobUpdates},
		{"host attributes", &d.HostAttributes},
		{"maintenance requests", &d.MaintenanceRequests},
		{"locks", &d.Locks},
	}
}

func taskTable(p *page, title string, tasks []backup.TaskDiff) {
	if len(tasks) == 0 {
		return
	}
	p.line("")
	p.line("Tasks %s:", title)
	for _, t := range tasks[:min(len(tasks), listed)] {
		p.row(fmt.Sprintf("%s/%d", t.Job, t.Instance), t.ID, change(t.OldStatus, t.NewStatus), change(t.OldHost, t.NewHost), strings.Join(t.Changes, ", "))
	}
	p.more(len(tasks))
}

func partTable(p *page, title string, changes []backup.PartChange) {
	if len(changes) == 0 {
		return
	}
	p.line("")
	p.line("%s:", strings.ToUpper(title[:1])+title[1:])
	for _, x := range changes[:min(len(changes), listed)] {
		p.row(x.Key, change(x.Old, x.New))
	}
	p.more(len(changes))
}

// change writes a value of the older state and that of the newer.
func change(older, newer string) string {
	if older == newer {
		return older
	}
	return orDash(older) + " → " + orDash(newer)
}

// orDash is s, or a dash for what is absent.
func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}
