package bot

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"unicode"
	"unicode/utf8"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
)

// hostile are texts as a job, a host's output, a file's name or a person in a
// channel may hold them.
var hostile = []string{
	"<!channel> <!here> <!everyone> <!subteam^S0SRE00001|@sre> <!subteam^S0SRE00001>",
	"<@U0ALICE001> <@U0ALICE001|alice> <#C0INCIDENT|incidents> <#C0INCIDENT>",
	"<https://evil.example/|status page> https://evil.example/?a=1&b=2 <mailto:x@evil.example|mail>",
	"&amp;lt;!channel&gt; &lt;!channel&gt; &amp; && &#60;!channel&#62;",
	"T0TEAM0001/U0ALICE001 T0TEAM0001/U0ALICE001/prod/job",
	"*bold* _italic_ ~struck~ > quoted :rotating_light: :skin-tone-2:",
	"``` \n<!channel>\n``` `<@U0ALICE001>` ``",
	"\u202Egnp.exe\u202C \u2066a\u2069 \u200Fb\u200E \u061Cc",
	"zero\u200Bwidth\u200Dand\uFEFFmarks\u00ADhere\u2060 \u3164 a\U000E0061",
	"nul\x00bell\x07escape\x1b[31mred\x1b]8;;https://evil.example\x1b\\link\x7f\u0085\u2028\u2029",
	"\xff\xfe not UTF-8 \xc3( \xed\xa0\x80",
	"\U0001F600\U0001F468\u200D\U0001F469\u200D\U0001F467 \U0002000B \U0010FFFF",
	"e\u0301\u0301\u0301\u0301\u0301 Z\u0337\u0321\u0322\u0323",
	"{\"type\":\"broadcast\",\"range\":\"channel\"} \\\" \\u003c!channel\\u003e",
	"<!date^1767323045^{date_short_pretty}^https://evil.example|2026-01-02T03:04:05Z> 2026-01-02T03:04:05Z",
	"@channel @here @everyone @alice #incidents",
	"token=xoxb-1234567890-abcdef password: \"hunter2hunter2\" zk://user:secret@zk:2181/mesos",
	strings.Repeat("x", 3001), strings.Repeat("\U0001F600", 3001), strings.Repeat("<&>", 1001), strings.Repeat("``` ", 800),
	strings.Repeat("a line of a log <!channel>\n", 1000),
	"", " ", "\n", "\t\t", "`", "```",
}

// Nothing that the bot sends is more than Slack takes, or does anything to
// anybody, whatever is in it: each hostile text in every place of a run's
// messages, of answers, forms, homes, modals and direct messages at once.
func TestR15EverythingIsWithinTheLimits(t *testing.T) {
	tp := &tape{}
	opt := workspace()
	opt.Record = tp
	opt.Shortcuts = []sandbox.Shortcut{{Name: "Recover from this alert", CallbackID: AlertShortcut}}
	d := deskWithClusters(t, opt)
	d.config.Approvers = func(run, gate string) (ids, except []string) { return []string{bob}, nil }
	var now atomic.Value // The text of now: homes are drawn anew behind our back.
	now.Store("")
	said := func() string { return now.Load().(string) }
	d.config.Overview = func(_ context.Context, who policy.Actor) (handlers.Overview, error) {
		text := said()
		return handlers.Overview{
			Clusters: []handlers.ClusterLine{{Name: "dev", Recover: true, Health: text}, {Name: text, Recover: true, Health: text}},
			Runs:     []handlers.RunLine{{Run: "r0", Mine: true}},
		}, nil
	}
	d.service.answer(func(r handlers.Request) handlers.Response {
		text := said()
		if r.Words[0] == "backups" {
			return handlers.Response{Message: view.Message{Head: text, Lines: []string{text}}, Data: []map[string]any{
				{"host": text, "name": "scheduler-backup-" + text, "tasks": 1, "valid": true}, {"host": text, "name": text, "tasks": 1, "valid": true},
				{"host": text, "name": "scheduler-backup-2026-11-23-08-36", "tasks": 1, "valid": true}, {"host": text, "name": "", "why": text},
			}}
		}
		return handlers.Response{Private: r.Words[0] == "status", Message: everywhere(text)}
	})
	d.begin()
	shows := func(run string) view.Screens {
		value, text := run+"|commit|d1", said()
		gated := everywhere(text)
		gated.Actions = append([]view.Action{{ID: "approve", Label: text, Value: value, Type: "dev", Ask: text}}, gated.Actions...)
		return view.Screens{Home: channel, Status: everywhere(text), Channel: []view.Keyed{{Key: "gate/commit", Message: gated}},
			Thread: []view.Keyed{{Key: "prepare", Final: true, Message: everywhere(text)}}}
	}
	refused := func() bool {
		log := d.log.String()
		return slices.ContainsFunc([]string{"layout refused", "given up", "could not", "opening"}, func(s string) bool { return strings.Contains(log, s) })
	}
	for i, one := range hostile {
		now.Store(one)
		run := fmt.Sprintf("r%d", i)
		d.service.show(run, shows(run))
		d.until("shown", func() bool {
			p, ok := d.bot.store.Post(run, "channel/gate/commit")
			h := d.bot.Health()
			return ok && p.TS != "" && h.Waiting+h.Unsent == 0 && !d.bot.threads.pending() || refused()
		})
		if refused() {
			t.Fatalf("Slack refused something, see the log: %.60q", one)
		}
		p, _ := d.bot.store.Post(run, "channel/gate/commit")
		d.Press(bob, channel, p.TS, "approve", run+"|commit|d1")
		d.until("a modal", func() bool { return len(d.Views(bob)) == 1 })
		d.CloseView(bob, d.Views(bob)[0].ID, true)
		d.Slash(alice, channel, "status "+one)
		d.Slash(alice, channel, "tasks r0 "+one)
		d.Slash(alice, channel, "recover dev")
		if ts := d.Say(alice, channel, "", "x "+one); ts != "" {
			d.MessageShortcut(alice, channel, ts, AlertShortcut)
		}
		d.OpenHome(alice)
		d.until("all said", func() bool { h := d.bot.Health(); return h.Waiting+h.Unsent == 0 && !d.bot.threads.pending() })
	}
	if refused() {
		t.Error("Slack refused something, see the log")
	}
	calls := tp.next(t)
	if len(calls) < 8*len(hostile) {
		t.Errorf("%d calls for %d texts: something is not said", len(calls), len(hostile))
	}
	for _, c := range calls {
		check(t, c.Method, c)
		harmless(t, c)
	}
	for _, m := range d.State().Messages {
		for _, f := range m.Files {
			if b, _ := d.Content(f.ID); strings.Contains(string(b), "xoxb-1234567890") || strings.ContainsAny(f.Name+f.Title, "<>\x00\u202e") {
				t.Errorf("file %q (%q) holds a secret, or its name does something", f.Name, f.Title)
			}
		}
	}
}

