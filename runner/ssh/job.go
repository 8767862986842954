package ssh

import (
	"bytes"
	"context"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
)

//go:embed scripts/job.sh
var jobScript string

// look is how long one session waits for a verdict before it is asked anew:
// short enough that a bot that stops does not leave it behind for long.
const look = 20 * time.Second

// notClaimed is the exit status of job.sh when the job is not there and could
// not be started.
const notClaimed = 125

func validJob(name string) bool {
	for _, c := range []byte(name) {
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.') {
			return false
		}
	}
	return !strings.HasPrefix(name, ".") && len(name) <= 200
}

// runJob starts a detached command, or finds the one that was started under
// the name, and waits for its verdict over as many connections as it takes. A
// person's abort ends it; when the bot stops it goes on.
//
// A host that cannot be reached is "outcome unknown" here and never
// [runner.ErrNotStarted]: an earlier call, or an earlier process, may have
// started the job. Only the host itself can say that it has no such job.
func (h *Host) runJob(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	if !path.IsAbs(h.cfg.RunDir) {
		return runner.Output{}, notStarted(fmt.Errorf("job %s: the host has no run directory in the configuration", cmd.Job))
	}
	// The host ends the command at its limit and needs a moment to say so.
	limited, stop := context.WithTimeoutCause(ctx, cmd.Limit+spare, fmt.Errorf("no verdict within %v", cmd.Limit+spare))
	defer stop()
	var last process
	reached := false // Whether this call got through to the host before.
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, 5*time.Second) {
		v, err := h.lookAtJob(limited, cmd, look)
		if err == nil && v.state != "running" {
			return h.judge(limited, cmd, v)
		}
		if v.leader != (process{}) {
			last = v.leader
		}
		switch {
		case v.refused:
			return runner.Output{}, notStarted(fmt.Errorf("job %s: %w", cmd.Job, err))
		case hopeless(err), err != nil && !reached && errors.Is(err, runner.ErrNotStarted) && limited.Err() == nil:
			return runner.Output{}, fmt.Errorf("job %s: outcome unknown: %w", cmd.Job, unmark(err))
		case ctx.Err() != nil && !errors.Is(context.Cause(ctx), runner.ErrAborted):
			return runner.Output{}, fmt.Errorf("job %s: outcome unknown: %w; if it started it continues, and its verdict can still be read", cmd.Job, context.Cause(ctx))
		case limited.Err() != nil:
			return runner.Output{}, fmt.Errorf("job %s: outcome unknown: %w; %w", cmd.Job, context.Cause(limited), h.endJob(ctx, cmd, last))
		case err == nil:
			pause = 50 * time.Millisecond // It runs; ask on at once.
		}
		reached = true
		// The connection broke: what the job did stands on the host.
		select {
		case <-limited.Done():
		case <-time.After(pause):
		}
	}
}

// endJob ends a job that was given up, and says what became of it. The error
// wraps [runner.ErrOver] where nothing of it is at work any more.
func (h *Host) endJob(ctx context.Context, cmd runner.Command, last process) error {
	if last == (process{}) { // Nobody saw it: the host knows whether there is one.
		within, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), killTime, fmt.Errorf("no answer within %v", killTime))
		defer stop()
		v, err := h.lookAtJob(within, runner.Command{Job: cmd.Job, Output: 1}, 0)
		switch {
		case err != nil:
			return fmt.Errorf("could not confirm that it was killed: %w", unmark(err))
		case v.state == "none":
			return fmt.Errorf("%w: it was not started", runner.ErrOver)
		case v.state != "running":
			return fmt.Errorf("%w: it had ended before it could be killed", runner.ErrOver)
		}
		last = v.leader
	}
	said := h.kill(ctx, last, cmd.User)
	if strings.HasPrefix(said, "could not confirm") {
		return errors.New(said)
	}
	return fmt.Errorf("%w: %s", runner.ErrOver, said)
}

// hopeless reports errors that another connection will not mend.
func hopeless(err error) bool {
	var key *HostKeyError
	return errors.As(err, &key) || errors.Is(err, errLogin)
}

// unmark hides that err wraps [runner.ErrNotStarted]: it is about reading the
// verdict, and says nothing about the command.
func unmark(err error) error {
	if errors.Is(err, runner.ErrNotStarted) {
		return errors.New(strings.ReplaceAll(err.Error(), runner.ErrNotStarted.Error()+": ", ""))
	}
	return err
}

// A verdict is what the host says of a job.
type verdict struct {
	state   string  // "rc", "running", "lost", "none", "other".
	leader  process // Of a running one.
	rc      int
	out     runner.Output
	other   string // The command that was started under the name.
	refused bool   // The job is not there, and the host could not start it.
}

