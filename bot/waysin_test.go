package bot

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
	"aurorabot/policy"
)

// twoClusters is a desk whose people may recover two clusters; bob may look only.
func twoClusters(t *testing.T) *desk {
	t.Helper()
	opt := workspace()
	opt.Shortcuts = []sandbox.Shortcut{{Name: "Recover from this alert", CallbackID: AlertShortcut}, {Name: "Recover", CallbackID: GlobalShortcut, Global: true}}
	d := deskWithClusters(t, opt)
	d.begin()
	return d
}

// deskWithClusters is the same, not begun yet, in another workspace.
func deskWithClusters(t *testing.T, opt sandbox.Options) *desk {
	t.Helper()
	d := newDesk(t, opt)
	d.config.Overview = func(_ context.Context, who policy.Actor) (handlers.Overview, error) {
		may := who.UserID == alice
		return handlers.Overview{
			Clusters: []handlers.ClusterLine{{Name: "dev", Recover: may}, {Name: "prod", Recover: may, Health: "newest backup 31m old"}},
			Runs:     []handlers.RunLine{{Run: "r1", Mine: may}},
		}, nil
	}
	d.service.handle = func(r handlers.Request) handlers.Response {
		if r.Words[0] == "backups" {
			return handlers.Response{Data: []map[string]any{
				{"host": "s1", "name": "scheduler-backup-old", "timestamp": time.Now().Add(-2 * time.Hour), "tasks": 60, "valid": true},
				{"host": "s1", "name": "scheduler-backup-new", "timestamp": time.Now().Add(-time.Hour), "tasks": 65, "valid": true},
				{"host": "s2", "name": "scheduler-backup-new", "timestamp": time.Now().Add(-time.Hour), "tasks": 65, "valid": true},
				{"host": "s3", "name": "scheduler-backup-cut", "valid": false, "why": "cut"},
				{"host": "s4", "name": "", "valid": false, "why": "connection refused"},
			}}
		}
		return handlers.Response{Private: true, Message: view.Message{Head: "heard: " + strings.Join(r.Words, " ")}}
	}
	return d
}

// modal waits until somebody's modal says all words.
func (d *desk) modal(user string, words ...string) sandbox.View {
	d.t.Helper()
	var v sandbox.View
	d.until("a modal that says "+strings.Join(words, ", "), func() bool {
		list := d.Views(user)
		if len(list) == 0 {
			return false
		}
		v = list[len(list)-1]
		return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(string(v.Body), w) })
	})
	return v
}

// asked waits for a request of these words.
func (d *desk) asked(words ...string) handlers.Request {
	d.t.Helper()
	var r handlers.Request
	d.until("the request "+strings.Join(words, " "), func() bool {
		for _, one := range d.service.requests() {
			if slices.Equal(one.Words, words) {
				r = one
				return true
			}
		}
		return false
	})
	return r
}

// A command that leaves out what a person would have to look up opens a form.
func TestFormCompletesACommand(t *testing.T) {
	d := twoClusters(t)
	d.Slash(alice, channel, "recover --reinitialize always")
	v := d.modal(alice, `"dev"`, `"prod"`)
	if strings.Contains(string(v.Body), "scheduler-backup") {
		t.Errorf("backups before a cluster was chosen: %s", v.Body)
	}
	d.ChooseView(alice, v.ID, "cluster", "prod")
	v = d.modal(alice, "scheduler-backup-new", "scheduler-backup-old", "3 of 4 files", "s4: connection refused")
	body := string(v.Body)
	if strings.Contains(body, "scheduler-backup-cut") || strings.Index(body, "backup-new") > strings.Index(body, "backup-old") {
		t.Errorf("the newest first, and none that does not decode: %s", body)
	}
	if out := d.Submit(alice, v.ID, map[string]string{"cluster": "prod", "backup": "scheduler-backup-new", "reason": "bad deploy"}); !out.OK() {
		t.Fatalf("submission: %+v", out)
	}
	r := d.asked("recover", "prod", "scheduler-backup-new", "--reinitialize=always", "--reason", "bad deploy")
	if r.Channel != channel || r.Actor.UserID != alice || r.Source == "" {
		t.Errorf("request %+v", r)
	}
}

