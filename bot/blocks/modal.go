package blocks

import (
	"github.com/slack-go/slack"

	"aurorabot/handlers/view"
)

// The block_id and action_id of a modal's inputs.
const (
	Typed  = "typed"
	Reason = "reason"
)

// Modal asks for what a wants typed or said before it counts. about is the
// message that the button stood on: what is decided stays in sight.
func Modal(a view.Action, about view.Message, callback string) slack.ModalViewRequest {
	// As much as the message has: what is decided is not decided by half of it.
	b := builder{room: rooms[0], modal: true}
	about = tidy(view.Message{Tone: about.Tone, Head: about.Head, Lines: about.Lines, Fields: about.Fields, Foot: about.Foot})
	b.add(slack.NewHeaderBlock(plain(cutEscaped(tones[about.Tone]+line(about.Head), maxHeader))))
	b.lines(view.Message{Lines: about.Lines})
	b.fields(view.Message{Fields: about.Fields})
	b.foot(view.Message{Foot: about.Foot})
	if a.Type != "" {
		in := slack.NewPlainTextInputBlockElement(nil, Typed)
		in.MaxLength = maxInput
		label := plain(cutEscaped("Type "+line(a.Type)+" to confirm", maxContext))
		b.add(slack.NewInputBlock(Typed, label, nil, in))
	}
	if a.Ask != "" {
		in := slack.NewPlainTextInputBlockElement(nil, Reason)
		in.Multiline, in.MaxLength = true, maxInput
		b.add(slack.NewInputBlock(Reason, plain(cutEscaped(line(a.Ask), maxContext)), nil, in))
	}
	return slack.ModalViewRequest{
		Type:       slack.VTModal,
		Title:      plain(cutEscaped(line(a.Label), maxTitle)),
		Submit:     plain(cutEscaped(line(a.Label), maxTitle)),
		Close:      plain("Cancel"),
		CallbackID: callback,
		Blocks:     slack.Blocks{BlockSet: b.blocks},
	}
}
