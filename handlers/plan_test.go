package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// planned asks for a plan, and returns its first lines, the whole, and what scripts
// get of what speaks against it.
func (b *bench) planned(words string) (top, whole string, warnings []runner.Obstacle) {
	b.t.Helper()
	r := b.typed("C1", "UEVE", words)
	var data struct {
		Phases   []any
		Warnings []runner.Obstacle
	}
	js, err := json.Marshal(r.Data)
	if err != nil || json.Unmarshal(js, &data) != nil || r.Exit != handlers.ExitDone || len(data.Phases) == 0 || data.Warnings == nil {
		b.t.Fatalf("%s: exit %d, %s: %s", words, r.Exit, r.Message.Head, js)
	}
	whole = view.Text(r.Message)
	for _, f := range r.Message.Files {
		whole += f.Text
	}
	return strings.Join(r.Message.Lines[:min(4, len(r.Message.Lines))], "\n"), whole, data.Warnings
}

// A plan is shown however the cluster stands: what speaks against a recovery is a
// warning at its top, and what cannot be known is left open.
func TestPlanIsNeverRefused(t *testing.T) {
	b := newBench(t)
	if top, _, warnings := b.planned("plan dev good"); strings.Contains(top, "Warning") || len(warnings) != 0 {
		t.Errorf("nothing speaks against it: %s, %v", top, warnings)
	}
	st := b.toCommit()
	top, whole, warnings := b.planned("plan dev good")
	if !strings.Contains(top, "open run, "+st.Run) || !strings.Contains(top, "`undo "+st.Run+"`") || len(warnings) != 1 {
		t.Errorf("of an open run: %s\n%v", top, warnings)
	}
	if strings.Contains(whole, "not done") {
		t.Errorf("it speaks of what is ahead as not done:\n%s", whole)
	}
	if now := b.state(); now.Run != st.Run || now.Status != runner.Gated || now.Gate != "commit" || len(now.Gates["commit"].Approvals) != 0 || !b.on {
		t.Errorf("the plan changed the open run: %s %s", now.Run, now.Status)
	}
	// Pre-flight that finds the cluster well, and one that is told nothing.
	make := b.s.Clusters[0].Recipes["toy"]
	for name, check := range map[string]func(context.Context, *runner.Task) (runner.Answer, error){
		"it leads and is registered": func(context.Context, *runner.Task) (runner.Answer, error) {
			return runner.Answer{}, &runner.Ending{Reason: runner.StopNotNeeded, Close: true, Why: "it leads and is registered"}
		},
		"no route to `host`": func(context.Context, *runner.Task) (runner.Answer, error) {
			return runner.Answer{}, errors.New("no route to `host`")
		},
		"the backup is too old": func(context.Context, *runner.Task) (runner.Answer, error) {
			return runner.No("the backup is too old"), nil
		},
	} {
		b.s.Clusters[0].Recipes["toy"] = func() (*runner.Recipe, error) {
			r, err := make()
			look := runner.Step{ID: "prepare/look", Title: "look", Source: "toy", On: func(*runner.State) []string { return []string{runner.Bot} }, Check: check}
			r.Phases[0].Steps = append([]runner.Step{look}, r.Phases[0].Steps...)
			return r, err
		}
		for _, words := range []string{"plan dev good", "plan dev good --reason x"} {
			top, _, warnings := b.planned(words)
			if len(warnings) != 2 || !strings.Contains(strings.ToLower(top), strings.ToLower(strings.ReplaceAll(name, "`", "'"))) {
				t.Errorf("%s: %s\n%v", name, top, warnings)
			}
		}
	}
	// Policy is asked all the same, and so is whether the words make sense.
	if r := b.typed("C2", "UEVE", "plan dev good"); r.Exit != handlers.ExitRefused {
		t.Errorf("where nobody may read: exit %d", r.Exit)
	}
	if r := b.typed("C1", "UEVE", "plan dev good --recipe none"); r.Exit != handlers.ExitUsage {
		t.Errorf("of no recipe: exit %d", r.Exit)
	}
}
