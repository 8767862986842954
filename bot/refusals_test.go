package bot

import (
	"io"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

const (
	announce = "C0ANNOUNCE"
	carol    = "U0CAROL001"
)

// quickly has what was refused tried again sooner, for a test.
func quickly(t *testing.T, refused, nowhere time.Duration) {
	was, once := refusedFor, soon
	refusedFor, soon = refused, nowhere
	t.Cleanup(func() { refusedFor, soon = was, once })
}

// answering has every call of a method answered by f, until it is told to stop; nil
// leaves the call to the server.
func (d *desk) answering(method string, f func(sandbox.Call) *sandbox.Reply) (stop func()) {
	d.Always(method, f)
	return func() { d.Always(method, nil) }
}

// refusalsDesk is a bot with an announce channel and an approver, and no bot begun.
func refusalsDesk(t *testing.T, record ...io.Writer) *desk {
	opt := workspace()
	if len(record) > 0 {
		opt.Record = record[0]
	}
	opt.Users = append(opt.Users, sandbox.User{ID: carol, Name: "carol"})
	opt.Groups[0].Members = []string{carol}
	opt.Channels[0].Members = append(opt.Channels[0].Members, carol)
	opt.Channels = append(opt.Channels, sandbox.Channel{ID: announce, Name: "aurora", Members: []string{alice, bob, carol}})
	d := newDesk(t, opt)
	d.config.Channel = announce
	d.config.Approvers = func(string, string) (ids, except []string) { return []string{bob}, nil }
	return d
}

// in waits for a message in any channel that says all words.
func (d *desk) in(where string, words ...string) (m sandbox.Message) {
	d.t.Helper()
	d.until(where+" shows "+strings.Join(words, ", "), func() (ok bool) { m, ok = d.State().Find(where, words...); return ok })
	return m
}

// A gate that its own channel refuses stands in the announce channel, with its buttons;
// both are one gate, and the end of it is told in both.
func TestGateInTheAnnounceChannel(t *testing.T) {
	quickly(t, 2*time.Second, time.Second)
	d := refusalsDesk(t)
	d.begin()
	unarchived := d.answering("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
		if goesTo(c) == channel {
			return sandbox.ReplyError("is_archived")
		}
		return nil
	})
	s := gate("r1")
	s.Asked = team + "/" + alice
	d.service.show("r1", s)
	m := d.in(announce, "Commit r1?", "unarchive it", "approve")
	if out := d.Press(bob, announce, m.TS, "deny", ""); !out.OK() {
		t.Fatalf("a press there: %+v", out)
	}
	d.until("the question why", func() bool { return len(d.Views(bob)) == 1 })
	if out := d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"reason": "wrong backup"}); !out.OK() {
		t.Fatalf("its answer: %+v", out)
	}
	d.told(bob, "deny r1 --gate commit --digest d1 --reason wrong backup")
	unarchived()
	d.posted("Commit r1?")
	d.posted("Preparation of r1 done")
	d.in(announce, "Commit r1?", "The run's own channel shows this too")

	s.Channel = []view.Keyed{{Key: "gate/commit", Final: true, Message: view.Message{Head: "Denied by bob"}}}
	s.Status.Head = "r1 is undone"
	s.Closed = true
	d.service.show("r1", s)
	d.in(announce, "Denied by bob")
	d.posted("Denied by bob")
	d.until("closed", func() bool { return d.bot.store.Closed("r1") })
	if n := len(d.Messages(announce)); n != 1 {
		t.Errorf("%d messages in the announce channel, want one", n)
	}
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages in the channel, want status and gate", n)
	}
}

