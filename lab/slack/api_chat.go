package slack

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// invalid checks a message where the server is strict, and answers as Slack
// does: the error's name, and each place. The caller holds s.mu.
func (s *Server) invalid(a args) error {
	if !s.opt.Strict {
		return nil
	}
	problems := CheckMessage(raw(map[string]any(a)))
	problems = append(problems, s.missingFiles(a.json("blocks"))...)
	return refusal(problems)
}

// refusal turns problems into Slack's answer. The first problem names it.
func refusal(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	e := &apiError{code: problems[0].Code}
	var errs []string
	for _, p := range problems {
		errs = append(errs, p.String())
		e.messages = append(e.messages, "[ERROR] "+p.String())
	}
	if e.code == "invalid_blocks" {
		e.extra = reply{"errors": errs}
	}
	return e
}

// missingFiles finds images of files that are not there.
func (s *Server) missingFiles(blocks json.RawMessage) []Problem {
	v, err := decode(blocks)
	if err != nil {
		return nil
	}
	list, _ := v.([]any)
	var bad []Problem
	for i, b := range list {
		if id := text(field(b, "slack_file"), "id"); id != "" && (s.files[id] == nil || !s.files[id].done) {
			bad = append(bad, Problem{"invalid_blocks", index("/blocks", i) + "/slack_file", "invalid slack file"})
		}
	}
	return bad
}

// writable finds the conversation that the bot wants to write into. A user id
// means the direct message with that person.
func (s *Server) writable(id string) (*Channel, error) {
	c := s.channel(id)
	if u := s.user(id); c == nil && u != nil {
		c = s.direct(u.ID)
	}
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case c.Archived:
		return nil, refuse("is_archived")
	case !c.has(BotUser) && c.IsPrivate:
		return nil, refuse("channel_not_found")
	case !c.has(BotUser):
		return nil, refuse("not_in_channel")
	}
	return c, nil
}

// compose makes the message that a call asks for. The caller holds s.mu.
func (s *Server) compose(a args) (*Message, error) {
	m := &Message{User: BotUser, Text: a.str("text"), ThreadTS: a.str("thread_ts"), Broadcast: a.flag("reply_broadcast"),
		Attachments: a.json("attachments"), Metadata: a.json("metadata")}
	blocks := a.json("blocks")
	if m.Text == "" && blocks == nil && m.Attachments == nil {
		return nil, refuse("no_text")
	}
	if blocks != nil && !json.Valid(blocks) {
		return nil, refuse("invalid_blocks_format")
	}
	if m.Attachments != nil && !json.Valid(m.Attachments) {
		return nil, refuse("invalid_attachments")
	}
	if m.Metadata != nil && !json.Valid(m.Metadata) {
		return nil, refuse("invalid_metadata_format")
	}
	if err := s.invalid(a); err != nil {
		return nil, err
	}
	if len([]rune(m.Text)) > maxMessageText {
		return nil, refuse("msg_too_long")
	}
	m.Blocks = s.normal(blocks)
	return m, nil
}

func (s *Server) postMessage(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	m, err := s.compose(a)
	if err != nil {
		return nil, err
	}
	m.Channel = c.ID
	if m.ThreadTS != "" {
		root := s.find(c.ID, m.ThreadTS, "")
		if root == nil {
			return nil, refuse("thread_not_found")
		}
		if root.ThreadTS != "" {
			m.ThreadTS = root.ThreadTS // A reply to a reply goes to the root's thread.
		}
	}
	if n := s.opt.PostPerSecond; n > 0 {
		if wait := s.pace.ask("post "+c.ID, s.now(), n, time.Second); wait > 0 {
			return nil, ratelimited(wait)
		}
	}
	m.TS = s.stamp(s.now())
	s.add(m)
	s.changed()
	return reply{"channel": c.ID, "ts": m.TS, "message": s.wire(m, s.opt.Team.ID)}, nil
}

func (s *Server) postEphemeral(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	if !c.has(a.str("user")) {
		return nil, refuse("user_not_in_channel")
	}
	m, err := s.compose(a)
	if err != nil {
		return nil, err
	}
	m.Channel, m.For, m.TS = c.ID, a.str("user"), s.stamp(s.now())
	s.addNote(m)
	s.changed()
	return reply{"message_ts": m.TS}, nil
}

func (s *Server) updateMessage(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	m := s.find(c.ID, a.str("ts"), "")
	switch {
	case m == nil:
		return nil, refuse("message_not_found")
	case m.User != BotUser:
		return nil, refuse("cant_update_message")
	}
	next, err := s.compose(a)
	if err != nil {
		return nil, err
	}
	s.rewrite(m, next)
	s.changed()
	return reply{"channel": c.ID, "ts": m.TS, "text": m.Text, "message": s.wire(m, s.opt.Team.ID)}, nil
}

