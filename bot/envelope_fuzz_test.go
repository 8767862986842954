package bot

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"

	"aurorabot/handlers"
)

// envelopes are what Slack sends over a link, one of each kind that is read.
var envelopes = []string{
	`{"type":"slash_commands","envelope_id":"e1","accepts_response_payload":true,"payload":{"team_id":"T1","user_id":"U1","channel_id":"C1","command":"/aurora","text":"recover dev scheduler-backup-2026-11-23-08-36 --reason 'a \"b\"'","trigger_id":"1.2.3","response_url":"https://hooks.slack.com/commands/a/b"}}`,
	`{"type":"interactive","envelope_id":"e2","payload":{"type":"block_actions","team":{"id":"T1"},"user":{"id":"U1","team_id":"T2"},"trigger_id":"1.2","response_url":"https://hooks.slack.com/actions/a","container":{"message_ts":"1.1","channel_id":"C1","thread_ts":"1.0"},"actions":[{"type":"button","block_id":"b","action_id":"approve","value":"dev-1|commit|0123","action_ts":"9.9"}]}}`,
	`{"type":"interactive","envelope_id":"e3","payload":{"type":"view_submission","team":{"id":"T1"},"user":{"id":"U1"},"view":{"id":"V1","hash":"h","callback_id":"confirm","private_metadata":"{\"id\":\"approve\",\"value\":\"dev-1|commit|0123\",\"type\":\"dev\",\"ask\":true,\"channel\":\"C1\",\"message\":\"1.1\"}","state":{"values":{"typed":{"typed":{"type":"plain_text_input","value":"dev"}},"reason":{"reason":{"type":"plain_text_input","value":"x"}}}}}}}`,
	`{"type":"interactive","envelope_id":"e4","payload":{"type":"message_action","callback_id":"recover_alert","team":{"id":"T1"},"user":{"id":"U1"},"channel":{"id":"C1"},"message":{"text":"a","ts":"1.1"},"trigger_id":"1.2"}}`,
	`{"type":"interactive","envelope_id":"e5","payload":{"type":"shortcut","callback_id":"recover","team":{"id":"T1"},"user":{"id":"U1"},"trigger_id":"1.2"}}`,
	`{"type":"events_api","envelope_id":"e6","retry_attempt":1,"payload":{"type":"event_callback","team_id":"T1","event_id":"Ev1","event":{"type":"app_mention","user":"U1","text":"<@UBOT> status dev","ts":"1.1","channel":"C1"}}}`,
	`{"type":"events_api","envelope_id":"e7","payload":{"type":"event_callback","team_id":"T1","event_id":"Ev2","event":{"type":"message","channel_type":"im","user":"U1","text":"undo x","ts":"1.1","channel":"D1","bot_id":"B1"}}}`,
	`{"type":"events_api","envelope_id":"e8","payload":{"type":"event_callback","team_id":"T1","event_id":"Ev3","event":{"type":"subteam_members_changed","subteam_id":"S1"}}}`,
	`{"type":"events_api","envelope_id":"e9","payload":{"type":"event_callback","team_id":"T1","event_id":"Ev4","event":{"type":"app_home_opened","user":"U1","tab":"home"}}}`,
	`{"type":"disconnect","reason":"refresh_requested"}`, `{}`, `null`, `[]`, `{"type":"interactive","payload":{"type":"view_submission"}}`,
}

// unwrap reads an envelope as the library does before it hands it to a link.
func unwrap(raw []byte) (e socketmode.Event, ok bool) {
	var r socketmode.Request
	if json.Unmarshal(raw, &r) != nil {
		return e, false
	}
	e.Request = &r
	switch r.Type {
	case socketmode.RequestTypeSlashCommands:
		var c slack.SlashCommand
		e.Type = socketmode.EventTypeSlashCommand
		ok = json.Unmarshal(r.Payload, &c) == nil
		e.Data = c
	case socketmode.RequestTypeInteractive:
		var c slack.InteractionCallback
		e.Type = socketmode.EventTypeInteractive
		ok = json.Unmarshal(r.Payload, &c) == nil
		e.Data = c
	case socketmode.RequestTypeEventsAPI:
		c, err := slackevents.ParseEvent(r.Payload, slackevents.OptionNoVerifyToken())
		e.Type, e.Data, ok = socketmode.EventTypeEventsAPI, c, err == nil
	}
	return e, ok
}

// Whatever comes over a link is read without a panic; who asks, and in
// which words, stands in the envelope itself; nobody and the bot itself ask nothing.
func FuzzEnvelope(f *testing.F) {
	for _, e := range envelopes {
		f.Add([]byte(e))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		e, ok := unwrap(raw)
		if !ok {
			return
		}
		a := read(e, "UBOT")
		if a == nil {
			return
		}
		if a.view != nil { // Whatever is typed into a modal of ours.
			_ = claimed(*a.view)
			(&meta{ID: "approve", Value: "r|commit|d", Type: "dev", Ask: true}).fill(a)
			(&form{Command: "recover"}).complete(a)
			if a.chosen != nil {
				(&form{Command: "recover"}).choose(a)
			}
		}
		if a.line() == "" {
			t.Error("an ask that stands in no line")
		}
		_ = handlers.ReadOnly(slices.Clone(a.words))
		if e.Type == socketmode.EventTypeEventsAPI && a.words != nil && (a.user == "" || a.user == "UBOT" || a.channel == "") {
			t.Errorf("asked by %q in %q", a.user, a.channel)
		}
		if a.button != nil && (len(a.words) == 0 || a.words[0] != a.button.id) {
			t.Errorf("button %+v asks for %q", a.button, a.words)
		}
		if c, is := e.Data.(slack.SlashCommand); is && len(a.words) > len(c.Text)+1 {
			t.Errorf("%q became %d words", c.Text, len(a.words))
		}
	})
}

// The seeds are read as what they are: a corpus of refused envelopes would
// find nothing.
func TestEnvelopesAreRead(t *testing.T) {
	want := map[string]string{"e1": "recover", "e2": "approve", "e3": "approve", "e6": "status"}
	for _, raw := range envelopes {
		e, ok := unwrap([]byte(raw))
		if !ok {
			continue
		}
		a := read(e, "UBOT")
		if a != nil && a.view != nil {
			a.words = claimed(*a.view)
		}
		if word := want[e.Request.EnvelopeID]; word != "" && (a == nil || len(a.words) == 0 || a.words[0] != word) {
			t.Errorf("%s: %+v, want %s", raw, a, word)
		}
		if e.Request.EnvelopeID == "e7" && a != nil {
			t.Errorf("a bot was listened to: %+v", a)
		}
		delete(want, e.Request.EnvelopeID)
	}
	if len(want) > 0 {
		t.Errorf("not read at all: %v", want)
	}
}
