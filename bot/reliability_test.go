package bot

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// stuck makes the service wait; the function that it returns lets it go on.
func (d *desk) stuck() (free func()) {
	release := make(chan struct{})
	d.service.handle = func(r handlers.Request) handlers.Response { <-release; return handlers.Response{} }
	return sync.OnceFunc(func() { close(release) })
}

// Two hundred at once while nothing moves: all are acknowledged, and those
// that cannot be taken are told so.
func TestR02OverloadIsAnsweredBusy(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Queue, d.config.Parallel = 20, 4
	d.begin()
	defer d.stuck()()
	var busy, acked atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			out := d.Slash(alice, channel, fmt.Sprintf("status %d", i))
			if out.OK() {
				acked.Add(1)
			}
			if strings.Contains(string(out.Payload), "Busy") {
				busy.Add(1)
			}
		})
	}
	wg.Wait()
	if acked.Load() != 200 || busy.Load() != 180 {
		t.Errorf("%d acknowledged, %d told busy, want 200 and 180", acked.Load(), busy.Load())
	}
}

// recycle has Slack exchange one of two links. On a machine so slow that the
// one before is not back yet, it waits: both gone is an outage, not an exchange.
func (d *desk) recycle() {
	if d.Socket().Links == 2 {
		d.DisconnectOne("refresh_requested")
	}
}

// Links are exchanged all the time, each with a gap: nothing is lost.
func TestR03LinkChurn(t *testing.T) {
	d := start(t, workspace())
	d.OpenDelay(300 * time.Millisecond)
	end := time.Now().Add(4 * time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(400 * time.Millisecond)
			d.recycle()
		}
	})
	n := 0
	results := map[string]int{}
	for time.Now().Before(end) {
		n++
		results[d.Slash(alice, channel, fmt.Sprintf("status %d", n)).Result]++
		time.Sleep(10 * time.Millisecond)
	}
	wg.Wait()
	if results[sandbox.Acked] != n {
		t.Errorf("outcomes %v of %d, want all acknowledged", results, n)
	}
	d.until("all handled once", func() bool { return len(d.service.requests()) == n })
}

// Refused links are not asked for again and again.
func TestR04OpensAreSpaced(t *testing.T) {
	d := newDesk(t, workspace())
	d.MaxConns(0)
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := b.Run(ctx, d.service); err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := d.Socket().Opens; n > 4 {
		t.Errorf("%d openings in 5 s, want at most 4", n)
	}
}

// What no retry helps against ends the bot, and is said.
func TestR04FatalErrorsStopLoudly(t *testing.T) {
	for _, code := range []string{"invalid_auth", "token_revoked", "token_expired", "not_allowed_token_type"} {
		t.Run(code, func(t *testing.T) {
			d := newDesk(t, workspace())
			d.FailOpens(1000, code)
			b, err := New(d.config)
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 8*time.Second)
			defer cancel()
			if err := b.Run(ctx, d.service); err == nil || !strings.Contains(err.Error(), code) {
				t.Errorf("Run = %v, want %s", err, code)
			}
			if b.Ready() == nil {
				t.Error("ready though stopped")
			}
		})
	}
}

func TestR05RateLimitedOpens(t *testing.T) {
	d := newDesk(t, workspace())
	d.FailOpens(2, "ratelimited")
	d.begin()
}

// A link that is open and dead is noticed, and opened anew.
func TestR06HalfOpenLink(t *testing.T) {
	opt := workspace()
	opt.PingEvery = 50 * time.Millisecond
	d := newDesk(t, opt)
	d.config.PingTimeout = 300 * time.Millisecond
	d.begin()
	before := d.Socket().Opens
	d.MutePresent()
	began := time.Now()
	d.until("new links", func() bool { return d.Socket().Opens >= before+2 && d.bot.Ready() == nil })
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("noticed after %s", took)
	}
	if out := d.Slash(alice, channel, "status"); !out.OK() {
		t.Errorf("outcome %+v", out)
	}
}

