package script

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/lab/slack"
)

// A hand is a person at the sandbox.
type hand struct {
	space   *slack.Server
	cluster string // What is typed to confirm.
	channel string
	tell    func(format string, args ...any)
}

// say types a command.
func (h *hand) say(user, channel, text string) error {
	h.tell("%s types in #%s: /aurora %s", Name(user), channelName(channel), text)
	out := h.space.Slash(user, channel, text)
	switch {
	case out.Result == slack.TimedOut:
		// The app may have taken it: the journal tells.
		h.tell("%s types /aurora %s: Slack says %s", Name(user), text, out.Result)
	case !out.OK():
		return fmt.Errorf("%s types /aurora %s: Slack says %s %s", Name(user), text, out.Result, out.Why)
	}
	return nil
}

func channelName(id string) string {
	for _, c := range Workspace(nil).Channels {
		if c.ID == id {
			return c.Name
		}
	}
	return id
}

// A place is where a button stands.
type place struct {
	channel, ts      string
	actionID, action string
	value            string
}

// button waits for a button of that kind whose value begins with prefix: the
// newest one counts.
func (h *hand) button(ctx context.Context, action, prefix string) (place, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, 45*time.Second, fmt.Errorf("no button %q with the value %s… within 45s", action, prefix))
	defer cancel()
	var at place
	err := h.space.Wait(ctx, func(st slack.State) bool {
		for _, m := range st.Messages {
			for _, b := range buttons(m.Blocks) {
				id, _, _ := strings.Cut(b.ActionID, "#")
				if id == action && strings.HasPrefix(b.Value, prefix) {
					at = place{m.Channel, m.TS, b.ActionID, action, b.Value}
				}
			}
		}
		return at.ts != ""
	})
	if err != nil {
		return at, context.Cause(ctx)
	}
	return at, nil
}

// A pressable is a button in a message.
type pressable struct {
	Type     string `json:"type"`
	ActionID string `json:"action_id"`
	Value    string `json:"value"`
}

// buttons finds all buttons, wherever in the blocks they are.
func buttons(blocks json.RawMessage) []pressable {
	var found []pressable
	var walk func(raw json.RawMessage)
	walk = func(raw json.RawMessage) {
		var list []json.RawMessage
		var object map[string]json.RawMessage
		switch {
		case json.Unmarshal(raw, &list) == nil:
			for _, e := range list {
				walk(e)
			}
		case json.Unmarshal(raw, &object) == nil:
			var b pressable
			if json.Unmarshal(raw, &b) == nil && b.Type == "button" {
				found = append(found, b)
				return
			}
			for _, e := range object {
				walk(e)
			}
		}
	}
	walk(blocks)
	return found
}

// tries is how often a person does what Slack, or the modal, did not take.
const tries = 3

// use presses the newest button of that kind, and fills in the modal if one opens. What a slow machine makes fail (the message changed under the finger,
// Slack gave up waiting) is looked at and done again, as people do, and told.
func (h *hand) use(ctx context.Context, user, action, prefix string) error {
	for try := 1; ; try++ {
		at, err := h.button(ctx, action, prefix)
		if err != nil {
			return err
		}
		if err = h.press(ctx, user, at); err == nil || try == tries || ctx.Err() != nil {
			return err
		}
		h.tell("%v: once more", err)
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// pressStale presses the newest button of that kind as if it still had another
// value, that of an older message.
func (h *hand) pressStale(ctx context.Context, user, prefix, value string) error {
	at, err := h.button(ctx, "approve", prefix)
	if err != nil {
		return err
	}
	h.tell("%s presses approve (%s)", Name(user), value)
	if out := h.space.PressStale(user, at.channel, at.ts, at.actionID, value); !out.OK() {
		return fmt.Errorf("%s presses approve: Slack says %s %s", Name(user), out.Result, out.Why)
	}
	return nil // An old button opens nothing.
}

// press presses a button, and fills in the modal if one opens: the app answers
// with one, or with a note to the person alone.
func (h *hand) press(ctx context.Context, user string, at place) error {
	h.tell("%s presses %s (%s)", Name(user), at.action, at.value)
	// A modal whose confirmation got no answer stays open, and the next one takes its
	// place: how many there are tells nothing.
	before, notes := h.space.Views(user), len(h.space.Ephemerals(user))
	opened := func() (string, bool) {
		for _, v := range h.space.Views(user) {
			if !slices.ContainsFunc(before, func(b slack.View) bool { return b.ID == v.ID }) {
				return v.ID, true
			}
		}
		return "", false
	}
	if out := h.space.Press(user, at.channel, at.ts, at.actionID, at.value); !out.OK() {
		return fmt.Errorf("%s presses %s: Slack says %s %s", Name(user), at.action, out.Result, out.Why)
	}
	answered, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_ = h.space.Wait(answered, func(slack.State) bool { // Its only error is that the time is over.
		_, modal := opened()
		return modal || len(h.space.Ephemerals(user)) > notes
	})
	view, modal := opened()
	switch {
	case !modal && len(h.space.Ephemerals(user)) == notes:
		return cmp.Or(ctx.Err(), fmt.Errorf("%s presses %s: the app says nothing", Name(user), at.action))
	case !modal:
		return ctx.Err() // The app has said why: the press itself was all.
	}
	out := h.space.Submit(user, view, map[string]string{"typed": h.cluster, "reason": "rehearsal"})
	switch {
	case out.Result == slack.TimedOut:
		// The app may have taken it: the journal tells.
		h.tell("%s confirms %s: Slack says %s", Name(user), at.action, out.Result)
	case !out.OK():
		return fmt.Errorf("%s confirms %s: Slack says %s %s %v", Name(user), at.action, out.Result, out.Why, out.Errors)
	}
	return nil
}

// notes is the last thing that the bot said to a person alone.
func (h *hand) note(user string) string {
	list := h.space.Ephemerals(user)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1].Text
}
