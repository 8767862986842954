package recovery

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// recorded are the events of a journal of a run on the real programs. Its paths
// were replaced, so its chain is not that of its lines: it is read without.
func recorded(t *testing.T, name string) []runner.Event {
	t.Helper()
	var events []runner.Event
	for line := range bytes.Lines(older(t, filepath.Join("../real", name))) {
		var l struct {
			Event runner.Event `json:"event"`
		}
		if err := json.Unmarshal(line, &l); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		events = append(events, l.Event)
	}
	return events
}

// Runs on the real programs open, fold and are shown.
func TestRecordedJournalsAreShown(t *testing.T) {
	recipe := testRecovery(t).Recipe()
	files, err := os.ReadDir("testdata/real")
	if err != nil || len(files) != 15 {
		t.Fatalf("%d journals: %v", len(files), err)
	}
	for _, f := range files {
		events := recorded(t, f.Name())
		known(t, recipe, events)
		s := runner.Fold(events)
		if s.Run == "" || s.Request.Cluster != "lab" || len(s.Request.Hosts) != 3 || s.Status == "" {
			t.Errorf("%s: folds to %+v", f.Name(), s.Request)
		}
		for i := range events {
			view.Event(events[i], runner.Fold(events[:i+1])) // None of them is more than it can word.
		}
		if text := view.Timeline(events); !strings.Contains(text, s.Run) {
			t.Errorf("%s: its timeline does not name the run", f.Name())
		}
	}
}

// A run that stuck where replicas have uneven ends goes on with the snapshot
// that brings them level: of the real ones no later step has its turn before it.
func TestStuckJournalsResumeIntoLevel(t *testing.T) {
	for _, tt := range []struct {
		name  string
		after runner.Event // The cut lies after it, or before it.
		with  bool
	}{
		{"L1-lab-20261130T1220Z.jsonl.gz", runner.Event{Kind: runner.RunStopped, Step: stepVoting}, true},
		{"L2-lab-20261130T1225Z.jsonl.gz", runner.Event{Kind: runner.StepDone, Step: stepVoting}, false},
		{"L2-lab-20261130T1250Z.jsonl.gz", runner.Event{Kind: runner.StepDone, Step: stepVoting}, false},
	} {
		events := recorded(t, tt.name)
		cut := slices.IndexFunc(events, func(e runner.Event) bool { return e.Kind == tt.after.Kind && e.Step == tt.after.Step })
		if cut < 0 {
			t.Fatalf("%s: there is no %s of %s", tt.name, tt.after.Kind, tt.after.Step)
		}
		if tt.with {
			cut++
		}
		s := runner.Fold(events[:cut])
		if tt.with && (s.Status != runner.Stopped || s.Stop.Step != stepVoting || !strings.Contains(s.Why, "s1 ends at 195")) {
			t.Errorf("%s: %s at %s: %s", tt.name, s.Status, s.Stop.Step, s.Why)
		}
		if text := words(view.ScreensOf(events[:cut], view.People{})); tt.with && !strings.Contains(text, "resume") {
			t.Errorf("%s: what is shown of it does not say what to do:\n%s", tt.name, text)
		}
		turns := resumed(t, events[:cut])
		// What was passed has no turn again, and the undos of Preparation come last.
		want := []string{stepGroup, stepLevel, stepVoting}
		if got := turns[:min(len(turns), 3)]; !slices.Equal(got, want) {
			t.Errorf("%s: resumes into %v, want %v", tt.name, turns, want)
		}
		if end := turns[len(turns)-1]; end != stepHelper {
			t.Errorf("%s: it ends with %s, want the undo of %s", tt.name, end, stepHelper)
		}
	}
}

// resumed plays a journal on, with hosts on which everything is right but the
// ends of the logs, and returns the steps that have their turn.
func resumed(t *testing.T, events []runner.Event) []string {
	t.Helper()
	r := testRecovery(t)
	r.Cluster.Schedulers = r.Cluster.Schedulers[:3]
	recipe := r.Recipe()
	var mu sync.Mutex
	var turns []string
	turn := func(id string) {
		mu.Lock()
		defer mu.Unlock()
		if len(turns) == 0 || turns[len(turns)-1] != id {
			turns = append(turns, id)
		}
	}
	levelled := false
	yes := func(_ context.Context, task *runner.Task) (runner.Answer, error) {
		turn(task.Step)
		return runner.Answer{Yes: task.Step != stepLevel || levelled, Evidence: "played"}, nil
	}
	for i := range recipe.Phases {
		for j := range recipe.Phases[i].Steps {
			st := &recipe.Phases[i].Steps[j]
			st.Holds = nil
			if st.Check != nil {
				st.Check = func(context.Context, *runner.Task) (runner.Answer, error) { return runner.Yes("played"), nil }
				if st.ReadOnly() {
					st.Check = yes
				}
			}
			if st.Verify != nil {
				st.Verify = yes
			}
			if st.Do != nil {
				st.Do = func(_ context.Context, task *runner.Task) (any, error) {
					levelled = levelled || task.Step == stepLevel
					return nil, nil
				}
			}
			if st.Undo != nil {
				st.Undo = func(_ context.Context, task *runner.Task, _ runner.Receipt) (runner.Answer, error) {
					turn(task.Step)
					return runner.Yes("played"), nil
				}
			}
		}
	}
	recipe.Gone = nil
	j := &runner.Memory{}
	for _, e := range events {
		if _, err := j.Append(e); err != nil {
			t.Fatal(err)
		}
	}
	e := &runner.Engine{Journal: j, Now: func() time.Time { return noon }}
	run := events[0].Run
	if runner.Fold(events).Status == runner.Stopped {
		if _, err := e.Append(run, runner.Event{Kind: runner.RunResumed}); err != nil {
			t.Fatal(err)
		}
	}
	s, err := e.Advance(t.Context(), recipe, run)
	if err != nil || s.Status != runner.Closed || s.Outcome != "recovered" || !levelled {
		t.Errorf("it ends %s %q, a snapshot was written: %v: %s %v", s.Status, s.Outcome, levelled, s.Why, err)
	}
	return turns
}

func words(screens view.Screens) string {
	text, err := json.Marshal(screens)
	if err != nil {
		panic(err)
	}
	return string(text)
}
