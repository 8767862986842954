package node

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/bound"
	"aurorabot/runner/probe"
)

// What is taken of the helper's answers, in bytes: facts about the host, a report
// about a log or a backup, and what either becomes in memory.
const (
	maxFacts   = 16 << 20
	maxReport  = 32 << 20
	maxDecoded = 96 << 20
)

// Folder is where a run keeps its files on the host.
func (n *Node) Folder() string { return path.Join(n.Scheduler.RunDir, "runs", n.RunID) }

// KeptFolder is where originals of configuration files lie: they may hold
// secrets, and nobody but root may come between reading and restoring them.
func KeptFolder(runDir, run string) string { return path.Join(runDir, "originals") + "/" + run }

// AsideOf is where a run puts what lay at p: beside it, on the same file
// system, under a name that a resumed run finds again.
func AsideOf(p, run string) string { return p + ".dr-" + run }

// HelperPath is where the helper lies on a host; its name is its hash.
func HelperPath(runDir, sha256 string) string {
	return path.Join(runDir, "bin", "aurorabot-"+sha256[:16])
}

// through keeps a session for the commands that only look, once the helper is
// on the host.
func (n *Node) through() runner.Keeper {
	if n.Tool.Path == "" || n.Tool.Brief {
		return runner.Keeper{}
	}
	return runner.Keeper{Program: n.Tool.Path, Words: []string{"host", "keep"}}
}

func (n *Node) helped() error {
	if n.Tool.Path == "" {
		return fmt.Errorf("the helper was not uploaded to %s in this run", n.Name)
	}
	return nil
}

// throughAs is through for questions that the helper answers itself, as the
// scheduler's account: its session can be asked for nothing else.
func (n *Node) throughAs() runner.Keeper {
	k := n.through()
	if k.Program != "" {
		k.Words, k.User = []string{"host", "facts", "--keep"}, n.Cluster.User
	}
	return k
}

// Ask asks the host many questions in one session, as the scheduler's user.
func (n *Node) Ask(ctx context.Context, q probe.Request) (probe.Facts, error) {
	if err := n.helped(); err != nil {
		return probe.Facts{}, err
	}
	limit := 2 * time.Minute
	if len(q.Trees) > 0 {
		limit = CopyLimit // They are read to the last byte.
	}
	return Facts(ctx, n.Host, runner.Command{Argv: []string{n.Tool.Path, "host", "facts"}, User: n.Cluster.User, Limit: limit, Through: n.throughAs()}, q)
}

// Facts asks the helper, which cmd runs on a host.
func Facts(ctx context.Context, host runner.Host, cmd runner.Command, q probe.Request) (facts probe.Facts, err error) {
	if cmd.Stdin, err = json.Marshal(q); err != nil {
		return facts, fmt.Errorf("encode the questions: %w", err)
	}
	cmd.Output = maxFacts
	out, err := host.Run(ctx, cmd)
	if err != nil {
		return facts, fmt.Errorf("ask the host: %w", err)
	}
	if out.Exit != 0 || out.Cut {
		return facts, &ExitError{out}
	}
	if err := bound.JSON(out.Stdout, &facts, maxDecoded); err != nil {
		return facts, fmt.Errorf("ask the host: the answer cannot be read: %w", err)
	}
	if len(facts.Errors) > 0 {
		return facts, fmt.Errorf("ask the host: %s", strings.Join(facts.Errors, "; "))
	}
	return facts, nil
}

// An ExitError is the answer of a helper that did not do as asked.
type ExitError struct{ Output runner.Output }

func (e *ExitError) Error() string {
	return fmt.Sprintf("ask the host: exit status %d: %s", e.Output.Exit, Tail(e.Output))
}

// Read runs a command of the helper that prints one JSON document, and
// decodes it. Exit status 1 is its way to say "not well"; the document says why.
func (n *Node) Read(ctx context.Context, limit time.Duration, v any, args ...string) error {
	if err := n.helped(); err != nil {
		return err
	}
	argv := append([]string{n.Tool.Path}, args...)
	out, err := n.Host.Run(ctx, runner.Command{Argv: argv, User: n.Cluster.User, Gentle: true, Limit: limit, Output: maxReport, Through: n.through()})
	if err != nil {
		return fmt.Errorf("%s: %w", Shown(args), err)
	}
	if out.Exit != 0 && out.Exit != 1 || out.Cut || len(out.Stdout) == 0 {
		return fmt.Errorf("%s: exit status %d: %s", Shown(args), out.Exit, Tail(out))
	}
	if err := bound.JSON(out.Stdout, v, maxDecoded); err != nil {
		return fmt.Errorf("%s: the answer cannot be read: %w", Shown(args), err)
	}
	return nil
}

// Shown is a command as people read it.
func Shown(argv []string) string { return strings.Join(argv, " ") }

// Well is the error of a command that was to end with exit status 0; what names it.
func Well(what string, out runner.Output, err error) error {
	if err == nil && out.Exit != 0 {
		err = fmt.Errorf("exit status %d: %s", out.Exit, Tail(out))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Tail is the end of what a command printed, for an error: five lines at most, and
// no more than people read.
func Tail(out runner.Output) string {
	s := bytes.TrimSpace(out.Stderr)
	if len(s) == 0 {
		s = bytes.TrimSpace(out.Stdout)
	}
	if len(s) == 0 {
		return "no output"
	}
	from := len(s)
	for range 5 {
		if from = bytes.LastIndexByte(s[:from], '\n'); from < 0 {
			break
		}
	}
	const most = 4096
	if from = max(from+1, len(s)-most); from > 0 {
		return "… " + strings.ToValidUTF8(string(s[from:]), "")
	}
	return string(s)
}

// MakeFolder makes a folder of the run on the host, of that name, which is the
// scheduler's account's. The run's own and what is above it are root's, also where
// an older version had made them the account's.
func (n *Node) MakeFolder(ctx context.Context, name string) error {
	facts, err := n.Ask(ctx, probe.Request{})
	if err != nil {
		return err
	}
	return asRoot(ctx, n, []string{n.Tool.Path, "host", "run-folder", path.Join(n.Folder(), name), ownerOf(facts)})
}
