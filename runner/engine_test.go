package runner_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner"
)

// world is what the toy recipe changes: by host, named switches. A stopped
// scheduler that is started again later is the trap that "Verify first" falls
// into: see ARCHITECTURE.
type world struct {
	mu      sync.Mutex
	on      map[string]bool // "s1/running", "s1/blocked", "s1/config"
	commits int
	wrong   []string // What should never have been seen.
}

func newWorld() *world {
	w := &world{on: map[string]bool{}}
	for _, h := range hosts {
		w.on[h+"/running"] = true
	}
	return w
}

func (w *world) get(k string) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.on[k] }
func (w *world) set(k string, v bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if v {
		w.on[k] = true
	} else {
		delete(w.on, k)
	}
}

var hosts = []string{"s1", "s2", "s3"}

func allHosts(*runner.State) []string { return hosts }
func onBot(*runner.State) []string    { return []string{runner.Bot} }

// flip makes a step that sets a switch, and whose undo sets it back.
func (w *world) flip(id, key string, to bool) runner.Step {
	return runner.Step{
		ID: id, Title: id, Source: "toy", On: allHosts,
		Do: func(_ context.Context, t *runner.Task) (any, error) {
			w.set(t.On+"/"+key, to)
			return map[string]bool{"was": !to}, nil
		},
		Verify: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
			if w.get(t.On+"/"+key) == to {
				return runner.Yes("%s is %v", key, to), nil
			}
			return runner.No("%s is %v", key, !to), nil
		},
		Undo: func(_ context.Context, t *runner.Task, _ runner.Receipt) (runner.Answer, error) {
			w.set(t.On+"/"+key, !to)
			return runner.Yes("%s is %v again", key, !to), nil
		},
	}
}

// toy is stop, block, configure, start, look, commit, prove, and the undoing of it.
func (w *world) toy() *runner.Recipe {
	stop := w.flip("prepare/stop", "running", false)
	block := w.flip("prepare/block", "blocked", true)
	block.Last = true
	block.Holds = block.Verify
	configure := w.flip("prepare/configure", "config", true)
	start := w.flip("prepare/start", "running", true)
	commit := runner.Step{
		ID: "restore/commit", Title: "Commit", Source: "toy", On: onBot, Once: true, Dangerous: true,
		OneWay: "the log is overwritten",
		Do: func(_ context.Context, t *runner.Task) (any, error) {
			if err := t.Say(runner.Event{Kind: runner.CommitSent}); err != nil {
				return nil, err
			}
			w.mu.Lock()
			w.commits++
			w.mu.Unlock()
			return nil, errors.New("connection lost") // The reply never says anything.
		},
	}
	prove := runner.Step{
		ID: "restore/prove", Title: "Prove", Source: "toy", On: onBot,
		Check: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
			w.mu.Lock()
			n := w.commits
			w.mu.Unlock()
			if n == 0 {
				return runner.No("nothing was committed"), nil
			}
			return runner.Yes("committed"), t.Say(runner.Event{Kind: runner.CommitProved, Why: "seen"})
		},
	}
	look := runner.Step{
		ID: "assess/look", Title: "Look", Source: "toy", On: allHosts,
		Check: func(_ context.Context, t *runner.Task) (runner.Answer, error) {
			for _, k := range []string{"running", "blocked", "config"} {
				if !w.get(t.On + "/" + k) {
					w.mu.Lock()
					w.wrong = append(w.wrong, t.On+" is not "+k+" in Assess")
					w.mu.Unlock()
				}
			}
			return runner.Yes("seen"), nil
		},
	}
	r := &runner.Recipe{
		ID: "toy", Version: 1, Title: "toy",
		Phases: []runner.Phase{
			{ID: "prepare", Title: "Preparation", Steps: []runner.Step{stop, block, configure, start}},
			{ID: "assess", Title: "Assess", Steps: []runner.Step{look}},
			{ID: "restore", Title: "Restore", Steps: []runner.Step{commit, prove}},
			{ID: "cleanup", Title: "Cleanup", Undoes: "prepare"},
		},
		Gates: []runner.Gate{
			{ID: "start", Before: "prepare/stop", Title: "Begin?"},
			{ID: "commit", Before: "restore/commit", Title: "Commit?"},
		},
		Hosts: map[string]runner.Host{"s1": nil, "s2": nil, "s3": nil},
	}
	return r
}

// failing is a journal whose disk is full from the event `at` on. Zero: never.
type failing struct {
	runner.Journal
	at, n int
	mu    sync.Mutex
}

var errFull = errors.New("no space left on device")

