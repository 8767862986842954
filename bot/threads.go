package bot

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// threads make Slack show of each run what its events say. They are told that
// a run changed, never what: they ask for the whole, and put what differs from
// what Slack has into the outbox.
type threads struct {
	*app
	directs *directs
	homes   *homes
	wake    chan struct{}

	mu    sync.Mutex
	stale []string // Runs to look at, oldest first.
	busy  bool
}

// breath is what the walk waits after it looked at a run: events come in bursts,
// Slack takes one post a second, and a look reads and renders the whole run.
const breath = 400 * time.Millisecond

func newThreads(b *app, d *directs, h *homes) *threads {
	return &threads{app: b, directs: d, homes: h, wake: make(chan struct{}, 1)}
}

// changed has a run looked at. It does not block.
func (t *threads) changed(run string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.stale {
		if r == run {
			return
		}
	}
	t.stale = append(t.stale, run)
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// pending reports whether a run waits to be looked at.
func (t *threads) pending() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.busy || len(t.stale) > 0
}

func (t *threads) next() (string, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.busy = len(t.stale) > 0; !t.busy {
		return "", false
	}
	run := t.stale[0]
	t.stale = t.stale[1:]
	return run, true
}

// walk looks at runs until ctx ends.
func (t *threads) walk(ctx context.Context) {
	for {
		run, ok := t.next()
		if !ok {
			select {
			case <-t.wake:
				continue
			case <-ctx.Done():
				return
			}
		}
		if t.store.Closed(run) {
			continue
		}
		err := errors.New("panic")
		web.Guard(t.panicked, func() { err = t.show(run) })
		if err != nil {
			t.Log.ErrorContext(ctx, "slack: showing a run, will try again", "run", run, "err", t.secrets.Err(err))
			time.AfterFunc(30*time.Second, func() { t.changed(run) })
		}
		select {
		case <-time.After(breath):
		case <-ctx.Done():
			return
		}
	}
}

// show puts into the outbox what Slack does not have of a run.
func (t *threads) show(run string) error {
	s, err := t.service.Screens(run)
	if err != nil {
		return err
	}
	channel := t.home(run, s.Home)
	if channel == "" || s.Status.Head == "" && len(s.Status.Lines) == 0 {
		return nil // Nowhere to show it, or nothing to show.
	}
	whole := t.message(channel, run, outbox.StatusKey, false, view.Keyed{Message: s.Status, Final: s.Closed})
	for _, k := range s.Channel {
		whole = t.message(channel, run, "channel/"+k.Key, false, k) && whole
	}
	for _, k := range s.Thread {
		whole = t.message(channel, run, "thread/"+k.Key, true, k) && whole
	}
	whole = t.directs.show(run, s) && whole
	t.homes.changed()
	if s.Closed && whole {
		return t.store.close(run)
	}
	return nil
}

var channelID = regexp.MustCompile(`^[CDG][A-Z0-9]{5,}$`)

// home is the channel of a run: where its status stands, else where it was
// asked. "": it is shown nowhere.
func (t *threads) home(run, asked string) string {
	if p, ok := t.store.Post(run, outbox.StatusKey); ok && p.Channel != "" {
		return p.Channel
	}
	if asked == "" || channelID.MatchString(asked) {
		return asked
	}
	return t.Channel
}

// message puts into the outbox what differs of one message and its files.
// whole: nothing does.
func (t *threads) message(channel, run, key string, below bool, k view.Keyed) (whole bool) {
	whole = t.outbox.Want(&outbox.Item{Channel: channel, Run: run, Key: key, Below: below, Message: k.Message, Hash: outbox.Hash(k.Message)})
	files := k.Message.Files
	if k.Final {
		// What was cut goes along once it does not change any more.
		files = append(files[:len(files):len(files)], blocks.Lay(t.outbox.Typed(k.Message, below)).Files...)
	}
	for _, f := range files {
		whole = t.outbox.Want(&outbox.Item{Channel: channel, Run: run, Key: outbox.FileKey(key, f), Below: true, File: &f, Hash: outbox.Hash(f)}) && whole
	}
	return whole
}
