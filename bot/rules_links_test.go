package bot

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/bot/link"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// The rules R1 to R22 of the bot's reliability, one test each, here and in
// rules_effects_test.go, rules_outgoing_test.go and rules_text_test.go.
// docs/testing.md says which faults each of them was seen to find.

// Every kind of envelope is acknowledged at once, whatever the service, the
// runs' messages and the Web API do meanwhile.
func TestR01AckComesFirst(t *testing.T) {
	opt := workspace()
	opt.Shortcuts = []sandbox.Shortcut{{Name: "Recover from this alert", CallbackID: AlertShortcut}, {Name: "Recover", CallbackID: GlobalShortcut, Global: true}}
	d := deskWithClusters(t, opt)
	d.begin()
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	d.Press(bob, channel, m.TS, "approve", "")
	d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })

	release := make(chan struct{})
	defer close(release)
	d.service.answer(func(handlers.Request) handlers.Response { <-release; return handlers.Response{} })
	for range 20 {
		d.Handle("users.info", func(sandbox.Call) *sandbox.Reply { <-release; return nil })
		d.Handle("views.open", func(sandbox.Call) *sandbox.Reply { <-release; return nil })
	}
	mention := map[string]any{"type": "app_mention", "user": alice, "channel": channel, "text": "<@" + sandbox.BotUser + "> status", "ts": "1700000000.000100"}
	for kind, act := range map[string]func() sandbox.Outcome{
		"slash command":    func() sandbox.Outcome { return d.Slash(alice, channel, "status dev") },
		"form":             func() sandbox.Outcome { return d.Slash(alice, channel, "recover") },
		"button":           func() sandbox.Outcome { return d.Press(alice, channel, m.TS, "abort", "") },
		"button and modal": func() sandbox.Outcome { return d.Press(alice, channel, m.TS, "deny", "") },
		"submission": func() sandbox.Outcome {
			return d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"typed": "devcluster"})
		},
		"message shortcut": func() sandbox.Outcome { return d.MessageShortcut(alice, channel, m.TS, AlertShortcut) },
		"global shortcut":  func() sandbox.Outcome { return d.GlobalShortcut(alice, GlobalShortcut) },
		"mention": func() sandbox.Outcome {
			return d.Deliver("events_api", map[string]any{"type": "event_callback", "team_id": team, "event_id": "Ev1", "event": mention})
		},
		"home": func() sandbox.Outcome {
			return d.Deliver("events_api", map[string]any{"type": "event_callback", "team_id": team, "event_id": "Ev2",
				"event": map[string]any{"type": "app_home_opened", "user": alice, "tab": "home"}})
		},
	} {
		if out := act(); !out.OK() || out.Took > 500*time.Millisecond {
			t.Errorf("%s: outcome %+v, want an acknowledgement within 500ms", kind, out)
		}
	}
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
	if n := d.bot.Health().Busy; n != 180 {
		t.Errorf("%d counted as told busy, want 180", n)
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

// Refused links are not asked for again and again; what no retry helps against
// ends the bot, and is said.
func TestR04OpensAreSpacedAndFatalErrorsStop(t *testing.T) {
	d := newDesk(t, workspace())
	d.MaxConns(0)
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.Run(ctx, d.service); err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := d.Socket().Opens; n < 2 || n > 5 {
		t.Errorf("%d openings in 10 s, want at most 5, and some", n)
	}
	for _, code := range []string{"invalid_auth", "account_inactive", "token_revoked", "token_expired", "not_allowed_token_type", "missing_scope"} {
		d := newDesk(t, workspace())
		d.config.AppFrom = "/etc/aurorabot/app.token"
		d.FailOpens(1000, code)
		b, err := New(d.config)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second) // It asks three times, with pauses.
		err = b.Run(ctx, d.service)
		for _, want := range []string{code, "app-level token", d.config.AppFrom, "connections:write", "kill -s HUP"} {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("Run = %v, want %q in it", err, want)
			}
		}
		cancel()
		if b.Ready() == nil {
			t.Errorf("%s: ready though stopped", code)
		}
	}
}

