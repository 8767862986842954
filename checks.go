package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"aurorabot/handlers"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/backup/check/host"
	"aurorabot/runner/backup/keep"
	"aurorabot/runner/recovery"
)

// checkOf is the check of a cluster's backups. What it learned is kept in the
// state folder: the next process does not decode everything again.
func (a *app) checkOf(r *recovery.Recovery) handlers.Check {
	file := filepath.Join(a.cfg.StateDir, "checks", r.Cluster.Name+".json")
	var store *keep.Store
	if c := r.Cluster; c.KeepCopies > 0 {
		store = &keep.Store{Dir: c.BackupCopies, Count: c.KeepCopies, For: c.KeepFor, Now: a.w.now}
	}
	return func(ctx context.Context, runs []check.Window) (check.Result, error) {
		facts, next, err := host.Check(ctx, r.Nodes, runs, a.remembered(ctx, file))
		if err != nil {
			return check.Result{}, err
		}
		result := check.Judge(facts)
		next.Level = result.Level
		// Without it the next check is slower, and right all the same.
		if err := writeJSON(file, next); err != nil {
			a.log.WarnContext(ctx, "checks", "cluster", r.Cluster.Name, "err", err)
		}
		if store == nil {
			return result, nil
		}
		facts.Copy = store.Keep(ctx, result.Newest, func(ctx context.Context, w io.Writer) error {
			_, err := r.Hosts[result.Newest.Host].Get(ctx, result.Newest.Path, w)
			return err
		})
		if n := len(facts.Copy.Removed); n > 0 {
			a.log.InfoContext(ctx, "copies of backups: retention took own ones away", "cluster", r.Cluster.Name, "names", facts.Copy.Removed)
		}
		return check.Judge(facts), nil
	}
}

// remembered is what the check before left. A file that cannot be read is as
// good as none.
func (a *app) remembered(ctx context.Context, file string) check.Memory {
	var m check.Memory
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		a.log.WarnContext(ctx, "checks: what is remembered cannot be read", "file", file, "err", err)
		return check.Memory{}
	}
	return m
}
