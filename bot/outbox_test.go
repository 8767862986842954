package bot

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"aurorabot/bot/outbox"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	sandbox "aurorabot/lab/slack"
)

// What is answered for all about a run stands in its thread; what concerns no
// run in the channel.
func TestAnswersAboutARunAreInItsThread(t *testing.T) {
	d := start(t, workspace())
	d.service.handle = func(r handlers.Request) handlers.Response {
		if r.Words[0] == "recover" {
			d.service.show("r1", gate("r1"))
		}
		return handlers.Response{Run: "r1", Message: view.Message{Head: "answer to " + r.Words[0]}}
	}
	d.Slash(alice, channel, "recover devcluster backup")
	status := d.posted("Waiting for approval of r1")
	if m := d.posted("answer to recover"); m.ThreadTS != status.TS {
		t.Errorf("thread %q, want %q", m.ThreadTS, status.TS)
	}
	d.Slash(alice, channel, "tasks r1")
	if m := d.posted("answer to tasks"); m.ThreadTS != status.TS {
		t.Errorf("thread %q, want %q", m.ThreadTS, status.TS)
	}
}

// A run that was over before anything of it was shown is not news.
func TestOldRunsAreNotShown(t *testing.T) {
	d := newDesk(t, workspace())
	over := gate("r0")
	over.Closed = true
	d.service.screens["r0"], d.service.screens["r1"] = over, gate("r1")
	d.config.Runs = func() ([]string, error) { return []string{"r0", "r1"}, nil }
	d.begin()
	d.posted("Preparation of r1 done")
	if _, ok := d.State().Find(channel, "r0"); ok {
		t.Error("a run of old is shown")
	}
}

// A restart posts nothing twice, and catches up on what it missed.
func TestRestartPostsNothingTwice(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	d.service.show("r1", s)
	d.posted("Preparation of r1 done")
	d.stop()
	s.Thread = append(s.Thread, view.Keyed{Key: "assess", Message: view.Message{Head: "Assess of r1 begun"}})
	d.service.show("r1", s) // Nobody listens.
	d.service.screens["r2"] = gate("r2")
	d.config.Runs = func() ([]string, error) { return []string{"r1", "r2"}, nil }
	d.begin()
	d.posted("Assess of r1 begun")
	d.posted("Preparation of r2 done")
	if n := len(d.State().Messages); n != 4+3 {
		t.Errorf("%d messages, want 7", n)
	}
}

