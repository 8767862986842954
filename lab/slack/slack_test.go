package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	ann, bob, eve, mallory = "U0ANN00001", "U0BOB00001", "U0EVE00001", "U0MALLORY1"
	ops, random            = "C0INCIDENT", "C0RANDOM01"
	sre                    = "S0SRE00001"
)

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) read() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func options() Options {
	return Options{
		Users: []User{
			{ID: ann, Name: "ann", RealName: "Ann Example", Email: "ann@example.com", IsAdmin: true},
			{ID: bob, Name: "bob", RealName: "Bob Example"},
			{ID: eve, Name: "eve", IsRestricted: true},
			{ID: mallory, TeamID: "T0OTHER001", Name: "mallory"},
		},
		Groups:   []UserGroup{{ID: sre, Handle: "sre", Name: "SRE", Members: []string{ann, bob}}},
		Channels: []Channel{{ID: ops, Name: "incidents", Members: []string{ann, bob, eve, mallory}}, {ID: random, Name: "random", NoBot: true}},
		Strict:   true, AckWithin: 10 * time.Second, PingEvery: 200 * time.Millisecond,
		RedeliverAfter: []time.Duration{0, 50 * time.Millisecond, 50 * time.Millisecond},
	}
}

// impatient are options with a deadline that a test can wait for.
func impatient() Options {
	opt := options()
	opt.AckWithin = time.Second
	return opt
}

func start(t *testing.T, opt Options) *Server {
	t.Helper()
	s, err := Start(context.Background(), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func client(t *testing.T, s *Server) *slack.Client {
	t.Helper()
	hc := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(hc.CloseIdleConnections)
	return slack.New(s.BotToken(), slack.OptionAPIURL(s.APIURL()), slack.OptionAppLevelToken(s.AppToken()), slack.OptionHTTPClient(hc))
}

// connect runs slack-go's Socket Mode client; on answers each event.
func connect(t *testing.T, s *Server, api *slack.Client, on func(*socketmode.Client, socketmode.Event)) {
	t.Helper()
	sm := socketmode.New(api, socketmode.OptionPingInterval(10*s.opt.PingEvery), socketmode.OptionLog(log.New(io.Discard, "", 0)))
	ctx, cancel := context.WithCancel(context.Background())
	before := s.Socket().Links
	var wg sync.WaitGroup
	wg.Go(func() { sm.RunContext(ctx) })
	wg.Go(func() {
		for {
			select {
			case ev := <-sm.Events:
				on(sm, ev)
			case <-ctx.Done():
				return
			}
		}
	})
	t.Cleanup(func() {
		cancel()
		done := make(chan struct{})
		go func() { wg.Wait(); close(done) }()
		for {
			s.Kill() // Also a link that slack-go opened at the last moment: it ends only when its read ends.
			select {
			case <-done:
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	})
	await(t, s, "a link", func(st State) bool { return st.Links > before })
}

func ackAll(sm *socketmode.Client, ev socketmode.Event) {
	if ev.Request != nil && ev.Type != socketmode.EventTypeHello {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		sm.AckCtx(ctx, ev.Request.EnvelopeID, nil) // Ack alone hangs when there is no link for its queue.
	}
}

func await(t *testing.T, s *Server, what string, ok func(State) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Wait(ctx, ok); err != nil {
		t.Fatalf("waiting for %s: %v", what, err)
	}
}

func button(id, value string) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, slack.NewTextBlockObject("plain_text", "Approve", true, false)).WithStyle(slack.StylePrimary)
}

func section(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject("mrkdwn", text, false, false), nil, nil)
}

// A command becomes an acknowledgement, a message, and an edit of it that
// takes its blocks away.
func TestSlash(t *testing.T) {
	var rec bytes.Buffer
	opt := options()
	opt.Record = &rec
	s := start(t, opt)
	api := client(t, s)
	posted := make(chan string, 1)
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		if ev.Type != socketmode.EventTypeSlashCommand {
			return
		}
		cmd := ev.Data.(slack.SlashCommand)
		sm.Ack(*ev.Request, map[string]any{"response_type": "ephemeral", "text": "on it"})
		_, ts, err := api.PostMessage(cmd.ChannelID, slack.MsgOptionText("plan for "+cmd.Text, false), slack.MsgOptionBlocks(section("*plan*")))
		if err != nil {
			t.Error(err)
		}
		posted <- ts
	})
	out := s.Slash(ann, ops, "/aurora recover devcluster")
	if !out.OK() || !strings.Contains(string(out.Payload), "on it") {
		t.Fatalf("Slash = %+v, want an acknowledgement with text", out)
	}
	ts := <-posted
	if m := s.Messages(ops); len(m) != 1 || m[0].TS != ts || m[0].Text != "plan for recover devcluster" || m[0].Blocks == nil {
		t.Fatalf("Messages = %+v", m)
	}
	if e := s.Ephemerals(ann); len(e) != 1 || e[0].Text != "on it" {
		t.Errorf("Ephemerals(ann) = %+v, want one, \"on it\"", e)
	}
	if e := s.Ephemerals(bob); len(e) != 0 {
		t.Errorf("Ephemerals(bob) = %+v, want none", e)
	}
	if _, _, _, err := api.UpdateMessage(ops, ts, slack.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	if m := s.Messages(ops)[0]; m.Text != "done" || m.Blocks != nil || !m.Edited {
		t.Errorf("after an update with text alone: %+v, want no blocks, edited", m)
	}
	if _, _, err := api.PostMessage(ops, slack.MsgOptionText("step 1", false), slack.MsgOptionTS(ts)); err != nil {
		t.Fatal(err)
	}
	if th := s.Thread(ops, ts); len(th) != 2 || len(s.Messages(ops)) != 1 {
		t.Errorf("thread has %d messages, channel %d; want 2 and 1", len(th), len(s.Messages(ops)))
	}
	for line := range strings.Lines(rec.String()) {
		var call struct {
			Method string
			Body   map[string]any
		}
		if err := json.Unmarshal([]byte(line), &call); err != nil || call.Method == "" || call.Body["token"] != nil {
			t.Errorf("record %s: %v", line, err)
		}
		if call.Method == "chat.postMessage" && call.Body["text"] == "plan for recover devcluster" {
			if _, ok := call.Body["blocks"].([]any); !ok {
				t.Errorf("record %s: blocks are not an array", line)
			}
		}
	}
	if !strings.Contains(rec.String(), `"method":"chat.update"`) || strings.Contains(rec.String(), s.BotToken()) {
		t.Errorf("record = %s", rec.String())
	}
}

