package handlers

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// A diagnosis is what [Cluster].Diagnose answered; its JSON form goes to scripts
// as it is.
type diagnosis health.Diagnosis

// severities in order, the least first.
var severities = []string{"info", "warning", "critical"}

// as reports whether a finding is as bad as a severity or worse; one whose
// severity is not known is.
func as(f *health.Finding, severity string) bool {
	at := slices.Index(severities, string(f.Severity))
	return at < 0 || at >= slices.Index(severities, severity)
}

// diagnose asks for a diagnosis and reads the severity asked for. What `report` would
// say of the backups belongs to it: two answers of one bot are the same.
func (s *Service) diagnose(ctx context.Context, c call, logs bool) (d *diagnosis, severity string, bad *Response) {
	if severity, bad = c.severity(); bad != nil {
		return nil, "", bad
	}
	fail := func(err error) *Response { r := failure(err); return &r }
	k := s.cluster(c.args[0])
	if k == nil || k.Diagnose == nil {
		return nil, "", fail(fmt.Errorf("%s: this build cannot look at %.60q", c.cmd.Name, c.args[0]))
	}
	open, err := s.open(k.Name)
	if err != nil {
		return nil, "", fail(err)
	}
	var backups check.Result
	var checked sync.WaitGroup
	if k.Check != nil {
		checked.Go(func() { backups = s.CheckBackups(ctx, k) })
	}
	found, err := k.Diagnose(ctx, open, logs)
	checked.Wait()
	if err != nil {
		return nil, "", fail(err)
	}
	d = (*diagnosis)(found)
	d.also(backups.Findings)
	return d, severity, nil
}

// also takes findings that are not there yet.
func (d *diagnosis) also(findings []health.Finding) {
	for _, f := range findings {
		if !slices.ContainsFunc(d.Findings, func(have health.Finding) bool { return have.ID == f.ID && have.Subject == f.Subject }) {
			d.Findings = append(d.Findings, f)
		}
	}
	health.Sort(d.Findings)
}

// exit is 6 where a finding is as bad as severity or worse.
func (d *diagnosis) exit(severity string) int {
	if slices.ContainsFunc(d.Findings, func(f health.Finding) bool { return as(&f, severity) }) {
		return ExitFindings
	}
	return ExitDone
}

// doAssess is the whole diagnosis: what was found, and whether a restore is needed.
func (s *Service) doAssess(ctx context.Context, c call) Response {
	d, severity, bad := s.diagnose(ctx, c, true)
	if bad != nil {
		return *bad
	}
	m := d.page(severity)
	m.Head = fmt.Sprintf("%s: %s; %s", d.Cluster, d.Verdict.Words(), d.count())
	m.Lines = append([]string{d.Advice}, m.Lines...)
	return Response{Message: m, Data: d, Exit: d.exit(severity)}
}

// doDoctor is what pre-flight asks, any day.
func (s *Service) doDoctor(ctx context.Context, c call) Response {
	d, severity, bad := s.diagnose(ctx, c, false)
	if bad != nil {
		return *bad
	}
	m := d.page(severity)
	m.Head = fmt.Sprintf("%s: pre-flight finds nothing that would stop a recovery; %s", d.Cluster, d.count())
	if n := len(d.blocking()); n > 0 {
		m.Head = fmt.Sprintf("%s: a recovery would stop on %d of these; %s", d.Cluster, n, d.count())
	}
	return Response{Message: m, Data: d, Exit: d.exit(severity)}
}

func (d *diagnosis) blocking() []health.Finding {
	var list []health.Finding
	for _, f := range d.Findings {
		if f.Blocks != "" && as(&f, "warning") {
			list = append(list, f)
		}
	}
	return list
}

func (d *diagnosis) count() string {
	n := map[string]int{}
	for _, f := range d.Findings {
		n[string(f.Severity)]++
	}
	if n["critical"]+n["warning"] == 0 {
		return "no findings"
	}
	var parts []string
	for _, severity := range []string{"critical", "warning"} {
		if n[severity] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n[severity], severity))
		}
	}
	return strings.Join(parts, ", ")
}

// worst is the finding that comes first, and how many more there are.
func (d *diagnosis) worst() string {
	alarms := slices.DeleteFunc(slices.Clone(d.Findings), func(f health.Finding) bool { return !as(&f, "warning") })
	if len(alarms) == 0 {
		return "no findings"
	}
	f := alarms[0] // The worst is the first.
	words := fmt.Sprintf("%s %s on %s", f.Severity, f.ID, view.Foreign(f.Subject))
	if len(alarms) > 1 {
		words += fmt.Sprintf(" and %d more", len(alarms)-1)
	}
	return words
}

// brief names the findings in one line each.
func (d *diagnosis) brief(severity string) []string {
	var lines []string
	for _, f := range d.Findings {
		if as(&f, severity) {
			lines = append(lines, fmt.Sprintf("%s %s on %s", f.Severity, f.ID, view.Foreign(f.Subject)))
		}
	}
	if len(lines) > most {
		lines = append(lines[:most], fmt.Sprintf("… %d more in `assess %s`", len(lines)-most, d.Cluster))
	}
	return lines
}

// most bounds the findings on one screen; --json has them all.
const most = 30

