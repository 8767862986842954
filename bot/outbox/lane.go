package outbox

import (
	"context"
	"slices"
	"sync"
	"time"
)

// A lane is one channel's queue.
type lane struct {
	wake chan struct{}

	mu     sync.Mutex
	items  []*Item
	flying *Item
	sent   map[string]time.Time // When each message was last sent, by item id.
}

// EditGap is how many of [Config.Pace] lie between two edits of one message,
// so that the edits of a busy run take neither the channel's turns from what is
// new nor, all runs together, what Slack allows of chat.update: 50 a minute.
const EditGap = 3

func (l *lane) put(i *Item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	replaced := false
	for n, old := range l.items {
		if old.id() == i.id() {
			i.since, i.level = old.since, old.level
			l.items[n], replaced = i, true
		}
	}
	switch {
	case replaced:
	case i.urgent():
		first := slices.IndexFunc(l.items, func(o *Item) bool { return !o.urgent() })
		if first < 0 {
			first = len(l.items)
		}
		l.items = slices.Insert(l.items, first, i)
	default:
		l.items = append(l.items, i)
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next takes out the first item whose turn it is: not sooner than gap after
// the same message was sent before, unless people wait for it. Nil: there is
// none; wait is how long there will be none, 0 for as long as nothing is put.
func (l *lane) next(now time.Time, gap time.Duration) (i *Item, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n, i := range l.items {
		left := gap - now.Sub(l.sent[i.id()])
		if left <= 0 || i.urgent() {
			l.flying = i
			l.items = slices.Delete(l.items, n, n+1)
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
	l.flying = nil
	for _, newer := range l.items {
		if newer.id() == i.id() {
			newer.level = i.level
			return
		}
	}
	if first {
		l.items = append([]*Item{i}, l.items...)
		return
	}
	l.items = append(l.items, i)
}

// landed ends the flight of the item that next gave. sent: Slack has it anew.
func (l *lane) landed(now time.Time, sent bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if sent && !l.flying.Single {
		l.sent[l.flying.id()] = now
	}
	l.flying = nil
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
