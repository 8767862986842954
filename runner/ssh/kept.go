package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/kept"
)

const (
	keepWithin = 5 * time.Second // For the program to answer. Slower than a session of its own is no gain.
	keepAgain  = time.Minute     // After which a program that did not answer is tried once more.
	keepMost   = 12 * time.Hour  // After which the host ends it, whatever happens.
	keepOutput = 16 << 10        // Of what it says on standard error.
)

// A keeping is a session that is kept over one connection.
type keeping struct {
	program string
	s       *kept.Session
	stop    context.CancelCauseFunc // At once.
	end     func() error            // The program sees the end of its input.
	since   time.Time
}

// runThrough runs a command that only looks through the session that its
// program keeps. ran is false where there is none, or it ended: the command may
// then be run again.
func (h *Host) runThrough(ctx context.Context, cmd runner.Command) (out runner.Output, ran bool, err error) {
	h.through.Add(1)
	defer h.through.Add(-1)
	if h.few.Load() {
		return out, false, nil
	}
	limited, stop := context.WithTimeoutCause(ctx, cmd.Limit, fmt.Errorf("not done within %v", cmd.Limit))
	defer stop()
	free, err := h.slot(limited)
	if err != nil {
		return out, true, err
	}
	defer free()
	l, err := h.connect(limited)
	if err != nil {
		return out, true, err
	}
	k := h.keep(l, cmd.Through)
	if !k.answers(limited) {
		return out, false, nil
	}
	argv := cmd.Argv // As the account that the session is of already, or by sudo from the login account's.
	if cmd.User != cmd.Through.User || cmd.Group != "" {
		argv = h.cfg.argv(cmd)
	}
	r, leader, err := k.s.Run(limited, kept.Command{Argv: argv, Stdin: cmd.Stdin, Limit: cmd.Limit + spare, Most: cmd.Output})
	switch {
	case errors.Is(err, kept.ErrLost):
		return out, false, nil
	case err != nil:
		said := "it only looks"
		if leader != (kept.Process{}) {
			said = h.kill(ctx, process{leader.PID, leader.Begun}, cmd.User)
		}
		return out, true, fmt.Errorf("%w; %s", err, said)
	}
	return runner.Output{Stdout: r.Stdout, Stderr: r.Stderr, Exit: r.Exit, Cut: r.Cut}, true, nil
}

// keep is the session that a keeper keeps over l, begun if there is none. One
// that never answered counts for a while, so that it is not tried each time.
func (h *Host) keep(l *link, by runner.Keeper) *keeping {
	argv := h.cfg.argv(runner.Command{Argv: append([]string{by.Program}, by.Words...), User: by.User})
	name := Quote(argv)
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.kept[name]; k != nil {
		select {
		case <-k.s.Over():
			select {
			case <-k.s.Ready(): // It had idled, or was let go.
			default:
				if h.cfg.Now().Sub(k.since) < keepAgain {
					return k
				}
			}
		default:
			return k
		}
	}
	k := &keeping{program: by.Program, since: h.cfg.Now()}
	ctx, stop := context.WithCancelCause(context.Background())
	fromHost, toBot := io.Pipe()
	fromBot, toHost := io.Pipe()
	k.s, k.stop, k.end = kept.NewSession(fromHost, toHost), stop, toHost.Close
	l.kept[name] = k
	go func() {
		select {
		case <-l.gone:
			stop(errClosed)
		case <-ctx.Done():
		}
	}()
	go func() {
		err := h.keepOn(ctx, l, argv, fromBot, toBot)
		stop(err)
		toBot.CloseWithError(err)
		fromBot.CloseWithError(err)
	}()
	return k
}

// keepOn is the session itself; it returns when that has ended.
func (h *Host) keepOn(ctx context.Context, l *link, argv []string, stdin io.Reader, stdout io.Writer) error {
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	stderr := newMarked(keepOutput)
	in := &word{heard: stderr.seen, over: make(chan struct{}), rest: stdin}
	defer in.end()
	line := script(goScript+wrapScript, append([]string{l.name, seconds(keepMost)}, argv...)...)
	status, _, err := l.session(ctx, s, line, in, stdout, stderr)
	if err != nil {
		return err
	}
	return fmt.Errorf("it ended with exit status %d: %s", status, firstLines(stderr.rest.bytes()))
}

// answers waits until the program on the host has answered once.
func (k *keeping) answers(ctx context.Context) bool {
	late := time.NewTimer(keepWithin)
	defer late.Stop()
	select {
	case <-k.s.Ready():
		return true
	case <-k.s.Over():
	case <-ctx.Done():
	case <-late.C:
		k.stop(errors.New("it did not answer"))
	}
	return false
}

// LetGo ends the sessions that a program keeps on the host, if it does.
func (h *Host) LetGo(program string) {
	h.turn <- struct{}{}
	l := h.link
	<-h.turn
	if l != nil {
		l.letGo(program)
	}
}

// letGo ends the sessions that a program keeps, or all programs where it is "".
func (l *link) letGo(program string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name, k := range l.kept {
		if program == "" || k.program == program {
			delete(l.kept, name)
			_ = k.end() // It never fails.
		}
	}
}
