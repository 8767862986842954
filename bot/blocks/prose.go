package blocks

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// person is a whole policy.Actor key, "TEAM/USER", or the same of a user group or a
// channel: shown by its name.
var person = regexp.MustCompile(`\bT[A-Z0-9]{6,20}/([CSUW][A-Z0-9]{6,20})\b`)

// mention is a person's ID, or a group's, as Slack's markup calls them.
func mention(id string) string {
	switch id[0] {
	case 'S':
		return "<!subteam^" + id + ">"
	case 'C':
		return "<#" + id + ">"
	}
	return "<@" + id + ">"
}

var (
	bold = &slack.RichTextSectionTextStyle{Bold: true}
	code = &slack.RichTextSectionTextStyle{Code: true}
)

func raw(s string, style *slack.RichTextSectionTextStyle) slack.RichTextSectionElement {
	return slack.NewRichTextSectionTextElement(s, style)
}

// prose returns s as elements of rich text: `…` becomes code, a person's key
// the person, a time gets the reader's own beside it; nothing else in it means anything to Slack.
func prose(s string) []slack.RichTextSectionElement {
	var out []slack.RichTextSectionElement
	text := func(s string, style *slack.RichTextSectionTextStyle) {
		if s != "" {
			out = append(out, raw(s, style))
		}
	}
	for {
		before, rest, open := strings.Cut(s, "`")
		quoted, after, closed := strings.Cut(rest, "`")
		if !open || !closed || strings.Contains(quoted, "\n") {
			people(s, text, &out)
			return out
		}
		people(before, text, &out)
		if text(quoted, code); quoted == "" {
			text("``", nil)
		}
		s = after
	}
}

// people writes s through text, but for the keys of people, and for times.
func people(s string, text func(string, *slack.RichTextSectionTextStyle), out *[]slack.RichTextSectionElement) {
	at := 0
	for _, m := range person.FindAllStringSubmatchIndex(s, -1) {
		dates(s[at:m[0]], nil, text, out)
		var e slack.RichTextSectionElement
		switch id := s[m[2]:m[3]]; id[0] {
		case 'S':
			e = slack.NewRichTextSectionUserGroupElement(id)
		case 'C':
			e = slack.NewRichTextSectionChannelElement(id, nil)
		default:
			e = slack.NewRichTextSectionUserElement(id, nil)
		}
		*out = append(*out, e)
		at = m[1]
	}
	dates(s[at:], nil, text, out)
}

func section(e ...slack.RichTextSectionElement) slack.RichTextElement {
	return slack.NewRichTextSection(e...)
}

func rich(e ...slack.RichTextElement) slack.Block { return slack.NewRichTextBlock("", e...) }

func preformatted(s string) slack.RichTextElement {
	return &slack.RichTextPreformatted{
		Type:     slack.RTEPreformatted,
		Elements: []slack.RichTextSectionElement{raw(s, nil)},
	}
}

func plain(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func (b *builder) head(m view.Message) {
	if m.Head == "" {
		return
	}
	h := tones[m.Tone] + m.Head
	if person.MatchString(m.Head) {
		// A header cannot name people.
		b.add(rich(section(emphasised(prose(cut(h, max(b.room/4, 150))))...)))
		b.whole = b.whole || longer(h, max(b.room/4, 150))
		return
	}
	shown := cutEscaped(h, maxHeader)
	whole := shown == escape(h)
	if !whole {
		shown = between(shown)
	}
	b.add(slack.NewHeaderBlock(plain(shown)))
	if !whole {
		e := prose(cut(m.Head, b.room/4))
		b.add(rich(section(e...)))
		b.whole = b.whole || longer(m.Head, b.room/4)
	}
}

// between is a text that was cut, cut a little shorter: where a part of it ends.
func between(s string) string {
	for _, end := range []string{"; ", ": ", ", ", " "} {
		if i := strings.LastIndex(s, end); i > len(s)/3 {
			return s[:i] + " …"
		}
	}
	return s
}

// emphasised has all text of e in bold.
func emphasised(e []slack.RichTextSectionElement) []slack.RichTextSectionElement {
	for _, one := range e {
		if t, ok := one.(*slack.RichTextSectionTextElement); ok && t.Style == nil {
			t.Style = bold
		}
	}
	return e
}

// lines are one block: a paragraph each.
func (b *builder) lines(m view.Message) {
	if len(m.Lines) == 0 {
		return
	}
	text, left := cutLines(strings.Join(m.Lines, "\n"), b.room/2)
	if left > 0 {
		text += "\n" + more(left, "line", b.elsewhere())
		b.whole = true
	}
	b.add(rich(section(prose(text)...)))
}

// fields are one block: a line each, the name in bold.
func (b *builder) fields(m view.Message) {
	if len(m.Fields) == 0 {
		return
	}
	var e []slack.RichTextSectionElement
	room := b.room / 3
	for i, f := range m.Fields {
		name := cut(f.Name, 60)
		value := cut(f.Value, max(room/4, 40))
		if i > 0 && (room < 60 || len(e) > 150) {
			e = append(e, prose(more(len(m.Fields)-i, "fact", b.elsewhere()))...)
			b.whole = true
			break
		}
		if value != f.Value {
			b.whole = true
		}
		e = append(e, raw(name+":", bold), raw(" ", nil))
		e = append(e, prose(value)...)
		if i < len(m.Fields)-1 {
			e = append(e, raw("\n", nil))
		}
		room -= len(name) + utf8.RuneCountInString(value) + 60
	}
	b.add(rich(section(e...)))
}

// foot is small print, where Slack has it small: plain text, in which marks of code
// would be seen.
func (b *builder) foot(m view.Message) {
	if text := strings.ReplaceAll(m.Foot, "`", ""); strings.TrimSpace(text) != "" {
		b.add(slack.NewContextBlock("", plain(cutEscaped(text, min(maxContext, max(b.room/8, 120))))))
	}
}
