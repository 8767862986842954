package slack

import (
	"encoding/json"
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
