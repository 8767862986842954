package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner"
)

var errDead = errors.New("dial: connection refused")

// mortal makes every function of the steps fail on a host that is dead, and
// gives the recipe its way to go on without it.
func (w *world) mortal() *runner.Recipe {
	r := w.toy()
	for p := range r.Phases {
		for i := range r.Phases[p].Steps {
			w.fail(&r.Phases[p].Steps[i])
		}
	}
	r.Gates = append(r.Gates, runner.Gate{ID: runner.GateWithout, Before: "without/leave", Title: "Go on without it?"})
	gone := func(_ context.Context, t *runner.Task) (runner.Answer, error) {
		if w.get(t.On + "/dead") {
			return runner.Yes("%s is gone", t.On), nil
		}
		return runner.No("%s answers", t.On), nil
	}
	asked := func(s *runner.State) []string { return s.Asked() }
	r.Without = runner.Phase{ID: runner.PhaseWithout, Title: "Without", Steps: []runner.Step{
		{ID: "without/look", Title: "Look", Source: "toy", On: asked, Check: gone},
		{ID: "without/leave", Title: "Leave", Source: "toy", On: asked, Check: gone},
	}}
	r.Gone = func(ctx context.Context, t *runner.Task) (runner.Answer, error) {
		if w.get(t.On + "/contained") {
			return runner.Yes("contained"), nil
		}
		return gone(ctx, t)
	}
	contain, rest := w.flip("settle/contain", "contained", true), w.flip("settle/rest", "rested", true)
	for _, s := range []*runner.Step{&contain, &rest} {
		s.Undo, s.OneWay = nil, "forward only"
		s.On = func(s *runner.State) []string { return []string{s.Settling} }
		w.fail(s)
	}
	rest.Needed = func(s *runner.State) (bool, string) { return s.Ended, "not ended" }
	do := rest.Do
	rest.Do = func(ctx context.Context, t *runner.Task) (any, error) { // As Cleanup does on the others.
		w.set(t.On+"/running", true)
		w.set(t.On+"/blocked", false)
		w.set(t.On+"/config", false)
		return do(ctx, t)
	}
	r.Settle = runner.Phase{ID: runner.PhaseSettle, Title: "Settle", Steps: []runner.Step{contain, rest}}
	r.Owes = func(s *runner.State, host string) []string {
		var owes []string
		for _, e := range s.Effects {
			if e.Host == host && s.Of(e.Step, host).Begun {
				owes = append(owes, e.Step)
			}
		}
		if s.Commit.Sent {
			owes = append(owes, "log folder aside")
		}
		return owes
	}
	return r
}

func (w *world) fail(st *runner.Step) {
	dead := func(t *runner.Task) error {
		if w.get(t.On + "/dead") {
			return errDead
		}
		return nil
	}
	for _, f := range []*func(context.Context, *runner.Task) (runner.Answer, error){&st.Check, &st.Verify, &st.Holds} {
		if inner := *f; inner != nil {
			*f = func(ctx context.Context, t *runner.Task) (runner.Answer, error) {
				if err := dead(t); err != nil {
					return runner.Answer{}, err
				}
				return inner(ctx, t)
			}
		}
	}
	if inner := st.Do; inner != nil {
		st.Do = func(ctx context.Context, t *runner.Task) (any, error) {
			if err := dead(t); err != nil {
				return nil, err
			}
			return inner(ctx, t)
		}
	}
	if inner := st.Undo; inner != nil {
		st.Undo = func(ctx context.Context, t *runner.Task, r runner.Receipt) (runner.Answer, error) {
			if err := dead(t); err != nil {
				return runner.Answer{}, err
			}
			return inner(ctx, t, r)
		}
	}
}

