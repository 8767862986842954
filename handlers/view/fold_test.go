package view_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"aurorabot/handlers/view"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// everywhere are messages of all kinds.
func everywhere(t *testing.T) []told {
	list := append(listed(t), reports()...)
	s := begin(t)
	s.preflight()
	list = append(list, told{"plan", view.Plan(runner.MakePlan(toy(), s.state()), health.LossOf())})
	for _, m := range moments(t) {
		screens := view.ScreensOf(m.events, people(m.events))
		list = append(list, told{m.name + ", status", screens.Status})
		for _, k := range append(screens.Thread, screens.Channel...) {
			list = append(list, told{m.name + ", " + k.Key, k.Message})
		}
	}
	return list
}

// breakable reports whether a line could have been broken somewhere.
func breakable(line string) bool {
	text, quoted := strings.TrimLeft(line, " -"), false
	if mark := strings.Index(text, "] "); mark == 2 {
		text = text[4:]
	}
	return strings.ContainsFunc(text, func(r rune) bool {
		if r == '`' {
			quoted = !quoted
		}
		return r == ' ' && !quoted
	})
}

// On a terminal of 80 columns no line is longer, but where a name or what is to be
// typed is; and nothing is lost: names and words are as they were.
func TestEightyColumns(t *testing.T) {
	var b strings.Builder
	for i, one := range everywhere(t) {
		got := view.TextWithin(one.m, 80)
		for line := range strings.SplitSeq(got, "\n") {
			if utf8.RuneCountInString(line) > 80 && breakable(line) {
				t.Errorf("%s: %d columns: %s", one.at, utf8.RuneCountInString(line), line)
			}
		}
		words := map[string]int{}
		for w := range strings.FieldsSeq(got) {
			words[strings.TrimSuffix(w, ":")]++
		}
		for w := range strings.FieldsSeq(view.Text(one.m)) {
			if words[strings.TrimSuffix(w, ":")] == 0 {
				t.Errorf("%s: %q is lost in\n%s", one.at, w, got)
			}
		}
		if i < len(listed(t))+len(reports())+1 {
			fmt.Fprintf(&b, "===== %s\n%s\n", one.at, got)
		}
	}
	compare(t, "within-80", b.String())
}

func TestFold(t *testing.T) {
	for text, want := range map[string]string{
		"one two three four":                      "one two\nthree four",
		"  one two three":                         "  one two\n  three",
		"- one two three":                         "- one two\n  three",
		"[x] one two three":                       "[x] one two\n    three",
		"a:  one two three":                       "a:  one two\n    three",
		"a   b   c":                               "a   b   c",
		"scheduler-backup-2026":                   "scheduler-backup-2026",
		"at scheduler-backup now":                 "at\nscheduler-backup\nnow",
		"type `undo west` now":                    "type\n`undo west`\nnow",
		"type `undo west --confirm` now":          "type `undo\nwest\n--confirm`\nnow",
		"`undo west --now` or `undo x`":           "`undo west\n--now` or\n`undo x`",
		"undo [--as X] west":                      "undo\n[--as X]\nwest",
		"12345678  one two":                       "12345678\n    one two",
		"an odd ` and one two":                    "an odd `\nand one two",
		"12345678901 2":                           "12345678901\n2",
		"äöüäöüäöü ä":                             "äöüäöüäöü ä",
		"one two three\n\n  four five six":        "one two\nthree\n\n  four five\n  six",
		"1234567890 \u00a0x":                      "1234567890\n\u00a0x",
		"                                 indent": "                                 indent",
	} {
		if got := view.Fold(text, 11); got != want {
			t.Errorf("%q:\n%s\nwant\n%s", text, got, want)
		}
		if got := view.Fold(text, 0); got != text {
			t.Errorf("%q without a width: %q", text, got)
		}
	}
}
