package bot

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// reminder is one of the commit gate.
func reminder(n string) view.Keyed {
	return view.Keyed{Key: view.RemindKey + "gate/commit~" + n, Final: true, Message: view.Message{Tone: view.Wait, Head: "reminder " + n}}
}

// plain are screens without a gate, in a channel where they stand already.
func (d *desk) plain(runs ...string) {
	d.t.Helper()
	for _, r := range runs {
		s := gate(r)
		s.Channel = nil
		d.service.show(r, s)
		d.posted("Preparation of " + r + " done")
	}
	d.quiet()
}

// quiet waits until all is sent that is known.
func (d *desk) quiet() {
	d.t.Helper()
	d.until("all is sent", func() bool { return d.bot.Health().Unsent == 0 })
}

// stands fails if a gate stands later than 10 s after now.
func (d *desk) stands(run string) {
	d.t.Helper()
	began := time.Now()
	d.service.show(run, gate(run))
	d.posted("Commit " + run + "?")
	if took := time.Since(began); took > 10*time.Second {
		d.t.Errorf("the gate stood after %s", took)
	}
}

// ended shows a run's end.
func (d *desk) ended(run string) {
	s := gate(run)
	s.Channel = []view.Keyed{{Key: "gate/commit", Final: true, Message: view.Message{Head: "Denied by bob"}}, {Key: "closed", Final: true, Message: view.Message{Head: run + " is over"}}}
	s.Status.Head = run + " is undone"
	s.Closed = true
	d.service.show(run, s)
}

// ahead gives the desk's bot a clock that can be set ahead.
func (d *desk) ahead() *atomic.Int64 {
	var by atomic.Int64
	d.config.Now = func() time.Time { return time.Now().Add(time.Duration(by.Load())) }
	d.config.PingTimeout = 2 * time.Hour
	return &by
}

// Ways in which what one message meets could hold up another, be told twice, or never.
func TestDelivery(t *testing.T) {
	quickly(t, time.Second, 500*time.Millisecond)
	for name, play := range deliveries {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			play(refusalsDesk(t))
		})
	}
}

