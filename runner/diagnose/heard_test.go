package diagnose

import (
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
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
		said := map[string]Election{"s1": ElectionIn(tt.s1, 0), "s2": ElectionIn(tt.s2, 0)}
		if got := Contradicts("s1", said, []string{"s1", "s2", "s3"}, apart); (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

// A running scheduler whose log is silent logs elsewhere: that is not known to
// be fine. One that is down has nothing to say.
func TestSilentLogCannotTell(t *testing.T) {
	for _, running := range []bool{true, false} {
		r := testDoctor(t)
		r.Hosts["s1"].(*runnertest.Host).On([]string{"/var/lib/aurorabot/bin/aurorabot-0", "log", "scan"}, func(runner.Command) runner.Output {
			return runner.Output{Stdout: []byte("[]"), Stderr: []byte("aurorabot: " + health.NothingLogged)}
		})
		v := &visit{Node: r.Node("s1"), facts: hostFacts{name: "s1", look: node.Look{Running: running, Process: probe.Process{PID: 7}}}}
		v.Tool.Path = "/var/lib/aurorabot/bin/aurorabot-0"
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
		f.lifecycle, f.registered = aurora.Awaiting, false
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
	if f := ends(sc); f.Severity != health.Warning || !strings.Contains(f.Evidence, "in 30 min at the earliest, at 2026-11-23T12:30:00Z") {
		t.Errorf("elected nobody knows when: %+v", f)
	}
	sc, f := disabled()
	f.lines = []health.Match{line("elected", noon.Add(-10*time.Minute))}
	if f := ends(sc); f.Severity != health.Info || !strings.Contains(f.Evidence, "in 5 h 50 min, at 2026-11-23T17:50:00Z (elected at 2026-11-23T11:50:00Z)") {
		t.Errorf("elected ten minutes ago: %+v", f)
	}
	sc, f = disabled()
	sc.ask.Run = &Run{Disabled: true, Leader: &Leader{Host: "s1", PID: f.look.Process.PID, ElectedAt: noon.Add(-5*time.Hour - 20*time.Minute)}}
	if f := ends(sc); f.Severity != health.Warning || !strings.Contains(f.Evidence, "in 40 min, at 2026-11-23T12:40:00Z") {
		t.Errorf("by the open run: %+v", f)
	}
}
