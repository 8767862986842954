package bot

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
)

// An event that comes again has one effect: while the first is in hand, after
// it, and when the bot was started anew in between.
func TestR07Redelivery(t *testing.T) {
	d := start(t, workspace())
	free := d.stuck()
	inner := map[string]any{"type": "app_mention", "user": alice, "team": team, "channel": channel,
		"text": "<@" + sandbox.BotUser + "> status", "ts": "1700000000.000100"}
	id := d.Event(inner)
	d.until("in hand", func() bool { return len(d.service.requests()) == 1 })
	again := func(when string) {
		t.Helper()
		out := d.Deliver("events_api", map[string]any{"type": "event_callback", "team_id": team, "event_id": id, "event": inner})
		if !out.OK() {
			t.Errorf("redelivery %s: %+v", when, out)
		}
	}
	again("while the first is in hand")
	free()
	d.until("done", func() bool { return d.bot.Health().Waiting == 0 })
	again("after the first")
	d.service.answer(nil)
	for _, who := range []string{alice, bob} {
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		d.begin()
		again("after a restart")
		d.Slash(who, channel, "later")
		d.told(who, "later")
	}
	if n := len(d.service.requests()); n != 3 {
		t.Errorf("%d requests, want 3: the event once, and two commands", n)
	}
}

// A retry is the first that we see when there was no link before: that it is
// one does not matter.
func TestR08RetryIsProcessed(t *testing.T) {
	opt := workspace()
	opt.RedeliverAfter = []time.Duration{time.Second, time.Second, time.Second}
	d := newDesk(t, opt)
	d.Say(alice, channel, "", "<@"+sandbox.BotUser+"> status")
	d.begin()
	d.until("handled", func() bool { return len(d.service.requests()) == 1 })
	d.until("done", func() bool { return d.bot.Health().Waiting == 0 })
	if n := len(d.service.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// A finger that slips presses once; two people press twice; a modal that is
// submitted twice counts once.
func TestR09DoublePress(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	free := d.stuck()
	var wg sync.WaitGroup
	for _, who := range []string{alice, alice, alice, bob} {
		wg.Go(func() { d.Press(who, channel, m.TS, "abort", "") })
	}
	wg.Wait()
	free()
	d.until("done", func() bool { return len(d.service.requests()) >= 2 && d.bot.Health().Waiting == 0 })
	if n := len(d.service.requests()); n != 2 {
		t.Errorf("%d requests, want 2: one for each person", n)
	}
	d.Press(bob, channel, m.TS, "approve", "")
	d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })
	v := d.Views(bob)[0]
	body := map[string]any{"type": "view_submission", "user": map[string]any{"id": bob, "team_id": team}, "team": map[string]any{"id": team},
		"view": map[string]any{"id": v.ID, "hash": v.Hash, "type": "modal", "callback_id": modalID,
			"private_metadata": fmt.Sprintf(`{"id":"approve","value":"r1|commit|d1","type":"devcluster","channel":%q,"message":%q}`, channel, m.TS),
			"state":            map[string]any{"values": map[string]any{"typed": map[string]any{"typed": map[string]any{"type": "plain_text_input", "value": "devcluster"}}}}}}
	for range 2 {
		wg.Go(func() {
			if out := d.Deliver("interactive", body); !out.OK() {
				t.Errorf("submission: %+v", out)
			}
		})
	}
	wg.Wait()
	d.until("done", func() bool { return len(d.service.requests()) >= 3 && d.bot.Health().Waiting == 0 })
	if n := len(d.service.requests()); n != 3 {
		t.Errorf("%d requests, want 3: the modal once", n)
	}
}

