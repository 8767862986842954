package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// good is a message with every block that the bot uses; Slack would take it.
const good = `{"text":"Recovery of devcluster","blocks":[
 {"type":"header","text":{"type":"plain_text","text":"Recovery of devcluster","emoji":true}},
 {"type":"section","block_id":"s1","text":{"type":"mrkdwn","text":"*Commit gate*"},"fields":[{"type":"mrkdwn","text":"*Backup*\nx"},{"type":"plain_text","text":"age"}],
  "accessory":{"type":"overflow","action_id":"more","options":[{"text":{"type":"plain_text","text":"Help"},"value":"help"}]}},
 {"type":"divider"},
 {"type":"context","elements":[{"type":"mrkdwn","text":"by <@U1>"},{"type":"image","image_url":"https://example.com/x.png","alt_text":"x"}]},
 {"type":"actions","block_id":"acts","elements":[
  {"type":"button","action_id":"approve","style":"primary","value":"r","text":{"type":"plain_text","text":"Approve","emoji":true},
   "confirm":{"title":{"type":"plain_text","text":"Sure"},"text":{"type":"mrkdwn","text":"It cannot be undone."},"confirm":{"type":"plain_text","text":"Yes"},"deny":{"type":"plain_text","text":"No"}}},
  {"type":"static_select","action_id":"pick","placeholder":{"type":"plain_text","text":"Backup"},"options":[{"text":{"type":"plain_text","text":"a"},"value":"a"}]}]},
 {"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"3 of 3 hosts: same","style":{"bold":true}}]},
  {"type":"rich_text_preformatted","border":0,"elements":[{"type":"text","text":"Status: VOTING <!channel>"}]},
  {"type":"rich_text_list","style":"bullet","indent":0,"elements":[{"type":"rich_text_section","elements":[{"type":"user","user_id":"U1"}]}]}]},
 {"type":"table","column_settings":[{"align":"right"},{"is_wrapped":true}],"rows":[[{"type":"raw_text","text":"host"},{"type":"raw_number","value":3}]]},
 {"type":"plan","title":"Recovery","tasks":[{"type":"task_card","task_id":"1","title":"Drain","status":"in_progress","output":{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"x"}]}]}}]},
 {"type":"data_visualization","title":"Restarts","chart":{"type":"bar","axis_config":{"categories":["10:00"]},"series":[{"name":"r","data":[{"label":"10:00","value":1}]}]}},
 {"type":"container","title":{"type":"plain_text","text":"Details"},"is_collapsible":true,"default_collapsed":true,"child_blocks":[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]},
 {"type":"markdown","text":"**bold**"},
 {"type":"image","slack_file":{"id":"F1"},"alt_text":"chart"}]}`

const goodView = `{"type":"modal","callback_id":"c","title":{"type":"plain_text","text":"Approve"},"submit":{"type":"plain_text","text":"Approve"},"private_metadata":"r","blocks":[
 {"type":"alert","level":"warning","text":{"type":"mrkdwn","text":"One way"}},
 {"type":"input","block_id":"n","label":{"type":"plain_text","text":"Cluster"},"element":{"type":"plain_text_input","action_id":"a","min_length":1,"max_length":80}},
 {"type":"input","block_id":"m","label":{"type":"plain_text","text":"Why"},"element":{"type":"radio_buttons","action_id":"b","options":[{"text":{"type":"plain_text","text":"x"},"value":"x"}]}}]}`

func TestGoodPasses(t *testing.T) {
	for _, p := range CheckMessage([]byte(good)) {
		t.Errorf("good message: %v", p)
	}
	for _, p := range CheckView([]byte(goodView)) {
		t.Errorf("good view: %v", p)
	}
	if p := CheckView([]byte(`{"type":"home","blocks":[{"type":"section","text":{"type":"mrkdwn","text":"x"}}]}`)); len(p) != 0 {
		t.Errorf("good home: %v", p)
	}
}

func x(n int) string { return strings.Repeat("x", n) }

// many joins n copies of a format that takes a number.
func many(n int, format string) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf(format, i)
	}
	return strings.Join(list, ",")
}

func msg(blocks string) string { return `{"text":"t","blocks":[` + blocks + `]}` }

func modal(blocks, more string) string {
	return `{"type":"modal","title":{"type":"plain_text","text":"t"}` + more + `,"blocks":[` + blocks + `]}`
}

const (
	plainX  = `{"type":"plain_text","text":"x"}`
	button1 = `{"type":"button","action_id":"a","text":` + plainX + `}`
	divide  = `{"type":"divider"}`
)

