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

// Links are exchanged all the time, each with a gap: nothing is lost.
func TestR03LinkChurn(t *testing.T) {
	d := start(t, workspace())
	d.OpenDelay(300 * time.Millisecond)
	end := time.Now().Add(4 * time.Second)
	var wg sync.WaitGroup
	wg.Go(func() {
		for time.Now().Before(end) {
			time.Sleep(400 * time.Millisecond)
			d.DisconnectOne("refresh_requested")
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

// One message a second into a channel, edits put together, the last one wins.
func TestR14PaceAndCoalescing(t *testing.T) {
	opt := workspace()
	opt.PostPerSecond = 1
	d := newDesk(t, opt)
	d.config.Pace = time.Second
	d.begin()
	s := gate("r1")
	s.Thread = nil
	for i := range 100 {
		s.Status = view.Message{Head: fmt.Sprintf("state %d of r1", i)}
		d.service.show("r1", s)
		time.Sleep(10 * time.Millisecond)
	}
	d.posted("state 99 of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	if strings.Contains(d.log.String(), "ratelimited") || strings.Contains(d.log.String(), "rate limit") {
		t.Error("Slack had to slow the bot down")
	}
}

// Slack says "later": everything comes in the end, and once.
func TestR14RateLimited(t *testing.T) {
	d := start(t, workspace())
	d.Handle("chat.postMessage", func(sandbox.Call) *sandbox.Reply {
		return &sandbox.Reply{Status: 429, RetryAfter: time.Second, Body: map[string]any{"ok": false, "error": "ratelimited"}}
	})
	began := time.Now()
	d.service.show("r1", gate("r1"))
	d.posted("Preparation of r1 done")
	if took := time.Since(began); took < time.Second {
		t.Errorf("sent after %s, before Slack allowed it", took)
	}
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// A refused layout is sent plainer, then as text: never silence.
func TestR16InvalidBlocks(t *testing.T) {
	for times := 1; times <= 2; times++ {
		d := start(t, workspace())
		for range times {
			d.Handle("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("invalid_blocks") })
		}
		s := gate("r1")
		s.Channel, s.Thread = nil, nil
		d.service.show("r1", s)
		m := d.posted("Waiting for approval of r1")
		if plain := strings.Contains(string(m.Blocks), `"section"`); plain != (times == 1) {
			t.Errorf("after %d refusals: blocks %s", times, m.Blocks)
		}
		d.stop()
	}
}

// A modal that cannot be opened any more is said to the person.
func TestR17ExpiredTrigger(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	d.Handle("views.open", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("expired_trigger_id") })
	d.Press(bob, channel, m.TS, "approve", "")
	d.told(bob, "Press the button again")
}

// What nobody here understands is acknowledged, counted and logged.
func TestR18UnknownEnvelope(t *testing.T) {
	d := start(t, workspace())
	for kind, payload := range map[string]any{"brand_new_type": map[string]any{"a": 1}, "events_api": "not an object", "slash_commands": []int{1}} {
		if out := d.Deliver(kind, payload); !out.OK() {
			t.Errorf("%s: %+v", kind, out)
		}
	}
	if n := d.bot.Health().Unknown; n != 3 {
		t.Errorf("%d counted, want 3", n)
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

// What is wrong in a modal is said in an acknowledgement that Slack takes.
func TestR21AckIsSmall(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Channel[0].Message.Actions[0].Type = strings.Repeat("ab", 1000)
	d.service.show("r1", s)
	m := d.posted("Commit r1?")
	d.Press(bob, channel, m.TS, "approve", "")
	d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })
	out := d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"typed": "no"})
	if out.Result != sandbox.Acked || out.Errors["typed"] == "" || len(out.Payload) > 20<<10 {
		t.Errorf("outcome %+v", out)
	}
}

// What is answered for all about a run stands in its thread; what concerns no
// run in the channel.
func TestAnswersAboutARunAreInItsThread(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(r handlers.Request) handlers.Response {
		if r.Words[0] == "recover" {
			d.service.show("r1", gate("r1"))
		}
		return handlers.Response{Run: "r1", Message: view.Message{Head: "answer to " + r.Words[0]}}
	}
	d.Slash(alice, channel, "recover devcluster backup")
	status := d.posted("Waiting for approval of r1")
	if m := d.posted("answer to recover"); m.ThreadTS != status.TS {
		t.Errorf("thread %q, want %q", m.ThreadTS, status.TS)
	}
	d.Slash(alice, channel, "tasks r1")
	if m := d.posted("answer to tasks"); m.ThreadTS != status.TS {
		t.Errorf("thread %q, want %q", m.ThreadTS, status.TS)
	}
}

// A run that was over before anything of it was shown is not news.
func TestOldRunsAreNotShown(t *testing.T) {
	d := newDesk(t, workspace())
	over := gate("r0")
	over.Closed = true
	d.service.screens["r0"], d.service.screens["r1"] = over, gate("r1")
	d.config.Runs = func() ([]string, error) { return []string{"r0", "r1"}, nil }
	d.begin()
	d.posted("Preparation of r1 done")
	if _, ok := d.State().Find(channel, "r0"); ok {
		t.Error("a run of old is shown")
	}
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
			d.DisconnectOne("refresh_requested")
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

// A restart posts nothing twice, and catches up on what it missed.
func TestRestartPostsNothingTwice(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	d.service.show("r1", s)
	d.posted("Preparation of r1 done")
	d.stop()
	s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assess of r1 begun"}})
	d.service.show("r1", s) // Nobody listens.
	d.service.screens["r2"] = gate("r2")
	d.config.Runs = func() ([]string, error) { return []string{"r1", "r2"}, nil }
	d.begin()
	d.posted("Assess of r1 begun")
	d.posted("Preparation of r2 done")
	if n := len(d.State().Messages); n != 4+3 {
		t.Errorf("%d messages, want 7", n)
	}
}

// The answer to a post is lost: the message is found, not posted again.
func TestLostAnswerIsNotPostedTwice(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Channel, s.Thread = nil, nil
	d.service.show("r1", s)
	m := d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.stop()
	// As a crash leaves it: posting began, and nothing more is known.
	st, err := openStore(d.config.StateFile, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	st.put(post{Run: "r1", Key: statusKey, Channel: channel, Trying: time.Now()})
	st.shut()
	d.begin()
	d.until("known again", func() bool { p, _ := d.bot.store.post("r1", statusKey); return p.TS == m.TS && p.Hash != "" })
	if n := len(d.Messages(channel)); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

// A message that somebody deleted is posted anew.
func TestDeletedMessage(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Channel, s.Thread = nil, nil
	d.service.show("r1", s)
	d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.Handle("chat.update", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("message_not_found") })
	s.Status.Head = "r1 goes on"
	d.service.show("r1", s)
	d.posted("r1 goes on")
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages, want the lost one and a new one", n)
	}
}

// What is too long for a message is a file in the thread, once.
func TestLongOutputIsAFile(t *testing.T) {
	d := start(t, workspace())
	long := strings.Repeat("I1123 08:36:00.000000 a line of a log\n", 500)
	s := gate("r1")
	s.Thread[0].Message.Output = []view.Output{{Title: "s2: journalctl", Text: long}}
	s.Thread[0].Message.Files = []view.File{{Name: "plan.txt", Text: "the plan\n"}}
	d.service.show("r1", s)
	status := d.posted("Waiting for approval of r1")
	var files []string
	d.until("files", func() bool {
		files = nil
		for _, m := range d.Thread(channel, status.TS) {
			for _, f := range m.Files {
				files = append(files, f.Name)
			}
		}
		return len(files) == 2
	})
	slices.Sort(files)
	if want := []string{"output-1-s2-journalctl.txt", "plan.txt"}; !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	s.Status.Head = "changed r1"
	d.service.show("r1", s)
	d.posted("changed r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	n := 0
	for _, m := range d.Thread(channel, status.TS) {
		n += len(m.Files)
	}
	if n != 2 {
		t.Errorf("%d files, want 2: each once", n)
	}
}

// A panic in the service ends neither the bot nor the wait of who asked.
func TestPanicIsSurvived(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(handlers.Request) handlers.Response { panic("oh " + d.config.BotToken) }
	d.Slash(alice, channel, "status")
	d.told(alice, "The bot itself failed")
	d.service.mu.Lock()
	d.service.handle = nil
	d.service.mu.Unlock()
	d.Slash(alice, channel, "status again")
	d.told(alice, "heard: status again")
}

// Neither logs nor errors hold a token, through every kind of failure.
func TestNoSecretLeaks(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(handlers.Request) handlers.Response {
		panic(d.config.AppToken)
	}
	for range 3 {
		d.Handle("chat.postEphemeral", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Cut: true} })
		d.Handle("users.info", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Cut: true} })
		d.Handle("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Status: 500} })
	}
	d.Slash(alice, channel, "status")
	d.service.show("r1", gate("r1"))
	d.posted("Preparation of r1 done")
	d.FailOpens(2, "internal_error")
	d.Kill()
	d.until("links", func() bool { return d.Socket().Links == 2 })
	d.Server.Close()
	d.Slash(alice, channel, "status")
	time.Sleep(200 * time.Millisecond)
	d.config.Drain = 100 * time.Millisecond
	err := d.stop()
	state, _ := os.ReadFile(d.config.StateFile)
	all := d.log.String() + fmt.Sprint(err) + string(state)
	for _, secret := range []string{d.config.BotToken, d.config.AppToken, "xoxb-", "xapp-", "/commands/", "/actions/", "ticket="} {
		if strings.Contains(all, secret) {
			t.Errorf("%q is in logs, errors or the state file", secret)
		}
	}
}
