package slack

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// Each refusal has Slack's name for it.
func TestRefusals(t *testing.T) {
	opt := options()
	opt.Channels = append(opt.Channels, Channel{ID: "C0ARCHIVE1", Name: "old", Archived: true}, Channel{ID: "C0SECRET01", Name: "secret", IsPrivate: true, NoBot: true})
	s := start(t, opt)
	theirs := s.Say(ann, ops, "", "mine")
	bot, app := s.BotToken(), s.AppToken()
	for _, tt := range []struct{ method, token, body, want string }{
		{"auth.test", "", `{}`, "not_authed"},
		{"auth.test", "xoxb-wrong", `{}`, "invalid_auth"},
		{"auth.test", app, `{}`, "not_allowed_token_type"},
		{"apps.connections.open", bot, `{}`, "not_allowed_token_type"},
		{"apps.connections.open", "", `{"token":"` + app + `"}`, "not_authed"},
		{"chat.invent", bot, `{}`, "unknown_method"},
		{"chat.postMessage", bot, `{"channel":"C0NONE0001","text":"x"}`, "channel_not_found"},
		{"chat.postMessage", bot, `{"channel":"C0SECRET01","text":"x"}`, "channel_not_found"},
		{"chat.postMessage", bot, `{"channel":"` + random + `","text":"x"}`, "not_in_channel"},
		{"chat.postMessage", bot, `{"channel":"C0ARCHIVE1","text":"x"}`, "is_archived"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `"}`, "no_text"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `","text":"` + x(40001) + `"}`, "msg_too_long"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `","text":"x","thread_ts":"1.000001"}`, "thread_not_found"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `","text":"x","blocks":[{"type":"nothing"}]}`, "invalid_blocks"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `","text":"x","blocks":"[{"}`, "invalid_blocks_format"},
		{"chat.postMessage", bot, `{"channel":"` + ops + `","blocks":[` + many(5, `{"type":"section","block_id":"b%d","text":{"type":"mrkdwn","text":"`+x(2800)+`"}}`) + `]}`, "msg_blocks_too_long"},
		{"chat.update", bot, `{"channel":"` + ops + `","ts":"1.000001","text":"x"}`, "message_not_found"},
		{"chat.update", bot, `{"channel":"` + ops + `","ts":"` + theirs + `","text":"x"}`, "cant_update_message"},
		{"chat.delete", bot, `{"channel":"` + ops + `","ts":"` + theirs + `"}`, "cant_delete_message"},
		{"chat.postEphemeral", bot, `{"channel":"` + ops + `","user":"U0NOBODY01","text":"x"}`, "user_not_in_channel"},
		{"conversations.replies", bot, `{"channel":"` + ops + `","ts":"1.000001"}`, "thread_not_found"},
		{"conversations.members", bot, `{"channel":"` + ops + `","cursor":"??"}`, "invalid_cursor"},
		{"conversations.history", bot, `{"channel":"` + random + `"}`, "not_in_channel"},
		{"users.info", bot, `{"user":"U0NOBODY01"}`, "user_not_found"},
		{"users.lookupByEmail", bot, `{"email":"nobody@example.com"}`, "users_not_found"},
		{"usergroups.users.list", bot, `{"usergroup":"S0NONE0001"}`, "no_such_subteam"},
		{"views.open", bot, `{"trigger_id":"1.1.x","view":` + modal(divide, "") + `}`, "invalid_trigger_id"},
		{"views.open", bot, `{"trigger_id":"1.1.x","view":"[]"}`, "invalid_arguments"},
		{"views.update", bot, `{"view_id":"V0","view":` + modal(divide, "") + `}`, "not_found"},
		{"files.completeUploadExternal", bot, `{"files":[{"id":"F0"}]}`, "file_not_found"},
		{"pins.add", bot, `{"channel":"` + ops + `","timestamp":"1.000001"}`, "message_not_found"},
		{"bookmarks.add", bot, `{"channel_id":"` + ops + `","title":"t","type":"link"}`, "invalid_link"},
	} {
		if got := call(t, s, tt.method, tt.token, tt.body); got["ok"] != false || got["error"] != tt.want {
			t.Errorf("%s %.80s = %v, want %s", tt.method, tt.body, got, tt.want)
		}
	}
	got := call(t, s, "chat.postMessage", bot, `{"channel":"`+ops+`","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"`+x(3001)+`"}}]}`)
	want := "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
	if errs, _ := got["errors"].([]any); len(errs) != 1 || errs[0] != want {
		t.Errorf("errors = %v, want %q", got["errors"], want)
	}
	if messages, _ := field(got["response_metadata"], "messages").([]any); len(messages) != 1 || messages[0] != "[ERROR] "+want {
		t.Errorf("response_metadata = %v", got["response_metadata"])
	}
}

