// Package bot is the Slack surface: it takes what people type and press over
// Socket Mode, hands it to a [Service], and shows runs in messages and threads.
//
// It keeps no state that matters. What a message says is a pure function of
// the run's events; a small file remembers which message stands where, so that
// a restart posts nothing twice. A Slack that is away holds nothing up: when it
// is back, the last state of everything is posted.
package bot

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// A Bot is one app in one workspace. Make it with [New].
type Bot struct {
	Config
	secrets   redactor
	transport http.RoundTripper
	web       *http.Client // The Web API and response URLs.
	api       *slack.Client

	store   *store
	people  *directory
	outbox  *outbox
	threads *threads
	work    *workers // Handles requests.
	quick   *workers // Opens modals, says "busy": what must not stand in line.
	links   []*link
	ledger  *ledger
	before  []taken // What the process before this one took and did not end.
	opens   opens
	limits  limits
	count   counters

	service  Service
	working  context.Context // Outlives Run's by the time to drain.
	fail     context.CancelCauseFunc
	running  atomic.Bool
	draining atomic.Bool
	identity atomic.Pointer[identity]

	spots   spots
	homes   *homes
	directs *directs

	presses   sync.Mutex
	pressedAt map[string]time.Time

	gap       sync.Mutex
	deafSince time.Time // Since when no link is up, in this process or the one before; zero: one is, or none ever was.
}

// identity is who the bot is, as Slack says.
type identity struct{ team, user string }

// New makes a bot that is not connected yet: see [Bot.Run]. It opens the state
// file and asks nothing of Slack.
func New(c Config) (*Bot, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	b := &Bot{Config: c, secrets: newRedactor(c.Secrets, c.BotToken, c.AppToken), transport: c.Transport, pressedAt: map[string]time.Time{}}
	if b.transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 8
		b.transport = t
	}
	b.limits.now = c.Now
	b.web = &http.Client{Transport: &patience{b.transport, &b.limits}, Timeout: time.Minute}
	b.api = slack.New(c.BotToken, slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(b.web))
	b.people = &directory{bot: b, groups: c.Groups, known: map[string]answer{}}
	b.threads = newThreads(b)
	b.homes = &homes{bot: b, opened: map[[2]string]time.Time{}}
	b.directs = &directs{bot: b, asked: map[place]bool{}}
	b.outbox = newOutbox(b)
	b.outbox.sent = b.threads.changed
	b.work = newWorkers(c.Queue, c.Parallel, b.panicked)
	b.quick = newWorkers(c.Queue, 8, b.panicked)
	b.ledger = newLedger(b)
	b.opens.now = c.Now
	for n := range c.Links {
		b.links = append(b.links, newLink(b, n+1))
	}
	var err error
	if b.store, err = openStore(c.StateFile, c.Now); err == nil {
		b.deafSince = b.store.heard // Since the process before ended, nobody heard.
		b.before = b.store.left()
	}
	return b, err
}

// Directory looks people up in Slack.
func (b *Bot) Directory() handlers.Directory { return b.people }

