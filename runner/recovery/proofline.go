package recovery

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/node"
)

// beganWith looks for the proof in the words of the leader itself, where its
// log's newest snapshot is of its own making: a leader writes one every hour, and
// cuts off what was before. It is asked only where the state before the commit
// was another one than that which is staged, and which this leader has.
func beganWith(ctx context.Context, n *node.Node, old, next fence, want time.Time, staged stake) (runner.Answer, error) {
	mine, _, err := n.Schedulers(ctx)
	if err != nil {
		return runner.Answer{}, err
	}
	for _, p := range mine {
		if !p.Is(next.PID, next.Start) {
			continue
		}
		s, err := n.Logged(ctx, p.Since)
		if err != nil {
			return runner.Answer{}, err
		}
		for _, m := range s.Found {
			// Of the lines that were counted the first must be this process's too: what
			// the one before it said last is no word of this leader.
			if m.Finding == "snapshot-applied" && !m.FirstAt.Before(node.Began(p.Since, m.FirstAt)) && appliedAt(m.Example, want) {
				return runner.Yes("%s leads since then (PID %d, was PID %d on %s); it logged that it began with the backup's snapshot (%s) and has written a newer one since; its %d tasks are exactly those staged, which the state before the commit was not",
					next.Host, next.PID, old.PID, old.Host, strings.TrimSpace(m.Example), staged.Tasks).With(next), nil
			}
		}
		return runner.No("the newest snapshot in the log of %s is of its own making, and its scheduler's log does not say that it began with the backup's", next.Host), nil
	}
	return runner.No("PID %d on %s has ended", next.PID, next.Host), nil
}

// Java's own words for a time: "Mon Nov 23 08:36:24 UTC 2026".
var appliedLine = regexp.MustCompile(`Applying snapshot taken on \w{3} (\w{3} +\d{1,2} \d\d:\d\d:\d\d) (\S+) (\d{4})`)

// quarter is what zones differ from UTC by multiples of, and farthest by how much.
const (
	quarter  = 15 * time.Minute
	farthest = 14 * time.Hour
)

// appliedAt reports whether a scheduler says that it loaded the snapshot of
// that time. It writes whole seconds, in the zone of its host, under an
// abbreviation that only the host knows.
func appliedAt(line string, at time.Time) bool {
	m := appliedLine.FindStringSubmatch(line)
	if m == nil {
		return false
	}
	said, err := time.Parse("Jan 2 15:04:05 2006", strings.Join(strings.Fields(m[1]), " ")+" "+m[3])
	if err != nil {
		return false
	}
	off := said.Sub(at.UTC().Truncate(time.Second))
	if zone := m[2]; zone == "UTC" || zone == "GMT" || zone == "Z" {
		return off == 0
	} else if h, ok := strings.CutPrefix(zone, "GMT"); ok && len(h) == 6 && h[3] == ':' {
		hours, err := strconv.Atoi(h[:3])
		minutes, err2 := strconv.Atoi(h[:1] + h[4:])
		return err == nil && err2 == nil && off == time.Duration(hours)*time.Hour+time.Duration(minutes)*time.Minute
	}
	return off%quarter == 0 && off.Abs() <= farthest
}

// logsSay is what the replicas said of the commit: the facts of
// restore/unknown-judge.
type logsSay struct {
	ByContent bool `json:"by_content,omitempty"` // By the state that the log amounts to.
}

// judgeContent judges by what the log of a host amounts to. A leader after the
// commit wrote a snapshot there that was agreed on: whatever the commit left
// behind the old end is in it, or can never come, for the writer took the
// positions that were not decided. The commit's own entry is cut off, but the
// state tells, where staged and previous one differ.
func (r proving) judgeContent(ctx context.Context, t *runner.Task, host, seen string) (runner.Answer, error) {
	f, _ := fenceOf(t.State)
	s, ok := foundStake.Of(t.State, f.Host)
	if !ok || s.Equal || s.Before == "" || s.Before == s.IDs {
		return staysUnknown(t, seen+"; a later snapshot hides it, and the states before and after the commit do not tell them apart")
	}
	ids, err := r.amountsTo(ctx, t, host)
	if err != nil {
		return staysUnknown(t, fmt.Sprintf("%s; a later snapshot hides it, and what the log of %s amounts to can't be read: %v", seen, host, err))
	}
	seen += fmt.Sprintf("; the log of %s has a snapshot that a later leader wrote, and amounts to %d tasks", host, len(ids))
	switch idsSum(ids) {
	case s.IDs:
		return runner.Yes("committed: %s, exactly those staged", seen).With(logsSay{ByContent: true}), nil
	case s.Before:
		seen += ", exactly those before the commit"
		if err := t.Say(runner.Event{Kind: runner.CommitAbsent, Why: seen}); err != nil {
			return runner.Answer{}, err
		}
		return runner.Yes("not committed: %s", seen), nil
	}
	return staysUnknown(t, fmt.Sprintf("%s, neither those staged (%d) nor those before the commit (%d)", seen, s.Tasks, s.Previous))
}

// amountsTo are the ids of the tasks in the state that a stopped scheduler's log
// amounts to, by its learned entries.
func (r proving) amountsTo(ctx context.Context, t *runner.Task, host string) (map[string]bool, error) {
	n := r.node(t.State, host)
	l, err := n.Known()
	if err != nil {
		return nil, err
	}
	p, ok := foundReplica.Of(t.State, host)
	if !ok {
		return nil, fmt.Errorf("what it holds is not in the journal")
	}
	// The name says up to where: the same log gives the same file.
	m, err := r.salvage(ctx, n, l.Flags["native_log_file_path"], fmt.Sprintf("state-%d", p.End), false, nil)
	if err != nil {
		return nil, err
	}
	all, _, err := backupTasks(ctx, m.local)
	return all, err
}
