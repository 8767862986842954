package slack

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Without a link a command fails at once, and the person is told.
func TestNoLink(t *testing.T) {
	s := start(t, options())
	if out := s.Slash(ann, ops, "status"); out.Result != DispatchFailed {
		t.Errorf("Slash = %+v, want %s", out, DispatchFailed)
	}
	if e := s.Ephemerals(ann); len(e) != 1 || !strings.Contains(e[0].Text, `"dispatch_failed"`) {
		t.Errorf("Ephemerals = %+v", e)
	}
}

// An app that does not acknowledge, or with too much, has a command time out;
// one that comes late counts as late.
func TestDeadline(t *testing.T) {
	s := start(t, impatient())
	late := make(chan func(), 1)
	connect(t, s, client(t, s), func(sm *socketmode.Client, ev socketmode.Event) {
		if ev.Type == socketmode.EventTypeSlashCommand {
			late <- func() { sm.Ack(*ev.Request) }
		}
	})
	out := s.Slash(ann, ops, "status")
	if out.Result != TimedOut || out.Took < s.opt.AckWithin || out.Took > s.opt.AckWithin+2*time.Second {
		t.Errorf("Slash = %+v, want %s after %v", out, TimedOut, s.opt.AckWithin)
	}
	if e := s.Ephemerals(ann); len(e) != 1 || !strings.Contains(e[0].Text, `"operation_timeout"`) {
		t.Errorf("Ephemerals = %+v", e)
	}
	(<-late)()
	until(t, "a late acknowledgement", func() bool { return s.Socket().LateAcks == 1 })
}

// until waits for what no change announces.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 6000 {
		if ok() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waiting for %s", what)
}

// An acknowledgement above 20 KB is dropped; one of exactly 20 KB is taken.
func TestAckSize(t *testing.T) {
	for _, size := range []int{maxAck, maxAck + 1} {
		s := start(t, impatient())
		conn, _, err := websocket.DefaultDialer.Dial(openLink(t, s), nil)
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				var f map[string]any
				if conn.ReadJSON(&f) != nil {
					return
				}
				if id, ok := f["envelope_id"].(string); ok {
					ack := `{"envelope_id":"` + id + `","payload":{"text":""}}`
					conn.WriteMessage(websocket.TextMessage, []byte(strings.Replace(ack, `""`, `"`+strings.Repeat("x", size-len(ack))+`"`, 1)))
				}
			}
		}()
		await(t, s, "a link", func(st State) bool { return st.Links == 1 })
		want := Acked
		if size > maxAck {
			want = TimedOut
		}
		if out := s.Slash(ann, ops, "x"); out.Result != want {
			t.Errorf("acknowledgement of %d bytes: %s, want %s", size, out.Result, want)
		}
		conn.Close()
		<-done
	}
}

// Each envelope goes to one link, the links in turn.
func TestOneLinkEach(t *testing.T) {
	s := start(t, options())
	a, b := dial(t, s), dial(t, s)
	<-a.frames
	if hello := <-b.frames; hello["num_connections"] != 2.0 {
		t.Errorf("second hello = %v", hello)
	}
	await(t, s, "two links", func(st State) bool { return st.Links == 2 })
	for range 10 {
		s.Slash(ann, ops, "x")
	}
	if len(a.frames) != 5 || len(b.frames) != 5 {
		t.Errorf("%d and %d envelopes, want 5 and 5", len(a.frames), len(b.frames))
	}
}

// A refresh makes slack-go come back; while it is away, commands fail.
func TestDisconnectOne(t *testing.T) {
	s := start(t, options())
	connect(t, s, client(t, s), ackAll)
	s.OpenDelay(200 * time.Millisecond)
	if !s.DisconnectOne("refresh_requested") {
		t.Fatal("no link to disconnect")
	}
	if out := s.Slash(ann, ops, "in the gap"); out.Result != DispatchFailed {
		t.Errorf("Slash in the gap = %+v", out)
	}
	await(t, s, "the new link", func(st State) bool { return st.Opens == 2 && st.Links == 1 })
	until(t, "a command to work again", func() bool { return s.Slash(ann, ops, "after").OK() })
}

