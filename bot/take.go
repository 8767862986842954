package bot

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"github.com/slack-go/slack/socketmode"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// take acknowledges what came over a link and has it handled. It does not
// block: what cannot be taken is refused in words at once.
func (b *Bot) take(ctx context.Context, l *link, e socketmode.Event) {
	a := read(e, b.self().user)
	switch {
	case a == nil:
		l.ack(e.Request.EnvelopeID, nil)
		return
	case a.stale != nil:
		l.ack(e.Request.EnvelopeID, nil)
		b.people.forget(a.stale)
		return
	case len(a.errors) > 0:
		l.ack(e.Request.EnvelopeID, map[string]any{"response_action": "errors", "errors": a.errors})
		return
	case a.source != "" && !b.store.first(a.source):
		l.ack(e.Request.EnvelopeID, nil)
		return
	}
	if b.enqueue(a) {
		l.ack(e.Request.EnvelopeID, nil)
		return
	}
	// It was not taken, so it may come again and be taken then.
	b.store.forget(a.source)
	b.count.busy.Add(1)
	text := fmt.Sprintf("Busy: %d requests are in hand. Nothing was done; ask again in a minute.", b.Queue)
	if b.draining.Load() {
		text = "The bot is stopping. Nothing was done; ask again in a minute."
	}
	switch {
	case a.answer && e.Request.AcceptsResponsePayload:
		l.ack(e.Request.EnvelopeID, map[string]any{"response_type": "ephemeral", "text": text})
	case a.modal && len(a.inputs()) > 0:
		l.ack(e.Request.EnvelopeID, map[string]any{"response_action": "errors", "errors": map[string]string{a.inputs()[0]: text}})
	default:
		l.ack(e.Request.EnvelopeID, nil)
		b.quick.put("busy", func() { b.whisper(b.working, a, view.Message{Tone: view.Warn, Head: text}) })
	}
}

// enqueue has a handled, or reports that it cannot be.
func (b *Bot) enqueue(a *ask) bool {
	switch {
	case b.draining.Load():
		return false
	case a.home:
		return b.work.put("home/"+a.team+"/"+a.user, func() { b.homes.open(a) })
	case a.form != nil && b.Overview != nil:
		// Not in line: a modal must be opened within three seconds.
		return b.quick.put("form/"+a.team+"/"+a.user, func() { b.fill(a) })
	case a.form != nil && a.words == nil:
		return b.quick.put("form/"+a.team+"/"+a.user, func() {
			b.whisper(b.working, a, view.Message{Tone: view.Warn, Head: "No form is served here. Nothing was done.",
				Lines: []string{fmt.Sprintf("Type `%s recover CLUSTER BACKUP` in a channel.", b.Command)}})
		})
	case a.button != nil:
		// Not in line: a modal must be opened within three seconds.
		return b.quick.put(a.source, func() { b.press(a) })
	}
	return b.work.put(a.line(), func() { b.perform(a) })
}

// slow is how long somebody waits before being told that work goes on.
const slow = 3 * time.Second

// perform has the service handle a, and tells what it says.
func (b *Bot) perform(a *ask) {
	ctx := b.working
	defer b.survive(ctx, a)
	if a.source != "" {
		if err := b.store.keep(a.source); err != nil {
			b.Log.ErrorContext(ctx, "slack: remembering a request", "err", err)
		}
	}
	if a.wrong != nil {
		b.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Not understood: " + a.wrong.Error(),
			Lines: []string{fmt.Sprintf("Nothing was done. `%s help` shows the commands.", b.Command)},
		})
		return
	}
	note := time.AfterFunc(slow, func() {
		b.whisper(ctx, a, view.Message{Head: "Working on " + a.words[0]})
	})
	defer note.Stop()

	actor, err := b.people.Person(ctx, a.team, a.user)
	if err != nil {
		b.Log.ErrorContext(ctx, "slack: looking up who asks", "user", a.user, "err", b.secrets.err(err))
		b.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Refused: Slack does not say who you are",
			Lines: []string{b.secrets.err(err).Error(), "Nothing was done. Ask again, or use the command line on the bot's host."},
		})
		return
	}
	r := b.service.Handle(ctx, handlers.Request{
		Actor:   actor,
		Channel: room(a.channel),
		Thread:  a.thread,
		Words:   a.words,
		At:      b.Now(),
		Source:  a.source,
	})
	note.Stop()
	b.reply(ctx, a, r)
}

// room is how policy calls a channel: all direct messages are one, for nobody
// but the two sees what is decided there.
func room(channel string) string {
	if strings.HasPrefix(channel, "D") {
		return "dm"
	}
	return channel
}

// survive is deferred by what runs on somebody's behalf: a panic there must
// not end the bot in the middle of a recovery.
func (b *Bot) survive(ctx context.Context, a *ask) {
	p := recover()
	if p == nil {
		return
	}
	b.Log.ErrorContext(ctx, "slack: panic while handling a request",
		"panic", b.secrets.text(fmt.Sprint(p)), "stack", b.secrets.text(string(debug.Stack())))
	b.whisper(ctx, a, view.Message{
		Tone:  view.Bad,
		Head:  "The bot itself failed at this request",
		Lines: []string{fmt.Sprintf("What it did before, if anything, is in `%s status`. The cause is in the bot's log.", b.Command)},
	})
}
