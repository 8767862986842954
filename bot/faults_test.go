package bot

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
)

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
