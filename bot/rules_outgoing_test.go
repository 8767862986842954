package bot

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// One message a second into a channel, edits put together, the last one wins.
func TestR14PaceAndCoalescing(t *testing.T) {
	tp := &tape{}
	opt := workspace()
	opt.PostPerSecond = 1
	opt.Record = tp
	d := newDesk(t, opt)
	d.config.Pace = time.Second
	var mu sync.Mutex
	var shown []time.Time // When Slack was given a state of the run.
	for range 40 {
		for _, method := range []string{"chat.postMessage", "chat.update"} {
			d.Handle(method, func(c sandbox.Call) *sandbox.Reply {
				mu.Lock()
				defer mu.Unlock()
				if strings.Contains(string(c.Body), "state ") {
					shown = append(shown, time.Now())
				}
				return nil
			})
		}
	}
	d.begin()
	s := gate("r1")
	s.Thread = nil
	began := time.Now()
	for i := range 100 {
		s.Status = view.Message{Head: fmt.Sprintf("state %d of r1", i)}
		d.service.show("r1", s)
		time.Sleep(10 * time.Millisecond)
	}
	d.posted("state 99 of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	took := time.Since(began)
	if strings.Contains(d.log.String(), "ratelimited") || strings.Contains(d.log.String(), "rate limit") {
		t.Error("Slack had to slow the bot down")
	}
	calls := 0
	for _, c := range tp.next(t) {
		if c.Method == "chat.postMessage" || c.Method == "chat.update" {
			calls++
		}
	}
	if most := 2 + int(took/time.Second); calls < 3 || calls > most {
		t.Errorf("%d posts and edits in %s, want at most %d: one a second", calls, took, most)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(shown) < 2 {
		t.Errorf("%d states were shown, want the first and the last", len(shown))
	}
	for i := 1; i < len(shown); i++ {
		if gap := shown[i].Sub(shown[i-1]); gap < outbox.EditGap*d.config.Pace-100*time.Millisecond {
			t.Errorf("edited %s after it was sent before, want %d paces: other messages need their turns", gap, outbox.EditGap)
		}
	}
	if m, ok := d.State().Find(channel, "of r1"); !ok || !strings.Contains(m.Text, "state 99 of r1") {
		t.Errorf("the last state is %q", m.Text)
	}
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages, want 2: one that is edited, and the gate", n)
	}
}

// A refused layout is sent plainer, then as text: never silence. So is an edit,
// and what is said to one person.
func TestR16InvalidBlocks(t *testing.T) {
	plainer := func(blocks string) bool {
		return strings.Contains(blocks, `"section"`) && !strings.Contains(blocks, `"header"`)
	}
	for times := 1; times <= 2; times++ {
		d := start(t, workspace())
		refuse := func(method string) {
			for range times {
				d.Handle(method, func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("invalid_blocks") })
			}
		}
		check := func(what string, m sandbox.Message) {
			t.Helper()
			if b := string(m.Blocks); plainer(b) != (times == 1) || times == 2 && b != "" {
				t.Errorf("%s after %d refusals: blocks %s", what, times, b)
			}
		}
		refuse("chat.postMessage")
		s := gate("r1")
		s.Channel, s.Thread = nil, nil
		d.service.show("r1", s)
		check("a message", d.posted("Waiting for approval of r1"))
		d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
		d.stop()

		d.config.StateFile += ".other" // Another bot, which begins with the full layout.
		d.begin()
		s.Status.Head = "Waiting for approval of r2"
		d.service.show("r2", s)
		d.posted("Waiting for approval of r2")
		d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
		refuse("chat.update")
		s.Status.Head = "r2 goes on"
		d.service.show("r2", s)
		check("an edit", d.posted("r2 goes on"))

		for range times { // A response URL says no more than 400.
			d.Handle("response_url", func(sandbox.Call) *sandbox.Reply {
				return &sandbox.Reply{Status: 400, Body: map[string]any{"ok": false, "error": "invalid_blocks"}}
			})
		}
		d.Slash(bob, channel, "status")
		check("a note", d.told(bob, "heard: status"))
		d.stop()
	}
}

// Slack is away: nothing is held up, and the last state is there afterwards; a
// long time without it is told; what was said meanwhile is found and answered,
// or, if it is too old, answered with why not.
func TestR19Outage(t *testing.T) {
	outage(t)
	gapIsReported(t)
	missedMentionsAreAnswered(t)
	whatIsTooOldIsReported(t)
}

