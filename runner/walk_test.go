package runner_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"aurorabot/runner"
)

// unreadable is a journal that can be read the first `left` times only.
type unreadable struct {
	runner.Journal
	left int
}

var errRead = errors.New("input/output error")

func (u *unreadable) Events(run string) ([]runner.Event, error) {
	if u.left--; u.left < 0 {
		return nil, errRead
	}
	return u.Journal.Events(run)
}

// A walk whose journal cannot be read at its end says so: what it remembers may
// lack an abort that somebody else journaled.
func TestUnreadableJournalIsNoState(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	begin(t, j)
	broken := &unreadable{Journal: j, left: 1}
	s, err := (&runner.Engine{Journal: broken, Now: time.Now}).Advance(t.Context(), w.toy(), run)
	if !errors.Is(err, errRead) {
		t.Fatalf("Advance = %+v, %v; want %v", s, err, errRead)
	}
}

// What a later phase has stopped stays stopped when an earlier step has its turn
// again: the start that rests on that step was taken the place of.
func TestBrokenHoldStartsNothingThatWasStoppedSince(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.toy()
	prepare := r.Phases[0].Steps
	for i := range prepare {
		switch prepare[i].ID {
		case "prepare/configure":
			prepare[i].Holds, prepare[i].Voids = prepare[i].Verify, []string{"prepare/start", "rebuild/start"}
		case "prepare/start":
			prepare[i].Until = []string{"rebuild/stop"}
		}
	}
	broken := false
	work := runner.Step{
		ID: "rebuild/work", Title: "Work", Source: "toy", On: onBot, Dangerous: true, OneWay: "toy",
		Do: func(context.Context, *runner.Task) (any, error) {
			for _, host := range hosts {
				if w.get(host + "/running") {
					w.wrong = append(w.wrong, host+" runs while its log is rebuilt")
				}
			}
			return nil, nil
		},
	}
	work.Verify = func(_ context.Context, task *runner.Task) (runner.Answer, error) {
		if task.State.Of("rebuild/work", runner.Bot).Begun {
			return runner.Yes("done"), nil
		}
		return runner.No("not done"), nil
	}
	stop := w.flip("rebuild/stop", "running", false)
	do := stop.Do
	stop.Do = func(ctx context.Context, task *runner.Task) (any, error) {
		if task.On == "s1" && !broken {
			broken = true
			w.set("s1/config", false) // A colleague's edit.
		}
		return do(ctx, task)
	}
	rebuild := runner.Phase{ID: "rebuild", Title: "Rebuild", Steps: []runner.Step{stop, work, w.flip("rebuild/start", "running", true)}}
	r.Phases = slices.Insert(r.Phases, 2, rebuild)
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	s, err := play(t, e, r)
	for range 3 {
		if err != nil || s.Status != runner.Stopped {
			break
		}
		if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
			t.Fatal(err)
		}
		s, err = play(t, e, r)
	}
	if err != nil || s.Outcome != "recovered" || !broken || len(w.wrong) > 0 {
		t.Errorf("play = %s %q: %s, %v; broken %v; %v", s.Status, s.Outcome, s.Why, err, broken, w.wrong)
	}
}
