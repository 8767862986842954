package bot

import (
	"context"
	"fmt"
	"slices"
	"time"

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
	for pause(ctx, heardEvery) == nil {
		if b.Ready() != nil {
			continue
		}
		if err := b.store.hears(b.Now()); err != nil {
			b.Log.ErrorContext(ctx, "slack: remembering that it hears", "err", err)
		}
	}
}

// mayBeDeaf notes since when nothing is heard, if no link is up any more.
func (b *Bot) mayBeDeaf() {
	if slices.ContainsFunc(b.links, func(l *link) bool { return l.health().Up }) {
		return
	}
	heard := b.lastHeard()
	b.gap.Lock()
	defer b.gap.Unlock()
	if b.deafSince.IsZero() {
		b.deafSince = heard
	}
}

// lastHeard is when anything last came over a link; zero: never.
func (b *Bot) lastHeard() time.Time {
	var heard time.Time
	for _, l := range b.links {
		if at := l.health().Heard; at.After(heard) {
			heard = at
		}
	}
	return heard
}

// hears ends a time without links. What was said to the bot meanwhile is looked
// for. If the time was long, the threads of open runs are told: somebody may
// have pressed a button or typed a command, which Slack keeps nowhere.
func (b *Bot) hears() {
	b.gap.Lock()
	since := b.deafSince
	b.deafSince = time.Time{}
	b.gap.Unlock()
	now := b.Now()
	if since.IsZero() || now.Sub(since) < missable {
		return
	}
	look := func() { b.missed(since) }
	if !b.work.put("missed", look) && !b.quick.put("missed", look) {
		b.Log.ErrorContext(context.Background(), "slack: too busy to look for what was missed", "since", since)
	}
	if now.Sub(since) < mentionable {
		return
	}
	b.Log.WarnContext(context.Background(), "slack: heard nothing", "since", since, "for", now.Sub(since))
	m := view.Message{
		Tone: view.Warn,
		Head: fmt.Sprintf("The bot heard nothing from Slack for %s", now.Sub(since).Round(time.Second)),
		Lines: []string{fmt.Sprintf("From %s to %s. Slash commands and presses of that time did not reach it: do them again. What mentions it is looked for and answered now. The run itself was not held up.",
			since.UTC().Format(time.RFC3339), now.UTC().Format(time.RFC3339))},
	}
	for _, run := range b.store.runs() {
		if p, ok := b.store.post(run, statusKey); ok && p.TS != "" {
			b.outbox.put(&item{channel: p.Channel, thread: p.TS, key: b.outbox.once(), single: true, message: m})
		}
	}
}
