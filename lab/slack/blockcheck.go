package slack

import (
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
	"unicode/utf8"
)

// A Problem is one reason why Slack would refuse a message or a view.
type Problem struct {
	Code    string // Slack's error name: "invalid_blocks", "msg_blocks_too_long", "msg_too_long", "no_text"; for a view "invalid_arguments".
	Pointer string // JSON pointer to the place, from the body: "/blocks/0/text/text".
	Message string // What is wrong, in the words of Slack's own validator where they are known.
}

// String gives a problem as Slack writes it into response_metadata.messages,
// without the leading level.
func (p Problem) String() string { return p.Message + " [json-pointer:" + p.Pointer + "]" }

// Limits of Slack in characters (code points) or items, gathered 2026-11-23
// from its documentation, its SDKs and reports of users. Where sources differ
// the lower value stands, so that what passes here passes there.
const (
	maxMessageBlocks  = 50
	maxViewBlocks     = 100
	maxMessageText    = 40000
	maxBlocksText     = 13200 // All blocks of a message together: undocumented, bolt-js issue 2509.
	maxAttachments    = 100
	maxText           = 3000
	maxFieldText      = 2000
	maxFields         = 10
	maxHeaderText     = 150
	maxActions        = 25
	maxContext        = 10
	maxContextActions = 5
	maxButtonText     = 75
	maxButtonValue    = 2000
	maxURL            = 3000
	maxID             = 255
	maxConfirmTitle   = 100
	maxConfirmText    = 300
	maxConfirmButton  = 30
	maxOptions        = 100
	maxOptionText     = 75
	maxOptionValue    = 150
	maxOverflow       = 5
	maxChoices        = 10 // Radio buttons and checkboxes.
	maxPlaceholder    = 150
	maxInput          = 3000
	maxAltText        = 2000
	maxImageTitle     = 2000
	maxLabel          = 2000
	maxMarkdown       = 12000
	maxTableRows      = 100
	maxTableColumns   = 20
	maxTableText      = 10000
	maxTables         = 1
	maxDataTableRows  = 101 // The first row is the header.
	maxContainer      = 10
	maxContainerTitle = 150
	maxPlanTasks      = 50
	maxAlert          = 200
	maxCardTitle      = 150
	maxCardBody       = 200
	maxCardActions    = 3
	maxCarousel       = 10
	maxCharts         = 2
	maxChartTitle     = 50
	maxChartLabel     = 20
	maxChartSeries    = 6
	maxChartPoints    = 20
	maxViewTitle      = 24
	maxPrivate        = 3000
	maxViewBytes      = 250 << 10
)

const (
	onMessage = "message"
	onModal   = "modal"
	onHome    = "home"
)

// CheckMessage checks a message against Slack's limits. It takes the body of
// a call (an object with text, blocks, attachments) or the blocks alone (an
// array). No problem means that Slack would take it, as far as is known.
func CheckMessage(body []byte) []Problem {
	c := newCheck(onMessage, "invalid_blocks")
	v, err := decode(body)
	if err != nil {
		return []Problem{{"invalid_blocks", "", "not JSON: " + err.Error()}}
	}
	if list, ok := v.([]any); ok {
		v = map[string]any{"blocks": list}
	}
	m, ok := v.(map[string]any)
	if !ok {
		return []Problem{{"invalid_blocks", "", "must be an object or an array of blocks"}}
	}
	c.message(m)
	return c.problems
}

// CheckView checks a modal or an App Home against Slack's limits.
func CheckView(body []byte) []Problem {
	v, err := decode(body)
	m, ok := v.(map[string]any)
	if err != nil || !ok {
		return []Problem{{"invalid_arguments", "/view", "must be an object"}}
	}
	surface, _ := m["type"].(string)
	c := newCheck(surface, "invalid_arguments")
	if len(body) > maxViewBytes {
		c.bad("/view", "view is larger than %d bytes", maxViewBytes)
	}
	c.view(m)
	return c.problems
}

type check struct {
	surface  string
	code     string
	problems []Problem

	blockIDs map[string]bool
	text     int // Characters in all blocks.
	markdown int
	tables   int
	charts   int
	inputs   int
}

func newCheck(surface, code string) *check {
	return &check{surface: surface, code: code, blockIDs: map[string]bool{}}
}

func (c *check) bad(at, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.code, at, fmt.Sprintf(format, args...)})
}

