package app

import (
	"bytes"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Completion and manual know every command that main answers, and no other.
func TestEveryCommandIsInTheManual(t *testing.T) {
	text, err := os.ReadFile("run.go")
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, c := range allCommands() {
		word, _, _ := strings.Cut(c.Name, " ")
		names[word] = true
	}
	for _, m := range regexp.MustCompile("case \"([a-z]+)\"").FindAllSubmatch(text, -1) {
		if !names[string(m[1])] {
			t.Errorf("main answers %s, which is not in the manual", m[1])
		}
	}
	said := func(words ...string) string {
		t.Helper()
		var out bytes.Buffer
		w := World{Out: &out, Err: &out, Env: func(string) string { return "" }}
		if exit := Run(t.Context(), words, w); exit != 0 {
			t.Errorf("%q: exit status %d\n%s", words, exit, out.String())
		}
		return out.String()
	}
	help, page, bash := said("help"), said("man"), said("completion", "bash")
	for _, c := range allCommands() {
		for what, text := range map[string]string{"help": help, "man": strings.ReplaceAll(page, `\-`, "-")} {
			if !strings.Contains(text, c.Name) {
				t.Errorf("%s has no %s", what, c.Name)
			}
		}
		if word, _, _ := strings.Cut(c.Name, " "); !slices.Contains(regexp.MustCompile(`[a-z]+`).FindAllString(bash, -1), word) {
			t.Errorf("the completion has no %s", c.Name)
		}
	}
	if exit := Run(t.Context(), []string{"completion", "tcsh"}, World{Out: &bytes.Buffer{}, Err: &bytes.Buffer{}, Env: func(string) string { return "" }}); exit != 2 {
		t.Errorf("an unknown shell: exit status %d, want 2", exit)
	}
}
