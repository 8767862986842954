// Package outbox says things in Slack: each channel at Slack's pace, each
// message once, and of a message that changes only its last state.
package outbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// Config is what an outbox is made of. Nothing has a default.
type Config struct {
	API     *slack.Client
	Memory  Memory
	Command string        // The slash command, for hints.
	Pace    time.Duration // Between two messages to one channel.
	Secrets web.Redactor
	Log     *slog.Logger
	Now     func() time.Time

	Hurry    func() bool      // Reports whether the bot is stopping: edits need not wait for each other then.
	Sent     func(run string) // Called after a message of a run was sent.
	Missing  func(run string) // Called when Slack does not know the message that one of a run goes below.
	Fatal    func(error)      // Called when Slack does not let the bot in any more.
	Panicked func(p any)      // Called with what a panic said that ended there.
}

// A Memory outlives the process: what stands in Slack already is posted by no
// later one.
type Memory interface {
	Post(run, key string) (Post, bool)
	Remember(Post) error // Durable when it returns.
	Closed(run string) bool
}

// A Post is a message of a run as Slack has it.
type Post struct {
	Run     string    `json:"run"`
	Key     string    `json:"key"`
	Channel string    `json:"channel,omitempty"`
	TS      string    `json:"ts,omitempty"`    // Empty: it is not known whether it was posted.
	Hash    string    `json:"hash,omitempty"`  // Of the content that Slack has.
	Trying  time.Time `json:"trying,omitzero"` // When posting began.
	Level   int       `json:"level,omitempty"` // The layout that Slack took; 0: as it should look.
}

// An Outbox sends messages: each channel at Slack's pace, in order, and of
// each message only its last state. What Slack cannot take now waits and loses
// nothing; who puts something in never waits.
type Outbox struct {
	Config
	serial atomic.Int64
	begun  string // Makes keys of single messages unique over restarts.

	worked atomic.Int64 // When Slack took something last, in Unix nanoseconds.

	mu    sync.Mutex
	lanes map[string]*lane
	ctx   context.Context // Nil: not started; lanes only gather.
	wg    sync.WaitGroup
}

// An Item is what one message, or one file, should be.
type Item struct {
	Channel string
	Run     string // Below whose status it goes; empty: none.
	Key     string
	Thread  string // Below what it goes otherwise; empty: the channel itself.
	Below   bool   // Below the run's status and nowhere else.
	Haste   Haste
	Anew    bool // Sent although Slack has it: does it still stand, and may it look as it should?
	Single  bool // Nobody will edit it; it is not remembered over a restart.

	Message view.Message
	File    *view.File // Instead of Message.
	Hash    string

	Result chan error  // Takes one; nil: nobody waits.
	Told   func()      // Called when Slack has it; nil: nobody asks.
	Lost   func(error) // Called when Slack refuses it for good; nil: it is logged only.

	tries  int       // How often a file failed,
	failed time.Time // and when first.
	after  time.Time // Not sent before.

	level int // Which layout Slack took, or may take: see Layout.
	state Post
	since time.Time
}

// A Haste is how much somebody waits for an item: it overtakes what has less of it.
type Haste int

// The hastes.
const (
	Told  Haste = iota // Nobody waits: the evidence, in the thread.
	Live               // People watch it: the run's one message.
	Asked              // People are asked by it, or must not miss it: open gates, stops, ends.
)

// id is what one item replaces another by.
func (i *Item) id() string { return i.Run + "\x00" + i.Key }

// New makes an outbox that only gathers until it is started.
func New(c Config) *Outbox {
	return &Outbox{Config: c, lanes: map[string]*lane{}, begun: fmt.Sprint(c.Now().UnixNano())}
}

// Hash is what an item's content is recognised by.
func Hash(v any) string {
	js, _ := json.Marshal(v)
	sum := sha256.Sum256(js)
	return hex.EncodeToString(sum[:12])
}

// errLayout says that what is to be sent could not even be laid out.
var errLayout = fmt.Errorf("a panic while it was laid out: %w", slack.SlackErrorResponse{Err: "not_sendable"})

// Once makes a key for a single message.
func (o *Outbox) Once() string { return fmt.Sprintf("once/%s/%d", o.begun, o.serial.Add(1)) }

// Start has everything sent until ctx ends; see [Outbox.Wait].
func (o *Outbox) Start(ctx context.Context) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.ctx = ctx
	for _, l := range o.lanes {
		o.wg.Go(func() { o.walk(ctx, l) })
	}
}

// Wait returns when nothing is being sent any more, after Start's ctx ended.
func (o *Outbox) Wait() { o.wg.Wait() }

