package bot

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/slack-go/slack"

	"aurorabot/bot/link"
)

const (
	// viewFor is how long what is sent from a modal counts after the modal was shown.
	viewFor = time.Hour

	// answerWithin is how long something sent from a modal waits for Slack's answer
	// about the modal itself.
	answerWithin = time.Second
)

// A shown is a modal of ours: what it asks, of whom, and what Slack answered when
// it was shown. Whoever holds the bot token can open modals in the app's name and
// rewrite ours, private metadata included; so nothing of a modal is believed but
// that it is one that this bot showed, in a state in which it showed it. Slack
// gives every state of a view a hash of its own.
type shown struct {
	ID     string    `json:"id"`
	Hashes []string  `json:"hashes"` // Of all states in which it was shown.
	Who    string    `json:"who"`    // Team and user.
	At     time.Time `json:"at"`
	Asks   *meta     `json:"asks,omitempty"` // A button's question.
	Form   *form     `json:"form,omitempty"` // Or the form for a recovery, as it was filled in last.
}

var errUnknownView = errors.New("the modal is not one that was shown by this bot")

// Why what was sent from a modal does not count.
const (
	unknownView = "the bot does not know this dialog: it was opened more than an hour ago, or was used already, or somebody else opened it in the bot's name"
	changedView = "somebody else changed this dialog, in the bot's name, after the bot had opened it"
	othersView  = "this dialog was opened for somebody else"
)

// views are the modals that the bot shows.
type views struct {
	*app

	mu      sync.Mutex
	opening map[string]int // How many of a person Slack has not answered about yet.
}

// open shows v to whoever a is, for what s asks, and remembers it.
func (vs *views) open(ctx context.Context, a *ask, v slack.ModalViewRequest, s shown) (id string, err error) {
	vs.count(a.who(), 1)
	defer vs.count(a.who(), -1)
	ctx, cancel := context.WithTimeout(ctx, link.AckWithin)
	defer cancel()
	r, err := vs.api.OpenViewContext(ctx, a.trigger, v)
	if err != nil {
		return "", err
	}
	s.ID, s.Hashes, s.Who, s.At = r.ID, []string{r.Hash}, a.who(), vs.Now().UTC()
	vs.remember(s)
	return r.ID, nil
}

// redraw shows v in the place of what stands in the modal id, which holds f now.
func (vs *views) redraw(ctx context.Context, id string, v slack.ModalViewRequest, f form) error {
	s, ok := vs.store.view(id)
	if !ok {
		return errUnknownView
	}
	vs.count(s.Who, 1)
	defer vs.count(s.Who, -1)
	ctx, cancel := context.WithTimeout(ctx, whisperWithin)
	defer cancel()
	r, err := vs.api.UpdateViewContext(ctx, v, "", "", id)
	if err != nil {
		return err
	}
	// What a person sends while it is redrawn is of the state before.
	s.Hashes, s.Form, s.At = append(slices.Clone(s.Hashes), r.Hash), &f, vs.Now().UTC()
	vs.remember(s)
	return nil
}

func (vs *views) remember(s shown) {
	if err := vs.store.note(record{View: &s}); err != nil {
		vs.Log.Error("slack: remembering a modal", "err", err)
	}
}

// spent forgets a modal: what was sent from it was taken.
func (vs *views) spent(id string) {
	if err := vs.store.note(record{Spent: id}); err != nil {
		vs.Log.Error("slack: remembering that a modal was used", "err", err)
	}
}

func (vs *views) count(who string, n int) {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	if vs.opening[who] += n; vs.opening[who] == 0 {
		delete(vs.opening, who)
	}
}

// asked reports whether Slack is being asked about a modal of somebody: what it
// will answer may be about the one that they have sent already.
func (vs *views) asked(who string) bool {
	vs.mu.Lock()
	defer vs.mu.Unlock()
	return vs.opening[who] > 0
}

// settle waits, not for long, until Slack has answered about the modal of a.
func (vs *views) settle(a *ask) {
	for end := vs.Now().Add(answerWithin); vs.asked(a.who()) && vs.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if _, forged := vs.known(a); forged == "" {
			return
		}
	}
}

// known is the modal that a was sent from, or why it does not count.
func (vs *views) known(a *ask) (s shown, forged string) {
	s, ok := vs.store.view(a.view.ID)
	switch {
	case !ok || vs.Now().Sub(s.At) > viewFor:
		return shown{}, unknownView
	case s.Who != a.who():
		return shown{}, othersView
	case !slices.Contains(s.Hashes, a.view.Hash):
		return shown{}, changedView
	}
	return s, ""
}

// resolve makes a of what its modal stands for. False: there is nothing in it.
func (vs *views) resolve(a *ask) bool {
	s, forged := vs.known(a)
	switch {
	case forged != "":
		a.forged, a.words = forged, claimed(*a.view)
	case s.Asks != nil && a.modal:
		s.Asks.fill(a)
	case s.Form != nil && a.modal:
		s.Form.complete(a)
	case s.Form != nil && a.chosen != nil:
		f := *s.Form // What is remembered changes when the modal is drawn anew.
		f.choose(a)
	default:
		return false
	}
	return true
}

// claimed is what a modal that does not count says that it is for: nothing is done
// by it, and the audit has it.
func claimed(v slack.View) []string {
	var m meta
	if json.Unmarshal([]byte(v.PrivateMetadata), &m) != nil || m.ID == "" {
		return nil
	}
	return (&button{id: m.ID, value: m.Value}).words("", "")
}
