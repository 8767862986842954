package handlers_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// Which jobs die is told by tasks RUN --lost, and in the JSON of plan and status;
// where nobody can tell, that is null and not none.
func TestLossIsTold(t *testing.T) {
	b := newBench(t)
	k := b.s.Clusters[0]
	told := func(words string) string {
		t.Helper()
		r := b.s.Handle(t.Context(), handlers.Request{Actor: person("UANN", "S1"), Channel: "C1", Words: strings.Fields(words), JSON: true})
		text, err := json.Marshal(r.Data)
		if err != nil || r.Exit == handlers.ExitError {
			t.Fatalf("%s: exit %d, %v, %v", words, r.Exit, err, r.Message)
		}
		return string(text)
	}
	const unknown = `"loss":{"killed":null,"at_least":true,"sources":[],"jobs":{}}`
	b.toCommit()
	for _, words := range []string{"status", "plan dev good"} {
		if words == "plan dev good" {
			b.ask("UBOB", "undo dev")
		}
		if got := told(words); !strings.Contains(got, unknown) {
			t.Errorf("%s: %s, want %s", words, got, unknown)
		}
	}
	source := health.LossSource{Source: health.LossByMesos, Killed: 3, Complete: true, Jobs: map[string]int{"ads/prod/bidder": 3}}
	k.Tasks = func(context.Context, *runner.State) ([]string, error) { return []string{"a task"}, nil }
	k.Loss = func(*runner.State) (health.Loss, []health.LostJob) {
		return health.LossOf(source), health.LostJobs(source)
	}
	b.toCommit()
	for words, want := range map[string]string{
		"tasks dev":        `["a task"]`,
		"tasks dev --lost": `[{"job":"ads/prod/bidder","instances":3,"source":"mesos"}]`,
		"status":           `"loss":{"killed":3,"at_least":false,"sources":[{"source":"mesos","killed":3,"complete":true}],"jobs":{"ads/prod/bidder":3}}`,
	} {
		if got := told(words); !strings.Contains(got, want) {
			t.Errorf("%s: %s, want %s", words, got, want)
		}
	}
}

// The start gate says how long the cluster's last recovery took, or else its last drill,
// and nothing where there was neither.
func TestStartGateSaysHowLongItTook(t *testing.T) {
	b := newBench(t)
	expected := func() string {
		t.Helper()
		b.ask("UANN", recoverDev)
		s, err := b.s.Screens(b.state().Run)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range s.Channel {
			for _, f := range m.Message.Fields {
				if f.Name == "Last time" {
					return f.Value
				}
			}
		}
		return ""
	}
	if got := expected(); got != "" {
		t.Errorf("before any recovery: %q", got)
	}
	b.ask("UBOB", "undo dev")
	b.s.Clusters[0].LastDrill = func() time.Duration { return 12*time.Minute + 5*time.Second }
	if got := expected(); got != "no recovery yet; the last drill with a backup of this cluster took 12 min 5 s on a rehearsal cluster" {
		t.Errorf("after a drill: %q", got)
	}
	b.ask("UBOB", "undo dev")
	b.toCommit()
	b.ask("UBOB", "approve dev --typed dev")
	b.ask("UDAN", "approve dev --typed dev")
	if st := b.state(); st.Outcome != "recovered" {
		t.Fatalf("outcome %q", st.Outcome)
	}
	if got := expected(); !strings.HasPrefix(got, "the last recovery here took ") {
		t.Errorf("after a recovery: %q", got)
	}
}
