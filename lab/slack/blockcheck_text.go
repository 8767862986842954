package slack

import (
	"sort"
	"unicode/utf8"
)

// plain checks a text object that must be plain_text.
func (c *check) plain(m map[string]any, key, at string, limit int, required bool) {
	v, there := m[key]
	if !there || v == nil {
		if required {
			c.bad(at+"/"+key, "missing required field: %s", key)
		}
		return
	}
	if kind := text(v, "type"); kind != "plain_text" {
		c.bad(at+"/"+key+"/type", "must be plain_text, not %q", kind)
		return
	}
	c.textValue(v, at+"/"+key, limit)
}

// textObject checks a text object of either kind.
func (c *check) textObject(m map[string]any, key, at string, limit int, required bool) {
	v, there := m[key]
	if !there || v == nil {
		if required {
			c.bad(at+"/"+key, "missing required field: %s", key)
		}
		return
	}
	c.textValue(v, at+"/"+key, limit)
}

func (c *check) textValue(v any, at string, limit int) {
	m, ok := v.(map[string]any)
	if !ok {
		c.bad(at, "must be a text object")
		return
	}
	c.keys(m, at, "type", "text", "emoji", "verbatim")
	switch m["type"] {
	case "plain_text":
		if m["verbatim"] == true {
			c.bad(at+"/verbatim", "only allowed on mrkdwn")
		}
	case "mrkdwn":
		if m["emoji"] == true {
			c.bad(at+"/emoji", "only allowed on plain_text")
		}
	default:
		c.bad(at+"/type", "must be plain_text or mrkdwn, not %v", m["type"])
		return
	}
	s := c.str(m, "text", at, limit, true)
	c.text += utf8.RuneCountInString(s)
}

// richText checks a rich_text block or a cell of that kind.
func (c *check) richText(m map[string]any, at string) {
	list, ok := c.list(m["elements"], at+"/elements")
	if !ok || len(list) == 0 {
		c.bad(at+"/elements", "no fewer than 1 items allowed")
		return
	}
	for i, v := range list {
		here := index(at+"/elements", i)
		e := object(v)
		switch kind := text(v, "type"); kind {
		case "rich_text_section", "rich_text_quote":
			c.keys(e, here, "type", "elements", "border")
			c.leaves(e, here, richLeaves)
		case "rich_text_preformatted":
			c.keys(e, here, "type", "elements", "border", "language")
			c.leaves(e, here, preformattedLeaves)
		case "rich_text_list":
			c.keys(e, here, "type", "elements", "style", "indent", "border", "offset")
			c.oneOf(e, "style", here, "bullet", "ordered")
			items, _ := c.list(e["elements"], here+"/elements")
			if len(items) == 0 {
				c.bad(here+"/elements", "no fewer than 1 items allowed")
			}
			for j, item := range items {
				if text(item, "type") != "rich_text_section" {
					c.bad(index(here+"/elements", j), "must be a rich_text_section")
					continue
				}
				c.leaves(object(item), index(here+"/elements", j), richLeaves)
			}
		default:
			c.bad(here, "unsupported type: %s", kind)
		}
	}
}

// The leaves of rich text, with the property that each must have.
var richLeaves = map[string]string{"text": "text", "link": "url", "user": "user_id", "usergroup": "usergroup_id", "channel": "channel_id",
	"emoji": "name", "date": "timestamp", "broadcast": "range", "color": "value", "team": "team_id"}

var preformattedLeaves = map[string]string{"text": "text", "link": "url"}

func (c *check) leaves(m map[string]any, at string, known map[string]string) {
	list, ok := c.list(m["elements"], at+"/elements")
	if !ok {
		c.bad(at+"/elements", "missing required field: elements")
	}
	for i, v := range list {
		here := index(at+"/elements", i)
		e, kind := object(v), text(v, "type")
		need, ok := known[kind]
		if !ok {
			c.bad(here, "unsupported type: %s", kind)
			continue
		}
		switch value := e[need].(type) {
		case nil:
			c.bad(here+"/"+need, "missing required field: %s", need)
		case string:
			if value == "" {
				c.bad(here+"/"+need, "must be more than 0 characters")
			}
			if need == "url" {
				c.length(value, here+"/url", maxURL)
			}
		}
		c.text += utf8.RuneCountInString(text(v, "text"))
		c.styles(e, kind, here)
	}
}

func (c *check) styles(e map[string]any, kind, at string) {
	style := object(e["style"])
	names := make([]string, 0, len(style))
	for k := range style {
		names = append(names, k)
	}
	sort.Strings(names)
	for _, k := range names {
		switch k {
		case "bold", "italic", "strike", "code", "underline":
		case "highlight", "client_highlight", "unlink":
			if kind != "user" && kind != "channel" && kind != "usergroup" {
				c.bad(at+"/style", "invalid additional property: %s", k)
			}
		default:
			c.bad(at+"/style", "invalid additional property: %s", k)
		}
	}
}