var deliveries = map[string]func(*desk){
	"a person who is limited holds up no channel": func(d *desk) {
		d.begin()
		var limited atomic.Int64
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if goesTo(c) == bob {
				limited.Add(1)
				return &sandbox.Reply{Status: 429, RetryAfter: 30 * time.Second}
			}
			return nil
		})
		d.service.show("r1", gate("r1"))
		d.until("the direct message is limited", func() bool { return limited.Load() > 0 })
		d.stands("r2")
	},
	"a message that hangs holds up no gate of another run": func(d *desk) {
		d.begin()
		d.plain("r1", "r2")
		var hung atomic.Int64
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if strings.Contains(string(c.Body), "Assessment of r2 done") {
				hung.Add(1)
				return &sandbox.Reply{Hang: time.Minute}
			}
			return nil
		})
		s := gate("r2")
		s.Channel = nil
		s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assessment of r2 done"}})
		d.service.show("r2", s)
		d.until("it hangs", func() bool { return hung.Load() > 0 })
		d.stands("r1")
	},
	"a limit on looking holds up no gate": func(d *desk) {
		d.begin()
		d.plain("r1", "r2")
		var cut, looked atomic.Int64
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if strings.Contains(string(c.Body), "Assessment of r2 done") && cut.Add(1) == 1 {
				return &sandbox.Reply{Cut: true}
			}
			return nil
		})
		d.Always("conversations.replies", func(sandbox.Call) *sandbox.Reply {
			looked.Add(1)
			return &sandbox.Reply{Status: 429, RetryAfter: 30 * time.Second}
		})
		s := gate("r2")
		s.Channel = nil
		s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assessment of r2 done"}})
		d.service.show("r2", s)
		d.until("it is looked for", func() bool { return looked.Load() > 0 })
		d.stands("r1")
	},
	"an upload that is slow is not cut off for gates": func(d *desk) {
		d.begin()
		d.plain("r1")
		var begun atomic.Int64
		d.Always("files.getUploadURLExternal", func(sandbox.Call) *sandbox.Reply {
			begun.Add(1)
			time.Sleep(4 * time.Second)
			return nil
		})
		s := gate("r1")
		s.Channel = nil
		s.Thread[0].Message.Files = []view.File{{Name: "loss.txt", Text: "all that is lost"}}
		d.service.show("r1", s)
		d.until("it is on its way", func() bool { return begun.Load() == 1 })
		d.stands("r2")
		d.stands("r3")
		d.quiet()
		if n := begun.Load(); n != 1 {
			d.t.Errorf("%d uploads begun, want one", n)
		}
	},
	"the end is told after a quarter of an hour of refusals": func(d *desk) {
		by := d.ahead()
		d.begin()
		d.refusing("not_in_channel")
		d.service.show("r1", gate("r1"))
		d.in(announce, "Commit r1?")
		by.Store(int64(16 * time.Minute))
		d.ended("r1")
		d.in(announce, "r1 is over")
		d.in(announce, "Denied by bob")
		by.Store(int64(40 * time.Minute))
		d.until("the run is done with", func() bool { return d.bot.store.Closed("r1") })
		if left := d.bot.store.under("r1", ""); len(left) != 0 {
			d.t.Errorf("%d messages of it are kept", len(left))
		}
	},
	"an end that cannot be edited is not posted beside itself": func(d *desk) {
		by := d.ahead()
		d.begin()
		d.service.show("r1", gate("r1"))
		d.posted("Commit r1?")
		d.posted("Preparation of r1 done")
		d.quiet()
		stop := d.answering("chat.update", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Status: 503} })
		d.ended("r1")
		d.posted("r1 is over")
		by.Store(int64(20 * time.Minute))
		d.bot.threads.changed("r1")
		d.until("the run is done with", func() bool { return d.bot.store.Closed("r1") })
		stop()
		d.quiet()
		if n := len(d.Messages(channel)); n != 3 {
			d.t.Errorf("%d messages in the channel, want status, gate and end", n)
		}
	},
	"a refused reminder that is gone is no refusal": func(d *desk) {
		d.begin()
		over := d.refusing("is_archived")
		s := gate("r1")
		s.Asked = team + "/" + alice
		ask := s.Channel
		s.Channel = append(ask[:1:1], reminder("1"))
		d.service.show("r1", s)
		d.until("it is refused", func() bool { return d.bot.threads.refused("r1", "channel/remind/gate/commit~1") != "" })
		s.Channel = append(ask[:1:1], reminder("2"))
		d.service.show("r1", s)
		d.until("so is the next", func() bool { return d.bot.threads.refused("r1", "channel/remind/gate/commit~2") != "" })
		over()
		d.posted("Commit r1?")
		d.posted("reminder 2")
		d.until("nothing is refused", func() bool { return d.bot.threads.refused("r1", "") == "" })
		d.in("", "Your run is shown in its channel now", "run r1")
	},
	"a group that could not be told is asked for again": func(d *desk) {
		d.config.Approvers = func(string, string) (ids, except []string) { return []string{sre}, nil }
		d.begin()
		var failed atomic.Int64
		over := d.answering("usergroups.users.list", func(sandbox.Call) *sandbox.Reply {
			failed.Add(1)
			return sandbox.ReplyError("fatal_error")
		})
		d.service.show("r1", gate("r1"))
		d.posted("Commit r1?")
		d.until("it fails", func() bool { return failed.Load() > 0 })
		time.Sleep(11 * time.Second) // The bot has given up asking.
		over()
		d.in("", "You may approve or deny it")
	},
	"a direct message that may stand is found": func(d *desk) {
		d.begin()
		d.service.show("r1", gate("r1"))
		d.in("", "You may approve or deny it")
		d.quiet()
		d.stop()
		st, err := openStore(d.config.StateFile, time.Now)
		if err != nil {
			d.t.Fatal(err)
		}
		key := directKey("gate/commit", bob)
		if err := st.Remember(outbox.Post{Run: "r1", Key: key, Channel: bob, Trying: time.Now()}); err != nil {
			d.t.Fatal(err)
		}
		if err := st.shut(time.Time{}); err != nil {
			d.t.Fatal(err)
		}
		d.begin()
		d.until("it is known again", func() bool { p, _ := d.bot.store.Post("r1", key); return p.TS != "" && p.Hash != "" })
		n := 0
		for _, m := range d.State().Messages {
			if strings.Contains(m.Text, "You may approve or deny it") {
				n++
			}
		}
		if n != 1 {
			d.t.Errorf("%d direct messages about one gate, want one", n)
		}
	},
	"an answer in a direct message goes another way": func(d *desk) {
		d.begin()
		d.Say(bob, sandbox.BotUser, "", "help")
		d.in("", "heard: help")
		dm := ""
		for _, c := range d.State().Channels {
			if c.With == bob {
				dm = c.ID
			}
		}
		defer d.answering("chat.postMessage", func(sandbox.Call) *sandbox.Reply { return &sandbox.Reply{Hang: time.Minute} })()
		d.Slash(bob, dm, "status")
		d.told(bob, "heard: status")
	},
	"a thread that refuses everything keeps no run": func(d *desk) {
		d.begin()
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if strings.Contains(string(c.Body), "thread_ts") {
				return sandbox.ReplyError("restricted_action_thread_locked")
			}
			return nil
		})
		d.service.show("r1", gate("r1"))
		d.posted("Commit r1?")
		d.ended("r1")
		d.until("the run is done with", func() bool { return d.bot.store.Closed("r1") })
	},
	"the announce channel gets what it is needed for": func(d *desk) {
		d.config.Approvers = nil
		d.begin()
		var own, other atomic.Bool
		own.Store(true)
		other.Store(true)
		d.Always("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
			if to := goesTo(c); to == channel && own.Load() || to == announce && other.Load() {
				return sandbox.ReplyError("not_in_channel")
			}
			return nil
		})
		d.service.show("r1", gate("r1"))
		d.until("both refuse", func() bool { return d.bot.threads.refused("r1", elsewhereKey+"gate/commit") != "" })
		own.Store(false)
		d.posted("Commit r1?")
		s := gate("r1")
		s.Channel = []view.Keyed{{Key: "gate/commit", Message: view.Message{Head: "Passed by bob"}}}
		d.service.show("r1", s)
		d.posted("Passed by bob")
		other.Store(false)
		d.ended("r1")
		d.until("the run is done with", func() bool { return d.bot.store.Closed("r1") })
		for _, m := range d.Messages(announce) {
			d.t.Errorf("in the announce channel: %q", m.Text)
		}
	},
	"after a restart nothing is said that is not so": func(d *desk) {
		d.begin()
		d.refusing("not_in_channel")
		var false_ atomic.Int64
		d.Always("chat.update", func(c sandbox.Call) *sandbox.Reply {
			if b := string(c.Body); strings.Contains(b, "is shown in its channel now") || strings.Contains(b, "The run's own channel shows this too") {
				false_.Add(1)
			}
			return nil
		})
		s := gate("r1")
		s.Asked = team + "/" + alice
		d.service.show("r1", s)
		d.in(announce, "Commit r1?")
		d.in("", "does not let the bot show your run", "run r1")
		d.config.Runs = func() ([]string, error) { return []string{"r1"}, nil }
		d.stop()
		d.begin()
		d.until("it is refused again", func() bool { return d.bot.threads.refused("r1", outbox.StatusKey) != "" })
		d.quiet()
		if n := false_.Load(); n != 0 {
			d.t.Errorf("%d edits say that the channel shows it", n)
		}
	},
	"a reminder is taken back": func(d *desk) {
		d.begin()
		s := gate("r1")
		s.Channel = append(s.Channel, reminder("1"))
		d.service.show("r1", s)
		d.posted("reminder 1")
		d.in("", "reminder 1", "You may approve or deny it")
		s.Channel = []view.Keyed{{Key: "gate/commit", Message: view.Message{Head: "Denied by bob"}}}
		d.service.show("r1", s)
		d.until("both are", func() bool {
			_, stands := d.State().Find("", "reminder 1")
			return !stands
		})
		d.posted("This reminder is over")
	},
	"a press on a stand-in is judged as in the run's own channel": func(d *desk) {
		d.begin()
		d.refusing("is_archived")
		d.service.show("r1", gate("r1"))
		m := d.in(announce, "Commit r1?")
		d.Press(bob, announce, m.TS, "abort", "")
		d.Press(bob, announce, m.TS, "deny", "")
		d.until("the question why", func() bool { return len(d.Views(bob)) == 1 })
		d.Submit(bob, d.Views(bob)[0].ID, map[string]string{"reason": "wrong backup"})
		d.until("both are asked", func() bool { return len(d.service.requests()) == 2 })
		for _, r := range d.service.requests() {
			if r.Channel != channel {
				d.t.Errorf("%v is asked from %s", r.Words, r.Channel)
			}
		}
	},
}
