package app

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"aurorabot/handlers"
	"aurorabot/runner/golden"
)

// at80 runs one command line on a terminal of 80 columns, without a configuration.
func at80(t *testing.T, words ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	env := func(name string) string { return map[string]string{"COLUMNS": "80"}[name] }
	if exit := Run(t.Context(), words, World{In: strings.NewReader(""), Out: &out, Err: &errs, Env: env, Now: time.Now}); exit != 0 || errs.Len() > 0 {
		t.Errorf("%q: exit status %d, %s", words, exit, errs.String())
	}
	return out.String()
}

// Every page of help is one for a terminal of 80 columns; where nobody knows how
// wide the terminal is, too.
func TestPagesOfHelp(t *testing.T) {
	pages := [][]string{{}}
	for _, g := range handlers.Groups {
		pages = append(pages, []string{g.Name})
		for _, c := range g.Commands {
			words := strings.Fields(c.Name)
			if len(words) > 1 && !slices.ContainsFunc(pages, func(p []string) bool { return slices.Equal(p, words[:1]) }) {
				pages = append(pages, words[:1])
			}
			if c.Name != g.Name {
				pages = append(pages, words)
			}
		}
	}
	pages = append(pages, []string{"findings"}, []string{"findings", "log-missing"})
	var b strings.Builder
	for _, p := range pages {
		words := append([]string{"help"}, p...)
		page := at80(t, words...)
		for line := range strings.SplitSeq(page, "\n") {
			if n := utf8.RuneCountInString(line); n > 80 {
				t.Errorf("%q: a line of %d: %s", words, n, line)
			}
		}
		if len(p) == 0 || p[0] != "findings" {
			if _, out, _ := typed(t, words...); out != page {
				t.Errorf("%q where the width is not known:\n%s", words, out)
			}
		}
		fmt.Fprintf(&b, "===== %s\n%s\n", strings.Join(words, " "), page)
	}
	golden.Compare(t, "testdata/help-80.golden", b.String())
}

// Every command stands in one group, with an example that fits on a line, and
// every group's commands are commands.
func TestEveryCommandHasAPlaceAndAnExample(t *testing.T) {
	var known, shown []string
	for _, r := range rows() {
		known = append(known, r.Name)
	}
	for _, g := range handlers.Groups {
		for _, c := range g.Commands {
			shown = append(shown, c.Name)
			if len(c.Examples) == 0 {
				t.Errorf("%s has no example", c.Name)
			}
			for _, e := range c.Examples {
				if !strings.HasPrefix(e+" ", c.Name+" ") || len("  aurorabot "+e) > 80 {
					t.Errorf("%s: %q is no example of it, or too long", c.Name, e)
				}
			}
		}
	}
	slices.Sort(known)
	slices.Sort(shown)
	if !slices.Equal(known, shown) {
		t.Errorf("there are the commands\n%s\nand help shows\n%s", known, shown)
	}
}

// What `help --json` says is what there is: all, a group, a command.
func TestHelpForPrograms(t *testing.T) {
	for words, want := range map[string]int{"help": len(rows()), "help look": 7, "help status": 1, "help config check": 1, "help config": 3, "help files": 7} {
		_, out, _ := typed(t, append(strings.Fields(words), "--json")...)
		if got := strings.Count(out, `"Name":`); got != want {
			t.Errorf("%s: %d commands, want %d: %s", words, got, want, out)
		}
	}
}

// What is found in files is folded to a terminal of 80 columns: a cell stays whole
// where it can, and nothing but names is wider.
func TestFilesAtEightyColumns(t *testing.T) {
	d := deskOf(t)
	for i := range 3 {
		log := golden.Unpack(t, fmt.Sprintf("../runner/replica/testdata/aurora/e-lagging-replica-1-stopped-earlier/replica%d.tar.gz", i+1))
		if err := os.Rename(log, filepath.Join(d.home, fmt.Sprintf("s%d", i+1), "lags")); err != nil {
			t.Fatal(err)
		}
	}
	d.write(t, "newer", 0o600, string(golden.Gunzip(t, "../runner/replica/testdata/aurora/a-small-mutations-after-snapshot/backup.gz")))
	d.write(t, "scheduler.log", 0o600, "W1123 09:14:21.000000 100 replica.cpp:633] Replica in RECOVERING status received a broadcasted recover request\n")
	t.Chdir(d.home)
	var b strings.Builder
	for _, line := range []string{
		"backup inspect scheduler-backup-2026-11-23-08-36", "backup diff scheduler-backup-2026-11-23-08-36 newer", "log inspect s1/lags s2/lags s3/lags", "log inspect s1/lags", "log entries s1/lags", "log scan scheduler.log",
	} {
		var out, errs bytes.Buffer
		env := func(name string) string { return map[string]string{"COLUMNS": "80"}[name] }
		now := func() time.Time { return time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC) }
		if exit := Run(t.Context(), strings.Fields(line), World{In: strings.NewReader(""), Out: &out, Err: &errs, Env: env, Now: now}); exit != 0 || errs.Len() > 0 {
			t.Errorf("%s: exit status %d, %s", line, exit, errs.String())
		}
		for row := range strings.SplitSeq(out.String(), "\n") {
			if n := utf8.RuneCountInString(row); n > 80 && !strings.Contains(row, "SHA-256 ") {
				t.Errorf("%s: a line of %d: %s", line, n, row)
			}
		}
		fmt.Fprintf(&b, "===== %s\n%s\n", line, out.String())
	}
	golden.Compare(t, filepath.Join(d.here, "testdata/files-80.golden"), b.String())
}
