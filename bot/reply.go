package bot

import (
	"bytes"
	"context"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// whisperWithin is the longest time to try to tell one person something.
const whisperWithin = 15 * time.Second

// reply tells what the service said: to the person alone, below the run's
// message, or where it was asked. It ends the request, when that is told.
func (b *Bot) reply(ctx context.Context, a *ask, r handlers.Response) {
	switch {
	case r.Message.Head == "" && len(r.Message.Lines) == 0:
		b.answered(a)
	case r.Private:
		b.whisper(ctx, a, r.Message)
		b.answered(a)
	default:
		b.outbox.put(&item{
			channel: a.channel, thread: a.thread, run: r.Run, key: b.outbox.once(), single: true, message: r.Message,
			told: func() { b.answered(a) },
			lost: func(err error) {
				b.quick.put("lost", func() {
					b.whisper(b.working, a, unposted(r.Message, err))
					b.answered(a)
				})
			},
		})
	}
}

// unposted is m for the person who asked alone, because the channel cannot have it.
func unposted(m view.Message, err error) view.Message {
	why := "Only you see this: posting it into the channel was refused: " + err.Error() + "."
	if slackCode(err) == "not_in_channel" || slackCode(err) == "channel_not_found" {
		why = "Only you see this: the bot is not in this channel. Invite it, or nobody can follow or approve here."
	}
	m.Lines = append([]string{why}, m.Lines...)
	return m
}

// whisper tells m to the person who asked, and to nobody else: through the
// response URL, which works in every channel; else as an ephemeral message;
// else in a direct message. If nothing of it goes, only the log has it.
func (b *Bot) whisper(ctx context.Context, a *ask, m view.Message) {
	if err := b.tell(ctx, a, m); err != nil {
		b.Log.ErrorContext(ctx, "slack: telling a person", "user", a.user, "err", err)
	}
}

// tell is whisper for those who have to know whether it went.
func (b *Bot) tell(ctx context.Context, a *ask, m view.Message) error {
	ctx, cancel := context.WithTimeout(ctx, whisperWithin)
	defer cancel()
	thread := a.thread
	if a.alone {
		thread = ""
	}
	m = b.typed(m, thread != "")
	tries := []func(blocks.Layout, string) error{
		func(l blocks.Layout, text string) error {
			return slack.PostWebhookCustomHTTPContext(ctx, a.responseURL, b.web, &slack.WebhookMessage{
				ResponseType: slack.ResponseTypeEphemeral, ThreadTimestamp: thread,
				Text: text, Blocks: &slack.Blocks{BlockSet: l.Blocks},
			})
		},
		func(l blocks.Layout, text string) error {
			_, err := b.api.PostEphemeralContext(ctx, a.channel, a.user, say(l, text, thread)...)
			return err
		},
		func(l blocks.Layout, text string) error {
			_, _, err := b.api.PostMessageContext(ctx, a.user, say(l, text, "")...)
			return err
		},
	}
	var last error
	for i, try := range tries {
		if i == 0 && a.responseURL == "" || i == 1 && a.channel == "" {
			continue
		}
		l, err := whichever(m, func(l blocks.Layout, text string) error {
			return retryTwice(ctx, func() error { return try(l, text) })
		})
		if err == nil {
			b.whisperFiles(ctx, a, l.Files)
			return nil
		}
		last = err
	}
	return b.secrets.err(last)
}

// whichever sends m in the first layout that Slack takes: as it should look,
// plain, as text alone.
func whichever(m view.Message, send func(blocks.Layout, string) error) (blocks.Layout, error) {
	var l blocks.Layout
	var err error
	for level := range layouts {
		l = layout(m, level)
		if err = send(l, text(m, level)); err == nil || judge(err) != refit {
			return l, err
		}
	}
	return l, err
}

// typed is m with its commands as they are typed where it stands: in a thread
// Slack takes no slash command.
func (b *Bot) typed(m view.Message, thread bool) view.Message {
	if thread {
		return view.Typed(m, "@"+strings.TrimPrefix(b.Command, "/"))
	}
	return view.Typed(m, b.Command)
}

// layouts is how many ways there are to lay out a message.
const layouts = 3

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

func text(m view.Message, level int) string {
	if level < layouts-1 {
		return blocks.Text(m)
	}
	return blocks.Text(m) + "\n(Slack refused the layout of this message; the whole text is in `message.txt`.)"
}

// say are the options of every message of ours.
func say(l blocks.Layout, text, thread string) []slack.MsgOption {
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

// whisperFiles sends what did not fit into a private message in a direct message.
func (b *Bot) whisperFiles(ctx context.Context, a *ask, files []view.File) {
	if len(files) == 0 {
		return
	}
	c, _, _, err := b.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{a.user}})
	for _, f := range files {
		if err == nil {
			err = b.upload(ctx, c.ID, "", f)
		}
	}
	if err != nil {
		b.Log.ErrorContext(ctx, "slack: sending a file to a person", "user", a.user, "err", b.secrets.err(err))
	}
}

// retryTwice calls f at most three times, as long as trying again may help.
func retryTwice(ctx context.Context, f func() error) error {
	n := 0
	var last error
	err := retry(ctx, func() error {
		if n++; n > 3 {
			return nil
		}
		last = f()
		return last
	})
	if n > 3 {
		return last
	}
	return err
}

// upload puts a file into a channel, or a thread of it.
func (b *Bot) upload(ctx context.Context, channel, thread string, f view.File) error {
	content := []byte(blocks.Redact(b.secrets.text(f.Text)))
	if f.Data != nil {
		content = f.Data
	}
	_, err := b.api.UploadFileContext(ctx, slack.UploadFileParameters{
		Filename: f.Name, Title: f.Name, FileSize: len(content), Reader: bytes.NewReader(content),
		Channel: channel, ThreadTimestamp: thread,
	})
	return err
}
