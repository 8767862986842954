// Package deploy_test keeps what is handed to operators in step with the program.
package deploy_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"aurorabot/handlers/metrics"
)

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var metric = regexp.MustCompile(`\b(aurorabot|process)_[a-z_]+`)

// Rules and dashboard ask for metrics that the bot has, by labels that these
// have: a rule about a metric that is not there is silent for ever.
func TestMetricsAreThere(t *testing.T) {
	for _, file := range []string{"prometheus/aurorabot.rules.yml", "prometheus/aurorabot.rules.test.yml", "grafana/aurorabot.json"} {
		text := read(t, file)
		found := metric.FindAllString(text, -1)
		if len(found) < 10 {
			t.Errorf("%s names %d metrics only", file, len(found))
		}
		for _, m := range found {
			if !slices.ContainsFunc(metrics.Families, func(f metrics.Family) bool { return f.Name == m }) {
				t.Errorf("%s asks for %s, which the bot does not have", file, m)
			}
		}
		for _, s := range regexp.MustCompile(`\b(aurorabot_[a-z_]+)\{([^}]*)\}`).FindAllStringSubmatch(text, -1) {
			i := slices.IndexFunc(metrics.Families, func(f metrics.Family) bool { return f.Name == s[1] })
			if i < 0 {
				continue
			}
			for _, l := range regexp.MustCompile(`([a-z_]+)(=~|!=|!~|=)`).FindAllStringSubmatch(s[2], -1) {
				if !slices.Contains(metrics.Families[i].Labels, l[1]) {
					t.Errorf("%s asks for label %s of %s, which has %q", file, l[1], s[1], metrics.Families[i].Labels)
				}
			}
		}
	}
}

// Every alert has a test in which it speaks.
func TestEveryAlertIsTested(t *testing.T) {
	tests := read(t, "prometheus/aurorabot.rules.test.yml")
	for _, a := range regexp.MustCompile(`(?m)- alert: (\w+)`).FindAllStringSubmatch(read(t, "prometheus/aurorabot.rules.yml"), -1) {
		speaks := regexp.MustCompile(`alertname: ` + a[1] + `\n\s+exp_alerts:\n\s+- exp_labels`)
		if !speaks.MatchString(tests) {
			t.Errorf("no test in which %s speaks", a[1])
		}
	}
}

func TestPromtoolRules(t *testing.T) {
	promtool, err := exec.LookPath("promtool")
	if err != nil {
		t.Skip("PROMTOOL: SKIPPED (not installed: Debian's package prometheus has it)")
	}
	for _, words := range [][]string{{"check", "rules", "aurorabot.rules.yml"}, {"test", "rules", "aurorabot.rules.test.yml"}} {
		cmd := exec.Command(promtool, words...)
		cmd.Dir = "prometheus"
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("promtool %q: %v\n%s", words, err, out)
		}
	}
	// What the dashboard asks is PromQL too: each question as a rule of its own.
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	asked := 0
	for _, p := range dashboard(t).Panels {
		for _, q := range p.Targets {
			fmt.Fprintf(&rules, "  - {record: 'q:%d', expr: %q}\n", asked, strings.ReplaceAll(q.Expr, "$cluster", ".*"))
			asked++
		}
	}
	if n := strings.Count(read(t, "grafana/aurorabot.json"), `"expr"`); asked != n || asked == 0 {
		t.Errorf("%d of the dashboard's %d questions are checked", asked, n)
	}
	cmd := exec.Command(promtool, "check", "rules", "/dev/stdin")
	cmd.Stdin = strings.NewReader(rules.String())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool, of the dashboard: %v\n%s\n%s", err, out, rules.String())
	}
}

// board is what is looked at of a dashboard.
type board struct {
	UID, Title string
	Panels     []struct {
		ID      int
		Title   string
		GridPos struct{ X, Y, W, H int }
		Targets []struct{ Expr, RefID string }
	}
}

func dashboard(t *testing.T) (d board) {
	t.Helper()
	if err := json.Unmarshal([]byte(read(t, "grafana/aurorabot.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// The dashboard is one that Grafana reads: every panel has a title, a place
// that no other has, and a question.
func TestDashboard(t *testing.T) {
	d := dashboard(t)
	if d.UID == "" || d.Title == "" || len(d.Panels) < 10 {
		t.Errorf("uid %q, title %q, %d panels", d.UID, d.Title, len(d.Panels))
	}
	taken, ids := map[[2]int]string{}, map[int]bool{}
	for _, p := range d.Panels {
		if p.Title == "" || len(p.Targets) == 0 || ids[p.ID] || p.GridPos.X+p.GridPos.W > 24 {
			t.Errorf("panel %d %q: %d targets, at %+v", p.ID, p.Title, len(p.Targets), p.GridPos)
		}
		ids[p.ID] = true
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other, ok := taken[at]; ok {
					t.Fatalf("panels %q and %q overlap", other, p.Title)
				}
				taken[at] = p.Title
			}
		}
		for _, q := range p.Targets {
			if q.Expr == "" || q.RefID == "" {
				t.Errorf("panel %q asks nothing", p.Title)
			}
		}
	}
}

// systemd understands the unit, and it stays as closed as the README says.
func TestUnit(t *testing.T) {
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("SYSTEMD: SKIPPED (systemd-analyze is not installed)")
	}
	// The program that it names has to be there: the unit that is checked names one that is.
	unit := filepath.Join(t.TempDir(), "aurorabot.service")
	text := strings.ReplaceAll(read(t, "systemd/aurorabot.service"), "/usr/local/bin/aurorabot", "/bin/true")
	text = regexp.MustCompile(`(?m)^Documentation=.*\n`).ReplaceAllString(text, "")
	if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(analyze, "verify", unit).CombinedOutput()
	if ours := regexp.MustCompile(`(?m)^.*aurorabot\.service.*$`).FindAll(out, -1); len(ours) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, bytes.Join(ours, []byte("\n")))
	}
	out, err = exec.Command(analyze, "security", "--offline=true", "--threshold=20", unit).CombinedOutput()
	if bytes.Contains(out, []byte("unrecognized option")) {
		t.Skip("SYSTEMD: SKIPPED (systemd-analyze security works only on running units here)")
	}
	if err != nil {
		t.Errorf("systemd-analyze security: %v: it is more open than 2.0\n%s", err, out[max(0, len(out)-300):])
	}
}

// The image stands on no other one, whose content could change under its name, or on
// one that is named by its digest.
func TestImageStandsOnNothingThatChanges(t *testing.T) {
	text, err := os.ReadFile("../Dockerfile")
	if err != nil {
		t.Fatal(err)
	}
	bases := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 2 || !strings.EqualFold(words[0], "FROM") {
			continue
		}
		if bases++; words[1] != "scratch" && !strings.Contains(words[1], "@sha256:") {
			t.Errorf("%s names a base by what can change", strings.TrimSpace(line))
		}
	}
	if bases == 0 {
		t.Error("no base was read")
	}
}
