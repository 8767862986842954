package view

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// marks are how a task stands, in plain text.
var marks = map[string]string{
	"pending": "[ ]", "running": "[>]", "done": "[x]", "skipped": "[-]", "failed": "[!]", "undone": "[<]", "waiting": "[?]",
}

// Text is m as plain text for a terminal or a log: without colours, tables
// aligned, people as "@USER". Buttons are left out: a terminal has none. Files
// are named with their size. Nothing is folded: a row of a table is a line.
func Text(m Message) string { return TextWithin(m, 0) }

// TextWithin is [Text] of lines of at most so many characters, as far as names
// and what is to be typed allow; zero or less folds nothing.
func TextWithin(m Message, width int) string {
	var parts []string
	m = named(m)
	add := func(s string) {
		if s = strings.TrimRight(s, "\n "); s != "" {
			parts = append(parts, s)
		}
	}
	add(m.Head)
	add(strings.Join(m.Lines, "\n"))
	add(fields(m.Fields, width))
	for _, l := range m.Links {
		add(l.Label + ": " + l.URL)
	}
	add(taskList(m.Tasks))
	for _, t := range m.Tables {
		add(strings.TrimLeft(t.Title+"\n"+fitted(t, width), "\n"))
	}
	for _, o := range m.Output {
		add(o.Title + "\n" + indent(o.Text))
	}
	for _, f := range m.Files {
		if f.Data != nil {
			add(fmt.Sprintf("%s: %s", f.Name, size(int64(len(f.Data)))))
			continue
		}
		add(fmt.Sprintf("%s: %s", f.Name, count(strings.Count(strings.TrimRight(f.Text, "\n"), "\n")+1, "line")))
	}
	add(m.Foot)
	return Fold(safe(strings.Join(parts, "\n\n")), width) + "\n"
}

// named is m with people as "@USER", before anything is aligned.
func named(m Message) Message {
	at := func(s string) string {
		return person.ReplaceAllStringFunc(s, func(key string) string {
			_, id, _ := strings.Cut(key, "/")
			if strings.HasPrefix(id, "C") {
				return "#" + id
			}
			return "@" + id
		})
	}
	m.Head, m.Foot = at(m.Head), at(m.Foot)
	m.Lines = slices.Clone(m.Lines)
	for i := range m.Lines {
		m.Lines[i] = at(m.Lines[i])
	}
	m.Fields = slices.Clone(m.Fields)
	for i := range m.Fields {
		m.Fields[i].Value = at(m.Fields[i].Value)
	}
	m.Tables = slices.Clone(m.Tables)
	for i := range m.Tables {
		rows := make([][]string, len(m.Tables[i].Rows))
		for r, row := range m.Tables[i].Rows {
			for _, cell := range row {
				rows[r] = append(rows[r], at(cell))
			}
		}
		m.Tables[i].Rows = rows
	}
	return m
}

// safe replaces what a terminal would act on, and what it would not show.
func safe(s string) string {
	return strings.Map(func(r rune) rune {
		if r != '\n' && r != '\t' && r != '\u200C' && r != '\u200D' && Unseen(r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// Unseen reports whether a character shows nothing, or changes how others are
// shown: two names that differ by such a one look alike.
func Unseen(r rune) bool {
	switch r {
	case '\u2028', '\u2029', '\u115F', '\u1160', '\u3164', '\uFFA0':
		return true
	}
	return unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

func fields(list []Field, width int) string {
	wide := 0
	for _, f := range list {
		wide = max(wide, utf8.RuneCountInString(f.Name))
	}
	var b strings.Builder
	for _, f := range list {
		line := fmt.Sprintf("%s:%s %s", f.Name, strings.Repeat(" ", wide-utf8.RuneCountInString(f.Name)), f.Value)
		if width > 0 && utf8.RuneCountInString(line) > width {
			line = foldLine(line, width, min(wide+2, width/2))
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

func taskList(list []Task) string {
	var b strings.Builder
	for _, t := range list {
		mark, ok := marks[t.State]
		if !ok {
			mark = "[" + t.State + "]"
		}
		b.WriteString(mark + " " + t.Title)
		if t.Detail != "" {
			b.WriteString(": " + t.Detail)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func aligned(t Table) string {
	var wide []int
	for _, row := range t.Rows {
		for i, cell := range row {
			if i == len(wide) {
				wide = append(wide, 0)
			}
			wide[i] = max(wide[i], utf8.RuneCountInString(cell))
		}
	}
	var b strings.Builder
	for _, row := range t.Rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", wide[i]-utf8.RuneCountInString(cell))
			if i > 0 {
				line.WriteString(gap)
			}
			if slices.Contains(t.Right, i) {
				line.WriteString(pad + cell)
			} else {
				line.WriteString(cell + pad)
			}
		}
		b.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	return b.String()
}

func indent(s string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(s, "\n"), "\n", "\n  ")
}
