// Package script plays people in a rehearsal: it types, reads and presses in the
// Slack sandbox as they would, follows the bot's journal, tries to cheat when it
// is told to, and looks from outside whether what the journal says is so.
package script

import (
	"io"

	"aurorabot/lab/slack"
)

// The people, groups and channels of the lab's workspace.
const (
	Team = "T0LAB00001"

	Ann = "U0ANN00001" // Asks for the recovery.
	Bob = "U0BOB00001"
	Cat = "U0CAT00001" // In both groups.
	Dan = "U0DAN00001"
	Eve = "U0EVE00001" // May do nothing.
	Gus = "U0GUS00001" // A guest.

	SRE   = "S0SRE00001"
	Leads = "S0LEAD0001"

	Incidents = "C0INC00001" // Where policy allows recoveries.
	Random    = "C0RAND0001" // Where it does not.
)

// Workspace is the sandbox that rehearsals happen in. record, if not nil, gets
// every Web API call of the bot.
func Workspace(record io.Writer) slack.Options {
	return slack.Options{
		Team: slack.Team{ID: Team, Domain: "lab", Name: "Lab"},
		Users: []slack.User{
			{ID: Ann, Name: "ann", RealName: "Ann (asks)"},
			{ID: Bob, Name: "bob", RealName: "Bob (SRE)"},
			{ID: Cat, Name: "cat", RealName: "Cat (SRE and lead)"},
			{ID: Dan, Name: "dan", RealName: "Dan (lead)"},
			{ID: Eve, Name: "eve", RealName: "Eve (may do nothing)"},
			{ID: Gus, Name: "gus", RealName: "Gus (guest)", IsUltraRestricted: true},
		},
		Shortcuts: []slack.Shortcut{
			{Name: "Recover from this alert", CallbackID: "recover_from_alert"},
			{Name: "Recover a cluster", CallbackID: "open_recovery", Global: true},
		},
		Groups: []slack.UserGroup{
			{ID: SRE, Handle: "sre", Name: "SRE", Members: []string{Ann, Bob, Cat}},
			{ID: Leads, Handle: "leads", Name: "Leads", Members: []string{Cat, Dan}},
		},
		Channels: []slack.Channel{
			{ID: Incidents, Name: "incidents", Topic: "Recoveries are asked for and decided here"},
			{ID: Random, Name: "random", Topic: "Nothing is decided here"},
		},
		Record: record,
		Strict: true, PostPerSecond: 1, Tiers: true, // As Slack is.
	}
}

// Name is what people call one of them.
func Name(user string) string {
	for _, u := range Workspace(nil).Users {
		if u.ID == user {
			return u.Name
		}
	}
	return user
}
