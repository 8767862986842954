package outbox

import (
	"bytes"
	"context"
	"strings"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// Layouts is how many ways there are to lay out a message: as it should look, plain,
// as text alone, and as its first line.
const Layouts = 4

func layout(m view.Message, level int) blocks.Layout {
	switch level {
	case 0:
		return blocks.Lay(m)
	case 1:
		return blocks.Plain(m)
	default:
		return blocks.Layout{Files: []view.File{{Name: "message.txt", Text: blocks.Whole(m)}}}
	}
}

// text is what stands beside the blocks, or for them. Without buttons it ends with
// what to type for them.
func text(m view.Message, level int, typing string) string {
	if level < 2 {
		return blocks.Text(m)
	}
	words := " (Slack refused the layout of this message; the whole text is in `message.txt`.)"
	if level == Layouts-1 {
		m, words = view.Message{Tone: m.Tone, Head: m.Head}, " (Slack refused more.)"
	}
	if typing != "" {
		words += "\nWithout buttons: type " + typing + "."
	}
	return blocks.Text(m) + words
}

// Typing is what one types instead of pressing the buttons of m, "" where it has none.
func Typing(m view.Message) string {
	var words []string
	for _, a := range m.Actions {
		words = append(words, "`"+a.Typing()+"`")
	}
	return strings.Join(words, " or ")
}

// Options are the options of every message of ours.
func Options(l blocks.Layout, text, thread string) []slack.MsgOption {
	o := []slack.MsgOption{
		slack.MsgOptionText(text, false), // Escaped already.
		slack.MsgOptionBlocks(l.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(),
		slack.MsgOptionDisableMediaUnfurl(),
	}
	if thread != "" {
		o = append(o, slack.MsgOptionTS(thread))
	}
	return o
}

// InSomeLayout sends m in the first layout that Slack takes.
func (o *Outbox) InSomeLayout(m view.Message, thread bool, send func(blocks.Layout, string) error) (blocks.Layout, error) {
	var l blocks.Layout
	var err error
	m, typing := o.typed(m, thread)
	for level := range Layouts {
		l = layout(m, level)
		if err = send(l, text(m, level, typing)); err == nil || web.Judge(err) != web.Refit {
			return l, err
		}
	}
	return l, err
}

// Typed is m with its commands as they are typed where it stands: in a thread
// Slack takes no slash command.
func (o *Outbox) Typed(m view.Message, thread bool) view.Message {
	if thread {
		return view.Typed(m, "@"+strings.TrimPrefix(o.Command, "/"))
	}
	return view.Typed(m, o.Command)
}

// typed is [Outbox.Typed], with what is typed instead of pressing the buttons of m.
func (o *Outbox) typed(m view.Message, thread bool) (_ view.Message, typing string) {
	return o.Typed(m, thread), o.Typed(view.Message{Head: Typing(m)}, thread).Head
}

// Upload puts a file into a channel, or a thread of it.
func (o *Outbox) Upload(ctx context.Context, channel, thread string, f view.File) error {
	content := []byte(blocks.Redact(o.Secrets.Text(f.Text)))
	if f.Data != nil {
		content = f.Data
	}
	_, err := o.API.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: f.Name, Title: f.Name, FileSize: len(content), Reader: bytes.NewReader(content),
		Channel: channel, ThreadTimestamp: thread,
	})
	return err
}