// An event that comes again has one effect, also when the bot was started anew
// in between.
func TestR07Redelivery(t *testing.T) {
	d := start(t, workspace())
	id := d.Event(map[string]any{"type": "app_mention", "user": alice, "team": team, "channel": channel,
		"text": "<@" + sandbox.BotUser + "> status", "ts": "1700000000.000100"})
	d.until("handled", func() bool { return len(d.service.requests()) == 1 })
	again := func() sandbox.Outcome {
		return d.Deliver("events_api", map[string]any{"type": "event_callback", "team_id": team, "event_id": id,
			"event": map[string]any{"type": "app_mention", "user": alice, "channel": channel, "text": "status", "ts": "1700000000.000100"}})
	}
	if out := again(); !out.OK() {
		t.Errorf("redelivery: %+v", out)
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.begin()
	if out := again(); !out.OK() {
		t.Errorf("redelivery after a restart: %+v", out)
	}
	d.Slash(bob, channel, "later")
	d.told(bob, "later")
	if n := len(d.service.requests()); n != 2 {
		t.Errorf("%d requests, want 2: the event once, and the command", n)
	}
}

// A retry is the first that we see when there was no link before.
func TestR08RetryIsProcessed(t *testing.T) {
	opt := workspace()
	opt.RedeliverAfter = []time.Duration{time.Second, time.Second, time.Second}
	d := newDesk(t, opt)
	d.Say(alice, channel, "", "<@"+sandbox.BotUser+"> status")
	d.begin()
	d.until("handled", func() bool { return len(d.service.requests()) == 1 })
}

// What one person says about one run is handled in the order said; an abort
// does not wait.
func TestR10OrderWithinARun(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Links = 1
	var b *Bot
	var err error
	if b, err = New(d.config); err != nil {
		t.Fatal(err)
	}
	defer b.store.shut()
	var got []int
	done := make(chan struct{})
	for i := range 50 {
		b.work.put((&ask{words: []string{"tasks", "r1"}}).line(), func() {
			if got = append(got, i); i == 49 {
				close(done)
			}
		})
	}
	<-done
	if !slices.IsSorted(got) {
		t.Errorf("order %v", got)
	}
	approve, abort := &ask{words: []string{"approve", "r1"}}, &ask{words: []string{"abort", "r1"}}
	if approve.line() == abort.line() {
		t.Error("an abort stands in line behind an approval")
	}
}

// Somebody else's links with our token are noticed.
func TestR11SecondInstance(t *testing.T) {
	d := start(t, workspace())
	second := d.config
	second.StateFile = filepath.Join(t.TempDir(), "other.state")
	b, err := New(second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, newService()) }()
	defer func() { cancel(); <-done }()
	d.until("noticed", func() bool { return b.Health().Others > 0 })
}

// Links die while much is in hand: nothing hangs.
func TestR12KillWhileHandling(t *testing.T) {
	d := start(t, workspace())
	free := d.stuck()
	for i := range 30 {
		d.Event(map[string]any{"type": "app_mention", "user": alice, "team": team, "channel": channel,
			"text": fmt.Sprintf("<@%s> status %d", sandbox.BotUser, i), "ts": fmt.Sprintf("1700000000.%06d", i)})
	}
	d.Kill()
	d.until("links again", func() bool { return d.Socket().Opens >= 4 && d.Socket().Links == 2 })
	free()
	if out := d.Slash(alice, channel, "status"); !out.OK() {
		t.Errorf("outcome %+v", out)
	}
}

// What was acknowledged is done though the bot is told to stop at once.
func TestR13Drain(t *testing.T) {
	for range 10 {
		d := start(t, workspace())
		d.service.handle = func(r handlers.Request) handlers.Response {
			time.Sleep(20 * time.Millisecond)
			return handlers.Response{Message: view.Message{Head: "done"}}
		}
		var out sandbox.Outcome
		var wg sync.WaitGroup
		wg.Go(func() { out = d.Slash(alice, channel, "status") })
		d.until("taken", func() bool { return len(d.service.requests()) > 0 || d.Socket().Acks > 0 })
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		_, answered := d.State().Find(channel, "done")
		if !out.OK() || !answered {
			t.Errorf("outcome %+v, answered %v: lost", out, answered)
		}
	}
}