func (f *failing) Append(e runner.Event) (runner.Event, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	if f.at > 0 && f.n >= f.at {
		return e, errFull
	}
	return f.Journal.Append(e)
}

const run = "toy-20260102T0304Z"

func begin(t *testing.T, j runner.Journal) {
	t.Helper()
	e := &runner.Engine{Journal: j, Now: time.Now}
	data, _ := json.Marshal(runner.Request{Cluster: "toy"})
	if _, err := e.Append(run, runner.Event{Kind: runner.RunRequested, Who: "T/UANN", Data: data}); err != nil {
		t.Fatal(err)
	}
}

// play advances and approves until the run is closed or cannot go on.
func play(t *testing.T, e *runner.Engine, r *runner.Recipe) (*runner.State, error) {
	t.Helper()
	for range 20 {
		s, err := e.Advance(t.Context(), r, run)
		if err != nil {
			return s, err
		}
		if s.Status != runner.Gated {
			return s, nil
		}
		g := s.Gates[s.Gate]
		if _, err := e.Append(run, runner.Event{Kind: runner.GateApproved, Gate: s.Gate, Digest: g.Digest, Who: "T/UBOB"}); err != nil {
			return s, err
		}
		if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: g.Digest}); err != nil {
			return s, err
		}
	}
	t.Fatal("the run does not end")
	return nil, nil
}

// undo asks for it and does it.
func undo(t *testing.T, e *runner.Engine, r *runner.Recipe) (*runner.State, error) {
	t.Helper()
	if _, err := e.Append(run, runner.Event{Kind: runner.UndoRequested, Who: "T/UANN"}); err != nil {
		return nil, err
	}
	return e.Undo(t.Context(), r, run)
}

// A whole run ends with everything undone, one commit, and the schedulers running.
func TestAdvanceToTheEnd(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	before := maps.Clone(w.on)
	r := w.toy()
	if err := r.Validate(); err != nil {
		t.Fatal(err)
	}
	begin(t, j)
	s, err := play(t, &runner.Engine{Journal: j, Now: time.Now}, r)
	if err != nil || s.Outcome != "recovered" {
		t.Fatalf("play = %+v, %v; want recovered", s, err)
	}
	if d := cmp.Diff(before, w.on); d != "" || w.commits != 1 || len(w.wrong) > 0 {
		t.Errorf("world differs: %s; commits %d; %v", d, w.commits, w.wrong)
	}
	events, _ := j.Events(run)
	order := undone(events)
	if want := []string{"prepare/start", "prepare/configure", "prepare/stop", "prepare/block"}; !slices.Equal(order, want) {
		t.Errorf("Cleanup undid %v, want %v", order, want)
	}
}

func undone(events []runner.Event) []string {
	var order []string
	for _, e := range events {
		if e.Kind == runner.UndoDone && !slices.Contains(order, e.Step) {
			order = append(order, e.Step)
		}
	}
	return order
}

// The disk is full at event n; then a new process goes on to the end, or takes
// everything back. Whatever n is, the world ends right.
func TestCrashAtEveryEvent(t *testing.T) {
	for _, way := range []string{"resume", "undo"} {
		for at := 1; ; at++ {
			w, j := newWorld(), &runner.Memory{}
			before := maps.Clone(w.on)
			r := w.toy()
			begin(t, j)
			_, err := play(t, &runner.Engine{Journal: &failing{Journal: j, at: at}, Now: time.Now}, r)
			if err == nil {
				if at < 30 {
					t.Fatalf("only %d events in a run", at)
				}
				break
			}
			if !errors.Is(err, errFull) {
				t.Fatalf("%s, crash at %d: %v", way, at, err)
			}
			e := &runner.Engine{Journal: j, Now: time.Now}
			events, _ := j.Events(run)
			crashed := runner.Fold(events)
			var s *runner.State
			if way == "undo" && crashed.Status != runner.Closed {
				s, err = undo(t, e, r)
				if crashed.Commit.Sent {
					if !errors.Is(err, runner.ErrIrreversible) {
						t.Fatalf("crash at %d: undo after a commit was sent: %v, want ErrIrreversible", at, err)
					}
					continue
				}
			} else {
				s, err = play(t, e, r)
			}
			if err != nil || s.Status != runner.Closed {
				t.Fatalf("%s, crash at %d: %+v, %v", way, at, s, err)
			}
			if d := cmp.Diff(before, w.on); d != "" {
				t.Errorf("%s, crash at %d: world differs: %s", way, at, d)
			}
			if want := map[string]int{"recovered": 1}[s.Outcome]; w.commits != want && crashed.Commit.Sent {
				t.Errorf("%s, crash at %d: %d commits, want %d (%s)", way, at, w.commits, want, s.Outcome)
			}
			if w.commits > 1 || len(w.wrong) > 0 {
				t.Errorf("%s, crash at %d: commits %d, %v", way, at, w.commits, w.wrong)
			}
		}
	}
}

