package slack

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A Message is one message as it is now.
type Message struct {
	Channel     string          `json:"channel"`
	TS          string          `json:"ts"`
	ThreadTS    string          `json:"thread_ts,omitempty"` // The thread it is in. Empty means none; a root with replies names itself.
	User        string          `json:"user"`                // Who wrote it.
	Text        string          `json:"text"`
	Blocks      json.RawMessage `json:"blocks,omitempty"`
	Attachments json.RawMessage `json:"attachments,omitempty"`
	Metadata    json.RawMessage `json:"metadata,omitempty"`
	Files       []File          `json:"files,omitempty"`
	Edited      bool            `json:"edited,omitempty"`
	Broadcast   bool            `json:"broadcast,omitempty"` // A reply that is shown in the channel too.
	For         string          `json:"for,omitempty"`       // Ephemeral: the only person who sees it.
	Pinned      bool            `json:"pinned,omitempty"`
	Reactions   []Reaction      `json:"reactions,omitempty"`
}

// A Reaction is an emoji under a message, with those who chose it.
type Reaction struct {
	Name  string   `json:"name"`
	Users []string `json:"users"`
}

// A Bookmark is a link at the head of a channel.
type Bookmark struct {
	ID      string `json:"id"`
	Channel string `json:"channel_id"`
	Title   string `json:"title"`
	Link    string `json:"link"`
	Emoji   string `json:"emoji"`
}

// find gives a message by its id, or nil. Ephemeral ones are only found for
// the person who sees them; "" finds none of them.
func (sp *space) find(channel, ts, viewer string) *Message {
	for _, m := range sp.messages[channel] {
		if m.TS == ts && (m.For == "" || m.For == viewer) {
			return m
		}
	}
	return nil
}

func (sp *space) add(m *Message) {
	sp.messages[m.Channel] = append(sp.messages[m.Channel], m)
	if m.ThreadTS != "" && m.For == "" {
		if root := sp.find(m.Channel, m.ThreadTS, ""); root != nil {
			root.ThreadTS = root.TS
		}
	}
}

// addNote adds an ephemeral message. In a thread it is only shown if somebody
// has replied there before; else Slack takes it and shows it to nobody:
// https://docs.slack.dev/reference/methods/chat.postEphemeral (read 2026-11-23).
func (sp *space) addNote(m *Message) {
	if m.ThreadTS != "" {
		if root := sp.find(m.Channel, m.ThreadTS, ""); root == nil || root.ThreadTS == "" {
			return
		}
	}
	sp.add(m)
}

func (sp *space) remove(m *Message) {
	sp.messages[m.Channel] = slices.DeleteFunc(sp.messages[m.Channel], func(o *Message) bool { return o == m })
}

func (sp *space) thread(channel, ts string) []*Message {
	var list []*Message
	for _, m := range sp.messages[channel] {
		if m.For == "" && (m.TS == ts || m.ThreadTS == ts) {
			list = append(list, m)
		}
	}
	return list
}

// wire gives a message as Slack's API writes it.
func (sp *space) wire(m *Message, team string) map[string]any {
	w := map[string]any{"type": "message", "user": m.User, "text": m.Text, "ts": m.TS, "team": team}
	if m.User == BotUser {
		w["bot_id"], w["app_id"] = BotID, AppID
	}
	if m.ThreadTS != "" {
		w["thread_ts"] = m.ThreadTS
	}
	if m.ThreadTS == m.TS && m.For == "" {
		replies := sp.thread(m.Channel, m.TS)
		users := map[string]bool{}
		for _, r := range replies[1:] {
			users[r.User] = true
		}
		w["reply_count"], w["reply_users_count"], w["latest_reply"] = len(replies)-1, len(users), replies[len(replies)-1].TS
	}
	if m.Broadcast {
		w["subtype"] = "thread_broadcast"
	}
	for key, value := range map[string]json.RawMessage{"blocks": m.Blocks, "attachments": m.Attachments, "metadata": m.Metadata} {
		if value != nil {
			w[key] = value
		}
	}
	if len(m.Files) > 0 {
		w["files"] = m.Files
	}
	if m.Edited {
		w["edited"] = map[string]any{"user": m.User, "ts": m.TS}
	}
	if len(m.Reactions) > 0 {
		w["reactions"] = m.Reactions
	}
	if m.Pinned {
		w["pinned_to"] = []string{m.Channel}
	}
	return w
}

// normal gives blocks as Slack stores them: each block with a block_id, each
// interactive element with an action_id.
func (sp *space) normal(blocks json.RawMessage) json.RawMessage {
	v, err := decode(blocks)
	if err != nil {
		return nil
	}
	list, _ := v.([]any)
	if len(list) == 0 {
		return nil
	}
	sp.name(list)
	return raw(list)
}

func (sp *space) name(blocks []any) {
	for _, b := range blocks {
		m := object(b)
		if m == nil {
			continue
		}
		if id, _ := m["block_id"].(string); id == "" {
			sp.serial++
			m["block_id"] = fmt.Sprintf("b%05x", sp.serial)
		}
		for _, e := range elementsOf(m) {
			if id, _ := e["action_id"].(string); id == "" && e["type"] != "image" {
				sp.serial++
				e["action_id"] = fmt.Sprintf("a%05x", sp.serial)
			}
		}
		if inner, ok := m["child_blocks"].([]any); ok {
			sp.name(inner)
		}
	}
}

// elementsOf gives the interactive elements that stand directly in a block.
func elementsOf(block map[string]any) []map[string]any {
	var list []map[string]any
	add := func(v any) {
		if m := object(v); m != nil && m["type"] != nil {
			list = append(list, m)
		}
	}
	many := func(v any) {
		l, _ := v.([]any)
		for _, e := range l {
			add(e)
		}
	}
	switch block["type"] {
	case "actions", "context_actions":
		many(block["elements"])
	case "section":
		add(block["accessory"])
	case "input":
		add(block["element"])
	case "card":
		many(block["actions"])
	case "carousel":
		cards, _ := block["elements"].([]any)
		for _, c := range cards {
			many(field(c, "actions"))
		}
	case "data_table":
		rows, _ := block["rows"].([]any)
		for _, r := range rows {
			cells, _ := r.([]any)
			for _, cell := range cells {
				add(field(cell, "element"))
			}
		}
	}
	return list
}

// placed is an interactive element and the block that it stands in.
type placed struct {
	block   string
	element map[string]any
}

// placements lists the interactive elements of blocks, in reading order.
func placements(blocks json.RawMessage) []placed {
	v, err := decode(blocks)
	if err != nil {
		return nil
	}
	list, _ := v.([]any)
	var found []placed
	var walk func([]any)
	walk = func(blocks []any) {
		for _, b := range blocks {
			m := object(b)
			for _, e := range elementsOf(m) {
				found = append(found, placed{text(b, "block_id"), e})
			}
			if inner, ok := m["child_blocks"].([]any); ok {
				walk(inner)
			}
		}
	}
	walk(list)
	return found
}
