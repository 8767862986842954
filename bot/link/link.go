package link

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"sync"
	"sync/atomic"
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
	// What Slack refuses is spaced by [opens] besides.
	patient = 5 * time.Second

	// reopening is what is taken off the silence that a link is granted, at most a
	// tenth of it: the bot is to hear again when that time is over, and not to
	// begin to open a link.
	reopening = 3 * time.Second
)

// A link is one Socket Mode connection, kept up. Slack hands each envelope to
// any one link of the app; with two, one can be exchanged while the other works.
type link struct {
	n      int
	links  *Links
	client *socketmode.Client
	pulse  pulse
	acks   chan ack
	failed chan error  // Takes the error that no retry helps against.
	busy   atomic.Bool // The link is being opened, or up as far as was noticed.

	mu      sync.Mutex
	restart context.CancelFunc // Ends the library's present run, at once.
	joined  time.Time          // When the present link was opened; zero: there is none.
	opened  time.Time          // When the last opening began; zero: none yet.
	granted bool               // Slack answered the call of that opening.
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
		return l.links.Explain(err)
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
	l.pulse.now, l.pulse.closed = s.Now, func() { l.busy.Store(false) }
	api := slack.New(s.BotToken,
		slack.OptionAppLevelToken(s.AppToken),
		slack.OptionAPIURL(s.APIURL),
		slack.OptionHTTPClient(&opener{&http.Client{Transport: s.Transport, Timeout: s.Within}, l}))
	l.client = socketmode.New(api,
		socketmode.OptionDialer(l.pulse.dialer(s.Within)),
		socketmode.OptionPingInterval(s.PingTimeout), // It needs up to twice that; [link.watch] is faster.
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
		case err != nil && web.Barred(err):
			if err := l.denied(ctx, err); err != nil {
				return err
			}
			continue
		}
		l.links.Log.WarnContext(ctx, "slack: link ended, reopening", "link", l.n, "err", l.links.Secrets.Err(err))
		if l.fate() == lived {
			continue // Whoever is deaf waits for nothing.
		}
		if web.Pause(ctx, web.FirstWait) != nil {
			return nil
		}
	}
}

// once runs the library until it gives up or is restarted.
func (l *link) once(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, l.pulse.shut)()
	l.mu.Lock()
	l.restart, l.joined = cancel, time.Time{}
	l.mu.Unlock()
	go l.watch(ctx, cancel)
	return l.client.RunContext(ctx)
}

// watch restarts the link when nothing came over it for so long that Slack would have
// pinged it, or when Slack does not say hello. An opening that hangs is given up by its
// own limits. The library's own watchdog, which measures by another clock and knows
// pings only, looks just once in such a time.
func (l *link) watch(ctx context.Context, restart context.CancelFunc) {
	for web.Pause(ctx, l.patience()) == nil {
		if l.patience() > 0 {
			continue
		}
		l.links.Log.WarnContext(ctx, "slack: the link is silent, opening another", "link", l.n, "heard", l.pulse.lastRead())
		l.pulse.broken.Store(true)
		restart()
		return
	}
}

// patience is how long the link may go on as it is; not above zero: it is deaf. Of one
// that is not open it is when to look again.
func (l *link) patience() time.Duration {
	silence := l.links.PingTimeout - min(l.links.PingTimeout/10, reopening)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.joined.IsZero() {
		return min(silence, l.links.Within)
	}
	now, heard := l.links.Now(), l.pulse.lastRead()
	if heard.Before(l.joined) {
		heard = l.joined
	}
	left := silence - now.Sub(heard)
	if l.hello.Before(l.joined) {
		left = min(left, l.links.Within-now.Sub(l.joined))
	}
	return left
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

// refused looks at why a link could not be opened.
func (l *link) refused(ctx context.Context, data any) {
	failure, ok := data.(*slack.ConnectionErrorEvent)
	if !ok || failure.ErrorObj == nil || errors.Is(failure.ErrorObj, context.Canceled) {
		return
	}
	l.busy.Store(false)
	l.links.Log.WarnContext(ctx, "slack: no link", "link", l.n, "attempt", failure.Attempt, "err", l.links.Secrets.Err(failure.ErrorObj))
	l.links.complain(ctx, failure.ErrorObj)
	barred := web.Barred(failure.ErrorObj)
	if barred {
		select {
		case l.failed <- failure.ErrorObj:
		default:
		}
	}
	if barred || web.Judge(failure.ErrorObj) != web.Later && failure.Backoff > patient {
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

// carrier is the link that acknowledges what came over l: l, or another one that is up
// while l is not. The library would keep it until l is back, which may be too late; that
// link is not the one either over which it came.
func (l *link) carrier() *link {
	for _, o := range append([]*link{l}, l.links.all...) {
		if o.busy.Load() && o.health().Up {
			return o
		}
	}
	return l
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
			by := l.carrier()
			err := by.client.AckCtx(one, a.id, a.payload)
			cancel()
			if err != nil {
				l.links.late.Add(1)
				l.links.Log.WarnContext(ctx, "slack: acknowledging", "link", l.n, "err", l.links.Secrets.Err(err))
				continue
			}
			by.mu.Lock()
			by.acked = l.links.Now()
			by.mu.Unlock()
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
