package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// shownClusters is how many clusters a report spells out; all are in its table.
const shownClusters = 15

// WorstFirst orders checks as a report tells them: what could not be restored
// today, what can't be told, then by the worst finding, then by age.
func WorstFirst(results []check.Result) []check.Result {
	results = slices.Clone(results)
	rank := func(r *check.Result) int {
		switch {
		case r.Restorable == check.No:
			return 0
		case r.Restorable != check.Yes:
			return 1
		case r.State == check.Fresh:
			return 4
		case r.Severity == health.Warning:
			return 3
		}
		return 2
	}
	age := func(r *check.Result) check.Span {
		if r.Newest == nil {
			return 0
		}
		return r.Newest.Age
	}
	slices.SortStableFunc(results, func(a, b check.Result) int {
		return cmp.Or(rank(&a)-rank(&b), cmp.Compare(age(&b), age(&a)), cmp.Compare(a.Cluster, b.Cluster))
	})
	return results
}

// Report is how the backups of clusters are: the truth in the first line, the
// worst first.
func Report(results []check.Result) Message {
	if len(results) == 0 {
		return Message{Tone: Bad, Head: "No cluster was looked at: whether one could be restored today is not known"}
	}
	results = WorstFirst(results)
	for i := range results {
		results[i] = callsNobody(results[i])
	}
	m := Message{Tone: tone(results)}
	if len(results) == 1 {
		r := &results[0]
		m.Head = r.Says
		m.Lines, m.Foot = findings(r)
		m.Fields = reportFields(r)
		m.Charts = trend(r)
		m.Tables = []Table{reportHosts(r)}
		return headed(m)
	}
	m.Head = reportHead(results)
	shown := 0
	for i := range results {
		r := &results[i]
		if r.State == check.Fresh {
			continue
		}
		if shown++; shown <= shownClusters {
			m.Lines = append(m.Lines, fmt.Sprintf("%s: %s", r.Severity, cut(r.Says, 400)))
		}
	}
	if shown > shownClusters {
		m.Lines = append(m.Lines, fmt.Sprintf("… %s more in the table", digits(int64(shown-shownClusters))))
	}
	m.Charts = ages(results)
	m.Tables = []Table{reportClusters(results)}
	m.Foot = "`report CLUSTER` says what to do"
	return headed(m)
}

func tone(results []check.Result) Tone {
	t := Good
	for i := range results {
		switch r := &results[i]; {
		case r.Restorable != check.Yes || r.Severity == health.Critical:
			return Bad
		case r.State != check.Fresh:
			t = Warn
		}
	}
	return t
}

// reportHead says of several clusters how many could not be restored today.
func reportHead(results []check.Result) string {
	var no, unknown, trouble []string
	oldest := &results[0]
	for i := range results {
		r := &results[i]
		switch {
		case r.Restorable == check.No:
			no = append(no, r.Cluster)
		case r.Restorable != check.Yes:
			unknown = append(unknown, r.Cluster)
		case r.State != check.Fresh:
			trouble = append(trouble, r.Cluster)
		}
		if r.Newest != nil && (oldest.Newest == nil || r.Newest.Age > oldest.Newest.Age) {
			oldest = r
		}
	}
	if len(no)+len(unknown)+len(trouble) == 0 {
		return fmt.Sprintf("All %s are fresh: the oldest newest backup is %s old (%s)", count(len(results), "cluster"), took(time.Duration(oldest.Newest.Age)), oldest.Cluster)
	}
	var parts []string
	for _, p := range []struct {
		names []string
		words string
	}{{no, "could NOT be restored today"}, {unknown, "CANNOT be told"}, {trouble, "with something to mend"}} {
		if len(p.names) > 0 {
			parts = append(parts, fmt.Sprintf("%d of %s %s: %s", len(p.names), count(len(results), "cluster"), p.words, list(p.names, 3)))
		}
	}
	if n := len(results) - len(no) - len(unknown) - len(trouble); n > 0 {
		parts = append(parts, fmt.Sprintf("%d fresh", n))
	}
	return strings.Join(parts, "; ")
}

// findings are those to act on, each with what to do; the rest is counted.
func findings(r *check.Result) (lines []string, foot string) {
	notes := 0
	told := slices.Clone(r.Findings)
	// What the first line tells of comes first.
	slices.SortStableFunc(told, func(a, b health.Finding) int {
		switch {
		case a.ID == r.State && b.ID != r.State:
			return -1
		case a.ID != r.State && b.ID == r.State:
			return 1
		}
		return 0
	})
	at := map[string]int{} // By kind: its line. What is found in several places is one line.
	for i := range told {
		f := &told[i]
		if !f.Severity.AtLeast(health.Warning) {
			notes++
			continue
		}
		if _, known := at[f.ID]; known || len(at) == 20 {
			continue
		}
		at[f.ID] = len(lines)
		where, said := placesOf(told[i:], f.ID)
		lines = append(lines, fmt.Sprintf("%s %s on %s: %s\n  %s %s", f.Severity, f.ID, where, cut(said, 1000), f.Means, f.Do))
	}
	if notes > 0 {
		foot = count(notes, "info finding") + " hidden; `--json` has what is hidden, `help findings` says what each means"
	}
	return lines, foot
}

