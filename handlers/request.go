// Package handlers holds what can be asked of the bot, for whatever surface:
// one table of commands, and the service behind it. It knows no surface and no
// recipe; app hands it both.
package handlers

import (
	"context"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
)

// A Request is who asks for what, from where.
type Request struct {
	Actor   policy.Actor
	Channel string          // Slack channel ID; "cli" from the command line.
	Thread  string          // Slack thread, "" outside of one.
	Words   []string        // The command's words, options included: "recover", "devcluster", …
	JSON    bool            // Data wanted as JSON (the command line's --json).
	At      time.Time       // When it was asked.
	Clock   bool            // A schedule asks, no person. It may only look, and policy, which is about people, is not asked.
	Forged  *policy.Refusal // Why the surface does not take this for the person's own wish: it is refused under its Rule. Nil: it does.
	Source  string          // Idempotency key of the surface (Slack's trigger or action), "" if none.
}

// A Response answers a request. Message goes to people; Data to --json; Exit is
// the command line's exit status (CONTRACT of exit statuses in docs).
type Response struct {
	Message view.Message
	Data    any
	Exit    int
	Run     string // The run that the request began or belongs to, "" if none.
	Private bool   // Only for the person who asked (refusals, usage).
	Follow  bool   // The run goes on, whatever Message says: a surface that waits shows how.
}

// A Purpose is what somebody is looked up for.
type Purpose int

// The purposes.
const (
	Deciding Purpose = iota // Something changes by the answer, or somebody is trusted with a secret.
	Looking                 // Something is shown by it, and no more.

	// Vouched is Deciding from the terminal: while Slack can't be reached at all, what it
	// said last counts for as long as policy.identity_cache says ([policy.Actor.Known]).
	Vouched

	// Something is stopped or taken back. It is as Deciding, but that from the terminal
	// whoever policy maps may do so while Slack can't be asked: the way out stays open.
	Retreating
)

// An Unasked error says that somebody could not be looked up now, and why. It is no
// answer about that person.
type Unasked struct {
	Why    string
	Away   bool // Slack can't be reached at all: no answer of any kind came.
	Barred bool // Slack does not let the bot in.
}

func (u Unasked) Error() string { return u.Why }

// PurposeOf tells for what whoever gives a command is looked up. Words that the
// table cannot read do nothing.
func PurposeOf(words []string) Purpose {
	c, err := parse(Table(), Request{Words: words})
	switch {
	case err != nil || c.cmd.Needs == policy.Read:
		return Looking
	case c.cmd.Name == "abort" || c.cmd.Name == "undo":
		return Retreating
	}
	return Deciding
}

// A Directory knows people: what Slack says of a user. For Deciding it is what
// Slack says now: an implementation that cannot ask returns an error, or for
// groups [policy.Actor.Unknown], never an old answer. For Looking what was known
// lately will do, and where Slack cannot be asked what was known at all. Errors,
// and the reasons in Unknown, say in words why, and when to try again or what to do.
type Directory interface {
	Person(ctx context.Context, teamID, userID string, p Purpose) (policy.Actor, error)
}