func (c *check) message(m map[string]any) {
	text, _ := m["text"].(string)
	if n := utf8.RuneCountInString(text); n > maxMessageText {
		c.problems = append(c.problems, Problem{"msg_too_long", "/text", fmt.Sprintf("must be less than %d characters", maxMessageText+1)})
	}
	blocks, given := c.list(m["blocks"], "/blocks")
	attachments, attached := c.list(m["attachments"], "/attachments")
	if text == "" && len(blocks) == 0 && len(attachments) == 0 && m["files"] == nil && m["metadata"] == nil {
		c.problems = append(c.problems, Problem{"no_text", "/text", "no text, blocks or attachments"})
	}
	if given {
		c.blocks(blocks, "/blocks", maxMessageBlocks)
	}
	if attached {
		if len(attachments) > maxAttachments {
			c.bad("/attachments", "no more than %d items allowed", maxAttachments)
		}
		for i, a := range attachments {
			at := fmt.Sprintf("/attachments/%d", i)
			if inner, ok := c.list(field(a, "blocks"), at+"/blocks"); ok {
				c.blocks(inner, at+"/blocks", maxMessageBlocks)
			}
		}
	}
	if c.text > maxBlocksText {
		c.problems = append(c.problems, Problem{"msg_blocks_too_long", "/blocks", fmt.Sprintf("%d characters in all blocks, more than %d", c.text, maxBlocksText)})
	}
}

func (c *check) view(m map[string]any) {
	if c.surface != onModal && c.surface != onHome {
		c.bad("/view/type", "must be modal or home, not %q", c.surface)
		return
	}
	c.keys(m, "/view", "type", "title", "blocks", "close", "submit", "private_metadata", "callback_id",
		"clear_on_close", "notify_on_close", "external_id", "submit_disabled")
	if c.surface == onModal {
		c.plain(m, "title", "/view", maxViewTitle, true)
		c.plain(m, "submit", "/view", maxViewTitle, false)
		c.plain(m, "close", "/view", maxViewTitle, false)
	}
	c.str(m, "private_metadata", "/view", maxPrivate, false)
	c.str(m, "callback_id", "/view", maxID, false)
	c.str(m, "external_id", "/view", maxID, false)
	blocks, ok := c.list(m["blocks"], "/view/blocks")
	if !ok {
		c.bad("/view/blocks", "missing required field: blocks")
		return
	}
	c.blocks(blocks, "/view/blocks", maxViewBlocks)
	if c.surface == onModal && c.inputs > 0 && m["submit"] == nil {
		c.bad("/view/submit", "missing required field: submit (the modal has input blocks)")
	}
}

// keys refuses properties that Slack does not know at this place.
func (c *check) keys(m map[string]any, at string, known ...string) {
	var extra []string
	for k := range m {
		found := false
		for _, name := range known {
			found = found || name == k
		}
		if !found {
			extra = append(extra, k)
		}
	}
	sort.Strings(extra)
	for _, k := range extra {
		c.bad(at, "invalid additional property: %s", k)
	}
}

// str checks a string property: its kind, that it is there when required, and
// its length. It returns the string.
func (c *check) str(m map[string]any, key, at string, limit int, required bool) string {
	v, there := m[key]
	if !there || v == nil {
		if required {
			c.bad(at+"/"+key, "missing required field: %s", key)
		}
		return ""
	}
	s, ok := v.(string)
	if !ok {
		c.bad(at+"/"+key, "must be a string")
		return ""
	}
	if s == "" && required {
		c.bad(at+"/"+key, "must be more than 0 characters")
	}
	c.length(s, at+"/"+key, limit)
	return s
}

func (c *check) length(s, at string, limit int) {
	if utf8.RuneCountInString(s) > limit {
		c.bad(at, "must be less than %d characters", limit+1)
	}
}

// list takes an array, also where it is JSON within a string, as it is in the
// body of a form.
func (c *check) list(v any, at string) ([]any, bool) {
	if s, ok := v.(string); ok && s != "" {
		inner, err := decode([]byte(s))
		if err != nil {
			c.bad(at, "not JSON: %v", err)
			return nil, false
		}
		v = inner
	}
	if v == nil || v == "" {
		return nil, false
	}
	l, ok := v.([]any)
	if !ok {
		c.bad(at, "must be an array")
	}
	return l, ok
}

// oneOf checks an optional word out of a fixed set.
func (c *check) oneOf(m map[string]any, key, at string, words ...string) {
	v, there := m[key]
	if !there {
		return
	}
	for _, w := range words {
		if v == w {
			return
		}
	}
	c.bad(at+"/"+key, "must be one of %v, not %v", words, v)
}

func field(v any, key string) any {
	m, _ := v.(map[string]any)
	return m[key]
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func text(v any, key string) string {
	s, _ := field(v, key).(string)
	return s
}

func decode(b []byte) (any, error) {
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		return nil, err
	}
	return v, nil
}

func index(at string, i int) string { return at + "/" + strconv.Itoa(i) }
