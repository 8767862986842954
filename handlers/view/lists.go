package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// shownRows is how many rows of a list are shown; the rest is counted.
const shownRows = 200

// Status is where runs stand: open ones first, each with what it waits for.
// now is when it was asked, for "since".
func Status(states []*runner.State, now time.Time) Message {
	var open []*runner.State
	for _, s := range states {
		if s != nil && s.Status != runner.Closed {
			open = append(open, s)
		}
	}
	if len(open) == 0 {
		return Message{Tone: Good, Head: "No open run"}
	}
	slices.SortStableFunc(open, func(a, b *runner.State) int { return a.Began.Compare(b.Began) })
	m := Message{Tone: Plain, Head: count(len(open), "open run")}
	t := Table{Rows: [][]string{{"Cluster", "Status", "Where", "Begun", "Asked by", "Last event", "Run"}}}
	for _, s := range open {
		switch s.Status {
		case runner.Gated:
			m.Lines = append(m.Lines, fmt.Sprintf("%s waits for approval at the %s gate since %s (%s).", s.Request.Cluster, s.Gate, when(s.Gates[s.Gate].OpenedAt), took(now.Sub(s.Gates[s.Gate].OpenedAt))))
			m.Tone = Wait
		case runner.Stopped:
			st := &story{State: s}
			why := stop{event: runner.Event{Why: s.Why, Kind: runner.RunStopped}, reason: s.Stop}
			m.Lines = append(m.Lines, fmt.Sprintf("%s is stopped since %s (%s): %s", s.Request.Cluster, when(s.At), took(now.Sub(s.At)), because(s.Why)))
			m.Lines = append(m.Lines, statusWords{st}.choices(&why)...)
			m.Lines = append(m.Lines, "Type "+either(statusWords{st}.commandsOf(&why, s.Request.Cluster))+".")
			m.Tone = Bad
		}
		m.Lines = append(m.Lines, debtWords{&story{State: s}}.without()...)
		t.Rows = append(t.Rows, []string{s.Request.Cluster, string(s.Status), whereNow(s), when(s.Began), Who(s.Who), took(now.Sub(s.At)) + " ago", s.Run})
	}
	m.Tables = []Table{bounded(t)}
	return m
}

// whereNow is the gate, or the step that had its turn last.
func whereNow(s *runner.State) string {
	switch {
	case s.Status == runner.Gated:
		return s.Gate + " gate"
	case s.Status == runner.Owing:
		return debtors(s)
	case s.Step != "":
		return s.Step
	}
	return s.Phase
}

// History is what became of runs, the newest first.
func History(states []*runner.State) Message {
	var runs []*runner.State
	for _, s := range states {
		if s != nil {
			runs = append(runs, s)
		}
	}
	if len(runs) == 0 {
		return Message{Tone: Plain, Head: "No run yet"}
	}
	slices.SortStableFunc(runs, func(a, b *runner.State) int { return b.Began.Compare(a.Began) })
	t := Table{Rows: [][]string{{"Cluster", "Outcome", "Backup", "Begun", "Lasted", "Asked by", "Run"}}}
	for _, s := range runs {
		outcome, lasted := s.Outcome, took(s.At.Sub(s.Began))
		if s.Status != runner.Closed {
			outcome, lasted = string(s.Status)+": "+whereNow(s), "open"
		}
		t.Rows = append(t.Rows, []string{s.Request.Cluster, outcome, s.Request.Backup, when(s.Began), lasted, Who(s.Who), s.Run})
	}
	return Message{Tone: Plain, Head: count(len(runs), "run"), Tables: []Table{bounded(t)}}
}

// bounded keeps the first rows of a table and counts the rest.
func bounded(t Table) Table {
	if left := len(t.Rows) - 1 - shownRows; left > 0 {
		row := make([]string, len(t.Rows[0]))
		row[0] = more(left)
		t.Rows = append(t.Rows[:shownRows+1:shownRows+1], row)
	}
	return t
}

// Error is what went wrong, and what to type; hint may be empty.
func Error(what, hint string) Message {
	what, hint = unnamed(what), unnamed(hint)
	m := Message{Tone: Bad, Head: first(what)}
	if !fitsHead(m.Head) {
		m.Head = brief(m.Head)
	}
	if m.Head != strings.TrimSpace(what) {
		m.Lines = append(m.Lines, cut(strings.TrimSpace(what), 3000))
	}
	if hint != "" {
		m.Lines = append(m.Lines, "hint: "+hint)
	}
	return m
}

// Refusal is a "no" of the policy, for the person who asked.
func Refusal(r policy.Refusal) Message {
	m := Message{Tone: Bad, Head: "Refused: " + first(r.Why)}
	m.Lines = []string{"Nothing was done. The refusal is in the audit."}
	if r.Rule != "" {
		m.Foot = "rule: " + r.Rule
	}
	return headed(m)
}

// A CommandHelp is one command as help shows it.
type CommandHelp struct {
	Name     string
	Usage    string   // "recover CLUSTER BACKUP [--reason TEXT]"
	About    string   // What it does, in one line.
	Group    string   // Whose it is: "recover".
	Options  []string // One line each.
	Examples []string // What is typed, without the program's name.
}

// A GroupHelp is commands with one purpose.
type GroupHelp struct {
	Name, Title string
	Commands    []CommandHelp
}

// Help is all commands by purpose, as names: a page that fits on a telephone.
func Help(groups []GroupHelp) Message {
	m := Message{Tone: Plain, Head: "Commands, by what they are for"}
	for _, g := range groups {
		var names []string
		for _, c := range g.Commands {
			names = append(names, "`"+c.Name+"`")
		}
		m.Lines = append(m.Lines, g.Name+": "+strings.Join(names, ", "))
	}
	m.Foot = "`help GROUP` (such as `help look`) says what each does, `help COMMAND` how it is typed, with an example."
	return m
}

// HelpOfGroup says what each command of a group does.
func HelpOfGroup(g GroupHelp) Message {
	m := Message{Tone: Plain, Head: g.Title, Foot: "`help COMMAND` says how it is typed, with an example."}
	if len(g.Commands) > 0 {
		t := Table{Rows: [][]string{{"Command", "What it does"}}}
		for _, c := range g.Commands {
			t.Rows = append(t.Rows, []string{c.Name, c.About})
		}
		m.Tables = []Table{t}
	}
	return m
}

// HelpOfCommand says how a command is typed.
func HelpOfCommand(c CommandHelp) Message {
	m := Message{Tone: Plain, Head: c.Usage, Lines: []string{c.About}}
	m.Lines = append(m.Lines, c.Options...)
	for _, e := range c.Examples {
		m.Lines = append(m.Lines, "Example: `"+e+"`")
	}
	return m
}
