// Package link holds the Socket Mode links of the app: it opens them, keeps
// them up, hands over every envelope, and knows since when nobody heard Slack.
package link

import (
	"context"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack/socketmode"

	"aurorabot/bot/web"
)

// Config is what links are made of. Nothing has a default.
type Config struct {
	APIURL, BotToken, AppToken string

	Links       int           // How many.
	PingTimeout time.Duration // Longest time to be deaf: a link over which nothing comes is opened anew before that is over.
	Within      time.Duration // Longest time for each of: Slack's answer to the call, the dial, the hello. Then it is given up and tried again.
	Transport   http.RoundTripper
	Secrets     web.Redactor
	Log         *slog.Logger
	Now         func() time.Time

	Deaf     time.Time       // When the process before this one heard Slack last; zero: never.
	Take     func(Envelope)  // Called with what people did. It does not block, for the link's pings wait.
	Back     func(time.Time) // Called when a link is up again after a time without any; since when there was none.
	Panicked func(p any)     // Called with what a panic said that ended there.

	Explain func(error) error // Says of Slack's refusal of a link what to do about it.
}

// An Envelope is what Slack sent over a link, not acknowledged yet.
type Envelope struct {
	socketmode.Event
	link *link
}

// Ack acknowledges e, with a payload or nil. It does not block.
func (e Envelope) Ack(payload any) { e.link.ack(e.Request.EnvelopeID, payload) }

// Links are all links of this process. Make them with [New].
type Links struct {
	Config
	all   []*link
	opens opens

	late, unknown, others atomic.Int64
	denials               atomic.Int64 // How often in a row Slack did not let the bot in.
	trouble               atomic.Pointer[error]

	gap       sync.Mutex
	deafSince time.Time // Since when no link is up, in this process or the one before; zero: one is, or none ever was.
}

// New makes links that are not opened yet: see [Links.Run].
func New(c Config) *Links {
	s := &Links{Config: c, deafSince: c.Deaf}
	s.opens.now = c.Now
	for n := range c.Links {
		s.all = append(s.all, newLink(s, n+1))
	}
	return s
}

// Run keeps the links up until ctx ends. fail is called with what trying again
// does not help against; the other links stay up, for what is in hand to end.
func (s *Links) Run(ctx context.Context, fail func(error)) {
	var parts sync.WaitGroup
	for _, l := range s.all {
		parts.Go(func() {
			if err := l.run(ctx); err != nil {
				fail(err)
			}
		})
	}
	parts.Wait()
}

// Health is how one link fares.
type Health struct {
	Up    bool
	Since time.Time // When it was opened; zero: it is not open.
	Heard time.Time // When anything last came, pings included; zero: never.
}

// Health tells how each link fares now.
func (s *Links) Health() []Health {
	var list []Health
	for _, l := range s.all {
		list = append(list, l.health())
	}
	return list
}

// Late is how many acknowledgements came too late or did not leave.
func (s *Links) Late() int64 { return s.late.Load() }

// Unknown is how many envelopes nobody here understood.
func (s *Links) Unknown() int64 { return s.unknown.Load() }

// Others is how many links the app has that are not ours: another bot runs, or
// ghosts of an old one.
func (s *Links) Others() int { return int(s.others.Load()) }

// Trouble is why Slack gives no link, in its own words and explained; nil: it gave one
// since, or said nothing that stands until somebody acts.
func (s *Links) Trouble() error {
	if why := s.trouble.Load(); why != nil {
		return *why
	}
	return nil
}

// complain says once what Slack refuses links for, if that does not pass by itself.
// What is known to stay ends the bot's links; for a word that nobody here knows they
// are asked for again and again, which helps only whom somebody tells.
func (s *Links) complain(ctx context.Context, err error) {
	if web.Code(err) == "" || web.Judge(err) == web.Again || web.Judge(err) == web.Later || web.Barred(err) {
		return
	}
	why := s.Explain(err)
	if was := s.trouble.Swap(&why); was == nil || web.Code(*was) != web.Code(err) {
		s.Log.ErrorContext(ctx, "slack: no link is given, asking again", "err", s.Secrets.Err(why))
	}
}

// Settled reports whether all that came was handed over and, as far as can be
// known, every acknowledgement has left.
func (s *Links) Settled() bool {
	return !slices.ContainsFunc(s.all, func(l *link) bool { return !l.settled() || len(l.client.Events) > 0 })
}

// Heard is when anything last came over a link; zero: never.
func (s *Links) Heard() time.Time {
	var heard time.Time
	for _, l := range s.all {
		if at := l.health().Heard; at.After(heard) {
			heard = at
		}
	}
	return heard
}

// mayBeDeaf notes since when nothing is heard, if no link is up any more.
func (s *Links) mayBeDeaf() {
	if slices.ContainsFunc(s.all, func(l *link) bool { return l.health().Up }) {
		return
	}
	heard := s.Heard()
	s.gap.Lock()
	defer s.gap.Unlock()
	if s.deafSince.IsZero() {
		s.deafSince = heard
	}
}

// hears ends a time without links.
func (s *Links) hears() {
	s.trouble.Store(nil)
	s.gap.Lock()
	since := s.deafSince
	s.deafSince = time.Time{}
	s.gap.Unlock()
	if !since.IsZero() {
		s.Back(since)
	}
}

// strangers notes how many links of the app are not ours, as hello tells.
// Whoever has the same token gets a share of the envelopes.
func (s *Links) strangers(ctx context.Context, all int) {
	// Ours that are not up may still count at Slack: only more than we ever
	// open is certain.
	others := max(all-len(s.all), 0)
	if old := s.others.Swap(int64(others)); others > 0 && old != int64(others) {
		s.Log.WarnContext(ctx, "slack: more links of this app than this bot has: a second bot takes a share of the requests, or ghosts of an old one do",
			"links", all, "ours", len(s.all))
	}
}