// operate is what people do until the run is closed: approve, go on without s2
// when it is dead and the run stands, let it return when it is owed for, and
// settle it. It returns the journal's error, if that fails.
func operate(t *testing.T, w *world, e *runner.Engine, r *runner.Recipe, undo bool) (*runner.State, error) {
	t.Helper()
	say := func(kinds ...runner.Event) error {
		for _, ev := range kinds {
			if _, err := e.Append(run, ev); err != nil {
				return err
			}
		}
		return nil
	}
	for range 40 {
		events, err := e.Journal.Events(run)
		if err != nil {
			t.Fatal(err)
		}
		s := runner.Fold(events)
		switch s.Status {
		case runner.Closed:
			return s, nil
		case runner.Gated:
			err = say(runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest})
		case runner.Open:
			_, err = e.Advance(t.Context(), r, run)
		case runner.Undoing:
			_, err = e.Undo(t.Context(), r, run)
		case runner.Settling:
			_, err = e.Settle(t.Context(), r, run)
		case runner.Owing:
			w.set("s2/dead", false)
			if len(s.Debts()) == 0 {
				_, err = e.Advance(t.Context(), r, run)
				break
			}
			err = say(runner.Event{Kind: runner.SettleRequested, Who: "T/UANN", Host: s.Debts()[0].Host})
		case runner.Stopped:
			if undo && !s.Undo && !s.Irreversible() {
				err = say(runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"})
				break
			}
			if w.get("s2/dead") && !s.IsLeft("s2") {
				err = say(runner.Event{Kind: runner.HostAsked, Who: "T/UANN", Host: "s2", Why: "its disk burnt"})
			}
			if err == nil {
				err = say(runner.Event{Kind: runner.RunResumed, Who: "T/UANN"})
			}
		}
		if err != nil {
			return s, err
		}
	}
	t.Fatal("the run does not end")
	return nil, nil
}

// dying is an engine at whose nth event s2 dies.
func dying(w *world, j runner.Journal, at int) *runner.Engine {
	n := 0
	return &runner.Engine{Journal: j, Now: time.Now, Told: func(runner.Event) {
		if n++; n == at {
			w.set("s2/dead", true)
		}
	}}
}

// right compares the world after a run that s2 died in with that before it.
func right(t *testing.T, w *world, s *runner.State, commits int, where string) {
	t.Helper()
	for _, h := range hosts {
		want := map[string]bool{h + "/running": true}
		got := map[string]bool{}
		for _, k := range []string{"running", "blocked", "config"} {
			if w.get(h + "/" + k) {
				got[h+"/"+k] = true
			}
		}
		if d := cmp.Diff(want, got); d != "" && !w.get(h+"/dead") {
			t.Errorf("%s: %s: %s", where, h, d)
		}
	}
	if w.commits != commits || len(w.wrong) > 0 || len(s.Debts()) > 0 {
		t.Errorf("%s: commits %d, want %d; %v; debts %v", where, w.commits, commits, w.wrong, s.Debts())
	}
}

// A host dies at every event. The run goes on without it, forward or back, ends
// right, and is closed only when the host is back and settled.
func TestHostDiesAtEveryEvent(t *testing.T) {
	for _, undo := range []bool{false, true} {
		for at, last := 1, 1; at <= last; at++ {
			w, j := newWorld(), &runner.Memory{}
			r := w.mortal()
			if err := r.Validate(); err != nil {
				t.Fatal(err)
			}
			begin(t, j)
			s, err := operate(t, w, dying(w, j, at), r, undo)
			if err != nil {
				t.Fatal(err)
			}
			events, _ := j.Events(run)
			last = max(last, len(events)-1)
			where := fmt.Sprintf("undo %v, s2 dies at %d", undo, at)
			commits := map[string]int{"recovered": 1}[s.Outcome]
			right(t, w, s, commits, where)
			left, settled := slices.IndexFunc(events, isKind(runner.HostLeft)), slices.IndexFunc(events, isKind(runner.HostSettled))
			if touched := slices.ContainsFunc(events, isKind(runner.RunOwes)); left >= 0 && touched != (settled >= 0) {
				t.Errorf("%s: owed %v, settled at %d", where, touched, settled)
			}
			for i, ev := range events {
				if left >= 0 && i > left && ev.Host == "s2" && ev.Phase != runner.PhaseSettle && ev.Kind != runner.SettleRequested && ev.Kind != runner.HostAsked {
					t.Errorf("%s: after it was left out: %s %s", where, ev.Kind, ev.Step)
				}
			}
		}
	}
}

func isKind(k runner.Kind) func(runner.Event) bool {
	return func(e runner.Event) bool { return e.Kind == k }
}

