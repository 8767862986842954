package recovery_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"testing"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// foreseen is the loss that a step found, in words.
func foreseen(t *testing.T, s *runner.State, step string) string {
	t.Helper()
	var facts struct {
		Total *health.Loss
		Loss  struct{ Total *health.Loss }
	}
	if err := json.Unmarshal(s.Of(step, runner.Bot).Facts, &facts); err != nil {
		t.Fatal(err)
	}
	l := cmp.Or(facts.Total, facts.Loss.Total)
	if l == nil || l.Killed == nil {
		return "unknown"
	}
	return fmt.Sprint(*l.Killed, l.AtLeast, l.Jobs)
}
