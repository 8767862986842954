package link

import (
	"context"
	"net/http"
	"sync"
	"time"

	"aurorabot/bot/web"
)

// Between two openings of links, of all links together.
const (
	openGap = 50 * time.Millisecond  // After links that worked.
	lostGap = 500 * time.Millisecond // After an opening that the network kept from its end.
	minGap  = 2 * time.Second        // After one that Slack refused; doubled with each further one,
	maxGap  = 15 * time.Second       // up to this.
	minLife = 200 * time.Millisecond // A link that Slack itself ends sooner than that was refused.
)

// How many openings Slack bears is not known: its documentation grants one a minute and
// more, libraries count with fifty, and bursts are borne beyond that; where it is too
// many Slack says when to come again, and nobody asks before (see [web.Patience]).
//
// A network that kills all of two links every 400 ms costs five openings a second. In the
// middle of an outage a minute of that is worth asking Slack more often than it likes,
// for a press that finds no link is lost. So links that the network killed are opened at
// once while the burst lasts. The second half of it is for a bot that has no link: one
// that has another waits, and the burst lasts twice as long. Then there is one every 5 s:
// an hour of it is about a thousand calls, not the eighteen thousand that the network
// asks for. Calls that Slack never answered do not count.
const (
	burst    = 240
	spare    = burst / 2
	refill   = 5 * time.Second  // Until there is one more.
	spareGap = 20 * time.Second // How long a link waits whose others are up, when only the second half is left.
)

// A fate is what became of an opening.
type fate int

const (
	lived   fate = iota // Slack said hello, and did not take the link back at once. So it is before the first.
	lost                // The network kept it from its end: Slack did not answer, or no hello came through.
	refused             // Slack refused the call, the link, or took it back at once.
)

// opens spaces the calls of apps.connections.open. The library opens anew at
// once when a link ends, however short it lived: refused links would make
// thousands of calls a second.
type opens struct {
	now func() time.Time

	mu       sync.Mutex
	due      time.Time // Of the last opening that nobody refused before,
	last     time.Time // and of the last opening of all. A refused link's wait is no other link's.
	failures int
	used     float64   // Of the burst; what waits for its time is counted, too,
	counted  time.Time // at this time.
}

// slot returns how long to wait before the next opening. was says what became of the
// opening before of the link that asks, alone that no other link is up or being opened.
func (o *opens) slot(was fate, alone bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	o.used = max(0, o.used-float64(now.Sub(o.counted))/float64(refill))
	o.counted = now
	left := burst - o.used
	o.used++

	switch was {
	case lived:
		o.failures = 0
	case refused:
		o.failures++
		return o.at(&o.last, min(minGap<<min(o.failures-1, 8), maxGap), now)
	}
	switch {
	case left < 1:
		return time.Duration((1 - left) * float64(refill))
	case left < spare && !alone:
		return spareGap
	case was == lost:
		return o.at(&o.due, lostGap, now)
	}
	return o.at(&o.due, openGap, now)
}

// at returns how long it is until gap after the time in before, which becomes the next.
func (o *opens) at(before *time.Time, gap time.Duration, now time.Time) time.Duration {
	at := before.Add(gap)
	if at.Before(now) {
		at = now
	}
	*before = at
	if o.last.Before(at) {
		o.last = at
	}
	return at.Sub(now)
}

// unanswered takes back an opening that did not reach Slack.
func (o *opens) unanswered() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.used = max(0, o.used-1)
}

// An opener is one link's client of the Web API: it waits for the link's slot, then asks.
type opener struct {
	client *http.Client
	link   *link
}

// Do is what the library calls.
func (o *opener) Do(r *http.Request) (*http.Response, error) {
	if err := o.link.await(r.Context()); err != nil {
		return nil, err
	}
	resp, err := o.client.Do(r)
	o.link.answered(err == nil)
	return resp, err
}

// await waits until the link may be opened. While it waits it counts as neither up
// nor being opened, so that one link at least is.
func (l *link) await(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err // The library asks once more where it was ended; that is no opening.
	}
	l.busy.Store(false)
	if err := web.Pause(ctx, l.links.opens.slot(l.fate(), l.alone())); err != nil {
		return err
	}
	l.busy.Store(true)
	l.pulse.broken.Store(false)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.opened, l.granted = l.links.Now(), false
	return nil
}

// answered notes whether Slack answered, with whatever.
func (l *link) answered(ok bool) {
	l.busy.Store(ok)
	if !ok {
		l.links.opens.unanswered()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.granted = ok
}

// alone reports whether no other link is up or being opened. One whose end was not
// noticed yet counts as up; when it is noticed that link is the one that is alone.
func (l *link) alone() bool {
	for _, o := range l.links.all {
		if o != l && o.busy.Load() {
			return false
		}
	}
	return true
}

// fate is what became of the link's last opening.
func (l *link) fate() fate {
	broken := l.pulse.broken.Load()
	l.mu.Lock()
	defer l.mu.Unlock()
	greeted := !l.hello.Before(l.opened)
	switch {
	case l.opened.IsZero(), greeted && (broken || l.links.Now().Sub(l.hello) >= minLife):
		return lived
	case !l.granted, broken && !greeted:
		return lost
	}
	return refused
}