// A token without the scope is told which one.
func TestScopes(t *testing.T) {
	opt := options()
	opt.Scopes = []string{"chat:write"}
	s := start(t, opt)
	if got := call(t, s, "usergroups.list", s.BotToken(), `{}`); got["error"] != "missing_scope" || got["needed"] != "usergroups:read" || got["provided"] != "chat:write" {
		t.Errorf("usergroups.list = %v", got)
	}
	if got := call(t, s, "chat.postMessage", s.BotToken(), `{"channel":"`+ops+`","text":"x"}`); got["ok"] != true {
		t.Errorf("chat.postMessage = %v", got)
	}
}

// A response URL serves five times, and for half an hour.
func TestResponseURL(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	opt := options()
	opt.Now = c.read
	s := start(t, opt)
	urls := make(chan string, 2)
	connect(t, s, client(t, s), func(sm *socketmode.Client, ev socketmode.Event) {
		if ev.Type == socketmode.EventTypeSlashCommand {
			urls <- ev.Data.(slack.SlashCommand).ResponseURL
			sm.Ack(*ev.Request)
		}
	})
	post := func(url, body string) (int, string) {
		req, err := http.NewRequest("POST", url, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		req.Close = true
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b := make([]byte, 200)
		n, _ := resp.Body.Read(b)
		return resp.StatusCode, string(b[:n])
	}
	s.Slash(ann, ops, "x")
	url := <-urls
	if code, body := post(url, `{"blocks":[{"type":"nothing"}]}`); code != 400 || !strings.Contains(body, "invalid_blocks") {
		t.Errorf("invalid blocks: %d %s", code, body)
	}
	for i := range 6 {
		kind := "ephemeral"
		if i == 0 {
			kind = "in_channel"
		}
		code, body := post(url, `{"text":"answer","response_type":"`+kind+`"}`)
		if i < 5 && code != 200 || i == 5 && (code != 404 || !strings.Contains(body, "used_url")) {
			t.Errorf("use %d: %d %s", i+1, code, body)
		}
	}
	if in, eph := len(s.Messages(ops)), len(s.Ephemerals(ann)); in != 1 || eph != 4 {
		t.Errorf("%d messages and %d notes, want 1 and 4", in, eph)
	}
	s.Slash(ann, ops, "x")
	url = <-urls
	c.forward(replyLife)
	if code, _ := post(url, `{"text":"on the limit"}`); code != 200 {
		t.Errorf("after 30 minutes: %d", code)
	}
	c.forward(time.Millisecond)
	if code, body := post(url, `{"text":"late"}`); code != 404 || !strings.Contains(body, "expired_url") {
		t.Errorf("after 30 minutes and a bit: %d %s", code, body)
	}
}

// Members of a group can change, and the app hears of it.
func TestGroups(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	events := make(chan string, 4)
	connect(t, s, api, func(sm *socketmode.Client, ev socketmode.Event) {
		ackAll(sm, ev)
		if ev.Type == socketmode.EventTypeEventsAPI {
			events <- string(ev.Request.Payload)
		}
	})
	groups, err := api.GetUserGroups(slack.GetUserGroupsOptionIncludeUsers(true))
	if err != nil || len(groups) != 1 || groups[0].Handle != "sre" || !slices.Equal(groups[0].Users, []string{ann, bob}) {
		t.Errorf("GetUserGroups = %+v, %v", groups, err)
	}
	if !s.SetGroupMembers(sre, ann, eve) || s.SetGroupMembers("S0NONE0001") {
		t.Error("SetGroupMembers: wrong answer")
	}
	if members, err := api.GetUserGroupMembers(sre); err != nil || !slices.Equal(members, []string{ann, eve}) {
		t.Errorf("GetUserGroupMembers = %v, %v", members, err)
	}
	both := <-events + <-events
	for _, want := range []string{"subteam_updated", "subteam_members_changed", `"added_users":["` + eve + `"]`, `"removed_users":["` + bob + `"]`} {
		if !strings.Contains(both, want) {
			t.Errorf("events lack %s: %s", want, both)
		}
	}
	for id, want := range map[string][3]bool{ann: {}, eve: {true}, mallory: {false, true}, BotUser: {false, false, true}} {
		u, err := api.GetUserInfo(id)
		if err != nil || [3]bool{u.IsRestricted, u.IsStranger, u.IsBot} != want {
			t.Errorf("GetUserInfo(%s) = %+v, %v", id, u, err)
		}
	}
	s.opt.FreePlan = true
	if _, err := api.GetUserGroupMembers(sre); err == nil || err.Error() != "plan_upgrade_required" {
		t.Errorf("GetUserGroupMembers on a free plan: %v", err)
	}
}

// The rest of the Web API, through the real client.
func TestRest(t *testing.T) {
	s := start(t, options())
	api := client(t, s)
	auth, err := api.AuthTest()
	if err != nil || auth.UserID != BotUser || auth.BotID != BotID {
		t.Errorf("AuthTest = %+v, %v", auth, err)
	}
	var last string
	for range 5 {
		if _, last, err = api.PostMessage(ops, slack.MsgOptionText("x", false)); err != nil {
			t.Fatal(err)
		}
	}
	h, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ops, Limit: 3})
	if err != nil || len(h.Messages) != 3 || h.Messages[0].Timestamp != last || !h.HasMore {
		t.Fatalf("GetConversationHistory = %+v, %v", h, err)
	}
	h, err = api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: ops, Limit: 3, Cursor: h.ResponseMetaData.NextCursor})
	if err != nil || len(h.Messages) != 2 || h.HasMore {
		t.Errorf("second page = %+v, %v", h, err)
	}
	api.PostMessage(ops, slack.MsgOptionText("reply", false), slack.MsgOptionTS(last))
	replies, _, _, err := api.GetConversationReplies(&slack.GetConversationRepliesParameters{ChannelID: ops, Timestamp: last})
	if err != nil || len(replies) != 2 || replies[0].ReplyCount != 1 {
		t.Errorf("GetConversationReplies = %+v, %v", replies, err)
	}
	link, err := api.GetPermalink(&slack.PermalinkParameters{Channel: ops, Ts: last})
	if err != nil || !strings.HasPrefix(link, s.URL()+"archives/"+ops+"/p") {
		t.Errorf("GetPermalink = %s, %v", link, err)
	}
	dm, _, _, err := api.OpenConversation(&slack.OpenConversationParameters{Users: []string{ann}})
	if err != nil || !strings.HasPrefix(dm.ID, "D") {
		t.Fatalf("OpenConversation = %+v, %v", dm, err)
	}
	if ch, _, err := api.PostMessage(ann, slack.MsgOptionText("to you", false)); err != nil || ch != dm.ID {
		t.Errorf("PostMessage to a person: %s, %v; want %s", ch, err, dm.ID)
	}
	if list, _, err := api.GetConversations(&slack.GetConversationsParameters{Types: []string{"public_channel", "im"}}); err != nil || len(list) != 3 {
		t.Errorf("GetConversations = %d, %v; want 3", len(list), err)
	}
	if _, _, _, err := api.JoinConversation(random); err != nil {
		t.Error(err)
	}
	if _, _, err := api.PostMessage(random, slack.MsgOptionText("joined", false)); err != nil {
		t.Error(err)
	}
	if u, err := api.GetUserByEmail("Ann@Example.com"); err != nil || u.ID != ann {
		t.Errorf("GetUserByEmail = %+v, %v", u, err)
	}
	at := slack.NewRefToMessage(ops, last)
	for i := range 2 {
		for name, err := range map[string]error{"already_reacted": api.AddReaction("eyes", at), "already_pinned": api.AddPin(ops, at)} {
			if (i == 0 && err != nil) || (i == 1 && (err == nil || err.Error() != name)) {
				t.Errorf("time %d, %s: %v", i, name, err)
			}
		}
	}
	if b, err := api.AddBookmark(ops, slack.AddBookmarkParameters{Title: "runbook", Type: "link", Link: "https://example.com"}); err != nil || b.ID == "" {
		t.Errorf("AddBookmark = %+v, %v", b, err)
	}
	if m := s.State(); len(m.Messages) != 8 {
		t.Errorf("State has %d messages, want 8", len(m.Messages))
	}
	if m, ok := s.State().Find(ops, "reply"); !ok || m.ThreadTS != last {
		t.Errorf("Find = %+v, %v", m, ok)
	}
}

