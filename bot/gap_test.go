package bot

import (
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// A long time without links is told in the threads of open runs. (R19)
func TestR19GapIsReported(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	status := d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.bot.gap.Lock()
	d.bot.deafSince = time.Now().Add(-2 * time.Minute)
	d.bot.gap.Unlock()
	d.bot.hears()
	if m := d.posted("heard nothing from Slack for 2m"); m.ThreadTS != status.TS {
		t.Errorf("told in thread %q, want %q", m.ThreadTS, status.TS)
	}
	// A short one is not.
	d.Kill()
	d.until("links again", func() bool { return d.Socket().Opens >= 4 && d.Socket().Links == 2 })
	n := 0
	for _, m := range d.Thread(channel, status.TS) {
		if strings.Contains(m.Text, "heard nothing") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("told %d times, want once", n)
	}
}

// Where the bot may not post, who asked is told, and why.
func TestBotIsNotInTheChannel(t *testing.T) {
	opt := workspace()
	opt.Channels = append(opt.Channels, sandbox.Channel{ID: "C0PRIVATE1", Name: "elsewhere", IsPrivate: true, NoBot: true, Members: []string{alice}})
	d := start(t, opt)
	d.service.handle = func(handlers.Request) handlers.Response {
		return handlers.Response{Message: view.Message{Head: "the status of all"}}
	}
	if out := d.Slash(alice, "C0PRIVATE1", "status"); !out.OK() {
		t.Fatalf("outcome %+v", out)
	}
	d.told(alice, "the status of all")
	d.told(alice, "the bot is not in this channel")
}
