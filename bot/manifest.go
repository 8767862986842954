package bot

import (
	"encoding/json"
	"strings"
)

// A Need is a scope or an event that the app asks for, and what for.
type Need struct{ Name, Why string }

// Scopes are the bot token's scopes, the least with which everything works:
// the tests of this package run with no other. [Spared] tells those that an app may lack.
var Scopes = []Need{
	{"app_mentions:read", "hear @aurora in a thread, where slash commands cannot be used"},
	{"channels:history", "after a lost answer, see whether a message was posted already, so that it is not posted twice; after an outage, find what was said to the app meanwhile"},
	{"channels:read", "learn of an invitation to a channel, to show at once what it could not show there"},
	{"chat:write", "post and edit the run's messages, and answer one person alone"},
	{"commands", "have /aurora and the shortcuts"},
	{"files:write", "put output that is too long for a message into the run's thread"},
	{"groups:history", "the same as channels:history, in private channels"},
	{"groups:read", "the same as channels:read, in private channels"},
	{"im:history", "hear what is typed to the app directly"},
	{"im:write", "send a person what cannot be shown in a channel, and lead approvers to the gate"},
	{"usergroups:read", "know who is in the user groups that policy names, at the moment of use"},
	{"users:read", "refuse guests, bots, deactivated accounts and people of other workspaces; show names"},
}

// Events are what Slack tells the app without being asked.
var Events = []Need{
	{"app_home_opened", "show clusters, open runs and the approvals that wait for the person"},
	{"app_mention", "take commands in threads"},
	{"member_joined_channel", "show a run in its channel as soon as the bot is invited there"},
	{"message.im", "take commands in direct messages"},
	{"subteam_members_changed", "forget at once what was known of a user group"},
	{"subteam_updated", "the same, when a group is renamed or disabled"},
	{"user_change", "forget at once what was known of a person, such as that they are no guest"},
}

// Spared are the scopes without which an app that was installed by an older manifest
// works, and what it lacks then.
var Spared = []Need{
	{"channels:read", "after an invitation to a channel, its runs are shown there within 45 s, not at once"},
	{"groups:read", "the same, in private channels"},
}

// AppScope is what the app-level token needs. A manifest cannot ask for it: the
// token is made by hand, under Basic Information.
var AppScope = Need{"connections:write", "open Socket Mode links: the bot dials out, nothing dials in"}

// Manifest is the app's manifest, as https://api.slack.com/apps takes it: with
// the slash command that is given ("/aurora").
func Manifest(command string) ([]byte, error) {
	type object map[string]any
	m := struct {
		Metadata object `json:"_metadata"`
		Display  object `json:"display_information"`
		Features any    `json:"features"`
		OAuth    object `json:"oauth_config"`
		Settings any    `json:"settings"`
	}{
		Metadata: object{"major_version": 2, "minor_version": 1},
		Display: object{
			"name": "Aurora", "description": "Restores backups of Aurora schedulers, with two people", "background_color": "#1f2d3d",
			"long_description": "Walks the runbook for restoring a backup of an Apache Aurora scheduler on all scheduler hosts: shows the plan, " +
				"what it found and what a restore would lose, waits for people to approve, proves that the commit took effect, and puts everything back. " +
				"Type " + command + " help, or mention it in a thread. It never continues, undoes or approves by itself.",
		},
		Features: struct {
			Home      object   `json:"app_home"`
			Bot       object   `json:"bot_user"`
			Commands  []object `json:"slash_commands"`
			Shortcuts []object `json:"shortcuts"`
		}{
			Home: object{"home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false},
			Bot:  object{"display_name": strings.TrimPrefix(command, "/"), "always_online": true},
			// Unescaped: words reach the bot as they were typed, and nothing that
			// is typed there is shown as more than text.
			Commands: []object{{"command": command, "description": "Status, plan and recovery of Aurora schedulers", "usage_hint": "recover | status [CLUSTER] | help", "should_escape": false}},
			Shortcuts: []object{
				{"name": "Recover from this alert", "type": "message", "callback_id": AlertShortcut, "description": "Choose a backup for the cluster that this message names"},
				{"name": "Recover a cluster", "type": "global", "callback_id": GlobalShortcut, "description": "Choose cluster, backup and channel"},
			},
		},
		OAuth: object{"scopes": object{"bot": names(Scopes)}},
		Settings: struct {
			Events        object `json:"event_subscriptions"`
			Interactivity object `json:"interactivity"`
			Org           bool   `json:"org_deploy_enabled"`
			Socket        bool   `json:"socket_mode_enabled"`
			Rotation      bool   `json:"token_rotation_enabled"`
		}{object{"bot_events": names(Events)}, object{"is_enabled": true}, false, true, false},
	}
	js, err := json.MarshalIndent(m, "", "  ")
	return append(js, '\n'), err
}

func names(list []Need) []string {
	var out []string
	for _, n := range list {
		out = append(out, n.Name)
	}
	return out
}