// A press carries the button as it stands in the message; one that is gone can
// only be pressed by a stale client.
func TestPress(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	pressed := make(chan slack.InteractionCallback, 4)
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		ackAll(sm, ev)
		if ev.Type == socketmode.EventTypeInteractive {
			pressed <- ev.Data.(slack.InteractionCallback)
		}
	})
	_, ts, err := api.PostMessage(ops, slack.MsgOptionText("gate", false), slack.MsgOptionBlocks(section("gate"), slack.NewActionBlock("acts", button("approve", "run-1"))))
	if err != nil {
		t.Fatal(err)
	}
	if out := s.Press(bob, ops, ts, "approve", ""); !out.OK() {
		t.Fatalf("Press = %+v", out)
	}
	p := <-pressed
	if a := p.ActionCallback.BlockActions[0]; a.ActionID != "approve" || a.Value != "run-1" || a.BlockID != "acts" || p.User.ID != bob || p.Container.MessageTs != ts || p.ResponseURL == "" {
		t.Errorf("action = %+v of %+v", a, p)
	}
	if err := slack.PostWebhook(p.ResponseURL, &slack.WebhookMessage{Text: "not you", ResponseType: "ephemeral"}); err != nil {
		t.Error(err)
	}
	if e := s.Ephemerals(bob); len(e) != 1 || e[0].Text != "not you" {
		t.Errorf("Ephemerals(bob) = %+v", e)
	}
	if out := s.Press(bob, ops, ts, "deny", ""); out.Result != Refused {
		t.Errorf("Press of a button that is not there = %+v", out)
	}
	api.UpdateMessage(ops, ts, slack.MsgOptionText("closed", false))
	if out := s.Press(bob, ops, ts, "approve", ""); out.Result != Refused || out.Why != "no_such_action" {
		t.Errorf("Press of a button that is gone = %+v", out)
	}
	if out := s.PressStale(bob, ops, ts, "approve", "run-1"); !out.OK() {
		t.Errorf("PressStale = %+v", out)
	}
	if a := (<-pressed).ActionCallback.BlockActions[0]; a.ActionID != "approve" || a.Value != "run-1" {
		t.Errorf("stale action = %+v", a)
	}
	// Ephemeral messages have buttons too.
	if _, err := api.PostEphemeral(ops, ann, slack.MsgOptionText("which one", false), slack.MsgOptionBlocks(slack.NewActionBlock("pick", button("pick", "1")))); err != nil {
		t.Fatal(err)
	}
	if out := s.Press(ann, ops, s.Ephemerals(ann)[0].TS, "pick", ""); !out.OK() {
		t.Errorf("Press on an ephemeral message = %+v", out)
	}
	if p := <-pressed; !p.Container.IsEphemeral || p.Message.Timestamp != "" {
		t.Errorf("payload of an ephemeral press: %+v", p.Container)
	}
}