// A scheduler that was down before the run must still be down after its undo.
func TestUndoLeavesAloneWhatItDidNotDo(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	w.set("s2/running", false)
	before := maps.Clone(w.on)
	r := w.toy()
	r.Phases[0].Steps = r.Phases[0].Steps[:3] // Without the start, so that the difference shows.
	r.Phases[1].Steps = []runner.Step{{ID: "assess/no", Title: "no", Source: "toy", On: onBot,
		Check: func(context.Context, *runner.Task) (runner.Answer, error) { return runner.No("no"), nil }}}
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	if s, err := play(t, e, r); err != nil || s.Status != runner.Stopped {
		t.Fatalf("play = %+v, %v; want stopped", s, err)
	}
	if s, err := undo(t, e, r); err != nil || s.Outcome != "undone" {
		t.Fatalf("undo = %+v, %v", s, err)
	}
	if d := cmp.Diff(before, w.on); d != "" {
		t.Error(d)
	}
}

// What must hold is asked before a dangerous step; broken, nothing dangerous happens.
func TestBrokenHoldStopsBeforeDanger(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.toy()
	look := r.Phases[1].Steps[0].Check
	r.Phases[1].Steps[0].Check = func(ctx context.Context, task *runner.Task) (runner.Answer, error) {
		defer w.set("s3/blocked", false) // Somebody opens the firewall meanwhile.
		return look(ctx, task)
	}
	begin(t, j)
	s, err := play(t, &runner.Engine{Journal: j, Now: time.Now}, r)
	if err != nil || s.Stop.Reason != runner.StopHold || w.commits != 0 {
		t.Errorf("play = %+v, %v, commits %d; want stopped by the broken hold", s, err, w.commits)
	}
}

// A hold that breaks while it is not known what became of the commit must not
// bring the commit's turn again: a second one could reach the next leader.
func TestBrokenHoldNeverCommitsAgain(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.toy()
	for i := range r.Phases[0].Steps {
		r.Phases[0].Steps[i].Voids = []string{"restore/commit"}
	}
	prove := &r.Phases[2].Steps[1]
	proved := prove.Check
	prove.Check = func(context.Context, *runner.Task) (runner.Answer, error) {
		return runner.Answer{}, &runner.Ending{Reason: runner.StopUnknown, Why: "nobody can tell"}
	}
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	if s, err := play(t, e, r); err != nil || s.Stop.Reason != runner.StopUnknown || w.commits != 1 {
		t.Fatalf("play = %+v, %v, commits %d; want unknown", s, err, w.commits)
	}
	w.set("s3/blocked", false)
	prove.Check = proved
	for range 5 { // Stopped by the hold, then on to the end.
		if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
			t.Fatal(err)
		}
		s, err := play(t, e, r)
		if err != nil {
			t.Fatal(err)
		}
		if s.Outcome == "recovered" {
			break
		}
	}
	if w.commits != 1 {
		t.Errorf("%d commits, want 1", w.commits)
	}
}

// An approval counts for what was shown only: when what would be done changes
// between approval and use, the gate opens anew.
func TestChangedPlanVoidsApprovals(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	r := w.toy()
	loss := 3
	r.Gates[1].Binds = func(*runner.State) any { return loss }
	begin(t, j)
	e := &runner.Engine{Journal: j, Now: time.Now}
	var s *runner.State
	for range 2 {
		s, _ = e.Advance(t.Context(), r, run)
		if s.Gate == "start" {
			pass(t, e, s)
		}
	}
	if s.Gate != "commit" {
		t.Fatalf("gate %q, want commit", s.Gate)
	}
	old := s.Gates["commit"].Digest
	pass(t, e, s)
	loss = 4
	s, err := e.Advance(t.Context(), r, run)
	if err != nil || s.Status != runner.Gated || s.Gates["commit"].Digest == old || w.commits != 0 {
		t.Errorf("Advance = %+v, %v, commits %d; want the gate open anew with another digest", s, err, w.commits)
	}
}

func pass(t *testing.T, e *runner.Engine, s *runner.State) {
	t.Helper()
	if _, err := e.Append(run, runner.Event{Kind: runner.GatePassed, Gate: s.Gate, Digest: s.Gates[s.Gate].Digest}); err != nil {
		t.Fatal(err)
	}
}

