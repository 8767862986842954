package script

import (
	"context"
	"encoding/json"
	"fmt"
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
	h.tell("%s types in #%s: /aurora %s", name(user), channelName(channel), text)
	out := h.space.Slash(user, channel, text)
	if !out.OK() {
		return fmt.Errorf("%s types /aurora %s: Slack says %s %s", name(user), text, out.Result, out.Why)
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
	ctx, cancel := context.WithTimeoutCause(ctx, 20*time.Second, fmt.Errorf("no button %q with the value %s… within 20s", action, prefix))
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

// press presses a button, and fills in the modal if one opens.
func (h *hand) press(ctx context.Context, user string, at place, stale bool) error {
	h.tell("%s presses %s (%s)", name(user), at.action, at.value)
	before := len(h.space.Views(user))
	act := h.space.Press
	if stale {
		act = h.space.PressStale
	}
	if out := act(user, at.channel, at.ts, at.actionID, at.value); !out.OK() {
		return fmt.Errorf("%s presses %s: Slack says %s %s", name(user), at.action, out.Result, out.Why)
	}
	if stale {
		return nil // An old button opens nothing.
	}
	opened, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := h.space.Wait(opened, func(slack.State) bool { return len(h.space.Views(user)) > before })
	if err != nil {
		return ctx.Err() // No modal: the press itself was all.
	}
	views := h.space.Views(user)
	out := h.space.Submit(user, views[len(views)-1].ID, map[string]string{"typed": h.cluster, "reason": "rehearsal"})
	if !out.OK() {
		return fmt.Errorf("%s confirms %s: Slack says %s %s %v", name(user), at.action, out.Result, out.Why, out.Errors)
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
