package bot

import (
	"slices"
	"strings"
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
	d.Handle("chat.update", func(sandbox.Call) *sandbox.Reply { return sandbox.ReplyError("message_not_found") })
	s.Status.Head = "r1 goes on"
	d.service.show("r1", s)
	d.posted("r1 goes on")
	if n := len(d.Messages(channel)); n != 2 {
		t.Errorf("%d messages, want the lost one and a new one", n)
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
