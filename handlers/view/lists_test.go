package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

func TestPlan(t *testing.T) {
	s := begin(t)
	s.preflight()
	m := view.Plan(runner.MakePlan(toy(), s.state()))
	golden(t, "plan", view.Text(m)+"\n===== "+m.Files[0].Name+"\n"+m.Files[0].Text)
}

// The stream of the command line: each event once, in words.
func TestEventStream(t *testing.T) {
	var b strings.Builder
	state := &runner.State{}
	for _, e := range whole(t).events {
		state.Apply(e)
		fmt.Fprintf(&b, "%s %s", e.At.Format(time.RFC3339), view.Text(view.Event(e, state)))
	}
	golden(t, "events", b.String())
}

func TestTimeline(t *testing.T) {
	events := whole(t).events
	got := view.Timeline(events)
	golden(t, "timeline", got)
	if n := strings.Count(got, "\n- "); n != len(events) {
		t.Errorf("%d lines for %d events", n, len(events))
	}
}

var day = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)

func TestReport(t *testing.T) {
	good := view.BackupRow{Cluster: "devcluster", Host: "s1", Name: "scheduler-backup-2026-01-02-03-00", Time: day.Add(-time.Hour), Age: time.Hour, Size: 101302, Tasks: 65, Valid: true}
	old := good
	old.Name, old.Time, old.Age, old.Why = "scheduler-backup-2025-12-24-03-00", day.Add(-217*time.Hour), 217*time.Hour, "older than 2h"
	broken := view.BackupRow{Cluster: "devcluster", Host: "s2", Name: "scheduler-backup-2026-01-02-03-30", Size: 5000, Why: "it ends at byte 4999 in the middle of a field"}
	none := view.BackupRow{Cluster: "prod", Host: "p1", Why: "dial p1: connection refused"}
	var b strings.Builder
	for _, rows := range [][]view.BackupRow{{good}, {good, broken, none, old}, {old}, {broken}, nil} {
		m := view.Report(rows)
		fmt.Fprintf(&b, "===== %s\n%s\n", m.Tone, view.Text(m))
	}
	golden(t, "report", b.String())
}

// A report is as bad as its worst cluster, and what could not be asked is not well.
func TestReportTone(t *testing.T) {
	good := view.BackupRow{Cluster: "a", Host: "h", Name: "n", Time: day, Valid: true}
	for _, tt := range []struct {
		name string
		rows []view.BackupRow
		want view.Tone
	}{
		{"nothing looked at", nil, view.Bad},
		{"one that decodes", []view.BackupRow{good}, view.Good},
		{"a host that did not answer", []view.BackupRow{good, {Cluster: "a", Host: "i", Why: "no answer"}}, view.Warn},
		{"one that does not decode beside", []view.BackupRow{good, {Cluster: "a", Host: "h", Name: "m", Why: "cut"}}, view.Warn},
		{"none that decodes", []view.BackupRow{{Cluster: "a", Host: "h", Name: "m", Why: "cut"}}, view.Bad},
		{"another cluster without any", []view.BackupRow{good, {Cluster: "b", Host: "h", Why: "no answer"}}, view.Bad},
	} {
		if got := view.Report(tt.rows); got.Tone != tt.want {
			t.Errorf("%s: tone %s, want %s (%s)", tt.name, got.Tone, tt.want, got.Head)
		}
	}
}

func TestLists(t *testing.T) {
	var states []*runner.State
	for _, m := range moments(t) {
		switch m.name {
		case "running", "stopped", "commit-gate-1", "unknown", "undone", "recovered":
			states = append(states, runner.Fold(m.events))
		}
	}
	var b strings.Builder
	for _, m := range []view.Message{
		view.Status(states, day), view.Status(nil, day), view.History(states), view.History(nil),
		view.Error("plan devcluster: backup scheduler-backup-2026-01-02-02-00: on none of the hosts", "see what is there with `backups devcluster`"),
		view.Refusal(policy.Refusal{Rule: "access", Why: "no rule allows operate on prod to U0EVE00001"}),
		view.Help([]view.CommandHelp{{Usage: "status [CLUSTER]", About: "what is open"}, {Usage: "abort RUN", About: "stop a run"}}),
		view.Help([]view.CommandHelp{{Usage: "recover CLUSTER BACKUP [--reason TEXT]", About: "plan, approvals, all phases", Options: []string{"--reason TEXT: why the state of the backup itself is wanted back"}}}),
	} {
		fmt.Fprintf(&b, "===== %s\n%s\n", m.Tone, view.Text(m))
	}
	golden(t, "lists", b.String())
}

// What grows is cut, and says by how much.
func TestLongListsAreCut(t *testing.T) {
	var rows []view.BackupRow
	for i := range 5000 {
		rows = append(rows, view.BackupRow{Cluster: "c", Host: "h", Name: fmt.Sprint("b", i), Time: day, Valid: true})
	}
	m := view.Report(rows)
	last := m.Tables[0].Rows[len(m.Tables[0].Rows)-1]
	if len(m.Tables[0].Rows) != 202 || last[0] != "… 4,800 more …" || len(last) != len(m.Tables[0].Rows[0]) {
		t.Errorf("%d rows, the last %q", len(m.Tables[0].Rows), last)
	}
}

func TestText(t *testing.T) {
	got := view.Text(view.Message{
		Tone: view.Wait, Head: "head T0TEAM001/U0ANN00001\x1b[2J",
		Lines:   []string{"one", "two"},
		Fields:  []view.Field{{"A", "1"}, {"Longer", "2"}},
		Tasks:   []view.Task{{Title: "t", State: "done", Detail: "d"}, {Title: "u", State: "odd"}},
		Tables:  []view.Table{{Title: "T", Rows: [][]string{{"é", "n"}, {"bb", "10"}, {"c", "5"}}, Right: []int{1}}},
		Output:  []view.Output{{Title: "3 of 3 hosts: same", Text: "a\nb\n"}},
		Actions: []view.Action{{ID: "approve", Label: "Approve"}},
		Foot:    "foot",
		Files:   []view.File{{Name: "f.txt", Text: "1\n2\n"}},
	})
	want := "head @U0ANN00001\uFFFD[2J\n\none\ntwo\n\nA:      1\nLonger: 2\n\n[x] t: d\n[odd] u\n\nT\né    n\nbb  10\nc    5\n\n3 of 3 hosts: same\n  a\n  b\n\nf.txt: 2 lines\n\nfoot\n"
	if got != want {
		t.Errorf("Text = %q, want %q", got, want)
	}
}
