package files

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"aurorabot/runner/replica"
)

// logInspect has its exit status from the states of the directories alone: what
// a comparison of several adds is the human form's verdict.
func logInspect(ctx context.Context, c *call) (int, error) {
	defer frugal(logMemory)()
	var reports []replica.Report
	var bad []string
	for _, dir := range c.operands {
		r, err := replica.Inspect(ctx, dir)
		if ctx.Err() != nil {
			return exitError, context.Cause(ctx)
		}
		if err != nil {
			// The disk failed. The other replicas matter all the more.
			r = replica.Report{
				Path: dir, State: replica.StateUnreadable, Error: clean(err.Error()), Holes: replica.Ranges{}, Unlearned: replica.Ranges{},
				Damage: []replica.Damage{}, Warnings: []string{}, Digests: []replica.Digest{},
			}
		}
		if !r.State.Whole() {
			bad = append(bad, fmt.Sprintf("%s: %s: %s", r.Path, r.State, why(&r)))
		}
		reports = append(reports, r)
	}
	if err := c.logPrint(reports); err != nil {
		return exitError, err
	}
	if len(bad) > 0 {
		return exitError, errors.New("inspect log " + strings.Join(bad, "; "))
	}
	return exitDone, nil
}

func (c *call) logPrint(reports []replica.Report) error {
	switch {
	case c.json && len(reports) == 1:
		return c.writeJSON(reports[0])
	case c.json:
		return c.writeJSON(reports)
	}
	p := c.page()
	if len(reports) == 1 {
		logPage(p, &reports[0])
		return p.end()
	}
	sideBySide(p, reports)
	verdict(p, reports)
	return p.end()
}

// logRow is one figure of a replica's log.
type logRow struct {
	name string
	of   func(*replica.Report) any
}

// read keeps a figure from looking like a fact where nothing was read.
func read(f func(*replica.Report) any) func(*replica.Report) any {
	return func(r *replica.Report) any {
		if r.Status == "" {
			return "-"
		}
		return f(r)
	}
}

func aurora(f func(*replica.Aurora) any) func(*replica.Report) any {
	return func(r *replica.Report) any {
		if r.Aurora == nil {
			return "-"
		}
		return f(r.Aurora)
	}
}

// logRows are the figures that people see.
var logRows = []logRow{
	{"state", func(r *replica.Report) any { return r.State }},
	{"status", read(func(r *replica.Report) any { return r.Status })},
	{"promised", read(func(r *replica.Report) any { return r.Promised })},
	{"positions", read(func(r *replica.Report) any { return fmt.Sprintf("%d to %d", r.Begin, r.End) })},
	{"holes", read(func(r *replica.Report) any { return ranges(r.Holes) })},
	{"unlearned", read(func(r *replica.Report) any { return ranges(r.Unlearned) })},
	{"appends", read(func(r *replica.Report) any { return fmt.Sprintf("%d, %d bytes", r.Appends, r.AppendBytes) })},
	{"nops", read(func(r *replica.Report) any { return fmt.Sprintf("%d and %d tombstones", r.Nops, r.TombstoneNops) })},
	{"truncates", read(func(r *replica.Report) any { return r.Truncates })},
	{"only promised", read(func(r *replica.Report) any { return r.PromiseOnly })},
	{"transactions", aurora(func(a *replica.Aurora) any { return a.Transactions })},
	{"last transaction", aurora(func(a *replica.Aurora) any { return position(a.LastTransaction) })},
	{"snapshots", aurora(func(a *replica.Aurora) any { return a.Snapshots })},
	{"last snapshot", aurora(func(a *replica.Aurora) any { return position(a.LastSnapshot) })},
	{"taken", aurora(func(a *replica.Aurora) any { return orNone(a.LastSnapshotTime.String()) })},
	{"tasks in it", aurora(func(a *replica.Aurora) any { return a.LastSnapshotTasks })},
	{"new leaders", aurora(func(a *replica.Aurora) any { return a.Noops })},
	{"aborted series", aurora(func(a *replica.Aurora) any { return a.AbortedFrameSeries })},
	{"undecodable", aurora(func(a *replica.Aurora) any { return a.Undecodable })},
}

// position is a position, or "none" for -1.
func position(n int64) string {
	if n < 0 {
		return "none"
	}
	return fmt.Sprintf("at %d", n)
}

// ranges writes runs of positions in few words.
func ranges(r replica.Ranges) string {
	if len(r) == 0 {
		return "none"
	}
	const most = 4
	s := r[:min(len(r), most)].String()
	if len(r) > most {
		s += fmt.Sprintf(" … %d more", len(r)-most)
	}
	return fmt.Sprintf("%d: %s", r.Count(), s)
}

func logPage(p *page, r *replica.Report) {
	p.line("%s", r.Path)
	for _, row := range logRows {
		if v := row.of(r); v != "-" {
			p.row(row.name, v)
		}
	}
	if r.Aurora != nil && len(r.Aurora.Ops) > 0 {
		p.row("operations", tally(r.Aurora.Ops))
	}
	troubles(p, r)
}

// sideBySide is one table of all replicas.
func sideBySide(p *page, reports []replica.Report) {
	head := []any{"replica"}
	for i := range reports {
		p.line("%d is %s", i+1, reports[i].Path)
		head = append(head, i+1)
	}
	p.line("")
	p.row(head...)
	for _, row := range logRows {
		cells := []any{row.name}
		some := false
		for i := range reports {
			v := row.of(&reports[i])
			some = some || v != "-"
			cells = append(cells, v)
		}
		if some {
			p.row(cells...)
		}
	}
	for i := range reports {
		if r := &reports[i]; len(r.Damage)+len(r.Warnings) > 0 || r.Error != "" {
			p.line("")
			p.line("%d, %s:", i+1, r.Path)
			troubles(p, r)
		}
	}
}

// why is a report's error without the path, which its reader knows.
func why(r *replica.Report) string { return strings.TrimPrefix(r.Error, r.Path+": ") }

// troubles lists what is wrong with a replica.
func troubles(p *page, r *replica.Report) {
	if r.Error != "" && len(r.Damage) == 0 {
		p.line("  error: %s", why(r))
	}
	for _, d := range r.Damage[:min(len(r.Damage), listed)] {
		p.line("  damage: %s, byte %d: %s", d.File, d.Offset, d.What)
	}
	p.more(len(r.Damage))
	for _, w := range r.Warnings {
		p.line("  warning: %s", w)
	}
}

// verdict says what the replicas amount to together.
func verdict(p *page, reports []replica.Report) {
	v := replica.Compare(reports)
	p.line("")
	p.line("verdict: %s (%d of %d replicas whole and VOTING, %d needed)", v.Verdict, v.Voting, len(reports), v.Quorum)
	for _, d := range v.Diverged[:min(len(v.Diverged), listed)] {
		p.line("  %d and %d have learned other bytes at %s", d.A+1, d.B+1, d.Range)
	}
	p.more(len(v.Diverged))
	for _, w := range v.Why {
		p.line("  %s", w)
	}
	if len(v.Uncompared) > 0 {
		p.line("  not compared: positions %s", ranges(v.Uncompared))
	}
}
