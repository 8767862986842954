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
	t := Table{Rows: [][]string{{"Run", "Cluster", "Status", "Where", "Begun", "Asked by", "Last event"}}}
	for _, s := range open {
		switch s.Status {
		case runner.Gated:
			m.Lines = append(m.Lines, fmt.Sprintf("%s waits for approval at the %s gate since %s (%s).", s.Run, s.Gate, when(s.Gates[s.Gate].OpenedAt), took(now.Sub(s.Gates[s.Gate].OpenedAt))))
			m.Tone = Wait
		case runner.Stopped:
			st := &story{State: s}
			why := stop{event: runner.Event{Why: s.Why, Kind: runner.RunStopped}, reason: s.Stop}
			m.Lines = append(m.Lines, fmt.Sprintf("%s stands since %s (%s): %s", s.Run, when(s.At), took(now.Sub(s.At)), because(s.Why)))
			m.Lines = append(m.Lines, st.choices(&why)[1:]...)
			m.Tone = Bad
		}
		t.Rows = append(t.Rows, []string{s.Run, s.Request.Cluster, string(s.Status), whereNow(s), when(s.Began), Who(s.Who), took(now.Sub(s.At)) + " ago"})
	}
	m.Tables = []Table{bounded(t)}
	return m
}

// whereNow is the gate, or the step that had its turn last.
func whereNow(s *runner.State) string {
	switch {
	case s.Status == runner.Gated:
		return s.Gate + " gate"
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
	t := Table{Rows: [][]string{{"Run", "Cluster", "Backup", "Begun", "Lasted", "Asked by", "Outcome"}}}
	for _, s := range runs {
		outcome, lasted := s.Outcome, took(s.At.Sub(s.Began))
		if s.Status != runner.Closed {
			outcome, lasted = string(s.Status)+": "+whereNow(s), "open"
		}
		t.Rows = append(t.Rows, []string{s.Run, s.Request.Cluster, s.Request.Backup, when(s.Began), lasted, Who(s.Who), outcome})
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

// A BackupRow is one backup on one host; or a host or cluster that has none or
// could not be asked: then Name is empty and Why says which.
type BackupRow struct {
	Cluster string
	Host    string
	Name    string
	Time    time.Time     // The time inside of it. Zero: not known.
	Age     time.Duration // By Time.
	Size    int64         // In bytes.
	Tasks   int
	Valid   bool
	Why     string // Why it is not valid, too old, or not known.
}

// wrong is how bad a row is: what could not be asked first, then what does not
// decode, then what has something to say, then what is well.
func (r BackupRow) wrong() int {
	switch {
	case r.Name == "":
		return 3
	case !r.Valid:
		return 2
	case r.Why != "":
		return 1
	}
	return 0
}

// Report is how backups are: the truth in the first line, the worst row first.
func Report(rows []BackupRow) Message {
	rows = slices.Clone(rows)
	for i := range rows {
		for _, s := range []*string{&rows[i].Cluster, &rows[i].Host, &rows[i].Name, &rows[i].Why} {
			*s = unnamed(*s)
		}
	}
	slices.SortStableFunc(rows, func(a, b BackupRow) int {
		if a.wrong() != b.wrong() {
			return b.wrong() - a.wrong()
		}
		if c := strings.Compare(a.Cluster, b.Cluster); c != 0 {
			return c
		}
		return b.Time.Compare(a.Time)
	})
	m := Message{}
	m.Tone, m.Head = reportHead(rows)
	t := Table{Rows: [][]string{{"Cluster", "Host", "Backup", "Inner time", "Age", "Size", "Tasks", "State"}}, Right: []int{4, 5, 6}}
	for _, r := range rows {
		row := []string{r.Cluster, r.Host, r.Name, when(r.Time), took(r.Age), size(r.Size), digits(int64(r.Tasks)), "decodes"}
		switch {
		case r.Name == "":
			row[2], row[3], row[4], row[5], row[6], row[7] = "none", "-", "-", "-", "-", "not known"
		case !r.Valid:
			row[6], row[7] = "-", "does not decode"
		}
		if r.Name != "" && r.Time.IsZero() {
			row[3], row[4] = "not known", "not known"
		}
		if r.Why != "" {
			row[7] += ": " + cut(first(r.Why), 200)
		}
		t.Rows = append(t.Rows, row)
	}
	if len(rows) > 0 {
		m.Tables = []Table{bounded(t)}
	}
	return m
}

// reportHead says per cluster the newest backup that decodes; a cluster without
// one, or a host that could not be asked, comes first.
func reportHead(rows []BackupRow) (Tone, string) {
	if len(rows) == 0 {
		return Bad, "No backup was looked at"
	}
	newest := map[string]*BackupRow{}
	bad := 0
	for i := range rows {
		r := &rows[i]
		if _, ok := newest[r.Cluster]; !ok {
			newest[r.Cluster] = nil
		}
		if r.wrong() > 0 {
			bad++
		}
		if n := newest[r.Cluster]; r.Valid && r.Name != "" && (n == nil || r.Time.After(n.Time)) {
			newest[r.Cluster] = r
		}
	}
	tone, none, have := Good, []string{}, []string{}
	for _, cluster := range sorted(newest) {
		n := newest[cluster]
		if n == nil {
			tone = Bad
			none = append(none, cluster+": no backup that decodes")
			continue
		}
		words := fmt.Sprintf("%s: newest backup that decodes is %s old (%s on %s)", cluster, took(n.Age), n.Name, n.Host)
		if n.Why != "" {
			words += ": " + first(n.Why)
		}
		have = append(have, words)
	}
	if bad > 0 && tone == Good {
		tone = Warn
	}
	head := append(none, have...)
	if len(head) > 3 {
		return tone, fmt.Sprintf("%d of %s without a backup that decodes; %s", len(none), count(len(newest), "cluster"), list(head, 2))
	}
	if bad > 0 {
		head = append(head, fmt.Sprintf("%d of %s with something to say", bad, count(len(rows), "row")))
	}
	return tone, strings.Join(head, "; ")
}

// Error is what went wrong, and what to type; hint may be empty.
func Error(what, hint string) Message {
	what, hint = unnamed(what), unnamed(hint)
	m := Message{Tone: Bad, Head: cut(first(what), 300)}
	if first(what) != strings.TrimSpace(what) || m.Head != first(what) {
		m.Lines = append(m.Lines, cut(what, 3000))
	}
	if hint != "" {
		m.Lines = append(m.Lines, "hint: "+hint)
	}
	return m
}

// Refusal is a "no" of the policy, for the person who asked.
func Refusal(r policy.Refusal) Message {
	m := Message{Tone: Bad, Head: "Refused: " + cut(first(r.Why), 280)}
	m.Lines = []string{"Nothing was done. The refusal is in the audit."}
	if r.Rule != "" {
		m.Foot = "rule: " + r.Rule
	}
	return m
}

// A CommandHelp is one command as help shows it.
type CommandHelp struct {
	Usage   string   // "recover CLUSTER BACKUP [--reason TEXT]"
	About   string   // What it does, in one line.
	Options []string // One line each.
}

// Help is the commands; with a single one, its options too.
func Help(commands []CommandHelp) Message {
	if len(commands) == 1 {
		c := commands[0]
		m := Message{Tone: Plain, Head: c.Usage, Lines: []string{c.About}}
		m.Lines = append(m.Lines, c.Options...)
		return m
	}
	t := Table{Rows: [][]string{{"Command", "What it does"}}}
	for _, c := range commands {
		t.Rows = append(t.Rows, []string{c.Usage, c.About})
	}
	return Message{Tone: Plain, Head: "Commands", Tables: []Table{t}, Foot: "`help COMMAND` says more"}
}
