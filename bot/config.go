package bot

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner/redact"
)

// Config is what the bot is made of. Zero values stand for the defaults named
// here; BotToken, AppToken, StateFile and Now have none.
type Config struct {
	APIURL    string // Slack's Web API. Empty: https://slack.com/api/.
	BotToken  string // "xoxb-…"
	AppToken  string // "xapp-…", for Socket Mode.
	BotFrom   string // Where BotToken comes from, for messages: a file, or "$" and a variable of the environment. Empty: not known.
	AppFrom   string // The same for AppToken.
	StateFile string // What was posted and what was seen; made when missing.
	Log       *slog.Logger
	Secrets   *redact.Redactor // Learns the tokens. Nil: one of the bot's own.
	Now       func() time.Time

	Command string   // The slash command, for hints. Empty: "/aurora".
	Channel string   // Where runs are shown that were asked for elsewhere (the command line). Empty: nowhere.
	Groups  []string // IDs of the user groups that policy names.

	// Overview says what a person may see and ask for; it answers within a few
	// seconds. Nil: there is no form for a recovery, and App Home says nothing.
	Overview func(ctx context.Context, who policy.Actor) (handlers.Overview, error)

	// Approvers are whom a direct message asks to look at a gate of a run that its
	// channel does not show: IDs of people and of user groups, but except, IDs of
	// people. Nil: nobody. Direct: at every gate.
	Approvers func(run, gate string) (ids, except []string)
	Direct    bool

	// Changed is told what Slack's earlier answers count no more for: IDs of people and
	// user groups that changed; "" is everybody, for Slack does not let the bot in. Nil:
	// nobody is told. It must not block.
	Changed func(ids []string)

	// Runs returns the runs to catch up on when the bot starts, those that are
	// over included. Nil: only those that StateFile knows.
	Runs func() ([]string, error)

	Links       int           // Socket Mode links. Zero: 2.
	Pace        time.Duration // Between two messages to one channel. Zero: 1 s, Slack's limit.
	PingTimeout time.Duration // Longest time to be deaf: a link over which nothing comes is opened anew before. Zero: 30 s.
	Drain       time.Duration // Longest time to finish what was begun when Run ends. Zero: 8 s, for Docker kills after 10.
	Queue       int           // Most requests in hand; more are answered "busy". Zero: 128.
	Each        int           // Of those, one person's. Zero: an eighth of Queue.
	Parallel    int           // Most requests handled at once. Zero: 16.

	Transport http.RoundTripper // For the Web API. Nil: like http.DefaultTransport.
}

func (c *Config) complete() error {
	switch {
	case c.BotToken == "":
		return errors.New("slack: no bot token")
	case c.AppToken == "":
		return errors.New("slack: no app token")
	case c.StateFile == "":
		return errors.New("slack: no state file")
	case c.Now == nil:
		return errors.New("slack: no clock")
	}
	if c.APIURL == "" {
		c.APIURL = "https://slack.com/api/"
	}
	if !strings.HasSuffix(c.APIURL, "/") {
		c.APIURL += "/"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Command == "" {
		c.Command = defaultCommand
	}
	def(&c.Links, 2)
	def(&c.Pace, time.Second)
	def(&c.PingTimeout, 30*time.Second)
	def(&c.Drain, 8*time.Second)
	def(&c.Queue, 128)
	def(&c.Each, max(1, c.Queue/8))
	def(&c.Parallel, 16)
	return nil
}

func def[T int | time.Duration](v *T, to T) {
	if *v <= 0 {
		*v = to
	}
}
