package link

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"sync"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"aurorabot/bot/web"
)

const (
	// AckWithin is Slack's deadline for an acknowledgement.
	AckWithin = 3 * time.Second

	// patient is the longest wait of the library's own before it opens anew
	// that we put up with: it grows to five minutes, far longer than an outage.
	patient = 20 * time.Second
)

// A link is one Socket Mode connection, kept up. Slack hands each envelope to
// any one link of the app; with two, one can be exchanged while the other works.
type link struct {
	n      int
	links  *Links
	client *socketmode.Client
	pulse  pulse
	acks   chan ack
	failed chan error // Takes the error that no retry helps against.

	mu      sync.Mutex
	restart context.CancelFunc // Ends the library's present run.
	joined  time.Time          // When the present link was opened; zero: there is none.
	opened  time.Time          // When the last opening began; zero: none yet.
	hello   time.Time          // When Slack said hello last.
	acked   time.Time          // When an acknowledgement was last handed to the library.
}

// mostDenied is how often in a row Slack has to say that the bot is not let in, to any
// link, before it counts: one such answer may be a mistake of Slack's.
const mostDenied = 3

// denied counts err, and returns it where it counts.
func (l *link) denied(ctx context.Context, err error) error {
	n := l.links.denials.Add(1)
	if n >= mostDenied {
		return fmt.Errorf("slack link %d: %w", l.n, err)
	}
	l.links.Log.WarnContext(ctx, "slack: not let in, asking again", "link", l.n, "time", n, "err", l.links.Secrets.Err(err))
	_ = web.Pause(ctx, time.Duration(n)*time.Second) // That ctx ended is seen next.
	return nil
}

type ack struct {
	id      string
	payload any
	by      time.Time
}

func newLink(s *Links, n int) *link {
	l := &link{n: n, links: s, acks: make(chan ack, 1024), failed: make(chan error, 1)}
	l.pulse.now = s.Now
	api := slack.New(s.BotToken,
		slack.OptionAppLevelToken(s.AppToken),
		slack.OptionAPIURL(s.APIURL),
		slack.OptionHTTPClient(&http.Client{Transport: &paced{s.Transport, &s.opens, l}, Timeout: time.Minute}))
	l.client = socketmode.New(api,
		socketmode.OptionDialer(l.pulse.dialer()),
		socketmode.OptionPingInterval(s.PingTimeout),
		socketmode.OptionReadLimit(4<<20),
		socketmode.OptionLog(log.New(io.Discard, "", 0)))
	return l
}

// run keeps the link up until ctx ends. An error is one that trying again does
// not help against.
func (l *link) run(ctx context.Context) error {
	var parts sync.WaitGroup
	defer parts.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts.Go(func() { l.read(ctx) })
	parts.Go(func() { l.acknowledge(ctx) })

	for {
		err := l.once(ctx)
		select {
		case err = <-l.failed:
		default:
		}
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && web.Judge(err) == web.Fatal:
			if err := l.denied(ctx, err); err != nil {
				return err
			}
			continue
		}
		l.links.Log.WarnContext(ctx, "slack: link ended, opening anew", "link", l.n, "err", l.links.Secrets.Err(err))
		if web.Pause(ctx, web.FirstWait) != nil {
			return nil
		}
	}
}

// once runs the library until it gives up or is restarted.
func (l *link) once(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.mu.Lock()
	l.restart = cancel
	l.mu.Unlock()
	return l.client.RunContext(ctx)
}

// read takes what the library read. It never blocks: while it does, the
// library would not answer pings and the link would die unnoticed.
func (l *link) read(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-l.client.Events:
			web.Guard(l.links.Panicked, func() { l.event(ctx, e) })
		}
	}
}

func (l *link) event(ctx context.Context, e socketmode.Event) {
	s := l.links
	switch e.Type {
	case socketmode.EventTypeHello:
		l.greeted()
		s.strangers(ctx, e.Request.NumConnections)
	case socketmode.EventTypeConnected:
		l.join(s.Now())
	case socketmode.EventTypeConnecting:
		l.join(time.Time{})
	case socketmode.EventTypeConnectionError:
		l.refused(ctx, e.Data)
	case socketmode.EventTypeSlashCommand, socketmode.EventTypeInteractive, socketmode.EventTypeEventsAPI:
		s.Take(Envelope{e, l})
	case socketmode.EventTypeErrorBadMessage:
		l.unreadable(ctx, e.Data)
	case socketmode.EventTypeErrorWriteFailed:
		s.late.Add(1)
		s.Log.WarnContext(ctx, "slack: an acknowledgement did not leave", "link", l.n)
	}
}

