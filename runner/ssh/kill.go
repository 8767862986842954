package ssh

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"strings"
	"time"
)

//go:embed scripts/procs.sh
var procsScript string

//go:embed scripts/end.sh
var endScript string

//go:embed scripts/kill.sh
var killScript string

// killTime is how long an abort may take, a new connection included.
const killTime = 20 * time.Second

// answerTime is how long the connection that the command was started over may
// take to kill it, before another one is tried.
const answerTime = 7 * time.Second

// kill ends a command with all its processes through a session of its own and
// says in words what became of it. It is called when ctx has ended, and so has
// a time of its own. The caller holds the slot of the session that it gave up.
func (h *Host) kill(ctx context.Context, p process, user string) string {
	ctx, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), killTime, fmt.Errorf("no answer within %v", killTime))
	defer stop()
	said, err := h.tryKill(ctx, answerTime, p, user)
	if err != nil && ctx.Err() == nil {
		said, err = h.tryKill(ctx, killTime, p, user)
	}
	switch {
	case err != nil:
		return fmt.Sprintf("could not confirm that it was killed: %v", unmark(err))
	case said == "killed":
		return "killed"
	case said == "gone" && wasSwept(h, p):
		return "killed" // By the connection that was made to kill it.
	case said == "gone":
		return "it had ended before it could be killed"
	}
	return fmt.Sprintf("could not confirm that it was killed: still there on %s: process %s", h.cfg.Name, strings.TrimPrefix(said, "alive "))
}

func wasSwept(h *Host, p process) bool {
	_, was := h.swept.Load(p)
	return was
}

// tryKill returns what the host says: "killed", "gone", or "alive" and process IDs.
// A connection that does not answer is closed.
func (h *Host) tryKill(ctx context.Context, within time.Duration, p process, user string) (string, error) {
	ctx, stop := context.WithTimeoutCause(ctx, within, fmt.Errorf("no answer within %v", within))
	defer stop()
	out, errs := &capped{most: 4096}, &capped{most: 4096}
	line := script(procsScript+endScript+killScript, append([]string{p.id, p.begun}, h.cfg.sudo(user)...)...)
	status, _, err := h.session(ctx, line, nil, out, errs)
	said := strings.TrimSpace(string(out.bytes()))
	switch {
	case err != nil:
		if ctx.Err() != nil {
			h.drop(errors.New("connection closed by the bot: the host did not answer in time"))
		}
		return "", err
	case said != "killed" && said != "gone" && !strings.HasPrefix(said, "alive "):
		return "", fmt.Errorf("exit status %d: %s", status, firstLines(errs.bytes()))
	}
	return said, nil
}
