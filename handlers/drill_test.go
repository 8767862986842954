package handlers_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner/drill"
)

// What a drill proved is the exit status: 0 proved, 6 failed, 1 nothing found
// out. The clock may ask for one, a person who may only read may not, and
// drills never go on side by side.
func TestDrill(t *testing.T) {
	b := newBench(t)
	if r := b.ask("UANN", "drill dev"); r.Exit != handlers.ExitError {
		t.Errorf("without a lab: exit %d", r.Exit)
	}
	var answer drill.Drill
	var failure error
	asked, busy, most := 0, 0, 0
	b.s.Clusters[0].Drill = func(context.Context) (drill.Drill, error) {
		b.mu.Lock()
		asked++
		busy++
		most = max(most, busy)
		b.mu.Unlock()
		time.Sleep(5 * time.Millisecond)
		b.mu.Lock()
		defer b.mu.Unlock()
		busy--
		return answer, failure
	}
	clock := func() handlers.Response {
		return b.s.Handle(t.Context(), handlers.Request{Actor: policy.Actor{TeamID: "cron", UserID: "weekly"}, Clock: true, Channel: "C9", Words: []string{"drill", "dev"}, At: time.Now()})
	}
	for _, tt := range []struct {
		drill drill.Drill
		err   error
		exit  int
		tone  view.Tone
	}{
		{drill.Drill{Cluster: "dev", Backup: "b", Result: drill.Result{Proved: true}}, nil, handlers.ExitDone, view.Good},
		{drill.Drill{Cluster: "dev", Backup: "b", Result: drill.Result{Why: "it is cut"}}, nil, handlers.ExitFindings, view.Bad},
		{drill.Drill{}, errors.New("no host answers"), handlers.ExitError, view.Bad},
	} {
		answer, failure = tt.drill, tt.err
		for who, r := range map[string]handlers.Response{"ann": b.ask("UANN", "drill dev"), "clock": clock()} {
			if r.Exit != tt.exit || r.Message.Tone != tt.tone || r.Private {
				t.Errorf("%s: exit %d, tone %s, private %v, want %d, %s\n%s", who, r.Exit, r.Message.Tone, r.Private, tt.exit, tt.tone, view.Text(r.Message))
			}
		}
	}
	before := asked
	if r := b.ask("UEVE", "drill dev"); r.Exit != handlers.ExitRefused || asked != before {
		t.Errorf("who may only read: exit %d, held %v", r.Exit, asked > before)
	}
	if r := b.ask("UANN", "drill other"); r.Exit != handlers.ExitError || asked != before {
		t.Errorf("no such cluster: exit %d", r.Exit)
	}
	done := make(chan handlers.Response)
	for range 3 {
		go func() { done <- clock() }()
	}
	for range 3 {
		<-done
	}
	if most != 1 {
		t.Errorf("%d drills side by side", most)
	}
}
