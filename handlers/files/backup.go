package files

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"aurorabot/runner/backup"
)

func backupInspect(ctx context.Context, c *call) (int, error) {
	r, err := c.lookAt(ctx)
	if err != nil {
		return exitError, err
	}
	if !r.Valid {
		return exitError, fmt.Errorf("inspect backup %s: %s", r.File, r.Error)
	}
	return exitDone, nil
}

func backupVerify(ctx context.Context, c *call) (int, error) {
	r, err := c.lookAt(ctx)
	switch {
	case err != nil:
		return exitError, err
	case !r.Valid:
		return exitError, fmt.Errorf("verify backup %s: %s", r.File, r.Error)
	case !r.Clean():
		why := r.Warnings[0]
		if n := len(r.Warnings); n > 1 {
			why += fmt.Sprintf(" (and %d more)", n-1)
		}
		return exitError, fmt.Errorf("verify backup %s: it decodes, but looks wrong: %s", r.File, why)
	}
	return exitDone, nil
}

// lookAt inspects the backup that is the only operand, and prints the report.
func (c *call) lookAt(ctx context.Context) (backup.Report, error) {
	r, err := inspect(ctx, c.operands[0], c.Now())
	if err != nil {
		return r, err
	}
	if c.json {
		return r, c.writeJSON(r)
	}
	p := c.page()
	c.backupPage(p, &r)
	return r, p.end()
}

func inspect(ctx context.Context, path string, now time.Time) (backup.Report, error) {
	defer frugal(backupMemory)()
	f, size, err := open("backup", path)
	if err != nil {
		return backup.Report{}, err
	}
	defer f.Close()
	r, err := backup.Inspect(reader{ctx, f}, backup.Options{Name: path, Size: size, Now: now})
	if err != nil {
		return r, fmt.Errorf("read backup %s: %w", path, bare(err))
	}
	if r.Jobs > manyJobs {
		debug.FreeOSMemory() // The tables of the walk are gone, and printing so many takes as much.
	}
	return r, nil
}

// manyJobs is so many that a report of them takes megabytes.
const manyJobs = 10_000

// backupPage is the human form of a report: state first, then the evidence.
func (c *call) backupPage(p *page, r *backup.Report) {
	state := "valid"
	switch {
	case !r.Valid:
		state = "NOT VALID: " + r.Error
	case len(r.Warnings) > 0:
		state = "valid, with " + counted(len(r.Warnings), "warning")
	}
	p.line("%s: %s", r.File, state)
	for _, w := range r.Warnings {
		p.line("  warning: %s", w)
	}
	if !r.Valid {
		p.line("What follows was read before the damage.")
	}
	if r.TimestampMs != 0 {
		p.row("taken", r.Timestamp+", "+ago(c.Now(), r.Time()))
	} else {
		p.row("taken", "not said")
	}
	p.row("framework id", orNone(r.FrameworkID))
	for _, k := range sorted(r.Metadata) {
		p.row("metadata "+k, r.Metadata[k])
	}
	p.row("size", fmt.Sprintf("%d bytes", r.Bytes))
	p.row("SHA-256", r.SHA256)
	p.row("tasks", fmt.Sprintf("%d, %d of them active", r.Tasks.Total, r.Tasks.Active))
	p.row("by status", orNone(tally(r.Tasks.ByStatus)))
	p.row("by role", orNone(tally(r.Tasks.ByRole)))
	p.row("jobs", r.Jobs)
	p.row("job updates", r.JobUpdates)
	p.row("host attributes", r.HostAttributes)
	p.row("maintenance requests", r.MaintenanceRequests)
	if r.DBScriptStatements > 0 {
		p.row("dbScript", counted(r.DBScriptStatements, "statement"))
	}
	if len(r.Tasks.ByJob) > 0 {
		p.line("")
		p.row("JOB", "TASKS", "ACTIVE")
		for i, j := range most(r.Tasks.ByJob) {
			if i == listed {
				break
			}
			p.row(j.name, j.n, r.Tasks.ActiveByJob[j.name])
		}
		p.more(len(r.Tasks.ByJob))
	}
	pairs(p, "CRON JOB", "SCHEDULE", r.CronJobs)
	pairs(p, "ROLE", "QUOTA", r.Quotas)
}

// pairs writes a map as a table, if it has anything.
func pairs[V any](p *page, key, value string, m map[string]V) {
	if len(m) == 0 {
		return
	}
	p.line("")
	p.row(key, value)
	for i, k := range sorted(m) {
		if i == listed {
			break
		}
		p.row(k, m[k])
	}
	p.more(len(m))
}

// state reads what a comparison needs of a backup.
func state(ctx context.Context, path string) (*backup.State, error) {
	f, _, err := open("backup", path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := backup.ReadState(reader{ctx, f})
	if err == nil {
		return s, nil
	}
	err = fmt.Errorf("compare backup %s: %w", path, bare(err))
	if errors.Is(err, context.Cause(ctx)) {
		return nil, err
	}
	return nil, hinted(err, "`aurorabot backup inspect %s` shows what can be read of it", path)
}
