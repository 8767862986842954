package outbox

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/web"
	"aurorabot/handlers/view"
)

// Of a message only its last state waits, in the place of the one before; what
// people are asked by overtakes what they are only told.
func TestLane(t *testing.T) {
	l := newLane()
	now := time.Unix(1e9, 0)
	text := func(run, head string, a ...view.Action) *Item {
		return &Item{Run: run, Key: StatusKey, Haste: haste(len(a) > 0), Message: view.Message{Head: head, Actions: a}}
	}
	l.put(text("r1", "first"))
	l.put(text("r2", "second"))
	l.put(&Item{Run: "r4", Key: StatusKey, Haste: Live, Message: view.Message{Head: "watched"}})
	l.put(text("r1", "first again"))
	l.put(text("r3", "asked", view.Action{ID: "approve"}))
	var heads []string
	for {
		i, _ := next(l, now, time.Minute)
		if i == nil {
			break
		}
		heads = append(heads, i.Message.Head)
		l.landed(now, true)
	}
	if want := []string{"asked", "watched", "first again", "second"}; !slices.Equal(heads, want) {
		t.Errorf("sent %q, want %q", heads, want)
	}
	// An edit waits for its gap, a question does not.
	l.put(text("r1", "edited"))
	if i, wait := next(l, now.Add(time.Second), time.Minute); i != nil || wait != time.Minute-time.Second {
		t.Errorf("%+v is sent, or waits %s; want nothing for 59 s", i, wait)
	}
	l.put(text("r1", "asked again", view.Action{ID: "approve"}))
	if i, _ := next(l, now.Add(time.Second), time.Minute); i == nil || i.Message.Head != "asked again" {
		t.Errorf("%+v is sent, want the question", i)
	}
}

// What was not taken goes back in its place, unless a newer state came meanwhile.
func TestLaneAgain(t *testing.T) {
	l := newLane()
	old, newer := &Item{Run: "r1", Hash: "old", level: 2}, &Item{Run: "r1", Hash: "newer"}
	l.put(old)
	l.put(&Item{Run: "r2", Hash: "other"})
	i, _ := next(l, time.Time{}, 0)
	if l.again(i, true); len(l.items) != 2 || l.items[0] != old {
		t.Error("what was not taken is not the first any more")
	}
	i, _ = next(l, time.Time{}, 0)
	l.put(newer)
	if l.again(i, true); len(l.items) != 2 || l.items[1] != newer || newer.level != 2 {
		t.Errorf("%d items wait, want two: the newer state, in the layout that Slack took", len(l.items))
	}
}

// haste is that of a question, or of what is only told.
func haste(asked bool) Haste {
	if asked {
		return Asked
	}
	return Told
}

// next is the lane's, for items that are all sent by one method.
func next(l *lane, now time.Time, gap time.Duration) (*Item, time.Duration) {
	return l.next(now, gap, func(*Item) string { return "post" }, func() {})
}

// What fails by one method holds up no other; as long as Slack said, else longer each
// time, until it works again.
func TestLaneHoldsAMethod(t *testing.T) {
	l := newLane()
	now := time.Unix(1e9, 0)
	method := func(i *Item) string { return i.Run }
	get := func(at time.Duration) (string, time.Duration) {
		i, wait := l.next(now.Add(at), 0, method, func() {})
		if i == nil {
			return "", wait
		}
		return i.Run, wait
	}
	l.put(&Item{Run: "update"})
	l.put(&Item{Run: "post"})
	first, _ := get(0)
	l.again(l.flying, true)
	if wait := l.failed(first, &slack.RateLimitedError{RetryAfter: time.Minute}, now); first != "update" || wait != time.Minute {
		t.Fatalf("%s waits %s", first, wait)
	}
	if got, _ := get(time.Second); got != "post" {
		t.Errorf("%q is sent while updates are held, want the post", got)
	}
	l.landed(now, true)
	if got, wait := get(59 * time.Second); got != "" || wait != time.Second {
		t.Errorf("%q is sent, or %s waited", got, wait)
	}
	if got, _ := get(time.Minute); got != "update" {
		t.Errorf("%q is sent after the minute", got)
	}
	l.again(l.flying, true)
	for n, want := range []time.Duration{web.FirstWait, 2 * web.FirstWait, 4 * web.FirstWait} {
		if got := l.failed("update", errors.New("connection reset"), now); got != want {
			t.Errorf("failure %d waits %s, want %s", n, got, want)
		}
	}
	l.works("update")
	if got := l.failed("update", errors.New("connection reset"), now); got != web.FirstWait {
		t.Errorf("after it worked a failure waits %s", got)
	}
}

// What was cut off for a question goes behind it, whoever failed last; a message that
// becomes a question is moved before what is only told.
func TestQuestionsGoFirst(t *testing.T) {
	l := newLane()
	now := time.Unix(1e9, 0)
	l.put(&Item{Run: "told"})
	i, _ := next(l, now, 0)
	l.put(&Item{Run: "gate", Haste: Asked})
	l.again(i, true)
	for range 4 {
		now = now.Add(10 * time.Second)
		now = now.Add(l.failed("post", context.Canceled, now))
		if i, _ = next(l, now, 0); i.Run != "gate" {
			t.Fatalf("%s flies, want the gate", i.Run)
		}
		l.again(i, true)
	}
	l = newLane()
	for _, r := range []string{"a", "b", "c"} {
		l.put(&Item{Run: r})
	}
	l.put(&Item{Run: "r1", Key: StatusKey})
	l.put(&Item{Run: "r1", Key: StatusKey, Haste: Asked})
	if i, _ := next(l, now, 0); i.Run != "r1" || len(l.items) != 3 {
		t.Errorf("%s is sent first of %d, want the stop", i.Run, len(l.items)+1)
	}
}
