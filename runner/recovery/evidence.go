package recovery

import (
	"context"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
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
func (r *Recovery) evidence(t *runner.Task) string { return path.Join(r.folder(t), "evidence", "log") }

// copyLimit is how long it may take to copy a log, or to hash it: 10 GB at 7 MB/s.
const copyLimit = 25 * time.Minute

func (r *Recovery) keepEvidence(ctx context.Context, t *runner.Task) (any, error) {
	if a, err := r.schedulerStopped(ctx, t); err != nil || !a.Yes {
		if err == nil {
			err = fmt.Errorf("the log can't be read while its scheduler runs: %s", a.Evidence)
		}
		return nil, err
	}
	l, err := look(t.State, t.On)
	if err != nil {
		return nil, err
	}
	log, copied := l.Flags["native_log_file_path"], r.evidence(t)
	for _, dir := range []string{path.Join(r.scheduler(t).RunDir, "runs"), r.folder(t), path.Dir(copied)} {
		if err := r.makeFolder(ctx, t, dir); err != nil {
			return nil, err
		}
	}
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{log, copied}, Trees: []string{log, copied}})
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
	out, err := r.detached(ctx, t, "copy", runner.Command{
		Argv: []string{"cp", "-a", "--reflink=auto", "-T", "--", log, copied + ".part"}, User: "root", Limit: copyLimit,
	}, func() error {
		facts, err := r.probe(ctx, t, probe.Request{Paths: []string{copied + ".part"}})
		if err != nil || !facts.Paths[copied+".part"].Exists {
			return err
		}
		// A copy that was cut short: set aside, under a name by its inode.
		_, err = run(ctx, t, "root", "mv", "-T", "--", copied+".part", fmt.Sprintf("%s.cut-%d", copied, facts.Paths[copied+".part"].Inode))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("copy %s: %w", log, err)
	}
	if out.Exit != 0 {
		return nil, fmt.Errorf("copy %s: exit status %d: %s", log, out.Exit, tail(out))
	}
	_, err = run(ctx, t, "root", "mv", "-T", "--", copied+".part", copied)
	return nil, err
}

// evidenceKept compares the copy with the log, hash by hash, and reads the copy.
func (r *Recovery) evidenceKept(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	l, err := look(t.State, t.On)
	if err != nil {
		return runner.Answer{}, err
	}
	log, copied := l.Flags["native_log_file_path"], r.evidence(t)
	facts, err := r.probe(ctx, t, probe.Request{Trees: []string{log, copied}})
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
	if err := r.readLog(ctx, t, copied, &e.Report); err != nil {
		return runner.Answer{}, err
	}
	return runner.Yes("%s: %s; copied, %d files, %d bytes, hash %.12s", log, logWords(&e.Report), of.Files, of.Bytes, of.SHA256).With(e), nil
}

// readLog reads a replica's folder on the host.
func (r *Recovery) readLog(ctx context.Context, t *runner.Task, dir string, report *replica.Report) error {
	return r.readJSON(ctx, t, 15*time.Minute, report, "log", "inspect", "--json", dir)
}

// logWords says in one line how a replica is.
func logWords(p *replica.Report) string {
	s := string(p.State)
	if p.Status != "" {
		s += ", " + p.Status
	}
	if p.State == replica.StateOK || p.End > 0 {
		s += fmt.Sprintf(", positions %d to %d, %d holes, %d unlearned", p.Begin, p.End, p.Holes.Count(), p.Unlearned.Count())
	}
	if p.Aurora != nil && p.Aurora.Undecodable > 0 {
		s += fmt.Sprintf(", %d entries that a scheduler cannot decode", p.Aurora.Undecodable)
	}
	for i, d := range p.Damage {
		if i == 3 {
			s += fmt.Sprintf("; … %d more", len(p.Damage)-i)
			break
		}
		s += fmt.Sprintf("; damage in %s: %s", d.File, d.What)
	}
	if p.Error != "" && !strings.Contains(s, p.Error) {
		s += "; " + p.Error
	}
	return s
}