// A refusal of links whose word nobody here knows is said once, with what to do, and
// shown until Slack gives a link: it is asked for again and again, for it may pass.
func TestUnknownRefusalIsSaid(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.AppFrom = "$SLACK_APP_TOKEN"
	d.begin()
	d.FailOpens(3, "brand_new_refusal")
	d.Kill()
	d.until("not ready, and why", func() bool {
		err := d.bot.Ready()
		return err != nil && strings.Contains(err.Error(), "brand_new_refusal") && strings.Contains(err.Error(), "SLACK_APP_TOKEN, and restart")
	})
	d.until("ready", func() bool { return d.bot.Ready() == nil })
	if n := strings.Count(d.log.String(), "slack: no link is given"); n != 1 {
		t.Errorf("said %d times, want once", n)
	}
}

// A bot token that Slack refuses at the start is said to be that one.
func TestBotTokenRefused(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.BotFrom = "$SLACK_BOT_TOKEN"
	for range doubts {
		d.Handle("auth.test", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("token_revoked") })
	}
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	err = b.Run(t.Context(), d.service)
	for _, want := range []string{"bot token", "variable SLACK_BOT_TOKEN, and", "token_revoked", "Bot User OAuth Token", "restart the bot"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Run = %v, want %q in it", err, want)
		}
	}
}

// When Slack says "not before", nobody calls before: no link, whichever was
// told, and no sender of messages. What was to be sent is sent afterwards, once.
func TestR05RateLimitsAreHonoured(t *testing.T) {
	d := start(t, workspace())
	var mu sync.Mutex
	asked := map[string][]time.Time{}
	limited := func(method string, times int) {
		for n := range times + 10 {
			d.Handle(method, func(sandbox.Call) *sandbox.Reply {
				mu.Lock()
				defer mu.Unlock()
				asked[method] = append(asked[method], time.Now())
				if n >= times {
					return nil
				}
				return &sandbox.Reply{Status: 429, RetryAfter: 3 * time.Second, Body: map[string]any{"ok": false, "error": "ratelimited"}}
			})
		}
	}
	limited("apps.connections.open", 1)
	limited("chat.postMessage", 1)
	d.recycle()
	d.until("one link is told to wait", func() bool { return strings.Contains(d.log.String(), "slack: no link") })
	d.DisconnectOne("refresh_requested") // The other one was not told.
	d.service.show("r1", gate("r1"))
	d.service.show("r2", gate("r2"))
	d.posted("Preparation of r1 done")
	d.posted("Preparation of r2 done")
	d.until("links again", func() bool { return d.Socket().Links == 2 && d.bot.Ready() == nil })
	if n := len(d.Messages(channel)); n != 4 {
		t.Errorf("%d messages, want 4", n)
	}
	mu.Lock()
	defer mu.Unlock()
	for method, at := range asked {
		if len(at) < 3 {
			t.Errorf("%s: asked %d times", method, len(at))
			continue
		}
		if gap := at[1].Sub(at[0]); gap < 2900*time.Millisecond {
			t.Errorf("%s: asked again %s after Slack said 3 s", method, gap)
		}
	}
}

// Links that are open and dead, all at once, are noticed and others opened within the
// time that is configured: no longer is the bot deaf.
func TestR06HalfOpenLink(t *testing.T) {
	opt := workspace()
	opt.PingEvery = 100 * time.Millisecond
	d := newDesk(t, opt)
	d.config.PingTimeout = 2 * time.Second
	d.begin()
	time.Sleep(d.config.PingTimeout / 2) // The library's own watchdog looks every 2 s: this is when it is slowest.
	before := d.Socket().Opens
	d.MutePresent()
	began := time.Now()
	d.until("new openings", func() bool { return d.Socket().Opens >= before+2 })
	if took := time.Since(began); took > d.config.PingTimeout+500*time.Millisecond {
		t.Errorf("opened anew after %s, want within %s", took, d.config.PingTimeout)
	}
	// Until Slack sees the mute ones closed it may hand one of them the command.
	d.until("new links", func() bool { return d.bot.Ready() == nil && d.Socket().Links == 2 })
	if out := d.Slash(alice, channel, "status"); !out.OK() {
		t.Errorf("outcome %+v", out)
	}
}

