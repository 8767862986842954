package bot

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/handlers"
	sandbox "aurorabot/lab/slack"
)

// Whoever holds both tokens can put a modal before somebody in the bot's name. What
// is confirmed there is refused, and named, whatever it says that it is for; what
// the bot showed itself counts once, for the person to whom it was shown.
func TestForgedViews(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	thief := slack.New(d.BotToken(), slack.OptionAPIURL(d.APIURL()))
	claim := fmt.Sprintf(`{"id":"approve","value":"r1|commit|d1","type":"devcluster","channel":%q}`, channel)
	plain := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
	}
	own := slack.ModalViewRequest{Type: slack.VTModal, CallbackID: modalID, PrivateMetadata: claim, Title: plain("Lunch"), Submit: plain("Yes"),
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("typed", plain("Type devcluster"), nil, slack.NewPlainTextInputBlockElement(nil, "typed"))}}}
	last := func(of int) handlers.Request {
		t.Helper()
		d.until("a request", func() bool { return len(d.service.requests()) == of && d.bot.Health().Waiting == 0 })
		return d.service.requests()[of-1]
	}
	ours := func() sandbox.View {
		t.Helper()
		d.Press(bob, channel, m.TS, "approve", "")
		v := d.modal(bob, "devcluster")
		d.until("the bot to know it", func() bool { _, ok := d.bot.store.view(v.ID); return ok })
		return v
	}
	typed := map[string]string{"typed": "devcluster"}
	forged := func(what string, of int, id, why string) {
		t.Helper()
		if out := d.Submit(bob, id, typed); !out.OK() {
			t.Fatalf("%s: %+v", what, out)
		}
		if r := last(of); forgery(r) != why {
			t.Errorf("%s: forged %q (%v), want %q", what, forgery(r), r.Words, why)
		}
	}

	r, err := thief.OpenView(d.Trigger(bob), own)
	if err != nil {
		t.Fatal(err)
	}
	forged("a view of the thief's", 1, r.ID, unknownView)

	v := ours()
	if r, err = thief.UpdateView(own, "", "", v.ID); err != nil {
		t.Fatal(err)
	}
	forged("our view, changed", 2, r.ID, changedView)

	// The same words for another person: their click, not theirs whom it was shown.
	v = ours()
	d.Deliver("interactive", map[string]any{"type": "view_submission", "user": map[string]any{"id": alice, "team_id": team}, "team": map[string]any{"id": team},
		"view": map[string]any{"id": v.ID, "hash": v.Hash, "type": "modal", "callback_id": modalID, "private_metadata": claim}})
	if r := last(3); forgery(r) != othersView || r.Actor.UserID != alice {
		t.Errorf("somebody else's view: forged %q by %s", forgery(r), r.Actor.UserID)
	}

	// The one that it was shown to can still use it.
	if out := d.Submit(bob, v.ID, typed); !out.OK() {
		t.Fatalf("ours: %+v", out)
	}
	if r := last(4); forgery(r) != "" || strings.Join(r.Words, " ") != "approve r1 --gate commit --digest d1 --typed devcluster" {
		t.Errorf("ours: forged %q, %v", forgery(r), r.Words)
	}
	// Once: with another hash, so that it is no delivery of the same once more.
	d.Deliver("interactive", map[string]any{"type": "view_submission", "user": map[string]any{"id": bob, "team_id": team}, "team": map[string]any{"id": team},
		"view": map[string]any{"id": v.ID, "hash": "again", "type": "modal", "callback_id": modalID}})
	if r := last(5); forgery(r) != unknownView {
		t.Errorf("ours, used once more: forged %q", forgery(r))
	}

	// A button in a view of the thief's is none of ours.
	d.Deliver("interactive", map[string]any{"type": "block_actions", "user": map[string]any{"id": bob, "team_id": team}, "team": map[string]any{"id": team},
		"container": map[string]any{"type": "view", "view_id": "V9"}, "view": map[string]any{"id": "V9", "type": "modal", "callback_id": "x"},
		"actions": []any{map[string]any{"action_id": "abort", "value": "r1|commit|d1", "action_ts": "1.1", "type": "button", "block_id": "b"}}})
	d.Slash(bob, channel, "status")
	if r := last(6); r.Words[0] != "status" {
		t.Errorf("a button in somebody's view did %v", r.Words)
	}
}

