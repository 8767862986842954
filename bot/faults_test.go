package bot

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

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

// A run that cannot be shown costs neither the bot nor the other runs anything.
func TestPanicOfARunIsSurvived(t *testing.T) {
	d := start(t, workspace())
	d.service.bad = "r1"
	d.service.show("r1", gate("r1"))
	d.service.show("r2", gate("r2"))
	d.posted("Preparation of r2 done")
	if _, ok := d.State().Find(channel, "r1"); ok {
		t.Error("the run that cannot be shown is shown")
	}
	d.Slash(alice, channel, "status")
	d.told(alice, "heard: status")
	if !strings.Contains(d.log.String(), "slack: panic") {
		t.Error("nothing of the panic is in the log")
	}
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

// One "invalid_auth" is asked about: the bot goes on, and what was refused is sent.
// Where Slack stays with it, the bot says so and is not ready.
func TestNotLetIn(t *testing.T) {
	d := start(t, workspace())
	d.Handle("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("invalid_auth") })
	s := gate("r1")
	d.service.show("r1", s)
	d.posted("Commit r1?")
	d.posted("Preparation of r1 done")
	if err := d.bot.Ready(); err != nil {
		t.Errorf("after one refusal: %v", err)
	}
	d.stop()

	d = newDesk(t, workspace())
	b, err := New(d.config)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- b.Run(t.Context(), d.service) }()
	d.until("links", func() bool { return d.Socket().Links == 2 })
	for _, method := range []string{"chat.postMessage", "auth.test"} {
		var deny func(sandbox.Call) *sandbox.Reply
		deny = func(sandbox.Call) *sandbox.Reply {
			d.Handle(method, deny)
			return sandbox.ReplyError("token_revoked")
		}
		d.Handle(method, deny)
	}
	d.service.show("r1", gate("r1"))
	select {
	case err := <-ended:
		if err == nil || !strings.Contains(err.Error(), "token_revoked") {
			t.Errorf("Run = %v, want token_revoked", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the bot goes on")
	}
	if err := b.Ready(); err == nil || !strings.Contains(err.Error(), "not let in") {
		t.Errorf("Ready = %v", err)
	}
	if err := b.Post(t.Context(), channel, view.Message{Head: "a report"}); err == nil {
		t.Error("a report is posted")
	}
}

// A link that is refused once is asked for again.
func TestLinkRefusedOnce(t *testing.T) {
	d := newDesk(t, workspace())
	d.FailOpens(2, "invalid_auth")
	d.begin()
	d.until("links", func() bool { return d.Socket().Links == 2 })
}