// The answer to a post is lost: the message is found, not posted again.
func TestLostAnswerIsNotPostedTwice(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Channel, s.Thread = nil, nil
	d.service.show("r1", s)
	m := d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.stop()
	// As a crash leaves it: posting began, and nothing more is known.
	st, err := openStore(d.config.StateFile, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	st.Remember(outbox.Post{Run: "r1", Key: outbox.StatusKey, Channel: channel, Trying: time.Now()})
	st.shut(time.Time{})
	d.begin()
	d.until("known again", func() bool { p, _ := d.bot.store.Post("r1", outbox.StatusKey); return p.TS == m.TS && p.Hash != "" })
	if n := len(d.Messages(channel)); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

// A message that somebody deleted is posted anew.
func TestDeletedMessage(t *testing.T) {
	d := start(t, workspace())
	s := gate("r1")
	s.Channel, s.Thread = nil, nil
	d.service.show("r1", s)
	d.posted("Waiting for approval of r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.Delete(channel, d.posted("Waiting for approval of r1").TS)
	s.Status.Head = "r1 goes on"
	d.service.show("r1", s)
	d.posted("r1 goes on")

	// What Slack says is not there and still shows, is not posted beside itself.
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	d.Handle("chat.update", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("message_not_found") })
	s.Status.Head = "r1 goes further"
	d.service.show("r1", s)
	d.posted("r1 goes further")
	if n := len(d.Messages(channel)); n != 1 {
		t.Errorf("%d messages, want one", n)
	}
}

// What is too long for a message is a file in the thread, once.
func TestLongOutputIsAFile(t *testing.T) {
	d := start(t, workspace())
	long := strings.Repeat("I1123 08:36:00.000000 a line of a log\n", 500)
	s := gate("r1")
	s.Thread[0].Message.Output = []view.Output{{Title: "s2: journalctl", Text: long}}
	s.Thread[0].Message.Files = []view.File{{Name: "plan.txt", Text: "the plan\n"}}
	d.service.show("r1", s)
	status := d.posted("Waiting for approval of r1")
	var files []string
	d.until("files", func() bool {
		files = nil
		for _, m := range d.Thread(channel, status.TS) {
			for _, f := range m.Files {
				files = append(files, f.Name)
			}
		}
		return len(files) == 2
	})
	slices.Sort(files)
	if want := []string{"output-1-s2-journalctl.txt", "plan.txt"}; !slices.Equal(files, want) {
		t.Errorf("files %v, want %v", files, want)
	}
	s.Status.Head = "changed r1"
	d.service.show("r1", s)
	d.posted("changed r1")
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	n := 0
	for _, m := range d.Thread(channel, status.TS) {
		n += len(m.Files)
	}
	if n != 2 {
		t.Errorf("%d files, want 2: each once", n)
	}
}

// A run that was asked elsewhere is shown in the channel for such; what is no
// run to be shown is not, nor is a run without a status.
func TestWhereARunIsShown(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Channel = channel
	d.begin()
	for run, change := range map[string]func(*view.Screens){
		"audit":  func(s *view.Screens) { s.Home = "" },
		"silent": func(s *view.Screens) { s.Status = view.Message{} },
		"cli-1":  func(s *view.Screens) { s.Home = "cli" },
	} {
		s := gate(run)
		change(&s)
		d.service.show(run, s)
	}
	d.posted("Preparation of cli-1 done")
	for _, run := range []string{"audit", "silent"} {
		if _, ok := d.State().Find(channel, run); ok {
			t.Errorf("%s is shown", run)
		}
	}
}

// While Slack takes no edits, for a limit or because the call hangs, a gate is shown
// all the same: it is posted.
func TestEditsThatFailHideNoGate(t *testing.T) {
	var release chan struct{}
	for name, answer := range map[string]func(sandbox.Call) *sandbox.Reply{
		"limited": func(sandbox.Call) *sandbox.Reply {
			return &sandbox.Reply{Status: 429, RetryAfter: time.Minute, Body: map[string]any{"ok": false, "error": "ratelimited"}}
		},
		"hanging": func(sandbox.Call) *sandbox.Reply { <-release; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			d := start(t, workspace())
			release = make(chan struct{})
			defer close(release)
			s := gate("r1")
			ask := s.Channel
			s.Channel, s.Thread = nil, nil
			d.service.show("r1", s)
			d.posted("Waiting for approval of r1")
			d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
			var fail func(sandbox.Call) *sandbox.Reply
			fail = func(c sandbox.Call) *sandbox.Reply {
				d.Handle("chat.update", fail)
				return answer(c)
			}
			d.Handle("chat.update", fail)
			s.Status.Head = "r1 goes on"
			d.service.show("r1", s)
			d.until("an edit is on its way", func() bool { return d.bot.Health().Unsent > 0 })
			time.Sleep(500 * time.Millisecond) // It is refused, or hangs.
			begun := time.Now()
			s.Channel = ask
			d.service.show("r1", s)
			d.posted("Commit r1?")
			if took := time.Since(begun); took > 5*time.Second {
				t.Errorf("the gate came after %s", took)
			}
		})
	}
}

// goesTo is the channel of a call.
func goesTo(c sandbox.Call) string {
	var body struct{ Channel string }
	_ = json.Unmarshal(c.Body, &body) // What is no object goes nowhere.
	return body.Channel
}

// refusing has every post into the run's channel refused until it is told to stop.
func (d *desk) refusing(code string) (stop func()) {
	return d.answering("chat.postMessage", func(c sandbox.Call) *sandbox.Reply {
		if goesTo(c) == channel {
			return sandbox.ReplyError(code)
		}
		return nil
	})
}

// The bot is not in the channel: who asked is told, and who may approve sees the gate,
// with what to type; nothing is said twice. Once it is invited all is shown there.
func TestRunInAChannelThatRefuses(t *testing.T) {
	defer func(was time.Duration) { refusedFor = was }(refusedFor)
	refusedFor = 2 * time.Second
	d := newDesk(t, workspace())
	d.config.Approvers = func(string, string) (ids, except []string) { return []string{bob}, nil }
	d.begin()
	invited := d.refusing("not_in_channel")
	s := gate("r1")
	s.Asked = team + "/" + alice
	d.service.show("r1", s)
	direct := func(user, word string) (found []sandbox.Message) {
		st := d.State()
		for _, m := range st.Messages {
			with := slices.ContainsFunc(st.Channels, func(c sandbox.Channel) bool { return c.ID == m.Channel && c.With == user })
			if with && strings.Contains(m.Text+string(m.Blocks), word) {
				found = append(found, m)
			}
		}
		return found
	}
	begun := time.Now()
	d.until("who asked is told", func() bool { return len(direct(alice, "type /invite there")) == 1 })
	d.until("the approver sees the gate", func() bool { return len(direct(bob, "--gate commit --digest d1 --typed devcluster")) == 1 })
	if took := time.Since(begun); took > 10*time.Second {
		t.Errorf("they were told after %s", took)
	}
	time.Sleep(2*refusedFor + time.Second)
	if a, b := len(direct(alice, "r1")), len(direct(bob, "r1")); a != 1 || b != 1 || len(d.Messages(channel)) != 0 {
		t.Errorf("alice has %d messages, bob %d, the channel %d; want one each, and none", a, b, len(d.Messages(channel)))
	}
	invited()
	d.posted("Commit r1?")
	d.posted("Preparation of r1 done")
	d.until("who asked is told that it is shown", func() bool { return len(direct(alice, "is shown in its channel now")) == 1 })
	d.until("sent", func() bool { return d.bot.Health().Unsent == 0 })
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages in the channel beside its threads, want status and gate", n)
	}
}

