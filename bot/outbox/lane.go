package outbox

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/web"
)

// A lane is one channel's queue.
type lane struct {
	wake chan struct{}

	mu     sync.Mutex
	items  []*Item
	flying *Item
	end    context.CancelFunc   // Ends the flight.
	sent   map[string]time.Time // When each message was last sent, by item id.

	// What Slack did not take of late, by method: what fails with one holds up no other.
	trouble map[string]trouble
}

// Trouble is that a method failed.
type trouble struct {
	limit time.Time     // Slack said: not before.
	at    time.Time     // When it failed last.
	wait  time.Duration // How long to wait after that.
}

// urgentWait is the longest that a message waits that people are asked by, for a method
// that failed without Slack saying for how long: with a call that hangs before it, see
// callWithin, it is there within 10 s of the end of the trouble.
const urgentWait = 3 * time.Second

// left is how long i may not be sent by a method.
func (t trouble) left(i *Item, now time.Time) time.Duration {
	wait := t.wait
	if i.Haste == Asked {
		wait = min(wait, urgentWait)
	}
	return max(t.limit.Sub(now), t.at.Add(wait).Sub(now), 0)
}

func newLane() *lane {
	return &lane{wake: make(chan struct{}, 1), sent: map[string]time.Time{}, trouble: map[string]trouble{}}
}

// preemptAfter is how long a message that nobody is asked by may be on its way while
// one that people are asked by waits. What is cut off is looked for, and sent again.
const preemptAfter = time.Second

// preempt ends the flight of what nobody is asked by, unless it ends soon by itself.
// The caller holds mu.
func (l *lane) preempt() {
	slow := l.flying
	if slow == nil || slow.Haste == Asked {
		return
	}
	time.AfterFunc(preemptAfter, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.flying == slow && l.end != nil {
			l.end()
		}
	})
}

// failed has nothing sent by a method for a while: as long as Slack said, else longer
// each time. It returns for how long.
func (l *lane) failed(method string, err error, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.trouble[method]
	defer func() { l.trouble[method] = t }()
	if limit, ok := errors.AsType[*slack.RateLimitedError](err); ok && limit.RetryAfter > 0 {
		t.limit = now.Add(limit.RetryAfter)
		return limit.RetryAfter
	}
	t.at, t.wait = now, max(web.FirstWait, min(2*t.wait, web.LongestWait))
	return t.wait
}

// works forgets that a method failed.
func (l *lane) works(method string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.trouble, method)
}

// holds reports whether something of a run waits or is on its way.
func (l *lane) holds(run string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.flying != nil && l.flying.Run == run || slices.ContainsFunc(l.items, func(i *Item) bool { return i.Run == run })
}

// aside reports whether a file is to be given up that fails again and again while Slack
// takes what is said beside it: an upload that never works must not hold up a run's end.
func (i *Item) aside(now, worked time.Time) bool {
	if i.File == nil {
		return false
	}
	if i.tries++; i.tries == 1 {
		i.failed = now
	}
	return i.tries >= FileTries && worked.After(i.failed)
}

// FileTries is how often a file is sent that Slack does not take.
const FileTries = 3

// EditGap is how many of [Config.Pace] lie between two edits of one message,
// so that the edits of a busy run take neither the channel's turns from what is
// new nor, all runs together, what Slack allows of chat.update: 50 a minute.
const EditGap = 3

func (l *lane) put(i *Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := slices.IndexFunc(l.items, func(old *Item) bool { return old.id() == i.id() })
	switch {
	case n >= 0:
		old := l.items[n]
		i.since, i.level, i.tries, i.failed, i.after = old.since, old.level, old.tries, old.failed, old.after
		if old.Haste >= i.Haste {
			l.items[n] = i // In its place.
			break
		}
		l.items = slices.Delete(l.items, n, n+1)
		fallthrough
	default:
		l.insert(i, false)
	}
	if i.Haste == Asked {
		l.preempt()
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// insert puts i behind what has more haste; first: before what has as much.
func (l *lane) insert(i *Item, first bool) {
	at := slices.IndexFunc(l.items, func(o *Item) bool { return o.Haste < i.Haste || first && o.Haste == i.Haste })
	if at < 0 {
		at = len(l.items)
	}
	l.items = slices.Insert(l.items, at, i)
}

// next takes out the first item whose turn it is: not sooner than gap after
// the same message was sent before, unless people wait for it, and not by a method
// that failed of late. Nil: there is none; wait is how long there will be none, 0 for
// as long as nothing is put. end ends its flight.
func (l *lane) next(now time.Time, gap time.Duration, method func(*Item) string, end context.CancelFunc) (i *Item, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, i := range l.items {
		left := gap - now.Sub(l.sent[i.id()])
		if i.Haste == Asked {
			left = 0
		}
		if left = max(left, l.trouble[method(i)].left(i, now), i.after.Sub(now)); left <= 0 {
			l.flying, l.end = i, end
			l.items = slices.Delete(l.items, n, n+1)
			if slices.ContainsFunc(l.items, func(o *Item) bool { return o.Haste == Asked }) {
				l.preempt() // It waits for its own turn, and must not wait for this as well.
			}
			return i, 0
		}
		if wait == 0 || left < wait {
			wait = left
		}
	}
	return nil, wait
}

// again puts i back, first or last, unless a newer state of it has come.
func (l *lane) again(i *Item, first bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.flying, l.end = nil, nil
	for _, newer := range l.items {
		if newer.id() == i.id() {
			newer.level = i.level
			return
		}
	}
	l.insert(i, first)
}

// landed ends the flight of the item that next gave. sent: Slack has it anew.
func (l *lane) landed(now time.Time, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent && !l.flying.Single {
		l.sent[l.flying.id()] = now
	}
	l.flying, l.end = nil, nil
	for id, at := range l.sent {
		if now.Sub(at) > time.Hour {
			delete(l.sent, id)
		}
	}
}

// rest waits until something is put into the lane, or for d if that is not 0.
// A long d is slept in parts, for draining does away with it. It reports false
// when ctx ended.
func (l *lane) rest(ctx context.Context, d time.Duration) bool {
	var due <-chan time.Time
	if d > 0 {
		t := time.NewTimer(min(d, 200*time.Millisecond))
		defer t.Stop()
		due = t.C
	}
	select {
	case <-l.wake:
	case <-due:
	case <-ctx.Done():
		return false
	}
	return true
}
