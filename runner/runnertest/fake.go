package runnertest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"aurorabot/runner"
)

// A Host is a [runner.Host] in memory. It knows the commands that a test
// teaches it with [Host.On] and [Host.Handle], and keeps files. A command that
// it was not taught fails the test: a fake that answers what nobody thought
// about proves nothing.
//
// Commands run one at a time, so handlers may share state without locks.
type Host struct {
	t    testing.TB
	name string

	turn chan struct{} // Held while a handler runs.

	mu       sync.Mutex
	handlers []handler
	files    map[string]runner.File
	jobs     map[string]runner.Output
	ran      []runner.Command
	down     error
	dial     func(context.Context, string) (net.Conn, error)
	before   func(runner.Command) error
	closed   int
}

type handler struct {
	prefix []string
	run    func(context.Context, runner.Command) (runner.Output, error)
}

var _ runner.Host = (*Host)(nil)

// NewHost returns a host that knows no command and has no files.
func NewHost(t testing.TB, name string) *Host {
	return &Host{
		t: t, name: name, turn: make(chan struct{}, 1),
		files: map[string]runner.File{}, jobs: map[string]runner.Output{},
	}
}

// On teaches the host every command whose arguments begin with prefix. The
// longest prefix that fits wins; of equal ones the one taught last.
func (h *Host) On(prefix []string, run func(runner.Command) runner.Output) {
	h.Handle(prefix, func(_ context.Context, cmd runner.Command) (runner.Output, error) {
		return run(cmd), nil
	})
}

// Handle is On for a command that watches its context or that fails as a
// transport does: with an error, its outcome unknown.
func (h *Host) Handle(prefix []string, run func(context.Context, runner.Command) (runner.Output, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers = append(h.handlers, handler{slices.Clone(prefix), run})
}

// OnDial sets what [Host.Dial] does. Without it every connection is refused.
func (h *Host) OnDial(dial func(ctx context.Context, address string) (net.Conn, error)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dial = dial
}

// Before sets a function that is asked before every command. Its error ends
// the command before it starts.
func (h *Host) Before(ask func(runner.Command) error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.before = ask
}

// Down makes every call fail with why, as an unreachable host does: nothing
// starts. A nil why brings the host back.
func (h *Host) Down(why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = why
}

// Ran returns the commands that were started, oldest first. Reading the
// verdict of a job that ran before does not count.
func (h *Host) Ran() []runner.Command {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.ran)
}

// Closed returns how often Close was called.
func (h *Host) Closed() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed
}

// Name is part of [runner.Host].
func (h *Host) Name() string { return h.name }

// Run is part of [runner.Host].
func (h *Host) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	select {
	case h.turn <- struct{}{}:
		defer func() { <-h.turn }()
	case <-ctx.Done():
		return runner.Output{}, notStarted(fmt.Errorf("run %q on %s: %w", cmd.Argv, h.name, ctx.Err()))
	}
	run, done, err := h.begin(ctx, cmd)
	if err != nil || done != nil {
		if done != nil {
			return *done, nil
		}
		return runner.Output{}, err
	}

	limit := cmd.Limit
	if limit == 0 {
		limit = time.Minute
	}
	within, stop := context.WithTimeout(ctx, limit)
	defer stop()
	out, err := run(within, cmd)
	if err != nil {
		return runner.Output{}, fmt.Errorf("run %q on %s: %w", cmd.Argv, h.name, err)
	}
	if within.Err() != nil {
		return runner.Output{}, fmt.Errorf("run %q on %s: not done within %v: killed", cmd.Argv, h.name, limit)
	}
	most := cmd.Output
	if most == 0 {
		most = 1 << 20
	}
	var cutOut, cutErr bool
	out.Stdout, cutOut = cut(out.Stdout, most)
	out.Stderr, cutErr = cut(out.Stderr, most)
	out.Cut = out.Cut || cutOut || cutErr
	if cmd.Job != "" {
		h.mu.Lock()
		h.jobs[cmd.Job] = out
		h.mu.Unlock()
	}
	return out, nil
}

// begin finds the handler of cmd, or the verdict of its job.
func (h *Host) begin(ctx context.Context, cmd runner.Command) (func(context.Context, runner.Command) (runner.Output, error), *runner.Output, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := errors.Join(ctx.Err(), h.down); err != nil {
		return nil, nil, notStarted(fmt.Errorf("run %q on %s: %w", cmd.Argv, h.name, err))
	}
	if out, ok := h.jobs[cmd.Job]; ok && cmd.Job != "" {
		return nil, &out, nil
	}
	if len(cmd.Argv) == 0 {
		return nil, nil, notStarted(fmt.Errorf("job %q on %s: there is none", cmd.Job, h.name))
	}
	if h.before != nil {
		if err := h.before(cmd); err != nil {
			return nil, nil, notStarted(fmt.Errorf("run %q on %s: %w", cmd.Argv, h.name, err))
		}
	}
	best := -1
	for i, c := range h.handlers {
		fits := len(c.prefix) <= len(cmd.Argv) && slices.Equal(c.prefix, cmd.Argv[:len(c.prefix)])
		if fits && (best < 0 || len(c.prefix) >= len(h.handlers[best].prefix)) {
			best = i
		}
	}
	if best < 0 {
		h.t.Errorf("%s does not know the command %q (user %q); teach it with On", h.name, cmd.Argv, cmd.User)
		return nil, nil, notStarted(fmt.Errorf("run %q on %s: unknown command", cmd.Argv, h.name))
	}
	h.ran = append(h.ran, cmd)
	return h.handlers[best].run, nil, nil
}

// Dial is part of [runner.Host].
func (h *Host) Dial(ctx context.Context, address string) (net.Conn, error) {
	h.mu.Lock()
	down, dial := errors.Join(ctx.Err(), h.down), h.dial
	h.mu.Unlock()
	if down != nil {
		return nil, notStarted(fmt.Errorf("dial %s on %s: %w", address, h.name, down))
	}
	if dial == nil {
		return nil, refused(address, h.name)
	}
	return dial(ctx, address)
}

// Close is part of [runner.Host].
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed++
	return nil
}

func notStarted(err error) error { return fmt.Errorf("%w: %w", runner.ErrNotStarted, err) }

func cut(b []byte, most int) ([]byte, bool) {
	if len(b) <= most {
		return b, false
	}
	return b[:most], true
}

// Out returns an output with exit status 0 and this standard output.
func Out(stdout string) runner.Output { return runner.Output{Stdout: []byte(stdout)} }

// Exit returns an output with an exit status and this standard error.
func Exit(status int, stderr string) runner.Output {
	return runner.Output{Exit: status, Stderr: []byte(stderr)}
}
