package health

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/findings.md")

// The tests that prove findings, by package: those of judgement, and those on
// the rehearsal lab.
const (
	byLine   = "runner/health TestEveryLineIsFound"
	byScene  = "runner/diagnose TestFindings"
	byDamage = "runner/recovery TestDiagnoseDamage"
	byHostOn = "runner/recovery TestDiagnoseHostsAndBackups"
	byFlags  = "runner/recovery TestDiagnoseFlagsLeft"
	byMaster = "runner/recovery TestDiagnoseRegistrationTimeout"
	byCheck  = "runner/backup/check TestEveryState"
	byLook   = "runner/backup/check TestStatesThatLookLikeOthers"
	byMute   = "runner/recovery TestDiagnoseWhatCannotBeAsked"
	byStory  = "lab TestDamageInTheWay"
	byEye    = "runner/recovery TestPreflightJudgesAHost"
	byStable = "runner/diagnose TestWhatWasBeforeAStableLeaderCountsNoMore"
)

// provedBy names the tests of each finding that is no line of a log.
var provedBy = map[string][]string{
	"host-silent": {byScene, byMute}, "cannot-tell": {byScene, byEye, "runner/diagnose TestOddVars"}, "access-missing": {byScene, byHostOn}, "scheduler-authentication": {byEye}, "configuration-unreadable": {byScene, byEye},
	"supervisor-differs": {"runner/supervise TestDiffers"}, "flag-missing": {byScene, byEye}, "flag-of-another-version": {byScene, byEye}, "http-port-differs": {byScene, byEye}, "log-path-differs": {byScene, byEye},
	"lingering-process": {byScene, byEye, byHostOn}, "scheduler-lingers": {byScene, byMaster}, "scheduler-down": {byScene, byEye, byDamage}, "scheduler-keeps-ending": {byScene, byStable, byDamage},
	"clock-skew": {byScene, byEye, byHostOn}, "fake-address-answers": {byScene, byEye, byHostOn, byStory}, "fake-master-left": {byScene, byEye, byFlags},
	"supervision-off": {byScene, byHostOn}, "supervision-on": {byScene}, "configuration-manager": {byScene, "runner/recovery TestDiagnoseConfigurationManager"},
	"root-path-open": {byScene, byEye}, "log-parent-foreign": {byScene, byEye}, "link-loose": {byScene, byEye},
	"run-disk-full": {byScene, byEye}, "disk-nearly-full": {byScene}, "runs-left": {"runner/diagnose TestWhatRunsLeft"},

	"log-missing": {byScene, byEye, byDamage}, "log-empty": {byScene, byDamage}, "log-damaged": {byScene, byDamage}, "log-not-voting": {byScene},
	"log-lags": {byScene}, "log-diverged": {byScene}, "log-quorum-lost": {byScene, byDamage}, "log-undecodable": {byScene, byDamage},
	"log-positions-high": {byScene}, "log-write-trouble": {byScene}, "log-not-a-folder": {byScene, byEye}, "log-parent-missing": {byScene, byEye},
	"log-on-other-mount": {byScene}, "log-wrong-owner": {byScene, byEye},

	"no-leader": {byScene, byDamage}, "two-leaders": {byScene}, "leaders-disagree": {byScene}, "leader-unregistered": {byScene},
	"flapping": {byScene}, "flapping-log": {byScene, byDamage}, "flapping-zookeeper": {byScene, byStory}, "flapping-registration": {byScene, byMaster, byStory},
	"lines-without-time": {"runner/health TestTimesOfOtherMakers"},
	"flapping-start":     {byScene}, "staged-left": {byScene, byHostOn},

	"disabled-start-failed": {"runner/recovery TestStartThatFailsOnLab"},
	"leader-changed":        {byStory}, "scheduler-replaced": {byStory}, "staged-differs": {byStory}, "commit-unknown": {byStory}, "snapshot-of-before": {byStory},

	"backup-none": {byScene, byCheck}, "backup-stale": {byScene, byStory, byHostOn, byCheck}, "backup-damaged": {byScene, byHostOn}, "backup-odd": {byScene, byHostOn},
	"backup-foreign": {byScene, byHostOn, byStory}, "backup-newer": {byScene}, "backups-differ": {byScene}, "backup-writes-fail": {byScene},
	"backup-folder-unreadable": {byScene, byEye, byCheck}, "backup-in-run": {byScene, byCheck},
	"backup-collapsed": {byCheck}, "backup-newest-damaged": {byCheck}, "backup-unreadable": {byCheck}, "backup-unread": {byCheck}, "backup-future": {byCheck},
	"backup-starved": {byCheck}, "backup-overdue": {byCheck}, "backup-disk-full": {byCheck}, "backup-one-host": {byCheck}, "backup-folder-empty": {byCheck},
	"backup-leftover": {byCheck}, "backup-gap": {byCheck}, "backup-jump": {byCheck}, "backup-zones-differ": {byCheck}, "backup-copy-failed": {byCheck},
	"backup-fresh": {byCheck}, "backup-starving": {byLook}, "backup-retention": {byLook},

	"zookeeper-chroot": {byEye}, "configuration-not-read": {byEye}, "quorum-flag-wrong": {byScene, byEye, byFlags, byStory}, "flags-differ": {byScene, byFlags}, "scheduler-unlisted": {byScene, byDamage},
	"replicas-unlisted": {byScene, byDamage}, "not-a-candidate": {byScene}, "replica-unregistered": {byScene}, "zookeeper-silent": {byScene, byHostOn},
	"version-differs": {byScene, byHostOn}, "profile": {"runner/diagnose TestNothingToFind"}, "failover-timeout": {byScene, byDamage},
	"disabled-state-ends": {byScene, "runner/diagnose TestDisabledStateEndsByTheElection"}, "host-owes": {byScene}, "host-owes-and-runs": {byScene},
}