func (c *Config) jobDir(job string) string { return path.Join(c.RunDir, "jobs", job) }

// lookAtJob starts the job if its folder is not there, and waits for its verdict
// for as long as that.
func (h *Host) lookAtJob(ctx context.Context, cmd runner.Command, wait time.Duration) (v verdict, err error) {
	free, err := h.slot(ctx)
	if err != nil {
		return v, err
	}
	defer free()
	var argv []string // None: it is only looked at.
	if len(cmd.Argv) > 0 {
		argv = h.cfg.argv(cmd)
	}
	// The bound on what comes back: both outputs and the line before them.
	out, errs := &capped{most: 2*cmd.Output + 8192, share: &h.outputs}, newMarked(4096)
	defer out.end()
	in := &word{heard: errs.seen, over: make(chan struct{}), rest: bytes.NewReader(cmd.Stdin)}
	defer in.end()
	line := script(procsScript+goScript+jobScript, append([]string{
		h.cfg.jobDir(cmd.Job), seconds(cmd.Limit), strconv.Itoa(int(wait / (100 * time.Millisecond))),
		strconv.Itoa(cmd.Output), strconv.Itoa(len(cmd.Stdin)), Quote(argv),
	}, argv...)...)
	status, _, err := h.session(ctx, line, in, out, errs)
	if err != nil {
		return v, err
	}
	if status != 0 {
		v.refused = status == notClaimed
		_, _ = errs.process() // What is no line of ours is the shell's own.
		return v, fmt.Errorf("exit status %d: %s", status, firstLines(errs.rest.bytes()))
	}
	return parseVerdict(out.bytes())
}

func parseVerdict(b []byte) (verdict, error) {
	head, rest, ok := bytes.Cut(b, []byte("\n"))
	words := strings.Fields(string(head))
	if !ok || len(words) == 0 {
		return verdict{}, fmt.Errorf("answer %q cannot be read", firstLines(b))
	}
	v := verdict{state: words[0]}
	switch {
	case v.state == "rc" && len(words) == 6:
		var n [5]int
		for i := range n {
			var err error
			if n[i], err = strconv.Atoi(words[i+1]); err != nil {
				return verdict{}, fmt.Errorf("answer %q cannot be read: %w", head, err)
			}
		}
		v.rc = n[0]
		if len(rest) != n[3]+n[4] {
			return verdict{}, fmt.Errorf("answer %q is followed by %d bytes", head, len(rest))
		}
		v.out = runner.Output{Stdout: rest[:n[3]], Stderr: rest[n[3]:], Exit: n[0], Cut: n[1] > n[3] || n[2] > n[4]}
	case v.state == "running" && len(words) == 3:
		v.leader = process{words[1], words[2]}
	case v.state == "lost", v.state == "none":
	case v.state == "other":
		v.other = strings.TrimPrefix(strings.TrimSuffix(string(b), "\n"), "other ")
	default:
		return verdict{}, fmt.Errorf("answer %q cannot be read", firstLines(b))
	}
	return v, nil
}

// timedOut is the exit status of timeout(1) when it ended the command.
const timedOut = 124

func (h *Host) judge(ctx context.Context, cmd runner.Command, v verdict) (runner.Output, error) {
	switch {
	case v.state == "none":
		return runner.Output{}, notStarted(fmt.Errorf("job %s: there is none", cmd.Job))
	case v.state == "other":
		return runner.Output{}, notStarted(fmt.Errorf("job %s: was started as another command: %s", cmd.Job, v.other))
	case v.state == "lost":
		return runner.Output{}, fmt.Errorf("job %s: outcome unknown: it was started, but left no verdict and no process (%w); see %s", cmd.Job, runner.ErrOver, h.cfg.jobDir(cmd.Job))
	case v.rc == timedOut:
		return runner.Output{}, fmt.Errorf("job %s: not done within its limit; killed (%w); outcome unknown", cmd.Job, runner.ErrOver)
	}
	if err := sudoSaid(cmd.User, len(h.cfg.sudo(cmd.User)) > 0, v.out); errors.Is(err, runner.ErrNotStarted) {
		// Nothing ran, so the name may be used again.
		aside := h.cfg.jobDir(cmd.Job) + ".refused-" + strings.ToLower(rand.Text()[:8])
		if _, e := h.runHere(ctx, runner.Command{Argv: []string{"mv", "-T", "--", h.cfg.jobDir(cmd.Job), aside}, Limit: time.Minute, Output: 4096}); e != nil {
			return runner.Output{}, fmt.Errorf("%w; and its folder could not be moved aside: %w", err, unmark(e))
		}
		return runner.Output{}, err
	} else if err != nil {
		return runner.Output{}, fmt.Errorf("job %s: %w", cmd.Job, err)
	}
	return v.out, nil
}
