package view_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/probe"
)

// A told message is one that a surface shows, with where it stands.
type told struct {
	at string
	m  view.Message
}

// all are the messages of a run as it stands.
func all(s view.Screens) []told {
	list := []told{{"status", s.Status}}
	for _, k := range s.Channel {
		list = append(list, told{"channel/" + k.Key, k.Message})
	}
	for _, k := range s.Thread {
		list = append(list, told{"thread/" + k.Key, k.Message})
	}
	return list
}

// inSlack checks a message, its plainer layout, its text and its modals as Slack
// would, and that nothing in them mentions, links or formats but what the
// program itself puts there.
func inSlack(t *testing.T, at string, m view.Message) {
	t.Helper()
	for layout, l := range map[string]blocks.Layout{"blocks": blocks.Lay(m), "plain": blocks.Plain(m)} {
		body, err := json.Marshal(map[string]any{"text": blocks.Text(m), "blocks": l.Blocks})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sandbox.CheckMessage(body) {
			t.Errorf("%s, %s: %s", at, layout, p)
		}
		inert(t, at+", "+layout, body)
	}
	for _, a := range m.Actions {
		body, err := json.Marshal(blocks.Modal(a, m, "confirm"))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range sandbox.CheckView(body) {
			t.Errorf("%s, modal of %s: %s", at, a.ID, p)
		}
		inert(t, at+", modal of "+a.ID, body)
	}
}

// taking are the elements of rich text that do something to somebody.
var taking = map[string]bool{"user": true, "usergroup": true, "channel": true, "broadcast": true, "link": true, "emoji": true, "team": true}

// ours are the people that the made-up run is about, and no others.
var ours = []string{"U0ANN00001", "U0BOB00001", "U0CAT00001"}

// tokens are all that a text beside blocks may hold of what Slack interprets.
var tokens = regexp.MustCompile(`<@U0(ANN|BOB|CAT)00001>|<#C0INCIDENT>|<!date\^\d+\^\{date_short_pretty\} \{time\}\|[0-9TZ:-]{20}>`)

// inert fails if something in body mentions, links or formats that should not.
func inert(t *testing.T, at string, body []byte) {
	t.Helper()
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e)
			}
		case map[string]any:
			kind, _ := v["type"].(string)
			user, _ := v["user_id"].(string)
			switch {
			case kind == "mrkdwn" || kind == "markdown":
				t.Errorf("%s: text that Slack interprets: %v", at, v)
			case kind == "user" && slices.Contains(ours, user), kind == "channel" && v["channel_id"] == "C0INCIDENT":
			case taking[kind]:
				t.Errorf("%s: %v", at, v)
			}
			for k, e := range v {
				if s, ok := e.(string); ok && k == "text" && (kind == "" || kind == "plain_text") && strings.ContainsAny(tokens.ReplaceAllString(s, ""), "<>") {
					t.Errorf("%s: %q holds what Slack interprets", at, s)
				}
				walk(e)
			}
		}
	}
	var v any
	if err := json.Unmarshal(body, &v); err != nil {
		t.Fatal(err)
	}
	walk(v)
}

// shown is a message as Slack gets it, with the modals of its buttons.
type shown struct {
	At     string         `json:"at"`
	As     string         `json:"as,omitempty"` // The same as at this moment before; then the rest is left out.
	Text   string         `json:"text,omitempty"`
	Blocks any            `json:"blocks,omitempty"`
	Modals map[string]any `json:"modals,omitempty"` // By the button's action.
	Files  []string       `json:"files,omitempty"`  // The names of what goes along.
}

func shownOf(at string, m view.Message) shown {
	prefix := "/aurora"
	if strings.HasPrefix(at, "thread/") {
		prefix = "@aurora" // Where Slack takes no slash command.
	}
	m = view.Typed(m, prefix)
	l := blocks.Lay(m)
	one := shown{At: at, Text: blocks.Text(m), Blocks: l.Blocks}
	for _, a := range m.Actions {
		if a.Type == "" && a.Ask == "" {
			continue // Pressed, it counts.
		}
		if one.Modals == nil {
			one.Modals = map[string]any{}
		}
		one.Modals[a.ID] = blocks.Modal(a, m, "confirm")
	}
	for _, f := range slices.Concat(m.Files, l.Files) {
		one.Files = append(one.Files, f.Name)
	}
	return one
}