// A form is for what is missing, not for what is wrong: words are read as the
// service reads them.
func TestFormOf(t *testing.T) {
	for words, want := range map[string]*form{
		"status":                               nil,
		"recover dev b":                        nil,
		"recover dev --help":                   nil,
		"recover dev --reason":                 nil,
		"recover dev --nope":                   nil,
		"recover":                              {Command: "recover"},
		"plan dev":                             {Command: "plan", Cluster: "dev"},
		"recover -dry-run dev -reason=x":       {Command: "recover", Cluster: "dev", Options: []string{"--reason=x", "--dry-run"}},
		"recover --dry-run --reinitialize a b": {Command: "recover", Cluster: "b", Options: []string{"--reinitialize=a", "--dry-run"}},
	} {
		got := formOf(strings.Fields(words))
		if (got == nil) != (want == nil) || got != nil && (got.Command != want.Command || got.Cluster != want.Cluster || !slices.Equal(got.Options, want.Options)) {
			t.Errorf("%q: %+v, want %+v", words, got, want)
		}
	}
	for option, is := range map[string]bool{"--reason": true, "--reason=x": true, "--reasons": false, "x": false} {
		if isReason(option) != is {
			t.Errorf("isReason(%q) = %v", option, !is)
		}
	}
}

// A cluster that is named is chosen already; all that is named opens no form.
func TestFormAsksForNoMoreThanIsMissing(t *testing.T) {
	d := twoClusters(t)
	d.Slash(alice, channel, "plan dev")
	d.modal(alice, "scheduler-backup-new", `"initial_option"`)
	d.Slash(bob, channel, "recover dev scheduler-backup-new --reason 'bad deploy'")
	d.asked("recover", "dev", "scheduler-backup-new", "--reason", "bad deploy")
	d.Slash(bob, channel, "recover")
	v := d.modal(bob, "in no cluster")
	if strings.Contains(string(v.Body), `"submit"`) {
		t.Error("a form without anything to choose can be submitted")
	}
	for _, r := range d.service.requests() {
		if r.Actor.UserID == bob && r.Words[0] == "backups" {
			t.Error("backups were looked for on behalf of somebody who may not")
		}
	}
}

// A name that is too long for a form's memory opens a form all the same.
func TestFormWithALongName(t *testing.T) {
	d := twoClusters(t)
	d.Slash(alice, channel, "recover "+strings.Repeat("x", 3500))
	v := d.modal(alice, "There is no cluster", `"dev"`)
	d.ChooseView(alice, v.ID, "cluster", "dev")
	d.modal(alice, "scheduler-backup-new")
}

// An alert's menu leads to the form, with what the alert says.
func TestAlertShortcut(t *testing.T) {
	d := twoClusters(t)
	ts := d.Say(bob, channel, "", "FIRING: prod scheduler lost its log\nand more")
	if out := d.MessageShortcut(alice, channel, ts, AlertShortcut); !out.OK() {
		t.Fatalf("shortcut: %+v", out)
	}
	v := d.modal(alice, "alert: FIRING: prod scheduler lost its log", "scheduler-backup-new")
	d.Submit(alice, v.ID, map[string]string{"backup": "scheduler-backup-new"})
	d.asked("recover", "prod", "scheduler-backup-new", "--reason", "alert: FIRING: prod scheduler lost its log")
	// Without a channel, the form asks for one.
	d.GlobalShortcut(alice, GlobalShortcut)
	v = d.modal(alice, `"dev"`, `"prod"`)
	d.ChooseView(alice, v.ID, "cluster", "dev")
	v = d.modal(alice, "conversations_select")
	d.Submit(alice, v.ID, map[string]string{"cluster": "dev", "backup": "scheduler-backup-old", "channel": channel})
	if r := d.asked("recover", "dev", "scheduler-backup-old"); r.Channel != channel {
		t.Errorf("channel %q", r.Channel)
	}
}

// App Home says what there is for whom, and is kept up to date.
func TestHome(t *testing.T) {
	d := twoClusters(t)
	d.service.show("r1", gate("r1"))
	d.posted("Commit r1?")
	home := func(user string, words ...string) string {
		var body string
		d.until("the home of "+user+" with "+strings.Join(words, ", "), func() bool {
			v, _ := d.Home(user)
			body = string(v.Body)
			return !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(body, w) })
		})
		return body
	}
	d.OpenHome(alice)
	home(alice, "Open runs", "Waiting for approval of r1", "Your approval is waited for", "/archives/"+channel, "newest backup 31m old", "Recover prod")
	d.OpenHome(bob)
	if h := home(bob, "prod"); strings.Contains(h, "Your approval") || strings.Contains(h, "Recover prod") {
		t.Errorf("bob's home: %s", h)
	}
	d.OpenHome(guest)
	if h := home(guest, "does not serve guests"); strings.Contains(h, "prod") {
		t.Errorf("a guest's home: %s", h)
	}
	v, _ := d.Home(alice)
	d.PressView(alice, v.ID, homeRecover+"#2", "prod")
	d.modal(alice, "scheduler-backup-new")
	over := gate("r1")
	over.Closed, over.Channel = true, nil
	d.service.show("r1", over)
	home(alice, "No run is open.")
}

