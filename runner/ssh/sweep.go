package ssh

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

//go:embed scripts/sweep.sh
var sweepScript string

// sweep ends what an earlier connection left at work on the host, or an earlier
// process of the bot: until that is over nobody can know how the host is, and
// what is done next could be undone by it. The caller holds h.turn.
func (h *Host) sweep(ctx context.Context, l *link) error {
	ctx, stop := context.WithTimeoutCause(ctx, killTime, fmt.Errorf("no answer within %v", killTime))
	defer stop()
	whose := h.mine
	if h.cfg.Owner != "" {
		whose = h.cfg.Owner + "/"
	}
	s, err := l.open(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	out, errs := &capped{most: 4096}, &capped{most: 4096}
	s.Stdout, s.Stderr = out, errs
	done := make(chan error, 1)
	go func() {
		done <- s.Run(script(procsScript+endScript+sweepScript, append([]string{whose, l.name}, h.cfg.sudo("root")...)...))
	}()
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	var exit *ssh.ExitError
	if errors.As(err, &exit) && len(out.bytes()) == 0 {
		return noScript(h.cfg.User, exit.ExitStatus(), errs.bytes())
	}
	if err != nil {
		return fmt.Errorf("whether commands of an earlier connection are at work still: %w", err)
	}
	h.swept.Clear()
	for line := range strings.Lines(string(out.bytes())) {
		words := strings.Fields(line)
		switch {
		case len(words) == 3 && (words[2] == "killed" || words[2] == "gone"):
			h.swept.Store(process{words[0], words[1]}, true)
		case len(words) == 0 || strings.Trim(words[0], "0123456789") != "":
			// Not ours: all that programs say here would have it in front.
			return fmt.Errorf("the login shell of %s writes to standard output where nobody sits at it (%q): what programs answer cannot be told from that. Have its start-up files write nothing unless the shell is interactive, in bash by `[[ $- == *i* ]] || return` at the top of ~/.bashrc", h.cfg.User, firstLines(out.bytes()))
		default:
			return fmt.Errorf("a command of an earlier connection cannot be ended: process %s", strings.TrimSpace(line))
		}
	}
	return nil
}
