package bot

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"regexp"
	"sync"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/handlers/view"
)

// threads make Slack show of each run what its events say. They are told that
// a run changed, never what: they ask for the whole, and put what differs from
// what Slack has into the outbox.
type threads struct {
	bot  *Bot
	wake chan struct{}

	mu    sync.Mutex
	stale []string // Runs to look at, oldest first.
	busy  bool
}

// breath is what the walk waits after it looked at a run: events come in bursts,
// Slack takes one post a second, and a look reads and renders the whole run.
const breath = 400 * time.Millisecond

func newThreads(b *Bot) *threads { return &threads{bot: b, wake: make(chan struct{}, 1)} }

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
		if t.bot.store.isClosed(run) {
			continue
		}
		err := errors.New("panic")
		guard(t.bot.panicked, func() { err = t.show(run) })
		if err != nil {
			t.bot.Log.ErrorContext(ctx, "slack: showing a run, will try again", "run", run, "err", t.bot.secrets.err(err))
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
	s, err := t.bot.service.Screens(run)
	if err != nil {
		return err
	}
	channel := t.home(run, s.Home)
	if channel == "" || s.Status.Head == "" && len(s.Status.Lines) == 0 {
		return nil // Nowhere to show it, or nothing to show.
	}
	whole := t.message(channel, run, statusKey, false, view.Keyed{Message: s.Status, Final: s.Closed})
	for _, k := range s.Channel {
		whole = t.message(channel, run, "channel/"+k.Key, false, k) && whole
	}
	for _, k := range s.Thread {
		whole = t.message(channel, run, "thread/"+k.Key, true, k) && whole
	}
	whole = t.bot.directs.show(run, s) && whole
	t.bot.homes.changed()
	if s.Closed && whole {
		return t.bot.store.close(run)
	}
	return nil
}

var channelID = regexp.MustCompile(`^[CDG][A-Z0-9]{5,}$`)

// home is the channel of a run: where its status stands, else where it was
// asked. "": it is shown nowhere.
func (t *threads) home(run, asked string) string {
	if p, ok := t.bot.store.post(run, statusKey); ok && p.Channel != "" {
		return p.Channel
	}
	if asked == "" || channelID.MatchString(asked) {
		return asked
	}
	return t.bot.Channel
}

// message puts into the outbox what differs of one message and its files.
// whole: nothing does.
func (t *threads) message(channel, run, key string, below bool, k view.Keyed) (whole bool) {
	whole = t.want(&item{channel: channel, run: run, key: key, below: below, message: k.Message, hash: hash(k.Message)})
	files := k.Message.Files
	if k.Final {
		// What was cut goes along once it does not change any more.
		files = append(files[:len(files):len(files)], blocks.Lay(t.bot.typed(k.Message, below)).Files...)
	}
	for _, f := range files {
		whole = t.want(&item{channel: channel, run: run, key: fileKey(key, f), below: true, file: &f, hash: hash(f)}) && whole
	}
	return whole
}

func (t *threads) want(i *item) bool {
	if p, ok := t.bot.store.post(i.run, i.key); ok && p.TS != "" && p.Hash == i.hash {
		return true
	}
	t.bot.outbox.put(i)
	return false
}

func hash(v any) string {
	js, _ := json.Marshal(v)
	sum := sha256.Sum256(js)
	return hex.EncodeToString(sum[:12])
}
