package script

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// A Summary gathers what a rehearsal came to, for people who did not watch it.
type Summary struct {
	Killed map[string]int // Tasks that Mesos killed for the restore, by job; nil: nobody counted them.
	Keep   string         // Folder that is left behind; "" if none is.

	run, ended, where   string
	began, stopped, end time.Time
	approvals           []string
	sent                bool
}

// stopping is the step with which the outage begins.
const stopping = "prepare/stop-schedulers"

// Add takes an event of the journal.
func (s *Summary) Add(e Event) {
	if s.began.IsZero() {
		s.began = e.At
	}
	s.run, s.end = cmp.Or(e.Run, s.run), e.At
	switch e.Kind {
	case "step.started":
		if e.Step == stopping && s.stopped.IsZero() {
			s.stopped = e.At
		}
	case "gate.approved":
		s.approvals = append(s.approvals, fmt.Sprintf("%s (%s)", who(e), e.Gate))
	case "commit.sent":
		s.sent = true
	case "run.stopped":
		s.ended, s.where = "stopped: "+first(e.Why), e.Step
	case "run.closed":
		s.ended, s.where = e.Why, ""
	case "run.resumed", "undo.requested":
		s.ended, s.where = "", ""
	}
}

// Print prints the summary. exit is how the rehearsal ended, and why it failed
// otherwise.
func (s *Summary) Print(out io.Writer, exit int, failed error) {
	line := func(name, format string, args ...any) {
		fmt.Fprintf(out, "  %-10s %s\n", name+":", fmt.Sprintf(format, args...))
	}
	fmt.Fprintf(out, "\nSummary of %s\n", cmp.Or(s.run, "a rehearsal without a run"))
	outcome := cmp.Or(s.ended, "none")
	if s.where != "" {
		outcome += " (at " + s.where + ")"
	}
	if failed != nil {
		outcome += "; the rehearsal failed, see below"
	}
	line("Outcome", "%s; exit status %d", outcome, exit)
	if s.run == "" {
		return
	}
	line("Took", "%s, people and waiting included", round(s.end.Sub(s.began)))
	switch {
	case s.stopped.IsZero():
		line("Outage", "none: no scheduler was stopped")
	default:
		line("Outage", "%s, from the stop of the first scheduler to the last event", round(s.end.Sub(s.stopped)))
	}
	switch total := sum(s.Killed); {
	case !s.sent:
		line("Tasks", "none was killed: no commit was sent")
	case s.Killed == nil:
		line("Tasks", "how many were killed was not counted")
	case total == 0:
		line("Tasks", "none was killed")
	default:
		line("Tasks", "%d killed, which the restore does not know: %s", total, byJob(s.Killed))
	}
	line("Approved", "%s", cmp.Or(strings.Join(s.approvals, ", "), "nothing"))
	if s.Keep != "" {
		line("Journal", "%s/journal", s.Keep)
		line("Logs", "%s/HOST/log, as they were before Cleanup", s.Keep)
	} else {
		line("Journal", "removed with the lab; --keep DIR leaves it, and the logs")
	}
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Millisecond) }

func sum(jobs map[string]int) int {
	n := 0
	for _, of := range jobs {
		n += of
	}
	return n
}

// shownJobs is how many jobs are named.
const shownJobs = 5

func byJob(jobs map[string]int) string {
	var words []string
	names := slices.SortedFunc(maps.Keys(jobs), func(a, b string) int {
		return cmp.Or(cmp.Compare(jobs[b], jobs[a]), cmp.Compare(a, b))
	})
	for i, name := range names {
		if i == shownJobs {
			words = append(words, fmt.Sprintf("and %d jobs more", len(names)-i))
			break
		}
		words = append(words, fmt.Sprintf("%s %d", name, jobs[name]))
	}
	return strings.Join(words, ", ")
}
