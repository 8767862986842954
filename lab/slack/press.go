package slack

import (
	"slices"
	"strconv"
	"strings"
)

// Press presses a button of a message as it is now, also of an ephemeral one.
// An empty value means the first button with this action_id. A button that is
// not there, or not shown to this person, is refused.
func (s *Server) Press(user, channel, ts, actionID, value string) Outcome {
	return s.press(user, channel, ts, actionID, value, nil, false)
}

// PressStale presses a button as a client does that has not seen the message
// change: a button that is not there any more is pressed all the same.
func (s *Server) PressStale(user, channel, ts, actionID, value string) Outcome {
	return s.press(user, channel, ts, actionID, value, nil, true)
}

func (s *Server) press(user, channel, ts, actionID, value string, chosen []string, stale bool) Outcome {
	s.mu.Lock()
	c, u := s.channel(channel), s.user(user)
	if why := barred(c, u); why != "" {
		s.mu.Unlock()
		return refused(why)
	}
	m := s.find(c.ID, ts, user)
	if m == nil {
		s.mu.Unlock()
		return refused("message_not_found")
	}
	action, why := s.action(user, m.Blocks, actionID, value, chosen, stale)
	if why != "" {
		s.mu.Unlock()
		return refused(why)
	}
	p := s.common("block_actions", u)
	container := map[string]any{"type": "message", "message_ts": m.TS, "channel_id": c.ID, "is_ephemeral": m.For != ""}
	if m.ThreadTS != "" {
		container["thread_ts"] = m.ThreadTS
	}
	p["container"], p["trigger_id"], p["actions"] = container, s.trigger(user), []any{action}
	p["channel"] = map[string]any{"id": c.ID, "name": c.Name}
	p["state"] = map[string]any{"values": map[string]any{}}
	p["response_url"] = s.replyTo("actions", c.ID, user, m.TS, m.ThreadTS)
	if m.For == "" {
		p["message"] = s.wire(m, s.opt.Team.ID)
	}
	s.mu.Unlock()
	return s.interact(p, false)
}

// PressView presses a button of a modal or an App Home.
func (s *Server) PressView(user, viewID, actionID, value string) Outcome {
	return s.pressView(user, viewID, actionID, value, nil)
}

// ChooseView chooses in a select, menu, radio or checkbox element of a modal
// or an App Home that tells the app at once.
func (s *Server) ChooseView(user, viewID, actionID string, values ...string) Outcome {
	return s.pressView(user, viewID, actionID, "", append([]string{}, values...))
}

func (s *Server) pressView(user, viewID, actionID, value string, chosen []string) Outcome {
	s.mu.Lock()
	u, v := s.user(user), s.view(viewID)
	if u == nil || u.Deleted || v == nil || v.User != user {
		s.mu.Unlock()
		return refused("view_not_found")
	}
	action, why := s.action(user, raw(field(must(decode(v.Body)), "blocks")), actionID, value, chosen, false)
	if why != "" {
		s.mu.Unlock()
		return refused(why)
	}
	p := s.common("block_actions", u)
	p["container"] = map[string]any{"type": "view", "view_id": v.ID}
	p["trigger_id"], p["actions"], p["view"] = s.trigger(user), []any{action}, s.wireView(v, nil)
	s.mu.Unlock()
	return s.interact(p, false)
}

// action builds the action of a press. The caller holds s.mu.
func (s *Server) action(user string, blocks []byte, actionID, value string, chosen []string, stale bool) (map[string]any, string) {
	var at *placed
	for _, p := range placements(blocks) {
		if text(p.element, "action_id") == actionID && (value == "" || text(p.element, "value") == value) {
			at = &p
			break
		}
	}
	if at != nil && !shown(at.element, user) && !stale {
		at = nil
	}
	if at == nil && !stale {
		return nil, "no_such_action"
	}
	if at == nil {
		return map[string]any{"type": "button", "action_id": actionID, "block_id": "gone", "value": value,
			"text": map[string]any{"type": "plain_text", "text": actionID, "emoji": true}, "action_ts": s.stamp(s.now())}, ""
	}
	a := map[string]any{"type": at.element["type"], "action_id": actionID, "block_id": at.block, "action_ts": s.stamp(s.now())}
	if at.element["type"] == "button" {
		for _, key := range []string{"text", "value", "style"} {
			if v := at.element[key]; v != nil {
				a[key] = v
			}
		}
		return a, ""
	}
	for key, v := range inputState(at.element, chosen) {
		a[key] = v
	}
	return a, ""
}

// shown says whether a person sees an element.
func shown(element map[string]any, user string) bool {
	list, _ := element["visible_to_user_ids"].([]any)
	return len(list) == 0 || slices.Contains(list, any(user))
}

// inputState gives what Slack reports of an input element that holds chosen.
// Nil means that the person did not touch it: its initial value counts.
func inputState(e map[string]any, chosen []string) map[string]any {
	kind := text(e, "type")
	st := map[string]any{"type": kind}
	single := strings.Join(chosen, "\n")
	one := func(key, initial string) {
		st[key] = nil
		switch {
		case chosen == nil && e[initial] != nil:
			st[key] = e[initial]
		case single != "":
			st[key] = single
		}
	}
	many := func(key, initial string) {
		switch {
		case chosen != nil:
			st[key] = append([]string{}, chosen...)
		case e[initial] != nil:
			st[key] = e[initial]
		default:
			st[key] = []string{}
		}
	}
	switch kind {
	case "plain_text_input", "email_text_input", "url_text_input", "number_input":
		one("value", "initial_value")
	case "static_select", "radio_buttons", "overflow", "external_select":
		st["selected_option"] = nil
		if chosen == nil {
			st["selected_option"] = e["initial_option"]
		} else if o := option(e, single); o != nil {
			st["selected_option"] = o
		}
	case "checkboxes", "multi_static_select", "multi_external_select":
		picked := []any{}
		for _, v := range chosen {
			if o := option(e, v); o != nil {
				picked = append(picked, o)
			}
		}
		st["selected_options"] = picked
		if list, ok := e["initial_options"].([]any); chosen == nil && ok {
			st["selected_options"] = list
		}
	case "users_select":
		one("selected_user", "initial_user")
	case "conversations_select":
		one("selected_conversation", "initial_conversation")
	case "channels_select":
		one("selected_channel", "initial_channel")
	case "multi_users_select":
		many("selected_users", "initial_users")
	case "multi_conversations_select":
		many("selected_conversations", "initial_conversations")
	case "multi_channels_select":
		many("selected_channels", "initial_channels")
	case "datepicker":
		one("selected_date", "initial_date")
	case "timepicker":
		one("selected_time", "initial_time")
	case "datetimepicker":
		st["selected_date_time"] = e["initial_date_time"]
		if n, err := strconv.ParseInt(single, 10, 64); err == nil {
			st["selected_date_time"] = n
		}
	}
	return st
}

// option finds an option of an element by its value. An external select takes
// any, for only the app knows them.
func option(e map[string]any, value string) any {
	lists := []any{e["options"]}
	groups, _ := e["option_groups"].([]any)
	for _, g := range groups {
		lists = append(lists, field(g, "options"))
	}
	for _, l := range lists {
		options, _ := l.([]any)
		for _, o := range options {
			if text(o, "value") == value {
				return o
			}
		}
	}
	if strings.HasSuffix(text(e, "type"), "external_select") && value != "" {
		return map[string]any{"text": map[string]any{"type": "plain_text", "text": value, "emoji": false}, "value": value}
	}
	return nil
}
