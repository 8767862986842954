// Package policy decides who may do what. It is pure: it is given people,
// rules and the time, and answers with yes or a [Refusal] in words.
package policy

import "time"

// An Actor is a person as Slack signed them, with what is known of their account.
type Actor struct {
	TeamID, UserID string   // The identity; nothing else is one.
	Name           string   // For display only.
	Groups         []string // IDs of the user groups that the person is in now.

	// Unknown are IDs of user groups of which it cannot be told now whether the
	// person is in them, with the reason. Who would be allowed, or denied, by one of
	// them is refused.
	Unknown map[string]string

	// Lenient lets a rule that allows count for whoever may be in its group: to look, and
	// to turn back, from the terminal while Slack can't be asked. A rule that denies
	// counts for them as ever.
	Lenient bool

	// Known is when Slack said all this, where it can't be asked now. Zero: it says so now.
	Known time.Time

	Bot         bool // An app or a bot user.
	Guest       bool // A single- or multi-channel guest.
	Foreign     bool // Of another workspace (shared channels).
	Deactivated bool // Deleted, or removed from the workspace.
}

// Local is the team of people at a site without Slack: their names are the identity.
const Local = "local"

// Key is the identity in the journal: "TEAM/USER".
func (a Actor) Key() string { return a.TeamID + "/" + a.UserID }
