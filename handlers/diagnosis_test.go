package handlers_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// found is a document as a diagnosis gives it, with these severities.
func found(severities ...string) *health.Diagnosis {
	findings := []map[string]string{}
	for _, s := range severities {
		findings = append(findings, map[string]string{"finding": "of-" + s, "severity": s, "subject": "s1", "evidence": "seen", "means": "It means.", "do": "Do.", "blocks": "prepare/look"})
	}
	doc, _ := json.Marshal(map[string]any{
		"cluster": "dev", "verdict": "catch-up", "advice": "Let s2 catch up.", "leader": "s1", "findings": findings,
		"says":  []map[string]string{{"who": "/vars of s1", "says": "ACTIVE"}},
		"hosts": []map[string]any{{"host": "s1", "answers": true, "running": true, "pid": 7, "lifecycle": "ACTIVE"}, {"host": "s2", "answers": false}},
	})
	var d health.Diagnosis
	if err := json.Unmarshal(doc, &d); err != nil {
		panic(err)
	}
	return &d
}

// assess, doctor and status end with 6 where a finding is as bad as was asked
// for, and show it; scripts get the document as it is.
func TestDiagnosisExit(t *testing.T) {
	for _, tt := range []struct {
		words, severities string
		exit              int
	}{
		{"assess dev", "", handlers.ExitDone},
		{"assess dev", "info", handlers.ExitDone},
		{"assess dev", "info warning", handlers.ExitFindings},
		{"assess dev --severity info", "info", handlers.ExitFindings},
		{"assess dev --severity info", "", handlers.ExitDone},
		{"assess dev --severity critical", "warning", handlers.ExitDone},
		{"assess dev --severity critical", "warning critical", handlers.ExitFindings},
		{"assess dev --severity critical", "odd", handlers.ExitFindings},
		{"doctor dev", "critical", handlers.ExitFindings},
		{"doctor dev", "info", handlers.ExitDone},
		{"status dev", "warning", handlers.ExitFindings},
		{"status dev", "", handlers.ExitDone},
		{"assess dev --severity bad", "", handlers.ExitUsage},
		{"assess", "", handlers.ExitUsage},
		{"assess nowhere", "", handlers.ExitError},
	} {
		b := newBench(t)
		logs := false
		b.s.Clusters[0].Diagnose = func(_ context.Context, open *runner.State, all bool) (*health.Diagnosis, error) {
			logs = all
			if open != nil {
				t.Errorf("%s: an open run %s", tt.words, open.Run)
			}
			return found(strings.Fields(tt.severities)...), nil
		}
		r := b.ask("UEVE", tt.words)
		text := view.Text(r.Message)
		if r.Exit != tt.exit {
			t.Errorf("%s with %q: exit status %d, want %d: %s", tt.words, tt.severities, r.Exit, tt.exit, text)
		}
		if r.Exit == handlers.ExitFindings && !strings.Contains(text, "of-"+strings.Fields(tt.severities)[len(strings.Fields(tt.severities))-1]) {
			t.Errorf("%s with %q does not show it: %s", tt.words, tt.severities, text)
		}
		if logs != (strings.HasPrefix(tt.words, "assess dev") && r.Exit != handlers.ExitUsage) {
			t.Errorf("%s: logs read: %v", tt.words, logs)
		}
	}
}

// A job's name in a host's log, or a znode, may read as a person or as a command
// of ours: nobody is called by it, and nothing is told to be typed.
func TestDiagnosisCallsNobody(t *testing.T) {
	const evil = "T0EVIL0001/U0EVE00001/prod `undo dev-1`"
	b := newBench(t)
	b.s.Clusters[0].Diagnose = func(context.Context, *runner.State, bool) (*health.Diagnosis, error) {
		d := found("critical")
		d.Leader = evil
		d.Findings = []health.Finding{{ID: "f", Severity: health.Critical, Subject: evil, Evidence: evil, Means: "m", Do: "d"}}
		d.Says = []health.Saying{{Who: "ZooKeeper", Says: evil}}
		d.Hosts = []health.HostSeen{{Host: "s1", Answers: true, Lifecycle: evil, Unit: evil, Log: health.LogSeen{State: evil, Status: evil}}}
		return d, nil
	}
	for _, words := range []string{"assess dev", "doctor dev", "status dev"} {
		text := view.Text(view.Typed(b.ask("UEVE", words).Message, "/aurora"))
		if !strings.Contains(text, "EVIL") {
			t.Fatalf("%s does not show what the hosts said: %s", words, text)
		}
		if strings.Contains(text, "@U0EVE") || strings.Contains(text, "/aurora undo") {
			t.Errorf("%s: %s", words, text)
		}
	}
}

