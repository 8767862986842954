package bot

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/slack-go/slack/socketmode"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
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
	case !b.first(a):
		l.ack(e.Request.EnvelopeID, nil)
		return
	}
	if a.lasts(b) {
		a.kept = make(chan struct{})
	}
	if b.enqueue(a) {
		ack := func() { l.ack(e.Request.EnvelopeID, nil) }
		if a.kept != nil {
			b.ledger.put(a, ack)
			return
		}
		ack()
		return
	}
	// It was not taken, so it may come again and be taken then.
	b.forget(a)
	busy := b.busy()
	text := busy.Head
	switch {
	case a.answer && e.Request.AcceptsResponsePayload:
		l.ack(e.Request.EnvelopeID, map[string]any{"response_type": "ephemeral", "text": text})
	case a.modal && len(a.inputs()) > 0:
		l.ack(e.Request.EnvelopeID, map[string]any{"response_action": "errors", "errors": map[string]string{a.inputs()[0]: text}})
	default:
		l.ack(e.Request.EnvelopeID, nil)
		b.quick.put("busy", func() { b.whisper(b.working, a, busy) })
	}
}

// busy is what somebody is told whose request is not taken.
func (b *Bot) busy() view.Message {
	b.count.busy.Add(1)
	text := fmt.Sprintf("Busy: %d requests are in hand. Nothing was done; ask again in a minute.", b.Queue)
	if b.draining.Load() {
		text = "The bot is stopping. Nothing was done; ask again in a minute."
	}
	return view.Message{Tone: view.Warn, Head: text}
}

// keys are what a is recognised by when it comes again.
func (a *ask) keys() []string {
	return slices.DeleteFunc([]string{a.source, a.event}, func(k string) bool { return k == "" })
}

// first reports whether a is there for the first time, and remembers it.
func (b *Bot) first(a *ask) bool {
	first := true
	for _, k := range a.keys() {
		first = b.store.first(k) && first
	}
	if a.channel != "" {
		b.spots.heard(spot{a.channel, a.thread}, b.Now())
	}
	return first
}

// forget takes that back: a was not taken.
func (b *Bot) forget(a *ask) {
	for _, k := range a.keys() {
		b.store.forget(k)
	}
}

// lasts reports whether a is something that must not be forgotten once Slack
// was told that it is taken: all but what is only shown, and shown again at the
// next try.
func (a *ask) lasts(b *Bot) bool {
	return !a.home && (a.form == nil || b.Overview == nil && a.words != nil)
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
	b.keep(ctx, a)
	if a.wrong != nil {
		defer b.answered(a)
		b.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Not understood: " + a.wrong.Error(),
			Lines: []string{fmt.Sprintf("Nothing was done. `%s help` shows the commands.", b.Command)},
		})
		return
	}
	note := time.AfterFunc(slow, func() {
		b.whisper(ctx, a, working(a.words[0]))
	})
	defer note.Stop()

	actor, err := b.people.Person(ctx, a.team, a.user)
	if err != nil {
		defer b.answered(a)
		b.Log.ErrorContext(ctx, "slack: looking up who asks", "user", a.user, "err", b.secrets.err(err))
		b.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Refused: Slack does not say who you are",
			Lines: []string{b.secrets.err(err).Error(), "Nothing was done. Ask again, or use the command line on the bot's host."},
		})
		return
	}
	r := b.service.Handle(ctx, b.request(a, actor))
	note.Stop()
	b.reply(ctx, a, r)
}

// request is what a asks of the service, on behalf of who.
func (b *Bot) request(a *ask, who policy.Actor) handlers.Request {
	return handlers.Request{Actor: who, Channel: room(a.channel), Thread: a.thread, Words: a.words, At: b.Now(), Source: a.source}
}

// working is what somebody is told whose request takes its time.
func working(command string) view.Message { return view.Message{Head: "Working on " + command} }

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
	b.panicked(p)
	defer b.answered(a)
	b.whisper(ctx, a, view.Message{
		Tone:  view.Bad,
		Head:  "The bot itself failed at this request",
		Lines: []string{fmt.Sprintf("What it did before, if anything, is in `%s status`. The cause is in the bot's log.", b.Command)},
	})
}
