package ssh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"syscall"
	"time"

	"golang.org/x/crypto/ssh"
)

// grace is how long the host may take to close a session that we gave up.
const grace = 2 * time.Second

// session runs line in a session of its own and returns its exit status,
// 128+n if signal n ended it. begun reports whether the host may have started
// line. The caller holds a slot. When ctx ends, stdout and stderr may still be
// written to for a moment.
func (h *Host) session(ctx context.Context, line string, stdin io.Reader, stdout, stderr io.Writer) (status int, begun bool, err error) {
	return h.sessionOn(ctx, func(*link) string { return line }, stdin, stdout, stderr)
}

// sessionOn is session with a line that depends on the connection.
func (h *Host) sessionOn(ctx context.Context, lineOn func(*link) string, stdin io.Reader, stdout, stderr io.Writer) (status int, begun bool, err error) {
	l, s, err := h.open(ctx)
	if err != nil {
		return 0, false, err
	}
	return l.session(ctx, s, lineOn(l), stdin, stdout, stderr)
}

// session runs line in the session s, and closes it.
func (l *link) session(ctx context.Context, s *ssh.Session, line string, stdin io.Reader, stdout, stderr io.Writer) (status int, begun bool, err error) {
	defer s.Close()
	s.Stdin, s.Stdout, s.Stderr = stdin, stdout, stderr

	refused := false
	ended := make(chan error, 1)
	go func() {
		if err := s.Start(line); err != nil {
			refused = true
			ended <- err
			return
		}
		ended <- s.Wait()
	}()
	select {
	case err = <-ended:
	case <-ctx.Done():
		if w, ok := stdin.(*word); ok {
			w.end() // Not begun by now: it is not begun any more.
		}
		// Closing the session does not end the command, and sshd answers to it
		// only when the command has ended. Whoever gives up kills; a connection
		// that holds on even then is dead.
		s.Close()
		go func() {
			late := time.NewTimer(killTime + grace)
			defer late.Stop()
			select {
			case <-ended: //nolint:errcheck // ctx has ended: that is the reason.
			case <-l.gone:
			case <-late.C:
				l.end(errors.New("connection closed by the bot: the host did not let go of a session"))
			}
		}()
		return 0, true, context.Cause(ctx)
	}

	var exit *ssh.ExitError
	switch {
	case err == nil:
		return 0, true, nil
	case errors.As(err, &exit) && exit.Signal() != "":
		return 128 + signalNumber(exit.Signal()), true, nil
	case errors.As(err, &exit):
		return exit.ExitStatus(), true, nil
	}
	// A connection that breaks is seen by the session first.
	soon := time.NewTimer(l.blamed())
	defer soon.Stop()
	select {
	case <-l.gone:
		err = l.why
	case <-soon.C:
	}
	// "command failed" is the host's own answer that it did not start it.
	if refused && err.Error() == "ssh: command "+line+" failed" {
		return 0, false, errors.New("the host refuses to run commands")
	}
	return 0, true, err
}

// open opens a session, connecting if need be. A connection that turns out to
// be lost is replaced once: nothing was started on it. Errors wrap
// [runner.ErrNotStarted].
func (h *Host) open(ctx context.Context) (*link, *ssh.Session, error) {
	for again := false; ; again = true {
		l, err := h.connect(ctx)
		if err != nil {
			return nil, nil, err
		}
		s, err := l.open(ctx)
		if err == nil {
			return l, s, nil
		}
		var refused *ssh.OpenChannelError
		switch {
		case ctx.Err() != nil:
			return nil, nil, notStarted(err)
		case errors.As(err, &refused):
			s, err := l.openLater(ctx, h, err)
			return l, s, err
		case again:
			return nil, nil, notStarted(err)
		}
		l.end(err)
	}
}

const (
	// refusedAgain is how long after a refusal a session is asked for again.
	refusedAgain = 50 * time.Millisecond
	// refusedFor is for how long.
	refusedFor = 2 * time.Minute
)

// openLater opens a session where sshd has refused one, which it does at its
// MaxSessions: those that the bot keeps for looks are given up, and those that
// work are waited for.
func (l *link) openLater(ctx context.Context, h *Host, refusal error) (*ssh.Session, error) {
	h.few.Store(true)
	begun := h.cfg.Now()
	ctx, stop := context.WithTimeoutCause(ctx, refusedFor, fmt.Errorf("sshd refuses another session (%w): its MaxSessions leaves no room; the bot needs 2", refusal))
	defer stop()
	for {
		if h.through.Load() == 0 {
			l.letGo("")
		}
		select {
		case <-l.gone:
			return nil, notStarted(l.why)
		case <-ctx.Done():
			return nil, notStarted(context.Cause(ctx))
		case <-time.After(refusedAgain):
		}
		s, err := l.open(ctx)
		var refused *ssh.OpenChannelError
		switch {
		case err == nil:
			return s, nil
		case !errors.As(err, &refused):
			return nil, notStarted(err)
		case len(h.slots) <= 1 && h.cfg.Now().Sub(begun) > grace:
			// Nothing of ours is open by now: whoever else is logged in may have the rest.
			return nil, notStarted(fmt.Errorf("sshd refuses a session though the bot has none open (%w): its MaxSessions is too low; the bot needs 2", err))
		}
	}
}

// open opens a session. A host that does not answer within ctx is cut off:
// nothing else wakes up the library.
func (l *link) open(ctx context.Context) (*ssh.Session, error) {
	type opened struct {
		s   *ssh.Session
		err error
	}
	done := make(chan opened, 1)
	go func() {
		s, err := l.client.NewSession()
		done <- opened{s, err}
	}()
	var late <-chan time.Time
	cancelled := ctx.Done()
	for {
		select {
		case o := <-done:
			switch {
			case o.err != nil:
				select {
				case <-l.gone:
					o.err = l.why
				default:
				}
				return nil, fmt.Errorf("opening a session: %w", o.err)
			case ctx.Err() != nil:
				o.s.Close()
				return nil, fmt.Errorf("opening a session: %w", context.Cause(ctx))
			}
			return o.s, nil
		case <-cancelled:
			cancelled = nil
			t := time.NewTimer(grace)
			defer t.Stop()
			late = t.C
		case <-late:
			l.end(errors.New("connection closed by the bot: the host did not open a session"))
			return nil, fmt.Errorf("opening a session: %w", context.Cause(ctx))
		}
	}
}

// signalNumber is the number on Linux of a signal as SSH names it; 0 if SSH has no name for it.
func signalNumber(name string) int {
	numbers := map[string]syscall.Signal{
		"HUP": syscall.SIGHUP, "INT": syscall.SIGINT, "QUIT": syscall.SIGQUIT, "ILL": syscall.SIGILL,
		"ABRT": syscall.SIGABRT, "FPE": syscall.SIGFPE, "KILL": syscall.SIGKILL, "SEGV": syscall.SIGSEGV,
		"PIPE": syscall.SIGPIPE, "ALRM": syscall.SIGALRM, "TERM": syscall.SIGTERM,
		"USR1": syscall.SIGUSR1, "USR2": syscall.SIGUSR2,
	}
	return int(numbers[name])
}