// The screen of assess has advice, findings with what to do, hosts and who says what.
func TestAssessShows(t *testing.T) {
	b := newBench(t)
	b.s.Clusters[0].Diagnose = func(context.Context, *runner.State, bool) (*health.Diagnosis, error) {
		return found("critical", "info"), nil
	}
	r := b.ask("UEVE", "assess dev")
	text := view.Text(r.Message)
	for _, want := range []string{"a replica catches up by itself; 1 critical", "Let s2 catch up.", "It means. Do. Blocks prepare/look.", "PID 7", "cannot tell", "/vars of s1", "1 more to know"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
	if strings.Contains(text, "of-info") || r.Message.Tone != view.Bad {
		t.Errorf("tone %s:\n%s", r.Message.Tone, text)
	}
	doc, err := json.Marshal(r.Data)
	if err != nil || !strings.HasPrefix(string(doc), `{"cluster":`) {
		t.Errorf("%s, %v", doc, err)
	}
}

// What report says of the backups, doctor, assess and status say too: once.
func TestDoctorAgreesWithReport(t *testing.T) {
	b := newBench(t)
	k := b.s.Clusters[0]
	starved := health.Found("backup-starved", "dev", "the newest valid backup is 5h30m old")
	damaged := health.Found("backup-damaged", "s1", "byte 512: unexpected end")
	k.Diagnose = func(context.Context, *runner.State, bool) (*health.Diagnosis, error) {
		d := found()
		d.Findings = []health.Finding{damaged}
		return d, nil
	}
	k.Check = func(context.Context, []check.Window) (check.Result, error) {
		return check.Result{Cluster: "dev", State: starved.ID, Findings: []health.Finding{damaged, starved}}, nil
	}
	for _, words := range []string{"report dev", "doctor dev", "assess dev", "status dev"} {
		r := b.ask("UEVE", words)
		text := view.Text(r.Message)
		if r.Exit != handlers.ExitFindings && !strings.HasPrefix(words, "status") {
			t.Errorf("%s: exit %d", words, r.Exit)
		}
		if n := strings.Count(text, "backup-starved"); n == 0 {
			t.Errorf("%s does not say that the cluster is starved:\n%s", words, text)
		}
		doc, err := json.Marshal(r.Data)
		if n := strings.Count(string(doc), `"finding":"backup-damaged"`); err != nil || n != 1 {
			t.Errorf("%s: backup-damaged is found %d times, %v: %s", words, n, err, doc)
		}
	}
}

// What cannot be asked is an error, and no empty screen.
func TestDiagnosisFails(t *testing.T) {
	b := newBench(t)
	if r := b.ask("UEVE", "assess dev"); r.Exit != handlers.ExitError {
		t.Errorf("without a way to look: exit status %d", r.Exit)
	}
	b.s.Clusters[0].Diagnose = func(context.Context, *runner.State, bool) (*health.Diagnosis, error) {
		return nil, errors.New("interrupted")
	}
	for _, words := range []string{"assess dev", "doctor dev", "status dev"} {
		if r := b.ask("UEVE", words); r.Exit != handlers.ExitError {
			t.Errorf("%s: exit status %d", words, r.Exit)
		}
	}
}

// An open run is handed over: what it did on purpose is no finding.
func TestDiagnosisKnowsTheOpenRun(t *testing.T) {
	b := newBench(t)
	st := b.toCommit()
	b.s.Clusters[0].Diagnose = func(_ context.Context, open *runner.State, _ bool) (*health.Diagnosis, error) {
		if open == nil || open.Run != st.Run {
			t.Errorf("open run %+v, want %s", open, st.Run)
		}
		return found(), nil
	}
	b.ask("UEVE", "doctor dev")
}

func TestHelpFindings(t *testing.T) {
	row := handlers.FindingHelp{ID: "log-missing", Severity: "critical", Means: "It is gone.", Evidence: "stat", Do: "Look.", Blocks: "prepare/look"}
	r := handlers.HelpFor([]string{"findings"}, row)
	if text := view.Text(r.Message); r.Exit != 0 || !strings.Contains(text, "log-missing") || !strings.Contains(text, "It is gone.") || len(r.Message.Files) != 1 {
		t.Errorf("%+v", r)
	}
	if rows, ok := r.Data.([]handlers.FindingHelp); !ok || !slices.Equal(rows, []handlers.FindingHelp{row}) {
		t.Errorf("%+v", r.Data)
	}
	if r := handlers.HelpFor([]string{"findings", "log-missing"}, row); r.Exit != 0 || !strings.Contains(view.Text(r.Message), "Evidence: stat.") {
		t.Errorf("%+v", r)
	}
	for _, words := range [][]string{{"findings", "nothing"}, {"assess", "x"}} {
		if r := handlers.HelpFor(words, row); r.Exit != handlers.ExitUsage {
			t.Errorf("help %v: exit status %d", words, r.Exit)
		}
	}
	if r := handlers.HelpFor([]string{"findings"}); r.Exit == 0 {
		t.Error("no table is shown as an empty one")
	}
	if r := handlers.HelpFor([]string{"assess"}); r.Exit != 0 || !strings.Contains(view.Text(r.Message), "--severity") {
		t.Errorf("%+v", r)
	}
}

// The first line of a cluster's status is its worst finding, and never good news
// above one.
func TestStatusHead(t *testing.T) {
	for severities, want := range map[string]struct {
		head string
		tone view.Tone
	}{
		"":                 {"dev: no findings. No open run", view.Good},
		"info":             {"dev: no findings. No open run", view.Good},
		"warning":          {"dev: warning of-warning on", view.Warn},
		"critical warning": {"dev: critical of-critical on", view.Bad},
	} {
		b := newBench(t)
		b.s.Clusters[0].Diagnose = func(context.Context, *runner.State, bool) (*health.Diagnosis, error) {
			return found(strings.Fields(severities)...), nil
		}
		m := b.ask("UEVE", "status dev").Message
		if !strings.HasPrefix(m.Head, want.head) || m.Tone != want.tone {
			t.Errorf("with %q: %v %q, want %v %q", severities, m.Tone, m.Head, want.tone, want.head)
		}
	}
}
