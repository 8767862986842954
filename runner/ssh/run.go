package ssh

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
)

//go:embed scripts/go.sh
var goScript string

//go:embed scripts/wrap.sh
var wrapScript string

// spare is how much longer than the limit the host lets a command run before
// it ends the command by itself: the dead man's switch for a bot that is gone.
const spare = 10 * time.Second

// Run is part of [runner.Host].
//
// A command that is given up (limit, end of ctx, lost connection) is ended on
// the host through another session, and the error says "killed", "had ended
// before", or "could not confirm that it was killed". A command that was not
// begun when its connection broke is not begun any more, and the error says so:
// it wraps [runner.ErrNotStarted]. An exception is a job whose context ends
// because the bot does: it goes on, see [runner.Command].
func (h *Host) Run(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	begin := h.cfg.Now()
	if cmd.Limit == 0 {
		cmd.Limit = time.Minute
	}
	if cmd.Output == 0 {
		cmd.Output = 1 << 20
	}
	out, err := runner.Output{}, check(cmd)
	switch {
	case err != nil:
	case cmd.Job != "":
		out, err = h.runJob(ctx, cmd)
	default:
		out, err = h.runSoon(ctx, cmd)
	}
	if err == nil {
		err = sudoSaid(cmd.User, len(h.cfg.sudo(cmd.User)) > 0, out)
	}
	switch {
	case err != nil && len(cmd.Argv) == 0:
		return runner.Output{}, fmt.Errorf("on %s: %w", h.cfg.Name, err)
	case err != nil:
		return runner.Output{}, fmt.Errorf("run %s on %s: %w", Quote(cmd.Argv), h.cfg.Name, err)
	}
	out.Took = h.cfg.Now().Sub(begin)
	return out, nil
}

func check(cmd runner.Command) error {
	switch {
	case len(cmd.Argv) == 0 && cmd.Job == "" || len(cmd.Argv) > 0 && cmd.Argv[0] == "":
		return notStarted(errors.New("no command"))
	case slices.ContainsFunc(cmd.Argv, func(a string) bool { return strings.ContainsRune(a, 0) }):
		return notStarted(errors.New("an argument holds a NUL byte"))
	case strings.HasPrefix(cmd.User, "-") || strings.ContainsAny(cmd.User, "\x00#%"):
		return notStarted(fmt.Errorf("%q is no account", cmd.User))
	case strings.HasPrefix(cmd.Group, "-") || strings.ContainsAny(cmd.Group, "\x00#%") || cmd.Group != "" && cmd.User == "":
		return notStarted(fmt.Errorf("%q is no group for %q", cmd.Group, cmd.User))
	case !validJob(cmd.Job):
		return notStarted(fmt.Errorf("job %q: only letters, digits, '.' and '-', and not '.' first", cmd.Job))
	}
	return nil
}

// runSoon runs a command through the session that is kept, where it may and that
// is there, else through one of its own.
func (h *Host) runSoon(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	if cmd.Through.Program != "" {
		if out, ran, err := h.runThrough(ctx, cmd); ran {
			return out, err
		}
	}
	return h.runHere(ctx, cmd)
}

// runHere runs a command that ends with the connection.
func (h *Host) runHere(ctx context.Context, cmd runner.Command) (runner.Output, error) {
	if cmd.Stdin == nil {
		return h.runFrom(ctx, cmd, nil)
	}
	return h.runFrom(ctx, cmd, bytes.NewReader(cmd.Stdin))
}

// runFrom is runHere with another standard input than the command's; nil: empty.
func (h *Host) runFrom(ctx context.Context, cmd runner.Command, stdin io.Reader) (runner.Output, error) {
	limited, stop := context.WithTimeoutCause(ctx, cmd.Limit, fmt.Errorf("not done within %v", cmd.Limit))
	defer stop()
	free, err := h.slot(limited)
	if err != nil {
		return runner.Output{}, err
	}
	defer free()

	stdout, stderr := &capped{most: cmd.Output, share: &h.outputs}, newMarked(cmd.Output)
	stderr.rest.share = &h.outputs
	defer stdout.end()
	defer stderr.rest.end()
	in := &word{heard: stderr.seen, over: make(chan struct{}), rest: stdin}
	line := func(l *link) string {
		return script(goScript+wrapScript, append([]string{l.name, seconds(cmd.Limit + spare)}, h.cfg.argv(cmd)...)...)
	}
	status, _, err := h.sessionOn(limited, line, in, stdout, stderr)
	given := in.end()
	leader, known := stderr.process()
	switch {
	case err != nil && !given:
		return runner.Output{}, notStarted(err)
	case err != nil:
		return runner.Output{}, fmt.Errorf("%w; %s", err, h.kill(ctx, leader, cmd.User))
	case !known:
		return runner.Output{}, notStarted(noScript(h.cfg.User, status, append(stderr.rest.bytes(), stdout.bytes()...)))
	case !given || status == notBegun && bytes.HasPrefix(stderr.rest.bytes(), []byte(mark)):
		return runner.Output{}, notStarted(fmt.Errorf("the host did not begin: %s", firstLines(stderr.rest.bytes())))
	}
	return runner.Output{
		Stdout: stdout.bytes(), Stderr: stderr.rest.bytes(), Exit: status,
		Cut: stdout.wasCut() || stderr.rest.wasCut(),
	}, nil
}

// notBegun is the exit status of the wrappers when they did not begin.
const notBegun = 126

// A word is the standard input of a session whose script waits for the bot's
// word to begin: it says it when the script was heard, and goes on with rest.
type word struct {
	heard <-chan struct{}
	over  chan struct{}
	rest  io.Reader // Nil: nothing.

	mu    sync.Mutex
	given bool
	ended bool
}

func (w *word) Read(p []byte) (int, error) {
	select {
	case <-w.heard:
	case <-w.over:
		return 0, io.EOF
	}
	w.mu.Lock()
	if !w.given {
		defer w.mu.Unlock()
		if w.ended {
			return 0, io.EOF
		}
		w.given = true
		return copy(p, "go\n"), nil
	}
	w.mu.Unlock()
	if w.rest == nil {
		return 0, io.EOF
	}
	return w.rest.Read(p)
}

// end keeps the word from being given later, and reports whether it was.
func (w *word) end() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		w.ended = true
		close(w.over)
	}
	return w.given
}

// argv is the command with what stands before it.
func (c *Config) argv(cmd runner.Command) []string {
	var before []string
	if cmd.Gentle {
		before = []string{"nice", "-n", "10"} // Outside of sudo, which hands it on: the sudoers file stays one of commands.
	}
	return append(append(before, c.sudoIn(cmd.User, cmd.Group)...), cmd.Argv...)
}

// script returns the line that runs a script of ours with arguments. The login
// shell sees quoted words only, so it may be any shell with exec. The script has no
// line break on the way: csh knows no quotes for one.
func script(text string, args ...string) string {
	const unfold = `aurorabot_script=$(printf %b "$1"); shift; eval "$aurorabot_script"`
	folded := strings.NewReplacer(`\`, `\\`, "\n", `\n`).Replace(text)
	return line(append([]string{"exec", "sh", "-c", unfold, "aurorabot", folded}, args...))
}

func seconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func firstLines(b []byte) string {
	const most = 300
	text := strings.TrimSpace(string(b))
	if len(text) > most {
		text = text[:most] + "…"
	}
	if text == "" {
		return "no output"
	}
	return strings.ReplaceAll(text, "\n", " | ")
}
