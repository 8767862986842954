package app

import (
	"encoding/json"
	"testing"
	"time"

	"aurorabot/runner"
)

// What runs did to a cluster is told for two hours after their end, and of no
// other cluster.
func TestActsOfTheLastHours(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	j := &runner.Memory{}
	play := func(run, cluster string, from, to time.Duration) {
		request, err := json.Marshal(runner.Request{Cluster: cluster})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range []runner.Event{
			{Kind: runner.RunRequested, At: now.Add(-from), Data: request},
			{Kind: runner.StepStarted, Step: "prepare/stop-schedulers", Host: "s1", At: now.Add(-from)},
			{Kind: runner.RunClosed, Why: "recovered", At: now.Add(-to)},
		} {
			e.Run = run
			if _, err := j.Append(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	play("lab-1", "lab", 5*time.Hour, 4*time.Hour)
	play("lab-2", "lab", 3*time.Hour, 2*time.Hour)
	play("other-1", "other", 50*time.Minute, 40*time.Minute)
	play("lab-3", "lab", 30*time.Minute, 20*time.Minute)
	got := acts(j, "lab", now)
	if len(got) != 2 || !got[0].To.Equal(now.Add(-20*time.Minute)) || !got[1].From.Equal(now.Add(-3*time.Hour)) || !got[0].Recovered {
		t.Errorf("acts of lab: %+v, want those of lab-3 and lab-2", got)
	}
	if got := acts(j, "none", now); len(got) != 0 {
		t.Errorf("acts of a cluster without runs: %+v", got)
	}
}
