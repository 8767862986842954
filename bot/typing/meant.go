package typing

import (
	"regexp"
	"slices"
	"strings"

	"aurorabot/handlers"
)

// stops are what phones put behind the last word of what is typed.
const stops = ".,。、"

// certain are the words of which a stop at the end is no part: names of backups and
// runs, and digests. A cluster's name may end with one.
var certain = regexp.MustCompile(`^(scheduler-backup-\d{4}(-\d\d){4}|.+-\d{8}T\d{4}Z(-\d+)?|[0-9a-f]{8,64})$`)

// Meant returns the words of a command as they were meant: without what addresses
// the bot in a pasted hint (prefix, as "/aurora"), the command in small letters, and
// without a stop at the end where it can be part of no name.
func Meant(words []string, prefix string) []string {
	if len(words) == 0 {
		return words
	}
	words = slices.Clone(words)
	name := strings.TrimPrefix(prefix, "/")
	switch strings.ToLower(strings.TrimRight(words[0], ".,:;")) {
	case prefix, "@" + name, name, "aurorabot":
		words = words[1:]
	}
	if len(words) == 0 {
		return words
	}
	table := handlers.Table()
	at := func(name string) int {
		return slices.IndexFunc(table, func(c handlers.Command) bool { return c.Name == name })
	}
	name = strings.ToLower(strings.TrimRight(words[0], ".,:;!?。、"))
	i := at(name)
	if i < 0 {
		return words
	}
	words[0] = name
	last := len(words) - 1
	if c := table[i]; c.Scope == handlers.NoCluster && last > 0 {
		// Its second word may be one of ours too.
		second := strings.ToLower(strings.TrimRight(words[1], stops))
		if name == "help" && at(second) >= 0 || slices.Contains(strings.FieldsFunc(c.Usage, func(r rune) bool { return r < 'a' || r > 'z' }), second) {
			words[1] = second
		}
	}
	if w, before := words[last], words[max(0, last-1)]; last > 0 && before != "--reason" {
		option := strings.HasPrefix(w, "--") && !strings.Contains(w, "=")
		for _, stop := range stops {
			if rest, ok := strings.CutSuffix(w, string(stop)); ok && (certain.MatchString(rest) || option || before == "--gate") {
				words[last] = rest
			}
		}
	}
	return words
}