// With two links that are recycled in turn no command is lost.
func TestTwoLinksHaveNoGap(t *testing.T) {
	s := start(t, options())
	connect(t, s, client(t, s), ackAll)
	connect(t, s, client(t, s), ackAll)
	s.OpenDelay(30 * time.Millisecond)
	for i := range 40 {
		if i%10 == 0 {
			await(t, s, "both links", func(st State) bool { return st.Links == 2 && st.Opens == 2+i/10 })
			s.DisconnectOne("refresh_requested")
		}
		if out := s.Slash(ann, ops, "x"); !out.OK() {
			t.Fatalf("command %d: %+v", i, out)
		}
	}
}

// After a cut slack-go opens again.
func TestKill(t *testing.T) {
	s := start(t, options())
	connect(t, s, client(t, s), ackAll)
	s.Kill()
	await(t, s, "a new link", func(st State) bool { return st.Opens == 2 && st.Links == 1 })
}

// A half-open link loses what it gets, and is noticed by its missing pings.
func TestMute(t *testing.T) {
	s := start(t, impatient())
	connect(t, s, client(t, s), ackAll)
	s.MutePresent()
	if out := s.Slash(ann, ops, "x"); out.Result != TimedOut {
		t.Errorf("Slash on a muted link = %+v", out)
	}
	await(t, s, "slack-go to notice", func(st State) bool { return st.Opens == 2 })
	until(t, "a command to work again", func() bool { return s.Slash(ann, ops, "x").OK() })
	s.Mute(true)
	if out := s.Slash(ann, ops, "x"); out.Result != TimedOut {
		t.Errorf("Slash on muted links = %+v", out)
	}
	s.Mute(false)
	until(t, "a command to work again", func() bool { return s.Slash(ann, ops, "x").OK() })
}

// Opens that fail: slack-go goes on after a limit of rate, and gives up after
// invalid_auth.
func TestFailOpens(t *testing.T) {
	s := start(t, options())
	s.FailOpens(1, "ratelimited")
	began := time.Now()
	connect(t, s, client(t, s), ackAll)
	if _, opens := s.socket.count(); opens != 2 || time.Since(began) < time.Second {
		t.Errorf("%d opens in %v, want 2 in more than 1 s", opens, time.Since(began))
	}
	s.FailOpens(1, "invalid_auth")
	sm := socketmode.New(client(t, s))
	if err := sm.RunContext(t.Context()); err == nil || err.Error() != "invalid_auth" {
		t.Errorf("RunContext = %v, want invalid_auth", err)
	}
}

// A link above the limit is told so; tickets serve once and not for long.
func TestTickets(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	opt := options()
	opt.Now = c.read
	s := start(t, opt)
	url := openLink(t, s)
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, resp, err := websocket.DefaultDialer.Dial(url, nil); err == nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("second use of a ticket: %v, want 408", err)
	}
	url = openLink(t, s)
	c.forward(s.opt.TicketLife + time.Millisecond)
	if _, resp, err := websocket.DefaultDialer.Dial(url, nil); err == nil || resp.StatusCode != http.StatusRequestTimeout {
		t.Errorf("stale ticket: %v, want 408", err)
	}
	s.MaxConns(1)
	second, _, err := websocket.DefaultDialer.Dial(openLink(t, s), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	var f map[string]any
	if err := second.ReadJSON(&f); err != nil || f["reason"] != "too_many_websockets" {
		t.Errorf("link above the limit: %v, %v", f, err)
	}
	// A ping of the client's is answered.
	pong := make(chan string, 1)
	conn.SetPongHandler(func(data string) error { pong <- data; return nil })
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, _, err := conn.ReadMessage(); err != nil {
				return
			}
		}
	}()
	conn.WriteControl(websocket.PingMessage, []byte("still there"), time.Now().Add(time.Second))
	if got := <-pong; got != "still there" {
		t.Errorf("pong = %q", got)
	}
	conn.Close()
	<-done
}

