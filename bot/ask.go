package bot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"aurorabot/bot/blocks"
	"aurorabot/bot/typing"
	"aurorabot/handlers/view"
)

// An ask is what somebody wants, as Slack signed it. It is not yet looked at
// who that is.
type ask struct {
	team, user      string
	channel, thread string
	own             string    // The run's own channel, where a stand-in of one of its messages was pressed; "": it is channel.
	alone           bool      // Nobody has replied in thread yet: Slack shows no note to one person there.
	source          string    // Recognises the same request; "" if it need not be.
	event           string    // Recognises the same delivery of an event; "" if it is none.
	at              time.Time // When it was said; zero: now.
	trigger         string    // Opens a modal, within 3 s.
	responseURL     string    // Answers to the person alone, 5 times within 30 min. A secret.

	words []string
	said  string // What they were read from, where no slash command was typed.
	wrong error  // Why what was typed cannot be split into words.

	button *button           // Pressed; words are made of it.
	form   *form             // Asks for what is missing of the words.
	home   bool              // App Home was opened.
	errors map[string]string // Of a modal: what was filled in wrongly, by block.
	stale  []string          // IDs of user groups and people of whom Slack says that what is known is out of date; "": of all.
	joined string            // The channel that the bot was taken into.
	answer bool              // The acknowledgement may carry an answer to the person.
	modal  bool              // The acknowledgement may carry errors.

	view   *slack.View        // The modal that it was sent from; what that stands for is not looked up yet.
	chosen *slack.BlockAction // What was chosen in it, where it was not sent off.
	forged string             // Why the modal does not count: the ask is refused.

	kept chan struct{} // Closed when it is written down that a was taken; nil: nobody is writing that.
}

// A button is a [view.Action] as it came back.
type button struct {
	id, value string
	message   string // The message's ts.
}

// who tells the person from all others.
func (a *ask) who() string { return a.team + "/" + a.user }

// line is what an ask stands in line for: what is decided about one run is done in
// order, whoever asks; else what one person asks. An abort overtakes.
func (a *ask) line() string {
	if len(a.words) > 1 && slices.Contains(decisions, a.words[0]) {
		if a.words[0] == "abort" {
			return "abort/" + a.words[1]
		}
		return "run/" + a.words[1]
	}
	return "person/" + a.who()
}

// read makes an ask of what came over a link. Nil: nobody asks for anything.
func read(e socketmode.Event, botUser string) *ask {
	switch data := e.Data.(type) {
	case slack.SlashCommand:
		return slash(data, botUser)
	case slack.InteractionCallback:
		switch data.Type {
		case slack.InteractionTypeBlockActions:
			if data.View.CallbackID == formID {
				return sent(data)
			}
			return pressed(data)
		case slack.InteractionTypeMessageAction:
			if data.CallbackID == AlertShortcut {
				return alert(data)
			}
		case slack.InteractionTypeShortcut:
			if data.CallbackID == GlobalShortcut {
				return &ask{team: teamOf(data), user: data.User.ID, trigger: data.TriggerID, form: &form{Command: "recover"}}
			}
		case slack.InteractionTypeViewSubmission:
			return sent(data)
		}
	default:
		if e.Type == socketmode.EventTypeEventsAPI {
			return happened(e.Request.Payload, botUser)
		}
	}
	return nil
}

func slash(c slack.SlashCommand, botUser string) *ask {
	a := &ask{team: c.TeamID, user: c.UserID, channel: c.ChannelID, trigger: c.TriggerID, responseURL: c.ResponseURL, answer: true}
	if c.TriggerID != "" {
		a.source = "slash:" + c.TriggerID
	}
	a.say(wordsTo(unmention(c.Text, botUser), cmp.Or(c.Command, defaultCommand)))
	if f := formOf(a.words); f != nil && a.trigger != "" && a.wrong == nil {
		f.Channel = a.channel
		a.form = f
	}
	return a
}

// say takes words that were read as those of a command.
func (a *ask) say(words []string, err error) {
	if a.words, a.wrong = words, err; a.wrong == nil && len(a.words) == 0 {
		a.words = []string{"help"}
	}
}

