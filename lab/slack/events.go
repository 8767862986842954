package slack

import (
	"slices"
	"strings"
	"time"
)

// Event sends an event of the Events API, and again while it is not
// acknowledged: see Options.RedeliverAfter. It returns at once, with the
// event's id; "" means that the app did not subscribe to it.
func (s *Server) Event(inner map[string]any) string {
	id, _ := s.event(inner)
	return id
}

// event is Event, and a channel that gives the outcome of each delivery and is
// closed after the last.
func (s *Server) event(inner map[string]any) (string, <-chan Outcome) {
	outcomes := make(chan Outcome, 1+len(s.opt.RedeliverAfter))
	if !s.subscribed(inner) {
		close(outcomes)
		return "", outcomes
	}
	s.mu.Lock()
	now, id := s.now(), s.id("Ev")
	if inner["event_ts"] == nil {
		inner["event_ts"] = s.stamp(now)
	}
	s.mu.Unlock()
	payload := map[string]any{
		"type": "event_callback", "token": verification, "team_id": s.opt.Team.ID, "api_app_id": AppID, "event": inner,
		"event_id": id, "event_time": now.Unix(), "event_context": "4-" + randomHex(20),
		"context_team_id": s.opt.Team.ID, "context_enterprise_id": nil, "is_ext_shared_channel": false,
		"authorizations": []any{map[string]any{"enterprise_id": nil, "team_id": s.opt.Team.ID, "user_id": BotUser, "is_bot": true, "is_enterprise_install": false}},
	}
	s.spawn(func() {
		defer close(outcomes)
		reason := ""
		for attempt := 0; ; attempt++ {
			out := s.deliver(map[string]any{"type": "events_api", "accepts_response_payload": false,
				"retry_attempt": attempt, "retry_reason": reason, "payload": payload})
			outcomes <- out
			if out.Result == Acked || attempt == len(s.opt.RedeliverAfter) {
				return
			}
			reason = "timeout"
			select {
			case <-time.After(s.opt.RedeliverAfter[attempt]):
			case <-s.ctx.Done():
				return
			}
		}
	})
	return id, outcomes
}

// subscribed says whether the app wants an event. A message event is named
// with its kind of channel: message.im.
func (s *Server) subscribed(inner map[string]any) bool {
	if s.opt.Events == nil {
		return true
	}
	name := text(inner, "type")
	if kind := text(inner, "channel_type"); name == "message" {
		name += "." + kind
	}
	return slices.Contains(s.opt.Events, name)
}

// Say posts a message as a person: in a channel, or in a thread of it if
// thread is not empty. Its text is as typed: @name and #name become mentions.
// A mention of the bot is sent to the app as app_mention, a direct message as
// message.im. It returns the message's id, "" if the person may not post there.
func (s *Server) Say(user, channel, thread, text string) string {
	s.mu.Lock()
	c, u := s.channel(channel), s.user(user)
	if c == nil && channel == BotUser && u != nil {
		c = s.direct(user)
	}
	if c == nil || u == nil || u.Deleted || c.Archived || !c.has(user) || strings.TrimSpace(text) == "" ||
		(thread != "" && s.find(c.ID, thread, "") == nil) {
		s.mu.Unlock()
		return ""
	}
	said, elements := s.typed(text)
	m := &Message{Channel: c.ID, TS: s.stamp(s.now()), ThreadTS: thread, User: user, Text: said}
	m.Blocks = s.normal(raw([]any{map[string]any{"type": "rich_text", "elements": []any{
		map[string]any{"type": "rich_text_section", "elements": elements}}}}))
	s.add(m)
	s.changed()
	inner := map[string]any{"type": "app_mention", "user": user, "team": u.TeamID, "text": said, "ts": m.TS, "event_ts": m.TS,
		"channel": c.ID, "client_msg_id": uuid(), "blocks": m.Blocks}
	if thread != "" {
		inner["thread_ts"] = thread
	}
	mentioned, direct := strings.Contains(said, "<@"+BotUser+">") && c.has(BotUser), c.With != ""
	s.mu.Unlock()
	switch {
	case direct:
		inner["type"], inner["channel_type"] = "message", "im"
		s.Event(inner)
	case mentioned:
		s.Event(inner)
	}
	return m.TS
}

// OpenHome opens the App Home as a person does.
func (s *Server) OpenHome(user string) string {
	s.mu.Lock()
	u := s.user(user)
	if u == nil {
		s.mu.Unlock()
		return ""
	}
	inner := map[string]any{"type": "app_home_opened", "user": user, "channel": s.direct(user).ID, "tab": "home"}
	s.mu.Unlock()
	return s.Event(inner)
}

// Join puts a person, or the bot, into a channel; by is who invited them, ""
// if nobody did.
func (s *Server) Join(user, channel, by string) string {
	s.mu.Lock()
	c, u := s.channel(channel), s.user(user)
	if c == nil || u == nil || c.has(user) {
		s.mu.Unlock()
		return ""
	}
	c.Members = append(slices.Clone(c.Members), user)
	s.changed()
	kind := "C"
	if c.IsPrivate {
		kind = "G"
	}
	inner := map[string]any{"type": "member_joined_channel", "user": user, "channel": c.ID, "channel_type": kind, "team": u.TeamID}
	if by != "" {
		inner["inviter"] = by
	}
	s.mu.Unlock()
	return s.Event(inner)
}

// Delete takes a message away, as its author or an administrator does. The app is not told.
func (s *Server) Delete(channel, ts string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	m := s.find(channel, ts, "")
	if m == nil {
		return false
	}
	s.remove(m)
	s.changed()
	return true
}
