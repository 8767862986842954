package view_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

func TestPlan(t *testing.T) {
	s := begin(t)
	s.preflight()
	m := view.Plan(runner.MakePlan(toy(), s.state()), health.LossOf())
	compare(t, "plan", view.Text(m)+"\n===== "+m.Files[0].Name+"\n"+m.Files[0].Text)
}

// What speaks against a recovery stands at the plan's top, and what cannot be known is
// left open.
func TestPlanAgainst(t *testing.T) {
	s := begin(t)
	s.preflight()
	p := runner.MakePlan(toy(), s.state())
	for i := range p.Phases {
		for j := range p.Phases[i].Steps {
			for k, h := range p.Phases[i].Steps[j].Hosts {
				if h.Host == "s2" {
					p.Phases[i].Steps[j].Hosts[k] = runner.PlanHost{Host: "s2", Unknown: "dial s2: connection refused"}
				}
			}
		}
	}
	m := view.Against(view.Plan(p, health.LossOf()), "dev has an open run, dev-1, begun by T0TEAM0001/U0ANN00001: see how it stands with `status dev`, then `resume dev-1` or `undo dev-1`.", []runner.Obstacle{
		{Step: "prepare/helper", Host: "s2", Why: "dial s2: connection refused", Open: true},
		{Step: "prepare/look", Host: "s1", Why: "the backup folder holds `<!channel>`"},
		{Step: "prepare/cluster", Host: runner.Bot, Reason: runner.StopNotNeeded, Why: "No restore seems to be needed: s1 leads."},
	})
	compare(t, "plan-against", view.Text(m)+"\n===== "+m.Files[0].Name+"\n"+m.Files[0].Text)
}

// The stream of the command line: each event once, in words.
func TestEventStream(t *testing.T) {
	var b strings.Builder
	state := &runner.State{}
	for _, e := range whole(t).events {
		state.Apply(e)
		fmt.Fprintf(&b, "%s %s", e.At.Format(time.RFC3339), view.Text(view.Event(e, state)))
	}
	compare(t, "events", b.String())
}

func TestTimeline(t *testing.T) {
	events := whole(t).events
	got := view.Timeline(events)
	compare(t, "timeline", got)
	if n := strings.Count(got, "\n- "); n != len(events) {
		t.Errorf("%d lines for %d events", n, len(events))
	}
}

var day = time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)

// listed are answers that concern no run, or all.
func listed(t *testing.T) []told {
	var states []*runner.State
	for _, m := range moments(t) {
		switch m.name {
		case "running", "stopped", "commit-gate-1", "unknown", "undone", "recovered":
			states = append(states, runner.Fold(m.events))
		}
	}
	look := view.GroupHelp{Name: "look", Title: "Look at how things are", Commands: []view.CommandHelp{{Name: "status", About: "what is open"}, {Name: "history", About: "what became of runs"}}}
	return []told{
		{"status", view.Status(states, day)}, {"status, none open", view.Status(nil, day)},
		{"history", view.History(states)}, {"history, none yet", view.History(nil)},
		{"error", view.Error("plan devcluster: backup scheduler-backup-2026-01-02-02-00: on none of the hosts", "see what is there with `backups devcluster`")},
		{"refusal", view.Refusal(policy.Refusal{Rule: "access", Why: "operate on prod is allowed to sre (T0AURORA01/C0INCIDENT) only"})},
		{"help", view.Help([]view.GroupHelp{look, {Name: "decide", Commands: []view.CommandHelp{{Name: "abort"}}}})},
		{"help of a group", view.HelpOfGroup(look)},
		{"help of one command", view.HelpOfCommand(view.CommandHelp{
			Usage: "recover CLUSTER BACKUP [--reason TEXT]", About: "plan, approvals, all phases",
			Options: []string{"--reason TEXT: why the state of the backup itself is wanted back"}, Examples: []string{"recover west scheduler-backup-2026-11-23-08-36"},
		})},
	}
}

func TestLists(t *testing.T) {
	var b strings.Builder
	for _, one := range listed(t) {
		fmt.Fprintf(&b, "===== %s\n%s\n", one.m.Tone, view.Text(one.m))
	}
	compare(t, "lists", b.String())
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
