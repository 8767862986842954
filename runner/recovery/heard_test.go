package recovery

import (
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

// line is a finding of a log whose last line is of that time.
func line(id string, at time.Time) health.Match {
	return health.Match{Finding: id, Severity: health.Look(id).Severity, Count: 1, Last: at.Format("0102 15:04:05"), LastAt: at, Example: "x"}
}

// The disabled state is counted from the election that the leader's own log
// tells, by the bot's clock; where it does not tell, from the start of the
// process, which is never too late.
func TestElectionIsOfTheLog(t *testing.T) {
	const ahead = 20 * time.Second
	began, elected := noon.Add(-5*time.Hour), noon.Add(-2*time.Hour)
	for name, tt := range map[string]struct {
		lines []health.Match
		want  time.Time
		says  string
	}{
		"its log tells":            {[]health.Match{line("elected", elected.Add(ahead))}, elected, "elected at 2026-11-23T10:00:00Z"},
		"its log says nothing":     {[]health.Match{line("replica-empty", elected)}, began, "no election"},
		"elected in the future":    {[]health.Match{line("elected", noon.Add(time.Hour))}, began, "elected at"},
		"elected before its start": {[]health.Match{line("elected", began.Add(-time.Hour))}, began, "no election"}, // The words of another process.
	} {
		t.Run(name, func(t *testing.T) {
			r, s := testRecovery(t), &runner.State{}
			r.Now = func() time.Time { return noon }
			var task *runner.Task
			for _, host := range r.Cluster.Names() {
				s.Apply(runner.Event{Kind: runner.StepDone, Step: stepLook, Host: host, Facts: asJSON(node.Look{Skew: ahead, Flags: map[string]string{"native_log_file_path": "/log", "max_leading_duration": "4hrs"}})})
				on := answering(t, r, host, s, func(probe.Request) probe.Facts {
					return probe.Facts{Processes: []probe.Process{{PID: 7, Start: 70, Since: began.Add(ahead), Argv: []string{"java", "-native_log_file_path=/log"}}}}
				}, map[bool][]health.Match{true: tt.lines}[host == "s2"])
				if host == "s2" {
					task = on
				}
			}
			f := fence{Host: "s2"}
			why, err := r.leading().logsAgree(t.Context(), task, &f)
			if err != nil || why != "" || !f.ElectedAt.Equal(tt.want) {
				t.Errorf("elected at %s, %q, %v; want %s", f.ElectedAt, why, err, tt.want)
			}
			if len(f.Says) != 3 || !strings.Contains(f.Says[1], "log of s2") || !strings.Contains(f.Says[1], tt.says) {
				t.Errorf("it says %q", f.Says)
			}
			// The gate ends half an hour before the earlier of the two limits.
			s.Apply(runner.Event{Kind: runner.StepDone, Step: stepElected, Host: runner.Bot, Facts: asJSON(f)})
			if got := r.leading().disabledUntil(s); !got.Equal(tt.want.Add(3*time.Hour + 30*time.Minute)) {
				t.Errorf("the gate ends at %s", got)
			}
		})
	}
}
