package bot

import (
	"context"
	"slices"
	"strings"
	"time"

	"aurorabot/bot/blocks"
	"aurorabot/bot/outbox"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
)

// twiceWithin is how close together two presses of one person on one button
// are one: a finger that slipped.
const twiceWithin = 3 * time.Second

// press looks what a button needs: a modal, or nothing more.
func (in *intake) press(a *ask) {
	ctx := in.working
	defer in.ledger.survive(ctx, a)
	action, about, current := in.action(ctx, a.button)
	a.own = in.standsIn(a)
	if current && (action.Type != "" || action.Ask != "") && !in.refuses(ctx, a) {
		in.open(ctx, a, action, about)
		in.ledger.answered(a)
		return
	}
	// On an old message there is nothing to type: the service says that it is old.
	// Nor is there for somebody whom it refuses.
	key := strings.Join([]string{"twice", a.team, a.user, a.channel, a.button.message, a.button.id, a.button.value}, ":")
	if !in.pressed(key) {
		in.ledger.answered(a)
		return
	}
	if err := in.hands(a.words).put(a.who(), a.line(), func() { in.perform(a) }); err != nil {
		in.store.forget(a.source)
		defer in.ledger.answered(a)
		in.whisper(ctx, a, in.busy(err))
	}
}

// standsIn is the run's own channel, if the pressed message stands in for one of that
// channel which refuses it: what is pressed there is judged as if it were pressed here.
func (in *intake) standsIn(a *ask) string {
	run, _, _ := strings.Cut(a.button.value, "|")
	status, ok := in.store.Post(run, outbox.StatusKey)
	if !ok || a.channel != in.Channel || status.Channel == in.Channel || len(in.store.under(run, elsewhereKey)) == 0 {
		return ""
	}
	return status.Channel
}

// lookWithin is how long a modal waits to see who pressed: it must be opened
// within three seconds, and is opened if that is not known by then.
const lookWithin = time.Second

// refuses reports whether the service is sure to refuse a: then nothing is
// asked of whoever pressed. It looks again at what is asked in the end.
func (in *intake) refuses(ctx context.Context, a *ask) bool {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	who, err := in.people.Person(ctx, a.team, a.user, handlers.PurposeOf(a.words))
	return err == nil && len(who.Unknown) == 0 && in.service.Refuses(in.request(a, who))
}

// pressed reports whether key was not pressed within [twiceWithin].
func (in *intake) pressed(key string) bool {
	in.presses.Lock()
	defer in.presses.Unlock()
	now := in.Now()
	for k, at := range in.pressedAt {
		if now.Sub(at) > twiceWithin {
			delete(in.pressedAt, k)
		}
	}
	if _, ok := in.pressedAt[key]; ok {
		return false
	}
	in.pressedAt[key] = now
	return true
}

// action finds the button among what the run's messages show now, with the
// message that it stands on. It is asked of the run, not of the message in
// Slack: what has to be typed is never left to an old message.
func (in *intake) action(ctx context.Context, p *button) (view.Action, view.Message, bool) {
	run, _, _ := strings.Cut(p.value, "|")
	if run == "" {
		return view.Action{}, view.Message{}, false
	}
	s, err := in.service.Screens(run)
	if err != nil {
		in.Log.InfoContext(ctx, "slack: a button of a run that cannot be shown", "run", run, "err", err)
		return view.Action{}, view.Message{}, false
	}
	// The gate's own message says most about what is decided; it comes first.
	var messages []view.Message
	for _, k := range slices.Concat(s.Channel, s.Thread) {
		messages = append(messages, k.Message)
	}
	for _, m := range append(messages, s.Status) {
		for _, a := range m.Actions {
			if a.ID == p.id && a.Value == p.value {
				return a, m, true
			}
		}
	}
	return view.Action{}, view.Message{}, false
}

// open shows the modal of a button.
func (in *intake) open(ctx context.Context, a *ask, action view.Action, about view.Message) {
	_, err := in.views.open(ctx, a, blocks.Modal(action, in.outbox.Typed(about, false), modalID), shown{Asks: &meta{
		ID: action.ID, Value: action.Value, Type: action.Type, Ask: action.Ask != "", Channel: a.channel, Thread: a.thread, Home: a.own,
	}})
	if err == nil {
		return
	}
	in.Log.WarnContext(ctx, "slack: opening a modal", "action", action.ID, "err", in.secrets.Err(err))
	in.whisper(ctx, a, view.Message{
		Tone:  view.Warn,
		Head:  "The question could not be shown. Nothing was done.",
		Lines: []string{"Press the button again, or type `" + in.Command + " " + strings.Join(a.words, " ") + "`."},
	})
}

// inputs are the block_ids of the modal that a came from.
func (a *ask) inputs() []string {
	var ids []string
	for option, id := range map[string]string{"--typed": blocks.Typed, "--reason": blocks.Reason} {
		if slices.Contains(a.words, option) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}
