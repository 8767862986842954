package link

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/goleak"

	"aurorabot/bot/web"
	sandbox "aurorabot/lab/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A desk is two links to a sandbox, whose envelopes are acknowledged at once.
type desk struct {
	*sandbox.Server
	*Links
	t     *testing.T
	log   buffer
	begin func()
	end   func() // Ends the links and waits until they have ended.
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// newDesk makes links that are opened by begin.
func newDesk(t *testing.T) *desk {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	srv, err := sandbox.Start(ctx, sandbox.Options{})
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{Server: srv, t: t}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	d.Links = New(Config{
		APIURL: srv.APIURL(), BotToken: srv.BotToken(), AppToken: srv.AppToken(),
		Links: 2, PingTimeout: 30 * time.Second, Within: 10 * time.Second, Transport: web.Patience(transport, time.Now, slog.New(slog.DiscardHandler)),
		Secrets: web.NewRedactor(nil), Log: slog.New(slog.NewTextHandler(&d.log, nil)), Now: time.Now,
		Take: func(e Envelope) { e.Ack(nil) }, Back: func(time.Time) {},
		Panicked: func(p any) { t.Errorf("a panic: %v", p) },
		Explain:  func(err error) error { return err },
	})
	linked, stop := context.WithCancel(ctx)
	var running sync.WaitGroup
	d.begin = func() {
		running.Go(func() { d.Run(linked, func(err error) { t.Errorf("gave up: %v", err) }) })
		d.until("links up", func() bool { return d.Socket().Links == 2 && d.up(2) })
	}
	d.end = func() {
		stop()
		running.Wait()
	}
	t.Cleanup(func() {
		d.end()
		cancel()
		srv.Close()
		transport.CloseIdleConnections()
		if t.Failed() {
			t.Log(d.log.String())
		}
	})
	return d
}

// up reports whether n links are.
func (d *desk) up(n int) bool {
	for _, h := range d.Health() {
		if h.Up {
			n--
		}
	}
	return n == 0
}

func (d *desk) until(what string, ok func() bool) {
	d.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			d.t.Fatalf("waited 30 s for: %s", what)
		}
	}
}

// Not all is settled while an acknowledgement may not have left, or something
// that came was not handed over.
func TestSettled(t *testing.T) {
	d := newDesk(t)
	l := d.all[1]
	acked := func(ago time.Duration) { l.acked = d.Now().Add(-ago) }
	for _, now := range []struct {
		what    string
		begin   func()
		settled bool
	}{
		{"nothing ever came", func() {}, true},
		{"an acknowledgement waits", func() { l.ack("one", nil) }, false},
		{"the library has it", func() { <-l.acks; acked(0) }, false},
		{"it had time to leave", func() { acked(time.Second) }, true},
		{"an envelope is not looked at", func() { l.client.Events <- socketmode.Event{} }, false},
		{"it is", func() { <-l.client.Events }, true},
	} {
		if now.begin(); d.Settled() != now.settled {
			t.Errorf("%s: settled %v, want %v", now.what, !now.settled, now.settled)
		}
	}
}

// What is said in an acknowledgement is small enough for Slack; what would not
// be leaves without its text, and not at all is worse.
func TestAckIsSmall(t *testing.T) {
	d := newDesk(t)
	d.begin()
	for n, size := range []int{maxAck - 200, maxAck, 20 << 10, 1 << 20} {
		d.all[n%2].ack("none-waits", map[string]any{"text": strings.Repeat("x", size)})
	}
	d.until("all left", func() bool { return d.Socket().LateAcks >= 4 })
	if n := d.Socket().RefusedAcks; n != 0 {
		t.Errorf("Slack dropped %d acknowledgements for their size", n)
	}
	if n := strings.Count(d.log.String(), "acknowledgement was too large"); n != 3 {
		t.Errorf("%d are said to be too large, want 3", n)
	}
}

// Links die while much is to be acknowledged: nothing hangs, and what is late
// is counted.
func TestLateAcksHangNothing(t *testing.T) {
	d := newDesk(t)
	d.begin()
	d.FailOpens(1000, "internal_error")
	d.Kill()
	d.until("no link", func() bool { return d.Socket().Links == 0 && d.up(0) })
	// More than the library takes while it has no link.
	for i := range 60 {
		d.all[i%2].ack(fmt.Sprintf("envelope-%d", i), nil)
	}
	d.until("the late ones are given up", func() bool { return d.Late() >= 20 && len(d.all[0].acks)+len(d.all[1].acks) == 0 })
	d.FailOpens(0, "")
	d.until("links again", func() bool { return d.Socket().Links == 2 && d.up(2) })
}

// A link of ours that Slack still counts, or counts already, while it is not up
// here, is nobody else's.
func TestOwnLinksAreNoStrangers(t *testing.T) {
	d := newDesk(t)
	for all, others := range map[int]int{1: 0, 2: 0, 3: 1} {
		if d.strangers(t.Context(), all); d.Others() != others {
			t.Errorf("of %d links %d are said to be others', want %d", all, d.Others(), others)
		}
	}
}

// A time without links is told once, when it ends, with since when it was.
func TestBack(t *testing.T) {
	d := newDesk(t)
	var back []time.Time
	d.Back = func(since time.Time) { back = append(back, since) }
	before := d.Now().Add(-time.Hour)
	d.deafSince = before
	d.hears()
	d.hears()
	if len(back) != 1 || !back[0].Equal(before) {
		t.Errorf("told of %v, want of %s once", back, before)
	}
	// While a link is up nobody is deaf.
	now := d.Now()
	l := d.all[0]
	l.pulse.read.Store(now.UnixNano())
	l.hello, l.joined = now, now
	if d.mayBeDeaf(); !d.deafSince.IsZero() {
		t.Error("deaf with a link that is up")
	}
	if l.join(time.Time{}); !d.deafSince.Equal(d.Heard()) || !d.Heard().Equal(now) {
		t.Errorf("deaf since %s, want since it last heard: %s", d.deafSince, now)
	}
}

// The library waits ever longer before it asks for a link again. A wait of its
// that is too long is cut short, a shorter one is left to it.
func TestLongWaitsAreCut(t *testing.T) {
	d := newDesk(t)
	l := d.all[0]
	for wait, cut := range map[time.Duration]bool{patient: false, patient + 1: true} {
		was := false
		l.restart = func() { was = true }
		l.refused(t.Context(), &slack.ConnectionErrorEvent{Attempt: 9, Backoff: wait, ErrorObj: errors.New("internal_error")})
		if was != cut {
			t.Errorf("a wait of %s is cut short: %v, want %v", wait, was, cut)
		}
	}
}
