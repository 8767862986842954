package ssh

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"
)

//go:embed scripts/procs.sh
var procsScript string

//go:embed scripts/kill.sh
var killScript string

// killTime is how long an abort may take, a new connection included.
const killTime = 20 * time.Second

// kill ends a command with all its processes through a session of its own and
// says in words what became of it. It is called when ctx has ended, and so has
// a time of its own. The caller holds the slot of the session that it gave up.
func (h *Host) kill(ctx context.Context, p process, user string) string {
	ctx, stop := context.WithTimeoutCause(context.WithoutCancel(ctx), killTime, fmt.Errorf("no answer within %v", killTime))
	defer stop()
	l, err := h.connect(ctx)
	if err != nil {
		return fmt.Sprintf("could not confirm that it was killed: %v", err)
	}
	out, errs := &capped{most: 4096}, &capped{most: 4096}
	line := script(procsScript+killScript, append([]string{p.id, p.begun}, h.sudo(user)...)...)
	status, _, err := l.session(ctx, line, nil, out, errs)
	said := strings.TrimSpace(string(out.bytes()))
	switch {
	case err != nil:
		return fmt.Sprintf("could not confirm that it was killed: %v", err)
	case said == "killed":
		return "killed"
	case said == "gone":
		return "it had ended before it could be killed"
	case strings.HasPrefix(said, "alive "):
		return fmt.Sprintf("could not confirm that it was killed: still there on %s: process %s", h.cfg.Name, strings.TrimPrefix(said, "alive "))
	}
	return fmt.Sprintf("could not confirm that it was killed: exit status %d: %s", status, firstLines(errs.bytes()))
}
