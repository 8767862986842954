package bot

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/blocks"
	"aurorabot/bot/outbox"
	"aurorabot/handlers"
	"aurorabot/policy"
)

const (
	// homeFor is how long a home is kept up to date after it was opened.
	homeFor = time.Hour

	// homeEvery is how often at most.
	homeEvery = 5 * time.Second
)

// homes are the App Homes that people look at.
type homes struct {
	*app

	mu     sync.Mutex
	opened map[[2]string]time.Time // By team and user.
	due    bool
}

// open shows somebody their home, now and for a while whenever a run changes.
func (h *homes) open(a *ask) {
	h.mu.Lock()
	h.opened[[2]string{a.team, a.user}] = h.Now()
	h.mu.Unlock()
	h.publish(h.working, a)
	h.changed() // What was not known at once may be known by then.
}

// changed has the homes drawn anew, soon. It does not block.
func (h *homes) changed() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.due || len(h.opened) == 0 {
		return
	}
	h.due = true
	time.AfterFunc(homeEvery, func() {
		h.mu.Lock()
		h.due = false
		now := h.Now()
		var who []*ask
		for at, opened := range h.opened {
			if now.Sub(opened) > homeFor {
				delete(h.opened, at)
				continue
			}
			who = append(who, &ask{team: at[0], user: at[1]})
		}
		h.mu.Unlock()
		for _, a := range who {
			// A busy bot has more to do than this; the next change draws it.
			_ = h.work.put("", "home/"+a.who(), func() { h.publish(h.working, a) })
		}
	})
}

func (h *homes) publish(ctx context.Context, a *ask) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	page := h.page(ctx, a)
	_, err := h.api.PublishViewContext(ctx, slack.PublishViewContextRequest{UserID: a.user, View: page.View()})
	if err != nil && ctx.Err() == nil {
		h.Log.WarnContext(ctx, "slack: publishing a home", "user", a.user, "err", h.secrets.Err(err))
	}
}

// page is what somebody's home says.
func (h *homes) page(ctx context.Context, a *ask) blocks.Page {
	p := blocks.Page{Foot: "As of " + h.Now().UTC().Format(time.RFC3339) + ". Type " + h.Command + " help in a channel for all that can be asked."}
	if h.Overview == nil {
		p.Note = "Type " + h.Command + " status in a channel."
		return p
	}
	who, err := h.people.Person(ctx, a.team, a.user, handlers.Looking)
	if err != nil {
		p.Note = "Slack does not say who you are: " + h.secrets.Err(err).Error()
		return p
	}
	if p.Note = outsider(who); p.Note != "" {
		return p
	}
	p.Note = unsure(who)
	seen, err := h.Overview(ctx, who)
	if err != nil {
		p.Note = "The clusters could not be listed: " + h.secrets.Err(err).Error()
		return p
	}
	for _, c := range seen.Clusters {
		row := blocks.Row{Name: c.Name, Line: c.Health}
		if c.Health == "" {
			row.Line = "how it is was not looked at yet"
		}
		if c.Recover {
			row.Action, row.Label, row.Value = homeRecover, "Recover "+c.Name, c.Name
		}
		p.Clusters = append(p.Clusters, row)
	}
	for _, r := range seen.Runs {
		s, err := h.service.Screens(r.Run)
		if err != nil || s.Closed {
			continue
		}
		row := blocks.Row{Name: r.Run, Line: s.Status.Head, Mine: r.Mine}
		key := outbox.StatusKey
		for _, k := range s.Channel {
			if decides(k.Message) {
				key = "channel/" + k.Key
			}
		}
		row.URL = h.address(ctx, r.Run, key)
		p.Runs = append(p.Runs, row)
	}
	return p
}

// address is where a message of a run stands, "" if that is not known.
func (b *app) address(ctx context.Context, run, key string) string {
	p, ok := b.store.Post(run, key)
	if !ok || p.TS == "" {
		return ""
	}
	u, err := b.api.GetPermalinkContext(ctx, &slack.PermalinkParameters{Channel: p.Channel, Ts: p.TS})
	if err != nil {
		b.Log.WarnContext(ctx, "slack: where a message stands", "run", run, "err", b.secrets.Err(err))
		return ""
	}
	return u
}

// outsider says why somebody sees nothing, whatever policy says; "" for members.
func outsider(who policy.Actor) string {
	switch {
	case who.Foreign:
		return "This app serves members of its own workspace alone."
	case who.Guest:
		return "This app does not serve guests."
	case who.Bot, who.Deactivated:
		return "This app serves people alone."
	}
	return ""
}

// unsure says of which user groups Slack does not tell whether somebody is in them:
// what these allow is not shown. "": of none.
func unsure(who policy.Actor) string {
	var why []string
	for _, g := range slices.Sorted(maps.Keys(who.Unknown)) {
		why = append(why, "Whether you are in the user group "+g+" can't be told, so something may be missing here: "+who.Unknown[g]+".")
	}
	return strings.Join(why, " ")
}
