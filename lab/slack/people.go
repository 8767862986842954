package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// verification is the deprecated token that Slack still puts into payloads.
const verification = "verification-token-deprecated"

var mentions = regexp.MustCompile(`<@(\w+)(?:\|[^>]*)?>|<#(\w+)(?:\|[^>]*)?>|@([\w.-]*\w)|#([\w.-]*\w)|https?://[^\s<>]+`)

var escaper = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// typed turns what a person typed into Slack's message text and the elements
// of its rich text. The caller holds s.mu.
func (s *Server) typed(in string) (string, []any) {
	var out strings.Builder
	var elements []any
	say := func(t string) {
		if t != "" {
			out.WriteString(escaper.Replace(t))
			elements = append(elements, map[string]any{"type": "text", "text": t})
		}
	}
	last := 0
	for _, at := range mentions.FindAllStringSubmatchIndex(in, -1) {
		group := func(i int) string {
			if at[2*i] < 0 {
				return ""
			}
			return in[at[2*i]:at[2*i+1]]
		}
		u, c := s.user(group(1)), s.channel(group(2))
		for _, o := range s.users {
			if group(3) != "" && o.Name == group(3) {
				u = o
			}
		}
		if group(4) != "" {
			c = s.channel("#" + group(4))
		}
		whole := in[at[0]:at[1]]
		link := strings.HasPrefix(whole, "http")
		if u == nil && c == nil && !link {
			continue
		}
		say(in[last:at[0]])
		last = at[1]
		switch {
		case u != nil:
			out.WriteString("<@" + u.ID + ">")
			elements = append(elements, map[string]any{"type": "user", "user_id": u.ID})
		case c != nil:
			out.WriteString("<#" + c.ID + "|" + c.Name + ">")
			elements = append(elements, map[string]any{"type": "channel", "channel_id": c.ID})
		default:
			out.WriteString("<" + escaper.Replace(whole) + ">")
			elements = append(elements, map[string]any{"type": "link", "url": whole})
		}
	}
	say(in[last:])
	return out.String(), elements
}

// escaped turns the text of a command as should_escape of a manifest asks:
// names become <@U…|name> and <#C…|name>.
func (s *Server) escaped(in string) string {
	out, _ := s.typed(in)
	return mentions.ReplaceAllStringFunc(out, func(m string) string {
		if u := s.user(strings.Trim(m, "<@>")); u != nil && strings.HasPrefix(m, "<@") {
			return "<@" + u.ID + "|" + u.Name + ">"
		}
		return m
	})
}

// Slash types the app's command, followed by text, in a channel. The person
// must be in the channel; a failure is shown to them as Slack does.
func (s *Server) Slash(user, channel, text string) Outcome {
	text = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(text), s.opt.Command))
	s.mu.Lock()
	c, u := s.channel(channel), s.user(user)
	if why := barred(c, u); why != "" {
		s.mu.Unlock()
		return refused(why)
	}
	if s.opt.Escape {
		text = s.escaped(text)
	}
	name := c.Name
	switch {
	case c.With != "":
		name = "directmessage"
	case c.IsPrivate:
		name = "privategroup"
	}
	url := s.replyTo("commands", c.ID, user, "", "")
	payload := map[string]any{"token": verification, "team_id": u.TeamID, "team_domain": s.domain(u), "channel_id": c.ID,
		"channel_name": name, "user_id": user, "user_name": u.Name, "command": s.opt.Command, "text": text, "api_app_id": AppID,
		"is_enterprise_install": "false", "response_url": url, "trigger_id": s.trigger(user)}
	s.mu.Unlock()

	out := s.deliver(map[string]any{"type": "slash_commands", "accepts_response_payload": true, "payload": payload})

	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.changed()
	if out.Result != Acked {
		s.tell(user, c.ID, fmt.Sprintf("%s failed with the error %q", s.opt.Command, out.Result))
		return out
	}
	if out.Payload != nil {
		var a args
		err := json.Unmarshal(out.Payload, &a)
		if err == nil && (a["text"] != nil || a["blocks"] != nil || a["attachments"] != nil) {
			err = s.respond(s.replies[strings.TrimPrefix(url, s.base)], a)
		}
		if err != nil {
			out.Result, out.Why = BadResponse, explain(err)
			s.tell(user, c.ID, fmt.Sprintf("%s failed with the error %q", s.opt.Command, "invalid_command_response"))
		}
	}
	return out
}

// explain gives an error with the places that Slack would name.
func explain(err error) string {
	if e := (*apiError)(nil); errors.As(err, &e) && len(e.messages) > 0 {
		return e.code + ": " + strings.Join(e.messages, "; ")
	}
	return err.Error()
}

// barred says why a person cannot act in a channel, "" if they can.
func barred(c *Channel, u *User) string {
	switch {
	case c == nil:
		return "channel_not_found"
	case u == nil:
		return "user_not_found"
	case u.Deleted:
		return "account_inactive"
	case c.Archived:
		return "is_archived"
	case !c.has(u.ID):
		return "not_in_channel"
	}
	return ""
}

// tell shows a note of Slack's own to one person. The caller holds s.mu.
func (s *Server) tell(user, channel, text string) {
	s.add(&Message{Channel: channel, TS: s.stamp(s.now()), User: slackbot, Text: text, For: user})
	s.changed()
}

func (s *Server) domain(u *User) string {
	if u.TeamID == s.opt.Team.ID {
		return s.opt.Team.Domain
	}
	return strings.ToLower(u.TeamID)
}

// common starts the payload of an interaction. The caller holds s.mu.
func (s *Server) common(kind string, u *User) map[string]any {
	return map[string]any{"type": kind, "token": verification, "api_app_id": AppID,
		"team":       map[string]any{"id": s.opt.Team.ID, "domain": s.opt.Team.Domain},
		"user":       map[string]any{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.TeamID},
		"enterprise": nil, "is_enterprise_install": false}
}

// MessageShortcut chooses an entry of a message's menu.
func (s *Server) MessageShortcut(user, channel, ts, callback string) Outcome {
	s.mu.Lock()
	c, u := s.channel(channel), s.user(user)
	if why := barred(c, u); why != "" {
		s.mu.Unlock()
		return refused(why)
	}
	m := s.find(c.ID, ts, "")
	if m == nil {
		s.mu.Unlock()
		return refused("message_not_found")
	}
	p := s.common("message_action", u)
	p["callback_id"], p["trigger_id"], p["action_ts"] = callback, s.trigger(user), s.stamp(s.now())
	p["channel"] = map[string]any{"id": c.ID, "name": c.Name}
	p["message"], p["message_ts"] = s.wire(m, s.opt.Team.ID), m.TS
	p["response_url"] = s.replyTo("actions", c.ID, user, "", "")
	s.mu.Unlock()
	return s.interact(p, false)
}

// GlobalShortcut chooses an entry of the global menu. It has no channel and
// no response URL.
func (s *Server) GlobalShortcut(user, callback string) Outcome {
	s.mu.Lock()
	u := s.user(user)
	if u == nil || u.Deleted {
		s.mu.Unlock()
		return refused("user_not_found")
	}
	p := s.common("shortcut", u)
	p["callback_id"], p["trigger_id"], p["action_ts"] = callback, s.trigger(user), s.stamp(s.now())
	s.mu.Unlock()
	return s.interact(p, false)
}

// Dismiss removes an ephemeral note, as its reader does.
func (s *Server) Dismiss(user, channel, ts string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.messages[channel], func(m *Message) bool { return m.TS == ts && m.For == user })
	if i < 0 {
		return false
	}
	s.remove(s.messages[channel][i])
	s.changed()
	return true
}
