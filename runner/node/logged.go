package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// Logged is what a scheduler logged.
type Logged struct {
	Found   []health.Match `json:"found,omitempty"`   // In its log since then.
	Missing bool           `json:"missing,omitempty"` // Its log could not be read.
	Silent  bool           `json:"silent,omitempty"`  // It has no line since then.
	Since   time.Time      `json:"since"`
	Unusual []string       `json:"unusual,omitempty"` // Ids of the findings that tell of log trouble.
}

// Logs reports whether it is known where schedulers log to.
func (s *Nodes) Logs() bool {
	return s.Cluster.Supervisor == "systemd" || len(s.Cluster.LogFiles) > 0
}

// Logged reads what the scheduler logged since then, on the host: from its
// files and what was rotated, or from the unit's journal.
func (n *Node) Logged(ctx context.Context, since time.Time) (Logged, error) {
	s := Logged{Since: since}
	if !n.Logs() {
		s.Missing = true
		return s, nil
	}
	if err := n.helped(); err != nil {
		return s, err
	}
	from := fmt.Sprint(since.Add(-time.Second).Unix())
	argv := []string{n.Tool.Path, "log", "scan", "--json", "--unit", n.Cluster.Unit, "--since", from}
	if files := n.Cluster.LogFiles; len(files) > 0 {
		argv = append([]string{n.Tool.Path, "log", "scan", "--json", "--rotated", "--since", from}, files...)
	}
	out, err := n.Host.Run(ctx, runner.Command{Argv: argv, User: n.Cluster.User, Group: n.Cluster.JournalGroup(), Limit: 2 * time.Minute, Through: n.through()})
	if err != nil {
		return s, fmt.Errorf("read the scheduler's log: %w", err)
	}
	if s.Found, err = health.DecodeMatches(out.Stdout); err != nil || out.Exit != 0 {
		s.Missing = true // Said in the evidence; it makes the decision unsure, not impossible.
		return s, nil    //nolint:nilerr // as above
	}
	// The log is asked for by whole seconds: the last words of the process before
	// may be among them.
	s.Found = slices.DeleteFunc(s.Found, func(m health.Match) bool { return !m.LastAt.IsZero() && m.LastAt.Before(Began(since, m.LastAt)) })
	s.Silent = len(s.Found) == 0 && strings.Contains(string(out.Stderr), health.NothingLogged)
	for _, m := range s.Found {
		if health.LogTrouble(m.Finding) {
			s.Unusual = append(s.Unusual, m.Finding)
		}
	}
	return s, nil
}

// Began is when a process started, as far as it can be held against a line's time:
// both are known to a hundredth of a second, and a line perhaps to a second only.
func Began(since, line time.Time) time.Time {
	since = since.Add(-20 * time.Millisecond)
	if line.Nanosecond() == 0 {
		return since.Truncate(time.Second)
	}
	return since
}
