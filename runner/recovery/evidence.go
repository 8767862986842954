package recovery

import (
	"context"
	"fmt"
	"path"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// logEvidence is what was found of one replica with its scheduler stopped: the
// facts of prepare/read-logs.
type logEvidence struct {
	Path    string         `json:"path"` // Where the log lay.
	Copy    string         `json:"copy,omitempty"`
	Tree    probe.Tree     `json:"tree"` // Of the folder as it was found.
	Report  replica.Report `json:"report"`
	ReadAt  time.Time      `json:"read_at"`
	Missing bool           `json:"missing,omitempty"`
}

// evidence is where a run keeps the log as it was found.
func evidence(n *node.Node) string { return path.Join(n.Folder(), "evidence", "log") }

func (r logs) keepEvidence(ctx context.Context, t *runner.Task) (any, error) {
	n := r.on(t)
	if err := r.schedulers().mustBeStopped(ctx, t, "the log can't be read while its scheduler runs"); err != nil {
		return nil, err
	}
	l, err := n.Known()
	if err != nil {
		return nil, err
	}
	log, copied := l.Flags["native_log_file_path"], evidence(n)
	if err := n.MakeFolder(ctx, path.Base(path.Dir(copied))); err != nil {
		return nil, err
	}
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{log, copied}, Trees: []string{log, copied}})
	if err != nil {
		return nil, err
	}
	if !facts.Paths[log].Exists {
		return nil, nil
	}
	if facts.Paths[copied].Exists {
		if facts.Trees[copied].SHA256 == facts.Trees[log].SHA256 {
			return nil, nil
		}
		return nil, fmt.Errorf("%s is there and differs from %s", copied, log)
	}
	out, err := n.Detached(ctx, "copy", runner.Command{
		Argv: []string{"cp", "-a", "--reflink=auto", "-T", "--", log, copied + ".part"}, User: r.Cluster.User, Limit: node.CopyLimit,
	}, func() error {
		facts, err := n.Ask(ctx, probe.Request{Paths: []string{copied + ".part"}})
		if err != nil || !facts.Paths[copied+".part"].Exists {
			return err
		}
		// A copy that was cut short: set aside, under a name by its inode.
		_, err = n.Run(ctx, r.Cluster.User, "mv", "-T", "--", copied+".part", fmt.Sprintf("%s.cut-%d", copied, facts.Paths[copied+".part"].Inode))
		return err
	})
	if err := node.Well("copy "+log, out, err); err != nil {
		return nil, err
	}
	_, err = n.Run(ctx, r.Cluster.User, "mv", "-T", "--", copied+".part", copied)
	return nil, err
}

// evidenceKept compares the copy with the log, hash by hash, and reads the copy.
func (r logs) evidenceKept(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n, l, err := r.known(t)
	if err != nil {
		return runner.Answer{}, err
	}
	log, copied := l.Flags["native_log_file_path"], evidence(n)
	facts, err := n.Ask(ctx, probe.Request{Trees: []string{log, copied}})
	if err != nil {
		return runner.Answer{}, err
	}
	of, has := facts.Trees[log], facts.Trees[copied]
	e := logEvidence{Path: log, Tree: of, ReadAt: facts.Now}
	switch {
	case of.Error != "":
		return runner.Answer{}, fmt.Errorf("read %s: %s", log, of.Error)
	case !of.Exists:
		if !t.State.Of(t.Step, t.On).Begun {
			return runner.No("%s was not looked at yet", log), nil // So that it stands in the journal as done by this run.
		}
		e.Missing = true
		e.Report = replica.Report{Path: log, State: replica.StateMissing}
		return runner.Yes("%s is missing", log).With(e), nil
	case has.Error != "":
		return runner.Answer{}, fmt.Errorf("read %s: %s", copied, has.Error)
	case !has.Exists:
		return runner.No("there is no copy at %s", copied), nil
	case has.SHA256 != of.SHA256:
		return runner.No("%s differs from %s", copied, log), nil
	}
	e.Copy = copied
	if err := n.ReadLog(ctx, copied, &e.Report); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s: %s; copied, %d files, %d bytes, hash %.12s", log, node.LogWords(&e.Report), of.Files, of.Bytes, of.SHA256).With(e), nil
}

// logAsFound is the Undo of the evidence step, and what makes undo whole: the
// log's folder is put back as it was found. Disabled schedulers write to a log
// (promises, a noop), so the folder that they leave is moved aside, and the
// copy put in its place and compared hash by hash.
func (r logs) logAsFound(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.on(t)
	e, ok := foundLog.Of(t.State, t.On)
	if !ok {
		// The run ended before the copy was proved, so nothing was started since.
		return runner.Yes("the log was not touched: no scheduler was started after it was looked at"), nil
	}
	facts, err := n.Ask(ctx, probe.Request{Trees: []string{e.Path}})
	if err != nil {
		return runner.Answer{}, err
	}
	is := facts.Trees[e.Path]
	switch {
	case is.Error != "":
		return runner.Answer{}, fmt.Errorf("read %s: %s", e.Path, is.Error)
	case e.Missing && !is.Exists:
		return runner.Yes("%s is missing, as it was found", e.Path), nil
	case !e.Missing && is.Exists && is.SHA256 == e.Tree.SHA256:
		return runner.Yes("%s is as it was found (%.12s)", e.Path, is.SHA256), nil
	}
	switch a, err := r.schedulers().schedulerStopped(ctx, t); {
	case err != nil:
		return runner.Answer{}, err
	case !a.Yes:
		return runner.No("%s is not as it was found and cannot be put back while a scheduler writes to it: %s. This run had stopped it; if somebody started it, stop it there and undo again", e.Path, a.Evidence), nil
	}
	if is.Exists {
		// There is more than one where somebody started a scheduler while it was put back.
		if err := n.MoveAside(ctx, e.Path, node.AsideOf(e.Path, t.State.Run)+".disabled", true); err != nil {
			return runner.Answer{}, err
		}
	}
	if e.Missing {
		return runner.Yes("%s is missing, as it was found; what this run made lies beside it", e.Path), nil
	}
	if err := n.CopyBack(ctx, e.Copy, e.Path); err != nil {
		return runner.Answer{}, err
	}
	facts, err = n.Ask(ctx, probe.Request{Trees: []string{e.Path}})
	if err != nil {
		return runner.Answer{}, err
	}
	if is := facts.Trees[e.Path]; is.SHA256 != e.Tree.SHA256 {
		return runner.No("%s is not as it was found: hash %.12s, want %.12s", e.Path, is.SHA256, e.Tree.SHA256), nil
	}
	return runner.Yes("%s is as it was found (%.12s)", e.Path, e.Tree.SHA256), nil
}