// page is a diagnosis as one screen: findings, then the hosts, then who says
// what of the leader.
func (d *diagnosis) page(severity string) view.Message {
	m := view.Message{Tone: view.Good, Fields: d.fields()}
	if d.exit("warning") != ExitDone {
		m.Tone = view.Warn
	}
	if d.exit("critical") != ExitDone {
		m.Tone = view.Bad
	}
	least := severity
	if least == "critical" {
		least = "warning" // What does not change the exit status is worth knowing all the same.
	}
	shown, notes := 0, 0
	for _, f := range d.Findings {
		if !as(&f, least) {
			notes++
			continue
		}
		if shown++; shown > most {
			continue
		}
		line := fmt.Sprintf("%s %s on %s: %s\n  %s %s", f.Severity, f.ID, view.Foreign(f.Subject), view.Foreign(short(f.Evidence)), f.Means, f.Do)
		if f.Blocks != "" {
			line += " Blocks " + f.Blocks + "."
		}
		m.Lines = append(m.Lines, line)
	}
	if shown > most {
		m.Lines = append(m.Lines, fmt.Sprintf("… %d more with --json", shown-most))
	}
	if notes > 0 {
		m.Foot = fmt.Sprintf("%d more to know and not to worry: --severity info", notes)
	}
	m.Tables = d.tables()
	return m
}

// short cuts evidence for a screen. What to do stands at its end where a login
// fails: 1,000 characters hold the longest of these.
func short(s string) string {
	if r := []rune(s); len(r) > 1000 {
		return string(r[:1000]) + "…"
	}
	return s
}

func (d *diagnosis) fields() []view.Field {
	leader, newest := d.Leader, "none that is valid"
	if leader == "" {
		leader = "none, or not agreed on"
	}
	if b := d.Backup; b != nil {
		newest = fmt.Sprintf("%s on %s, %s old, %d tasks", view.Foreign(b.Name), b.Host, (time.Duration(b.Age) * time.Second).String(), b.Tasks)
	}
	fields := []view.Field{{Name: "leader", Value: view.Foreign(leader)}, {Name: "newest backup", Value: newest}}
	if d.OpenRun != "" {
		fields = append(fields, view.Field{Name: "open run", Value: d.OpenRun})
	}
	return fields
}

func (d *diagnosis) tables() []view.Table {
	hosts := view.Table{Title: "Schedulers of " + d.Cluster, Rows: [][]string{{"host", "scheduler", "state", "supervisor", "up", "log", "backups", "clock"}}}
	for _, h := range d.Hosts {
		if !h.Answers {
			hosts.Rows = append(hosts.Rows, []string{h.Host, "cannot tell", "-", "-", "-", "-", "-", "-"})
			continue
		}
		process, state, up := "not running", h.Lifecycle, "-"
		if h.Running {
			process, up = fmt.Sprintf("PID %d", h.PID), (time.Duration(h.Uptime) * time.Second).String()
		}
		if state == "" {
			state = "-"
		}
		log := fmt.Sprintf("%d bytes", h.Log.Bytes)
		if h.Log.State != "" {
			log = fmt.Sprintf("%s %s %d-%d", h.Log.State, h.Log.Status, h.Log.Begin, h.Log.End)
		}
		hosts.Rows = append(hosts.Rows, []string{h.Host, process, view.Foreign(state), view.Foreign(h.Unit), up, view.Foreign(log), fmt.Sprint(h.Backups), fmt.Sprintf("%+d ms", h.Skew)})
	}
	says := view.Table{Title: "Who leads", Rows: [][]string{{"source", "says"}}}
	for _, s := range d.Says {
		says.Rows = append(says.Rows, []string{s.Who, view.Foreign(s.Says)})
	}
	return []view.Table{hosts, says}
}

// A FindingHelp is one line of the table of findings.
type FindingHelp struct {
	ID       string `json:"finding"`
	Severity string `json:"severity"`
	Means    string `json:"means"`
	Evidence string `json:"evidence"`
	Do       string `json:"do"`
	Blocks   string `json:"blocks,omitempty"` // ID of the step that stops on it.
}

func (f *FindingHelp) lines() []string {
	lines := []string{f.Means, "Evidence: " + strings.TrimSuffix(f.Evidence, ".") + ".", "To do: " + f.Do}
	if f.Blocks != "" {
		lines = append(lines, "Blocks the step "+f.Blocks+".")
	}
	return lines
}

// helpFindings shows the table, or one line of it in full.
func helpFindings(findings []FindingHelp, id string) Response {
	if len(findings) == 0 {
		return failure(fmt.Errorf("help findings: this build has no table of findings"))
	}
	var b strings.Builder
	rows := [][]string{{"finding", "severity", "means"}}
	for _, f := range findings {
		if f.ID == id {
			return Response{Message: view.Message{Head: f.ID + ": " + f.Severity, Lines: f.lines()}, Data: f, Private: true}
		}
		rows = append(rows, []string{f.ID, f.Severity, f.Means})
		fmt.Fprintf(&b, "%s (%s)\n  %s\n\n", f.ID, f.Severity, strings.Join(f.lines(), "\n  "))
	}
	if id != "" {
		return Response{Message: view.Error(fmt.Sprintf("there is no finding %.40q", id), "`help findings` lists them"), Exit: ExitUsage, Private: true}
	}
	m := view.Message{
		Head: fmt.Sprintf("%d kinds of findings", len(findings)), Tables: []view.Table{{Rows: rows}},
		Files: []view.File{{Name: "findings.txt", Text: b.String()}},
	}
	return Response{Message: m, Data: findings, Private: true}
}

// Diagnose is the hook of [Cluster]: it looks at the cluster as it is, with the
// replicas' logs or without, and changes nothing. open is the cluster's open
// run, nil if there is none. An error means that it could not even begin.
type Diagnose func(ctx context.Context, open *runner.State, logs bool) (*health.Diagnosis, error)