func pressed(c slack.InteractionCallback) *ask {
	if len(c.ActionCallback.BlockActions) == 0 {
		return nil
	}
	p := c.ActionCallback.BlockActions[0]
	if blocks.ActionID(p.ActionID) == homeRecover {
		return &ask{team: teamOf(c), user: c.User.ID, trigger: c.TriggerID, form: &form{Command: "recover", Cluster: p.Value}}
	}
	if c.View.ID != "" {
		return nil // Our views have no buttons but that: somebody else's say what they like.
	}
	a := &ask{
		team: teamOf(c), user: c.User.ID, channel: c.Channel.ID, thread: c.Container.ThreadTs,
		trigger: c.TriggerID, responseURL: c.ResponseURL,
		source: strings.Join([]string{"press", p.ActionTs, c.User.ID, p.ActionID}, ":"),
		button: &button{blocks.ActionID(p.ActionID), p.Value, c.Container.MessageTs},
	}
	if a.channel == "" {
		a.channel = c.Container.ChannelID
	}
	a.words = a.button.words("", "")
	return a
}

// teamOf is the workspace of the person, not the one where they pressed.
func teamOf(c slack.InteractionCallback) string {
	if c.User.TeamID != "" {
		return c.User.TeamID
	}
	return c.Team.ID
}

// words are what somebody would have typed instead of pressing the button.
func (b *button) words(typed, reason string) []string {
	return view.Action{ID: b.id, Value: b.value}.Words(typed, reason)
}

// meta is what a button's modal stands for.
type meta struct {
	ID      string `json:"id"`
	Value   string `json:"value"`
	Type    string `json:"type,omitempty"`
	Ask     bool   `json:"ask,omitempty"`
	Channel string `json:"channel"`
	Home    string `json:"home,omitempty"` // See [ask].
	Thread  string `json:"thread,omitempty"`
}

// modalID is the callback_id of our modals.
const modalID = "confirm"

// sent is what somebody sent from a modal, or chose in one: what it stands for is
// looked up, see [views].
func sent(c slack.InteractionCallback) *ask {
	a := &ask{team: teamOf(c), user: c.User.ID, view: &c.View}
	if c.Type == slack.InteractionTypeViewSubmission {
		a.source, a.modal = strings.Join([]string{"view", c.View.ID, c.View.Hash, a.who()}, ":"), true
	} else if len(c.ActionCallback.BlockActions) == 1 {
		a.chosen = c.ActionCallback.BlockActions[0]
	}
	return a
}

// fill makes a of what was typed into the modal.
func (m *meta) fill(a *ask) {
	filled := func(block string) string {
		if a.view.State == nil {
			return ""
		}
		return strings.TrimSpace(a.view.State.Values[block][block].Value)
	}
	typed, reason := strings.TrimSpace(typing.Plain(filled(blocks.Typed))), filled(blocks.Reason)
	a.channel, a.thread, a.own = m.Channel, m.Thread, m.Home
	a.words, a.errors = (&button{id: m.ID, value: m.Value}).words(typed, reason), map[string]string{}
	if m.Type != "" && typed != m.Type {
		a.errors[blocks.Typed] = fmt.Sprintf("This is not %s.", m.Type)
	}
	if m.Ask && reason == "" {
		a.errors[blocks.Reason] = "Say why in a few words."
	}
}

