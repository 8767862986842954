package bot

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"

	"github.com/slack-go/slack"

	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
)

// An app is what the parts of the bot share: what it was told, who it is, the
// ways to Slack, and what is remembered.
type app struct {
	Config
	secrets web.Redactor
	web     *http.Client // The Web API and response URLs.
	api     *slack.Client
	store   *store
	people  *directory
	outbox  *outbox.Outbox
	work    *workers // Handles requests.
	decide  *workers // Handles decisions; see [app.hands].
	quick   *workers // Opens modals, says "busy": what must not stand in line.

	service  Service
	working  context.Context // Outlives Run's by the time to drain.
	fail     context.CancelCauseFunc
	draining atomic.Bool
	identity atomic.Pointer[identity]
	busied   atomic.Int64 // Requests answered "busy".
}

// identity is who the bot is, as Slack says.
type identity struct{ team, user string }

// panicked logs a panic that went no further.
func (b *app) panicked(p any) {
	b.Log.Error("slack: panic", "panic", b.secrets.Text(fmt.Sprint(p)), "stack", b.secrets.Text(string(debug.Stack())))
}

// self is who the bot is; zero until Slack has said so.
func (b *app) self() identity {
	if id := b.identity.Load(); id != nil {
		return *id
	}
	return identity{}
}
