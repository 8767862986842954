package bot

import (
	"aurorabot/policy"
)

// An Overview is what one person may see of everything, as policy says: App
// Home and the form for a recovery are made of it.
type Overview struct {
	Clusters []ClusterLine
	Runs     []RunLine // Those that are open.
}

// A ClusterLine is a cluster that the person may look at.
type ClusterLine struct {
	Name    string
	Health  string // One line; empty: not known.
	Recover bool   // The person may ask for a recovery, in some channel.
}

// A RunLine is an open run.
type RunLine struct {
	Run  string
	Mine bool // The person may approve at its gate, and has not.
}

// outsider says why somebody sees nothing, whatever policy says; "" for members.
func outsider(who policy.Actor) string {
	switch {
	case who.Foreign:
		return "This app serves members of its own workspace alone."
	case who.Guest:
		return "This app does not serve guests."
	case who.Bot, who.Deactivated:
		return "This app serves people alone."
	}
	return ""
}
