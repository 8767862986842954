package recovery

import (
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// A scheduler whose log is damaged ends at its start, and that is evidence. A supervisor
// that does not say when it was started is believed right behind the start only: later,
// or where the start is to be done anew, nothing says that it ever ran.
func TestEndedUnderASupervisorOfFewWords(t *testing.T) {
	for name, tt := range map[string]struct {
		left  runner.Receipt
		again bool
		runs  int // Exit status of is_running.
		want  bool
	}{
		"right behind its start":   {runner.Receipt(`{}`), false, 3, true},
		"found so after a crash":   {nil, false, 3, false},
		"to be started anew":       {runner.Receipt(`{}`), true, 3, false},
		"its supervisor starts it": {runner.Receipt(`{}`), false, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := testRecovery(t)
			r.Cluster.Supervisor, r.Cluster.Commands = "commands", aurora.SupervisorCommands{IsRunning: []string{"is-running"}, IsEnabled: []string{"is-enabled"}}
			s := &runner.State{}
			s.Apply(runner.Event{Kind: runner.StepDone, Step: stepLook, Host: "s1", Facts: asJSON(node.Look{Flags: map[string]string{"native_log_file_path": "/db"}})})
			task := answering(t, r, "s1", s, func(probe.Request) probe.Facts { return probe.Facts{Now: time.Now()} }, nil)
			h := task.Host.(*runnertest.Host)
			h.On([]string{"is-running"}, func(runner.Command) runner.Output { return runner.Output{Exit: tt.runs} })
			h.On([]string{"is-enabled"}, func(runner.Command) runner.Output { return runner.Output{Exit: 1} })
			began := time.Now().Add(-time.Second)
			s.Apply(runner.Event{Kind: runner.StepStarted, Step: stepStart, Host: "s1", At: began})
			if tt.again {
				s.Apply(runner.Event{Kind: runner.StepsReopened, Data: asJSON([]string{stepStart})})
			}
			task.Step, task.Left = stepStart, tt.left
			a, err := r.schedulers().startedByThisRun(t.Context(), task)
			if err != nil || a.Yes != tt.want {
				t.Fatalf("%+v, %v; want %v", a, err, tt.want)
			}
			if p, ok := a.Facts.(startedProcess); a.Yes && (!ok || !p.Exited || !p.At.Equal(began)) {
				t.Errorf("it left %+v", a.Facts)
			}
		})
	}
}
