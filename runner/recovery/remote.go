package recovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/probe"
)

// runFolder is where a run keeps its files on a host.
func runFolder(runDir, run string) string { return path.Join(runDir, "runs", run) }

func (r *Recovery) folder(t *runner.Task) string {
	return runFolder(r.scheduler(t).RunDir, t.State.Run)
}

// keptFolder is where originals of configuration files lie: they may hold
// secrets, and nobody but root may come between reading and restoring them.
func keptFolder(runDir, run string) string { return path.Join(runDir, "originals") + "/" + run }

// asideOf is where a run puts what lay at p: beside it, on the same file
// system, under a name that a resumed run finds again.
func asideOf(p, run string) string { return p + ".dr-" + run }

// helperPath is where the helper lies on a host; its name is its hash.
func helperPath(runDir, sha256 string) string {
	return path.Join(runDir, "bin", "aurorabot-"+sha256[:16])
}

// helper returns the helper's path on the task's host.
func (r *Recovery) helper(t *runner.Task) (string, error) {
	f, there := helperOn(t)
	if !there {
		return "", fmt.Errorf("the helper was not uploaded to %s in this run", t.On)
	}
	return f.Path, nil
}

func helperOn(t *runner.Task) (f helperFacts, there bool) {
	there = t.State.Facts(stepSettleHelper, t.On, &f) || t.State.Facts(stepHelper, t.On, &f)
	return f, there
}

// through keeps a session for the commands that only look, once the helper is
// on the task's host.
func through(t *runner.Task) runner.Keeper {
	f, there := helperOn(t)
	if !there || f.Brief {
		return runner.Keeper{}
	}
	return runner.Keeper{Program: f.Path, Words: []string{"host", "keep"}}
}

// throughAs is through for questions that the helper answers itself, as the
// scheduler's account: its session can be asked for nothing else.
func (r *Recovery) throughAs(t *runner.Task) runner.Keeper {
	k := through(t)
	if k.Program != "" {
		k.Words, k.User = []string{"host", "facts", "--keep"}, r.Cluster.User
	}
	return k
}

// probe asks the host many questions in one session, as the scheduler's user.
func (r *Recovery) probe(ctx context.Context, t *runner.Task, q probe.Request) (probe.Facts, error) {
	var facts probe.Facts
	helper, err := r.helper(t)
	if err != nil {
		return facts, err
	}
	ask, err := json.Marshal(q)
	if err != nil {
		return facts, fmt.Errorf("encode the questions: %w", err)
	}
	limit := 2 * time.Minute
	if len(q.Trees) > 0 {
		limit = copyLimit // They are read to the last byte.
	}
	out, err := t.Host.Run(ctx, runner.Command{
		Argv: []string{helper, "host", "facts"}, User: r.Cluster.User, Stdin: ask, Limit: limit, Output: 16 << 20,
		Through: r.throughAs(t),
	})
	if err != nil {
		return facts, fmt.Errorf("ask the host: %w", err)
	}
	if out.Exit != 0 {
		return facts, fmt.Errorf("ask the host: exit status %d: %s", out.Exit, tail(out))
	}
	if err := json.Unmarshal(out.Stdout, &facts); err != nil {
		return facts, fmt.Errorf("ask the host: the answer is no JSON: %w", err)
	}
	if len(facts.Errors) > 0 {
		return facts, fmt.Errorf("ask the host: %s", strings.Join(facts.Errors, "; "))
	}
	return facts, nil
}

// readJSON runs a command of the helper that prints one JSON document, and
// decodes it. Exit status 1 is its way to say "not well"; the document says why.
func (r *Recovery) readJSON(ctx context.Context, t *runner.Task, limit time.Duration, v any, args ...string) error {
	helper, err := r.helper(t)
	if err != nil {
		return err
	}
	argv := append([]string{helper}, args...)
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: r.Cluster.User, Gentle: true, Limit: limit, Output: 32 << 20, Through: through(t)})
	if err != nil {
		return fmt.Errorf("%s: %w", shown(args), err)
	}
	if out.Exit != 0 && out.Exit != 1 || out.Cut || len(out.Stdout) == 0 {
		return fmt.Errorf("%s: exit status %d: %s", shown(args), out.Exit, tail(out))
	}
	if err := json.Unmarshal(out.Stdout, v); err != nil {
		return fmt.Errorf("%s: the answer is no JSON: %w", shown(args), err)
	}
	return nil
}

// shown is a command as people read it.
func shown(argv []string) string { return strings.Join(argv, " ") }

// tail is the end of what a command printed, for an error.
func tail(out runner.Output) string {
	s := strings.TrimSpace(string(out.Stderr))
	if s == "" {
		s = strings.TrimSpace(string(out.Stdout))
	}
	if lines := strings.Split(s, "\n"); len(lines) > 5 {
		s = "… " + strings.Join(lines[len(lines)-5:], "\n")
	}
	if s == "" {
		return "no output"
	}
	return s
}

func isEnding(err error, target **runner.Ending) bool { return errors.As(err, target) }

// makeFolder creates a folder of the run on the host, owned by the scheduler's user.
func (r *Recovery) makeFolder(ctx context.Context, t *runner.Task, dir string) error {
	_, err := run(ctx, t, "root", "install", "-d", "-m", "0750", "-o", r.Cluster.User, "-g", r.Cluster.Group, dir)
	return err
}
