package recovery

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// assessedRun is a run whose logs were read: change spoils what was seen.
func assessedRun(t *testing.T, r *Recovery, change func(host string, l *node.Look, e *logEvidence, s *schedulerLook)) *runner.State {
	t.Helper()
	st := &runner.State{}
	st.Apply(runner.Event{Kind: runner.RunRequested, Data: json.RawMessage(`{"reinitialize":"auto"}`)})
	done := func(step, host string, facts any) {
		st.Apply(runner.Event{Kind: runner.StepDone, Step: step, Host: host, Facts: asJSON(facts)})
	}
	for _, name := range r.Cluster.Names() {
		l := node.Look{Running: true, Scanned: true}
		e := logEvidence{Path: "/log", Report: replica.Report{Path: "/log", State: replica.StateOK, Status: "VOTING", Begin: 1, End: 90, Appends: 90, Aurora: &replica.Aurora{}}}
		s := schedulerLook{Runs: true, Lifecycle: "STORAGE_PREPARED"}
		change(name, &l, &e, &s)
		done(stepLook, name, l)
		done(stepEvidence, name, e)
		done(stepReplicas, name, s)
	}
	done(stepCluster, runner.Bot, clusterLook{})
	return st
}

// The log is re-initialised for what its schedulers say of it, and when they
// cannot be heard; not for the lines that every start has, where all replicas
// were whole before it.
func TestTroubleInTheLines(t *testing.T) {
	for name, tt := range map[string]struct {
		change func(host string, e *logEvidence, s *schedulerLook)
		want   bool
	}{
		"nothing": {func(string, *logEvidence, *schedulerLook) {}, false},
		"lines of a start": {func(_ string, _ *logEvidence, s *schedulerLook) {
			s.Unusual = []string{"replica-recovering", "recover-no-quorum"}
		}, false},
		"lines of a start, not standing": {func(_ string, _ *logEvidence, s *schedulerLook) {
			s.Unusual, s.Lifecycle = []string{"replica-empty"}, "PREPARING_STORAGE"
		}, true},
		"an error of the log": {func(_ string, _ *logEvidence, s *schedulerLook) {
			s.Unusual = []string{"replica-recovering", "log-record-error"}
		}, true},
		"a replica that does not vote": {func(host string, e *logEvidence, s *schedulerLook) {
			if s.Unusual = []string{"replica-recovering"}; host == "s3" {
				e.Report.Status = "RECOVERING"
			}
		}, true},
		"a log that cannot be read": {func(host string, _ *logEvidence, s *schedulerLook) { s.Missing = host == "s2" }, true},
		"one that ended":            {func(host string, _ *logEvidence, s *schedulerLook) { s.Runs = host != "s2" }, true},
	} {
		r := testRecovery(t)
		d, err := r.assessing().judge(assessedRun(t, r, func(host string, _ *node.Look, e *logEvidence, s *schedulerLook) { tt.change(host, e, s) }))
		if err != nil || d.Reinitialize != tt.want || d.Needed {
			t.Errorf("%s: re-initialise %v, want %v; needed %v, %v: %q", name, d.Reinitialize, tt.want, d.Needed, err, d.Why)
		}
	}
}

// What flapped before the run is judged again when the logs were read: a cause
// outside them is told with what to mend, and one replica more or less that
// catches up changes nothing.
func TestFlappingWhenAssessed(t *testing.T) {
	lines := func(id string, n int) health.Match {
		return health.Match{Finding: id, Severity: health.Look(id).Severity, Count: n, Last: noon.Format(time.RFC3339)}
	}
	for _, tt := range []struct {
		sign, want string
		spoil      func(*logEvidence)
		needed     bool
	}{
		{"zookeeper-session-expired", "flapping-zookeeper", nil, false},
		{"registration-timeout", "flapping-registration", nil, false},
		{"unknown-flag", "flapping-start", nil, false},
		{"log-record-error", "", nil, false}, // Once, and all is whole: it does not flap.
		{"registration-timeout", "flapping-registration", func(e *logEvidence) { e.Report.State, e.Report.Status = replica.StateMissing, "" }, false},
		{"zookeeper-session-expired", "flapping-zookeeper", func(e *logEvidence) { e.Report.Aurora.Undecodable = 1 }, true},
	} {
		r := testRecovery(t)
		st := assessedRun(t, r, func(host string, l *node.Look, e *logEvidence, _ *schedulerLook) {
			l.Lines = []health.Match{lines("elected", 2), lines(tt.sign, 2)}
			if tt.want == "" {
				l.Lines = []health.Match{lines(tt.sign, 1)}
			}
			if host == "s3" && tt.spoil != nil {
				tt.spoil(e)
			}
		})
		d, err := r.assessing().judge(st)
		if err != nil || d.Needed != tt.needed {
			t.Errorf("%s: needed %v, want %v, %v: %q", tt.sign, d.Needed, tt.needed, err, d.Why)
		}
		if tt.needed {
			continue
		}
		if tt.want != "" && (!health.Has(d.found, tt.want) || !slices.ContainsFunc(d.Why, func(w string) bool { return strings.Contains(w, "a cause outside the log") })) {
			t.Errorf("%s: %q, found %+v, want %s", tt.sign, d.Why, d.found, tt.want)
		}
	}
}

// The newest start is the last in the journal, also when it was reopened since,
// and whatever the clock says, which is set back all the time here; one that
// this run did not begin is none.
func TestNewestStart(t *testing.T) {
	s, at, seq := &runner.State{}, noon, 0
	say := func(kind runner.Kind, step string, pid int) {
		at, seq = at.Add(-time.Second), seq+1
		s.Apply(runner.Event{Seq: seq, Kind: kind, At: at, Step: step, Host: "s1", Facts: asJSON(startedProcess{PID: pid})})
	}
	want := func(step string, pid int) {
		t.Helper()
		p, ok := startReceipt(s, "s1")
		if newestStart(s, "s1") != step || ok != (step != "") || p.PID != pid {
			t.Errorf("newest start %q, PID %d, %v; want %q, %d", newestStart(s, "s1"), p.PID, ok, step, pid)
		}
	}
	want("", 0)
	say(runner.StepSkipped, stepStart, 7)
	want("", 0)
	say(runner.StepStarted, stepStart, 0)
	say(runner.StepDone, stepStart, 8)
	want(stepStart, 8)
	s.Apply(runner.Event{Kind: runner.StepsReopened, Data: asJSON([]string{stepStart})})
	want(stepStart, 8)
	say(runner.StepSkipped, stepStart, 9)
	want(stepStart, 9)
	say(runner.StepStarted, stepRestart, 0)
	say(runner.StepDone, stepRestart, 10)
	want(stepRestart, 10)
	say(runner.StepStarted, stepUnknownStart, 0)
	say(runner.StepDone, stepUnknownStart, 11)
	s.Apply(runner.Event{Kind: runner.StepsReopened, Data: asJSON([]string{stepUnknownStart})})
	want(stepUnknownStart, 11)
	say(runner.StepStarted, stepLinger, 0)
	say(runner.StepDone, stepLinger, 12)
	want(stepLinger, 12)
	say(runner.StepStarted, stepStart, 0)
	say(runner.StepDone, stepStart, 13)
	want(stepStart, 13)
}
