package bot

import (
	"context"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

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
	doubting atomic.Bool // Whether the bot is let in is being asked.
	identity atomic.Pointer[identity]
	unheard  atomic.Bool  // Slack was asked who the bot is, and gave no answer of any kind.
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

// doubts is how often Slack is asked whether the bot is let in, before it counts that
// it is not.
const doubts = 3

// doubt is called with Slack's word that the bot is not let in. One such answer may be
// a mistake of Slack's, in the middle of somebody's outage: whether it is so is asked
// several times. What could not be sent meanwhile is tried again.
func (b *app) doubt(err error) {
	if !b.doubting.CompareAndSwap(false, true) {
		return
	}
	asked := b.quick.put("", "let in", func() {
		defer b.doubting.Store(false)
		for n := 0; n < doubts; {
			if web.Pause(b.working, time.Duration(n+1)*time.Second) != nil || b.draining.Load() {
				return
			}
			ctx, cancel := context.WithTimeout(b.working, 10*time.Second)
			_, denied := b.api.AuthTestContext(ctx)
			cancel()
			switch {
			case denied == nil:
				b.Log.Warn("slack: said that the bot is not let in, and lets it in", "err", b.secrets.Err(err))
				return
			case web.Barred(denied):
				err = denied
				n++
			}
		}
		b.fail(b.botToken().denied(err))
	})
	if asked != nil {
		b.doubting.Store(false) // There is no room now; the next refusal asks.
	}
}