// Whom policy names is led to the gate, once, and told when it is over.
func TestDirectMessages(t *testing.T) {
	opt := workspace()
	opt.Groups = []sandbox.UserGroup{{ID: sre, Handle: "sre", Name: "SRE", Members: []string{alice, guest}}}
	d := newDesk(t, opt)
	d.config.Approvers = func(run, gate string) (ids, except []string) {
		if run != "r1" || gate != "commit" {
			t.Errorf("asked for %s at %s", run, gate)
		}
		return []string{sre, bob, alice}, []string{guest}
	}
	d.begin()
	d.service.show("r1", gate("r1"))
	inbox := func(user, word string) int {
		n, st := 0, d.State()
		for _, c := range st.Channels {
			for _, m := range st.Messages {
				if c.With == user && m.Channel == c.ID && strings.Contains(string(m.Blocks), word) {
					n++
				}
			}
		}
		return n
	}
	for _, user := range []string{alice, bob} {
		d.until(user+" is asked", func() bool { return inbox(user, "Open the gate") == 1 })
	}
	d.service.show("r1", gate("r1"))
	if err := d.stop(); err != nil {
		t.Fatal(err)
	}
	d.begin()
	d.service.show("r1", gate("r1"))
	passed := gate("r1")
	passed.Channel[0].Message = view.Message{Tone: view.Good, Head: "The commit gate was passed"}
	d.service.show("r1", passed)
	for _, user := range []string{alice, bob} {
		d.until(user+" is told", func() bool { return inbox(user, "The commit gate was passed") == 1 })
		if n := inbox(user, "Commit r1?"); n != 0 {
			t.Errorf("%d messages to %s still ask", n, user)
		}
	}
	if inbox(guest, "Commit") > 0 {
		t.Error("somebody was asked who is excepted")
	}
	// Opened anew it has a key of its own that begins as the first one's: nobody
	// is written to whom Slack does not know.
	again := gate("r1")
	again.Channel = append(slices.Clone(passed.Channel), view.Keyed{Key: again.Channel[0].Key + "/2", Message: again.Channel[0].Message})
	d.service.show("r1", again)
	for _, user := range []string{alice, bob} {
		d.until(user+" is asked again", func() bool { return inbox(user, "Open the gate") == 1 })
	}
	over := again
	over.Channel = slices.Clone(again.Channel)
	over.Channel[1].Message = view.Message{Tone: view.Good, Head: "The second gate was passed"}
	d.service.show("r1", over)
	for _, user := range []string{alice, bob} {
		d.until(user+" is told again", func() bool {
			return inbox(user, "The second gate was passed") == 1 && inbox(user, "The commit gate was passed") == 1
		})
	}
	if strings.Contains(d.log.String(), "channel_not_found") {
		t.Errorf("somebody was written to who is nobody:\n%s", d.log.String())
	}
}

// What Slack refuses of a direct message's layout comes as a file, into the same
// conversation; the edit of the message goes to the person alone.
func TestDirectMessageThatIsRefused(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Approvers = func(string, string) (ids, except []string) { return []string{bob}, nil }
	d.begin()
	var refused atomic.Int64
	var refuse func(sandbox.Call) *sandbox.Reply
	refuse = func(c sandbox.Call) *sandbox.Reply {
		d.Handle("chat.postMessage", refuse)
		if strings.Contains(string(c.Body), "Open the gate") && refused.Add(1) < outbox.Layouts {
			return sandbox.ReplyError("invalid_blocks")
		}
		return nil
	}
	d.Handle("chat.postMessage", refuse)
	d.service.show("r1", gate("r1"))
	inbox := func(word string) bool {
		st := d.State()
		return slices.ContainsFunc(st.Channels, func(c sandbox.Channel) bool {
			return c.With == bob && slices.ContainsFunc(st.Messages, func(m sandbox.Message) bool {
				js, _ := json.Marshal(m)
				return m.Channel == c.ID && strings.Contains(string(js), word)
			})
		})
	}
	d.until("the file is there", func() bool { return inbox("message.txt") && d.bot.Health().Unsent == 0 })
	passed := gate("r1")
	passed.Channel[0].Message = view.Message{Tone: view.Good, Head: "The commit gate was passed"}
	d.service.show("r1", passed)
	d.until("the edit is there", func() bool { return inbox("The commit gate was passed") && d.bot.Health().Unsent == 0 })
	if strings.Contains(d.log.String(), "channel_not_found") || strings.Contains(d.log.String(), outbox.ErrParent.Error()) {
		t.Errorf("the log says:\n%s", d.log.String())
	}
}

// Direct messages are one place for policy, whoever writes; the answer is there.
func TestDirectMessageIsItsOwnPlace(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(r handlers.Request) handlers.Response {
		return handlers.Response{Message: view.Message{Head: "from " + r.Channel}}
	}
	d.Say(alice, sandbox.BotUser, "", "status")
	d.until("an answer", func() bool { _, ok := d.State().Find("", "from dm"); return ok })
}