// A modal opens once per trigger, objects, is updated, and closes.
func TestModal(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	view := slack.ModalViewRequest{Type: slack.VTModal, CallbackID: "approve", PrivateMetadata: "run-1", NotifyOnClose: true,
		Title: slack.NewTextBlockObject("plain_text", "Approve", false, false), Submit: slack.NewTextBlockObject("plain_text", "Approve", false, false),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("name", slack.NewTextBlockObject("plain_text", "Cluster", false, false), nil,
			slack.NewPlainTextInputBlockElement(nil, "cluster"))}}}
	var second error
	closed := make(chan slack.InteractionCallback, 1)
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		switch ev.Type {
		case socketmode.EventTypeSlashCommand:
			cmd := ev.Data.(slack.SlashCommand)
			if _, err := api.OpenView(cmd.TriggerID, view); err != nil {
				t.Error(err)
			}
			_, second = api.OpenView(cmd.TriggerID, view)
			sm.Ack(*ev.Request)
		case socketmode.EventTypeInteractive:
			p := ev.Data.(slack.InteractionCallback)
			if p.Type == slack.InteractionTypeViewClosed {
				sm.Ack(*ev.Request)
				closed <- p
				return
			}
			if v := p.View.State.Values["name"]["cluster"].Value; v != "devcluster" {
				sm.Ack(*ev.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"name": "not " + v}))
				return
			}
			sm.Ack(*ev.Request)
		}
	})
	if out := s.Slash(ann, ops, "approve"); !out.OK() {
		t.Fatalf("Slash = %+v", out)
	}
	if second == nil || second.Error() != "exchanged_trigger_id" {
		t.Errorf("second use of a trigger: %v, want exchanged_trigger_id", second)
	}
	views := s.Views(ann)
	if len(views) != 1 || views[0].CallbackID != "approve" {
		t.Fatalf("Views = %+v", views)
	}
	id := views[0].ID
	if out := s.Submit(ann, id, nil); out.Result != Incomplete || out.Errors["name"] == "" {
		t.Errorf("Submit without input = %+v", out)
	}
	if out := s.Submit(bob, id, map[string]string{"cluster": "devcluster"}); out.Result != Refused {
		t.Errorf("Submit of another's modal = %+v", out)
	}
	if out := s.Submit(ann, id, map[string]string{"cluster": "prod"}); out.OK() || out.Errors["name"] != "not prod" || len(s.Views(ann)) != 1 {
		t.Errorf("Submit with an objection = %+v, %d views", out, len(s.Views(ann)))
	}
	if out := s.Submit(ann, id, map[string]string{"name": "devcluster"}); !out.OK() || len(s.Views(ann)) != 0 {
		t.Errorf("Submit = %+v, %d views", out, len(s.Views(ann)))
	}
	s.Slash(ann, ops, "approve")
	if out := s.CloseView(ann, s.Views(ann)[0].ID, true); !out.OK() {
		t.Errorf("CloseView = %+v", out)
	}
	if p := <-closed; !p.IsCleared || p.View.PrivateMetadata != "run-1" {
		t.Errorf("view_closed = %+v", p)
	}
}

// Views and trigger ids: update by hash, publish, push to the limit, expiry.
func TestViews(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	opt := options()
	opt.Now = c.read
	s := start(t, opt)
	api := client(t, s)
	view := slack.ModalViewRequest{Type: slack.VTModal, Title: slack.NewTextBlockObject("plain_text", "Wait", false, false), Blocks: slack.Blocks{BlockSet: []slack.Block{section("loading")}}}
	fresh := func() string { s.mu.Lock(); defer s.mu.Unlock(); return s.trigger(ann) }
	late := fresh()
	c.forward(triggerLife + time.Millisecond)
	if _, err := api.OpenView(late, view); err == nil || err.Error() != "expired_trigger_id" {
		t.Errorf("late trigger: %v", err)
	}
	edge := fresh()
	c.forward(triggerLife)
	r, err := api.OpenView(edge, view)
	if err != nil {
		t.Fatalf("trigger of exactly 3 s: %v", err)
	}
	if _, err := api.UpdateView(view, "", "1.old", r.View.ID); err == nil || err.Error() != "hash_conflict" {
		t.Errorf("old hash: %v", err)
	}
	if _, err := api.UpdateView(view, "", r.View.Hash, r.View.ID); err != nil {
		t.Errorf("UpdateView: %v", err)
	}
	for want := 2; want <= maxStack; want++ {
		if _, err := api.PushView(fresh(), view); err != nil || len(s.Views(ann)) != want {
			t.Errorf("PushView: %v, %d views, want %d", err, len(s.Views(ann)), want)
		}
	}
	if _, err := api.PushView(fresh(), view); err == nil || err.Error() != "push_limit_reached" {
		t.Errorf("fourth view: %v", err)
	}
	home := slack.HomeTabViewRequest{Type: slack.VTHomeTab, Blocks: slack.Blocks{BlockSet: []slack.Block{section("clusters")}}}
	if _, err := api.PublishView(ann, home, ""); err != nil {
		t.Error(err)
	}
	if v, ok := s.Home(ann); !ok || v.Type != "home" {
		t.Errorf("Home = %+v, %v", v, ok)
	}
	view.Title.Text = strings.Repeat("x", 25)
	_, err = api.OpenView(fresh(), view)
	var e slack.SlackErrorResponse
	if !errors.As(err, &e) || e.Err != "invalid_arguments" || !strings.Contains(strings.Join(e.ResponseMetadata.Messages, " "), "/view/title/text") {
		t.Errorf("long title: %v, %+v", err, e)
	}
}

