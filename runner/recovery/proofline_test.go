package recovery

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// answering is a host of r whose helper gives these answers.
func answering(t *testing.T, r *Recovery, name string, s *runner.State, facts func(probe.Request) probe.Facts, lines []health.Match) *runner.Task {
	t.Helper()
	h := runnertest.NewHost(t, name)
	r.Hosts[name] = h
	const helper = "/var/lib/aurorabot/bin/aurorabot-0"
	h.On([]string{helper, "host", "facts"}, func(c runner.Command) runner.Output {
		var q probe.Request
		if err := json.Unmarshal(c.Stdin, &q); err != nil {
			t.Error(err)
		}
		return runnertest.Out(string(asJSON(facts(q))))
	})
	h.On([]string{helper, "log", "scan"}, func(runner.Command) runner.Output { return runnertest.Out(string(asJSON(lines))) })
	s.Apply(runner.Event{Kind: runner.StepDone, Step: stepHelper, Host: name, Facts: asJSON(node.Tool{Path: helper})})
	return &runner.Task{Host: h, On: name, State: s, Say: func(runner.Event) error { return nil }}
}

// A leader that has written a snapshot of its own since proves the commit by
// what it logged when it began; without those words nothing is proved.
func TestProofByTheFirstWords(t *testing.T) {
	const said = "I1123 11:00:13.967 [LeaderSelector-0, LogPersistence] Applying snapshot taken on Mon Nov 23 10:00:00 UTC 2026"
	staged := time.Date(2026, 11, 23, 10, 0, 0, 5e6, time.UTC)
	started := time.Date(2026, 11, 23, 11, 0, 0, 3e8, time.UTC)
	for name, tt := range map[string]struct {
		line string
		at   time.Time
		pid  int // That runs now.
		want bool
		says string
	}{
		"it began with the backup":       {said, started.Add(13 * time.Second), 7, true, "began with the backup's snapshot"},
		"it began with something else":   {strings.Replace(said, "10:00:00", "09:00:00", 1), started.Add(13 * time.Second), 7, false, "does not say"},
		"its log says nothing of it":     {"", time.Time{}, 7, false, "does not say"},
		"another process runs meanwhile": {said, started.Add(13 * time.Second), 8, false, "has ended"},
		"the process before it said so":  {said, started.Add(-500 * time.Millisecond), 7, false, "does not say"},
		"it is not known who said so":    {said, time.Time{}, 7, false, "does not say"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := testRecovery(t), &runner.State{}
			s.Apply(runner.Event{Kind: runner.StepDone, Step: stepElected, Host: runner.Bot, Facts: asJSON(fence{Host: "s1", PID: 3})})
			s.Apply(runner.Event{Kind: runner.StepDone, Step: stepLook, Host: "s2", Facts: asJSON(node.Look{Flags: map[string]string{"native_log_file_path": "/log"}})})
			lines := []health.Match{{Finding: "elected", Count: 1, Example: "x"}}
			if tt.line != "" {
				lines = append(lines, health.Match{Finding: "snapshot-applied", Count: 2, FirstAt: tt.at, Example: tt.line})
			}
			on := answering(t, r, "s2", s, func(probe.Request) probe.Facts {
				return probe.Facts{Processes: []probe.Process{{PID: tt.pid, Start: 70, Since: started, Argv: []string{"java", "-native_log_file_path=/log"}}}}
			}, lines)
			a, err := beganWith(t.Context(), r.on(on), fence{}, fence{Host: "s2", PID: 7, Start: 70}, staged, stake{Tasks: 65})
			if err != nil || a.Yes != tt.want || !strings.Contains(a.Evidence, tt.says) {
				t.Errorf("%+v, %v; want %v and %q", a, err, tt.want, tt.says)
			}
		})
	}
}