// People are asked again at the moment of use; a "no" then sends nothing.
func TestRecheckAtTheMomentOfUse(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	e := &runner.Engine{Journal: j, Now: time.Now, Recheck: func(_ context.Context, _ *runner.State, gate string) error {
		if gate == "commit" {
			return errors.New("UBOB was removed from sre-leads")
		}
		return nil
	}}
	begin(t, j)
	s, err := play(t, e, w.toy())
	if err != nil || s.Stop.Reason != runner.StopExpired || w.commits != 0 {
		t.Errorf("play = %+v, %v, commits %d; want stopped, nothing sent", s, err, w.commits)
	}
}

// Approvals that are voided when the step is begun on some hosts only are asked for
// anew: a resume alone does not go on with the others.
func TestVoidedWhileSomeHostsHaveBegun(t *testing.T) {
	w, j := newWorld(), &runner.Memory{}
	var asked atomic.Int32
	e := &runner.Engine{Journal: j, Now: time.Now, Recheck: func(_ context.Context, _ *runner.State, gate string) error {
		if gate == "start" && asked.Add(1) == int32(len(hosts))+1 { // The last host's; the first call is the gate's own.
			return errors.New("UBOB was removed from sre")
		}
		return nil
	}}
	begin(t, j)
	s, err := play(t, e, w.toy())
	begun := 0
	for _, st := range s.Steps["prepare/stop"] {
		if st.Begun {
			begun++
		}
	}
	if err != nil || s.Stop.Reason != runner.StopExpired || begun == 0 || begun == len(hosts) {
		t.Fatalf("%s, %+v, %v: begun on %d of %d hosts; want some", s.Status, s.Stop, err, begun, len(hosts))
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed, Who: "T/UANN"}); err != nil {
		t.Fatal(err)
	}
	s, err = e.Advance(t.Context(), w.toy(), run)
	if err != nil || s.Status != runner.Gated || s.Gate != "start" {
		t.Errorf("after a resume: %s at %q, %v; want the start gate", s.Status, s.Gate, err)
	}
	if s, err = play(t, e, w.toy()); err != nil || s.Outcome != "recovered" {
		t.Errorf("approved anew: %s %q, %v", s.Status, s.Outcome, err)
	}
}

// Any list of events folds without panic, and in two parts as at once.
func FuzzFold(f *testing.F) {
	f.Add([]byte(`[{"kind":"run.requested","who":"T/U"},{"kind":"step.done","step":"a/b","host":"s1"},{"kind":"steps.reopened","data":["a/b"]}]`), 1)
	f.Fuzz(func(t *testing.T, raw []byte, cut int) {
		var events []runner.Event
		if json.Unmarshal(raw, &events) != nil {
			return
		}
		whole := runner.Fold(events)
		if cut < 0 || cut > len(events) {
			return
		}
		parts := runner.Fold(events[:cut])
		for _, e := range events[cut:] {
			parts.Apply(e)
		}
		if d := cmp.Diff(whole, parts); d != "" {
			t.Fatal(d)
		}
	})
}

func ExampleDigest() {
	fmt.Println(runner.Digest(map[string]any{"b": 1, "a": "<x>"}) == runner.Digest(struct {
		A string `json:"a"`
		B int    `json:"b"`
	}{"<x>", 1}))
	// Output: true
}

// What goes on after a crash is the same try; what follows a failure, a taking
// back or a reopening is the next one.
func TestTries(t *testing.T) {
	st := &runner.State{}
	for i, e := range []struct {
		kind runner.Kind
		want int
	}{
		{runner.StepStarted, 1}, {runner.StepStarted, 1}, {runner.StepFailed, 1}, {runner.StepStarted, 2}, {runner.StepDone, 2},
		{runner.UndoStarted, 3}, {runner.UndoStarted, 3}, {runner.UndoFailed, 3}, {runner.UndoStarted, 4}, {runner.UndoDone, 4},
		{runner.StepsReopened, 4}, {runner.StepStarted, 5},
	} {
		ev := runner.Event{Seq: i + 1, Kind: e.kind, Step: "a/b", Host: "s1"}
		if e.kind == runner.StepsReopened {
			ev.Data = []byte(`["a/b"]`)
		}
		st.Apply(ev)
		if got := st.Of("a/b", "s1").Try; got != e.want {
			t.Errorf("event %d, %s: try %d, want %d", i+1, e.kind, got, e.want)
		}
	}
}
