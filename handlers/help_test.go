package handlers

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"aurorabot/handlers/syntax"
	"aurorabot/handlers/view"
)

// In Slack help is a page that fits on a telephone: ten lines at most, with every
// command, and what says more.
func TestHelpIsShort(t *testing.T) {
	r := HelpFor(nil)
	text := view.Text(r.Message)
	var lines []string
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) != "" {
			lines = append(lines, line)
		}
	}
	if len(lines) > 10 || r.Exit != ExitDone || !r.Private {
		t.Errorf("%d lines, exit %d:\n%s", len(lines), r.Exit, text)
	}
	for _, c := range Table() {
		if !strings.Contains(text, "`"+c.Name+"`") {
			t.Errorf("%s is not in it:\n%s", c.Name, text)
		}
	}
}

// help GROUP says what each does, help COMMAND how it is typed; a word that is
// both says both.
func TestHelpGroup(t *testing.T) {
	for word, want := range map[string]struct {
		exit int
		says []string
	}{
		"look":    {0, []string{"Look at how things are\n", "\nstatus ", "list the runs of the past", "`help COMMAND`"}},
		"status":  {0, []string{"status [CLUSTER | RUN] ", "--severity", "Example: `status west --severity critical`"}},
		"recover": {0, []string{"recover CLUSTER BACKUP", "--dry-run: ", "Example: `recover west ", "\nsettle "}},
		"set-up":  {0, []string{"Set the bot up", "policy", "version"}},
		"files":   {0, []string{"`aurorabot help files`"}},
		"lok":     {2, []string{"did you mean `look`?"}},
	} {
		r := HelpFor([]string{word})
		text := view.Text(r.Message)
		for _, s := range want.says {
			if !strings.Contains(text, s) {
				t.Errorf("help %s does not say %q:\n%s", word, s, text)
			}
		}
		if r.Exit != want.exit {
			t.Errorf("help %s: exit %d", word, r.Exit)
		}
	}
}

var shellWord = regexp.MustCompile(`"[^"]*"|\S+`)

// What help shows as an example in Slack is read by the table as that command,
// whole: no argument too few, no option that it does not have.
func TestExamplesAreRead(t *testing.T) {
	table := Table()
	for _, g := range Groups {
		for _, c := range g.Commands {
			if !slices.ContainsFunc(table, func(k Command) bool { return k.Name == c.Name }) {
				continue
			}
			for _, e := range c.Examples {
				var words []string
				for _, w := range shellWord.FindAllString(e, -1) {
					words = append(words, strings.Trim(w, `"`))
				}
				got, err := parse(table, Request{Words: words})
				if err != nil || got.cmd.Name != c.Name {
					t.Errorf("%s: %v", e, err)
					continue
				}
				if len(got.args)+len(syntax.Words(got.cmd.Options, got.flags)) == 0 && len(words) > 1 {
					t.Errorf("%s: nothing of it was read", e)
				}
			}
		}
	}
}
