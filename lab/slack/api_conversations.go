package slack

import (
	"slices"
	"strings"
)

func (s *Server) wireChannel(c *Channel) map[string]any {
	w := map[string]any{"id": c.ID, "created": 1700000000, "is_archived": c.Archived, "is_im": c.With != "", "is_mpim": false,
		"is_private": c.IsPrivate, "is_channel": c.With == "" && !c.IsPrivate, "is_group": c.With == "" && c.IsPrivate,
		"is_org_shared": false, "is_ext_shared": c.Shared, "is_shared": c.Shared, "context_team_id": s.opt.Team.ID}
	if c.With != "" {
		w["user"] = c.With
		return w
	}
	w["name"], w["name_normalized"] = c.Name, c.Name
	w["is_member"], w["is_general"], w["num_members"] = c.has(BotUser), c.Name == "general", len(c.Members)
	w["topic"] = map[string]any{"value": c.Topic, "creator": "", "last_set": 0}
	w["purpose"] = map[string]any{"value": "", "creator": "", "last_set": 0}
	return w
}

// visible finds a conversation that the bot may look at: a public channel, or
// one that it is in.
func (s *Server) visible(id string) (*Channel, error) {
	c := s.channel(id)
	if c == nil || (c.IsPrivate && !c.has(BotUser)) {
		return nil, refuse("channel_not_found")
	}
	return c, nil
}

func (s *Server) conversationInfo(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.visible(a.str("channel"))
	if err != nil {
		return nil, err
	}
	return reply{"channel": s.wireChannel(c)}, nil
}

func (s *Server) conversationList(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	types := a.str("types")
	if types == "" {
		types = "public_channel"
	}
	var list []*Channel
	for _, c := range s.channels {
		kind := "public_channel"
		switch {
		case c.With != "":
			kind = "im"
		case c.IsPrivate:
			kind = "private_channel"
		}
		hidden := (c.Archived && a.flag("exclude_archived")) || (c.IsPrivate && !c.has(BotUser))
		if !hidden && slices.Contains(strings.Split(types, ","), kind) {
			list = append(list, c)
		}
	}
	part, meta, err := page(list, a, 100)
	if err != nil {
		return nil, err
	}
	wire := []any{}
	for _, c := range part {
		wire = append(wire, s.wireChannel(c))
	}
	return reply{"channels": wire, "response_metadata": meta}, nil
}

func (s *Server) conversationMembers(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.visible(a.str("channel"))
	if err != nil {
		return nil, err
	}
	part, meta, err := page(c.Members, a, 100)
	if err != nil {
		return nil, err
	}
	return reply{"members": append([]string{}, part...), "response_metadata": meta}, nil
}

// between keeps the messages of the span that oldest, latest and inclusive
// give. Ids are of one length, so they compare as strings.
func between(list []*Message, a args) []*Message {
	oldest, latest, inclusive := a.str("oldest"), a.str("latest"), a.flag("inclusive")
	return slices.DeleteFunc(list, func(m *Message) bool {
		if inclusive && (m.TS == oldest || m.TS == latest) {
			return false
		}
		return (oldest != "" && oldest != "0" && m.TS <= oldest) || (latest != "" && m.TS >= latest)
	})
}

func (s *Server) conversationHistory(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.readable(a)
	if err != nil {
		return nil, err
	}
	var list []*Message
	for _, m := range s.messages[c.ID] {
		if m.For == "" && (m.ThreadTS == "" || m.ThreadTS == m.TS || m.Broadcast) {
			list = append(list, m)
		}
	}
	list = between(list, a)
	slices.Reverse(list)
	return s.wirePage(list, a)
}

func (s *Server) conversationReplies(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.readable(a)
	if err != nil {
		return nil, err
	}
	root := s.find(c.ID, a.str("ts"), "")
	if root == nil {
		return nil, refuse("thread_not_found")
	}
	ts := root.TS
	if root.ThreadTS != "" {
		ts = root.ThreadTS
	}
	replies := s.thread(c.ID, ts)
	// The root always comes first, whatever the span.
	list := append([]*Message{replies[0]}, between(slices.Clone(replies[1:]), a)...)
	return s.wirePage(list, a)
}

func (s *Server) readable(a args) (*Channel, error) {
	c, err := s.visible(a.str("channel"))
	if err == nil && !c.has(BotUser) {
		err = refuse("not_in_channel")
	}
	return c, err
}

func (s *Server) wirePage(list []*Message, a args) (reply, error) {
	part, meta, err := page(list, a, 100)
	if err != nil {
		return nil, err
	}
	wire := []any{}
	for _, m := range part {
		wire = append(wire, s.wire(m, s.opt.Team.ID))
	}
	return reply{"messages": wire, "has_more": meta["next_cursor"] != "", "response_metadata": meta}, nil
}

func (s *Server) conversationOpen(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id := a.str("channel"); id != "" {
		c, err := s.visible(id)
		if err != nil {
			return nil, err
		}
		return reply{"channel": s.wireChannel(c)}, nil
	}
	u := s.user(a.str("users"))
	switch {
	case u == nil:
		return nil, refuse("users_not_found")
	case u.Deleted:
		return nil, refuse("user_disabled")
	case u.ID == BotUser:
		return nil, refuse("cannot_dm_bot")
	}
	before := len(s.channels)
	c := s.direct(u.ID)
	s.changed()
	return reply{"channel": s.wireChannel(c), "already_open": len(s.channels) == before, "no_op": len(s.channels) == before}, nil
}

func (s *Server) conversationJoin(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.visible(a.str("channel"))
	switch {
	case err != nil:
		return nil, err
	case c.Archived:
		return nil, refuse("is_archived")
	case c.IsPrivate:
		return nil, refuse("method_not_supported_for_channel_type")
	}
	rep := reply{}
	if c.has(BotUser) {
		rep["warning"] = "already_in_channel"
	} else {
		c.Members = append(slices.Clone(c.Members), BotUser)
		s.changed()
	}
	rep["channel"] = s.wireChannel(c)
	return rep, nil
}
