package bot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/runner/golden"
)

// A spoken is a call of the Web API that shows somebody something.
type spoken struct {
	Method string         `json:"method"`
	Body   map[string]any `json:"body"`
}

// A tape is what the sandbox records, read in parts.
type tape struct {
	safeBuffer
	read int
}

// passing are what is another one each time, and what stands for it.
var passing = []struct {
	is   *regexp.Regexp
	form string
}{
	{regexp.MustCompile(`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z`), "2026-01-02T03:04:05Z"},
	{regexp.MustCompile(`"timestamp":\d{10}`), `"timestamp":1767323045`},
	{regexp.MustCompile(`date\^\d{10}`), `date^1767323045`},
	{regexp.MustCompile(`\b\d{10}\.\d{6}\b`), "1767323045.000100"},
	{regexp.MustCompile(`/p\d{16}\b`), "/p1767323045000100"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "slack.example"},
	{regexp.MustCompile(`\b\d+m\d+s\b`), "2m0s"},
	{regexp.MustCompile(`once/\d+/\d+`), "once/1/1"},
	{regexp.MustCompile(`"(trigger_id|view_id)":"[^"]*"`), `"$1":"…"`},
}

// next is what was shown since the last call, in an order of its own: several
// things are sent at once.
func (tp *tape) next(t *testing.T) []spoken {
	t.Helper()
	all := tp.String()
	part := all[tp.read:]
	tp.read = len(all)
	for _, p := range passing {
		part = p.is.ReplaceAllString(part, p.form)
	}
	var list []spoken
	for line := range strings.Lines(part) {
		var c spoken
		if err := json.Unmarshal([]byte(line), &c); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(c.Method, "chat.") && !strings.HasPrefix(c.Method, "views.") && c.Method != "response_url" || c.Method == "chat.getPermalink" {
			continue
		}
		for _, name := range []string{"blocks", "view", "metadata"} {
			s, packed := c.Body[name].(string)
			var v any
			if packed && json.Unmarshal([]byte(s), &v) == nil {
				c.Body[name] = v
			}
		}
		list = append(list, c)
	}
	key := func(c spoken) string { js, _ := json.Marshal(c); return string(js) }
	slices.SortStableFunc(list, func(a, b spoken) int { return strings.Compare(key(a), key(b)) })
	return slices.CompactFunc(list, func(a, b spoken) bool { return key(a) == key(b) })
}

