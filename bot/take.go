package bot

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/bot/link"
	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
)

// An intake is what requests come in through: from an envelope to
// [Service.Handle], and to the answer.
type intake struct {
	*app
	ledger *ledger
	forms  *forms
	views  *views
	homes  *homes
	spots  spots
	joined func(channel string) // Told that the bot was taken into a channel.

	presses   sync.Mutex
	pressedAt map[string]time.Time
}

// take acknowledges what came over a link and has it handled. It does not
// block: what cannot be taken is refused in words at once.
func (in *intake) take(e link.Envelope) {
	a := in.heard(read(e.Event, in.self().user))
	if a != nil && a.view != nil && in.views.asked(a.who()) {
		// People are not so quick; a client's answer may overtake Slack's.
		if in.quick.put(a.who(), "view/"+a.view.ID, func() { in.views.settle(a); in.taken(e, a) }) == nil {
			return
		}
	}
	in.taken(e, a)
}

func (in *intake) taken(e link.Envelope, a *ask) {
	switch {
	case a == nil:
		e.Ack(nil)
		return
	case a.stale != nil:
		e.Ack(nil)
		in.people.forget(a.stale)
		return
	case a.joined != "":
		e.Ack(nil)
		in.joined(a.joined)
		return
	case !in.first(a):
		e.Ack(nil)
		return
	}
	if a.view != nil && !in.views.resolve(a) {
		e.Ack(nil)
		return
	}
	if len(a.errors) > 0 {
		in.forget(a) // It is sent once more.
		e.Ack(map[string]any{"response_action": "errors", "errors": a.errors})
		return
	}
	if a.lasts(in.Overview != nil) {
		a.kept = make(chan struct{})
	}
	why := in.enqueue(a)
	if why == nil {
		ack := func() { e.Ack(nil) }
		if a.kept != nil {
			in.ledger.put(a, ack)
			return
		}
		ack()
		return
	}
	// It was not taken, so it may come again and be taken then.
	in.forget(a)
	busy := in.busy(why)
	text := busy.Head
	switch {
	case a.answer && e.Request.AcceptsResponsePayload:
		e.Ack(map[string]any{"response_type": "ephemeral", "text": text})
	case a.modal && len(a.inputs()) > 0:
		e.Ack(map[string]any{"response_action": "errors", "errors": map[string]string{a.inputs()[0]: text}})
	default:
		e.Ack(nil)
		// Whose share is used up has been told so often enough.
		_ = in.quick.put(a.who(), "busy/"+a.who(), func() { in.whisper(in.working, a, busy) })
	}
}

// errStopping is why nothing is taken any more.
var errStopping = errors.New("the bot is stopping")

// busy is what somebody is told whose request is not taken.
func (in *intake) busy(why error) view.Message {
	in.busied.Add(1)
	return view.Message{Tone: view.Warn, Head: fmt.Sprintf("Busy: %v. Nothing was done; ask again in a minute.", why)}
}

// keys are what a is recognised by when it comes again.
func (a *ask) keys() []string {
	return slices.DeleteFunc([]string{a.source, a.event}, func(k string) bool { return k == "" })
}

// first reports whether a is there for the first time, and remembers it.
func (in *intake) first(a *ask) bool {
	first := true
	for _, k := range a.keys() {
		first = in.store.first(k) && first
	}
	if a.channel != "" {
		in.spots.heard(spot{a.channel, a.thread}, in.Now())
	}
	return first
}

// forget takes that back: a was not taken.
func (in *intake) forget(a *ask) {
	for _, k := range a.keys() {
		in.store.forget(k)
	}
}

// lasts reports whether a is something that must not be forgotten once Slack
// was told that it is taken: all but what is only shown, and shown again at the
// next try. forms: those are served.
func (a *ask) lasts(forms bool) bool {
	return !a.home && (a.form == nil || !forms && a.words != nil)
}