// Put has i sent, in place of what the same message should have been before.
func (o *Outbox) Put(i *Item) {
	i.since = o.Now()
	o.mu.Lock()
	name := i.Channel
	if i.File != nil {
		name += " files" // An upload takes its time, and holds up nothing that is said.
	}
	l := o.lanes[name]
	if l == nil {
		l = newLane()
		o.lanes[name] = l
		if o.ctx != nil {
			o.wg.Go(func() { o.walk(o.ctx, l) })
		}
	}
	o.mu.Unlock()
	l.put(i)
}

// Want has i sent unless Slack shows it already; have reports whether it does.
func (o *Outbox) Want(i *Item) (have bool) {
	if p, ok := o.Memory.Post(i.Run, i.Key); ok && p.TS != "" && p.Hash == i.Hash {
		return true
	}
	o.Put(i)
	return false
}

// Holds reports whether something of a run waits or is on its way.
func (o *Outbox) Holds(run string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range o.lanes {
		if l.holds(run) {
			return true
		}
	}
	return false
}

// Unsent is how many messages wait or are on their way.
func (o *Outbox) Unsent() int {
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
func (o *Outbox) walk(ctx context.Context, l *lane) {
	for {
		gap := EditGap * o.Pace
		if o.Hurry() {
			gap = 0
		}
		flight, end := context.WithCancel(ctx)
		i, idle := l.next(o.Now(), gap, o.method, end)
		if i == nil {
			end()
			if !l.rest(ctx, idle) {
				return
			}
			continue
		}
		method := o.method(i)
		sent, err := false, errLayout
		web.Guard(o.Panicked, func() { sent, err = o.deliver(flight, i) })
		end()
		if err == nil {
			l.works(method)
			o.worked.Store(o.Now().UnixNano())
			o.done(i, nil)
			l.landed(o.Now(), sent)
			if sent && web.Pause(ctx, o.Pace) != nil {
				return
			}
			continue
		}
		if ctx.Err() != nil {
			l.landed(o.Now(), false)
			o.done(i, ctx.Err())
			return
		}
		if !o.later(ctx, l, i, method, err) {
			o.giveUp(ctx, l, i, err)
		}
	}
}

// later puts back what may go through another time, and reports whether it did.
func (o *Outbox) later(ctx context.Context, l *lane, i *Item, method string, err error) bool {
	if errors.Is(err, ErrParent) {
		if o.Now().Sub(i.since) >= parentWithin {
			return false
		}
		l.again(i, false)
		// What it waits for goes through another round of the walk.
		_ = web.Pause(ctx, o.Pace/4) // That ctx ended is seen there.
		return true
	}
	switch web.Judge(err) {
	case web.Again, web.Later:
		if i.aside(o.Now(), time.Unix(0, o.worked.Load())) {
			return false
		}
	case web.Gone:
		if !i.Below || o.Now().Sub(i.since) >= parentWithin {
			return false
		}
		o.Missing(i.Run)
	case web.Fatal:
		// Whoever is told asks whether it is so for good.
		o.Fatal(fmt.Errorf("slack: sending: %w", err))
	default:
		return false
	}
	if look, ok := errors.AsType[*lookError](err); ok {
		// Nothing else is held up by a method that only looks.
		method = look.method
	}
	wait := l.failed(method, err, o.Now())
	if method != o.method(i) {
		i.after = o.Now().Add(wait)
	}
	l.again(i, true)
	o.Log.WarnContext(ctx, "slack: sending, will try again", "method", method, "run", i.Run, "key", i.Key, "wait", wait, "err", o.Secrets.Err(err))
	return true
}

// giveUp drops what Slack refuses.
func (o *Outbox) giveUp(ctx context.Context, l *lane, i *Item, err error) {
	o.Log.ErrorContext(ctx, "slack: sending, given up", "channel", i.Channel, "run", i.Run, "key", i.Key, "err", o.Secrets.Err(err))
	if i.Lost != nil {
		i.Lost(o.Secrets.Err(err))
	}
	o.done(i, err)
	l.landed(o.Now(), false)
	_ = web.Pause(ctx, o.Pace) // Slack was asked all the same; that ctx ended is seen next.
}

// method is what Slack limits the sending of i by.
func (o *Outbox) method(i *Item) string {
	switch {
	case i.File != nil:
		return "files"
	case o.known(i).TS != "":
		return "chat.update"
	}
	return "chat.postMessage"
}

func (o *Outbox) done(i *Item, err error) {
	if i.Result != nil {
		i.Result <- o.Secrets.Err(err)
	}
	if err == nil && i.Told != nil {
		i.Told()
	}
	if err == nil && i.Run != "" && !i.Single {
		o.Sent(i.Run)
	}
}
