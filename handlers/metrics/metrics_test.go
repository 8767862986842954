package metrics

import (
	"aurorabot/runner/golden"
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
)

var day = time.Date(2026, 11, 23, 8, 36, 24, 364e6, time.UTC)

// full are values with which every family has a sample, and names that need
// to be escaped.
func full() Values {
	two := 2
	return Values{
		Version: `v1.2.3"\`, Go: "go1.26.8",
		Clusters: []Cluster{{
			Name: `dev"cluster`, MaxAge: 26 * time.Hour, Late: 2 * time.Hour, Checked: day.Add(time.Hour), Took: 1500 * time.Millisecond, Whole: true, Findings: map[string]int{"critical": 2},
			Restorable: "yes", Failovers: &two, Newest: day, Bytes: 101302, Tasks: 65, Free: map[string]int64{"s2": 1 << 40, "s1": 5}, Copy: day,
		}, {Name: "new", MaxAge: time.Hour}},
		Runs:      map[string]int{"gated": 1, "closed": 12},
		Approvals: []Approvals{{`dev"cluster`, "commit", 2, time.Unix(1767323040, 0)}},
		Unkept:    &two,
		Slack:     &Slack{Links: 2, Up: 1, Foreign: 1, Heard: day, InHand: 3, Unsent: 4, Late: 5, Busy: 6, Unknown: 7, LeftOut: 8},
		Hosts:     []Host{{"new", "s1", true, 3, 2, 1}},
		Reports:   []Report{{"every morning", day, day.Add(24 * time.Hour), 1}},
		Drills:    []Drill{{"new", day, 17 * time.Second, true, day}, {Cluster: "never"}},
	}
}

// scraped is the page of values, as curl gets it, and what was logged.
func scraped(t *testing.T, v Values) (page, log string) {
	t.Helper()
	var b strings.Builder
	w := httptest.NewRecorder()
	Handler(func() Values { return v }, slog.New(slog.NewTextHandler(&b, nil))).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Errorf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
	}
	return w.Body.String(), b.String()
}

