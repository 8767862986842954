package manual

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var table = []Command{
	{"recover", "CLUSTER BACKUP [--reinitialize auto|always|never] [--reason TEXT]", "restore a backup: plan, approvals"},
	{"report", "[CLUSTER...] [--png FILE] [--nagios]", "it's the health of the backups"},
	{"backup inspect", "[--json] FILE", "Reads a backup. Exit status 1: no."},
	{"backup diff", "[--json] OLD NEW", "What a restore would lose."},
	{"log salvage", "[--json] DIR... -o FILE [--up-to-damage]", "Replays what was learned."},
	{"version", "", ".shows the version"},
}

func TestOptions(t *testing.T) {
	for name, want := range map[string]string{
		"recover":        "--reinitialize=auto|always|never --reason=TEXT --json=",
		"report":         "--png=FILE --nagios= --json=",
		"backup inspect": "--json=",
		"log salvage":    "--json= -o=FILE --up-to-damage=",
		"version":        "--json=",
	} {
		c := table[slices.IndexFunc(table, func(c Command) bool { return c.Name == name })]
		var got []string
		for _, o := range c.Options() {
			got = append(got, o.Name+"="+o.Value)
			if strings.Contains(o.Value, "|") != (len(o.Values) > 1) {
				t.Errorf("%s %s: values %q", name, o.Name, o.Values)
			}
		}
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: %s, want %s", name, s, want)
		}
	}
}

// Bash completes what stands in the table, and nothing else.
func TestBash(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("BASH: SKIPPED (not installed)")
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a backup"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(dir, "completion")
	if err := os.WriteFile(script, []byte(Completion("bash", table)), 0o600); err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"re":                        "recover report",
		"x":                         "",
		"backup ":                   "diff inspect",
		"backup i":                  "inspect",
		"recover c b --re":          "--reason --reinitialize",
		"recover c --reinitialize ": "always auto never",
		"recover c --reason ":       "",
		"report --":                 "--config --json --nagios --png",
		"log salvage --up":          "--up-to-damage",
		"version --c":               "--config",
		"report --png comp":         "completion",
		"backup inspect comp":       "completion",
		"version comp":              "",
		"report --config comp":      "completion",
	} {
		words := strings.Split("aurorabot "+line, " ")
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, quote(w))
		}
		cmd := exec.Command(bash, "--norc", "-c", fmt.Sprintf("source ./completion; COMP_WORDS=(%s); COMP_CWORD=%d; _aurorabot; printf '%%s\\n' \"${COMPREPLY[@]}\"", strings.Join(quoted, " "), len(words)-1))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", line, err, out)
		}
		got := strings.Fields(string(out))
		slices.Sort(got)
		if s := strings.Join(slices.Compact(got), " "); s != want {
			t.Errorf("%q completes to %q, want %q", line, s, want)
		}
	}
}

// The other shells at least read their script.
func TestZshAndFish(t *testing.T) {
	for _, shell := range []string{"zsh", "fish"} {
		text := Completion(shell, table)
		for _, c := range table {
			if word, _, _ := strings.Cut(c.Name, " "); !strings.Contains(text, word) {
				t.Errorf("%s: no %s", shell, word)
			}
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			t.Logf("%s: SKIPPED (not installed)", strings.ToUpper(shell))
			continue
		}
		cmd := exec.Command(program, "-n")
		cmd.Stdin = strings.NewReader(text)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", shell, err, out)
		}
	}
	if Completion("tcsh", table) != "" {
		t.Error("a shell that is not known has a script")
	}
}

// The page names every command and status, and man reads it without a word.
func TestPage(t *testing.T) {
	page := Page("v1.2.3", table, []Exit{{0, "done"}, {6, "findings"}})
	for _, c := range table {
		if !strings.Contains(page, "\n.B "+strings.ReplaceAll(strings.TrimSpace(c.Name+" "+c.Usage), "-", `\-`)+"\n") {
			t.Errorf("no %s", c.Name)
		}
	}
	if !strings.Contains(page, "\n\\&.shows the version.\n") || !strings.Contains(page, ".B 6\nFindings.\n") {
		t.Errorf("%s", page)
	}
	groff, err := exec.LookPath("groff")
	if err != nil {
		t.Skip("GROFF: SKIPPED (not installed)")
	}
	cmd := exec.Command(groff, "-man", "-ww", "-Tutf8")
	cmd.Stdin = strings.NewReader(page)
	var said bytes.Buffer
	cmd.Stderr = &said
	out, err := cmd.Output()
	if err != nil || said.Len() > 0 || !bytes.Contains(out, []byte("Findings.")) {
		t.Errorf("groff: %v %s\n%s", err, said.String(), out)
	}
}
