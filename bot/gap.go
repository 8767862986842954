package bot

import (
	"context"
	"fmt"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// mentionable is how long a time without any link must be to be told of:
// within it Slack's own users saw their commands fail.
const mentionable = time.Minute

// heardEvery is how often it is written down that the bot hears: a new process
// knows by that since when nobody did.
const heardEvery = time.Minute

// listening writes down that the bot hears, until ctx ends.
func (b *Bot) listening(ctx context.Context) {
	for web.Pause(ctx, heardEvery) == nil {
		if b.deaf() != nil {
			continue
		}
		if err := b.store.hears(b.Now()); err != nil {
			b.Log.ErrorContext(ctx, "slack: remembering that it hears", "err", err)
		}
	}
}

// back is called after a time without links. What was said to the bot meanwhile is looked
// for. If the time was long, the threads of open runs are told: somebody may
// have pressed a button or typed a command, which Slack keeps nowhere.
func (l *lookback) back(since time.Time) {
	now := l.Now()
	if now.Sub(since) < missable {
		return
	}
	look := func() { l.look(since) }
	if l.work.put("", "missed", look) != nil && l.quick.put("", "missed", look) != nil {
		l.Log.ErrorContext(context.Background(), "slack: too busy to look for what was missed", "since", since)
	}
	if now.Sub(since) < mentionable {
		return
	}
	l.Log.WarnContext(context.Background(), "slack: heard nothing", "since", since, "for", now.Sub(since))
	m := view.Message{
		Tone: view.Warn,
		Head: fmt.Sprintf("The bot heard nothing from Slack for %s", now.Sub(since).Round(time.Second)),
		Lines: []string{fmt.Sprintf("From %s to %s. Slash commands and presses of that time did not reach it: do them again. What mentions it is looked for and answered now. The run itself was not held up.",
			since.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))},
	}
	for _, run := range l.store.runs() {
		if p, ok := l.store.Post(run, outbox.StatusKey); ok && p.TS != "" {
			l.outbox.Put(&outbox.Item{Channel: p.Channel, Thread: p.TS, Key: l.outbox.Once(), Single: true, Message: m})
		}
	}
}
