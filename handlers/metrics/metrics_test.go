package metrics

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write docs/metrics.md")

var day = time.Date(2026, 11, 23, 8, 36, 24, 364e6, time.UTC)

// full are values with which every family has a sample, and names that need
// to be escaped.
func full() Values {
	two := 2
	return Values{
		Version: `v1.2.3"\`, Go: "go1.26.8", Started: day, Memory: 31 << 20,
		Clusters: []Cluster{{
			Name: "dev\ncluster", MaxAge: 26 * time.Hour, Late: 2 * time.Hour, Checked: day.Add(time.Hour), Took: 1500 * time.Millisecond, Whole: true, Findings: map[string]int{"critical": 2},
			Restorable: "yes", Failovers: &two, Newest: day, Bytes: 101302, Tasks: 65, Free: map[string]int64{"s2": 1 << 40, "s1": 5}, Copy: day,
		}, {Name: "new", MaxAge: time.Hour}},
		Runs:      map[string]int{"gated": 1, "closed": 12},
		Approvals: []Approvals{{"dev\ncluster", "commit", 2}},
		Unkept:    &two,
		Slack:     &Slack{Links: 2, Up: 1, Foreign: 1, Heard: day, InHand: 3, Unsent: 4, Late: 5, Busy: 6, Unknown: 7},
		Hosts:     []Host{{"new", "s1", true, 3, 2, 1}},
		Reports:   []Report{{"every morning", day, day.Add(24 * time.Hour), 1}},
		Drills:    []Drill{{"new", day, 17 * time.Second, true, day}, {Cluster: "never"}},
	}
}

// Every metric is documented, and the document names no other.
func TestEveryMetricIsDocumented(t *testing.T) {
	const file = "../../docs/metrics.md"
	if *update {
		if err := os.WriteFile(file, []byte(Document()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	doc, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(doc) != Document() {
		t.Errorf("%s is not what the table says; write it anew with `go test ./handlers/metrics -update`", file)
	}
	p := gather(full())
	if len(p.wrong) > 0 {
		t.Errorf("against the table: %q", p.wrong)
	}
	page := p.text()
	for _, f := range Families {
		if !bytes.Contains(page, []byte("\n"+f.Name)) {
			t.Errorf("%s has no sample though everything is known", f.Name)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^[a-z_]+`).FindAllString(string(page), -1) {
		if !strings.Contains(string(doc), "`"+m+"`") {
			t.Errorf("%s is on the page and not in %s", m, file)
		}
	}
}

// What is not known has no sample: a 0 would be an answer.
func TestUnknownIsAbsent(t *testing.T) {
	page := string(Page(Values{
		Version: "v1", Go: "go1.26", Clusters: []Cluster{{Name: "c", MaxAge: time.Hour}}, Reports: []Report{{Name: "r"}}, Drills: []Drill{{Cluster: "c"}},
	}))
	for _, name := range []string{backupTime, backupBytes, backupTasks, checkTime, checkWhole, checkFindings, restorable, failovers, folderFree, copyTime, slackUp, slackHeard, reportLast, drillTime, drillProved} {
		if strings.Contains(page, name) {
			t.Errorf("%s has a sample though nothing is known", name)
		}
	}
	for _, line := range []string{
		`aurorabot_backup_max_age_seconds{cluster="c"} 3600`, `aurorabot_runs{state="open"} 0`, `aurorabot_report_failures_total{report="r"} 0`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("the page has no line %q:\n%s", line, page)
		}
	}
}

func TestPage(t *testing.T) {
	page := string(Page(full()))
	for _, line := range []string{
		`aurorabot_build_info{version="v1.2.3\"\\",goversion="go1.26.8"} 1`,
		`aurorabot_backup_newest_valid_timestamp_seconds{cluster="dev\ncluster"} 1795422984.364`,
		`aurorabot_backup_newest_valid_size_bytes{cluster="dev\ncluster"} 101302`,
		`aurorabot_check_duration_seconds{cluster="dev\ncluster"} 1.5`,
		`aurorabot_check_findings{cluster="dev\ncluster",severity="critical"} 2`,
		`aurorabot_cluster_restorable{cluster="dev\ncluster",answer="no"} 0`,
		`aurorabot_backup_directory_free_bytes{cluster="dev\ncluster",host="s2"} 1099511627776`,
		`aurorabot_runs{state="gated"} 1`,
		`aurorabot_approvals_waiting{cluster="dev\ncluster",gate="commit"} 2`,
		`aurorabot_ssh_errors_total{cluster="new",host="s1",kind="connect"} 2`,
		`# TYPE aurorabot_slack_requests_busy_total counter`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("the page has no line %s", line)
		}
	}
	if again := string(Page(full())); again != page {
		t.Error("two pages of the same values differ")
	}
	if t.Failed() {
		t.Log(page)
	}
}

// What the table does not have, and samples that would be there twice, do not
// make a page that Prometheus refuses.
func TestAgainstTheTable(t *testing.T) {
	v := full()
	v.Clusters = append(v.Clusters, v.Clusters[0])
	p := gather(v)
	p.set("aurorabot_no_such", 1)
	p.set(runs, 1)
	if len(p.wrong) < 3 {
		t.Errorf("noticed: %q", p.wrong)
	}
	seen := map[string]bool{}
	for line := range strings.Lines(string(p.text())) {
		series, _, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(line, "#") && seen[series] {
			t.Errorf("twice on the page: %s", series)
		}
		seen[series] = true
	}
}

// Prometheus' own judgement of names, types and helps.
func TestPromtoolMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("PROMTOOL: SKIPPED (not installed: Debian's package prometheus has it)")
	}
	cmd := exec.Command(promtool, "check", "metrics")
	cmd.Stdin = bytes.NewReader(Page(full()))
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
