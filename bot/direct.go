package bot

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/outbox"
	"aurorabot/bot/web"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// directs ask people by direct message to look at a gate. What is decided is
// decided in the channel, before everybody: the message only leads there.
type directs struct {
	*app
	later func(run string, d time.Duration) // Has a run looked at.

	mu     sync.Mutex
	asked  map[place]bool // The gates whose people were looked up in this process.
	wanted map[place]direct
}

// A direct message is what one person should have been told last.
type direct struct {
	user    string
	message view.Message
	lost    int // How often it could not be delivered.
}

func newDirects(a *app) *directs {
	return &directs{app: a, asked: map[place]bool{}, wanted: map[place]direct{}}
}

// undelivered is how often a person is written to whom Slack does not deliver to:
// somebody who was deactivated, or another app.
const undelivered = 3

// want has a direct message sent unless it stands already, or cannot be delivered;
// that is said once in the run's thread. whole: nothing is left to do.
func (d *directs) want(run, key, user string, m view.Message) (whole bool) {
	at := place{run, key}
	d.mu.Lock()
	w := direct{user, m, d.wanted[at].lost}
	d.wanted[at] = w
	d.mu.Unlock()
	if w.lost >= undelivered {
		return true
	}
	return d.outbox.Want(&outbox.Item{Channel: user, Run: run, Key: key, Message: m, Hash: outbox.Hash(m), Lost: func(err error) { d.failed(at, err) }})
}

// failed is told when Slack does not deliver a message.
func (d *directs) failed(at place, err error) {
	d.mu.Lock()
	w := d.wanted[at]
	w.lost++
	d.wanted[at] = w
	d.mu.Unlock()
	if w.lost < undelivered {
		d.later(at.run, soon)
		return
	}
	if status, ok := d.store.Post(at.run, outbox.StatusKey); w.lost == undelivered && ok && status.TS != "" {
		note := view.Message{Tone: view.Warn, Head: "A direct message could not be delivered", Lines: []string{view.Who(d.self().team+"/"+w.user) + " was not reached: " + err.Error() + ". The channel alone asks them."}}
		d.outbox.Put(&outbox.Item{Channel: status.Channel, Run: at.run, Key: "thread/undelivered/" + w.user, Below: true, Message: note, Hash: outbox.Hash(note)})
	}
}

// again has sent what was not delivered yet. whole: there is nothing.
func (d *directs) again(run string) (whole bool) {
	d.mu.Lock()
	left := map[place]direct{}
	for at, w := range d.wanted {
		if at.run == run {
			left[at] = w
		}
	}
	d.mu.Unlock()
	whole = true
	for at, w := range left {
		whole = d.want(run, at.key, w.user, w.message) && whole
	}
	return whole
}

// forget forgets a run that is done with.
func (d *directs) forget(run string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	forget(d.wanted, run)
	forget(d.asked, run)
}

// decides reports whether a message has people decide.
func decides(m view.Message) bool {
	return slices.ContainsFunc(m.Actions, func(a view.Action) bool { return a.ID == "approve" })
}

func directKey(key, user string) string { return "direct/" + key + "/" + user }

// refusedKey begins the keys of messages about a channel that refuses.
const refusedKey = "direct/refused/"

// instead tells who asked for the run that its channel refuses to show it. code is
// Slack's word for why.
func (d *directs) instead(run string, s view.Screens, channel, code string) {
	_, requester, _ := strings.Cut(s.Asked, "/")
	if requester == "" {
		return
	}
	where := "by direct message"
	if d.Channel != "" && d.Channel != channel {
		where = "in " + d.self().team + "/" + d.Channel + ", and to those who may approve by direct message"
	}
	d.want(run, refusedKey+requester, requester, view.Message{
		Tone: view.Warn, Head: "Slack does not let the bot show your run in its channel",
		Lines: []string{
			notShown(code) + " The bot tries again every " + view.Age(refusedFor) + ". Until then it shows the gates " + where + ".",
			"Commands still work in that channel: `status`, `abort`.",
		},
		Fields: []view.Field{{Name: "Channel", Value: d.self().team + "/" + channel}, {Name: "Slack says", Value: code}},
		Foot:   "run " + run,
	})
}

// notShown says what people can do about a channel that refuses.
func notShown(code string) string {
	switch code {
	case "not_in_channel", "channel_not_found":
		return "The bot is not in the channel: type /invite there, with the bot's name."
	case "is_archived":
		return "The channel is archived: unarchive it."
	}
	if web.Judge(slack.SlackErrorResponse{Err: code}) == web.Refit {
		return "Slack refuses what the message says or how it is laid out, also as plain text."
	}
	return "Ask who looks after the workspace why the bot may not post there."
}

