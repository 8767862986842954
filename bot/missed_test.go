package bot

import (
	"testing"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

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