// All that the bot says by itself, not for its service: forms, homes, direct
// messages, notes to one person, what it says of itself. Each as Slack gets it.
func TestGoldenWordsOfTheBot(t *testing.T) {
	tp := &tape{}
	opt := workspace()
	opt.Record = tp
	opt.RedeliverAfter = []time.Duration{time.Hour}
	opt.Shortcuts = []sandbox.Shortcut{{Name: "Recover from this alert", CallbackID: AlertShortcut}, {Name: "Recover", CallbackID: GlobalShortcut, Global: true}}
	opt.Channels = append(opt.Channels, sandbox.Channel{ID: "C0PRIVATE1", Name: "elsewhere", IsPrivate: true, NoBot: true, Members: []string{alice}})
	d := deskWithClusters(t, opt)
	d.config.Approvers = func(run, gate string) (ids, except []string) { return []string{bob}, nil }
	d.begin()
	got := map[string][]spoken{}
	did := func(name string, act func()) {
		t.Helper()
		act()
		d.until("all of "+name, func() bool { h := d.bot.Health(); return h.Waiting+h.Unsent == 0 && !d.bot.threads.pending() })
		got[name] = tp.next(t)
		for _, who := range []string{alice, bob} {
			for _, v := range d.Views(who) {
				d.CloseView(who, v.ID, true) // Or the next step would find it.
			}
		}
	}

	did("a run at its gate, and its approver's direct message", func() {
		before := gate("r1")
		before.Channel = nil
		d.service.show("r1", before)
		d.posted("Waiting for approval of r1")
		d.service.show("r1", gate("r1"))
		d.posted("Waiting for approval of r1", "use the buttons")
		d.until("asked", func() bool { return tp.says("Open the gate") })
	})
	gated := d.posted("Commit r1?")
	did("approve asks for the cluster's name", func() {
		d.Press(bob, channel, gated.TS, "approve", "")
		d.modal(bob, "Type devcluster to confirm")
	})
	did("deny asks why", func() {
		d.Press(alice, channel, gated.TS, "deny", "")
		d.modal(alice, "Why?")
	})
	did("a modal that cannot be opened", func() {
		d.Handle("views.open", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("expired_trigger_id") })
		d.Press(bob, channel, gated.TS, "approve", "")
		d.told(bob, "Press the button again")
	})
	did("the gate is passed, and the approver told", func() {
		passed := gate("r1")
		passed.Channel[0].Message = view.Message{Tone: view.Good, Head: "The commit gate was passed"}
		d.service.show("r1", passed)
		d.until("told", func() bool { return tp.says("Nothing is needed from you here") })
	})
	did("a form, from nothing to the backups", func() {
		d.Slash(alice, channel, "recover")
		d.modal(alice, `"prod"`)
		d.ChooseView(alice, d.Views(alice)[len(d.Views(alice))-1].ID, "cluster", "prod")
		d.modal(alice, "3 of 4 files")
	})
	did("a form for somebody who may ask for nothing", func() {
		d.Slash(bob, channel, "recover")
		d.modal(bob, "in no cluster")
	})
	did("a form for a cluster that there is not", func() {
		d.Slash(alice, channel, "plan nowhere")
		d.modal(alice, "There is no cluster")
	})
	did("a form from an alert", func() {
		ts := d.Say(bob, channel, "", "FIRING: prod scheduler lost its log")
		d.MessageShortcut(alice, channel, ts, AlertShortcut)
		d.modal(alice, "alert: FIRING", "3 of 4 files")
	})
	did("a form that asks where, too", func() {
		d.GlobalShortcut(alice, GlobalShortcut)
		d.modal(alice, `"dev"`)
		d.ChooseView(alice, d.Views(alice)[len(d.Views(alice))-1].ID, "cluster", "dev")
		d.modal(alice, "conversations_select", "3 of 4 files")
	})
	did("a form that cannot be opened", func() {
		d.Handle("views.open", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("expired_trigger_id") })
		d.Slash(alice, channel, "recover")
		d.told(alice, "The form could not be shown")
	})
	did("a command that cannot be read", func() {
		d.Slash(bob, channel, `recover "dev`)
		d.told(bob, "never closed")
	})
	did("somebody whom Slack does not know", func() {
		d.bot.people.forget([]string{""})
		d.Handle("users.info", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("user_not_found") })
		d.Slash(bob, channel, "status")
		d.told(bob, "does not say who you are")
	})
	did("a channel without the bot", func() {
		d.service.answer(func(handlers.Request) handlers.Response {
			return handlers.Response{Message: view.Message{Head: "the status of all"}}
		})
		d.Slash(alice, "C0PRIVATE1", "status")
		d.told(alice, "the bot is not in this channel")
	})
	did("work that takes its time", func() {
		d.whisperTo(bob, working("backups"))
		d.told(bob, "Working on backups")
	})
	did("the bot itself failed", func() {
		d.service.answer(func(handlers.Request) handlers.Response { panic(errors.New("a fault")) })
		d.Slash(bob, channel, "status")
		d.told(bob, "The bot itself failed")
	})
	did("busy", func() {
		d.whisperTo(bob, d.bot.intake.busy(errFull))
		d.told(bob, "Busy")
	})
	did("a time without Slack, and what was said in it", func() {
		d.bot.lookback.back(time.Now().Add(-2 * time.Minute))
		d.bot.lookback.tooLate(context.Background(), &ask{channel: channel, thread: gated.TS, at: time.Now()})
		d.posted("heard nothing from Slack")
		d.posted("did not reach the bot")
	})
	// Last: homes are drawn again by themselves, five seconds later.
	for _, of := range []struct{ who, says string }{{alice, "Recover prod"}, {bob, "newest backup"}, {guest, "does not serve guests"}} {
		did("the home of "+of.who, func() {
			d.OpenHome(of.who)
			d.until("a home", func() bool { v, _ := d.Home(of.who); return strings.Contains(string(v.Body), of.says) })
		})
	}
	compareWords(t, got)
}

func compareWords(t *testing.T, got map[string][]spoken) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(got); err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "words.golden.json"), b.String())
	for name, calls := range got {
		if len(calls) == 0 {
			t.Errorf("%s: nothing was said", name)
		}
		for _, c := range calls {
			check(t, name, c)
		}
	}
}

// check fails if Slack would refuse what is said.
func check(t *testing.T, name string, c spoken) {
	t.Helper()
	var problems []sandbox.Problem
	body, err := json.Marshal(c.Body)
	if err == nil && strings.HasPrefix(c.Method, "views.") {
		body, err = json.Marshal(c.Body["view"])
		problems = sandbox.CheckView(body)
	} else {
		problems = sandbox.CheckMessage(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s: %s", name, c.Method, p)
	}
}

// says reports whether what was recorded since the last part says word.
func (tp *tape) says(word string) bool { return strings.Contains(tp.String()[tp.read:], word) }

// whisperTo has the bot tell somebody something about a command.
func (d *desk) whisperTo(user string, m view.Message) {
	d.bot.whisper(context.Background(), &ask{team: team, user: user, channel: channel}, m)
}

// answer changes what the service answers from now on.
func (s *service) answer(f func(handlers.Request) handlers.Response) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.handle = f
}