func (l *link) greeted() {
	l.mu.Lock()
	l.hello = l.links.Now()
	l.mu.Unlock()
	l.links.hears()
}

func (l *link) join(at time.Time) {
	l.mu.Lock()
	l.joined = at
	if !at.IsZero() {
		l.links.denials.Store(0)
	}
	l.mu.Unlock()
	if at.IsZero() {
		l.links.mayBeDeaf()
	}
}

// health tells how the link fares. It is up if Slack said hello on it, or
// something later: a hello can be lost where the link is not.
func (l *link) health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	heard := l.pulse.lastRead()
	return Health{
		Up:    !l.joined.IsZero() && (!l.hello.Before(l.joined) || heard.Sub(l.joined) > time.Second),
		Since: l.joined,
		Heard: heard,
	}
}

// opening says that Slack is asked for a link now.
func (l *link) opening() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened = l.links.Now()
}

// worked reports whether the link that ended lived: Slack said hello and did
// not take it back at once. The first opening of all counts as after one.
func (l *link) worked() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened.IsZero() {
		return true
	}
	return !l.hello.Before(l.opened) && l.links.Now().Sub(l.hello) >= minLife
}

// refused looks at why a link could not be opened.
func (l *link) refused(ctx context.Context, data any) {
	failure, ok := data.(*slack.ConnectionErrorEvent)
	if !ok || failure.ErrorObj == nil || errors.Is(failure.ErrorObj, context.Canceled) {
		return
	}
	l.links.Log.WarnContext(ctx, "slack: no link", "link", l.n, "attempt", failure.Attempt, "err", l.links.Secrets.Err(failure.ErrorObj))
	v := web.Judge(failure.ErrorObj)
	if v == web.Fatal {
		select {
		case l.failed <- failure.ErrorObj:
		default:
		}
	}
	if v == web.Fatal || v != web.Later && failure.Backoff > patient {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.restart()
	}
}

// unreadable acknowledges what the library could not read: unacknowledged it
// would come again, and be as unreadable.
func (l *link) unreadable(ctx context.Context, data any) {
	bad, ok := data.(*socketmode.ErrorBadMessage)
	if !ok {
		return
	}
	l.links.unknown.Add(1)
	var envelope struct {
		ID   string `json:"envelope_id"`
		Type string `json:"type"`
	}
	if json.Unmarshal(bad.Message, &envelope) == nil && envelope.ID != "" {
		l.ack(envelope.ID, nil)
	}
	l.links.Log.WarnContext(ctx, "slack: envelope not understood", "link", l.n, "type", envelope.Type, "err", l.links.Secrets.Err(bad.Cause))
}

// maxAck is how many bytes an acknowledgement may have: Slack drops a larger
// one, and the person sees that the app failed. It is a little less than 20 KB.
const maxAck = 20_000

// ack has an envelope acknowledged, with a payload or nil. It does not block. A
// payload that Slack would not take is left out: what it says is lost to the
// person, but they are not told that nobody heard them.
func (l *link) ack(id string, payload any) {
	if js, err := json.Marshal(payload); err != nil || len(js)+len(id)+64 > maxAck {
		l.links.Log.Error("slack: an acknowledgement was too large; it leaves without its text", "bytes", len(js), "err", err)
		payload = nil
	}
	select {
	case l.acks <- ack{id, payload, l.links.Now().Add(AckWithin)}:
	default:
		l.links.late.Add(1)
	}
}

// acknowledge hands acknowledgements to the library, which blocks while it has
// too many of them and no link. Those past their deadline help nobody.
func (l *link) acknowledge(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-l.acks:
			left := a.by.Sub(l.links.Now())
			if left <= 0 {
				l.links.late.Add(1)
				continue
			}
			one, cancel := context.WithTimeout(ctx, left)
			err := l.client.AckCtx(one, a.id, a.payload)
			cancel()
			if err != nil {
				l.links.late.Add(1)
				l.links.Log.WarnContext(ctx, "slack: acknowledging", "link", l.n, "err", l.links.Secrets.Err(err))
				continue
			}
			l.mu.Lock()
			l.acked = l.links.Now()
			l.mu.Unlock()
		}
	}
}

// settled reports whether, as far as can be known, all acknowledgements have
// left: the library queues them and tells nobody when they are written.
func (l *link) settled() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.acks) > 0 {
		return false
	}
	const longest = 300 * time.Millisecond
	quiet := l.links.Now().Sub(l.acked)
	return quiet > longest || !l.pulse.lastWrite().Before(l.acked) && quiet > longest/6
}
