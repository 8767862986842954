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
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/link"
	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// A Bot is one app in one workspace. Make it with [New].
//
// An envelope comes over a link and goes, in a straight line, through the
// intake, the ledger and the workers to [Service.Handle]; what is said goes
// into the outbox. Each of these knows what stands behind it, and no more.
type Bot struct {
	*app
	links    *link.Links
	ledger   *ledger
	intake   *intake
	lookback *lookback
	threads  *threads
	settled  func() bool // Reports whether every acknowledgement has left.

	running atomic.Bool
	denied  atomic.Pointer[error] // Why Slack does not let the bot in any more.
}

// New makes a bot that is not connected yet: see [Bot.Run]. It opens the state
// file and asks nothing of Slack.
func New(c Config) (*Bot, error) {
	if err := c.complete(); err != nil {
		return nil, err
	}
	if c.Transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		t.MaxIdleConnsPerHost = 8
		c.Transport = t
	}
	store, err := openStore(c.StateFile, c.Now)
	if err != nil {
		return nil, err
	}
	a := &app{Config: c, secrets: web.NewRedactor(c.Secrets, c.BotToken, c.AppToken), store: store}
	transport := web.Patience(c.Transport, c.Now, c.Log)
	a.web = &http.Client{Transport: transport, Timeout: time.Minute}
	a.api = slack.New(c.BotToken, slack.OptionAPIURL(c.APIURL), slack.OptionHTTPClient(a.web))
	a.people = &directory{app: a, known: map[string]*known{}}
	a.work = newWorkers(c.Queue, c.Each, c.Parallel, a.panicked)
	a.decide = newWorkers(decidingMost, decidingEach, decidingParallel, a.panicked)
	a.quick = newWorkers(c.Queue, c.Each, 8, a.panicked)

	b := &Bot{app: a, ledger: newLedger(a)}
	modals := &views{app: a, opening: map[string]int{}}
	homes := &homes{app: a, opened: map[[2]string]time.Time{}}
	b.threads = newThreads(a, newDirects(a), homes)
	a.outbox = outbox.New(outbox.Config{
		API: a.api, Memory: store, Command: c.Command, Pace: c.Pace, Secrets: a.secrets, Log: c.Log, Now: c.Now,
		Hurry: a.draining.Load, Sent: b.threads.changed, Missing: b.threads.missing, Fatal: a.doubt, Panicked: a.panicked,
	})
	b.intake = &intake{app: a, ledger: b.ledger, forms: &forms{a, b.ledger, modals}, views: modals, homes: homes, joined: b.threads.joined, pressedAt: map[string]time.Time{}}
	b.lookback = &lookback{a, b.intake, b.ledger}
	b.links = link.New(link.Config{
		APIURL: c.APIURL, BotToken: c.BotToken, AppToken: c.AppToken, Links: c.Links, PingTimeout: c.PingTimeout, Within: 10 * time.Second,
		Transport: transport, Secrets: a.secrets, Log: c.Log, Now: c.Now,
		Deaf: store.heard, Take: b.intake.take, Back: b.lookback.back, Panicked: a.panicked, Explain: c.appToken().denied,
	})
	b.settled = b.links.Settled
	return b, nil
}

// Directory looks people up in Slack.
func (b *Bot) Directory() handlers.Directory { return b.people }

// Post posts m into a channel and returns when it stands there, when Slack
// refuses it, or when ctx ends: it may still be posted then. It waits while
// Slack is away.
func (b *Bot) Post(ctx context.Context, channel string, m view.Message) error {
	if why := b.denied.Load(); why != nil {
		return fmt.Errorf("slack: posting to %s: %w", channel, *why)
	}
	i := &outbox.Item{Channel: channel, Key: b.outbox.Once(), Single: true, Message: m, Result: make(chan error, 1)}
	b.outbox.Put(i)
	select {
	case err := <-i.Result:
		if err != nil {
			return fmt.Errorf("slack: posting to %s: %w", channel, err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("slack: posting to %s: %w", channel, ctx.Err())
	}
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
		b.outbox.Start(working)
		parts.Go(func() { b.threads.walk(working) })
		parts.Go(func() { b.ledger.walk(working) })
		_ = b.quick.put("", "left", func() { b.ledger.left(working) })
		parts.Go(func() { b.listening(working) })
		linked, unlink := context.WithCancel(working)
		defer unlink()
		parts.Go(func() { b.links.Run(linked, stop) })
		b.running.Store(true)
		<-ctx.Done()
		b.running.Store(false)
		b.drain()
		unlink()
	}
	done()
	parts.Wait()
	b.outbox.Wait()
	b.web.CloseIdleConnections()
	shut := b.store.shut(b.links.Heard())
	if cause := context.Cause(ctx); err == nil && !errors.Is(cause, context.Canceled) && !errors.Is(cause, context.DeadlineExceeded) {
		err = cause
	}
	if err = b.secrets.Err(errors.Join(err, shut)); err != nil {
		b.denied.Store(&err)
		if b.Changed != nil {
			b.Changed([]string{""})
		}
	}
	return err
}

// Met reports whether Slack has let the bot in once.
func (b *Bot) Met() bool { return b.identity.Load() != nil }

// meet learns who the bot is. It tries until Slack answers, or has said no several times.
func (b *Bot) meet(ctx context.Context) error {
	for n := 1; ; n++ {
		err := web.Retry(ctx, func() error {
			r, err := b.api.AuthTestContext(ctx)
			b.unheard.Store(err != nil && web.Unheard(err))
			if err != nil {
				b.Log.WarnContext(ctx, "slack: auth.test", "err", b.secrets.Err(err))
				return err
			}
			b.identity.Store(&identity{r.TeamID, r.UserID})
			b.Log.InfoContext(ctx, "slack: let in", "workspace", r.Team, "bot", r.User)
			return nil
		})
		switch {
		case err == nil || ctx.Err() != nil:
			return nil
		case n >= doubts || web.Pause(ctx, time.Duration(n)*time.Second) != nil:
			return b.botToken().denied(err)
		}
	}
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
		if slices.Contains(runs, r) || b.store.Closed(r) {
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
		if web.Pause(ctx, 10*time.Millisecond) != nil {
			h := b.Health()
			b.Log.Warn("slack: stopped before all was done", "requests", h.Waiting, "messages", h.Unsent)
			return
		}
	}
}

func (b *Bot) drained() bool {
	// In the order in which work moves on: what is done here appears there.
	return b.ledger.waiting.Load() == 0 && b.quick.waiting() == 0 && b.work.waiting() == 0 && b.decide.waiting() == 0 && !b.threads.pending() &&
		b.outbox.Unsent() == 0 && b.settled()
}