// A hook answers one call; a nil reply leaves it to the server.
func TestHandle(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	s.Handle("chat.postMessage", func(Call) *Reply { return ReplyError("invalid_blocks") })
	s.Handle("chat.postMessage", func(c Call) *Reply {
		if !strings.Contains(string(c.Body), "second") {
			t.Errorf("body = %s", c.Body)
		}
		return nil
	})
	s.Handle("chat.postMessage", func(Call) *Reply { return &Reply{Cut: true} })
	for i, text := range []string{"first", "second", "third", "fourth"} {
		_, _, err := api.PostMessage(ops, slack.MsgOptionText(text, false))
		switch {
		case i == 0 && (err == nil || err.Error() != "invalid_blocks"), i == 2 && err == nil, i%2 == 1 && err != nil:
			t.Errorf("%s: %v", text, err)
		}
	}
	if n := len(s.Messages(ops)); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// One post a second and channel; the rest is told when to come back.
func TestPostPerSecond(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	opt := options()
	opt.PostPerSecond, opt.Now, opt.Tiers = 1, c.read, true
	s := start(t, opt)
	api := client(t, s)
	post := func() error { _, _, err := api.PostMessage(ops, slack.MsgOptionText("x", false)); return err }
	if err := post(); err != nil {
		t.Fatal(err)
	}
	c.forward(time.Second - time.Millisecond)
	var limited *slack.RateLimitedError
	if err := post(); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("second post within a second: %v", err)
	}
	c.forward(time.Millisecond)
	if err := post(); err != nil {
		t.Errorf("post a second later: %v", err)
	}
	var last error
	for range tier2 + 1 {
		_, last = api.GetUserGroups()
	}
	if !errors.As(last, &limited) {
		t.Errorf("call %d of usergroups.list in a minute: %v", tier2+1, last)
	}
}

// Envelopes of a kind that nobody knows are delivered too.
func TestDeliver(t *testing.T) {
	s := start(t, options())
	w := dial(t, s)
	<-w.frames
	await(t, s, "a link", func(st State) bool { return st.Links == 1 })
	if out := s.Deliver("brand_new_type", map[string]any{"x": 1}); !out.OK() {
		t.Errorf("Deliver = %+v", out)
	}
	if f := <-w.frames; f["type"] != "brand_new_type" {
		t.Errorf("frame = %v", f)
	}
}

// Where Slack insists on the link, an acknowledgement on another is not taken.
func TestStrictAckConn(t *testing.T) {
	for _, strict := range []bool{false, true} {
		opt := impatient()
		opt.StrictAckConn = strict
		s := start(t, opt)
		var conns [2]*websocket.Conn
		for i := range conns {
			c, _, err := websocket.DefaultDialer.Dial(openLink(t, s), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			var hello map[string]any
			if err := c.ReadJSON(&hello); err != nil {
				t.Fatal(err)
			}
			conns[i] = c
		}
		await(t, s, "two links", func(st State) bool { return st.Links == 2 })
		got := make(chan Outcome, 1)
		go func() { got <- s.Slash(ann, ops, "x") }()
		var f map[string]any
		conns[0].SetReadDeadline(time.Now().Add(5 * time.Second))
		if err := conns[0].ReadJSON(&f); err != nil {
			t.Fatal(err)
		}
		conns[1].WriteJSON(map[string]any{"envelope_id": f["envelope_id"]})
		want := Acked
		if strict {
			want = TimedOut
		}
		if out := <-got; out.Result != want {
			t.Errorf("strict %v: %s, want %s", strict, out.Result, want)
		}
	}
}

// A crowd does not mix up outcomes, nor trip the race detector.
func TestCrowd(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	connect(t, s, api, ackAll)
	connect(t, s, api, ackAll)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 25 {
				if out := s.Slash(ann, ops, "x"); !out.OK() {
					t.Errorf("Slash = %+v", out)
				}
				api.PostMessage(ops, slack.MsgOptionText("x", false))
				s.State()
			}
		})
	}
	wg.Wait()
	if st := s.Socket(); st.Acks != 200 || len(s.Messages(ops)) != 200 {
		t.Errorf("%+v, %d messages; want 200 each", st, len(s.Messages(ops)))
	}
}
