package blocks

import (
	"strings"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// Plain lays m out with the oldest blocks alone, for when Slack refuses what
// [Lay] made: plain sections and the buttons. Nothing is said less, but what is
// too long is in a file.
func Plain(m view.Message) Layout {
	var l Layout
	m = tidy(m)
	all := whole(m)
	for _, room := range rooms {
		b := builder{room: room}
		rest, left := cutLines(all, room)
		if left > 0 {
			rest += "\n" + more(left, "line", b.elsewhere())
			b.files = append(b.files, view.File{Name: wholeName, Text: all})
		}
		for _, part := range chunks(rest, maxSection/5) {
			b.add(slack.NewSectionBlock(plain(escape(part)), nil, nil))
		}
		b.actions(m)
		if l = (Layout{b.blocks, b.files}); fits(l.Blocks) {
			break
		}
	}
	return l
}

// chunks cuts s into pieces of at most n characters, at line ends where it
// can. A section may hold five times as many: a character may need five when
// escaped.
func chunks(s string, n int) []string {
	var out []string
	for r := []rune(s); len(r) > 0; {
		end := min(n, len(r))
		if end < len(r) {
			for i := end; i > n/2; i-- {
				if r[i] == '\n' {
					end = i
					break
				}
			}
		}
		if part := strings.Trim(string(r[:end]), "\n"); strings.TrimSpace(part) != "" {
			out = append(out, part)
		}
		r = r[end:]
	}
	return out
}
