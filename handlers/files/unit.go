package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"time"

	"aurorabot/runner/health"
)

// scanUnit scans what a unit logged, as journalctl prints it, line by line.
func scanUnit(ctx context.Context, s *health.Scanner, unit, since string) error {
	what := "read the journal of " + unit
	// One argument each, so a unit that is named like an option stays a name.
	cmd := exec.CommandContext(ctx, "journalctl", "-u", unit, "--since", "@"+since, "-o", "short-iso-precise", "--no-pager")
	cmd.WaitDelay = 5 * time.Second
	said := &head{max: 4 << 10}
	cmd.Stderr = said
	out, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if err := cmd.Start(); err != nil {
		return hinted(fmt.Errorf("%s: start journalctl: %w", what, err), "scan the scheduler's log files instead: `aurorabot log scan FILE...`")
	}
	words := &spoken{in: out}
	scanned := s.Read(words, unit)
	if scanned != nil {
		_ = cmd.Process.Kill() // Its end is what Wait reports.
	}
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case scanned != nil:
		return fmt.Errorf("%s: %w", what, scanned)
	case err != nil:
		return fmt.Errorf("%s: journalctl: %w: %s", what, err, orNone(said.String()))
	}
	// It ends with 0 where it may not read a part, or there is nothing to read.
	for _, sign := range []string{"not seeing messages", "insufficient permissions", "No journal files were"} {
		if strings.Contains(said.String(), sign) {
			return hinted(fmt.Errorf("%s: journalctl: %s", what, said), "run it as root, or as a member of the group systemd-journal, where systemd keeps a journal")
		}
	}
	if !words.any {
		return fmt.Errorf("%s: %w", what, errSilent)
	}
	return nil
}

// errSilent says that nothing was logged at all since the time asked for. That
// is an answer; who knows that the scheduler ran then knows that it logs elsewhere.
var errSilent = errors.New(health.NothingLogged)

// spoken tells whether a journal has a line that journalctl does not say of it
// itself ("-- No entries --", "-- Logs begin at ...").
type spoken struct {
	in    io.Reader
	any   bool
	begun []byte // Of the line at hand, its first bytes.
}

func (s *spoken) Read(p []byte) (int, error) {
	n, err := s.in.Read(p)
	for _, b := range p[:n] {
		if s.any {
			break
		}
		if b == '\n' {
			s.begun = s.begun[:0]
			continue
		}
		s.begun = append(s.begun, b)
		s.any = len(s.begun) == 3 && string(s.begun) != "-- "
		if len(s.begun) > 3 {
			s.begun = s.begun[:3:3]
		}
	}
	return n, err
}

// head keeps the beginning of what is written to it.
type head struct {
	buf bytes.Buffer
	max int
}

func (h *head) Write(p []byte) (int, error) {
	h.buf.Write(p[:min(len(p), h.max-h.buf.Len())])
	return len(p), nil
}

func (h *head) String() string { return strings.TrimSpace(h.buf.String()) }
