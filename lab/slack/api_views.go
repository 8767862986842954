package slack

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"
)

const (
	triggerLife = 3 * time.Second
	maxStack    = 3 // Modals on top of each other.

	keepAtMost = 10000 // Triggers and response URLs; above it the old ones are forgotten.
)

// A View is a modal or an App Home as it is now.
type View struct {
	ID         string          `json:"id"`
	User       string          `json:"user"`
	Type       string          `json:"type"` // modal or home
	CallbackID string          `json:"callback_id"`
	Hash       string          `json:"hash"`
	Root       string          `json:"root"`               // The lowest modal of the stack.
	Previous   string          `json:"previous,omitempty"` // The modal below.
	Body       json.RawMessage `json:"body"`               // As the app sent it, with all ids filled in.
}

// trigger is the right to open a view for one person, once, for 3 seconds.
type trigger struct {
	user   string
	issued time.Time
	used   bool
}

// trigger issues a trigger id. The caller holds s.mu.
func (s *Server) trigger(user string) string {
	if len(s.triggers) > keepAtMost {
		maps.DeleteFunc(s.triggers, func(_ string, t *trigger) bool { return s.now().Sub(t.issued) > replyLife })
	}
	id := fmt.Sprintf("%d.1000000001.%s", s.now().UnixMilli(), randomHex(16))
	s.triggers[id] = &trigger{user: user, issued: s.now()}
	return id
}

// Trigger is the right to open a modal for a person: what whoever holds the app
// token finds in the requests that come over a link of theirs.
func (s *Server) Trigger(user string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trigger(user)
}

// redeem uses a trigger id and gives its person.
func (s *Server) redeem(id string) (string, error) {
	t := s.triggers[id]
	switch {
	case t == nil:
		return "", refuse("invalid_trigger_id")
	case t.used:
		return "", refuse("exchanged_trigger_id")
	case s.now().Sub(t.issued) > triggerLife:
		return "", refuse("expired_trigger_id")
	}
	t.used = true
	return t.user, nil
}

// viewBody reads and checks the view of a call.
func (s *Server) viewBody(body json.RawMessage, kind string) (map[string]any, error) {
	v, err := decode(body)
	m := object(v)
	if err != nil || m == nil {
		return nil, badArgument("missing required field: view [json-pointer:/view]")
	}
	if m["type"] != kind {
		return nil, badArgument("must be of type %s [json-pointer:/view/type]", kind)
	}
	if s.opt.Strict {
		if err := refusal(CheckView(body)); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// fill puts content into a view and gives it a new hash.
func (s *Server) fill(v *View, m map[string]any) {
	if blocks, ok := m["blocks"].([]any); ok {
		s.name(blocks)
	}
	v.Type, v.CallbackID = text(m, "type"), text(m, "callback_id")
	v.Hash = fmt.Sprintf("%d.%s", s.now().Unix(), randomHex(4))
	v.Body = raw(m)
}

// newView makes a view on top of a person's stack. The caller holds s.mu.
func (s *Server) newView(user string, m map[string]any) *View {
	v := &View{ID: s.id("V"), User: user}
	v.Root = v.ID
	s.fill(v, m)
	if stack := s.views[user]; v.Type == onModal && len(stack) > 0 {
		v.Root, v.Previous = stack[0].ID, stack[len(stack)-1].ID
	}
	return v
}

// wireView gives a view as Slack's API writes it; values are what the person
// has put into it, and may be nil.
func (s *Server) wireView(v *View, values map[string]any) map[string]any {
	body := object(must(decode(v.Body)))
	if values == nil {
		values = map[string]any{}
	}
	w := map[string]any{
		"id": v.ID, "team_id": s.opt.Team.ID, "app_id": AppID, "app_installed_team_id": s.opt.Team.ID, "bot_id": BotID,
		"type": v.Type, "hash": v.Hash, "root_view_id": v.Root, "previous_view_id": nil, "state": map[string]any{"values": values},
		"callback_id": text(body, "callback_id"), "external_id": text(body, "external_id"), "private_metadata": text(body, "private_metadata"),
		"clear_on_close": body["clear_on_close"] == true, "notify_on_close": body["notify_on_close"] == true,
		"blocks": body["blocks"], "title": body["title"], "submit": body["submit"], "close": body["close"],
	}
	if w["blocks"] == nil {
		w["blocks"] = []any{}
	}
	if v.Previous != "" {
		w["previous_view_id"] = v.Previous
	}
	return w
}

func must(v any, err error) any {
	if err != nil {
		panic(fmt.Sprintf("slack sandbox: own JSON: %v", err))
	}
	return v
}

func (s *Server) viewOpen(a args) (reply, error) { return s.raise(a, false) }

func (s *Server) viewPush(a args) (reply, error) { return s.raise(a, true) }

func (s *Server) raise(a args, push bool) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.viewBody(a.json("view"), onModal)
	if err != nil {
		return nil, err
	}
	user, err := s.redeem(a.str("trigger_id"))
	if err != nil {
		return nil, err
	}
	if id := text(m, "external_id"); id != "" && s.viewByExternal(id) != nil {
		return nil, refuse("duplicate_external_id")
	}
	switch {
	case push && len(s.views[user]) == 0:
		return nil, refuse("not_found")
	case push && len(s.views[user]) >= maxStack:
		return nil, refuse("push_limit_reached")
	case !push:
		s.views[user] = nil
	}
	v := s.newView(user, m)
	s.views[user] = append(s.views[user], v)
	s.changed()
	return reply{"view": s.wireView(v, nil)}, nil
}

func (s *Server) viewUpdate(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.view(a.str("view_id"))
	if v == nil && a.str("external_id") != "" {
		v = s.viewByExternal(a.str("external_id"))
	}
	if v == nil {
		return nil, refuse("not_found")
	}
	if h := a.str("hash"); h != "" && h != v.Hash {
		return nil, refuse("hash_conflict")
	}
	m, err := s.viewBody(a.json("view"), v.Type)
	if err != nil {
		return nil, err
	}
	s.fill(v, m)
	s.changed()
	return reply{"view": s.wireView(v, nil)}, nil
}

func (s *Server) viewPublish(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.user(a.str("user_id"))
	if u == nil {
		return nil, refuse("user_not_found")
	}
	v := s.homes[u.ID]
	if h := a.str("hash"); h != "" && (v == nil || h != v.Hash) {
		return nil, refuse("hash_conflict")
	}
	m, err := s.viewBody(a.json("view"), onHome)
	if err != nil {
		return nil, err
	}
	if v == nil {
		v = s.newView(u.ID, m)
		s.homes[u.ID] = v
	} else {
		s.fill(v, m)
	}
	s.changed()
	return reply{"view": s.wireView(v, nil)}, nil
}

// view finds an open modal or a published App Home by id.
func (sp *space) view(id string) *View {
	for _, stack := range sp.views {
		for _, v := range stack {
			if v.ID == id {
				return v
			}
		}
	}
	for _, v := range sp.homes {
		if v.ID == id {
			return v
		}
	}
	return nil
}

func (sp *space) viewByExternal(id string) *View {
	for _, stack := range sp.views {
		for _, v := range stack {
			if text(must(decode(v.Body)), "external_id") == id {
				return v
			}
		}
	}
	return nil
}

// drop closes a modal and all above it.
func (sp *space) drop(v *View) {
	stack := sp.views[v.User]
	if i := slices.Index(stack, v); i >= 0 {
		sp.views[v.User] = slices.Clone(stack[:i])
	}
}
