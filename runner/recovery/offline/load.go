package offline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/durable"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// restored is the file that is loaded: the facts of restore/copy-backup.
type restored struct {
	Path   string `json:"path"` // On the host.
	SHA256 string `json:"sha256"`
}

// load is what the log holds after it: the facts of restore/load.
type load struct {
	Tree      probe.Tree `json:"tree"` // Of the log's folder.
	Tasks     int        `json:"tasks"`
	IDs       string     `json:"ids_sha256"` // Over their sorted ids.
	Framework string     `json:"framework_id"`
	End       uint64     `json:"end"` // The log's last position.
}

// source is the file on the bot that is loaded: the backup as it was decoded, or, where
// tasks were dropped, one without them, which is made anew each time the same.
func (r loading) source(ctx context.Context, s *runner.State) (file, sum string, err error) {
	file, sum, err = r.Source(s)
	if err != nil {
		return "", "", err
	}
	have, _, err := durable.HashWithin(ctx, file)
	if err == nil && have != sum {
		err = fmt.Errorf("its SHA-256 is %.12s, that of what was decoded %.12s", have, sum)
	}
	if err != nil {
		return "", "", fmt.Errorf("the bot's copy of the backup: %w", err)
	}
	if len(s.Dropped) == 0 {
		return file, sum, nil
	}
	whole, err := os.Open(file)
	if err != nil {
		return "", "", err
	}
	defer whole.Close()
	less, err := backup.Without(whole, s.Dropped)
	if err != nil {
		return "", "", fmt.Errorf("drop tasks from the backup: %w", err)
	}
	if sum = node.SHA256(less); sum == have {
		return file, sum, nil
	}
	if file, err = r.File(s, "reduced-"+sum[:12]); err != nil {
		return "", "", err
	}
	return file, sum, durable.Replace(file, less, 0o600)
}

// bring puts the file that is loaded into the run's folder on the host.
func (r loading) bring(ctx context.Context, t *runner.Task) (any, error) {
	file, sum, err := r.source(ctx, t.State)
	if err != nil {
		return nil, err
	}
	n := r.On(t)
	if err := n.MakeFolder(ctx, "evidence"); err != nil {
		return nil, err
	}
	return nil, t.Host.Put(ctx, runner.File{
		Path: restoredPath(n, sum), Source: func() (io.ReadCloser, error) { return os.Open(file) }, Mode: 0o644, User: r.Cluster.User, SHA256: sum,
	})
}

func restoredPath(n *node.Node, sum string) string {
	return path.Join(n.Folder(), "evidence", "restored-"+sum[:12])
}