// logAsFound is the Undo of the evidence step, and what makes undo whole: the
// log's folder is put back as it was found. Disabled schedulers write to a log
// (promises, a noop), so the folder that they leave is moved aside, and the
// copy put in its place and compared hash by hash.
func (r *Recovery) logAsFound(ctx context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
	var e logEvidence
	if !t.State.Facts(stepEvidence, t.On, &e) {
		// The run ended before the copy was proved, so nothing was started since.
		return runner.Yes("the log was not touched: no scheduler was started after it was looked at"), nil
	}
	facts, err := r.probe(ctx, t, probe.Request{Trees: []string{e.Path}})
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
	switch a, err := r.schedulerStopped(ctx, t); {
	case err != nil:
		return runner.Answer{}, err
	case !a.Yes:
		return runner.No("%s is not as it was found and cannot be put back while a scheduler writes to it: %s. This run had stopped it; if somebody started it, stop it there and undo again", e.Path, a.Evidence), nil
	}
	if is.Exists {
		to, err := r.freeAside(ctx, t, e.Path, asideOf(e.Path, t.State.Run)+".disabled")
		if err != nil {
			return runner.Answer{}, err
		}
		if err := r.moveAside(ctx, t, e.Path, to); err != nil {
			return runner.Answer{}, err
		}
	}
	if e.Missing {
		return runner.Yes("%s is missing, as it was found; what this run made lies beside it", e.Path), nil
	}
	if err := r.copyBack(ctx, t, e.Copy, e.Path); err != nil {
		return runner.Answer{}, err
	}
	facts, err = r.probe(ctx, t, probe.Request{Trees: []string{e.Path}})
	if err != nil {
		return runner.Answer{}, err
	}
	if is := facts.Trees[e.Path]; is.SHA256 != e.Tree.SHA256 {
		return runner.No("%s is not as it was found: hash %.12s, want %.12s", e.Path, is.SHA256, e.Tree.SHA256), nil
	}
	return runner.Yes("%s is as it was found (%.12s)", e.Path, e.Tree.SHA256), nil
}

// freeAside is to, or where that is taken a name of the folder's own: somebody
// started a scheduler while the log was put back, so that there is a second one
// that is not the one that was found.
func (r *Recovery) freeAside(ctx context.Context, t *runner.Task, from, to string) (string, error) {
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{from, to}})
	if err != nil {
		return "", err
	}
	if facts.Paths[to].Exists {
		to += fmt.Sprintf("-%d", facts.Paths[from].Inode)
	}
	return to, nil
}

// moveAside renames a folder beside itself, or, where the path is a mount
// itself, moves its contents into a folder inside. It never overwrites.
func (r *Recovery) moveAside(ctx context.Context, t *runner.Task, from, to string) error {
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{from, to}})
	if err != nil {
		return err
	}
	if facts.Paths[to].Exists {
		return fmt.Errorf("move %s aside: %s is there already", from, to)
	}
	if !facts.Paths[from].Mount {
		_, err = run(ctx, t, "root", "mv", "-nT", "--", from, to)
		return err
	}
	inside := path.Join(from, path.Base(to))
	if _, err := run(ctx, t, "root", "install", "-d", "-m", "0750", "-o", r.Cluster.User, "-g", r.Cluster.Group, inside); err != nil {
		return err
	}
	_, err = run(ctx, t, "root", "find", from, "-mindepth", "1", "-maxdepth", "1", "!", "-name", "*.dr-*", "-exec", "mv", "-n", "-t", inside, "--", "{}", "+")
	return err
}

// copyBack puts a copy of the evidence in the log's place.
func (r *Recovery) copyBack(ctx context.Context, t *runner.Task, from, to string) error {
	facts, err := r.probe(ctx, t, probe.Request{Paths: []string{to}})
	if err != nil {
		return err
	}
	argv := []string{"cp", "-a", "--reflink=auto", "-T", "--", from, to + ".part"}
	if facts.Paths[to].Exists { // A mount, emptied.
		argv = []string{"cp", "-a", "--reflink=auto", "-T", "--", from, to}
	}
	out, err := r.detached(ctx, t, "copy-back", runner.Command{Argv: argv, User: "root", Limit: copyLimit}, nil)
	if err != nil {
		return fmt.Errorf("copy the log back: %w", err)
	}
	if out.Exit != 0 {
		return fmt.Errorf("copy the log back: exit status %d: %s", out.Exit, tail(out))
	}
	if facts.Paths[to].Exists {
		return nil
	}
	_, err = run(ctx, t, "root", "mv", "-nT", "--", to+".part", to)
	return err
}