// Post posts m into a channel and returns when it stands there, when Slack
// refuses it, or when ctx ends: it may still be posted then. It waits while
// Slack is away.
func (b *Bot) Post(ctx context.Context, channel string, m view.Message) error {
	i := &item{channel: channel, key: b.outbox.once(), single: true, message: m, result: make(chan error, 1)}
	b.outbox.put(i)
	select {
	case err := <-i.result:
		if err != nil {
			return fmt.Errorf("slack: posting to %s: %w", channel, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("slack: posting to %s: %w", channel, ctx.Err())
	}
}

// panicked logs a panic that went no further.
func (b *Bot) panicked(p any) {
	b.Log.Error("slack: panic", "panic", b.secrets.text(fmt.Sprint(p)), "stack", b.secrets.text(string(debug.Stack())))
}

// self is who the bot is; zero until Slack has said so.
func (b *Bot) self() identity {
	if id := b.identity.Load(); id != nil {
		return *id
	}
	return identity{}
}

// Run serves until ctx ends, then finishes what was begun, for at most
// [Config.Drain]. The error says what no retry helps against, such as a token
// that was revoked; it is nil when ctx ended. Run is called once.
func (b *Bot) Run(ctx context.Context, service Service) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	working, done := context.WithCancel(context.WithoutCancel(ctx))
	defer done()
	b.service, b.working, b.fail = service, working, stop

	cancel := service.Subscribe(func(e runner.Event) { b.threads.changed(e.Run) })
	defer cancel()
	var parts sync.WaitGroup
	err := b.meet(ctx)
	if err == nil {
		b.catchUp(ctx)
		b.outbox.start(working)
		parts.Go(func() { b.threads.walk(working) })
		parts.Go(func() { b.ledger.walk(working) })
		b.quick.put("left", func() { b.left(working) })
		parts.Go(func() { b.listening(working) })
		linked, unlink := context.WithCancel(working)
		defer unlink()
		for _, l := range b.links {
			parts.Go(func() {
				if err := l.run(linked); err != nil {
					stop(err)
				}
			})
		}
		b.running.Store(true)
		<-ctx.Done()
		b.running.Store(false)
		b.drain()
		unlink()
	}
	done()
	parts.Wait()
	b.outbox.wait()
	if t, ok := b.transport.(interface{ CloseIdleConnections() }); ok {
		t.CloseIdleConnections()
	}
	shut := b.store.shut(b.lastHeard())
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = cause
	}
	return b.secrets.err(errors.Join(err, shut))
}

// meet learns who the bot is. It tries until Slack answers, or says no.
func (b *Bot) meet(ctx context.Context) error {
	err := retry(ctx, func() error {
		r, err := b.api.AuthTestContext(ctx)
		if err != nil {
			b.Log.WarnContext(ctx, "slack: auth.test", "err", b.secrets.err(err))
			return err
		}
		b.identity.Store(&identity{r.TeamID, r.UserID})
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("slack: auth.test: %w", err)
	}
	return nil
}

// catchUp has all runs looked at that may have changed while the bot was away.
func (b *Bot) catchUp(ctx context.Context) {
	runs := b.store.runs()
	for _, r := range runs {
		b.threads.changed(r)
	}
	if b.Runs == nil {
		return
	}
	all, err := b.Runs()
	if err != nil {
		b.Log.ErrorContext(ctx, "slack: which runs to catch up on", "err", err)
	}
	for _, r := range all {
		if slices.Contains(runs, r) || b.store.isClosed(r) {
			continue
		}
		// What was over before we ever showed it is history, not news.
		if s, err := b.service.Screens(r); err == nil && s.Closed {
			if err := b.store.close(r); err != nil {
				b.Log.ErrorContext(ctx, "slack: remembering a run", "run", r, "err", err)
			}
			continue
		}
		b.threads.changed(r)
	}
}

// drain takes nothing new, and waits until all that was taken is done, told
// and acknowledged, or [Config.Drain] is over.
func (b *Bot) drain() {
	b.draining.Store(true)
	ctx, cancel := context.WithTimeout(b.working, b.Drain)
	defer cancel()
	for !b.drained() {
		if pause(ctx, 10*time.Millisecond) != nil {
			h := b.Health()
			b.Log.Warn("slack: stopped before all was done", "requests", h.Waiting, "messages", h.Unsent)
			return
		}
	}
}

func (b *Bot) drained() bool {
	// In the order in which work moves on: what is done here appears there.
	if b.ledger.waiting.Load() > 0 || b.quick.waiting() > 0 || b.work.waiting() > 0 || b.threads.pending() || b.outbox.unsent() > 0 {
		return false
	}
	for _, l := range b.links {
		if !l.settled() || len(l.client.Events) > 0 {
			return false
		}
	}
	return true
}