// everywhere is a message with a text in each of its places.
func everywhere(s string) view.Message {
	return view.Message{
		Tone: view.Warn, Head: s, Lines: []string{s, "a `" + s + "` b"},
		Fields:  []view.Field{{Name: s, Value: s}, {Name: "Reason", Value: s}},
		Links:   []view.Link{{Label: s, URL: s}, {Label: s, URL: "http://127.0.0.1:1/"}, {Label: s, URL: "http://127.0.0.1:1/<" + s}},
		Tasks:   []view.Task{{ID: s, Title: s, State: "running", Detail: s}, {ID: s, Title: s, State: s, Detail: s}},
		Charts:  []view.Chart{{Title: s, Categories: []string{s, "b"}, Series: []view.Series{{Name: s, Values: []float64{1, 2}}}}},
		Tables:  []view.Table{{Title: s, Rows: [][]string{{s, "Tasks"}, {s, s}}, Right: []int{1}}, {Title: s, Rows: [][]string{{s, s}}}},
		Output:  []view.Output{{Title: s, Text: s}, {Title: s, Text: "```\n" + s + "\n```"}},
		Actions: []view.Action{{ID: "abort", Label: s, Value: "r0", Ask: s}, {ID: "resume", Label: s, Value: s}},
		Foot:    s, Files: []view.File{{Name: "plan.txt", Text: s}},
	}
}

// acting are the parts of rich text that do something to somebody.
var acting = []string{"usergroup", "channel", "broadcast", "emoji", "team", "color"}

// allowed are all that a text which Slack interprets may hold of what it
// interprets: people whom the program itself names, and times.
var allowed = regexp.MustCompile(`<@U0ALICE001>|<!date\^\d+\^\{date_short_pretty\} \{time\}\|[0-9TZ:-]{20}>`)

// harmless fails if a call mentions, links or formats what it should not, or
// shows what nobody could read.
func harmless(t *testing.T, c spoken) {
	t.Helper()
	bad := func(at, why string, v any) { t.Errorf("%s%s: %s: %.300v", c.Method, at, why, v) }
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s/%d", at, i), e)
			}
		case map[string]any:
			kind, _ := v["type"].(string)
			link, _ := v["url"].(string)
			switch {
			case kind == "mrkdwn" || kind == "markdown":
				bad(at, "text that Slack interprets", v)
			case slices.Contains(acting, kind) && v["text"] == nil:
				bad(at, "does something to somebody", v)
			case kind == "link" && !strings.HasPrefix(link, "http://127.0.0.1:") && !strings.HasPrefix(link, "http://slack.example/"):
				bad(at, "leads away", v)
			}
			for k, e := range v {
				walk(at+"/"+k, e)
				if s, ok := e.(string); ok && k == "text" && (kind == "" || kind == "plain_text") && strings.ContainsAny(allowed.ReplaceAllString(s, ""), "<>") {
					bad(at, "holds what Slack interprets", s)
				}
			}
		case string:
			if at == "/private_metadata" || strings.HasSuffix(at, "/private_metadata") || strings.HasSuffix(at, "/value") || strings.HasSuffix(at, "_id") {
				return // Nobody is shown it.
			}
			if !utf8.ValidString(v) || strings.ContainsFunc(v, unseen) {
				bad(at, "holds what nobody sees, or what turns the text", fmt.Sprintf("%q", v))
			}
			for _, secret := range []string{"xoxb-1234567890", "hunter2hunter2", "user:secret@"} {
				if strings.Contains(v, secret) {
					bad(at, "a secret", v)
				}
			}
		}
	}
	walk("", map[string]any(c.Body))
	if js, err := json.Marshal(c.Body); err != nil || !json.Valid(js) {
		bad("", "not JSON", err)
	}
}

// unseen reports whether a character shows nothing and changes what is shown.
func unseen(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || strings.ContainsRune("\u200B\u2060\uFEFF\u00AD\u2028\u2029\u3164", r)
}
