package recovery

import (
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
	"aurorabot/runner/runnertest"
)

// line is a finding of a log whose last line is of that time.
func line(id string, at time.Time) health.Match {
	return health.Match{Finding: id, Severity: health.Look(id).Severity, Count: 1, Last: at.Format("0102 15:04:05"), LastAt: at, Example: "x"}
}

// Who leads was elected last, and has not lost it since; a log that says nothing
// contradicts nobody.
func TestContradicts(t *testing.T) {
	const apart = time.Minute
	at := func(m int) time.Time { return noon.Add(time.Duration(m) * time.Minute) }
	for name, tt := range map[string]struct {
		s1, s2 []health.Match
		want   string
	}{
		"it was elected":                     {[]health.Match{line("elected", at(0))}, nil, ""},
		"nobody says anything":               {nil, nil, ""},
		"it was elected last":                {[]health.Match{line("elected", at(5))}, []health.Match{line("elected", at(0))}, ""},
		"another one was elected after it":   {[]health.Match{line("elected", at(0))}, []health.Match{line("elected", at(2))}, "after it"},
		"within what clocks differ":          {[]health.Match{line("elected", at(0))}, []health.Match{line("elected", at(1))}, ""},
		"another one, and it gave up":        {[]health.Match{line("elected", at(0))}, []health.Match{line("elected", at(2)), line("registration-timeout", at(3))}, ""},
		"it lost it":                         {[]health.Match{line("elected", at(0)), line("leadership-lost", at(1))}, nil, "lost the leadership"},
		"it had lost it, and was elected":    {[]health.Match{line("elected", at(3)), line("leadership-lost", at(1))}, nil, ""},
		"its log does not say when":          {[]health.Match{{Finding: "elected", Count: 1}}, []health.Match{line("elected", at(2))}, ""},
		"its log is not known, the other is": {nil, []health.Match{line("elected", at(2))}, ""},
	} {
		said := map[string]election{"s1": electionIn(tt.s1, 0), "s2": electionIn(tt.s2, 0)}
		if got := contradicts("s1", said, []string{"s1", "s2", "s3"}, apart); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
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
				s.Apply(runner.Event{Kind: runner.StepDone, Step: stepLook, Host: host, Facts: asJSON(hostLook{Skew: ahead, Flags: map[string]string{"native_log_file_path": "/log", "max_leading_duration": "4hrs"}})})
				on := answering(t, r, host, s, func(probe.Request) probe.Facts {
					return probe.Facts{Processes: []probe.Process{{PID: 7, Start: 70, Since: began.Add(ahead), Argv: []string{"java", "-native_log_file_path=/log"}}}}
				}, map[bool][]health.Match{true: tt.lines}[host == "s2"])
				if host == "s2" {
					task = on
				}
			}
			f := fence{Host: "s2"}
			why, err := r.logsAgree(t.Context(), task, &f)
			if err != nil || why != "" || !f.ElectedAt.Equal(tt.want) {
				t.Errorf("elected at %s, %q, %v; want %s", f.ElectedAt, why, err, tt.want)
			}
			if len(f.Says) != 3 || !strings.Contains(f.Says[1], "log of s2") || !strings.Contains(f.Says[1], tt.says) {
				t.Errorf("it says %q", f.Says)
			}
			// The gate ends half an hour before the earlier of the two limits.
			s.Apply(runner.Event{Kind: runner.StepDone, Step: stepElected, Host: runner.Bot, Facts: asJSON(f)})
			if got := r.disabledUntil(s); !got.Equal(tt.want.Add(3*time.Hour + 30*time.Minute)) {
				t.Errorf("the gate ends at %s", got)
			}
		})
	}
}