// placesOf are where a kind was found, and what was seen: said once where it is the same.
func placesOf(all []health.Finding, id string) (where, said string) {
	var places, words []string
	for i := range all {
		if f := &all[i]; f.ID == id {
			places, words = append(places, f.Subject), append(words, f.Evidence)
		}
	}
	same := !slices.ContainsFunc(words, func(w string) bool { return w != words[0] })
	if same {
		return list(places, 6), words[0]
	}
	for i := range words {
		words[i] = places[i] + ": " + words[i]
	}
	return list(places, 6), strings.Join(words, "; ")
}

var answers = map[check.Restorable]string{check.Yes: "yes", check.No: "NO", check.CannotTell: "cannot tell"}

func reportFields(r *check.Result) []Field {
	newest, leader := "none", "none, or not known"
	if b := r.Newest; b != nil {
		newest = fmt.Sprintf("%s on %s, %s old, %s tasks, %s", b.Name, b.Host, took(time.Duration(b.Age)), digits(int64(b.Tasks)), size(b.Bytes))
	}
	if r.Leader != "" {
		leader = r.Leader
		if r.Uptime != nil {
			leader += ", up " + took(time.Duration(*r.Uptime))
		}
	}
	if r.Failovers != nil {
		elections := "no election"
		if *r.Failovers > 0 {
			elections = count(*r.Failovers, "election")
		}
		leader += "; " + elections + " within the last hour"
	}
	fields := []Field{
		{"Restorable today", answers[r.Restorable]}, {"Newest valid", newest}, {"Leader", leader},
	}
	if r.Limit > 0 {
		fields = append(fields, Field{"Limits", fmt.Sprintf("one every %s, none older than %s", took(time.Duration(r.Interval)), took(time.Duration(r.Limit)))})
	}
	if r.OpenRun != "" {
		fields = append(fields, Field{"Open run", r.OpenRun})
	}
	if c := r.Copy; c != nil {
		words := "none"
		if c.Name != "" {
			words = fmt.Sprintf("%s, %s old, the newest of %d", c.Name, took(time.Duration(c.Age)), c.Copies)
		}
		if n := len(c.Removed); n > 0 {
			words += fmt.Sprintf("; %s removed by retention: %s", count(n, "older one"), list(c.Removed, 3))
		}
		fields = append(fields, Field{"Own copy", words})
	}
	return fields
}

