package slack

import "unicode/utf8"

// surfaces says where a type of block may stand. What is not here is unknown.
var surfaces = map[string][]string{
	"section":            {onMessage, onModal, onHome},
	"divider":            {onMessage, onModal, onHome},
	"image":              {onMessage, onModal, onHome},
	"actions":            {onMessage, onModal, onHome},
	"context":            {onMessage, onModal, onHome},
	"context_actions":    {onMessage},
	"file":               {onMessage},
	"input":              {onMessage, onModal, onHome},
	"header":             {onMessage, onModal, onHome},
	"rich_text":          {onMessage, onModal, onHome},
	"video":              {onMessage, onModal, onHome},
	"markdown":           {onMessage},
	"table":              {onMessage},
	"data_table":         {onMessage, onHome},
	"data_visualization": {onMessage, onHome},
	"task_card":          {onMessage},
	"plan":               {onMessage},
	"alert":              {onModal},
	"card":               {onMessage, onModal},
	"carousel":           {onMessage, onHome},
	"container":          {onMessage},
}

// inContainer are the blocks that the documentation and Slack's live
// validator agree on as children of a container.
var inContainer = map[string]bool{"section": true, "divider": true, "context": true, "actions": true, "table": true,
	"header": true, "image": true, "rich_text": true, "file": true, "input": true}

func (c *check) blocks(list []any, at string, limit int) {
	if len(list) > limit {
		c.bad(at, "no more than %d items allowed", limit)
	}
	plan, card := false, false
	for i, v := range list {
		m, ok := v.(map[string]any)
		if !ok {
			c.bad(index(at, i), "must be an object")
			continue
		}
		plan, card = plan || m["type"] == "plan", card || m["type"] == "task_card"
		c.block(m, index(at, i))
	}
	if plan && card {
		c.bad(at, "a plan cannot stand beside a task_card of its own")
	}
}

func (c *check) block(m map[string]any, at string) {
	kind, _ := m["type"].(string)
	where, known := surfaces[kind]
	if !known {
		c.bad(at, "unsupported type: %s", kind)
		return
	}
	allowed := false
	for _, s := range where {
		allowed = allowed || s == c.surface
	}
	if !allowed {
		c.bad(at+"/type", "a %s block is not supported in a %s", kind, c.surface)
	}
	if id := c.str(m, "block_id", at, maxID, false); id != "" {
		if c.blockIDs[id] {
			c.bad(at+"/block_id", "block_id %q already exists", id)
		}
		c.blockIDs[id] = true
	}
	switch kind {
	case "section":
		c.section(m, at)
	case "divider":
		c.keys(m, at, "type", "block_id")
	case "header":
		c.keys(m, at, "type", "block_id", "text", "level")
		c.plain(m, "text", at, maxHeaderText, true)
	case "image":
		c.keys(m, at, "type", "block_id", "image_url", "alt_text", "title", "slack_file", "image_width", "image_height", "image_bytes", "fallback", "is_animated")
		c.image(m, at)
		c.plain(m, "title", at, maxImageTitle, false)
	case "actions":
		c.keys(m, at, "type", "block_id", "elements")
		c.elements(m, at, maxActions, inActions)
	case "context_actions":
		c.keys(m, at, "type", "block_id", "elements")
		c.elements(m, at, maxContextActions, inContextActions)
	case "context":
		c.context(m, at)
	case "input":
		c.input(m, at)
	case "file":
		c.keys(m, at, "type", "block_id", "external_id", "source", "file_id", "file")
		c.str(m, "external_id", at, maxID, true)
		c.oneOf(m, "source", at, "remote")
	case "rich_text":
		c.keys(m, at, "type", "block_id", "elements")
		c.richText(m, at)
	case "markdown":
		c.keys(m, at, "type", "block_id", "text")
		s := c.str(m, "text", at, maxMarkdown, true)
		c.text += utf8.RuneCountInString(s)
		if c.markdown += utf8.RuneCountInString(s); c.markdown > maxMarkdown && utf8.RuneCountInString(s) <= maxMarkdown {
			c.bad(at+"/text", "all markdown blocks together must be less than %d characters", maxMarkdown+1)
		}
	case "video":
		c.keys(m, at, "type", "block_id", "video_url", "thumbnail_url", "alt_text", "title", "title_url", "author_name", "provider_name", "provider_icon_url", "description")
		c.str(m, "video_url", at, maxURL, true)
		c.str(m, "thumbnail_url", at, maxURL, true)
		c.str(m, "alt_text", at, maxAltText, true)
		c.plain(m, "title", at, 200, true)
	case "table":
		c.table(m, at)
	case "data_table":
		c.dataTable(m, at)
	case "data_visualization":
		c.chart(m, at)
	case "plan":
		c.plan(m, at)
	case "task_card":
		c.taskCard(m, at)
	case "alert":
		c.keys(m, at, "type", "block_id", "text", "level")
		c.textObject(m, "text", at, maxAlert, true)
		c.oneOf(m, "level", at, "default", "info", "warning", "error", "success")
	case "card":
		c.card(m, at)
	case "carousel":
		c.carousel(m, at)
	case "container":
		c.container(m, at)
	}
}

