package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// An outbox sends messages: each channel at Slack's pace, in order, and of
// each message only its last state. What Slack cannot take now waits and loses
// nothing; who puts something in never waits.
type outbox struct {
	bot  *Bot
	sent func(run string) // Called after a message of a run was sent.

	serial atomic.Int64
	begun  string // Makes keys of single messages unique over restarts.

	mu    sync.Mutex
	lanes map[string]*lane
	ctx   context.Context // Nil: not started; lanes only gather.
	wg    sync.WaitGroup
}

// An item is what one message, or one file, should be.
type item struct {
	channel string
	run     string // Below whose status it goes; empty: none.
	key     string
	thread  string // Below what it goes otherwise; empty: the channel itself.
	below   bool   // Below the run's status and nowhere else.
	single  bool   // Nobody will edit it; it is not remembered over a restart.

	message view.Message
	file    *view.File // Instead of message.
	hash    string

	level  int // Which layout Slack took, or may take: see layout.
	state  post
	since  time.Time
	result chan error  // Takes one; nil: nobody waits.
	told   func()      // Called when Slack has it; nil: nobody asks.
	lost   func(error) // Called when Slack refuses it for good; nil: it is logged only.
}

// id is what one item replaces another by.
func (i *item) id() string { return i.run + "\x00" + i.key }

// urgent is what people are asked by: it overtakes what they are only told.
func (i *item) urgent() bool { return !i.below && !i.single && len(i.message.Actions) > 0 }

func newOutbox(b *Bot) *outbox {
	return &outbox{bot: b, lanes: map[string]*lane{}, begun: fmt.Sprint(b.Now().UnixNano())}
}

// errLayout says that what is to be sent could not even be laid out.
var errLayout = fmt.Errorf("a panic while it was laid out: %w", slack.SlackErrorResponse{Err: "not_sendable"})

// once makes a key for a single message.
func (o *outbox) once() string { return fmt.Sprintf("once/%s/%d", o.begun, o.serial.Add(1)) }

// start has everything sent until ctx ends; see [outbox.wait].
func (o *outbox) start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	for _, l := range o.lanes {
		o.wg.Go(func() { o.walk(ctx, l) })
	}
}

// wait returns when nothing is being sent any more, after start's ctx ended.
func (o *outbox) wait() { o.wg.Wait() }

// put has i sent, in place of what the same message should have been before.
func (o *outbox) put(i *item) {
	i.since = o.bot.Now()
	o.mu.Lock()
	l := o.lanes[i.channel]
	if l == nil {
		l = &lane{wake: make(chan struct{}, 1), sent: map[string]time.Time{}}
		o.lanes[i.channel] = l
		if o.ctx != nil {
			o.wg.Go(func() { o.walk(o.ctx, l) })
		}
	}
	o.mu.Unlock()
	l.put(i)
}

// unsent is how many messages wait or are on their way.
func (o *outbox) unsent() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, l := range o.lanes {
		l.mu.Lock()
		n += len(l.items)
		if l.flying != nil {
			n++
		}
		l.mu.Unlock()
	}
	return n
}

// walk sends a channel's items, one after the other.
func (o *outbox) walk(ctx context.Context, l *lane) {
	wait := firstWait
	for {
		gap := editGap * o.bot.Pace
		if o.bot.draining.Load() {
			gap = 0
		}
		i, idle := l.next(o.bot.Now(), gap)
		if i == nil {
			if !l.rest(ctx, idle) {
				return
			}
			continue
		}
		sent, err := false, errLayout
		guard(o.bot.panicked, func() { sent, err = o.deliver(ctx, i) })
		switch {
		case err == nil:
			o.done(i, nil)
			l.landed(o.bot.Now(), sent)
			if wait = firstWait; !sent {
				continue
			}
			if pause(ctx, o.bot.Pace) != nil {
				return
			}
			continue
		case ctx.Err() != nil:
			l.landed(o.bot.Now(), false)
			o.done(i, ctx.Err())
			return
		case errors.Is(err, errParent):
			if o.bot.Now().Sub(i.since) < parentWithin {
				l.again(i, false)
				// What it waits for goes through another round of this loop.
				if pause(ctx, o.bot.Pace/4) != nil {
					return
				}
				continue
			}
		case judge(err) == again || judge(err) == later:
			o.bot.Log.WarnContext(ctx, "slack: sending, will try again", "run", i.run, "key", i.key, "wait", wait, "err", o.bot.secrets.err(err))
			l.again(i, true)
			if pause(ctx, wait) != nil {
				return
			}
			wait = min(2*wait, longestWait)
			continue
		case judge(err) == fatal:
			o.bot.fail(fmt.Errorf("slack: sending: %w", err))
		}
		o.bot.Log.ErrorContext(ctx, "slack: sending, given up", "channel", i.channel, "run", i.run, "key", i.key, "err", o.bot.secrets.err(err))
		if i.lost != nil {
			i.lost(o.bot.secrets.err(err))
		}
		o.done(i, err)
		l.landed(o.bot.Now(), false)
	}
}

func (o *outbox) done(i *item, err error) {
	if i.result != nil {
		i.result <- o.bot.secrets.err(err)
	}
	if err == nil && i.told != nil {
		i.told()
	}
	if err == nil && i.run != "" && !i.single {
		o.sent(i.run)
	}
}