// A running scheduler whose log is silent logs elsewhere: that is not known to
// be fine. One that is down has nothing to say.
func TestSilentLogCannotTell(t *testing.T) {
	for _, running := range []bool{true, false} {
		r, s := testRecovery(t), &runner.State{}
		on := answering(t, r, "s1", s, func(probe.Request) probe.Facts { return probe.Facts{} }, nil)
		r.Hosts["s1"].(*runnertest.Host).On([]string{"/var/lib/aurorabot/bin/aurorabot-0", "log", "scan"}, func(runner.Command) runner.Output {
			return runner.Output{Stdout: []byte("[]"), Stderr: []byte("aurorabot: " + health.NothingLogged)}
		})
		v := &visit{t: on, facts: hostFacts{name: "s1", look: hostLook{Running: running, Process: probe.Process{PID: 7}}}}
		r.askJournal(t.Context(), v)
		if v.facts.scanned == running || (len(v.facts.unknown) == 1) != running {
			t.Errorf("running %v: scanned %v, unknown %+v", running, v.facts.scanned, v.facts.unknown)
		}
	}
}

// Old lines of a scheduler that logs to files, whose stamps have neither year
// nor zone, alarm as little as those of a journal.
func TestLinesOfBeforeInFiles(t *testing.T) {
	sc := whole(t)
	began := noon.Add(-10 * time.Minute)
	sc.facts[1].look.Process.Since, sc.facts[1].look.Uptime = began, 600
	sc.facts[1].lines = []health.Match{line("log-write-timeout", began.Add(-time.Minute))}
	if got := sc.alarms(); len(got) > 0 {
		t.Errorf("a line of the process before: %v", got)
	}
	sc.facts[1].lines = []health.Match{line("log-write-timeout", began.Add(time.Minute))}
	if got := sc.alarms(); len(got) != 1 || got[0] != "log-write-timeout" {
		t.Errorf("a line of this process: %v", got)
	}
}

// When the disabled state ends is counted from the election, not from the start
// of a process that followed for hours before; where nobody knows when it was
// elected, from its start, and that is said.
func TestDisabledStateEndsByTheElection(t *testing.T) {
	disabled := func() (*scene, *hostFacts) {
		sc := whole(t)
		f := sc.facts[0]
		f.lifecycle, f.registered = awaiting, false
		f.look.Process.Since, f.look.Uptime = noon.Add(-5*time.Hour-30*time.Minute), 5*3600+1800
		f.look.Flags["mesos_master_address"], f.look.Flags["max_registration_delay"] = sc.r.Cluster.FakeMaster, "360mins"
		return sc, f
	}
	ends := func(sc *scene) health.Finding {
		for _, f := range sc.r.conclude(sc.facts, sc.g, sc.ask).Findings {
			if f.ID == "disabled-state-ends" {
				return f
			}
		}
		t.Fatal("nothing is said of it")
		return health.Finding{}
	}
	sc, _ := disabled()
	if f := ends(sc); f.Severity != health.Warning || !strings.Contains(f.Evidence, "in 30m0s at the earliest, at 2026-11-23T12:30:00Z") {
		t.Errorf("elected nobody knows when: %+v", f)
	}
	sc, f := disabled()
	f.lines = []health.Match{line("elected", noon.Add(-10*time.Minute))}
	if f := ends(sc); f.Severity != health.Info || !strings.Contains(f.Evidence, "in 5h50m0s, at 2026-11-23T17:50:00Z (elected at 2026-11-23T11:50:00Z)") {
		t.Errorf("elected ten minutes ago: %+v", f)
	}
	sc, f = disabled()
	sc.ask.Run = runWith(stepSupervise, stepConfigure)
	sc.ask.Run.Apply(runner.Event{Kind: runner.StepDone, Step: stepElected, Host: runner.Bot, Facts: asJSON(fence{Host: "s1", PID: f.look.Process.PID, ElectedAt: noon.Add(-5*time.Hour - 20*time.Minute)})})
	if f := ends(sc); f.Severity != health.Warning || !strings.Contains(f.Evidence, "in 40m0s, at 2026-11-23T12:40:00Z") {
		t.Errorf("by the open run: %+v", f)
	}
}