// Each seeded mistake is found, at its place; each value on the limit passes.
func TestMistakes(t *testing.T) {
	section := func(text string) string { return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}` }
	actions := func(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }
	cell := `{"type":"raw_text","text":"%d"}`
	series := func(n int) string {
		return `{"type":"data_visualization","title":"t","chart":{"type":"line","axis_config":{"categories":["a"]},"series":[` +
			many(n, `{"name":"s%d","data":[{"label":"a","value":1}]}`) + `]}}`
	}
	choice := `{"text":{"type":"plain_text","text":"o%d"},"value":"%[1]d"}`
	tests := []struct{ name, bad, at, onLimit string }{
		{"51 blocks", msg(many(51, `{"type":"divider","block_id":"b%d"}`)), "/blocks", msg(many(50, `{"type":"divider","block_id":"b%d"}`))},
		{"3001 characters", msg(section(x(3001))), "/blocks/0/text/text", msg(section(x(3000)))},
		{"duplicate action_id", msg(actions(button1 + "," + button1)), "/blocks/0/elements/1/action_id", msg(actions(button1) + "," + actions(button1))},
		{"duplicate block_id", msg(`{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}`), "/blocks/1/block_id", ""},
		{"empty text", msg(section("")), "/blocks/0/text/text", ""},
		{"field of 2001", msg(`{"type":"section","fields":[{"type":"mrkdwn","text":"` + x(2001) + `"}]}`), "/blocks/0/fields/0/text", msg(`{"type":"section","fields":[{"type":"mrkdwn","text":"` + x(2000) + `"}]}`)},
		{"button value of 2001", msg(actions(`{"type":"button","action_id":"a","text":` + plainX + `,"value":"` + x(2001) + `"}`)), "/blocks/0/elements/0/value", msg(actions(`{"type":"button","action_id":"a","text":` + plainX + `,"value":"` + x(2000) + `"}`))},
		{"11 fields", msg(`{"type":"section","fields":[` + many(11, `{"type":"mrkdwn","text":"%d"}`) + `]}`), "/blocks/0/fields", msg(`{"type":"section","fields":[` + many(10, `{"type":"mrkdwn","text":"%d"}`) + `]}`)},
		{"26 buttons", msg(actions(many(26, `{"type":"button","action_id":"a%d","text":`+plainX+`}`))), "/blocks/0/elements", msg(actions(many(25, `{"type":"button","action_id":"a%d","text":`+plainX+`}`)))},
		{"unknown type", msg(`{"type":"sektion"}`), "/blocks/0", ""},
		{"unknown element", msg(actions(`{"type":"knob","action_id":"a"}`)), "/blocks/0/elements/0", ""},
		{"header with mrkdwn", msg(`{"type":"header","text":{"type":"mrkdwn","text":"x"}}`), "/blocks/0/text/type", ""},
		{"button with mrkdwn", msg(actions(`{"type":"button","action_id":"a","text":{"type":"mrkdwn","text":"x"}}`)), "/blocks/0/elements/0/text/type", ""},
		{"table of 101 rows", msg(`{"type":"table","rows":[` + many(101, `[`+cell+`]`) + `]}`), "/blocks/0/rows", msg(`{"type":"table","rows":[` + many(100, `[`+cell+`]`) + `]}`)},
		{"table of 21 columns", msg(`{"type":"table","rows":[[` + many(21, cell) + `]]}`), "/blocks/0/rows/0", msg(`{"type":"table","rows":[[` + many(20, cell) + `]]}`)},
		{"two tables", msg(many(2, `{"type":"table","rows":[[`+cell+`]]}`)), "/blocks/1", ""},
		{"empty table cell", msg(`{"type":"table","rows":[[{"type":"raw_text","text":""}]]}`), "/blocks/0/rows/0/0/text", ""},
		{"14000 characters in all", msg(many(5, `{"type":"section","block_id":"b%d","text":{"type":"mrkdwn","text":"`+x(2800)+`"}}`)), "/blocks", msg(many(4, `{"type":"section","block_id":"b%d","text":{"type":"mrkdwn","text":"`+x(3000)+`"}}`))},
		{"alert in a message", msg(`{"type":"alert","text":{"type":"mrkdwn","text":"x"}}`), "/blocks/0/type", ""},
		{"header of 151", msg(`{"type":"header","text":{"type":"plain_text","text":"` + x(151) + `"}}`), "/blocks/0/text/text", msg(`{"type":"header","text":{"type":"plain_text","text":"` + x(150) + `"}}`)},
		{"11 context elements", msg(`{"type":"context","elements":[` + many(11, `{"type":"mrkdwn","text":"%d"}`) + `]}`), "/blocks/0/elements", msg(`{"type":"context","elements":[` + many(10, `{"type":"mrkdwn","text":"%d"}`) + `]}`)},
		{"button text of 76", msg(actions(`{"type":"button","action_id":"a","text":{"type":"plain_text","text":"` + x(76) + `"}}`)), "/blocks/0/elements/0/text/text", msg(actions(`{"type":"button","action_id":"a","text":{"type":"plain_text","text":"` + x(75) + `"}}`))},
		{"action_id of 256", msg(actions(`{"type":"button","action_id":"` + x(256) + `","text":` + plainX + `}`)), "/blocks/0/elements/0/action_id", msg(actions(`{"type":"button","action_id":"` + x(255) + `","text":` + plainX + `}`))},
		{"101 options", msg(actions(`{"type":"static_select","action_id":"a","options":[` + many(101, choice) + `]}`)), "/blocks/0/elements/0/options", msg(actions(`{"type":"static_select","action_id":"a","options":[` + many(100, choice) + `]}`))},
		{"overflow of 6", msg(actions(`{"type":"overflow","action_id":"a","options":[` + many(6, choice) + `]}`)), "/blocks/0/elements/0/options", msg(actions(`{"type":"overflow","action_id":"a","options":[` + many(5, choice) + `]}`))},
		{"confirm text of 301", msg(actions(`{"type":"button","action_id":"a","text":` + plainX + `,"confirm":{"title":` + plainX + `,"text":{"type":"mrkdwn","text":"` + x(301) + `"},"confirm":` + plainX + `}}`)), "/blocks/0/elements/0/confirm/text/text", ""},
		{"button style", msg(actions(`{"type":"button","action_id":"a","style":"default","text":` + plainX + `}`)), "/blocks/0/elements/0/style", ""},
		{"image without alt_text", msg(`{"type":"image","image_url":"https://x/y.png"}`), "/blocks/0/alt_text", ""},
		{"markdown of 12001", msg(`{"type":"markdown","text":"` + x(12001) + `"}`), "/blocks/0/text", msg(`{"type":"markdown","text":"` + x(12000) + `"}`)},
		{"51 tasks", msg(`{"type":"plan","title":"p","tasks":[` + many(51, `{"type":"task_card","task_id":"%d","title":"t"}`) + `]}`), "/blocks/0/tasks", msg(`{"type":"plan","title":"p","tasks":[` + many(50, `{"type":"task_card","task_id":"%d","title":"t"}`) + `]}`)},
		{"task completed", msg(`{"type":"plan","title":"p","tasks":[{"type":"task_card","task_id":"1","title":"t","status":"completed"}]}`), "/blocks/0/tasks/0/status", msg(`{"type":"plan","title":"p","tasks":[{"type":"task_card","task_id":"1","title":"t","status":"complete"}]}`)},
		{"7 series", msg(series(7)), "/blocks/0/chart/series", msg(series(6))},
		{"point out of the categories", msg(strings.Replace(series(1), `"label":"a"`, `"label":"b"`, 1)), "/blocks/0/chart/series/0/data/0/label", ""},
		{"11 in a container", msg(`{"type":"container","title":` + plainX + `,"child_blocks":[` + many(11, `{"type":"divider","block_id":"b%d"}`) + `]}`), "/blocks/0/child_blocks", msg(`{"type":"container","title":` + plainX + `,"child_blocks":[` + many(10, `{"type":"divider","block_id":"b%d"}`) + `]}`)},
		{"empty rich text", msg(`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":""}]}]}`), "/blocks/0/elements/0/elements/0/text", ""},
		{"unknown property", msg(`{"type":"divider","colour":"red"}`), "/blocks/0", ""},
		{"text of 40001", `{"text":"` + x(40001) + `"}`, "/text", `{"text":"` + x(40000) + `"}`},
		{"nothing", `{}`, "/text", `{"text":"x"}`},
		{"blocks not a list", `{"text":"x","blocks":{"type":"divider"}}`, "/blocks", `{"text":"x","blocks":"[{\"type\":\"divider\"}]"}`},
		{"modal title of 25", strings.Replace(modal(divide, ""), `"t"`, `"`+x(25)+`"`, 1), "/view/title/text", strings.Replace(modal(divide, ""), `"t"`, `"`+x(24)+`"`, 1)},
		{"modal of 101 blocks", modal(many(101, `{"type":"divider","block_id":"b%d"}`), ""), "/view/blocks", modal(many(100, `{"type":"divider","block_id":"b%d"}`), "")},
		{"private_metadata of 3001", modal(divide, `,"private_metadata":"`+x(3001)+`"`), "/view/private_metadata", modal(divide, `,"private_metadata":"`+x(3000)+`"`)},
		{"input without submit", modal(`{"type":"input","label":`+plainX+`,"element":{"type":"plain_text_input","action_id":"a"}}`, ""), "/view/submit", ""},
		{"table in a modal", modal(`{"type":"table","rows":[[`+strings.Replace(cell, "%d", "x", 1)+`]]}`, ""), "/view/blocks/0/type", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			check := CheckMessage
			if strings.Contains(tt.bad, `"modal"`) {
				check = CheckView
			}
			if !json.Valid([]byte(tt.bad)) || (tt.onLimit != "" && !json.Valid([]byte(tt.onLimit))) {
				t.Fatalf("the test's own JSON is broken: %.200s", tt.bad)
			}
			found := false
			problems := check([]byte(tt.bad))
			for _, p := range problems {
				found = found || p.Pointer == tt.at
			}
			if !found {
				t.Errorf("problems = %v, want one at %s", problems, tt.at)
			}
			if tt.onLimit != "" {
				if p := check([]byte(tt.onLimit)); len(p) != 0 {
					t.Errorf("on the limit: %v", p)
				}
			}
		})
	}
}

// The checker takes whatever comes.
func FuzzCheck(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(goodView))
	f.Add([]byte(`{"blocks":[null,{"type":"section","fields":[null],"accessory":[]},{"type":"plan","tasks":[{"type":"task_card"}]},{"type":"container","child_blocks":[3]}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		CheckMessage(b)
		CheckView(b)
	})
}
