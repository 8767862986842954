package files

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

// salvaged is what `log salvage --json` prints: the report of the new file, and
// what it is made of, named as in replica.Salvaged. Only its timestamp has
// another name, as the file has one too.
type salvaged struct {
	backup.Report
	From         []replica.From   `json:"from"`
	Base         int64            `json:"base_position"`
	BaseTime     replica.Millis   `json:"base_timestamp"`
	Position     uint64           `json:"position"`
	Newest       replica.Millis   `json:"newest_timestamp"`
	Transactions int64            `json:"transactions"`
	Ops          map[string]int64 `json:"ops"`
	Missing      replica.Ranges   `json:"missing"`
	Dropped      []string         `json:"dropped"`
	Ignored      map[string]int64 `json:"ignored"`
}

func logSalvage(ctx context.Context, c *call) (int, error) {
	target := c.options["o"]
	if target == "" {
		return exitUsage, hinted(errors.New("log salvage: where to write the backup is missing"), "add -o FILE, outside of the logs' directories")
	}
	if err := outside(target, c.operands); err != nil {
		return exitError, err
	}
	_, upTo := c.options["up-to-damage"]
	snapshot, made, err := replica.Salvage(ctx, c.operands, replica.SalvageOptions{UpToDamage: upTo})
	if ctx.Err() != nil {
		return exitError, context.Cause(ctx)
	}
	if err != nil {
		err := fmt.Errorf("salvage %s: %w", strings.Join(c.operands, ", "), err)
		var r *replica.Refusal
		if errors.As(err, &r) && r.Partial {
			return exitError, hinted(err, "with --up-to-damage it stops at position %d, and says what that drops", r.Position)
		}
		return exitError, hinted(err, "`aurorabot log inspect %s` shows what is there", strings.Join(c.operands, " "))
	}
	report, err := save(ctx, target, snapshot, c.Now())
	if err != nil {
		return exitError, fmt.Errorf("write salvaged backup %s: %w", target, err)
	}
	if c.json {
		return exitDone, c.writeJSON(salvaged{
			report, made.From, made.Base, made.BaseTime, made.Position, made.Time,
			made.Transactions, made.Ops, made.Missing, made.Dropped, made.Ignored,
		})
	}
	p := c.page()
	salvagePage(p, &made)
	p.line("")
	c.backupPage(p, &report)
	return exitDone, p.end()
}

// outside refuses a target in one of the logs' directories: they are evidence.
func outside(target string, dirs []string) error {
	folder, err := real(filepath.Dir(target))
	if err != nil {
		return fmt.Errorf("write salvaged backup %s: its folder: %w", target, bare(err))
	}
	for _, dir := range dirs {
		d, err := real(dir)
		if err != nil {
			continue // The salvage itself says what is wrong with it.
		}
		if folder == d || strings.HasPrefix(folder, d+string(filepath.Separator)) {
			return hinted(fmt.Errorf("write salvaged backup %s: it would lie in the log %s, which must not change", target, dir), "name a file elsewhere with -o")
		}
	}
	return nil
}

// real is the path without links.
func real(path string) (string, error) {
	p, err := filepath.EvalSymlinks(path)
	if err != nil {
		return "", err
	}
	return filepath.Abs(p)
}

// salvagePage says how far the salvage goes and what it lacks.
func salvagePage(p *page, s *replica.Salvaged) {
	p.line("Salvaged up to position %d, newest entry of %s.", s.Position, orNone(s.Time.String()))
	if s.Base < 0 {
		p.line("  begins with nothing: the log never had a snapshot")
	} else {
		p.line("  begins with the snapshot at %d, taken %s", s.Base, orNone(s.BaseTime.String()))
	}
	p.line("  %s after it: %s", counted(s.Transactions, "transaction"), orNone(tally(s.Ops)))
	if len(s.Missing) > 0 {
		p.line("  learned by nobody: positions %s", ranges(s.Missing))
	}
	for _, d := range s.Dropped {
		p.line("  left out: %s", d)
	}
	if len(s.Ignored) > 0 {
		p.line("  passed over, as the scheduler does: %s", tally(s.Ignored))
	}
	p.row("FROM", "STATE", "STATUS", "LAST POSITION", "HOLES", "UNLEARNED", "DAMAGE")
	for _, f := range s.From {
		p.row(f.Path, f.State, f.Status, f.LastPosition, ranges(f.Holes), ranges(f.Unlearned), len(f.Damage))
	}
}