// Nothing takes a gate: it is tried again soon, and stands soon after the trouble.
func TestGateThatNothingTakes(t *testing.T) {
	d := refusalsDesk(t)
	d.config.Approvers = nil
	d.begin()
	over := d.answering("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("msg_too_long") })
	d.service.show("r1", gate("r1"))
	d.until("refused everywhere", func() bool {
		return d.bot.threads.refused("r1", "channel/gate/commit") != "" && d.bot.threads.refused("r1", elsewhereKey+"gate/commit") != ""
	})
	over()
	ended := time.Now()
	d.in("", "Commit r1?", "approve")
	if took := time.Since(ended); took > 10*time.Second {
		t.Errorf("the gate stands %s after the trouble", took)
	}
}

// What Slack took only as text is tried as it should look; a gate's message that
// somebody deleted is posted again; the status points to no message that is not there.
func TestGateIsMadeSureToStand(t *testing.T) {
	quickly(t, time.Second, time.Second)
	d := refusalsDesk(t)
	d.begin()
	taken := d.answering("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
		if strings.Contains(string(c.Body), `"blocks":[{`) {
			return sandbox.ReplyError("invalid_blocks")
		}
		return nil
	})
	still := d.answering("chat.update", func(c sandbox.Call) *sandbox.Reply {
		if strings.Contains(string(c.Body), `"blocks":[{`) {
			return sandbox.ReplyError("invalid_blocks")
		}
		return nil
	})
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?", "Without buttons: type `/aurora approve r1 --gate commit --digest d1 --typed devcluster` or `/aurora deny")
	d.posted("Waiting for approval of r1", "use the buttons on the gate's own message")
	time.Sleep(1500 * time.Millisecond)
	taken()
	still()
	d.until("it looks as it should", func() bool {
		n, ok := d.State().Find(channel, "Commit r1?", "approve")
		return ok && n.TS == m.TS && strings.Contains(string(n.Blocks), "button")
	})
	d.Delete(channel, m.TS)
	d.until("it is posted again", func() bool {
		n, ok := d.State().Find(channel, "Commit r1?")
		return ok && n.TS != m.TS
	})

	// Without the status nothing could go below it.
	status := d.posted("Waiting for approval of r1")
	d.Delete(channel, status.TS)
	s := gate("r1")
	s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assessment of r1 done"}})
	d.service.show("r1", s)
	if m := d.posted("Assessment of r1 done"); m.ThreadTS == status.TS || m.ThreadTS == "" {
		t.Errorf("it stands below %q, want below a new status", m.ThreadTS)
	}
}

// While a gate cannot be posted, for a call that hangs, the status says what to type.
func TestStatusSaysWhatToType(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	ask := s.Channel
	s.Channel = nil
	d.service.show("r1", s)
	d.posted("Waiting for approval of r1")
	defer d.answering("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Hang: time.Minute} })()
	s.Channel = ask
	d.service.show("r1", s)
	d.posted("Waiting for approval of r1", "To decide, type `/aurora approve r1 --gate commit --digest d1 --typed devcluster`")
}

// After an invitation all is shown at once.
func TestInvitedToAChannel(t *testing.T) {
	quickly(t, time.Hour, time.Hour)
	opt := workspace()
	opt.Channels[0].NoBot = true
	opt.Channels[0].Members = []string{alice, bob}
	d := start(t, opt)
	d.service.show("r1", gate("r1"))
	d.until("refused", func() bool { return d.bot.threads.refused("r1", "channel/gate/commit") != "" })
	d.Join(sandbox.BotUser, channel, alice)
	d.posted("Commit r1?")
	d.posted("Preparation of r1 done")
}

// The end of a run overtakes what is only told of others.
func TestTheEndOvertakes(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Pace = 50 * time.Millisecond
	d.begin()
	d.service.show("r1", gate("r1"))
	d.posted("Preparation of r1 done")
	other := gate("r2")
	for n := range 100 {
		other.Thread = append(other.Thread, view.Keyed{Key: string(rune('A' + n)), Message: view.Message{Head: "a step of r2"}})
	}
	d.service.show("r2", other)
	d.until("much waits", func() bool { return d.bot.Health().Unsent > 50 })
	end := gate("r1")
	end.Channel = []view.Keyed{{Key: "closed", Final: true, Message: view.Message{Head: "r1 is recovered"}}}
	end.Closed = true
	d.service.show("r1", end)
	d.posted("r1 is recovered")
	if left := d.bot.Health().Unsent; left < 20 {
		t.Errorf("it came when only %d were left", left)
	}
}

// A reminder is a message of its own, so that people are called, and a direct message to
// whom it concerns; when a gate changes by itself the run is looked at then.
func TestReminderIsPosted(t *testing.T) {
	quickly(t, time.Hour, time.Hour)
	d := refusalsDesk(t)
	d.begin()
	s := gate("r1")
	s.Until = time.Now().Add(4 * time.Second)
	d.service.show("r1", s)
	d.posted("Commit r1?")
	d.posted("Waiting for approval of r1", "use the buttons")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 && !d.bot.threads.pending() })
	time.Sleep(2 * breath) // No look is due any more.
	reminded := gate("r1")
	reminded.Channel = append(reminded.Channel, view.Keyed{Key: view.RemindKey + "gate/commit~1", Final: true,
		Message: view.Message{Tone: view.Wait, Head: "r1 waits for " + team + "/" + bob, Lines: []string{"Who can approve or deny: " + team + "/" + sre + "."}}})
	d.service.mu.Lock() // Nobody is told: time alone has passed.
	d.service.screens["r1"] = reminded
	d.service.mu.Unlock()
	if m := d.posted("r1 waits for <@" + bob + ">"); !strings.Contains(m.Text, "<!subteam^"+sre+">") || !strings.Contains(string(m.Blocks), `"usergroup_id":"`+sre+`"`) {
		t.Errorf("the group is not called: %s %s", m.Text, m.Blocks)
	}
	d.in("", "r1 waits for", "You may approve or deny it", "Open the gate")
}

// What is for one person alone is a message in a direct message: notes that only they see
// are gone when they look again.
func TestAnswerInADirectMessageStays(t *testing.T) {
	d := start(t, workspace())
	d.Say(bob, sandbox.BotUser, "", "help")
	d.in("", "heard: help")
	dm := ""
	for _, c := range d.State().Channels {
		if c.With == bob {
			dm = c.ID
		}
	}
	if out := d.Slash(bob, dm, "status"); !out.OK() {
		t.Fatalf("%+v", out)
	}
	d.in(dm, "heard: status")
	if n := len(d.Ephemerals(bob)); n != 0 {
		t.Errorf("%d answers are seen by them alone", n)
	}
}

// A file that Slack never takes, whether it refuses it or fails each time, and a message
// that it refuses, keep a run from nothing: a note stands in their place, and it is known.
func TestRefusedFilesBlockNothing(t *testing.T) {
	quickly(t, time.Second, 500*time.Millisecond)
	for name, answer := range map[string]func(sandbox.Call) *sandbox.Reply{
		"refused": says("file_upload_size_restricted"),
		"failing": func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Status: 503} },
	} {
		d := start(t, workspace())
		d.Always("files.getUploadURLExternal", answer)
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if strings.Contains(string(c.Body), "Assessment of r1 done") {
				return sandbox.ReplyError("restricted_action")
			}
			return nil
		})
		s := gate("r1")
		s.Thread[0].Message.Files = []view.File{{Name: "loss.txt", Text: "all that is lost"}}
		s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assessment of r1 done"}}, view.Keyed{Key: "restore", Message: view.Message{Head: "Restore of r1 done"}})
		d.service.show("r1", s)
		d.posted("Restore of r1 done")
		d.posted("Something of this run cannot be shown here", "loss.txt was refused by Slack")
		d.posted("Something of this run cannot be shown here", "A message was refused by Slack: restricted_action")
		if err, but := d.bot.Ready(), d.bot.But(); err != nil || !strings.Contains(but, "does not show 2 messages or files") || d.bot.Health().LeftOut != 2 {
			t.Errorf("%s: ready %v, but %q, %d counted", name, err, but, d.bot.Health().LeftOut)
		}
		s.Channel = []view.Keyed{{Key: "closed", Final: true, Message: view.Message{Head: "r1 is recovered"}}}
		s.Closed = true
		d.service.show("r1", s)
		d.until("the run closes", func() bool { return d.bot.store.Closed("r1") })
		d.stop()
	}
}
