package node

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"aurorabot/runner"
)

// Long commands, and those that must not run twice, are jobs: they run detached
// from the connection, and their verdict is read over the next one. A job is
// named after run, host (home folders may be shared), step and try, so that a
// bot that was killed finds what it began, and a try that failed is another one.

// notInJobs is what a job's name may not hold.
var notInJobs = regexp.MustCompile(`[^A-Za-z0-9.-]`)

func (n *Node) jobName(step, what string, try int) string {
	return notInJobs.ReplaceAllString(fmt.Sprintf("%s.%s.%s.%s.%d", n.RunID, n.Name, strings.ReplaceAll(step, "/", "."), what, try), "-")
}

// A Job is the try of a step that commands are run for.
type Job struct {
	Step string
	Try  int
}

// Detached runs cmd as a job. Nothing of an earlier try is at
// work any more when it begins. fresh, if not nil, makes ready for a beginning;
// it is not called where a job that is there is only waited for.
func (n *Node) Detached(ctx context.Context, what string, cmd runner.Command, fresh func() error) (runner.Output, error) {
	if err := n.Over(ctx, n.Job.Step, what, n.Job.Try-1, cmd); err != nil {
		return runner.Output{}, err
	}
	cmd.Job = n.jobName(n.Job.Step, what, n.Job.Try)
	if fresh != nil {
		look := cmd
		look.Argv, look.Stdin = nil, nil
		out, err := n.Host.Run(ctx, look)
		if !errors.Is(err, runner.ErrNotStarted) {
			return out, err
		}
		if err := fresh(); err != nil {
			return runner.Output{}, err
		}
	}
	return n.Host.Run(ctx, cmd)
}

// MayHaveJobs runs one that does nothing: that there can be none is better known
// before the schedulers are stopped.
func (n *Node) MayHaveJobs(ctx context.Context) error {
	out, err := n.Host.Run(ctx, runner.Command{Argv: []string{"true"}, Job: n.jobName(n.Job.Step, "true", int(n.Now().UnixNano()))})
	return Well("run a command apart from the connection", out, err)
}

// Over waits until nothing of the jobs of a step's first tries is at work. What
// they did is for others to look at; that it cannot be told is an error. cmd says
// for how long, and whose they are.
func (n *Node) Over(ctx context.Context, step, what string, tries int, cmd runner.Command) error {
	for try := 1; try <= tries; try++ {
		_, err := n.Host.Run(ctx, runner.Command{Job: n.jobName(step, what, try), User: cmd.User, Limit: cmd.Limit, Output: 1})
		if err != nil && !errors.Is(err, runner.ErrNotStarted) && !errors.Is(err, runner.ErrOver) {
			return fmt.Errorf("an earlier try may be at work still: %w", err)
		}
	}
	return nil
}
