package recovery

import (
	"context"
	"fmt"
	"io"
	"path"
	"path/filepath"

	"aurorabot/runner"
)

// logsSay is what the replicas said of the commit: the facts of
// restore/unknown-judge.
type logsSay struct {
	ByContent bool `json:"by_content,omitempty"` // By the state that the log amounts to.
}

// judgeContent judges by what the log of a host amounts to. A leader after the
// commit wrote a snapshot there that was agreed on: whatever the commit left
// behind the old end is in it, or can never come, for the writer took the
// positions that were not decided. The commit's own entry is cut off, but the
// state tells, where staged and previous one differ.
func (r *Recovery) judgeContent(ctx context.Context, t *runner.Task, host, seen string) (runner.Answer, error) {
	f, _ := fenceOf(t.State)
	s, ok := foundStake.Of(t.State, f.Host)
	if !ok || s.Equal || s.Before == "" || s.Before == s.IDs {
		return r.staysUnknown(t, seen+"; a later snapshot hides it, and the states before and after the commit do not tell them apart")
	}
	ids, err := r.amountsTo(ctx, t, host)
	if err != nil {
		return r.staysUnknown(t, fmt.Sprintf("%s; a later snapshot hides it, and what the log of %s amounts to can't be read: %v", seen, host, err))
	}
	seen += fmt.Sprintf("; the log of %s has a snapshot that a later leader wrote, and amounts to %d tasks", host, len(ids))
	switch idsSum(ids) {
	case s.IDs:
		return runner.Yes("committed: %s, exactly those staged", seen).With(logsSay{ByContent: true}), nil
	case s.Before:
		seen += ", exactly those before the commit"
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: seen}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("not committed: %s", seen), nil
	}
	return r.staysUnknown(t, fmt.Sprintf("%s, neither those staged (%d) nor those before the commit (%d)", seen, s.Tasks, s.Previous))
}

// amountsTo are the ids of the tasks in the state that a stopped scheduler's log
// amounts to, by its learned entries.
func (r *Recovery) amountsTo(ctx context.Context, t *runner.Task, host string) (map[string]bool, error) {
	n := r.node(t.State, host)
	l, err := n.Known()
	if err != nil {
		return nil, err
	}
	p, ok := foundReplica.Of(t.State, host)
	if !ok {
		return nil, fmt.Errorf("what it holds is not in the journal")
	}
	// The name says up to where: the same log gives the same file.
	name := fmt.Sprintf("state-%d", p.End)
	remote := path.Join(n.Folder(), name)
	if err := n.Salvage(ctx, l.Flags["native_log_file_path"], remote, false); err != nil {
		return nil, err
	}
	dir, err := r.Files(t.State.Run)
	if err != nil {
		return nil, err
	}
	local := filepath.Join(dir, name+"-"+host)
	if err := fetch(local, "", func(w io.Writer) error { _, err := n.Host.Get(ctx, remote, w); return err }); err != nil {
		return nil, err
	}
	all, _, err := backupTasks(local)
	return all, err
}
