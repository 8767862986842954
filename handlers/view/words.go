package view

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
)

// Who is how a person is named in a message: by the identity in the journal,
// "TEAM/USER", whole. A surface shows that as the person (bot/blocks as a
// mention); [Text] as "@USER".
func Who(key string) string {
	if key == "" {
		return "nobody named"
	}
	return strings.TrimPrefix(key, policy.Local+"/")
}

// person is a whole identity, of a person, a user group or a channel. The lengths are Slack's, so that paths and
// fractions are none.
var person = regexp.MustCompile(`\b(T[A-Z0-9]{6,20})/([CSUW][A-Z0-9]{6,20})\b`)

// quote is s as text of somebody else (a host, a person) within our words: it
// names no person and opens no code, whatever it holds.
func quote(s string) string {
	return strings.ReplaceAll(unnamed(s), "`", "'")
}

// Quote is text of a person within our words, for other packages that make
// messages: cut, and on one line.
func Quote(s string) string { return quote(cut(first(s), 300)) }

// Foreign is what a host said within our words, for other packages that make
// messages: it names nobody and opens no code, whatever it holds.
func Foreign(s string) string { return quote(s) }

// mayName reports whether s may hold an identity.
func mayName(s string) bool {
	for {
		_, after, ok := strings.Cut(s, "/")
		if !ok {
			return false
		}
		if after != "" && strings.IndexByte("CSUW", after[0]) >= 0 {
			return true
		}
		s = after
	}
}

// unnamed is s without identities: text that is not ours calls nobody.
func unnamed(s string) string {
	// Most text has no such thing, and to look for it letter by letter is a tenth of
	// what showing a run costs.
	if !mayName(s) {
		return s
	}
	return person.ReplaceAllString(s, "$1 / $2")
}

// when is a time as people read it, or "not known".
func when(t time.Time) string {
	if t.IsZero() {
		return "not known"
	}
	return t.UTC().Format("2006-01-02T15:04:05Z")
}

// took is a duration as people read it: "2 min 10 s", "7 d 3 h".
func took(d time.Duration) string { return check.Age(d) }

// Age is the same for other packages that make messages.
func Age(d time.Duration) string { return took(d) }

// short is the beginning of a hash, enough to compare by eye.
func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

// maxHead is how many characters the first line of a message has at most.
const maxHead = 120

func fitsHead(s string) bool { return utf8.RuneCountInString(s) <= maxHead }

// headed is m with a first line of at most [maxHead] characters. Of a longer one the
// clauses that do not fit are the line after it; where the first clause alone is too
// long it is cut, and that line has all of it.
func headed(m Message) Message {
	if fitsHead(m.Head) {
		return m
	}
	if i := strings.LastIndex(string([]rune(m.Head)[:maxHead]), "; "); i > maxHead/3 {
		m.Lines = append([]string{sentence(cut(m.Head[i+2:], 600))}, m.Lines...)
		m.Head = m.Head[:i]
		return m
	}
	m.Lines = append([]string{cut(m.Head, 600)}, m.Lines...)
	m.Head = brief(m.Head)
	return m
}

// brief is the beginning of a first line that is too long, cut between words.
func brief(s string) string {
	kept := string([]rune(s)[:maxHead-2])
	if i := strings.LastIndex(kept, " "); i > len(kept)/3 {
		return strings.TrimRight(kept[:i], " ,;:") + " …"
	}
	for _, at := range person.FindAllStringIndex(s, -1) { // Half an identity would be somebody else's.
		if at[0] < len(kept) && len(kept) < at[1] {
			kept = kept[:at[0]]
		}
	}
	return strings.TrimRight(kept, " ") + " …"
}

// Whole is the first line of m as it was before it was cut to the length of one; then
// it is the first of m's Lines, too.
func Whole(m Message) string {
	begun, short := strings.CutSuffix(m.Head, " …")
	if short && len(m.Lines) > 0 && strings.HasPrefix(m.Lines[0], begun) {
		return m.Lines[0]
	}
	return m.Head
}