// An event comes again, with the same id, until it is acknowledged.
func TestEventsComeAgain(t *testing.T) {
	s := start(t, impatient())
	api := client(t, s)
	seen := make(chan socketmode.Request, 8)
	n := 0
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		if ev.Type != socketmode.EventTypeEventsAPI {
			return
		}
		seen <- *ev.Request
		if n++; n == 3 {
			sm.Ack(*ev.Request)
		}
		if _, ok := ev.Data.(slackevents.EventsAPIEvent).InnerEvent.Data.(*slackevents.AppMentionEvent); !ok {
			t.Errorf("event %s", ev.Request.Payload)
		}
	})
	ts := s.Say(ann, ops, "", "@aurora status & <more>")
	if ts == "" {
		t.Fatal("Say: refused")
	}
	if m := s.Messages(ops)[0]; m.Text != "<@"+BotUser+"> status &amp; &lt;more&gt;" {
		t.Errorf("text = %q", m.Text)
	}
	ids, envelopes := map[string]bool{}, map[string]bool{}
	for attempt := range 3 {
		r := <-seen
		var p struct {
			EventID string `json:"event_id"`
		}
		json.Unmarshal(r.Payload, &p)
		ids[p.EventID], envelopes[r.EnvelopeID] = true, true
		if r.RetryAttempt != attempt || (attempt > 0) != (r.RetryReason == "timeout") {
			t.Errorf("attempt %d, reason %q; want %d", r.RetryAttempt, r.RetryReason, attempt)
		}
	}
	if len(ids) != 1 || len(envelopes) != 3 {
		t.Errorf("%d event ids, %d envelope ids; want 1 and 3", len(ids), len(envelopes))
	}
	time.Sleep(200 * time.Millisecond) // There is no event for "nothing more comes".
	if len(seen) != 0 {
		t.Errorf("the event came again after its acknowledgement")
	}
}

// Files: three steps, then the file stands in a thread.
func TestUpload(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	_, ts, err := api.PostMessage(ops, slack.MsgOptionText("run", false))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.Repeat("line of log\n", 500)
	f, err := api.UploadFile(slack.UploadFileParameters{Filename: "s1.log", Title: "Log of s1", Content: text, FileSize: len(text), Channel: ops, ThreadTimestamp: ts, InitialComment: "the log"})
	if err != nil {
		t.Fatal(err)
	}
	if b, ok := s.Content(f.ID); !ok || string(b) != text {
		t.Errorf("content: %d bytes, %v", len(b), ok)
	}
	th := s.Thread(ops, ts)
	if len(th) != 2 || len(th[1].Files) != 1 || th[1].Files[0].Title != "Log of s1" || th[1].Files[0].Preview == "" {
		t.Fatalf("thread = %+v", th)
	}
	info, _, _, err := api.GetFileInfo(f.ID, 0, 0)
	if err != nil || info.Size != len(text) {
		t.Errorf("GetFileInfo = %+v, %v", info, err)
	}
	var got bytes.Buffer
	if err := api.GetFile(info.URLPrivate, &got); err != nil || got.String() != text {
		t.Errorf("GetFile: %v, %d bytes", err, got.Len())
	}
	img := slack.NewImageBlockSlackFile(&slack.SlackFileObject{ID: "F0NOTHERE01"}, "chart", "", nil)
	if _, _, err := api.PostMessage(ops, slack.MsgOptionBlocks(img)); err == nil || err.Error() != "invalid_blocks" {
		t.Errorf("image of no file: %v", err)
	}
}