// enqueue has a handled, or says why it cannot be.
func (in *intake) enqueue(a *ask) error {
	switch {
	case in.draining.Load():
		return errStopping
	case a.home:
		return in.work.put(a.who(), "home/"+a.who(), func() { in.homes.open(a) })
	case a.form != nil && in.Overview != nil:
		// Not in line: a modal must be opened within three seconds.
		return in.quick.put(a.who(), "form/"+a.who(), func() { in.forms.fill(a) })
	case a.form != nil && a.words == nil:
		return in.quick.put(a.who(), "form/"+a.who(), func() {
			in.whisper(in.working, a, view.Message{Tone: view.Warn, Head: "No form is served here. Nothing was done.",
				Lines: []string{fmt.Sprintf("Type `%s recover CLUSTER BACKUP` in a channel.", in.Command)}})
		})
	case a.button != nil:
		// Not in line: a modal must be opened within three seconds.
		if hands := in.hands(a.words); hands != in.work {
			return hands.put(a.who(), a.source, func() { in.press(a) })
		}
		return in.quick.put(a.who(), a.source, func() { in.press(a) })
	}
	return in.hands(a.words).put(a.who(), a.line(), func() { in.perform(a) })
}

// slow is how long somebody waits before being told that work goes on.
const slow = 3 * time.Second

// perform has the service handle a, and tells what it says.
func (in *intake) perform(a *ask) {
	ctx := in.working
	defer in.ledger.survive(ctx, a)
	in.ledger.keep(ctx, a)
	if a.view != nil && a.forged == "" {
		in.views.spent(a.view.ID)
	}
	if a.wrong != nil {
		defer in.ledger.answered(a)
		in.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Not understood: " + a.wrong.Error(),
			Lines: []string{fmt.Sprintf("Nothing was done. `%s help` shows the commands.", in.Command)},
		})
		return
	}
	note := time.AfterFunc(slow, func() {
		in.whisper(ctx, a, working(a.words[0]))
	})
	defer note.Stop()

	actor, err := in.people.Person(ctx, a.team, a.user, handlers.PurposeOf(a.words))
	if err != nil {
		defer in.ledger.answered(a)
		in.Log.ErrorContext(ctx, "slack: looking up who asks", "user", a.user, "err", in.secrets.Err(err))
		in.whisper(ctx, a, view.Message{
			Tone:  view.Bad,
			Head:  "Refused: Slack does not say who you are",
			Lines: []string{in.secrets.Err(err).Error(), "Nothing was done. If it stays so, use the command line on the bot's host."},
		})
		return
	}
	r := in.service.Handle(ctx, in.request(a, actor))
	note.Stop()
	in.reply(ctx, a, r)
}

// request is what a asks of the service, on behalf of who.
func (b *app) request(a *ask, who policy.Actor) handlers.Request {
	r := handlers.Request{Actor: who, Channel: room(cmp.Or(a.own, a.channel)), Thread: a.thread, Words: a.words, At: b.Now(), Source: a.source}
	if a.forged != "" {
		r.Forged = &policy.Refusal{Rule: handlers.ForgedView, Why: a.forged}
	}
	return r
}

// working is what somebody is told whose request takes its time.
func working(command string) view.Message { return view.Message{Head: "Working on " + command} }

// room is how policy calls a channel: all direct messages are one, for nobody
// but the two sees what is decided there.
func room(channel string) string {
	if strings.HasPrefix(channel, "D") {
		return "dm"
	}
	return channel
}

// survive is deferred by what runs on somebody's behalf: a panic there must
// not end the bot in the middle of a recovery.
func (g *ledger) survive(ctx context.Context, a *ask) {
	p := recover()
	if p == nil {
		return
	}
	g.panicked(p)
	defer g.answered(a)
	g.whisper(ctx, a, view.Message{
		Tone:  view.Bad,
		Head:  "The bot itself failed at this request",
		Lines: []string{fmt.Sprintf("What it did before, if anything, is in `%s status`. The cause is in the bot's log.", g.Command)},
	})
}
