package script

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// A summary says how it ended, how long the outage was, what was killed, and what
// is left of it.
func TestSummary(t *testing.T) {
	begin := time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)
	at := func(seconds float64, e Event) Event {
		e.At, e.Run = begin.Add(time.Duration(seconds*float64(time.Second))), "lab-20260102T0304Z"
		return e
	}
	asked := at(0, Event{Kind: "run.requested", Who: "T0/" + Ann})
	approved := at(2, Event{Kind: "gate.approved", Gate: "start", Who: "T0/" + Bob})
	down := at(3.5, Event{Kind: "step.started", Step: stopping, Host: "s1"})
	downToo := at(4, Event{Kind: "step.started", Step: stopping, Host: "s2"})
	sent := at(20, Event{Kind: "commit.sent", Step: "restore/commit"})
	stopped := at(21, Event{Kind: "run.stopped", Step: "restore/commit", Why: "refused\nand more"})
	closed := at(30.25, Event{Kind: "run.closed", Why: "recovered"})
	for _, tt := range []struct {
		name   string
		events []Event
		killed map[string]int
		keep   string
		exit   int
		err    error
		want   string
	}{
		{"recovered", []Event{asked, approved, down, downToo, sent, closed}, map[string]int{"ads/prod/bidder": 1, "web/prod/front": 2}, "/kept", Done, nil, `
Summary of lab-20260102T0304Z
  Outcome:   recovered; exit status 0
  Took:      30.3s, people and waiting included
  Outage:    26.8s, from the stop of the first scheduler to the last event
  Tasks:     3 killed, which the restore does not know: web/prod/front 2, ads/prod/bidder 1
  Approved:  bob (start)
  Journal:   /kept/journal
  Logs:      /kept/HOST/log, as they were before Cleanup
`},
		{"stopped", []Event{asked, approved, down, stopped}, nil, "", Refused, nil, `
Summary of lab-20260102T0304Z
  Outcome:   stopped: refused … (at restore/commit); exit status 5
  Took:      21s, people and waiting included
  Outage:    17.5s, from the stop of the first scheduler to the last event
  Tasks:     none was killed: no commit was sent
  Approved:  bob (start)
  Journal:   removed with the lab; --keep DIR leaves it, and the logs
`},
		{"resumed", []Event{asked, stopped, at(22, Event{Kind: "run.resumed"}), closed}, nil, "", Done, nil, "  Outcome:   recovered; exit status 0\n"},
		{"not needed", []Event{asked, closed}, nil, "", Refused, nil, "  Outage:    none: no scheduler was stopped\n"},
		{"not counted", []Event{asked, down, sent}, nil, "", Failed, errors.New("no"), "  Outcome:   none; the rehearsal failed, see below; exit status 1\n"},
		{"no run", nil, nil, "", Failed, errors.New("no"), "\nSummary of a rehearsal without a run\n"},
	} {
		var b strings.Builder
		s := &Summary{Keep: tt.keep, Killed: tt.killed}
		for _, e := range tt.events {
			s.Add(e)
		}
		if s.Print(&b, tt.exit, tt.err); !strings.Contains(b.String(), tt.want) || tt.want[0] == '\n' && len(tt.events) > 0 && b.String() != tt.want {
			t.Errorf("%s:\n%s\nwant\n%s", tt.name, b.String(), tt.want)
		}
	}
}
