package script

import (
	"fmt"
	"slices"
	"strings"
)

// The ways to get round the policy, each the ordinary script with one act
// changed. The bot must refuse each, and say who tried.
const (
	SelfApprove  = "self-approve"                    // Ann approves the commit that she asked for.
	Twice        = "same-person-twice"               // Bob approves the commit, and again.
	StaleDigest  = "stale-digest"                    // Dan presses a button of an older plan.
	Guest        = "guest"                           // A guest approves the commit.
	WrongChannel = "wrong-channel"                   // Ann asks where policy allows nothing.
	BothGroups   = "one-person-in-both-groups"       // Cat, of both groups, approves for both.
	Removed      = "approver-removed-after-approval" // Dan leaves the leads after he approved.
	Drops        = "requester-drops-and-approves"    // Bob drops a task, and approves what is left.
	Aborts       = "approver-aborts"                 // Bob aborts after he approved, and his approval is to count on.
	Undoes       = "undo-without-consent"            // Bob asks for undo, and approves it himself.
	Undigested   = "typed-without-digest"            // Dan types an approval that does not say of what.
	Forged       = "forged-view"                     // Dan confirms modals that a thief of both tokens made, or changed.
	SudoAsOther  = "sudo-as-other"                   // Dan, who has approved, approves with Bob's account on the bot's machine, too.
)

// Cheats are all of them, in the order of help.
var Cheats = []string{SelfApprove, Twice, StaleDigest, Guest, WrongChannel, BothGroups, Removed, Drops, Aborts, Undoes, Undigested, Forged, SudoAsOther}

// CheckCheat refuses a word that names no cheat; "" is none.
func CheckCheat(kind string) error {
	if kind == "" || slices.Contains(Cheats, kind) {
		return nil
	}
	return fmt.Errorf("cheat %q: the kinds are %s", kind, strings.Join(Cheats, ", "))
}

// A move is one person's act at a gate.
type move struct {
	user  string
	stale bool   // By the button of the gate before, as a client does that missed the change.
	leave bool   // Dan is taken out of the leads first.
	drop  bool   // The person drops a task first: the gate opens once more for what is left.
	abort bool   // Who approved before aborts first, and the run is resumed.
	undo  bool   // The person asks for undo instead: the gate of that opens.
	typed bool   // In words, with the cluster's name alone.
	forge bool   // In modals that are not the bot's, or not as the bot showed them.
	login string // On the bot's machine, with the person's account, by this one who logged in.

	salvage bool // The person chooses the log instead of the backup; Cat approves that.
}

// moves are who approves what, in which order: at each gate one after the
// other. honest leaves the cheat's order but has the ordinary act in its place.
func moves(cheat string, honest bool) map[string][]move {
	commit := []move{{user: Bob}, {user: Dan}}
	last := &commit[1]
	switch cheat {
	case SelfApprove:
		last.user = pick(honest, Dan, Ann)
	case Twice:
		last.user = pick(honest, Dan, Bob)
	case StaleDigest:
		last.stale = !honest
	case Guest:
		last.user = pick(honest, Dan, Gus)
	case BothGroups:
		commit[0].user, last.user = Cat, pick(honest, Dan, Cat)
	case Removed:
		commit[0].user, last.user, last.leave = Dan, Bob, !honest
	case Drops:
		commit[0].drop = !honest
	case Aborts:
		last.abort = !honest
	case Undoes:
		commit[0].undo = !honest
	case Undigested:
		last.typed = !honest
	case Forged:
		last.forge = !honest
	case SudoAsOther:
		commit[0].user, last.user, last.login = Dan, Bob, pick(honest, "", Dan)
	}
	return map[string][]move{"start": {{user: Bob}}, "assess": {{user: Bob}}, "commit": commit, "without": {{user: Bob}, {user: Dan}}, "undo": {{user: Bob}}}
}

// salvaging has Bob choose the log when the damage is assessed: he counts as one who
// asked from then on, and others approve.
func salvaging(moves map[string][]move) {
	moves["assess"] = []move{{user: Bob, salvage: true}}
	moves["commit"] = []move{{user: Cat}, {user: Dan}}
}

func pick(honest bool, ordinary, cheating string) string {
	if honest {
		return ordinary
	}
	return cheating
}
