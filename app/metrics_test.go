package app

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers/metrics"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
)

// wired is the program of a configuration with one cluster, whose hosts nobody
// has, and one report.
func wired(t *testing.T) *app {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"key", "known_hosts"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "aurorabot.yaml")
	text := `state_dir: state
slack: {api_url: "http://127.0.0.1:1/api/"}
ssh: {key_files: [key], known_hosts: [known_hosts]}
clusters:
  devcluster:
    version: 0.22.0
    schedulers: [{name: s1, address: "127.0.0.1:1"}, {name: s2, address: "127.0.0.1:2"}, {name: s3, address: "127.0.0.1:3"}]
policy:
  teams: [T0]
  lists: {sre: [U1, U2]}
  access: [{name: sre, who: [sre], channels: ["*"], clusters: ["*"], may: [operate, approve]}]
  gates: {commit: {factors: [{count: 2, of: [sre]}]}}
reports: [{name: every morning, cron: "0 8 * * *", channel: C0}]
listen: 127.0.0.1:0
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	w := World{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard, Now: time.Now, Peer: onDuty, Env: func(k string) string {
		return map[string]string{"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}[k]
	}}
	cfg, err := load(file, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
		t.Fatal(err)
	}
	a, err := wire(cfg, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.close)
	return a
}

// /metrics shows what the program knows: nothing of a cluster that was not
// checked, then what the check saw.
func TestMetrics(t *testing.T) {
	a := wired(t)
	if err := a.connect(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	if err := a.schedule(ctx, &wg); err != nil {
		t.Fatal(err)
	}
	page := func() string {
		t.Helper()
		w := httptest.NewRecorder()
		metrics.Handler(a.values, a.log).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
			t.Errorf("status %d, type %q", w.Code, w.Header().Get("Content-Type"))
		}
		return w.Body.String()
	}
	has := func(page string, there bool, lines ...string) {
		t.Helper()
		for _, l := range lines {
			if strings.Contains(page, "\n"+l) != there {
				t.Errorf("the page has %q: %v, want %v\n%s", l, !there, there, page)
			}
		}
	}
	before := page()
	has(before, true, `aurorabot_backup_max_age_seconds{cluster="devcluster"} 93600`, `aurorabot_slack_links 2`, `aurorabot_slack_links_up 0`,
		`aurorabot_ssh_errors_total{cluster="devcluster",host="s2",kind="connect"} 0`, `aurorabot_runs{state="gated"} 0`,
		`aurorabot_report_due_timestamp_seconds{report="every morning"} `)
	has(before, false, "aurorabot_backup_late", "aurorabot_check_", "aurorabot_backup_newest", "aurorabot_report_last", "aurorabot_cluster_restorable")

	at, one := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC), 1
	a.monitor.Checked(check.Result{
		Cluster: "devcluster", At: at, Took: check.Span(2 * time.Second), Restorable: check.Yes, Failovers: &one, Overdue: check.Span(2 * time.Hour),
		Newest: &check.Backup{Time: at.Add(-time.Hour), Bytes: 5, Tasks: 6}, Findings: []health.Finding{{Severity: "warning"}},
		Hosts: []check.Host{{Host: "s1", Answers: true, Listed: true, Free: 7}, {Host: "s2", Why: "refused"}},
	})
	a.monitor.Reported("every morning", at, true, true)
	a.monitor.Reported("every morning", at.Add(time.Hour), false, false)
	after := page()
	has(after, true, `aurorabot_check_timestamp_seconds{cluster="devcluster"} 1.795420802e+09`, `aurorabot_check_success{cluster="devcluster"} 0`,
		`aurorabot_check_findings{cluster="devcluster",severity="warning"} 1`, `aurorabot_cluster_restorable{answer="yes",cluster="devcluster"} 1`,
		`aurorabot_backup_newest_valid_timestamp_seconds{cluster="devcluster"} 1.7954172e+09`, `aurorabot_leader_failovers{cluster="devcluster"} 1`,
		`aurorabot_backup_late_age_seconds{cluster="devcluster"} 7200`,
		`aurorabot_backup_directory_free_bytes{cluster="devcluster",host="s1"} 7`,
		`aurorabot_report_last_timestamp_seconds{report="every morning"} 1.7954208e+09`, `aurorabot_report_failures_total{report="every morning"} 1`,
		`aurorabot_report_due_timestamp_seconds{report="every morning"} 1.7955072e+09`)
	has(after, false, `aurorabot_backup_directory_free_bytes{cluster="devcluster",host="s2"}`)

	t.Run("promtool", func(t *testing.T) {
		promtool, err := exec.LookPath("promtool")
		if err != nil {
			t.Skip("PROMTOOL: SKIPPED (not installed: Debian's package prometheus has it)")
		}
		cmd := exec.Command(promtool, "check", "metrics")
		cmd.Stdin = bytes.NewReader([]byte(after))
		if out, err := cmd.CombinedOutput(); err != nil || len(bytes.TrimSpace(out)) > 0 {
			t.Errorf("promtool check metrics: %v\n%s", err, out)
		}
	})
}