// The host dies, and later the bot, at every event: whoever goes on, the run
// ends right.
func TestCrashWithoutAHostAtEveryEvent(t *testing.T) {
	for _, death := range []int{5, 12, 26, 31, 36} {
		for at := death + 1; ; at++ {
			w, j := newWorld(), &runner.Memory{}
			r := w.mortal()
			begin(t, j)
			e := dying(w, &failing{Journal: j, at: at}, death)
			_, err := operate(t, w, e, r, false)
			if err == nil {
				if at < death+20 {
					t.Fatalf("death at %d: only %d events", death, at)
				}
				break
			}
			if !errors.Is(err, errFull) {
				t.Fatalf("death %d, crash %d: %v", death, at, err)
			}
			s, err := operate(t, w, &runner.Engine{Journal: j, Now: time.Now}, r, false)
			if err != nil {
				t.Fatalf("death %d, crash %d: %v", death, at, err)
			}
			right(t, w, s, 1, fmt.Sprintf("death %d, crash %d", death, at))
		}
	}
}

// upTo advances until the run stands, passing every gate but that one.
func upTo(t *testing.T, e *runner.Engine, r *runner.Recipe, gate string) *runner.State {
	t.Helper()
	for range 10 {
		s, err := e.Advance(t.Context(), r, run)
		if err != nil {
			t.Fatal(err)
		}
		if s.Status != runner.Gated || s.Gate == gate {
			return s
		}
		pass(t, e, s)
	}
	t.Fatal("it does not come to rest")
	return nil
}

func appendAll(t *testing.T, e *runner.Engine, events ...runner.Event) {
	t.Helper()
	for _, ev := range events {
		if _, err := e.Append(run, ev); err != nil {
			t.Fatal(err)
		}
	}
}

// To go on without a host needs people, and what they approved before, for all
// hosts, opens nothing afterwards.
func TestWithoutVoidsApprovals(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.mortal()
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	s := upTo(t, e, r, "commit")
	old := s.Gates["commit"].Digest
	w.set("s2/dead", true)
	pass(t, e, s) // Passed, but the holds stop it before it is used.
	if s = upTo(t, e, r, ""); s.Stop.Reason != runner.StopHold || w.commits != 0 {
		t.Fatalf("%+v, commits %d; want stopped", s.Stop, w.commits)
	}
	appendAll(t, e, runner.Event{Kind: runner.HostAsked, Host: "s2", Who: "T/UANN", Why: "burnt"}, runner.Event{Kind: runner.RunResumed})
	s, err := e.Advance(t.Context(), r, run)
	if err != nil || s.Gate != runner.GateWithout || s.IsLeft("s2") {
		t.Fatalf("gate %q, left %v, %v; want asked, and not left yet", s.Gate, s.IsLeft("s2"), err)
	}
	pass(t, e, s)
	s, err = e.Advance(t.Context(), r, run)
	if err != nil || s.Gate != "commit" || s.Gates["commit"].Digest == old || w.commits != 0 {
		t.Errorf("gate %q %.12s, was %.12s, commits %d, %v; want the commit gate with another digest", s.Gate, s.Gates["commit"].Digest, old, w.commits, err)
	}
	if d := s.Debts(); len(d) != 1 || len(d[0].Owes) == 0 {
		t.Errorf("debts %v; want what was done on s2", d)
	}
}

// A denial keeps the host: the run stands as before, and goes on with all of them.
func TestWithoutDenied(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.mortal()
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	upTo(t, e, r, "commit")
	w.set("s2/dead", true)
	appendAll(t, e, runner.Event{Kind: runner.RunAborted}, runner.Event{Kind: runner.HostAsked, Host: "s2"}, runner.Event{Kind: runner.RunResumed})
	s, _ := e.Advance(t.Context(), r, run)
	stop, _ := json.Marshal(runner.Stop{Reason: runner.StopAborted})
	appendAll(t, e, runner.Event{Kind: runner.GateDenied, Gate: s.Gate}, runner.Event{Kind: runner.GateVoided, Gate: s.Gate}, runner.Event{Kind: runner.RunStopped, Data: stop})
	w.set("s2/dead", false)
	appendAll(t, e, runner.Event{Kind: runner.RunResumed})
	if s = upTo(t, e, r, ""); s.Outcome != "recovered" || len(s.Without) != 0 {
		t.Errorf("%s %q, without %v; want recovered with all hosts", s.Status, s.Outcome, s.Without)
	}
}

