package keep

import (
	"context"
	"io"
	"log/slog"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/durable"
)

// A Checker checks a cluster's backups, and keeps what it learned in a file: the
// next process does not decode everything again.
type Checker struct {
	Cluster string
	File    string

	// Look asks all hosts. runs are the recoveries of the cluster, m is what the
	// check before left.
	Look func(ctx context.Context, runs []check.Window, m check.Memory) (check.Facts, check.Memory, error)

	Copies *Store                                                           // Nil: no copies are kept.
	Get    func(ctx context.Context, host, path string, to io.Writer) error // Fetches a backup, for a copy.
	Log    *slog.Logger
}

// Check checks the backups now. An error means that nothing was found out.
func (c *Checker) Check(ctx context.Context, runs []check.Window) (check.Result, error) {
	var m check.Memory
	if err := durable.ReadJSON(c.File, &m); err != nil {
		c.Log.WarnContext(ctx, "checks: what is remembered cannot be read", "err", err)
		m = check.Memory{} // As good as none.
	}
	facts, next, err := c.Look(ctx, runs, m)
	if err != nil {
		return check.Result{}, err
	}
	result := check.Judge(facts)
	next.Level = result.Level
	// Without it the next check is slower, and right all the same.
	if err := durable.WriteJSON(c.File, next); err != nil {
		c.Log.WarnContext(ctx, "checks", "cluster", c.Cluster, "err", err)
	}
	if c.Copies == nil {
		return result, nil
	}
	facts.Copy = c.Copies.Keep(ctx, result.Newest, func(ctx context.Context, w io.Writer) error {
		return c.Get(ctx, result.Newest.Host, result.Newest.Path, w)
	})
	if n := len(facts.Copy.Removed); n > 0 {
		c.Log.InfoContext(ctx, "copies of backups: retention took own ones away", "cluster", c.Cluster, "names", facts.Copy.Removed)
	}
	return check.Judge(facts), nil
}