// own are the lines of a page that are not about Go or the process.
func own(page string) string {
	var b strings.Builder
	for line := range strings.Lines(page) {
		if name := strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "); !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") && !strings.HasPrefix(name, "promhttp_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// Every metric is documented, and the document names no other.
func TestEveryMetricIsDocumented(t *testing.T) {
	golden.Compare(t, "../../docs/metrics.md", document())
	page, log := scraped(t, full())
	if log != "" {
		t.Errorf("the page is not whole: %s", log)
	}
	for _, f := range Families {
		if !strings.Contains(page, "\n"+f.Name) {
			t.Errorf("%s has no sample though everything is known", f.Name)
		}
		if !strings.Contains(page, "# TYPE "+f.Name+" "+f.Type+"\n") {
			t.Errorf("%s is no %s", f.Name, f.Type)
		}
	}
	for _, m := range regexp.MustCompile(`(?m)^[a-z_]+`).FindAllString(own(page), -1) {
		if !strings.Contains(document(), "`"+m+"`") {
			t.Errorf("%s is on the page and not in docs/metrics.md", m)
		}
	}
}

// What is not known has no sample: a 0 would be an answer.
func TestUnknownIsAbsent(t *testing.T) {
	page, _ := scraped(t, Values{
		Version: "v1", Go: "go1.26", Clusters: []Cluster{{Name: "c", MaxAge: time.Hour}}, Reports: []Report{{Name: "r"}}, Drills: []Drill{{Cluster: "c"}},
	})
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
	page, _ := scraped(t, full())
	for _, line := range []string{
		`aurorabot_build_info{goversion="go1.26.8",version="v1.2.3\"\\"} 1`,
		`aurorabot_backup_newest_valid_timestamp_seconds{cluster="dev\"cluster"} 1.795422984364e+09`,
		`aurorabot_backup_newest_valid_size_bytes{cluster="dev\"cluster"} 101302`,
		`aurorabot_check_duration_seconds{cluster="dev\"cluster"} 1.5`,
		`aurorabot_check_findings{cluster="dev\"cluster",severity="critical"} 2`,
		`aurorabot_cluster_restorable{answer="no",cluster="dev\"cluster"} 0`,
		`aurorabot_backup_directory_free_bytes{cluster="dev\"cluster",host="s2"} 1.099511627776e+12`,
		`aurorabot_runs{state="gated"} 1`,
		`aurorabot_approvals_waiting{cluster="dev\"cluster",gate="commit"} 2`,
		`aurorabot_gate_opened_timestamp_seconds{cluster="dev\"cluster",gate="commit"} 1.76732304e+09`,
		`aurorabot_ssh_errors_total{cluster="new",host="s1",kind="connect"} 2`,
		`# TYPE aurorabot_slack_requests_busy_total counter`,
	} {
		if !strings.Contains(page, line+"\n") {
			t.Errorf("the page has no line %s", line)
		}
	}
	if again, _ := scraped(t, full()); own(again) != own(page) {
		t.Error("two pages of the same values differ")
	}
	if t.Failed() {
		t.Log(page)
	}
}

// A host that says garbage does not take the page away, nor what it says of
// the others: names are cleaned and cut, and what is there twice is once.
func TestGarbageLeavesThePage(t *testing.T) {
	v := full()
	garbage := "\xff\xfe\x00\n# TYPE x counter\nx 1\r" + strings.Repeat("ü", 1000)
	v.Clusters = append(v.Clusters, v.Clusters[0], Cluster{Name: "bad", Checked: day, Free: map[string]int64{garbage: 1, garbage + "!": 2, "good": 3}})
	v.Hosts = append(v.Hosts, Host{Cluster: "bad", Name: garbage}, Host{Cluster: "bad", Name: "good"})
	page, log := scraped(t, v)
	if n := strings.Count(log, "level=ERROR"); n != 1 || !strings.Contains(log, "collected before") {
		t.Errorf("%d lines of the log, want one that tells what was there twice:\n%.2000s", n, log)
	}
	for _, line := range []string{
		`aurorabot_backup_directory_free_bytes{cluster="bad",host="good"} 3`,
		`aurorabot_ssh_connected{cluster="bad",host="good"} 0`,
		`aurorabot_slack_links 2`,
	} {
		if !strings.Contains(page, "\n"+line+"\n") {
			t.Errorf("the page has no line %s", line)
		}
	}
	seen := map[string]bool{}
	for line := range strings.Lines(page) {
		series, _, _ := strings.Cut(line, "} ")
		if !strings.HasPrefix(line, "#") && seen[series] {
			t.Errorf("twice on the page: %s", series)
		}
		if seen[series] = true; strings.HasPrefix(line, "aurorabot") && (!utf8.ValidString(line) || len(line) > 600 || strings.ContainsFunc(strings.TrimSuffix(line, "\n"), unicode.IsControl)) {
			t.Errorf("on the page: %q", line)
		}
	}
	if want := `aurorabot_ssh_connected{cluster="bad",host="` + clean(garbage) + `"} 0`; !strings.Contains(page, "\n"+want+"\n") || utf8.RuneCountInString(clean(garbage)) != maxLabel {
		t.Errorf("the page has no line %s", want)
	}
}

// What the table does not have leaves the rest of the page.
func TestAgainstTheTable(t *testing.T) {
	r := prometheus.NewRegistry()
	c := newCollector(func() Values { return full() })
	c.kinds[runs] = kind{prometheus.NewDesc(runs, "", []string{"a", "b"}, nil), prometheus.GaugeValue}
	delete(c.kinds, slackUp)
	r.MustRegister(c)
	list, err := r.Gather()
	if err == nil || !strings.Contains(err.Error(), slackUp+" is not in the table") || !strings.Contains(err.Error(), "expected 2 label values but got 1") {
		t.Errorf("noticed: %v", err)
	}
	if len(list) < len(Families)-5 {
		t.Errorf("%d families are left", len(list))
	}
}

// Prometheus asks for the format that it likes best.
func TestExposition(t *testing.T) {
	h := Handler(full, slog.New(slog.DiscardHandler))
	for accept, want := range map[string]string{
		"": "text/plain; version=0.0.4",
		"application/openmetrics-text;version=1.0.0,text/plain;q=0.5":                                                "application/openmetrics-text; version=1.0.0",
		"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,*/*;q=0.1": "application/vnd.google.protobuf",
	} {
		r := httptest.NewRequest(http.MethodGet, "/metrics", nil)
		r.Header.Set("Accept", accept)
		w := httptest.NewRecorder()
		if h.ServeHTTP(w, r); !strings.HasPrefix(w.Header().Get("Content-Type"), want) {
			t.Errorf("for %q it answers %q, want %q", accept, w.Header().Get("Content-Type"), want)
		}
	}
}

// Prometheus' own judgement of names, types and helps.
func TestPromtoolMetrics(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("PROMTOOL: SKIPPED (not installed: Debian's package prometheus has it)")
	}
	cmd := exec.Command(promtool, "check", "metrics")
	page, _ := scraped(t, full())
	cmd.Stdin = strings.NewReader(own(page))
	if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
		t.Errorf("promtool check metrics: %v\n%s", err, out)
	}
}
