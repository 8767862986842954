package blocks

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// tables: Slack takes one table per message. The first that fits becomes one,
// all others are aligned text.
func (b *builder) tables(m view.Message) {
	native := false
	for i, t := range m.Tables {
		if len(t.Rows) == 0 || columns(t) == 0 {
			continue
		}
		if i >= 5 || b.room < 600 {
			b.whole = true
			b.add(rich(section(prose(more(len(m.Tables)-i, "table", b.elsewhere()))...)))
			return
		}
		if t.Title != "" {
			b.add(rich(section(raw(cut(t.Title, maxHeader), bold))))
		}
		name := fmt.Sprintf("table-%d.txt", i+1)
		if !native && columns(t) <= maxColumns {
			native = true
			b.table(t, name)
			continue
		}
		text, left := cutLines(aligned(t), b.room/3)
		b.add(rich(preformatted(text)))
		b.rest(left, "line", name, func() string { return aligned(t) })
	}
}

// rest says that left of something was cut, and keeps the whole as a file.
func (b *builder) rest(left int, what, name string, whole func() string) {
	if left == 0 {
		return
	}
	b.add(rich(section(prose(more(left, what, "`"+name+"`"))...)))
	b.files = append(b.files, view.File{Name: name, Text: whole()})
}

func (b *builder) table(t view.Table, name string) {
	block := slack.NewTableBlock("")
	budget := min(maxTable, b.room/2)
	shown := 0
	for _, r := range t.Rows {
		cells := make([]slack.TableCell, columns(t))
		used := 0
		for c := range cells {
			text := "-"
			if c < len(r) {
				text = cut(r[c], shownCell)
			}
			// Slack's JSON for a cell is some 30 characters beside the text.
			used += utf8.RuneCountInString(text) + 30
			cells[c] = slack.NewTableRawTextCell(text)
			if person.MatchString(text) {
				used += 150
				cells[c] = slack.NewTableRichTextCell(section(prose(text)...))
			}
		}
		if shown > 0 && (used > budget || shown > shownRows || shown >= maxRows) {
			break
		}
		budget -= used
		block.AddRow(cells...)
		shown++
	}
	for c := range columns(t) {
		s := slack.ColumnSetting{Align: slack.ColumnAlignmentLeft, IsWrapped: true}
		if slices.Contains(t.Right, c) {
			s = slack.ColumnSetting{Align: slack.ColumnAlignmentRight}
		}
		block.ColumnSettings = append(block.ColumnSettings, s)
	}
	b.add(block)
	b.rest(len(t.Rows)-shown, "row", name, func() string { return aligned(t) })
}

func columns(t view.Table) int {
	n := 0
	for _, r := range t.Rows {
		n = max(n, len(r))
	}
	return n
}

// aligned is a table as plain text, in columns.
func aligned(t view.Table) string {
	width := make([]int, columns(t))
	for _, r := range t.Rows {
		for c, cell := range r {
			width[c] = max(width[c], utf8.RuneCountInString(cell))
		}
	}
	var out []string
	for _, r := range t.Rows {
		var b strings.Builder
		for c, cell := range r {
			text := cell
			pad := strings.Repeat(" ", width[c]-utf8.RuneCountInString(text))
			if c > 0 {
				b.WriteString("  ")
			}
			if slices.Contains(t.Right, c) {
				b.WriteString(pad + text)
			} else {
				b.WriteString(text + pad)
			}
		}
		out = append(out, strings.TrimRight(b.String(), " "))
	}
	return strings.Join(out, "\n")
}
