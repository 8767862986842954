package bot

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"aurorabot/bot/link"
)

// Health is how the bot fares, for a health page and metrics.
type Health struct {
	Links   []link.Health
	Others  int   // Socket Mode links of the app that are not ours: another bot runs, or ghosts of an old one.
	Waiting int   // Requests in hand.
	Unsent  int   // Messages that wait for Slack.
	Unknown int64 // Envelopes that nobody here understands.
	Late    int64 // Acknowledgements that came too late or did not leave.
	Busy    int64 // Requests answered "busy".
	LeftOut int64 // Messages and files of runs that Slack refused, and a note stands for.
}

// Health tells how the bot fares now.
func (b *Bot) Health() Health {
	return Health{
		Links:   b.links.Health(),
		Others:  b.links.Others(),
		Waiting: b.work.waiting() + b.decide.waiting() + b.quick.waiting(),
		Unsent:  b.outbox.Unsent(),
		Unknown: b.links.Unknown(),
		Late:    b.links.Late(),
		Busy:    b.busied.Load(),
		LeftOut: b.threads.leftOut.Load(),
	}
}

// Ready returns nil if people can reach the bot and see what they are asked, else why
// they cannot. That the Web API answers does not count: a deaf bot can still post.
func (b *Bot) Ready() error {
	if why := b.denied.Load(); why != nil {
		return fmt.Errorf("slack: not let in: %w", *why)
	}
	if !b.running.Load() {
		return errors.New("slack: not started, or stopping")
	}
	if err := b.deaf(); err != nil {
		return err
	}
	return b.threads.unseenFor(notReadyFrom)
}

// deaf is an error if nobody can reach the bot over a link.
func (b *Bot) deaf() error {
	if reached(b.links.Health(), b.Now(), b.PingTimeout) {
		return nil
	}
	if why := b.links.Trouble(); why != nil {
		return b.secrets.Err(why)
	}
	heard := b.links.Heard()
	if heard.IsZero() {
		return fmt.Errorf("slack: none of %d links was ever up", b.Links)
	}
	return fmt.Errorf("slack: deaf: nothing heard on %d links since %s", b.Links, heard.Format(time.RFC3339))
}

// reached reports whether a link is up that said something within d.
func reached(links []link.Health, now time.Time, d time.Duration) bool {
	return slices.ContainsFunc(links, func(l link.Health) bool { return l.Up && now.Sub(l.Heard) <= d })
}

// But is what does not keep people from the bot and should be known, "" if there is nothing.
func (b *Bot) But() string {
	if n := b.threads.leavesOut(); n > 0 {
		return fmt.Sprintf("slack does not show %d messages or files of open runs: the log says why", n)
	}
	return ""
}
