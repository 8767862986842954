package bot

import (
	"context"
	"fmt"
	"time"

	"aurorabot/handlers/view"
)

// mentionable is how long a time without any link must be to be told of:
// within it Slack's own users saw their commands fail.
const mentionable = time.Minute

// mayBeDeaf notes since when nothing is heard, if no link is up any more.
func (b *Bot) mayBeDeaf() {
	var heard time.Time
	for _, l := range b.links {
		h := l.health()
		if h.Up {
			return
		}
		if h.Heard.After(heard) {
			heard = h.Heard
		}
	}
	b.gap.Lock()
	defer b.gap.Unlock()
	if b.deafSince.IsZero() {
		b.deafSince = heard
	}
}

// hears ends a time without links. If it was long, the threads of open runs
// are told: somebody may have pressed or typed what the bot never heard of.
func (b *Bot) hears() {
	b.gap.Lock()
	since := b.deafSince
	b.deafSince = time.Time{}
	b.gap.Unlock()
	now := b.Now()
	if since.IsZero() || now.Sub(since) < mentionable {
		return
	}
	b.Log.WarnContext(context.Background(), "slack: heard nothing", "since", since, "for", now.Sub(since))
	m := view.Message{
		Tone: view.Warn,
		Head: fmt.Sprintf("The bot heard nothing from Slack for %s", now.Sub(since).Round(time.Second)),
		Lines: []string{fmt.Sprintf("From %s to %s. What was typed or pressed meanwhile did not reach it: do it again. The run itself was not held up.",
			since.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))},
	}
	for _, run := range b.store.runs() {
		if p, ok := b.store.post(run, statusKey); ok && p.TS != "" {
			b.outbox.put(&item{channel: p.Channel, thread: p.TS, key: b.outbox.once(), single: true, message: m})
		}
	}
}
