package script

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"aurorabot/lab/slack"
)

// forgeries is how many ways there are to put a modal before somebody that is not
// what the bot asks.
const forgeries = 3

// confirmForged has a thief, who has both tokens of the app, put modals before a
// person, who confirms them: the thief's own, a copy of the bot's, and the bot's
// with another text and purpose.
func (h *hand) confirmForged(ctx context.Context, user, value string) error {
	at, err := h.button(ctx, "approve", value)
	if err != nil {
		return err
	}
	api := slackapi.New(h.space.BotToken(), slackapi.OptionAPIURL(h.space.APIURL()))
	own := slackapi.ModalViewRequest{
		Type: slackapi.VTModal, CallbackID: "confirm", Title: words("Lunch"), Submit: words("Count me in"),
		PrivateMetadata: fmt.Sprintf(`{"id":"approve","value":%q,"type":%q,"channel":%q,"message":%q}`, at.value, h.cluster, at.channel, at.ts),
		Blocks: slackapi.Blocks{BlockSet: []slackapi.Block{
			slackapi.NewInputBlock("typed", words("Type the name of a cluster"), nil, slackapi.NewPlainTextInputBlockElement(nil, "typed")),
		}},
	}
	for _, forgery := range []struct {
		what string
		show func() (string, error)
	}{
		{"a modal of the thief's", func() (string, error) {
			r, err := api.OpenViewContext(ctx, h.space.Trigger(user), own)
			return viewID(r), err
		}},
		{"a copy of the bot's modal", func() (string, error) {
			v, err := h.opened(ctx, user, at)
			if err != nil {
				return "", err
			}
			var copied slackapi.ModalViewRequest
			if err := json.Unmarshal(v.Body, &copied); err != nil {
				return "", err
			}
			r, err := api.OpenViewContext(ctx, h.space.Trigger(user), copied)
			return viewID(r), err
		}},
		{"the bot's modal, changed by the thief", func() (string, error) {
			v, err := h.opened(ctx, user, at)
			if err != nil {
				return "", err
			}
			r, err := api.UpdateViewContext(ctx, own, "", "", v.ID)
			return viewID(r), err
		}},
	} {
		id, err := forgery.show()
		if err != nil {
			return fmt.Errorf("a thief shows %s to %s: %w", forgery.what, Name(user), err)
		}
		h.tell("%s confirms %s", Name(user), forgery.what)
		if out := h.space.Submit(user, id, map[string]string{"typed": h.cluster}); !out.OK() && out.Result != slack.TimedOut {
			return fmt.Errorf("%s confirms %s: Slack says %s %s %v", Name(user), forgery.what, out.Result, out.Why, out.Errors)
		}
	}
	return nil
}

func words(text string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.PlainTextType, text, false, false)
}

func viewID(r *slackapi.ViewResponse) string {
	if r == nil {
		return ""
	}
	return r.ID
}

// opened presses a button and waits for the bot's modal.
func (h *hand) opened(ctx context.Context, user string, at place) (slack.View, error) {
	before := h.space.Views(user)
	if out := h.space.Press(user, at.channel, at.ts, at.actionID, at.value); !out.OK() {
		return slack.View{}, fmt.Errorf("%s presses %s: Slack says %s %s", Name(user), at.action, out.Result, out.Why)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, 10*time.Second, fmt.Errorf("%s presses %s: no modal within 10 s", Name(user), at.action))
	defer cancel()
	var v slack.View
	err := h.space.Wait(ctx, func(slack.State) bool {
		for _, v = range h.space.Views(user) {
			if !slices.ContainsFunc(before, func(b slack.View) bool { return b.ID == v.ID }) && strings.Contains(string(v.Body), h.cluster) {
				return true
			}
		}
		return false
	})
	if err != nil {
		return v, context.Cause(ctx)
	}
	return v, nil
}
