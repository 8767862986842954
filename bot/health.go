package bot

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Health is how the bot fares, for a health page and metrics.
type Health struct {
	Links   []LinkHealth
	Others  int   // Socket Mode links of the app that are not ours: another bot runs, or ghosts of an old one.
	Waiting int   // Requests in hand.
	Unsent  int   // Messages that wait for Slack.
	Unknown int64 // Envelopes that nobody here understands.
	Late    int64 // Acknowledgements that came too late or did not leave.
	Busy    int64 // Requests answered "busy".
}

// LinkHealth is one link.
type LinkHealth struct {
	Up    bool
	Since time.Time // When it was opened; zero: it is not open.
	Heard time.Time // When anything last came, pings included; zero: never.
}

type counters struct{ unknown, late, busy, others atomic.Int64 }

// Health tells how the bot fares now.
func (b *Bot) Health() Health {
	h := Health{
		Others:  int(b.count.others.Load()),
		Waiting: b.work.waiting() + b.quick.waiting(),
		Unsent:  b.outbox.unsent(),
		Unknown: b.count.unknown.Load(),
		Late:    b.count.late.Load(),
		Busy:    b.count.busy.Load(),
	}
	for _, l := range b.links {
		h.Links = append(h.Links, l.health())
	}
	return h
}

// Ready returns nil if people can reach the bot, else why they cannot. That
// the Web API answers does not count: a deaf bot can still post.
func (b *Bot) Ready() error {
	if !b.running.Load() {
		return errors.New("slack: not started, or stopping")
	}
	for _, l := range b.Health().Links {
		if l.Up && b.Now().Sub(l.Heard) <= b.PingTimeout {
			return nil
		}
	}
	heard := b.lastHeard()
	if heard.IsZero() {
		return fmt.Errorf("slack: none of %d links was ever up", len(b.links))
	}
	return fmt.Errorf("slack: deaf: nothing heard on %d links since %s", len(b.links), heard.Format(time.RFC3339))
}

// strangers notes how many links of the app are not ours, as hello tells.
// Whoever has the same token gets a share of the envelopes.
func (b *Bot) strangers(ctx context.Context, all int) {
	// Ours that are not up may still count at Slack: only more than we ever
	// open is certain.
	others := max(all-len(b.links), 0)
	if old := b.count.others.Swap(int64(others)); others > 0 && old != int64(others) {
		b.Log.WarnContext(ctx, "slack: more links of this app than this bot has: a second bot takes a share of the requests, or ghosts of an old one do",
			"links", all, "ours", len(b.links))
	}
}
