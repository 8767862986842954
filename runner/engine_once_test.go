package runner_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"aurorabot/runner"
)

// A commit step that ends before anything was sent is no commit whose outcome is
// unknown: it failed, or ended the walk in its own words; undo stays possible,
// and a resume does it.
func TestNothingSentIsNoCommit(t *testing.T) {
	for name, tt := range map[string]struct {
		err    error
		reason runner.StopReason
	}{
		"it failed":             {errors.New("where the log ends can't be read"), runner.StopFailed},
		"it found another look": {&runner.Ending{Reason: runner.StopExpired, Why: "another backup is staged", Reopen: []string{"restore/commit"}}, runner.StopExpired},
	} {
		t.Run(name, func(t *testing.T) {
			w, j := newWorld(), &runner.Memory{}
			r := w.toy()
			commit := &r.Phases[2].Steps[0]
			do := commit.Do
			commit.Do = func(context.Context, *runner.Task) (any, error) { return nil, tt.err }
			begin(t, j)
			e := &runner.Engine{Journal: j, Now: time.Now}
			s, err := play(t, e, r)
			if err != nil || s.Stop.Reason != tt.reason || s.Irreversible() || s.Passed("restore/commit", runner.Bot) || w.commits != 0 {
				t.Fatalf("play = %+v, %v; want stopped as %s, nothing sent", s, err, tt.reason)
			}
			commit.Do = do
			if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
				t.Fatal(err)
			}
			if s, err = play(t, e, r); err != nil || s.Outcome != "recovered" || w.commits != 1 {
				t.Errorf("play = %+v, %v, commits %d; want recovered with one commit", s, err, w.commits)
			}
			if g := s.Gates["commit"]; tt.reason == runner.StopExpired && len(g.Approvals) != 1 {
				t.Errorf("approvals %+v: those before must be void", g.Approvals)
			}
		})
	}
}
