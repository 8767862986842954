// Package policy decides who may do what. It is pure: it is given people,
// rules and the time, and answers with yes or a [Refusal] in words.
package policy

// An Actor is a person as Slack signed them, with what is known of their account.
type Actor struct {
	TeamID, UserID string   // The identity; nothing else is one.
	Name           string   // For display only.
	Groups         []string // IDs of the user groups that the person is in now.

	// Unknown are IDs of user groups of which it cannot be told now whether the
	// person is in them, with the reason. Who would be allowed, or denied, by one of
	// them is refused.
	Unknown map[string]string

	Bot         bool // An app or a bot user.
	Guest       bool // A single- or multi-channel guest.
	Foreign     bool // Of another workspace (shared channels).
	Deactivated bool // Deleted, or removed from the workspace.
}

// Key is the identity in the journal: "TEAM/USER".
func (a Actor) Key() string { return a.TeamID + "/" + a.UserID }
