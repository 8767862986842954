package slack

import "strings"

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

// The elements that may stand in each place.
var (
	selects      = "static_select external_select users_select conversations_select channels_select "
	multiSelects = "multi_static_select multi_external_select multi_users_select multi_conversations_select multi_channels_select "
	pickers      = "datepicker timepicker datetimepicker checkboxes radio_buttons "

	inActions        = set("button overflow workflow_button rich_text_input " + selects + pickers)
	inSection        = set("button overflow workflow_button image " + selects + multiSelects + pickers)
	inInput          = set("plain_text_input email_text_input url_text_input number_input rich_text_input file_input " + selects + multiSelects + pickers)
	inContextActions = set("feedback_buttons icon_button")
)

// elements checks the elements of an actions block. An action_id may stand
// only once in a block.
func (c *check) elements(m map[string]any, at string, limit int, allowed map[string]bool) {
	list, ok := c.list(m["elements"], at+"/elements")
	if !ok || len(list) == 0 {
		c.bad(at+"/elements", "no fewer than 1 items allowed")
		return
	}
	if len(list) > limit {
		c.bad(at+"/elements", "no more than %d items allowed", limit)
	}
	seen := map[string]bool{}
	for i, v := range list {
		e, here := object(v), index(at+"/elements", i)
		c.element(e, here, allowed)
		if id := text(v, "action_id"); id != "" {
			if seen[id] {
				c.bad(here+"/action_id", "action_id %q already exists", id)
			}
			seen[id] = true
		}
	}
}

func (c *check) element(e map[string]any, at string, allowed map[string]bool) {
	kind, _ := e["type"].(string)
	if !allowed[kind] {
		c.bad(at, "unsupported type: %s", kind)
		return
	}
	if kind != "image" {
		if id := c.str(e, "action_id", at, maxID, false); id == "" && e["action_id"] != nil {
			c.bad(at+"/action_id", "must be more than 0 characters")
		}
	}
	c.confirm(e, at)
	switch kind {
	case "image":
		c.image(e, at)
	case "button":
		c.keys(e, at, "type", "action_id", "text", "value", "url", "style", "confirm", "accessibility_label", "visible_to_user_ids")
		c.plain(e, "text", at, maxButtonText, true)
		c.str(e, "value", at, maxButtonValue, false)
		c.str(e, "url", at, maxURL, false)
		c.str(e, "accessibility_label", at, maxButtonText, false)
		c.oneOf(e, "style", at, "primary", "danger")
	case "workflow_button":
		c.plain(e, "text", at, maxButtonText, true)
	case "icon_button":
		c.plain(e, "text", at, maxButtonText, true)
		c.str(e, "icon", at, maxID, true)
		c.str(e, "value", at, maxButtonValue, false)
	case "feedback_buttons":
		for _, side := range []string{"positive_button", "negative_button"} {
			c.plain(object(e[side]), "text", at+"/"+side, maxButtonText, true)
			c.str(object(e[side]), "value", at+"/"+side, maxButtonValue, true)
		}
	case "overflow":
		c.keys(e, at, "type", "action_id", "options", "confirm")
		c.options(e, at, 1, maxOverflow, true)
	case "checkboxes", "radio_buttons":
		c.options(e, at, 1, maxChoices, true)
	case "static_select", "multi_static_select":
		c.plain(e, "placeholder", at, maxPlaceholder, false)
		if e["option_groups"] != nil {
			c.groups(e, at)
		} else {
			c.options(e, at, 1, maxOptions, true)
		}
	case "plain_text_input":
		c.keys(e, at, "type", "action_id", "placeholder", "initial_value", "multiline", "min_length", "max_length", "dispatch_action_config", "focus_on_load")
		c.plain(e, "placeholder", at, maxPlaceholder, false)
		c.str(e, "initial_value", at, maxInput, false)
		c.number(e, "min_length", at, 0, maxInput)
		c.number(e, "max_length", at, 1, maxInput)
	default:
		c.plain(e, "placeholder", at, maxPlaceholder, false)
	}
}

func (c *check) confirm(e map[string]any, at string) {
	v, there := e["confirm"]
	if !there || v == nil {
		return
	}
	m, here := object(v), at+"/confirm"
	c.keys(m, here, "title", "text", "confirm", "deny", "style")
	c.plain(m, "title", here, maxConfirmTitle, true)
	c.textObject(m, "text", here, maxConfirmText, true)
	c.plain(m, "confirm", here, maxConfirmButton, true)
	c.plain(m, "deny", here, maxConfirmButton, false)
	c.oneOf(m, "style", here, "primary", "danger")
}

func (c *check) options(e map[string]any, at string, least, most int, required bool) {
	list, ok := c.list(e["options"], at+"/options")
	if !ok {
		if required {
			c.bad(at+"/options", "missing required field: options")
		}
		return
	}
	if len(list) < least {
		c.bad(at+"/options", "no fewer than %d items allowed", least)
	}
	if len(list) > most {
		c.bad(at+"/options", "no more than %d items allowed", most)
	}
	for i, v := range list {
		m, here := object(v), index(at+"/options", i)
		c.keys(m, here, "text", "value", "description", "url")
		c.textObject(m, "text", here, maxOptionText, true)
		c.str(m, "value", here, maxOptionValue, true)
		c.textObject(m, "description", here, maxOptionText, false)
	}
	if first := field(e["initial_option"], "value"); first != nil {
		found := false
		for _, v := range list {
			found = found || field(v, "value") == first
		}
		if !found {
			c.bad(at+"/initial_option", "must be one of the options")
		}
	}
}

func (c *check) groups(e map[string]any, at string) {
	list, _ := c.list(e["option_groups"], at+"/option_groups")
	if len(list) == 0 {
		c.bad(at+"/option_groups", "no fewer than 1 items allowed")
	}
	if len(list) > maxOptions {
		c.bad(at+"/option_groups", "no more than %d items allowed", maxOptions)
	}
	for i, v := range list {
		here := index(at+"/option_groups", i)
		c.plain(object(v), "label", here, maxOptionText, true)
		c.options(object(v), here, 1, maxOptions, true)
	}
}

func (c *check) number(m map[string]any, key, at string, least, most float64) {
	v, there := m[key]
	if !there {
		return
	}
	if n, ok := v.(float64); !ok || n < least || n > most {
		c.bad(at+"/"+key, "must be a number from %v to %v", least, most)
	}
}