// What is said about one run is handled in the order said, whoever says it; an
// abort does not wait, nor does another run.
func TestR10OrderWithinARun(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Links = 1
	d.config.Queue = 256
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.Run(ctx, d.service) }()
	defer func() { cancel(); <-done }()
	d.until("a link", func() bool { return b.Ready() == nil })
	release := make(chan struct{})
	d.service.answer(func(r handlers.Request) handlers.Response {
		if r.Words[0] == "drop" && r.Words[1] == "r1" {
			<-release
			time.Sleep(time.Duration(len(d.service.requests())%3) * time.Millisecond)
		}
		return handlers.Response{}
	})
	for i := range 14 { // Of two, for decisions have room for so many of one person.
		d.Slash([]string{alice, bob}[i%2], channel, fmt.Sprintf("drop r1 %d", i))
	}
	d.Slash(bob, channel, "tasks r2")
	d.Slash(bob, channel, "abort r1")
	seen := func(words ...string) bool {
		return slices.ContainsFunc(d.service.requests(), func(r handlers.Request) bool { return slices.Equal(r.Words, words) })
	}
	d.until("the abort and the other run, before all else", func() bool { return seen("abort", "r1") && seen("tasks", "r2") })
	close(release)
	d.until("all", func() bool { return len(d.service.requests()) == 16 })
	n := 0
	for _, r := range d.service.requests() {
		if len(r.Words) == 3 {
			if r.Words[2] != fmt.Sprint(n) {
				t.Fatalf("%s came as the %d. of its run", r.Words[2], n)
			}
			n++
		}
	}
}

// What was acknowledged is done though the bot is told to stop at once; what
// comes after that is refused in words. What a kill leaves undone is told to
// whoever asked, and not done again.
func TestR13Drain(t *testing.T) {
	for range 20 {
		d := start(t, workspace())
		d.service.answer(func(r handlers.Request) handlers.Response {
			time.Sleep(20 * time.Millisecond)
			return handlers.Response{Message: view.Message{Head: "done"}}
		})
		var out sandbox.Outcome
		var wg sync.WaitGroup
		wg.Go(func() { out = d.Slash(alice, channel, "status") })
		d.until("taken", func() bool { return len(d.service.requests()) > 0 || d.Socket().Acks > 0 })
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		if _, answered := d.State().Find(channel, "done"); !out.OK() || !answered {
			t.Errorf("outcome %+v, answered %v: lost", out, answered)
		}
	}
	unsettled(t)
	crowd(t)
	stopping(t)
	killed(t)
}

// crowd: many commands that are done as soon as they are taken, and a stop in
// the middle of them: whoever's command was done is told that it was taken.
func crowd(t *testing.T) {
	for range 5 {
		d := start(t, workspace())
		d.service.answer(func(handlers.Request) handlers.Response { return handlers.Response{} })
		var mu sync.Mutex
		taken := map[string]bool{}
		var wg sync.WaitGroup
		for i := range 60 {
			said := fmt.Sprintf("status %d", i)
			wg.Go(func() {
				out := d.Slash([]string{alice, bob}[i%2], channel, said)
				mu.Lock()
				defer mu.Unlock()
				taken[said] = out.OK() && !strings.Contains(string(out.Payload), "stopping")
			})
		}
		d.until("some are taken", func() bool { return len(d.service.requests()) >= 5 })
		if err := d.stop(); err != nil {
			t.Fatal(err)
		}
		wg.Wait()
		done := map[string]bool{}
		for _, r := range d.service.requests() {
			done[strings.Join(r.Words, " ")] = true
		}
		for said, told := range taken {
			if told != done[said] {
				t.Errorf("%s: done %v, and told so %v", said, done[said], told)
			}
		}
	}
}

