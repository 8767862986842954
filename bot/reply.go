package bot

import (
	"context"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// whisperWithin is the longest time to try one way to tell one person something.
const whisperWithin = 5 * time.Second

// reply tells what the service said: to the person alone, below the run's
// message, or where it was asked. It ends the request, when that is told.
func (in *intake) reply(ctx context.Context, a *ask, r handlers.Response) {
	switch {
	case r.Message.Head == "" && len(r.Message.Lines) == 0:
		in.ledger.answered(a)
	case r.Private:
		in.whisper(ctx, a, r.Message)
		in.ledger.answered(a)
	default:
		in.outbox.Put(&outbox.Item{
			Channel: a.channel, Thread: a.thread, Run: r.Run, Key: in.outbox.Once(), Single: true, Message: r.Message,
			Told: func() { in.ledger.answered(a) },
			Lost: func(err error) {
				_ = in.quick.put("", "lost", func() {
					in.whisper(in.working, a, unposted(r.Message, err))
					in.ledger.answered(a)
				})
			},
		})
	}
}

// unposted is m for the person who asked alone, because the channel cannot have it.
func unposted(m view.Message, err error) view.Message {
	why := "Only you see this: posting it into the channel was refused: " + err.Error() + "."
	if web.Code(err) == "not_in_channel" || web.Code(err) == "channel_not_found" {
		why = "Only you see this: the bot is not in this channel. Invite it, or nobody can follow or approve here."
	}
	m.Lines = append([]string{why}, m.Lines...)
	return m
}

// whisper tells m to the person who asked, and to nobody else: in a direct message as a
// message, which stays; else through the response URL, which works in every channel;
// else as an ephemeral message; else in a direct message. If nothing of it goes, only
// the log has it.
func (b *app) whisper(ctx context.Context, a *ask, m view.Message) {
	if err := b.tell(ctx, a, m); err != nil {
		b.Log.ErrorContext(ctx, "slack: telling a person", "user", a.user, "err", err)
	}
}

// A way is one to tell somebody something.
type way struct {
	open bool // It may be tried.
	send func(ctx context.Context, l blocks.Layout, text string) error
}

// ways are those to whoever asked a, the best first.
func (b *app) ways(a *ask, thread string) []way {
	post := func(channel, thread string) func(context.Context, blocks.Layout, string) error {
		return func(ctx context.Context, l blocks.Layout, text string) error {
			_, _, err := b.api.PostMessageContext(web.Into(ctx, channel), channel, outbox.Options(l, text, thread)...)
			return err
		}
	}
	return []way{
		{strings.HasPrefix(a.channel, "D"), post(a.channel, thread)},
		{a.responseURL != "", func(ctx context.Context, l blocks.Layout, text string) error {
			return slack.PostWebhookCustomHTTPContext(ctx, a.responseURL, b.web, &slack.WebhookMessage{
				ResponseType: slack.ResponseTypeEphemeral, ThreadTimestamp: thread,
				Text: text, Blocks: &slack.Blocks{BlockSet: l.Blocks},
			})
		}},
		{a.channel != "", func(ctx context.Context, l blocks.Layout, text string) error {
			_, err := b.api.PostEphemeralContext(ctx, a.channel, a.user, outbox.Options(l, text, thread)...)
			return err
		}},
		{true, post(a.user, "")},
	}
}

// tell is whisper for those who have to know whether it went.
func (b *app) tell(ctx context.Context, a *ask, m view.Message) error {
	thread := a.thread
	if a.alone {
		thread = ""
	}
	var last error
	for _, w := range b.ways(a, thread) {
		if !w.open {
			continue
		}
		// One that hangs takes no time from the next.
		within, cancel := context.WithTimeout(ctx, whisperWithin)
		l, err := b.outbox.InSomeLayout(m, thread != "", func(l blocks.Layout, text string) error {
			return web.RetryTwice(within, func() error { return w.send(within, l, text) })
		})
		cancel()
		if err == nil {
			b.whisperFiles(ctx, a, l.Files)
			return nil
		}
		last = err
	}
	return b.secrets.Err(last)
}

// whisperFiles sends what did not fit into a private message in a direct message.
func (b *app) whisperFiles(ctx context.Context, a *ask, files []view.File) {
	if len(files) == 0 {
		return
	}
	c, _, _, err := b.api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{a.user}})
	for _, f := range files {
		if err == nil {
			err = b.outbox.Upload(ctx, c.ID, "", f)
		}
	}
	if err != nil {
		b.Log.ErrorContext(ctx, "slack: sending a file to a person", "user", a.user, "err", b.secrets.Err(err))
	}
}
