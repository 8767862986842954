package slack

import (
	"encoding/json"
	"flag"
	"os"
	"os/signal"
	"strings"
	"testing"
	"time"
)

var demo = flag.String("demo", "", "serve a filled sandbox at this address until interrupted")

// TestDemo serves a sandbox to look at:
//
//	go test ./lab/slack -run TestDemo -demo 127.0.0.1:8099
func TestDemo(t *testing.T) {
	if *demo == "" {
		t.Skip("only with -demo ADDRESS")
	}
	opt := options()
	opt.Addr = *demo
	opt.Shortcuts = []Shortcut{{Name: "Recover from this alert", CallbackID: "recover"}, {Name: "Open an incident", CallbackID: "open", Global: true}}
	opt.AckWithin = 3 * time.Second
	s := start(t, opt)
	fillDemo(t, s)
	t.Logf("serving %s", s.URL())
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt)
	<-stop
}

// fillDemo puts one of every kind of message into the sandbox, and a modal.
func fillDemo(t *testing.T, s *Server) (gate, thread string) {
	t.Helper()
	post := func(body string) string {
		t.Helper()
		got := call(t, s, "chat.postMessage", s.BotToken(), body)
		ts, ok := got["ts"].(string)
		if !ok {
			t.Fatalf("chat.postMessage = %v", got)
		}
		return ts
	}
	s.Say(ann, ops, "", "devcluster: the replicated log is gone on two schedulers. @bob are you there?")
	s.Say(bob, ops, "", "Yes. Is <https://wiki.example.com/dr> still right? I read `mesos-log read` & <nothing>")
	thread = post(`{"channel":"` + ops + `","text":"Recovery of devcluster","blocks":[
	 {"type":"header","text":{"type":"plain_text","text":"Recovery of devcluster"}},
	 {"type":"section","text":{"type":"mrkdwn","text":":hourglass: *Restore* since <!date^1795423083^{time}|03:00>; next is the commit. To stop it: Abort."}},
	 {"type":"plan","title":"Plan 4f0c2a91b7de: 11 steps on 3 hosts","tasks":[
	  {"type":"task_card","task_id":"1","title":"Preparation","status":"complete","output":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"3 of 3 hosts: same"}]}]}},
	  {"type":"task_card","task_id":"2","title":"Assess","status":"complete"},
	  {"type":"task_card","task_id":"3","title":"Restore","status":"in_progress","details":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"waiting for approvals: 1 of 2 by "},{"type":"user","user_id":"` + bob + `"}]}]}},
	  {"type":"task_card","task_id":"4","title":"Cleanup","status":"pending"}]},
	 {"type":"actions","elements":[{"type":"button","action_id":"abort","style":"danger","value":"r","text":{"type":"plain_text","text":"Abort"},"confirm":{"title":{"type":"plain_text","text":"Abort the recovery?"},"text":{"type":"mrkdwn","text":"It stops after the *present step*."},"confirm":{"type":"plain_text","text":"Abort"},"deny":{"type":"plain_text","text":"Go on"},"style":"danger"}}]}]}`)
	post(`{"channel":"` + ops + `","thread_ts":"` + thread + `","text":"Assess","blocks":[
	 {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"mesos-log read, 3 of 3 hosts: same","style":{"bold":true}}]},
	  {"type":"rich_text_preformatted","elements":[{"type":"text","text":"Status: EMPTY\n<script>alert(1)</script> <!channel>"}]}]},
	 {"type":"table","column_settings":[{},{"align":"right"}],"rows":[[{"type":"raw_text","text":"host"},{"type":"raw_text","text":"tasks"}],[{"type":"raw_text","text":"s1"},{"type":"raw_text","text":"57"}],[{"type":"raw_text","text":"s2"},{"type":"raw_text","text":"57"}]]}]}`)
	post(`{"channel":"` + ops + `","thread_ts":"` + thread + `","text":"Backups","blocks":[
	 {"type":"data_visualization","title":"Tasks per backup","chart":{"type":"bar","axis_config":{"categories":["01:00","02:00","03:00"]},"series":[{"name":"active","data":[{"label":"01:00","value":52},{"label":"02:00","value":57},{"label":"03:00","value":49}]},{"name":"pending","data":[{"label":"01:00","value":3},{"label":"02:00","value":6},{"label":"03:00","value":1}]}]}},
	 {"type":"container","title":{"type":"plain_text","text":"What will be lost"},"is_collapsible":true,"child_blocks":[{"type":"section","text":{"type":"mrkdwn","text":"4 tasks of ~ads/prod/bidder~ *www/prod/hello*"}}]}]}`)
	upload := call(t, s, "files.getUploadURLExternal", s.BotToken(), `{"filename":"s1.log","length":24}`)
	if resp, err := postText(upload["upload_url"].(string), strings.Repeat("line of log\n", 2)); err != nil || resp != 200 {
		t.Fatalf("upload: %d, %v", resp, err)
	}
	call(t, s, "files.completeUploadExternal", s.BotToken(), `{"files":[{"id":"`+upload["file_id"].(string)+`","title":"Log of s1"}],"channel_id":"`+ops+`","thread_ts":"`+thread+`","initial_comment":"The whole log:"}`)
	gate = post(`{"channel":"` + ops + `","text":"Commit gate","blocks":[
	 {"type":"section","block_id":"gate","text":{"type":"mrkdwn","text":":lock: *Commit gate of devcluster*\nAfter the commit the log is overwritten; there is no undo."},"fields":[
	  {"type":"mrkdwn","text":"*Backup*\n` + "`scheduler-backup-2026-11-23-08-36`" + `"},{"type":"mrkdwn","text":"*Age*\n2h10m"},{"type":"mrkdwn","text":"*Asked by*\n<@` + ann + `>"},{"type":"mrkdwn","text":"*Approvals*\n1 of 2: <@` + bob + `>"}]},
	 {"type":"context","elements":[{"type":"mrkdwn","text":"digest ` + "`4f0c2a91b7de`" + `"},{"type":"mrkdwn","text":"expires <!date^1795424883^{time}|03:30>"}]},
	 {"type":"actions","block_id":"acts","elements":[{"type":"button","action_id":"approve","style":"primary","value":"r","text":{"type":"plain_text","text":"Approve"}},{"type":"button","action_id":"deny","value":"r","text":{"type":"plain_text","text":"Deny"}},
	  {"type":"overflow","action_id":"more","options":[{"text":{"type":"plain_text","text":"Show the plan"},"value":"plan"}]}]}]}`)
	call(t, s, "chat.postEphemeral", s.BotToken(), `{"channel":"`+ops+`","user":"`+ann+`","text":":x: You asked for this recovery, so you cannot approve it."}`)
	call(t, s, "reactions.add", s.BotToken(), `{"channel":"`+ops+`","timestamp":"`+gate+`","name":"eyes"}`)
	call(t, s, "views.publish", s.BotToken(), `{"user_id":"`+ann+`","view":{"type":"home","blocks":[{"type":"header","text":{"type":"plain_text","text":"Clusters"}},{"type":"section","text":{"type":"mrkdwn","text":":white_check_mark: *prod*: leader s1, newest backup 31 min old"}},{"type":"section","text":{"type":"mrkdwn","text":":x: *devcluster*: recovery open"}}]}}`)
	s.mu.Lock()
	trigger := s.trigger(bob)
	s.mu.Unlock()
	body, err := json.Marshal(map[string]any{"trigger_id": trigger, "view": json.RawMessage(`{"type":"modal","callback_id":"approve","title":{"type":"plain_text","text":"Approve the commit"},"submit":{"type":"plain_text","text":"Approve"},"blocks":[
	 {"type":"alert","level":"warning","text":{"type":"mrkdwn","text":"The commit cannot be undone."}},
	 {"type":"input","block_id":"cluster","label":{"type":"plain_text","text":"Type the cluster's name"},"element":{"type":"plain_text_input","action_id":"name","placeholder":{"type":"plain_text","text":"devcluster"}}},
	 {"type":"input","block_id":"sure","label":{"type":"plain_text","text":"I have read"},"element":{"type":"checkboxes","action_id":"read","options":[{"text":{"type":"plain_text","text":"what will be lost"},"value":"lost"},{"text":{"type":"mrkdwn","text":"the *findings*"},"value":"findings"}]}}]}`)})
	if err != nil {
		t.Fatal(err)
	}
	if got := call(t, s, "views.open", s.BotToken(), string(body)); got["ok"] != true {
		t.Fatalf("views.open = %v", got)
	}
	return gate, thread
}
