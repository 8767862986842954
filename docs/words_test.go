package docs

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// banned are words that nobody uses who writes plain English. The messages have the
// same list, with a test of their own (handlers/view, TestPlainWords).
var banned = regexp.MustCompile(`(?i)\banew\b|\bstands? (in|with|at)\b|\bgoes on\b|\btaken back\b|\bis told\b|\bfor [^.]{0,40}'s sake\b|\bwhat is asked for\b|\brightly\b|\bresurrected\b|\bthat much later\b|\bwhoever\b`)

// code is what a document quotes: names of commands, tests and fields.
var code = regexp.MustCompile("(?s)```.*?```|`[^`]*`")

// plain returns the banned words of a document, each with its line.
func plain(name, text string) (wrong []string) {
	text = code.ReplaceAllStringFunc(text, func(s string) string { return strings.Repeat("\n", strings.Count(s, "\n")) })
	for n, line := range strings.Split(text, "\n") {
		if word := banned.FindString(line); word != "" {
			wrong = append(wrong, name+":"+strconv.Itoa(n+1)+": "+word)
		}
	}
	return wrong
}

// Documents, findings, help and the example of a configuration are in plain English. (The
// findings and the help are in docs/findings.md and docs/commands.md.)
func TestPlainEnglish(t *testing.T) {
	all := documents(t)
	delete(all, "CHANGELOG.md") // It tells of words that were.
	for _, file := range []string{"config/example.yaml", "app/testdata/help-80.golden", "app/aurorabot.1"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		all[file] = string(text)
	}
	if len(all) < 30 {
		t.Fatalf("%d documents", len(all))
	}
	for file, text := range all {
		for _, wrong := range plain(file, text) {
			t.Error(wrong)
		}
	}
}

// The list is seen to find each of its words, and nothing in quoted code.
func TestPlainEnglishFinds(t *testing.T) {
	for _, text := range []string{
		"asks for approvals anew", "it stands in the journal", "It stands with the evidence", "the run goes on", "is taken back", "The engine is told", "For the log's sake",
		"what is asked for", "assessed rightly", "3 resurrected", "that much later", "whoever approves counts once",
	} {
		if got := plain("x", "first\n"+text); len(got) != 1 || !strings.HasPrefix(got[0], "x:2: ") {
			t.Errorf("%q: %v", text, got)
		}
	}
	if got := plain("x", "`goes on` and\n```\nanew\n```\nthe standing order, a new run, told"); len(got) != 0 {
		t.Errorf("of code: %v", got)
	}
}