// reportHosts is a row for each host.
func reportHosts(r *check.Result) Table {
	t := Table{Title: "Backups of " + r.Cluster + " by host", Rows: [][]string{{"Host", "Backups", "Valid", "Newest valid", "Age", "Tasks", "Free", "Begun", "Clock"}}, Right: []int{1, 2, 4, 5, 6, 7}}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		if !h.Listed {
			t.Rows = append(t.Rows, []string{h.Host, "cannot tell", "-", cut(first(orNone(h.Why)), 80), "-", "-", "-", "-", "-"})
			continue
		}
		valid := 0
		var newest *check.Backup
		for j := range h.Backups {
			if b := &h.Backups[j]; b.Valid {
				valid++
				if newest == nil || b.Time.After(newest.Time) {
					newest = b
				}
			}
		}
		row := []string{h.Host, fmt.Sprint(len(h.Backups)), fmt.Sprint(valid), "none", "-", "-", size(h.Free), fmt.Sprint(len(h.Leftover)), clock(h)}
		if newest != nil {
			row[3], row[4], row[5] = newest.Name, took(time.Duration(newest.Age)), digits(int64(newest.Tasks))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func clock(h *check.Host) string {
	if d := time.Duration(h.Skew); d.Abs() >= time.Second {
		return fmt.Sprintf("%s %+ds", h.Zone, int(d.Seconds()))
	}
	return h.Zone
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// reportClusters is a row for each cluster.
func reportClusters(results []check.Result) Table {
	t := Table{Rows: [][]string{{"Cluster", "Restorable", "State", "Age", "Tasks", "Size", "Newest valid", "Host"}}, Right: []int{3, 4, 5}}
	for i := range results {
		r := &results[i]
		row := []string{r.Cluster, answers[r.Restorable], r.State, "-", "-", "-", "none", "-"}
		if b := r.Newest; b != nil {
			row[3], row[4], row[5], row[6], row[7] = took(time.Duration(b.Age)), digits(int64(b.Tasks)), size(b.Bytes), b.Name, b.Host
		}
		t.Rows = append(t.Rows, row)
	}
	return bounded(t)
}

// plotted is how many points a chart has: Slack takes 20.
const plotted = 20

// trend is the number of tasks over the newest backups of a cluster.
func trend(r *check.Result) []Chart {
	points := r.Trend[max(0, len(r.Trend)-plotted):]
	if len(points) < 2 {
		return nil
	}
	c := Chart{Title: "Tasks per backup of " + cut(r.Cluster, 20), Series: []Series{{Name: "tasks"}}}
	seen := map[string]int{}
	for _, p := range points {
		label := p.Time.UTC().Format("01-02 15:04")
		if seen[label]++; seen[label] > 1 {
			label = p.Time.UTC().Format("01-02 15:04:05")
		}
		c.Categories = append(c.Categories, label)
		c.Series[0].Values = append(c.Series[0].Values, float64(p.Tasks))
	}
	return []Chart{c}
}

// ages is how old the newest backup of each cluster is, the worst first. A
// cluster without one has no bar: it is in the first line.
func ages(results []check.Result) []Chart {
	c := Chart{Title: "Age of the newest valid backup, in hours", Bars: true, Series: []Series{{Name: "hours"}}}
	for i := range results {
		r := &results[i]
		if r.Newest == nil || len(c.Categories) == plotted {
			continue
		}
		c.Categories = append(c.Categories, cut(r.Cluster, 20))
		c.Series[0].Values = append(c.Series[0].Values, float64(int(time.Duration(r.Newest.Age).Hours()*10))/10)
	}
	if len(c.Categories) == 0 {
		return nil
	}
	return []Chart{c}
}

// Backups is every backup of every host of a cluster.
func Backups(r check.Result) Message {
	r = callsNobody(r)
	m := Message{Tone: tone([]check.Result{r}), Head: r.Says}
	t := Table{Rows: [][]string{{"Host", "Backup", "Inner time", "Age", "Size", "Tasks", "State"}}, Right: []int{3, 4, 5}}
	for i := range r.Hosts {
		h := &r.Hosts[i]
		switch {
		case !h.Listed:
			t.Rows = append(t.Rows, []string{h.Host, "cannot tell", "-", "-", "-", "-", cut(first(orNone(h.Why)), 200)})
		case len(h.Backups) == 0:
			t.Rows = append(t.Rows, []string{h.Host, "none", "-", "-", "-", "-", h.Dir + " holds none"})
		}
		for j := range h.Backups {
			t.Rows = append(t.Rows, backupRow(&h.Backups[j]))
		}
		for _, name := range h.Leftover {
			t.Rows = append(t.Rows, []string{h.Host, cut(name, 80), "-", "-", "-", "-", "begun and not ended"})
		}
	}
	m.Tables = []Table{bounded(t)}
	return headed(m)
}

func backupRow(b *check.Backup) []string {
	row := []string{b.Host, b.Name, when(b.Time), took(time.Duration(b.Age)), size(b.Bytes), digits(int64(b.Tasks)), "valid"}
	if b.Time.IsZero() {
		row[3] = "not known"
	}
	switch {
	case b.Age < 0:
		row[3] = "in the future"
	case b.Unread:
		row[5] = "-"
	}
	if b.Why != "" {
		row[6] = cut(first(b.Why), 200)
	}
	return row
}

// callsNobody is r without identities of people: what hosts say calls nobody.
func callsNobody(r check.Result) check.Result {
	file := func(b check.Backup) check.Backup {
		b.Host, b.Name, b.Path, b.Why = unnamed(b.Host), unnamed(b.Name), unnamed(b.Path), unnamed(b.Why)
		return b
	}
	r.Cluster, r.Says, r.Leader, r.OpenRun = unnamed(r.Cluster), unnamed(r.Says), unnamed(r.Leader), unnamed(r.OpenRun)
	if r.Newest != nil {
		b := file(*r.Newest)
		r.Newest = &b
	}
	r.Findings = slices.Clone(r.Findings)
	for i := range r.Findings {
		f := &r.Findings[i]
		f.Subject, f.Evidence = unnamed(f.Subject), unnamed(f.Evidence)
	}
	r.Hosts = slices.Clone(r.Hosts)
	for i := range r.Hosts {
		h := &r.Hosts[i]
		h.Host, h.Why, h.Dir, h.Zone = unnamed(h.Host), unnamed(h.Why), unnamed(h.Dir), unnamed(h.Zone)
		h.Backups, h.Leftover = slices.Clone(h.Backups), slices.Clone(h.Leftover)
		for j := range h.Backups {
			h.Backups[j] = file(h.Backups[j])
		}
		for j := range h.Leftover {
			h.Leftover[j] = unnamed(h.Leftover[j])
		}
	}
	if r.Copy != nil {
		c := *r.Copy
		c.Name, c.Why = unnamed(c.Name), unnamed(c.Why)
		r.Copy = &c
	}
	return r
}
