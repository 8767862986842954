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