// Slack is away: nothing is held up, and the last state is there afterwards.
func TestR19Outage(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	d.posted("Preparation of r1 done")
	var down atomic.Bool
	down.Store(true)
	var cut func(sandbox.Call) *sandbox.Reply
	cut = func(sandbox.Call) *sandbox.Reply {
		if !down.Load() {
			return nil
		}
		d.Server.Handle("chat.update", cut)
		return &sandbox.Reply{Cut: true}
	}
	d.Server.Handle("chat.update", cut)
	d.FailOpens(1000, "internal_error")
	d.Kill()
	s := gate("r1")
	for i := range 5 {
		s.Status.Head = fmt.Sprintf("during the outage %d", i)
		d.service.show("r1", s)
	}
	d.until("not ready", func() bool { return d.bot.Ready() != nil })
	time.Sleep(700 * time.Millisecond)
	d.FailOpens(0, "")
	down.Store(false)
	d.posted("during the outage 4")
	deadline := time.Now().Add(30 * time.Second)
	for d.bot.Ready() != nil && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	if err := d.bot.Ready(); err != nil {
		t.Errorf("30 s after the outage: %v", err)
	}
}

// Deaf though the Web API works: not ready.
func TestR20Deaf(t *testing.T) {
	opt := workspace()
	opt.PingEvery = 50 * time.Millisecond
	d := newDesk(t, opt)
	d.config.PingTimeout = 300 * time.Millisecond
	d.begin()
	d.Mute(true)
	d.until("not ready", func() bool { return d.bot.Ready() != nil })
	if err := d.bot.Post(t.Context(), channel, view.Message{Head: "still heard"}); err != nil {
		t.Errorf("Post = %v", err)
	}
	d.Mute(false)
	d.until("ready again", func() bool { return d.bot.Ready() == nil })
}

// Two hundred commands a second while links are exchanged all the time: none
// lost, each handled once. AURORABOT_LOAD=1m takes it for as long as that.
func TestLoadUnderChurn(t *testing.T) {
	lasting := 2 * time.Second
	if s := os.Getenv("AURORABOT_LOAD"); s != "" {
		var err error
		if lasting, err = time.ParseDuration(s); err != nil {
			t.Fatal(err)
		}
	}
	d := newDesk(t, workspace())
	d.config.Queue, d.config.Parallel = 4096, 64
	d.begin()
	d.service.handle = func(handlers.Request) handlers.Response { return handlers.Response{} }
	d.OpenDelay(300 * time.Millisecond)
	ctx, cancel := context.WithTimeout(t.Context(), lasting)
	defer cancel()
	var wg sync.WaitGroup
	wg.Go(func() {
		for pause(ctx, 400*time.Millisecond) == nil {
			d.recycle()
		}
	})
	var mu sync.Mutex
	var took []time.Duration
	lost := 0
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	n := 0
	for ctx.Err() == nil {
		<-tick.C
		n++
		said := fmt.Sprintf("status %d", n)
		wg.Go(func() {
			out := d.Slash(alice, channel, said)
			mu.Lock()
			defer mu.Unlock()
			if took = append(took, out.Took); !out.OK() {
				lost++
			}
		})
	}
	wg.Wait()
	d.until("all handled", func() bool { return len(d.service.requests()) >= n-lost })
	slices.Sort(took)
	t.Logf("%d commands, %d lost, acknowledged within: median %s, p99 %s, longest %s", n, lost, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
	if lost > 0 || len(d.service.requests()) != n || took[len(took)-1] > ackWithin {
		t.Errorf("%d lost, %d handled of %d", lost, len(d.service.requests()), n)
	}
}