// show brings the direct messages about a run's gates up to date. whole: they are.
// refused: the run's channel shows nothing, for that reason.
func (d *directs) show(run string, s view.Screens, channel, refused string) (whole bool) {
	whole = true
	status, _ := d.store.Post(run, outbox.StatusKey)
	if refused != "" {
		d.instead(run, s, channel, refused)
	} else if status.TS != "" {
		for _, p := range d.store.under(run, refusedKey) {
			shown := view.Message{Tone: view.Good, Head: "Your run is shown in its channel now", Foot: "run " + run}
			whole = d.want(run, p.Key, strings.TrimPrefix(p.Key, refusedKey), shown) && whole
		}
	}
	for _, k := range s.Channel {
		reminder := strings.HasPrefix(k.Key, view.RemindKey)
		if !reminder && !strings.HasPrefix(k.Key, "gate/") {
			continue
		}
		if reminder || decides(k.Message) {
			d.ask(run, k.Key, refused)
			continue
		}
		over := view.Message{Tone: k.Message.Tone, Head: k.Message.Head, Lines: []string{"Nothing is needed from you here."}}
		for _, p := range d.store.under(run, directKey(k.Key, "")) {
			_, user, _ := strings.Cut(p.Key, directKey(k.Key, ""))
			if strings.ContainsAny(user, "/#") {
				continue // Of the same gate, opened anew (gate/commit/2 begins as gate/commit does), or a file of the message.
			}
			whole = d.want(run, p.Key, user, over) && whole
		}
	}
	return d.again(run) && whole
}

// ask has the people of a gate looked up and written to, once its message stands, or
// is refused.
func (d *directs) ask(run, key, refused string) {
	if p, ok := d.store.Post(run, "channel/"+key); d.Approvers == nil || refused == "" && (!d.Direct || !ok || p.TS == "") {
		return // It is looked at again when that message was sent, or refused.
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{run, key}
	if d.asked[at] {
		return
	}
	// Looking people up takes its time, and who is waited for needs no haste.
	d.asked[at] = d.work.put("", "direct/"+run, func() { d.write(d.working, run, key, refused) }) == nil
}

func (d *directs) write(ctx context.Context, run, key, refused string) {
	s, err := d.service.Screens(run)
	if err != nil {
		d.Log.ErrorContext(ctx, "slack: who is asked by direct message", "run", run, "err", err)
		return
	}
	i := slices.IndexFunc(s.Channel, func(k view.Keyed) bool { return k.Key == key })
	open := slices.IndexFunc(s.Channel, func(k view.Keyed) bool { return decides(k.Message) })
	if i < 0 || open < 0 || i != open && !strings.HasPrefix(key, view.RemindKey) {
		return // Decided meanwhile.
	}
	gateMessage, gateKey := s.Channel[open].Message, s.Channel[open].Key
	gate, _, _ := strings.Cut(strings.TrimPrefix(gateKey, "gate/"), "/")
	m := view.Message{Tone: view.Wait, Head: s.Channel[i].Message.Head}
	if i != open {
		m.Lines = slices.Clone(s.Channel[i].Message.Lines)
	}
	m.Lines = append(m.Lines, "You may approve or deny it. It is decided in the channel, where everybody sees it; an answer here decides nothing.")
	loss, facts := view.Told(gateMessage)
	m.Lines, m.Fields = append(loss, m.Lines...), facts
	switch u := d.address(ctx, run, "channel/"+gateKey); {
	case u != "":
		m.Links = []view.Link{{Label: "Open the gate", URL: u}}
	case refused != "":
		m.Lines[len(m.Lines)-1] =
			"The run's channel does not show this gate. " + notShown(refused) + " You may approve or deny it there all the same: type " + outbox.Typing(gateMessage) + ". An answer here decides nothing."
	}
	ids, except := d.Approvers(run, gate)
	users, whole := d.members(ctx, ids)
	if !whole {
		d.mu.Lock()
		delete(d.asked, place{run, key}) // Who is in a group could not be told: it is asked again.
		d.mu.Unlock()
		d.later(run, soon)
	}
	for _, user := range users {
		if slices.Contains(except, user) {
			continue
		}
		d.want(run, directKey(key, user), user, m)
	}
}

// members are people named by ID, and those of user groups named by ID, but those who
// cannot decide. whole: every group could be told.
func (d *directs) members(ctx context.Context, ids []string) (users []string, whole bool) {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	whole = true
	for _, id := range ids {
		list := []string{id}
		if strings.HasPrefix(id, "S") {
			a, err := d.people.group(ctx, id, handlers.Looking)
			if why := errors.Join(err, a.never); why != nil {
				// The gate's message in the channel asks all the same.
				d.Log.WarnContext(ctx, "slack: who is asked by direct message", "group", id, "err", why)
				whole = whole && err == nil
			}
			list = a.members
		}
		for _, u := range list {
			if !slices.Contains(users, u) && u != d.self().user {
				users = append(users, u)
			}
		}
	}
	return d.decisive(ctx, users), whole
}

// decisive are those of people who are not known to be nobody who decides. Whoever
// Slack does not tell about now is one of them: to be told in vain does no harm.
func (d *directs) decisive(ctx context.Context, users []string) []string {
	ctx, cancel := context.WithTimeout(ctx, lookPatience)
	defer cancel()
	out := make([]bool, len(users))
	var asked sync.WaitGroup
	for i, id := range users {
		asked.Go(func() {
			who, err := d.people.user(ctx, id, handlers.Looking)
			out[i] = err == nil && outsider(who) != ""
		})
	}
	asked.Wait()
	var in []string
	for i, id := range users {
		if !out[i] {
			in = append(in, id)
		}
	}
	return in
}