// count is "1 task", "2 tasks".
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", digits(int64(n)), what)
}

// digits is n with the thousands apart: 12,345.
func digits(n int64) string {
	s := fmt.Sprint(n)
	at := len(s) - 3
	for at > 0 && s[at-1] != '-' {
		s = s[:at] + "," + s[at:]
		at -= 3
	}
	return s
}

// size is a number of bytes as people read it.
func size(n int64) string { return check.Size(n) }

// cut shortens s to at most most characters and says how many it left out.
func cut(s string, most int) string {
	n := utf8.RuneCountInString(s)
	if n <= most {
		return s
	}
	r := []rune(s)
	keep := max(most-24, 1) // Room for the words that follow.
	if half := len(string(r[:keep])); half < len(s) {
		// Half an identity would be somebody else's.
		for _, m := range person.FindAllStringIndex(s, -1) {
			if m[0] < half && half < m[1] {
				keep = max(utf8.RuneCountInString(s[:m[0]]), 1)
			}
		}
	}
	return fmt.Sprintf("%s… %s more characters …", string(r[:keep]), digits(int64(n-keep)))
}

// cutLines keeps the first most lines of s and says how many it left out.
func cutLines(s string, most int) string {
	lines := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(lines) <= most {
		return strings.Join(lines, "\n")
	}
	return strings.Join(lines[:most], "\n") + "\n" + more(len(lines)-most)
}

func more(n int) string { return fmt.Sprintf("… %s more …", digits(int64(n))) }

// list joins at most most names and says how many it left out.
func list(names []string, most int) string {
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return strings.Join(names[:most], ", ") + ", " + more(len(names)-most)
}

// either joins what one may do: "a, b or c".
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// first is the first line of s, on which one thing stands.
func first(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// sentence begins with a capital and ends with a full stop. A word that is
// a name (it has a digit, a slash or a colon) is left as it is.
func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" {
		return s
	}
	word, _, _ := strings.Cut(s, " ")
	if !strings.ContainsAny(word, "0123456789/:-_.`") {
		r, n := utf8.DecodeRuneInString(s)
		s = strings.ToUpper(string(r)) + s[n:]
	}
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, ":") && !strings.HasSuffix(s, "?") {
		s += "."
	}
	return s
}

// same gathers hosts by what was said of them: hosts with the same text stand
// together, in the order of their names.
type same struct {
	text  string
	hosts []string
}

func gather(said map[string]string) []same {
	var groups []same
	for _, host := range sorted(said) {
		i := slices.IndexFunc(groups, func(g same) bool { return g.text == said[host] })
		if i < 0 {
			groups = append(groups, same{text: said[host]})
			i = len(groups) - 1
		}
		groups[i].hosts = append(groups[i].hosts, host)
	}
	return groups
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// foreign returns events whose texts name nobody: what hosts printed, jobs are
// called and people wrote is told, and whoever it names is not called by it.
// People are in Who.
func foreign(events []runner.Event) []runner.Event {
	out := make([]runner.Event, len(events))
	for i, e := range events {
		e.Why, e.Data = unnamed(e.Why), nobody(e.Data)
		out[i] = e
	}
	return out
}

// nobody is data without identities. An escape may hide one: such data is
// written anew first.
func nobody(data json.RawMessage) json.RawMessage {
	if bytes.Contains(data, []byte(`\u`)) || bytes.Contains(data, []byte(`\/`)) {
		d := json.NewDecoder(bytes.NewReader(data))
		d.UseNumber()
		var v any
		if d.Decode(&v) == nil {
			if js, err := json.Marshal(v); err == nil {
				data = js
			}
		}
	}
	if !mayName(string(data)) || !person.Match(data) {
		return data
	}
	return person.ReplaceAll(data, []byte("$1 / $2"))
}
