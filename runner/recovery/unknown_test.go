package recovery

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

// The way out of an unknown commit: on no replica, not committed; learned on
// one or whole on a quorum, committed; whatever hides it leaves it unknown.
func TestJudgeCommit(t *testing.T) {
	staged := noon.Add(-2 * time.Hour)
	const end = 40
	nothing := func() replica.Report {
		return replica.Report{State: replica.StateOK, Status: "VOTING", Begin: 1, End: end, Aurora: &replica.Aurora{LastSnapshot: 9, LastSnapshotEnd: 9, LastSnapshotTime: replica.Millis(staged.UnixMilli()), LastUnread: -1}}
	}
	with := func(change func(*replica.Report)) replica.Report {
		p := nothing()
		change(&p)
		return p
	}
	commit := func(p *replica.Report) {
		p.Begin, p.End = end+1, end+4
		p.Aurora.LastSnapshot, p.Aurora.LastSnapshotEnd = end+1, end+3
	}
	learned := with(commit)
	whole := with(func(p *replica.Report) { commit(p); p.Unlearned = replica.Ranges{{First: end + 1, Last: end + 3}} })
	last := with(func(p *replica.Report) { commit(p); p.Unlearned = replica.Ranges{{First: end + 3, Last: end + 4}} })
	behind := with(func(p *replica.Report) { commit(p); p.Unlearned = replica.Ranges{{First: end + 4, Last: end + 4}} })
	hourly := with(func(p *replica.Report) { commit(p); p.Aurora.LastSnapshotTime = replica.Millis(noon.UnixMilli()) })
	nops := with(func(p *replica.Report) { p.End = end + 2 })
	for name, tt := range map[string]struct {
		logs   [3]replica.Report
		left   bool // s3 was left out.
		before int64
		want   runner.CommitOutcome // "" for committed: the proof by the next leader comes behind.
	}{
		"on no replica":                        {[3]replica.Report{nothing(), nops, nothing()}, false, end, runner.Absent},
		"one lags":                             {[3]replica.Report{nothing(), nops, with(func(p *replica.Report) { p.End = 20 })}, false, end, runner.Absent},
		"learned on one":                       {[3]replica.Report{nothing(), nothing(), learned}, false, end, ""},
		"learned but for what lies behind it":  {[3]replica.Report{nothing(), nothing(), behind}, false, end, ""},
		"on two, on none learned":              {[3]replica.Report{whole, nothing(), last}, false, end, ""},
		"on one, its last frame not learned":   {[3]replica.Report{nothing(), nothing(), last}, false, end, runner.Unknown},
		"on one, not learned":                  {[3]replica.Report{whole, nothing(), nothing()}, false, end, runner.Unknown},
		"the leader wrote another one since":   {[3]replica.Report{hourly, hourly, hourly}, false, end, runner.Unknown},
		"another one since, on one":            {[3]replica.Report{nothing(), nothing(), hourly}, false, end, runner.Unknown},
		"cut off behind the old end":           {[3]replica.Report{nothing(), nothing(), with(func(p *replica.Report) { p.Begin, p.End = end+2, end+9 })}, false, end, runner.Unknown},
		"frames that are not complete":         {[3]replica.Report{nothing(), nothing(), with(func(p *replica.Report) { p.End, p.Aurora.LastUnread = end+2, end+2 })}, false, end, runner.Unknown},
		"frames of long ago":                   {[3]replica.Report{nothing(), nops, with(func(p *replica.Report) { p.End, p.Aurora.LastUnread = end+2, end })}, false, end, runner.Absent},
		"no entry that is known":               {[3]replica.Report{nothing(), nothing(), with(func(p *replica.Report) { p.End, p.Aurora = end+2, nil })}, false, end, runner.Unknown},
		"one is damaged":                       {[3]replica.Report{nothing(), nothing(), with(func(p *replica.Report) { p.State = replica.StateDamaged })}, false, end, runner.Unknown},
		"one is missing":                       {[3]replica.Report{nothing(), nothing(), {State: replica.StateMissing}}, false, end, runner.Unknown},
		"damaged, and it is there":             {[3]replica.Report{nothing(), nothing(), with(func(p *replica.Report) { commit(p); p.State = replica.StateDamaged })}, false, end, ""},
		"one was left out":                     {[3]replica.Report{nothing(), nops, nothing()}, true, end, runner.Unknown},
		"one was left out, learned on another": {[3]replica.Report{nothing(), learned, nothing()}, true, end, ""},
		"the old end is not known":             {[3]replica.Report{nothing(), nothing(), nothing()}, false, -1, runner.Unknown},
		"the same time, before the old end":    {[3]replica.Report{nothing(), nothing(), nothing()}, false, end, runner.Absent},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRecovery(t)
			s := &runner.State{}
			say := func(ev runner.Event) error { s.Apply(ev); return nil }
			_ = say(runner.Event{Kind: runner.StepDone, Step: stepCluster, Host: runner.Bot, Facts: asJSON(clusterLook{Backup: backup.Report{Timestamp: staged.Format(time.RFC3339)}})})
			_ = say(runner.Event{Kind: runner.CommitSent, Host: "s1", Data: asJSON(commitReceipt{End: tt.before, Snap: 9})})
			for i, host := range r.Cluster.Names() {
				_ = say(runner.Event{Kind: runner.StepDone, Step: stepUnknownRead, Host: host, Facts: asJSON(tt.logs[i])})
			}
			if tt.left {
				_ = say(runner.Event{Kind: runner.HostLeft, Host: "s3", Data: json.RawMessage(`[]`)})
			}
			a, err := r.proving().judgeCommit(t.Context(), &runner.Task{On: runner.Bot, Step: stepUnknownJudge, State: s, Say: say})
			var end *runner.Ending
			stays := errors.As(err, &end) && end.Reason == runner.StopUnknown
			if err != nil && !stays {
				t.Fatal(err)
			}
			if stays != (tt.want == runner.Unknown) || s.Commit.Outcome != tt.want || !stays && !a.Yes {
				t.Errorf("outcome %q, stays unknown %v, %+v; want %q", s.Commit.Outcome, stays, a, tt.want)
			}
			if !stays && !strings.HasPrefix(a.Evidence, map[runner.CommitOutcome]string{runner.Absent: "not committed", "": "committed"}[tt.want]) {
				t.Errorf("it says %q", a.Evidence)
			}
		})
	}
}