// tests are those of a finding.
func tests(k *Kind) []string {
	if len(k.literals) > 0 {
		return []string{byLine}
	}
	return provedBy[k.ID]
}

// words are the words of all strings in each test function of a package.
func words(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("tests of %s: %v", dir, err)
	}
	found := map[string][]string{}
	for _, file := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			found[f.Name.Name] = []string{}
			ast.Inspect(f, func(n ast.Node) bool {
				if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
					if s, err := strconv.Unquote(l.Value); err == nil {
						found[f.Name.Name] = append(found[f.Name.Name], strings.Fields(s)...)
					}
				}
				return true
			})
		}
	}
	return found
}

// Every finding has a test, which exists and names it.
func TestEveryFindingHasATest(t *testing.T) {
	in := map[string]map[string][]string{"runner/supervise": words(t, "../supervise"), "runner/health": words(t, "."), "runner/recovery": words(t, "../recovery"), "runner/diagnose": words(t, "../diagnose"), "runner/backup/check": words(t, "../backup/check"), "lab": words(t, "../../lab")}
	for i := range Kinds {
		k := &Kinds[i]
		if len(tests(k)) == 0 {
			t.Errorf("%s has no test", k.ID)
		}
		for _, name := range tests(k) {
			pkg, test, _ := strings.Cut(name, " ")
			said, exists := in[pkg][test]
			// The one of lines ranges over the table itself.
			if !exists || name != byLine && !slices.Contains(said, k.ID) {
				t.Errorf("%s: %s does not exist, or does not name it", k.ID, name)
			}
		}
	}
	for id := range provedBy {
		if Look(id) == nil {
			t.Errorf("%s has tests, but is no finding", id)
		}
	}
}

// docs/findings.md is made from the table.
func TestFindingsAreTheDocument(t *testing.T) {
	const file = "../../docs/findings.md"
	want := document()
	if *update {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s is not what the table says; go test ./runner/health -update", file)
	}
}

func document() string {
	var b strings.Builder
	b.WriteString(`# Findings

Generated from the table of ` + "`runner/health`" + ` by the test that compares it; do not edit. The same table is shown by
` + "`aurorabot help findings`" + `. ` + "`assess`" + `, ` + "`doctor`" + `, ` + "`report`" + ` and ` + "`log scan`" + ` end with exit status 6 if there is a finding of the severity asked for
(` + "`--severity`" + `, default warning) or above. What could not be found out is a finding of its own, never "fine".
`)
	for _, part := range []struct {
		title string
		kinds []Kind
	}{
		{"Hosts", hostKinds}, {"The replicated log", replicaKinds}, {"Leadership", leaderKinds}, {"The commit", commitKinds}, {"Backups", backupKinds},
		{"The cluster", clusterKinds}, {"Lines of logs", LogFindings},
	} {
		fmt.Fprintf(&b, "\n## %s\n", part.title)
		for i := range part.kinds {
			k := &part.kinds[i]
			fmt.Fprintf(&b, "\n### %s\n\n", k.ID)
			fmt.Fprintf(&b, "- **%s.** %s\n", k.Severity, k.Means)
			fmt.Fprintf(&b, "- Evidence: %s.\n", strings.TrimSuffix(k.Wants(), "."))
			fmt.Fprintf(&b, "- To do: %s\n", k.Do)
			if k.Blocks != "" {
				fmt.Fprintf(&b, "- Blocks the step `%s`.\n", k.Blocks)
			}
			if k.Log {
				b.WriteString("- It tells of trouble with the log: a restore re-initialises.\n")
			}
			fmt.Fprintf(&b, "- Proved by: %s.\n", strings.Join(tests(k), ", "))
		}
	}
	return b.String()
}
