package slack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

// Every limit of Slack that the checker knows, on both sides: what is on the
// limit passes, what is one above it is found, at its place.
func TestLimits(t *testing.T) {
	plain := func(n int) string { return `{"type":"plain_text","text":"` + x(n) + `"}` }
	mrkdwn := func(n int) string { return `{"type":"mrkdwn","text":"` + x(n) + `"}` }
	actions := func(elements string) string { return msg(`{"type":"actions","elements":[` + elements + `]}`) }
	button := func(more string) string { return `{"type":"button","action_id":"a","text":` + plainX + more + `}` }
	confirm := func(title, yes, no string) string {
		return actions(button(`,"confirm":{"title":` + title + `,"text":` + plainX + `,"confirm":` + yes + `,"deny":` + no + `}`))
	}
	choice := func(text, value string) string {
		return actions(`{"type":"static_select","action_id":"a","options":[{"text":` + text + `,"value":"` + value + `"}]}`)
	}
	input := func(element string) string {
		return modal(`{"type":"input","block_id":"i","label":`+plainX+`,"element":`+element+`}`, `,"submit":`+plainX)
	}
	typed := func(more string) string { return input(`{"type":"plain_text_input","action_id":"a"` + more + `}`) }
	image := func(url, alt int) string {
		return msg(`{"type":"image","image_url":"https://` + x(url-8) + `","alt_text":"` + x(alt) + `"}`)
	}
	data := func(rows int) string {
		return msg(`{"type":"data_table","caption":"c","rows":[` + many(rows, `[{"type":"raw_text","text":"%d"}]`) + `]}`)
	}
	cells := func(rows, n int) string {
		return msg(`{"type":"table","rows":[` + many(rows, `[{"type":"raw_text","text":"%d`+x(n-1)+`"}]`) + `]}`)
	}
	card := func(title, body, buttons int) string {
		return msg(`{"type":"card","title":` + plain(title) + `,"body":` + mrkdwn(body) + `,"actions":[` + many(buttons, `{"type":"button","action_id":"a%d","text":`+plainX+`}`) + `]}`)
	}
	chart := func(title, label, points int) string {
		var names, values []string
		for i := range points {
			name := fmt.Sprintf("%02d", i) + x(label-2)
			names = append(names, `"`+name+`"`)
			values = append(values, `{"label":"`+name+`","value":1}`)
		}
		return `{"type":"data_visualization","title":"` + x(title) + `","chart":{"type":"bar","axis_config":{"categories":[` + strings.Join(names, ",") +
			`]},"series":[{"name":"s","data":[` + strings.Join(values, ",") + `]}]}}`
	}
	rich := func(url int) string {
		return msg(`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"link","url":"https://` + x(url-8) + `"}]}]}`)
	}
	for _, tt := range []struct {
		name, at string
		make     func(over int) string // With 0 on the limit, with 1 above it.
	}{
		{"attachments", "/attachments", func(n int) string { return `{"text":"t","attachments":[` + many(100+n, `{"text":"%d"}`) + `]}` }},
		{"blocks of an attachment", "/attachments/0/blocks", func(n int) string {
			return `{"text":"t","attachments":[{"blocks":[` + many(50+n, `{"type":"divider","block_id":"b%d"}`) + `]}]}`
		}},
		{"block_id", "/blocks/0/block_id", func(n int) string { return msg(`{"type":"divider","block_id":"` + x(255+n) + `"}`) }},
		{"context_actions", "/blocks/0/elements", func(n int) string {
			return msg(`{"type":"context_actions","elements":[` + many(5+n, `{"type":"icon_button","action_id":"a%d","icon":"trash","text":`+plainX+`}`) + `]}`)
		}},
		{"context text", "/blocks/0/elements/0/text", func(n int) string { return msg(`{"type":"context","elements":[` + mrkdwn(3000+n) + `]}`) }},
		{"url of a button", "/blocks/0/elements/0/url", func(n int) string { return actions(button(`,"url":"https://` + x(2992+n) + `"`)) }},
		{"title of a confirmation", "/blocks/0/elements/0/confirm/title/text", func(n int) string { return confirm(plain(100+n), plainX, plainX) }},
		{"yes of a confirmation", "/blocks/0/elements/0/confirm/confirm/text", func(n int) string { return confirm(plainX, plain(30+n), plainX) }},
		{"no of a confirmation", "/blocks/0/elements/0/confirm/deny/text", func(n int) string { return confirm(plainX, plainX, plain(30+n)) }},
		{"text of an option", "/blocks/0/elements/0/options/0/text/text", func(n int) string { return choice(plain(75+n), "v") }},
		{"value of an option", "/blocks/0/elements/0/options/0/value", func(n int) string { return choice(plainX, x(150+n)) }},
		{"radio buttons", "/blocks/0/elements/0/options", func(n int) string {
			return actions(`{"type":"radio_buttons","action_id":"a","options":[` + many(10+n, `{"text":`+plainX+`,"value":"%d"}`) + `]}`)
		}},
		{"checkboxes", "/blocks/0/elements/0/options", func(n int) string {
			return actions(`{"type":"checkboxes","action_id":"a","options":[` + many(10+n, `{"text":`+plainX+`,"value":"%d"}`) + `]}`)
		}},
		{"placeholder", "/view/blocks/0/element/placeholder/text", func(n int) string { return typed(`,"placeholder":` + plain(150+n)) }},
		{"initial value", "/view/blocks/0/element/initial_value", func(n int) string { return typed(`,"initial_value":"` + x(3000+n) + `"`) }},
		{"longest input", "/view/blocks/0/element/max_length", func(n int) string { return typed(fmt.Sprintf(`,"max_length":%d`, 3000+n)) }},
		{"label", "/view/blocks/0/label/text", func(n int) string {
			return modal(`{"type":"input","label":`+plain(2000+n)+`,"element":{"type":"plain_text_input","action_id":"a"}}`, `,"submit":`+plainX)
		}},
		{"address of an image", "/blocks/0/image_url", func(n int) string { return image(3000+n, 1) }},
		{"words for an image", "/blocks/0/alt_text", func(n int) string { return image(20, 2000+n) }},
		{"address of a link", "/blocks/0/elements/0/elements/0/url", func(n int) string { return rich(3000 + n) }},
		{"all markdown", "/blocks/1/text", func(n int) string {
			return msg(`{"type":"markdown","text":"` + x(6000) + `"},{"type":"markdown","text":"` + x(6000+n) + `"}`)
		}},
		{"all cells of a table", "/blocks/0/rows", func(n int) string {
			return strings.Replace(cells(4, 2500), x(2499), x(2499+n), 1)
		}},
		{"text of a cell", "/blocks/0/rows/0/0/text", func(n int) string { return cells(1, 3000+n) }},
		{"rows of a data table", "/blocks/0/rows", func(n int) string { return data(101 + n) }},
		{"rows of a data table at the least", "/blocks/0/rows", func(n int) string { return data(2 - n) }},
		{"title of a card", "/blocks/0/title/text", func(n int) string { return card(150+n, 1, 1) }},
		{"body of a card", "/blocks/0/body/text", func(n int) string { return card(1, 200+n, 1) }},
		{"buttons of a card", "/blocks/0/actions/elements", func(n int) string { return card(1, 1, 3+n) }},
		{"cards of a carousel", "/blocks/0/elements", func(n int) string {
			return msg(`{"type":"carousel","elements":[` + many(10+n, `{"type":"card","title":{"type":"plain_text","text":"%d"}}`) + `]}`)
		}},
		{"title of a container", "/blocks/0/title/text", func(n int) string {
			return msg(`{"type":"container","title":` + plain(150+n) + `,"child_blocks":[` + divide + `]}`)
		}},
		{"alert", "/view/blocks/0/text/text", func(n int) string { return modal(`{"type":"alert","text":`+mrkdwn(200+n)+`}`, "") }},
		{"charts", "/blocks/2", func(n int) string {
			list := []string{chart(1, 2, 1), chart(2, 2, 1), divide}
			if n > 0 {
				list[2] = chart(3, 2, 1)
			}
			return msg(strings.Join(list, ","))
		}},
		{"title of a chart", "/blocks/0/title", func(n int) string { return msg(chart(50+n, 2, 1)) }},
		{"label of a point", "/blocks/0/chart/axis_config/categories/0", func(n int) string { return msg(chart(1, 20+n, 1)) }},
		{"points", "/blocks/0/chart/axis_config/categories", func(n int) string { return msg(chart(1, 2, 20+n)) }},
		{"plan and task card", "/blocks", func(n int) string {
			task := `{"type":"task_card","task_id":"1","title":"t"}`
			return msg(`{"type":"plan","title":"p","tasks":[` + task + `]}` + strings.Repeat(","+task, n))
		}},
		{"the same task twice", "/blocks/0/tasks/1/task_id", func(n int) string {
			return msg(fmt.Sprintf(`{"type":"plan","title":"p","tasks":[{"type":"task_card","task_id":"1","title":"t"},{"type":"task_card","task_id":"%d","title":"t"}]}`, 2-n))
		}},
		{"callback_id", "/view/callback_id", func(n int) string { return modal(divide, `,"callback_id":"`+x(255+n)+`"`) }},
		{"external_id", "/view/external_id", func(n int) string { return modal(divide, `,"external_id":"`+x(255+n)+`"`) }},
		{"submit", "/view/submit/text", func(n int) string { return modal(divide, `,"submit":`+plain(24+n)) }},
		{"close", "/view/close/text", func(n int) string { return modal(divide, `,"close":`+plain(24+n)) }},
		{"bytes of a view", "/view", func(n int) string {
			v := modal(many(80, `{"type":"section","block_id":"b%d","text":{"type":"mrkdwn","text":"`+x(2800)+`"}}`), "")
			return v + strings.Repeat(" ", maxViewBytes-len(v)+n)
		}},
	} {
		for over := range 2 {
			body := tt.make(over)
			if !json.Valid([]byte(body)) {
				t.Fatalf("%s: the test's own JSON is broken: %.200s", tt.name, body)
			}
			check := CheckMessage
			if strings.Contains(body, `"type":"modal"`) {
				check = CheckView
			}
			found := false
			problems := check([]byte(body))
			for _, p := range problems {
				found = found || p.Pointer == tt.at
			}
			if over == 0 && len(problems) > 0 || over == 1 && !found {
				t.Errorf("%s, %d above the limit: %v, want it at %s", tt.name, over, problems, tt.at)
			}
		}
	}
}
