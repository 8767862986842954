package bot

import (
	"cmp"
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

	mu      sync.Mutex
	stale   []string // Runs to look at, oldest first.
	busy    bool
	refused map[string]refusal // Runs that Slack does not show in their channel.
}

// A refusal is Slack's answer to a message of a run in its channel: the bot is not in
// it, it is archived, or the like. People can mend that, and the bot tries again.
type refusal struct {
	code  string
	at    time.Time
	times int
}

// refusedFor is how long the bot waits before it tries a channel again that refused.
var refusedFor = 45 * time.Second // Shorter in tests.

// mostRefused is how often the channel of a run that is over is tried.
const mostRefused = 20

// lost remembers that the channel refused, and has people told elsewhere.
func (t *threads) lost(run string, err error) {
	t.mu.Lock()
	t.refused[run] = refusal{cmp.Or(web.Code(err), "no reason"), t.Now(), t.refused[run].times + 1}
	t.mu.Unlock()
	t.changed(run)
	time.AfterFunc(refusedFor, func() { t.changed(run) })
}

// taken remembers that the channel took a message.
func (t *threads) taken(run string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.refused, run)
}

// refuses is what the run's channel answered last, if it was a refusal; again: it is
// time to try.
func (t *threads) refuses(run string) (r refusal, again bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r, ok := t.refused[run]
	return r, !ok || t.Now().Sub(r.at) >= refusedFor
}

// breath is what the walk waits after it looked at a run: events come in bursts,
// Slack takes one post a second, and a look reads and renders the whole run.
const breath = 400 * time.Millisecond

func newThreads(b *app, d *directs, h *homes) *threads {
	return &threads{app: b, directs: d, homes: h, wake: make(chan struct{}, 1), refused: map[string]refusal{}}
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
	refused, again := t.refuses(run)
	if !again {
		t.directs.instead(run, s, channel, refused.code)
		if s.Closed && refused.times >= mostRefused {
			return t.store.close(run)
		}
		return nil
	}
	whole := t.message(channel, run, outbox.StatusKey, false, view.Keyed{Message: s.Status, Final: s.Closed})
	for _, k := range s.Channel {
		whole = t.message(channel, run, "channel/"+k.Key, false, k) && whole
	}
	for _, k := range s.Thread {
		whole = t.message(channel, run, "thread/"+k.Key, true, k) && whole
	}
	whole = t.directs.show(run, s, refused.code) && whole
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
	i := &outbox.Item{Channel: channel, Run: run, Key: key, Below: below, Message: k.Message, Hash: outbox.Hash(k.Message)}
	if !below { // What stands below another message is refused with that.
		i.Told, i.Lost = func() { t.taken(run) }, func(err error) { t.lost(run, err) }
	}
	whole = t.outbox.Want(i)
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