func (c *check) section(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "text", "fields", "accessory", "expand")
	if m["text"] == nil && m["fields"] == nil {
		c.bad(at, "missing required field: text or fields")
	}
	c.textObject(m, "text", at, maxText, false)
	if fields, ok := c.list(m["fields"], at+"/fields"); ok {
		if len(fields) == 0 {
			c.bad(at+"/fields", "no fewer than 1 items allowed")
		}
		if len(fields) > maxFields {
			c.bad(at+"/fields", "no more than %d items allowed", maxFields)
		}
		for i, f := range fields {
			c.textValue(f, index(at+"/fields", i), maxFieldText)
		}
	}
	if m["accessory"] != nil {
		c.element(object(m["accessory"]), at+"/accessory", inSection)
	}
}

func (c *check) context(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "elements")
	list, ok := c.list(m["elements"], at+"/elements")
	if !ok || len(list) == 0 {
		c.bad(at+"/elements", "no fewer than 1 items allowed")
	}
	if len(list) > maxContext {
		c.bad(at+"/elements", "no more than %d items allowed", maxContext)
	}
	for i, v := range list {
		here := index(at+"/elements", i)
		if text(v, "type") == "image" {
			c.image(object(v), here)
			continue
		}
		c.textValue(v, here, maxText)
	}
}

func (c *check) input(m map[string]any, at string) {
	c.inputs++
	c.keys(m, at, "type", "block_id", "label", "element", "hint", "optional", "dispatch_action")
	c.plain(m, "label", at, maxLabel, true)
	c.plain(m, "hint", at, maxLabel, false)
	if m["element"] == nil {
		c.bad(at+"/element", "missing required field: element")
		return
	}
	c.element(object(m["element"]), at+"/element", inInput)
}

func (c *check) image(m map[string]any, at string) {
	if m["image_url"] == nil && m["slack_file"] == nil {
		c.bad(at, "missing required field: image_url or slack_file")
	}
	if m["image_url"] != nil && m["slack_file"] != nil {
		c.bad(at, "only one of image_url and slack_file is allowed")
	}
	c.str(m, "image_url", at, maxURL, false)
	c.str(m, "alt_text", at, maxAltText, true)
	if f := object(m["slack_file"]); f != nil && text(f, "id") == "" && text(f, "url") == "" {
		c.bad(at+"/slack_file", "missing required field: id or url")
	}
}

func (c *check) container(m map[string]any, at string) {
	c.keys(m, at, "type", "block_id", "title", "rich_text_title", "subtitle", "icon", "width", "is_collapsible", "default_collapsed", "has_header_divider", "child_blocks")
	if m["rich_text_title"] == nil {
		c.plain(m, "title", at, maxContainerTitle, true)
	} else {
		c.richText(object(m["rich_text_title"]), at+"/rich_text_title")
	}
	c.textObject(m, "subtitle", at, maxContainerTitle, false)
	c.oneOf(m, "width", at, "narrow", "standard", "wide", "full")
	if m["default_collapsed"] == true && m["is_collapsible"] != true {
		c.bad(at+"/default_collapsed", "only a container that is_collapsible can be collapsed")
	}
	list, ok := c.list(m["child_blocks"], at+"/child_blocks")
	if !ok || len(list) == 0 {
		c.bad(at+"/child_blocks", "no fewer than 1 items allowed")
		return
	}
	for i, v := range list {
		if kind := text(v, "type"); surfaces[kind] != nil && !inContainer[kind] {
			c.bad(index(at+"/child_blocks", i), "unsupported type in a container: %s", kind)
		}
	}
	c.blocks(list, at+"/child_blocks", maxContainer)
}