// happened reads an event. Its source is the event's ID: the envelope's is
// another one when it is delivered again.
func happened(payload json.RawMessage, botUser string) *ask {
	var p struct {
		TeamID  string `json:"team_id"`
		EventID string `json:"event_id"`
		Event   struct {
			Type        string          `json:"type"`
			Subtype     string          `json:"subtype"`
			User        json.RawMessage `json:"user"` // An object in some events.
			Text        string          `json:"text"`
			TS          string          `json:"ts"`
			ThreadTS    string          `json:"thread_ts"`
			Channel     json.RawMessage `json:"channel"`
			ChannelType string          `json:"channel_type"`
			BotID       string          `json:"bot_id"`
			Tab         string          `json:"tab"`
			Team        string          `json:"team"`
			UserTeam    string          `json:"user_team"`
			Subteam     struct {
				ID string `json:"id"`
			} `json:"subteam"`
			SubteamID string `json:"subteam_id"`
		} `json:"event"`
	}
	if json.Unmarshal(payload, &p) != nil {
		return nil
	}
	e := p.Event
	switch e.Type {
	case "subteam_members_changed":
		return &ask{stale: []string{e.SubteamID}}
	case "subteam_updated":
		return &ask{stale: []string{e.Subteam.ID}}
	case "user_change":
		var u struct {
			ID string `json:"id"`
		}
		// Without an ID it may be anybody.
		_ = json.Unmarshal(e.User, &u)
		return &ask{stale: []string{u.ID}}
	case "member_joined_channel":
		a := &ask{}
		var who string
		if json.Unmarshal(e.User, &who) != nil || who != botUser || json.Unmarshal(e.Channel, &a.joined) != nil || a.joined == "" {
			return nil // Somebody else, or an object of another kind.
		}
		return a
	case "app_home_opened":
		a := &ask{team: p.TeamID, home: e.Tab == "home"}
		if json.Unmarshal(e.User, &a.user) != nil || !a.home || a.user == "" {
			return nil
		}
		return a
	case "app_mention":
	case "message":
		if e.ChannelType != "im" || e.Subtype != "" {
			return nil
		}
	default:
		return nil
	}
	u := utterance{team: cmp.Or(e.UserTeam, e.Team, p.TeamID), bot: e.BotID, ts: e.TS, thread: e.ThreadTS, text: e.Text, mention: e.Type == "app_mention"}
	// What is no text is an object, of a kind that says nothing here.
	_, _ = json.Unmarshal(e.User, &u.user), json.Unmarshal(e.Channel, &u.channel)
	a := u.ask(botUser)
	if a != nil {
		a.event = "event:" + p.EventID
	}
	return a
}

// An utterance is what somebody said to the bot, as an event tells it, or the
// channel's history.
type utterance struct {
	team, user, bot     string // Bot: its ID, if a bot said it.
	channel, ts, thread string
	text                string
	mention             bool // The bot was named.
}

// ask is what an utterance asks for. Nil: nothing.
func (u utterance) ask(botUser string) *ask {
	// Bots are not answered: two of them would talk for ever.
	if u.bot != "" || u.user == "" || u.user == botUser || u.channel == "" || u.ts == "" {
		return nil
	}
	a := &ask{team: u.team, user: u.user, channel: u.channel, thread: u.thread, source: "said:" + u.channel + ":" + u.ts}
	if s, err := strconv.ParseFloat(u.ts, 64); err == nil {
		a.at = time.UnixMilli(int64(s * 1000))
	}
	if a.thread == "" && u.mention {
		a.thread, a.alone = u.ts, true // The answer hangs below the question, not in the channel.
	}
	a.said = unmention(u.text, botUser)
	a.say(words(a.said))
	return a
}

// heard is a, whose words were read as if the bot had the usual slash command.
func (b *app) heard(a *ask) *ask {
	if a != nil && a.said != "" && b.Command != defaultCommand {
		a.say(wordsTo(a.said, b.Command))
	}
	return a
}

// leading is what may stand before the bot's name: marks of formatted and quoted
// text, and what nobody sees.
const leading = " \t\n>*_~`\u200b\u200e\u200f\u2060\ufeff\u00a0"

// behindName is what one writes between a name and what one says to it.
var behindName = regexp.MustCompile(`^\s*([:,;]|[-–—]\s)`)

// unmention takes the bot's name off the beginning of what was said to it, and what
// one writes behind a name.
func unmention(text, botUser string) string {
	text = strings.TrimSpace(text)
	quoted := strings.ReplaceAll(text, "&gt;", ">")
	said := strings.TrimLeft(quoted, leading)
	before := quoted[:len(quoted)-len(said)]
	for _, end := range []string{">", "|"} {
		rest, ok := strings.CutPrefix(said, "<@"+botUser+end)
		if !ok {
			continue
		}
		if end == "|" {
			_, rest, _ = strings.Cut(rest, ">")
		}
		formatted := false
		for mark := strings.TrimRight(before, " \t\n>"); mark != "" && strings.HasPrefix(rest, mark[len(mark)-1:]); mark = mark[:len(mark)-1] {
			before, rest = mark[:len(mark)-1], rest[1:]
			formatted = true // Only the name was.
		}
		if cut := behindName.ReplaceAllString(rest, ""); cut != rest || before != "" || formatted {
			rest = strings.TrimLeft(cut, " ")
		}
		return before + rest
	}
	return text
}
