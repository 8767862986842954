package slack

import (
	"encoding/json"
	"net/http"
	"os"
	"sort"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/gorilla/websocket"
)

// wire is a bare Socket Mode client: it keeps every frame, and acknowledges
// each envelope with what the recording of that kind acknowledges.
type wire struct {
	conn   *websocket.Conn
	frames chan map[string]any
}

func dial(t *testing.T, s *Server) *wire {
	t.Helper()
	url := openLink(t, s)
	conn, _, err := websocket.DefaultDialer.Dial(url, nil)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{conn, make(chan map[string]any, 100)}
	done := make(chan struct{})
	t.Cleanup(func() { conn.Close(); <-done })
	go func() {
		defer close(done)
		for {
			var f map[string]any
			if conn.ReadJSON(&f) != nil {
				return
			}
			w.frames <- f
			if id, ok := f["envelope_id"].(string); ok {
				ack := map[string]any{"envelope_id": id}
				if f["type"] == "slash_commands" {
					ack["payload"] = map[string]any{} // As the JS client does, always.
				}
				conn.WriteJSON(ack)
			}
		}
	}()
	return w
}

func openLink(t *testing.T, s *Server) string {
	t.Helper()
	got := call(t, s, "apps.connections.open", s.AppToken(), "")
	url, ok := got["url"].(string)
	if !ok {
		t.Fatalf("apps.connections.open = %v", got)
	}
	return url
}

// call makes a Web API call with a JSON body.
func call(t *testing.T, s *Server, method, token, body string) map[string]any {
	t.Helper()
	req, err := http.NewRequest("POST", s.APIURL()+method, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var v map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// shape lists the paths of an object with the kind of value at each; what the
// parts in skip hold is data of the case, not of the protocol.
func shape(v any, at string, skip map[string]bool, into map[string]string) {
	if skip[at] {
		into[at] = "skipped"
		return
	}
	switch v := v.(type) {
	case map[string]any:
		into[at] = "object"
		for k, x := range v {
			shape(x, at+"/"+k, skip, into)
		}
	case []any:
		into[at] = "array"
		for _, x := range v {
			shape(x, at+"/*", skip, into)
		}
	case string:
		into[at] = "string"
	case float64:
		into[at] = "number"
	case bool:
		into[at] = "bool"
	case nil:
		into[at] = "null"
	}
}

func shapeOf(v any, skip ...string) []string {
	m := map[string]string{}
	no := map[string]bool{}
	for _, s := range skip {
		no[s] = true
	}
	shape(v, "", no, m)
	var list []string
	for k, kind := range m {
		list = append(list, k+" "+kind)
	}
	sort.Strings(list)
	return list
}

// What goes over the wire has the keys of the recordings, and values of the
// same kinds.
func TestShapesAreTheRecorded(t *testing.T) {
	s := start(t, options())
	w := dial(t, s)
	check := func(name string, got any, skip ...string) {
		t.Helper()
		b, err := os.ReadFile("testdata/golden/" + name + ".json")
		if err != nil {
			t.Fatal(err)
		}
		want, err := decode(b)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(shapeOf(want, skip...), shapeOf(got, skip...)); d != "" {
			t.Errorf("%s: -recorded +ours\n%s", name, d)
		}
	}
	check("hello", <-w.frames)
	check("apps.connections.open.response", call(t, s, "apps.connections.open", s.AppToken(), ""))

	if out := s.Slash(ann, ops, "status www/prod/hello"); !out.OK() || out.Payload != nil {
		t.Errorf("Slash with payload {} = %+v, want acknowledged without payload", out)
	}
	check("slash_commands", <-w.frames)

	root := s.Say(ann, ops, "", "it is down")
	post := call(t, s, "chat.postMessage", s.BotToken(), `{"channel":"`+ops+`","thread_ts":"`+root+`","text":"approve?","blocks":[{"type":"actions","block_id":"acts",
		"elements":[{"type":"button","action_id":"approve","style":"primary","value":"inc-1","text":{"type":"plain_text","text":"Approve","emoji":true}}]}]}`)
	ts, _ := post["ts"].(string)
	if out := s.Press(ann, ops, ts, "approve", ""); !out.OK() {
		t.Fatalf("Press = %+v", out)
	}
	check("interactive.block_actions", <-w.frames)
	s.MessageShortcut(ann, ops, ts, "diagnose")
	check("interactive.message_action", <-w.frames)
	s.GlobalShortcut(ann, "diagnose")
	check("interactive.shortcut", <-w.frames)

	s.Say(ann, ops, root, "@aurora status")
	check("events_api.app_mention", <-w.frames)
	s.OpenHome(ann)
	check("events_api.app_home_opened", <-w.frames)
	s.mu.Lock()
	s.channel(random).Members = []string{bob} // So that Ann can join.
	s.mu.Unlock()
	s.Join(ann, random, bob)
	check("events_api.member_joined_channel", <-w.frames)

	modal := `{"type":"modal","callback_id":"approve","notify_on_close":true,"title":{"type":"plain_text","text":"Approve","emoji":true},"submit":{"type":"plain_text","text":"Run","emoji":true},"blocks":[
		{"type":"input","block_id":"why","label":{"type":"plain_text","text":"Why"},"element":{"type":"plain_text_input","action_id":"why_text"}},
		{"type":"input","block_id":"inst","label":{"type":"plain_text","text":"Instances"},"element":{"type":"multi_static_select","action_id":"instances","options":[{"text":{"type":"plain_text","text":"0"},"value":"0"}]}},
		{"type":"input","block_id":"job","optional":true,"label":{"type":"plain_text","text":"Job"},"element":{"type":"external_select","action_id":"job_key"}}]}`
	open := func() string {
		s.mu.Lock()
		trigger := s.trigger(ann)
		s.mu.Unlock()
		if got := call(t, s, "views.open", s.BotToken(), `{"trigger_id":"`+trigger+`","view":`+modal+`}`); got["ok"] != true {
			t.Fatalf("views.open = %v", got)
		}
		return s.Views(ann)[0].ID
	}
	id := open()
	s.Suggest(ann, id, "job_key", "ww")
	check("interactive.block_suggestion", <-w.frames, "/payload/view/blocks")
	s.CloseView(ann, id, false)
	check("interactive.view_closed", <-w.frames, "/payload/view/blocks")
	if out := s.Submit(ann, open(), map[string]string{"why_text": "go", "instances": "0"}); !out.OK() {
		t.Errorf("Submit = %+v", out)
	}
	submission := <-w.frames
	values := object(field(field(field(submission["payload"], "view"), "state"), "values"))
	delete(values, "job") // The recording has no such input.
	check("interactive.view_submission", submission, "/payload/view/blocks")
	s.DisconnectOne("refresh_requested")
	check("disconnect", <-w.frames)
}