// People who may not act in a channel are stopped by Slack, not by the app.
func TestBarred(t *testing.T) {
	opt := options()
	opt.Users = append(opt.Users, User{ID: "U0GONE0001", Name: "gone", Deleted: true})
	opt.Channels = append(opt.Channels, Channel{ID: "C0SMALL001", Name: "small", Members: []string{ann}})
	s := start(t, opt)
	for _, tt := range []struct{ user, channel, want string }{
		{bob, "C0SMALL001", "not_in_channel"}, {"U0GONE0001", ops, "account_inactive"}, {"U0NOBODY01", ops, "user_not_found"}, {ann, "C0NONE0001", "channel_not_found"},
	} {
		if out := s.Slash(tt.user, tt.channel, "x"); out.Result != Refused || out.Why != tt.want {
			t.Errorf("Slash(%s, %s) = %+v, want %s", tt.user, tt.channel, out, tt.want)
		}
	}
	opt = options()
	opt.Escape = true
	s = start(t, opt)
	w := dial(t, s)
	<-w.frames
	await(t, s, "a link", func(st State) bool { return st.Links == 1 })
	s.Slash(ann, ops, "ask @bob in #incidents <now>")
	if got := text(field(<-w.frames, "payload"), "text"); got != "ask <@"+bob+"|bob> in <#"+ops+"|incidents> &lt;now&gt;" {
		t.Errorf("escaped text = %q", got)
	}
}

