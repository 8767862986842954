package blocks

import (
	"fmt"
	"regexp"
	"time"

	"github.com/slack-go/slack"
)

// moment is a time as messages have it: RFC 3339 in UTC, whole seconds.
var moment = regexp.MustCompile(`\b\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z`)

// local is how Slack shows a reader their own time beside UTC:
// https://docs.slack.dev/messaging/formatting-message-text#date-formatting
// (read 2026-11-23).
const local = "{date_short_pretty} {time}"

// instant reads s; a text that only looks like a time is none, nor is one that
// no run can have seen.
func instant(s string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, s)
	return t, err == nil && t.Year() >= 2000 && t.Year() < 2100
}

// dates writes s through text, and each time in it with the reader's own behind.
func dates(s string, style *slack.RichTextSectionTextStyle, text func(string, *slack.RichTextSectionTextStyle), out *[]slack.RichTextSectionElement) {
	at := 0
	for _, m := range moment.FindAllStringIndex(s, -1) {
		t, ok := instant(s[m[0]:m[1]])
		if !ok {
			continue
		}
		text(s[at:m[1]]+" (", style)
		utc := s[m[0]:m[1]]
		*out = append(*out, slack.NewRichTextSectionDateElement(t.Unix(), local, nil, &utc))
		text(")", style)
		at = m[1]
	}
	text(s[at:], style)
}

// dateTokens is s, which is escaped, with the reader's own time behind each time.
func dateTokens(s string) string {
	return moment.ReplaceAllStringFunc(s, func(utc string) string {
		t, ok := instant(utc)
		if !ok {
			return utc
		}
		return fmt.Sprintf("%s (<!date^%d^%s|%s>)", utc, t.Unix(), local, utc)
	})
}