// A direct message that cannot be delivered is tried three times, said once in the
// thread, and keeps no run from closing.
func TestUndeliverableDirectMessage(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Approvers = func(string, string) (ids, except []string) { return []string{bob}, nil }
	d.begin()
	var tried atomic.Int32
	var refuse func(sandbox.Call) *sandbox.Reply
	refuse = func(c sandbox.Call) *sandbox.Reply {
		d.Handle("chat.postMessage", refuse)
		if goesTo(c) == bob {
			tried.Add(1)
			return sandbox.ReplyError("cannot_dm_bot")
		}
		return nil
	}
	d.Handle("chat.postMessage", refuse)
	s := gate("r1")
	d.service.show("r1", s)
	d.until("bob is tried", func() bool { return tried.Load() == 1 })
	s.Channel[0].Message.Actions, s.Channel[0].Message.Head = nil, "r1 is decided"
	for n := range 6 {
		s.Status.Head = fmt.Sprint("r1 goes on ", n)
		d.service.show("r1", s)
		d.posted(s.Status.Head)
	}
	s.Closed = true
	d.service.show("r1", s)
	d.until("the run closes", func() bool { return d.bot.store.Closed("r1") })
	if n := tried.Load(); n != undelivered {
		t.Errorf("bob was tried %d times, want %d", n, undelivered)
	}
	n := 0
	for _, m := range d.State().Messages {
		if strings.Contains(m.Text, "could not be delivered") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("it is said %d times, want once", n)
	}
}