// A host that answers is not left out; asked for again without it, the run goes
// on with all.
func TestAHostThatLivesIsNotLeftOut(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.mortal()
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	upTo(t, e, r, "commit")
	appendAll(t, e, runner.Event{Kind: runner.RunAborted}, runner.Event{Kind: runner.HostAsked, Host: "s2"}, runner.Event{Kind: runner.RunResumed})
	s, _ := e.Advance(t.Context(), r, run)
	if s.Status != runner.Stopped || s.IsLeft("s2") || s.Gate == runner.GateWithout {
		t.Fatalf("%s at %q, left %v; want stopped", s.Status, s.Gate, s.IsLeft("s2"))
	}
	appendAll(t, e, runner.Event{Kind: runner.HostKept, Host: "s2"}, runner.Event{Kind: runner.RunResumed})
	if s = upTo(t, e, r, ""); s.Outcome != "recovered" {
		t.Errorf("%s %q: %s", s.Status, s.Outcome, s.Why)
	}
}

// The host comes back in the middle: the run stops before anything dangerous,
// and goes on when the host is kept from taking part; the rest is owed.
func TestAHostThatReturnsInTheMiddle(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.mortal()
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	upTo(t, e, r, "commit")
	w.set("s2/dead", true)
	appendAll(t, e, runner.Event{Kind: runner.RunAborted}, runner.Event{Kind: runner.HostAsked, Host: "s2"}, runner.Event{Kind: runner.RunResumed})
	s := upTo(t, e, r, "commit")
	w.set("s2/dead", false)
	pass(t, e, s)
	if s = upTo(t, e, r, ""); s.Stop.Reason != runner.StopHold || w.commits != 0 {
		t.Fatalf("%s, %+v, commits %d; want stopped because s2 answers", s.Status, s.Stop, w.commits)
	}
	appendAll(t, e, runner.Event{Kind: runner.SettleRequested, Host: "s2"})
	s, err := e.Settle(t.Context(), r, run)
	if err != nil || s.Status != runner.Stopped || !w.get("s2/contained") || w.get("s2/rested") || len(s.Debts()) != 1 {
		t.Fatalf("%s, debts %v, %v; want it contained, and owing still", s.Status, s.Debts(), err)
	}
	appendAll(t, e, runner.Event{Kind: runner.RunResumed})
	if s = upTo(t, e, r, ""); s.Status != runner.Owing || s.Outcome != "recovered" || w.commits != 1 {
		t.Fatalf("%s %q, commits %d: %s; want recovered, and owing", s.Status, s.Outcome, w.commits, s.Why)
	}
	w.set("s2/contained", false) // Somebody started it by hand.
	appendAll(t, e, runner.Event{Kind: runner.SettleRequested, Host: "s2"})
	s, err = e.Settle(t.Context(), r, run)
	if err != nil || s.Status != runner.Closed || !w.get("s2/contained") || !w.get("s2/rested") {
		t.Errorf("%s, %v; want closed, and s2 looked at anew", s.Status, err)
	}
}

// Two hosts that were left out are back: both are named, in order.
func TestAllThatReturnAreNamed(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.mortal()
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	s := upTo(t, e, r, "commit")
	for _, host := range []string{"s3", "s2"} {
		w.set(host+"/dead", true)
		appendAll(t, e, runner.Event{Kind: runner.RunAborted}, runner.Event{Kind: runner.HostAsked, Host: host}, runner.Event{Kind: runner.RunResumed})
		s = upTo(t, e, r, "commit")
	}
	w.set("s2/dead", false)
	w.set("s3/dead", false)
	pass(t, e, s)
	s = upTo(t, e, r, "")
	if s.Stop.Reason != runner.StopHold || !slices.Equal(s.Stop.Hosts, []string{"s2", "s3"}) || !strings.Contains(s.Why, "s2 was left out of this run: s2 answers; s3 was left out") {
		t.Errorf("%+v: %s; want stopped because s2 and s3 answer", s.Stop, s.Why)
	}
}
