package simulation

import (
	"slices"
	"strings"
)

// shellLines are the only ones that a run may have: constants, which take what
// varies as arguments.
var shellLines = []string{
	`command -v "$1"`, `printf '%s\n' '[Service]' 'Restart=no' >"$1"`,
	`for t; do command -v "$t" >/dev/null 2>&1 || echo "$t"; done; echo asked`,
}

// Rule 17: text of a chat never reaches a command, nor a shell line anything
// that varies.
func wordsStayWords(w *world) *rule {
	r := &rule{name: "17 chat text never reaches a shell"}
	r.act = func(a *act) {
		if a.kind != "issue" {
			return
		}
		for i, word := range a.cmd.Argv {
			if strings.Contains(word, hostile) || strings.Contains(word, "$(") {
				w.violated(r.name, "%s: %q", a.host.name, a.cmd.Argv)
			}
			if i == 0 && slices.Contains([]string{"sh", "bash", "ash", "dash"}, word) && !slices.Contains(shellLines, a.cmd.Argv[2]) {
				w.violated(r.name, "%s: a shell line: %q", a.host.name, a.cmd.Argv)
			}
		}
		if strings.Contains(string(a.cmd.Stdin), hostile) {
			w.violated(r.name, "%s: on standard input of %q", a.host.name, a.cmd.Argv)
		}
	}
	return r
}
