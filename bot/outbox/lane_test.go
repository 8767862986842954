package outbox

import (
	"slices"
	"testing"
	"time"

	"aurorabot/handlers/view"
)

// Of a message only its last state waits, in the place of the one before; what
// people are asked by overtakes what they are only told.
func TestLane(t *testing.T) {
	l := &lane{wake: make(chan struct{}, 1), sent: map[string]time.Time{}}
	now := time.Unix(1e9, 0)
	text := func(run, head string, a ...view.Action) *Item {
		return &Item{Run: run, Key: StatusKey, Message: view.Message{Head: head, Actions: a}}
	}
	l.put(text("r1", "first"))
	l.put(text("r2", "second"))
	l.put(text("r1", "first again"))
	l.put(text("r3", "asked", view.Action{ID: "approve"}))
	var heads []string
	for {
		i, _ := l.next(now, time.Minute)
		if i == nil {
			break
		}
		heads = append(heads, i.Message.Head)
		l.landed(now, true)
	}
	if want := []string{"asked", "first again", "second"}; !slices.Equal(heads, want) {
		t.Errorf("sent %q, want %q", heads, want)
	}
	// An edit waits for its gap, a question does not.
	l.put(text("r1", "edited"))
	if i, wait := l.next(now.Add(time.Second), time.Minute); i != nil || wait != time.Minute-time.Second {
		t.Errorf("%+v is sent, or waits %s; want nothing for 59 s", i, wait)
	}
	l.put(text("r1", "asked again", view.Action{ID: "approve"}))
	if i, _ := l.next(now.Add(time.Second), time.Minute); i == nil || i.Message.Head != "asked again" {
		t.Errorf("%+v is sent, want the question", i)
	}
}

// What was not taken goes back in its place, unless a newer state came meanwhile.
func TestLaneAgain(t *testing.T) {
	l := &lane{wake: make(chan struct{}, 1), sent: map[string]time.Time{}}
	old, newer := &Item{Run: "r1", Hash: "old", level: 2}, &Item{Run: "r1", Hash: "newer"}
	l.put(old)
	l.put(&Item{Run: "r2", Hash: "other"})
	i, _ := l.next(time.Time{}, 0)
	if l.again(i, true); len(l.items) != 2 || l.items[0] != old {
		t.Error("what was not taken is not the first any more")
	}
	i, _ = l.next(time.Time{}, 0)
	l.put(newer)
	if l.again(i, true); len(l.items) != 2 || l.items[1] != newer || newer.level != 2 {
		t.Errorf("%d items wait, want two: the newer state, in the layout that Slack took", len(l.items))
	}
}
