package blocks

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// actionsID is the block_id of a message's buttons.
const actionsID = "actions"

// actions are one block of buttons. A button whose value Slack would refuse is
// left out and named: a value must never be cut, it says what is decided.
func (b *builder) actions(m view.Message) {
	var buttons []slack.BlockElement
	var lost []string
	room := allValues
	for i, a := range m.Actions {
		e := slack.NewButtonBlockElement(actionID(m.Actions, i), a.Value, plain(cutEscaped(a.Label, maxLabel)))
		switch a.Style {
		case "primary":
			e.Style = slack.StylePrimary
		case "danger":
			e.Style = slack.StyleDanger
		}
		if size(e) > room || len(buttons) == maxButtons || a.ID == "" || len(e.ActionID) > maxID ||
			utf8.RuneCountInString(a.Value) > maxValue || !utf8.ValidString(a.Value) {
			lost = append(lost, cut(a.Label, maxLabel))
			continue
		}
		room -= size(e)
		buttons = append(buttons, e)
	}
	if len(buttons) > 0 {
		b.add(slack.NewActionBlock(actionsID, buttons...))
	}
	if len(lost) > 0 {
		b.add(rich(section(raw(cut("Not shown as buttons: "+strings.Join(lost, ", "), 300), nil))))
	}
}

// actionID is the action's ID, made unique within its block.
func actionID(all []view.Action, i int) string {
	n := 0
	for _, a := range all[:i] {
		if a.ID == all[i].ID {
			n++
		}
	}
	return numbered(all[i].ID, n)
}

// numbered is the action_id of the button that has n others of its ID before it.
func numbered(id string, n int) string {
	if n == 0 {
		return id
	}
	return fmt.Sprintf("%s#%d", id, n+1)
}

// ActionID is the [view.Action] ID of a button, given its action_id.
func ActionID(id string) string {
	id, _, _ = strings.Cut(id, "#")
	return id
}