// unsettled: not all is done while an acknowledgement may not have left.
func unsettled(t *testing.T) {
	b, err := New(newDesk(t, workspace()).config)
	if err != nil {
		t.Fatal(err)
	}
	if !b.drained() {
		t.Error("not drained, though nothing ever came")
	}
	if b.settled = func() bool { return false }; b.drained() {
		t.Error("drained, though an acknowledgement may not have left")
	}
	if err := b.store.shut(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// stopping: nothing new is taken, and the people are told.
func stopping(t *testing.T) {
	d := start(t, workspace())
	free := d.stuck()
	d.Slash(alice, channel, "status")
	d.until("in hand", func() bool { return len(d.service.requests()) == 1 })
	stopped := make(chan error, 1)
	go func() { stopped <- d.stop() }()
	d.until("draining", func() bool { return d.bot.draining.Load() })
	if out := d.Slash(bob, channel, "later"); !out.OK() || !strings.Contains(string(out.Payload), "stopping") {
		t.Errorf("a command while the bot stops: %+v %s", out, out.Payload)
	}
	free()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if n := len(d.service.requests()); n != 1 {
		t.Errorf("%d requests, want 1", n)
	}
}

// killed: as kill -9 leaves it, with a command in hand whose end nobody knows
// and one that was answered.
func killed(t *testing.T) {
	d := start(t, workspace())
	d.Slash(bob, channel, "help")
	d.told(bob, "heard: help")
	defer d.stuck()()
	for i, text := range []string{"approve r1", "status token=abcdefgh12345"} {
		if out := d.Slash(alice, channel, text); !out.OK() {
			t.Errorf("outcome %+v", out)
		}
		d.until("in hand", func() bool { return len(d.service.requests()) == i+2 })
	}
	state, err := os.ReadFile(d.config.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(state), "abcdefgh12345") {
		t.Error("a secret that was typed is in the state file")
	}
	second := d.config
	second.StateFile = filepath.Join(t.TempDir(), "left.state")
	if err := os.WriteFile(second.StateFile, state, 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		b, err := New(second)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		service := newService()
		go func() { done <- b.Run(ctx, service) }()
		d.told(alice, "restarted while it had your request in hand")
		d.until("all said", func() bool { h := b.Health(); return h.Waiting+h.Unsent == 0 && b.Ready() == nil })
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(service.requests()); n != 0 {
			t.Errorf("%d requests were made again, want none", n)
		}
	}
	told := 0
	for _, m := range append(d.Ephemerals(alice), d.Ephemerals(bob)...) {
		if strings.Contains(m.Text, "restarted") {
			told++
			if !strings.Contains(m.Text, "approve r1") && !strings.Contains(m.Text, "status token=[secret]") {
				t.Errorf("told %q, want what it was about", m.Text)
			}
		}
	}
	if told != 2 {
		t.Errorf("told %d times, want 2: what was not answered, once", told)
	}
}

// A modal that comes too late is said to the person, and a response URL that is
// used up or too old is no reason to say nothing.
func TestR17ExpiredTriggerAndResponseURL(t *testing.T) {
	var mu sync.Mutex
	var ahead time.Duration
	forward := func(d time.Duration) { mu.Lock(); defer mu.Unlock(); ahead += d }
	opt := workspace()
	opt.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(ahead) }
	d := newDesk(t, opt)
	urls := make(chan string, 100)
	d.config.Transport = seeing{urls}
	d.begin()
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	d.Handle("views.open", func(sandbox.Call) *sandbox.Reply { forward(3100 * time.Millisecond); return nil })
	d.Press(bob, channel, m.TS, "approve", "")
	d.told(bob, "Press the button again")
	if len(d.Views(bob)) != 0 {
		t.Error("a modal was opened with a trigger of 3.1 s")
	}
	d.Press(bob, channel, m.TS, "approve", "")
	d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })

	d.Slash(alice, channel, "first")
	d.told(alice, "heard: first")
	url := <-urls
	for len(urls) > 0 {
		url = <-urls
	}
	a := &ask{team: team, user: alice, channel: channel, responseURL: url}
	for n := range 7 {
		if err := d.bot.tell(t.Context(), a, view.Message{Head: fmt.Sprintf("answer %d", n)}); err != nil {
			t.Errorf("answer %d: %v", n, err)
		}
		d.told(alice, fmt.Sprintf("answer %d", n))
	}
	d.Handle("response_url", func(sandbox.Call) *sandbox.Reply { forward(31 * time.Minute); return nil })
	d.Slash(alice, channel, "long work")
	d.told(alice, "heard: long work")
}

// seeing is a transport that tells the response URLs that are used.
type seeing struct{ urls chan<- string }

func (s seeing) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, "/api/") {
		s.urls <- r.URL.String()
	}
	return http.DefaultTransport.RoundTrip(r)
}

func (seeing) CloseIdleConnections() { http.DefaultTransport.(*http.Transport).CloseIdleConnections() }

// What is said in an acknowledgement is small enough for Slack; what would not
// be leaves without its text, and not at all is worse.
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