// Somebody else's links with our token are noticed, counted and logged; our own
// are not taken for them, nor are they when the others are gone.
func TestR11SecondInstance(t *testing.T) {
	d := start(t, workspace())
	d.recycle()
	d.until("links again", func() bool { return d.Socket().Opens >= 3 && d.Socket().Links == 2 })
	if n := d.bot.Health().Others; n != 0 {
		t.Errorf("%d links of others, want 0: there is nobody else", n)
	}
	second := d.config
	second.StateFile = filepath.Join(t.TempDir(), "other.state")
	b, err := New(second)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, newService()) }()
	d.until("noticed by the second", func() bool { return b.Health().Others > 0 })
	opens := d.Socket().Opens
	d.DisconnectOne("refresh_requested") // The oldest: it is the first bot's.
	d.until("noticed by the first", func() bool { return d.Socket().Opens > opens && d.bot.Health().Others > 0 })
	if !strings.Contains(d.log.String(), "more links of this app than this bot has") {
		t.Error("nothing of it is in the log")
	}
	cancel()
	<-done
	d.until("alone again", func() bool {
		d.DisconnectOne("refresh_requested")
		return d.bot.Health().Others == 0
	})
}

// What nobody here understands is acknowledged, counted and logged, and what
// comes after it is handled.
func TestR18UnknownEnvelope(t *testing.T) {
	d := start(t, workspace())
	for kind, payload := range map[string]any{"brand_new_type": map[string]any{"a": 1}, "events_api": "not an object", "slash_commands": []int{1}} {
		if out := d.Deliver(kind, payload); !out.OK() {
			t.Errorf("%s: %+v", kind, out)
		}
	}
	// What the library can read and we have no use for is no less acknowledged.
	for kind, payload := range map[string]any{
		"interactive": map[string]any{"type": "view_closed", "user": map[string]any{"id": alice}},
		"events_api":  map[string]any{"type": "event_callback", "event_id": "Ev9", "event": map[string]any{"type": "channel_archive", "channel": channel}},
	} {
		if out := d.Deliver(kind, payload); !out.OK() {
			t.Errorf("%s: %+v", kind, out)
		}
	}
	if n := d.bot.Health().Unknown; n != 3 {
		t.Errorf("%d counted, want 3", n)
	}
	if log := d.log.String(); strings.Count(log, "envelope not understood") != 3 || !strings.Contains(log, "brand_new_type") {
		t.Error("what was not understood is not in the log")
	}
	if out := d.Slash(alice, channel, "status"); !out.OK() {
		t.Errorf("a command after that: %+v", out)
	}
	d.told(alice, "heard: status")
}

// Deaf though the Web API works: not ready, and ready again when it hears.
func TestR20Deaf(t *testing.T) {
	opt := workspace()
	opt.PingEvery = 50 * time.Millisecond
	d := newDesk(t, opt)
	d.config.PingTimeout = 300 * time.Millisecond
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	if b.Ready() == nil {
		t.Error("ready before it was started")
	}
	if err := b.store.shut(time.Time{}); err != nil {
		t.Fatal(err)
	}
	d.begin()
	d.Mute(true)
	d.until("not ready", func() bool { return d.bot.Ready() != nil })
	if err := d.bot.Ready(); !strings.Contains(err.Error(), "deaf") {
		t.Errorf("Ready = %v, want that it is deaf", err)
	}
	if err := d.bot.Post(t.Context(), channel, view.Message{Head: "still heard"}); err != nil {
		t.Errorf("Post = %v", err)
	}
	if d.bot.Ready() == nil {
		t.Error("ready because it can post")
	}
	d.Mute(false)
	d.until("ready again", func() bool { return d.bot.Ready() == nil })
	// The links may stand and say nothing: the library notices that later than we.
	now := time.Now()
	for heard, want := range map[time.Duration]bool{d.config.PingTimeout: true, d.config.PingTimeout + 1: false} {
		if got := reached([]link.Health{{Heard: now}, {Up: true, Heard: now.Add(-heard)}}, now, d.config.PingTimeout); got != want {
			t.Errorf("a link that said nothing for %s: reached %v, want %v", heard, got, want)
		}
	}
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	if d.bot.Ready() == nil {
		t.Error("ready though stopped")
	}
}
