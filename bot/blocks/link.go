package blocks

import (
	"net/url"
	"strings"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// maxURL is Slack's limit on a button's URL; what a link may have is not said.
const maxURL = 3000

// links are one block, in line.
func (b *builder) links(m view.Message) {
	var e []slack.RichTextSectionElement
	for _, l := range m.Links {
		if !web(l.URL) || len(e) > 20 {
			continue
		}
		if len(e) > 0 {
			e = append(e, raw(" · ", nil))
		}
		e = append(e, slack.NewRichTextSectionLinkElement(l.URL, cut(line(l.Label), 200), nil))
	}
	if len(e) > 0 {
		b.add(rich(section(e...)))
	}
}

// web reports whether u is an address that a browser opens and nothing else.
func web(u string) bool {
	p, err := url.Parse(u)
	return err == nil && len(u) <= maxURL && (p.Scheme == "https" || p.Scheme == "http") && p.Host != "" && clean(u) == u &&
		!strings.ContainsAny(u, " \t\n<>|\"`")
}