func outage(t *testing.T) {
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
	back := time.Now()
	d.posted("during the outage 4")
	d.until("ready", func() bool { return d.bot.Ready() == nil })
	if took := time.Since(back); took > 30*time.Second {
		t.Errorf("back after %s, want within 30 s", took)
	}
}

// A long time without links is told in the threads of open runs.
func gapIsReported(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	status := d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.bot.lookback.back(time.Now().Add(-2 * time.Minute))
	if m := d.posted("heard nothing from Slack for 2 min"); m.ThreadTS != status.TS {
		t.Errorf("told in thread %q, want %q", m.ThreadTS, status.TS)
	}
	// A short one is not.
	d.Kill()
	d.until("links again", func() bool { return d.Socket().Opens >= 4 && d.Socket().Links == 2 })
	n := 0
	for _, m := range d.Thread(channel, status.TS) {
		if strings.Contains(m.Text, "heard nothing") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

// What was said to the bot while it heard nothing is found in the channel, in
// the run's thread and in direct messages, and handled once; what Slack
// delivers again afterwards is known.
func missedMentionsAreAnswered(t *testing.T) {
	opt := workspace()
	opt.RedeliverAfter = []time.Duration{time.Hour}
	d := start(t, opt) // No channel is configured: where its runs are is known.
	d.service.handle = func(r handlers.Request) handlers.Response {
		return handlers.Response{Message: view.Message{Head: "answer to " + strings.Join(r.Words, " ")}}
	}
	d.service.show("r1", gate("r1"))
	status := d.posted("Waiting for approval of r1")
	d.Say(alice, sandbox.BotUser, "", "status before")
	d.until("a direct answer", func() bool { _, ok := d.State().Find("", "answer to status before"); return ok })

	d.FailOpens(1000, "internal_error")
	d.Kill()
	d.until("deaf", func() bool { return d.Socket().Links == 0 && d.bot.Ready() != nil })
	call := "<@" + sandbox.BotUser + "> "
	asked := d.Say(alice, channel, "", call+"status channel")
	d.Say(bob, channel, status.TS, call+"status thread")
	d.Say(alice, sandbox.BotUser, "", "status direct")
	d.Say(bob, channel, "", "nobody is meant by status talk")
	time.Sleep(missable) // Of a shorter time Slack itself delivers again.
	d.FailOpens(0, "")

	if m := d.posted("answer to status channel"); m.ThreadTS != asked {
		t.Errorf("answered in thread %q, want below what was asked, %q", m.ThreadTS, asked)
	}
	if m := d.posted("answer to status thread"); m.ThreadTS != status.TS {
		t.Errorf("answered in thread %q, want the run's, %q", m.ThreadTS, status.TS)
	}
	d.until("a direct answer", func() bool { _, ok := d.State().Find("", "answer to status direct"); return ok })
	// Slack's own redelivery comes later, and to a bot that knows it.
	d.Event(map[string]any{"type": "app_mention", "user": alice, "team": team, "channel": channel, "text": call + "status channel", "ts": asked})
	d.Slash(alice, channel, "last")
	d.posted("answer to last")
	d.until("done", func() bool { h := d.bot.Health(); return h.Waiting+h.Unsent == 0 })
	if n := len(d.service.requests()); n != 5 {
		t.Errorf("%d requests, want 5: each once, and nobody's talk", n)
	}
}

// What was said so long ago that people have gone on is answered by that, once,
// and not carried out; also when the bot itself was away.
func whatIsTooOldIsReported(t *testing.T) {
	opt := workspace()
	opt.RedeliverAfter = []time.Duration{time.Hour}
	d := start(t, opt)
	ts := d.Say(alice, channel, "", "<@"+sandbox.BotUser+"> approve r1")
	d.until("handled", func() bool { return len(d.service.requests()) == 1 })
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.config.Channel = channel
	old := d.Say(bob, channel, "", "<@"+sandbox.BotUser+"> undo r1")
	// Slack gave up on delivering it long ago.
	d.config.Now = func() time.Time { return time.Now().Add(20 * time.Minute) }
	for range 2 {
		d.begin()
		if m := d.posted("did not reach the bot when it was said"); m.ThreadTS != old {
			t.Errorf("told in thread %q, want %q", m.ThreadTS, old)
		}
		d.bot.lookback.look(time.Now().Add(-10 * time.Minute))
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
	}
	told := 0
	for _, m := range append(d.Thread(channel, old), d.Thread(channel, ts)...) {
		if strings.Contains(m.Text, "did not reach the bot") {
			told++
		}
	}
	if n := len(d.service.requests()); told != 1 || n != 1 {
		t.Errorf("told %d times, %d requests; want 1 and the first one alone", told, n)
	}
}
