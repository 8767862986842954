package bot

import (
	"context"
	"slices"
	"strings"
	"sync"

	"aurorabot/bot/outbox"
	"aurorabot/handlers/view"
)

// directs ask people by direct message to look at a gate. What is decided is
// decided in the channel, before everybody: the message only leads there.
type directs struct {
	*app

	mu    sync.Mutex
	asked map[place]bool // The gates whose people were looked up in this process.
}

// decides reports whether a message has people decide.
func decides(m view.Message) bool {
	return slices.ContainsFunc(m.Actions, func(a view.Action) bool { return a.ID == "approve" })
}

func directKey(key, user string) string { return "direct/" + key + "/" + user }

// show brings the direct messages about a run's gates up to date. whole: they are.
func (d *directs) show(run string, s view.Screens) (whole bool) {
	whole = true
	for _, k := range s.Channel {
		if !strings.HasPrefix(k.Key, "gate/") {
			continue
		}
		if decides(k.Message) {
			d.ask(run, k.Key)
			continue
		}
		over := view.Message{Tone: k.Message.Tone, Head: k.Message.Head, Lines: []string{"Nothing is needed from you here."}}
		for _, p := range d.store.under(run, directKey(k.Key, "")) {
			_, user, _ := strings.Cut(p.Key, directKey(k.Key, ""))
			if strings.ContainsAny(user, "/#") {
				continue // Of the same gate, opened anew (gate/commit/2 begins as gate/commit does), or a file of the message.
			}
			whole = d.outbox.Want(&outbox.Item{Channel: user, Run: run, Key: p.Key, Message: over, Hash: outbox.Hash(over)}) && whole
		}
	}
	return whole
}

// ask has the people of a gate looked up and written to, once its message stands.
func (d *directs) ask(run, key string) {
	if p, ok := d.store.Post(run, "channel/"+key); d.Approvers == nil || !ok || p.TS == "" {
		return // It is looked at again when that message was sent.
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	at := place{run, key}
	if d.asked[at] {
		return
	}
	// Looking people up takes its time, and who is waited for needs no haste.
	d.asked[at] = d.work.put("", "direct/"+run, func() { d.write(d.working, run, key) }) == nil
}

func (d *directs) write(ctx context.Context, run, key string) {
	s, err := d.service.Screens(run)
	if err != nil {
		d.Log.ErrorContext(ctx, "slack: who is asked by direct message", "run", run, "err", err)
		return
	}
	i := slices.IndexFunc(s.Channel, func(k view.Keyed) bool { return k.Key == key && decides(k.Message) })
	if i < 0 {
		return // Decided meanwhile.
	}
	_, rest, _ := strings.Cut(key, "/")
	gate, _, _ := strings.Cut(rest, "/")
	gateMessage := s.Channel[i].Message
	m := view.Message{
		Tone: view.Wait, Head: gateMessage.Head,
		Lines: []string{"You may approve or deny it. It is decided in the channel, where everybody sees it; an answer here decides nothing."},
	}
	for _, f := range gateMessage.Fields {
		if slices.Contains([]string{"Will be lost", view.WillBeTakenBack, "Backup", "Still needed", "Expires"}, f.Name) {
			m.Fields = append(m.Fields, f)
		}
	}
	if u := d.address(ctx, run, "channel/"+key); u != "" {
		m.Links = []view.Link{{Label: "Open the gate", URL: u}}
	}
	ids, except := d.Approvers(run, gate)
	for _, user := range d.members(ctx, ids) {
		if slices.Contains(except, user) {
			continue
		}
		d.outbox.Put(&outbox.Item{Channel: user, Run: run, Key: directKey(key, user), Message: m, Hash: outbox.Hash(m)})
	}
}

// members are people named by ID, and those of user groups named by ID.
func (d *directs) members(ctx context.Context, ids []string) []string {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	var users []string
	for _, id := range ids {
		list := []string{id}
		if strings.HasPrefix(id, "S") {
			a, err := d.people.ask(ctx, "group/"+id, func(ctx context.Context) (answer, error) {
				m, err := d.api.GetUserGroupMembersContext(ctx, id)
				return answer{members: m}, err
			})
			if err != nil {
				// The gate's message in the channel asks all the same.
				d.Log.WarnContext(ctx, "slack: who is asked by direct message", "group", id, "err", d.secrets.Err(err))
			}
			list = a.members
		}
		for _, u := range list {
			if !slices.Contains(users, u) && u != d.self().user {
				users = append(users, u)
			}
		}
	}
	return users
}