// A bot that takes over knows the modals that the one before it showed.
func TestViewsLastOverARestart(t *testing.T) {
	d := start(t, workspace())
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	d.Press(bob, channel, m.TS, "approve", "")
	v := d.modal(bob, "devcluster")
	d.stop()
	d.begin()
	if out := d.Submit(bob, v.ID, map[string]string{"typed": "devcluster"}); !out.OK() {
		t.Fatalf("%+v", out)
	}
	d.until("the approval", func() bool { return len(d.service.requests()) == 1 })
	if r := d.service.requests()[0]; forgery(r) != "" {
		t.Errorf("forged %q", forgery(r))
	}
	// An hour later it is too old.
	d.Press(bob, channel, m.TS, "approve", "")
	v = d.modal(bob, "devcluster")
	var s shown
	d.until("the bot to know it", func() (ok bool) { s, ok = d.bot.store.view(v.ID); return ok })
	s.At = s.At.Add(-viewFor - time.Second)
	d.bot.intake.views.remember(s)
	d.Submit(bob, v.ID, map[string]string{"typed": "devcluster"})
	d.until("the refusal", func() bool { return len(d.service.requests()) == 2 })
	if r := d.service.requests()[1]; forgery(r) != unknownView {
		t.Errorf("after an hour: forged %q", forgery(r))
	}
}

// However much one reader asks for, and however many presses wait, others are
// served, and what stops a run is never refused for want of room.
func TestNobodyIsShutOut(t *testing.T) {
	d := newDesk(t, workspace())
	d.config.Each = 0
	d.begin()
	d.service.show("r1", gate("r1"))
	m := d.posted("Commit r1?")
	free := make(chan struct{})
	defer close(free)
	d.service.answer(func(r handlers.Request) handlers.Response {
		if r.Actor.UserID == alice || r.Words[0] == "doctor" {
			<-free
		}
		return handlers.Response{}
	})
	busy := 0
	for i := range 140 {
		if out := d.Slash(alice, channel, fmt.Sprintf("doctor c%d", i)); strings.Contains(string(out.Payload), "Busy") {
			busy++
		}
	}
	if want := 140 - d.bot.Each; busy != want {
		t.Errorf("%d of 140 commands of one person were not taken, want %d", busy, want)
	}
	did := func(words string) {
		t.Helper()
		d.until(words+" by another person", func() bool {
			for _, r := range d.service.requests() {
				if r.Actor.UserID == bob && strings.Join(r.Words, " ") == words {
					return true
				}
			}
			return false
		})
	}
	d.Slash(bob, channel, "status")
	did("status")
	// Even where everybody's room is used up.
	for i := range d.bot.Queue {
		_ = d.bot.work.put("", fmt.Sprint("full", i), func() { <-free })
		_ = d.bot.quick.put("", fmt.Sprint("full", i), func() { <-free })
	}
	for _, words := range []string{"abort r1", "deny r1", "approve r1 --gate start"} {
		if out := d.Slash(bob, channel, words); strings.Contains(string(out.Payload), "Busy") {
			t.Errorf("%s: %s", words, out.Payload)
		}
		did(words)
	}
	d.Press(bob, channel, m.TS, "approve", "")
	d.modal(bob, "devcluster")
}

// forgery is why a request does not count; "" if it does.
func forgery(r handlers.Request) string {
	if r.Forged == nil {
		return ""
	}
	return r.Forged.Why
}
