package blocks

import (
	"fmt"
	"strings"
	"unicode"

	"aurorabot/handlers/view"
)

// outputs are what programs printed: preformatted, which cannot mention, link
// or format. What is cut is whole in a file.
func (b *builder) outputs(m view.Message) {
	n := min(len(m.Output), shownOutputs)
	if b.room < 1200 {
		n = min(n, 2)
	}
	for i, o := range m.Output[:n] {
		title := cut(o.Title, maxHeader)
		if o.Text == "" {
			b.add(rich(section(raw(title, bold), raw(": no output", nil))))
			continue
		}
		room := min(maxSection, b.room/(2*n))
		name := fileName(o.Title, i)
		kept, left := cutLines(o.Text, room)
		b.add(rich(section(raw(title, bold)), preformatted(kept)))
		b.rest(left, "line", name, func() string { return o.Text })
	}
	if n < len(m.Output) {
		b.whole = true
		b.add(rich(section(prose(more(len(m.Output)-n, "output", b.elsewhere()))...)))
	}
}

// fileName makes a file's name of a title, unique within a message by i.
func fileName(title string, i int) string {
	slug := strings.Map(func(r rune) rune {
		switch {
		case r < unicode.MaxASCII && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			return unicode.ToLower(r)
		default:
			return '-'
		}
	}, title)
	parts := strings.FieldsFunc(slug, func(r rune) bool { return r == '-' })
	slug = strings.Join(parts, "-")
	if len(slug) > 40 {
		slug = strings.TrimRight(slug[:40], "-")
	}
	return fmt.Sprintf("%s.txt", strings.Trim(fmt.Sprintf("output-%d-%s", i+1, slug), "-"))
}