// Whoever may not is refused at the press: nothing is asked of them, nothing is
// done, and only they are told. Somebody who cannot be looked up is nobody.
func TestR22WhoPresses(t *testing.T) {
	const robot, left = "U0ROBOT001", "U0LEFT0001"
	opt := workspace()
	opt.Users = append(opt.Users, sandbox.User{ID: robot, Name: "robot", IsBot: true}, sandbox.User{ID: left, Name: "left"})
	opt.Channels[0].Members = append(opt.Channels[0].Members, robot, left)
	// All but bob are in the group that may: what they are is what they are refused for.
	opt.Groups[0].Members = []string{alice, guest, stranger, robot, left}
	d := start(t, opt)
	rules := policy.Rules{Teams: []string{team}, Groups: map[string]string{"sre": sre}, Access: []policy.Rule{
		{Name: "sre", Who: []string{"sre"}, Channels: []string{channel}, Clusters: []string{"*"}, May: []string{"operate", "approve"}},
		{Name: "all", Who: []string{"*"}, Channels: []string{"*"}, Clusters: []string{"*"}, May: []string{"read"}},
	}}
	allowed := func(r handlers.Request) error { return rules.Allow(r.Actor, policy.Approve, "devcluster", r.Channel) }
	var mu sync.Mutex
	var done []string
	d.service.refuse(func(r handlers.Request) bool { return allowed(r) != nil })
	d.service.answer(func(r handlers.Request) handlers.Response {
		if err := allowed(r); err != nil {
			return handlers.Response{Private: true, Message: view.Message{Tone: view.Bad, Head: "Refused: " + err.Error()}}
		}
		mu.Lock()
		defer mu.Unlock()
		done = append(done, r.Actor.UserID)
		return handlers.Response{}
	})
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	// They may leave or be made guests after the message was posted.
	d.SetUser(left, func(u *sandbox.User) { u.Deleted = true })
	for who, why := range map[string]string{bob: "is allowed to", guest: "is a guest", stranger: "another workspace", robot: "is a bot", left: "deactivated"} {
		for _, action := range []string{"approve", "abort"} {
			if who == left {
				// Slack lets nobody press who has left: as from a client that has not heard.
				d.Deliver("interactive", map[string]any{"type": "block_actions", "user": map[string]any{"id": left, "team_id": team}, "team": map[string]any{"id": team},
					"channel": map[string]any{"id": channel}, "container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": channel}, "trigger_id": "1.2.x" + action,
					"actions": []any{map[string]any{"type": "button", "action_id": action, "block_id": "actions", "value": "r1|commit|d1", "action_ts": "1700000000.00010" + fmt.Sprint(len(action))}}})
				continue
			}
			d.Press(who, channel, m.TS, action, "")
		}
		if who != left {
			d.told(who, why)
		}
		d.until("done with "+who, func() bool { return d.bot.Health().Waiting == 0 })
		if len(d.Views(who)) != 0 {
			t.Errorf("%s is asked to type something", who)
		}
	}
	// An ID of ours from a workspace that is none is not looked up, and is nobody of ours.
	d.Deliver("interactive", map[string]any{"type": "block_actions", "user": map[string]any{"id": alice, "team_id": "T0FOREIGN1"}, "team": map[string]any{"id": team},
		"channel": map[string]any{"id": channel}, "container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": channel}, "trigger_id": "1.2.y",
		"actions": []any{map[string]any{"type": "button", "action_id": "approve", "block_id": "actions", "value": "r1|commit|d1", "action_ts": "1700000000.000300"}}})
	d.told(alice, "another workspace")
	d.until("done", func() bool { return d.bot.Health().Waiting == 0 })
	if _, ok := d.State().Find(channel, "Refused"); ok {
		t.Error("a refusal stands in the channel")
	}
	if n := len(d.service.requests()); n != 11 {
		t.Errorf("%d requests reached the service for its audit, want 11", n)
	}
	d.Press(alice, channel, m.TS, "approve", "")
	d.until("a modal", func() bool { return len(d.Views(alice)) == 1 })
	for range 30 {
		d.Handle("users.info", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("missing_scope") })
	}
	d.bot.people.forget([]string{""})
	d.Submit(alice, d.Views(alice)[0].ID, map[string]string{"typed": "devcluster"})
	d.told(alice, "does not say who you are")
	mu.Lock()
	defer mu.Unlock()
	if len(done) != 0 {
		t.Errorf("done for %v, want for nobody", done)
	}
}
