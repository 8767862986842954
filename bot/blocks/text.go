package blocks

import (
	"fmt"
	"strings"
	"unicode"

	"aurorabot/handlers/view"
)

// tones are shown before the head. They carry nothing that the words don't.
// They are signs that every font has, and no emoji.
var tones = map[view.Tone]string{
	view.Good: "✔ ",
	view.Warn: "▲ ",
	view.Bad:  "✖ ",
	view.Wait: "◔ ",
}

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape makes s safe for text that Slack interprets.
// https://docs.slack.dev/messaging/formatting-message-text#escaping (read 2026-11-23).
func escape(s string) string { return escaper.Replace(s) }

// clean makes s text that can be shown: valid UTF-8, without control
// characters but tab and newline, without what turns the direction of what
// follows or shows nothing (a host's name could read as another one), and
// without secrets.
func clean(s string) string {
	s = Redact(strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n"))
	before := ' '
	return strings.Map(func(r rune) rune {
		last := before
		before = r
		switch {
		case r == '\n' || r == '\t':
		case (r == '\u200C' || r == '\u200D') && last > unicode.MaxASCII: // As scripts and emoji need it.
		case view.Unseen(r):
			return '\uFFFD'
		}
		return r
	}, s)
}

// line is clean s on one line, and never empty: Slack refuses empty text.
func line(s string) string {
	if s = strings.Join(strings.Fields(clean(s)), " "); s == "" {
		return "-"
	}
	return s
}

// tidy returns m with every text clean, what must be one line on one line, and
// what must not be empty not empty. All else here takes tidy messages only.
func tidy(m view.Message) view.Message {
	optional := func(s string) string {
		if strings.TrimSpace(s) == "" {
			return ""
		}
		return line(s)
	}
	t := m
	t.Head, t.Foot = optional(m.Head), optional(m.Foot)
	t.Lines, t.Fields, t.Tasks, t.Tables, t.Output, t.Actions = nil, nil, nil, nil, nil, nil
	for _, l := range m.Lines {
		if l = strings.TrimSpace(clean(l)); l != "" {
			t.Lines = append(t.Lines, l)
		}
	}
	for _, f := range m.Fields {
		t.Fields = append(t.Fields, view.Field{Name: line(f.Name), Value: line(f.Value)})
	}
	for _, k := range m.Tasks {
		t.Tasks = append(t.Tasks, view.Task{ID: k.ID, Title: line(k.Title), State: optional(k.State), Detail: optional(k.Detail)})
	}
	for _, b := range m.Tables {
		rows := make([][]string, len(b.Rows))
		for r := range b.Rows {
			for _, cell := range b.Rows[r] {
				rows[r] = append(rows[r], line(cell))
			}
		}
		t.Tables = append(t.Tables, view.Table{Title: optional(b.Title), Rows: rows, Right: b.Right})
	}
	for _, o := range m.Output {
		t.Output = append(t.Output, view.Output{Title: line(o.Title), Text: strings.TrimRight(clean(o.Text), "\n ")})
	}
	for _, a := range m.Actions {
		a.Label = line(a.Label)
		t.Actions = append(t.Actions, a)
	}
	return t
}

// cut returns s, or its first n-1 characters and "…".
func cut(s string, n int) string {
	if !longer(s, n) {
		return s
	}
	kept := 0
	for i := range s {
		if kept++; kept >= n {
			return upTo(s, i) + "…"
		}
	}
	return "…"
}

// upTo is s up to byte i, or to the person's key that i is in the middle of:
// half a key would be somebody else's.
func upTo(s string, i int) string {
	from := max(i-maxKey, 0)
	for _, m := range person.FindAllStringIndex(s[from:min(i+maxKey, len(s))], -1) {
		if from+m[0] < i && i < from+m[1] {
			return s[:from+m[0]]
		}
	}
	return s[:i]
}

// maxKey is more than a person's key has bytes.
const maxKey = 64

// longer reports whether s has more than n characters, without counting all of
// what a program may have printed.
func longer(s string, n int) bool {
	if len(s) <= n {
		return false
	}
	for range s {
		if n--; n < 0 {
			return true
		}
	}
	return false
}

// cutEscaped escapes s and cuts it so that the escaped text has at most n characters.
func cutEscaped(s string, n int) string {
	if !longer(s, n) {
		if e := escape(s); !longer(e, n) {
			return e
		}
	}
	used := 1 // For the "…".
	for i, r := range s {
		if used += len([]rune(escape(string(r)))); used > n {
			return escape(upTo(s, i)) + "…"
		}
	}
	return escape(s)
}

// cutLines returns the first lines of s that fit into n characters, and how
// many lines it left out. A first line that is too long alone is cut.
func cutLines(s string, n int) (kept string, left int) {
	s = strings.TrimRight(s, "\n")
	if !longer(s, n) {
		return s, 0
	}
	used, end := 0, 0 // end is behind the last line that fits.
	for i, r := range s {
		if r == '\n' {
			end = i
		}
		if used++; used > n {
			break
		}
	}
	if end == 0 {
		first, _, _ := strings.Cut(s, "\n")
		return cut(first, max(n, 1)), strings.Count(s, "\n") + 1
	}
	return s[:end], strings.Count(s[end:], "\n")
}

// more says what was left out and where it is, in the words of prose.
func more(left int, what, where string) string {
	if left != 1 {
		what += "s"
	}
	return fmt.Sprintf("… %d more %s in %s", left, what, where)
}

// Text is m as the one text beside the blocks: what a notification shows, and
// what programs that read no blocks have. Safe to send as it is.
func Text(m view.Message) string {
	s := tones[m.Tone] + line(m.Head)
	for _, l := range m.Lines {
		s += "\n" + clean(l)
	}
	for _, f := range m.Fields {
		s += "\n" + line(f.Name) + ": " + line(f.Value)
	}
	// What Slack reads as a mention here is what it shows as a name in a
	// notification, and it is one in the blocks already.
	return dateTokens(person.ReplaceAllStringFunc(cutEscaped(s, maxFallback/4), func(key string) string {
		_, id, _ := strings.Cut(key, "/")
		return mention(id)
	}))
}

// Whole is everything that m says, as plain text for a file. Not escaped.
func Whole(m view.Message) string { return whole(tidy(m)) }

// whole names people by ID: nothing in it is turned into a name by Slack.
func whole(m view.Message) string { return person.ReplaceAllString(spell(m), "@$1") }

func spell(m view.Message) string {
	var b strings.Builder
	if m.Head != "" {
		b.WriteString(tones[m.Tone] + m.Head + "\n")
	}
	for _, l := range m.Lines {
		b.WriteString("\n" + l + "\n")
	}
	for i, f := range m.Fields {
		if i == 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s: %s\n", f.Name, f.Value)
	}
	for _, l := range m.Links {
		fmt.Fprintf(&b, "%s: %s\n", line(l.Label), clean(l.URL))
	}
	for i, t := range m.Tasks {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString(taskLine(t) + "\n")
	}
	for _, t := range m.Tables {
		if t.Title != "" {
			b.WriteString("\n" + t.Title)
		}
		b.WriteString("\n" + aligned(t) + "\n")
	}
	for _, o := range m.Output {
		b.WriteString("\n" + o.Title + "\n" + o.Text + "\n")
	}
	if m.Foot != "" {
		b.WriteString("\n" + m.Foot + "\n")
	}
	return strings.TrimLeft(b.String(), "\n")
}