func (r loading) isBrought(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	_, sum, err := r.source(ctx, t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	n := r.On(t)
	at := restoredPath(n, sum)
	facts, err := n.Ask(ctx, probe.Request{Paths: []string{at}})
	if err != nil {
		return runner.Answer{}, err
	}
	if p := facts.Paths[at]; !p.Exists || p.SHA256 != sum {
		return runner.No("%s is not there with the hash %.12s", at, sum), nil
	}
	return runner.Yes("%s: %.12s on the bot and here", at, sum).With(restored{at, sum}), nil
}

// loadLimit bounds recovery-tool, which hangs without end where it cannot write
// (recorded). 12,080 tasks took it a second.
const loadLimit = 10 * time.Minute

// mayLoad: it joins the log's group, so nobody else may be in it.
func (r loading) mayLoad(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	if a, err := r.isBrought(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	if a, err := r.Stopped(ctx, t); err != nil || !a.Yes {
		return a, err
	}
	return r.NobodyRegistered(ctx, t)
}

func (r loading) loadJob(t *runner.Task) (runner.Command, error) {
	l, err := r.On(t).Known()
	from, ok := brought.Of(t.State, t.On)
	if err == nil && !ok {
		err = errors.New("which file is loaded is not in the journal")
	}
	return runner.Command{Argv: node.RecoveryCommand(l.RecoveryTool, from.Path, l.Flags), User: r.Cluster.User, Limit: loadLimit}, err
}

const toolJob = "recovery-tool"

// load runs recovery-tool, once on a log without entries.
func (r loading) load(ctx context.Context, t *runner.Task) (any, error) {
	n := r.On(t)
	cmd, err := r.loadJob(t)
	if err != nil {
		return nil, err
	}
	out, err := n.Detached(ctx, toolJob, cmd, func() error { return r.begin(ctx, t) })
	if err := node.Well("recovery-tool", out, err); err != nil {
		return nil, err
	}
	return map[string]string{"stderr": node.Tail(out)}, nil
}

// isLoaded reads the log natively: exit status 0 of the tool is no proof.
func (r loading) isLoaded(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	st := t.State.Of(t.Step, t.On)
	if !st.Begun || st.Again {
		return runner.No("this run has not loaded it"), nil
	}
	n := r.On(t)
	cmd, err := r.loadJob(t)
	if err != nil {
		return runner.Answer{}, err
	}
	if err := n.Over(ctx, t.Step, toolJob, st.Try, cmd); err != nil {
		return runner.Answer{}, err
	}
	log, err := logOf(n)
	if err != nil {
		return runner.Answer{}, err
	}
	report, owner, err := readThere(ctx, n, log)
	switch {
	case err != nil:
		return runner.Answer{}, err
	case report == nil:
		return runner.No("%s is not there", log), nil
	case blank(report):
		return runner.No("%s has no entries yet", log), nil
	case report.State != replica.StateOK || report.Status != replica.Voting.String():
		return runner.No("%s: %s", log, node.LogWords(report)), nil
	case owner != "":
		return runner.No("%s", owner), nil
	}
	facts, err := n.Ask(ctx, probe.Request{Trees: []string{log}})
	if err != nil {
		return runner.Answer{}, err
	}
	is, err := tree(facts, log)
	if err != nil {
		return runner.Answer{}, err
	}
	holds, err := r.Amounts(ctx, n, log, stateName(is))
	if err != nil {
		return runner.Answer{}, fmt.Errorf("what %s amounts to: %w", log, err)
	}
	meant, _, err := r.Meant(ctx, t.State)
	if err != nil {
		return runner.Answer{}, err
	}
	if d := differs(holds.IDs, meant); d != "" {
		return runner.No("%s is not what the backup holds: %s", log, d), nil
	}
	if want := r.BackupFramework(t.State); holds.FrameworkID != want {
		return runner.No("%s is of framework %q, the backup of %q", log, holds.FrameworkID, want), nil
	}
	return runner.Yes("%s holds the %d tasks of the backup, task by task, and framework %s, at positions %d to %d", log, len(meant), holds.FrameworkID, report.Begin, report.End).
		With(load{Tree: is, Tasks: len(meant), IDs: idsSum(meant), Framework: holds.FrameworkID, End: report.End}), nil
}

// stateName is the file of what a log amounts to. Two logs that were loaded end at the
// same position, whatever is in them, so its number is of the folder's hash.
func stateName(t probe.Tree) string {
	n, err := strconv.ParseUint(t.SHA256[:min(15, len(t.SHA256))], 16, 64)
	if err != nil {
		n = 0 // No hash: then nothing else can have been made of it either.
	}
	return fmt.Sprintf("state-%d", n)
}

// unload is the Undo: the tool writes by the log's path, so it must be at work no more
// when the old log comes back there.
func (r loading) unload(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	n := r.On(t)
	cmd, err := r.loadJob(t)
	if err != nil { // Then none was begun.
		return stays("no recovery-tool was begun"), nil
	}
	if err := n.Over(ctx, t.Step, toolJob, t.State.Of(t.Step, t.On).Try, cmd); err != nil {
		return runner.Answer{}, err
	}
	return stays("recovery-tool is at work no more; the loaded log goes aside when the old one comes back"), nil
}

// asLoaded holds from the loading to the commit, on the host that was loaded and on
// those that have a copy.
func (r loading) asLoaded(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l, ok := loaded.Of(t.State, r.rehydrated(t.State))
	if !ok {
		return runner.Answer{}, errors.New("what was loaded is not in the journal")
	}
	return folderIs(ctx, r.On(t), l.Tree.SHA256)
}

func folderIs(ctx context.Context, n *node.Node, sum string) (runner.Answer, error) {
	log, err := logOf(n)
	if err != nil {
		return runner.Answer{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Trees: []string{log}})
	if err != nil {
		return runner.Answer{}, err
	}
	is, err := tree(facts, log)
	switch {
	case err != nil:
		return runner.Answer{}, err
	case !is.Exists:
		return runner.No("%s is not there", log), nil
	case is.SHA256 != sum:
		return runner.No("%s is not what was loaded: hash %.12s, want %.12s", log, is.SHA256, sum), nil
	}
	return runner.Yes("%s is what was loaded (%.12s)", log, sum), nil
}