// rewrite puts new content into a message. Blocks that the new content lacks
// are gone; only a change of text alone is marked as an edit.
func (s *Server) rewrite(m, next *Message) {
	m.Edited = m.Edited || (next.Blocks == nil && next.Attachments == nil)
	m.Text, m.Blocks, m.Attachments = next.Text, next.Blocks, next.Attachments
	if next.Metadata != nil {
		m.Metadata = next.Metadata
	}
}

func (s *Server) deleteMessage(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, err := s.writable(a.str("channel"))
	if err != nil {
		return nil, err
	}
	m := s.find(c.ID, a.str("ts"), "")
	switch {
	case m == nil:
		return nil, refuse("message_not_found")
	case m.User != BotUser:
		return nil, refuse("cant_delete_message")
	}
	s.remove(m)
	s.changed()
	return reply{"channel": c.ID, "ts": m.TS}, nil
}

func (s *Server) permalink(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channel(a.str("channel"))
	if c == nil {
		return nil, refuse("channel_not_found")
	}
	m := s.find(c.ID, a.str("message_ts"), "")
	if m == nil {
		return nil, refuse("message_not_found")
	}
	link := s.base + "/archives/" + c.ID + "/p" + strings.ReplaceAll(m.TS, ".", "")
	if m.ThreadTS != "" && m.ThreadTS != m.TS {
		link += "?thread_ts=" + m.ThreadTS + "&cid=" + c.ID
	}
	return reply{"channel": c.ID, "permalink": link}, nil
}

// target finds the message that a reaction or a pin is for.
func (s *Server) target(a args) (*Message, error) {
	c := s.channel(a.str("channel"))
	if c == nil || !c.has(BotUser) {
		return nil, refuse("channel_not_found")
	}
	if m := s.find(c.ID, a.str("timestamp"), ""); m != nil {
		return m, nil
	}
	return nil, refuse("message_not_found")
}

func (s *Server) reactionAdd(a args) (reply, error) { return s.react(a, true) }

func (s *Server) reactionRemove(a args) (reply, error) { return s.react(a, false) }

func (s *Server) react(a args, add bool) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.Trim(a.str("name"), ":")
	if name == "" {
		return nil, refuse("invalid_name")
	}
	m, err := s.target(a)
	if err != nil {
		return nil, err
	}
	var next []Reaction // A new list: copies of the message hold the old one.
	had := false
	for _, r := range m.Reactions {
		users := slices.Clone(r.Users)
		if r.Name == name && slices.Contains(users, BotUser) {
			had = true
			users = slices.DeleteFunc(users, func(u string) bool { return u == BotUser })
		}
		if r.Name == name && add {
			users = append(users, BotUser)
		}
		if len(users) > 0 {
			next = append(next, Reaction{r.Name, users})
		}
	}
	switch {
	case add && had:
		return nil, refuse("already_reacted")
	case !add && !had:
		return nil, refuse("no_reaction")
	case add && !slices.ContainsFunc(next, func(r Reaction) bool { return r.Name == name }):
		next = append(next, Reaction{name, []string{BotUser}})
	}
	m.Reactions = next
	s.changed()
	return nil, nil
}

func (s *Server) pinAdd(a args) (reply, error) { return s.pin(a, true, "already_pinned") }

func (s *Server) pinRemove(a args) (reply, error) { return s.pin(a, false, "no_pin") }

func (s *Server) pin(a args, pinned bool, already string) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, err := s.target(a)
	if err != nil {
		return nil, err
	}
	if m.Pinned == pinned {
		return nil, refuse(already)
	}
	m.Pinned = pinned
	s.changed()
	return nil, nil
}

func (s *Server) bookmarkAdd(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.channel(a.str("channel_id"))
	switch {
	case c == nil:
		return nil, refuse("channel_not_found")
	case a.str("title") == "" || a.str("type") != "link":
		return nil, refuse("invalid_arguments")
	case a.str("link") == "":
		return nil, refuse("invalid_link")
	}
	b := Bookmark{ID: s.id("Bk"), Channel: c.ID, Title: a.str("title"), Link: a.str("link"), Emoji: a.str("emoji")}
	s.marks = append(s.marks, b)
	s.changed()
	return reply{"bookmark": b}, nil
}

func (s *Server) bookmarkList(a args) (reply, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := []Bookmark{}
	for _, b := range s.marks {
		if b.Channel == a.str("channel_id") {
			list = append(list, b)
		}
	}
	return reply{"bookmarks": list}, nil
}