// A note to one person in a thread is taken, and shown only if somebody has
// replied there; through a response URL too, which has a pace of its own.
func TestNotesInThreads(t *testing.T) {
	c := &clock{now: time.Date(2026, 11, 23, 3, 0, 0, 0, time.UTC)}
	opt := options()
	opt.Now, opt.Tiers = c.read, true
	s := start(t, opt)
	api := client(t, s)
	root := s.Say(ann, ops, "", "status?")
	note := func(thread string) {
		t.Helper()
		if _, err := api.PostEphemeral(ops, bob, slack.MsgOptionText("note", false), slack.MsgOptionTS(thread)); err != nil {
			t.Fatal(err)
		}
	}
	note(root)
	note("1.000001")
	if e := s.Ephemerals(bob); len(e) != 0 {
		t.Errorf("shown in a thread that there is not: %+v", e)
	}
	s.Say(ann, ops, root, "nobody?")
	note(root)
	if e := s.Ephemerals(bob); len(e) != 1 || e[0].ThreadTS != root {
		t.Errorf("in a thread: %+v, want one note there", e)
	}
	s.mu.Lock()
	url := s.replyTo("commands", ops, ann, "", "")
	s.mu.Unlock()
	answer := func(thread string) error {
		return slack.PostWebhook(url, &slack.WebhookMessage{Text: "answer", ThreadTimestamp: thread, ResponseType: "ephemeral"})
	}
	if err := answer(root); err != nil {
		t.Fatal(err)
	}
	var limited *slack.RateLimitedError
	if err := answer(root); !errors.As(err, &limited) || limited.RetryAfter != time.Second {
		t.Errorf("a second answer within a second: %v", err)
	}
	c.forward(time.Second)
	if err := answer("1.000001"); err != nil {
		t.Error(err)
	}
	if e := s.Ephemerals(ann); len(e) != 1 {
		t.Errorf("%d answers shown, want the one in the thread", len(e))
	}
}