func indented(t *testing.T, v any) string {
	t.Helper()
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(v); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// Every message of every moment, in the channel and in the thread, with its
// modals, as Slack gets it: within its limits, and as the golden says.
func TestMessagesInSlack(t *testing.T) {
	n := 0
	before := map[string]string{} // By message: the moment that showed it first.
	for _, mo := range moments(t) {
		s := view.ScreensOf(mo.events, people(mo.events))
		var list []shown
		for _, one := range all(s) {
			n++
			inSlack(t, mo.name+", "+one.at, one.m)
			sh := shownOf(one.at, one.m)
			js := indented(t, sh)
			if first, ok := before[js]; ok {
				sh = shown{At: one.at, As: first}
			} else {
				before[js] = mo.name
			}
			list = append(list, sh)
		}
		compare(t, "slack-"+mo.name+".json", indented(t, list))
	}
	t.Logf("%d messages, %d of them different", n, len(before))
}

// The same of what is answered to one person, and of the report.
func TestAnswersInSlack(t *testing.T) {
	var list []shown
	for _, one := range slices.Concat(listed(t), reports()) {
		inSlack(t, one.at, one.m)
		list = append(list, shownOf(one.at, one.m))
	}
	compare(t, "slack-answers.json", indented(t, list))
}

// hostile puts text wherever a person, a host or a job's name may have put some.
func hostile(t testing.TB, events []runner.Event, text string) []runner.Event {
	t.Helper()
	var free func(v any) any
	free = func(v any) any {
		switch v := v.(type) {
		case string:
			// Names of ours (phases, gates, digests, times) have no spaces.
			if strings.Contains(v, " ") || strings.Contains(v, "scheduler-backup") {
				return text
			}
		case []any:
			for i := range v {
				v[i] = free(v[i])
			}
		case map[string]any:
			for k := range v {
				v[k] = free(v[k])
			}
		}
		return v
	}
	out := slices.Clone(events)
	for i := range out {
		if out[i].Why != "" {
			out[i].Why = text
		}
		var data any
		if json.Unmarshal(out[i].Data, &data) == nil && len(out[i].Data) > 0 {
			js, err := json.Marshal(free(data))
			if err != nil {
				t.Fatal(err)
			}
			out[i].Data = js
		}
	}
	return out
}

var hostileTexts = []string{
	"<!channel> <!here> <@U0EVE00001> <#C0DEV00001|x> <https://evil.example|click> :bomb: *b* _i_ ~s~ `c` ```p```",
	"T0TEAM001/U0EVE00001 and T0EVIL0001/U0EVE00001 approved", "@channel @here @everyone", "`", "``` \n```", "&lt;!channel&gt; &amp;",
	"\u202eevil\u202c\u0000\x1b[31m", "www/prod/hello-" + "0\u0301", strings.Repeat("字", 5000), strings.Repeat("line\n", 3000), strings.Repeat("`a` ", 3000),
	strings.Repeat("2026-01-02T03:04:05Z ", 400), strings.Repeat("T0TEAM001/U0ANN00001 ", 400), "<!date^1^{date}^https://evil.example|x>", "\xff\xfe", " ", "",
}

// Whatever jobs are called, hosts print and people say: every message of every
// moment stays within Slack's limits, and does nothing but say it.
func TestHostileTextsInSlack(t *testing.T) {
	for _, text := range hostileTexts {
		for _, mo := range moments(t) {
			if !slices.Contains([]string{"assess-gate", "commit-gate-1", "stopped", "denied", "recovered"}, mo.name) {
				continue
			}
			events := hostile(t, mo.events, text)
			for _, one := range all(view.ScreensOf(events, people(mo.events))) {
				inSlack(t, fmt.Sprintf("%.20q, %s, %s", text, mo.name, one.at), one.m)
			}
		}
		if t.Failed() {
			return
		}
	}
}

func FuzzTextsInSlack(f *testing.F) {
	for i, text := range hostileTexts {
		f.Add(text, uint8(i), uint16(1))
	}
	f.Fuzz(func(t *testing.T, text string, which uint8, times uint16) {
		text = strings.Repeat(text, min(int(times), 20_000/(len(text)+1)))
		list := moments(t)
		mo := list[int(which)%len(list)]
		for _, one := range all(view.ScreensOf(hostile(t, mo.events, text), people(mo.events))) {
			inSlack(t, mo.name+", "+one.at, one.m)
		}
		for _, m := range []view.Message{
			view.Report([]check.Result{hostileCheck(text)}), view.Report([]check.Result{hostileCheck(text), hostileCheck(text)}), view.Backups(hostileCheck(text)), view.Error(text, text), view.History([]*runner.State{runner.Fold(mo.events)}),
		} {
			inSlack(t, "list", m)
		}
	})
}

// hostileCheck is a check whose every word is text.
func hostileCheck(text string) check.Result {
	r := looked(text, time.Hour, func(f *check.Facts) {
		f.Hosts[0].Host, f.Hosts[0].Dir, f.Hosts[1].Silent, f.Hosts[2].Zone = text, text, text, text
		f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "temp_" + text}, probe.FolderFile{Name: text, Error: text})
		f.Runs = []check.Window{{Run: text, From: f.At.Add(-time.Minute)}}
	})
	r.Says = text
	return r
}
