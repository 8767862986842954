package simulation

import (
	"aurorabot/policy"
	"aurorabot/runner"
)

// Rule 15: what the journal says that a person did, that person asked for.
func onlyPeopleAsked(w *world) *rule {
	r := &rule{name: "15 only people decide"}
	asked := map[string]bool{}
	verbs := map[runner.Kind]string{
		runner.RunRequested: "recover", runner.GateApproved: "approve", runner.GateDenied: "deny", runner.RunAborted: "abort", runner.RunResumed: "resume",
		runner.TasksDropped: "drop", runner.SourceChosen: "salvage",
	}
	r.asked = func(who policy.Actor, words []string) { asked[who.Key()+" "+words[0]] = true }
	r.event = func(e runner.Event) {
		if verb := verbs[e.Kind]; verb != "" && !asked[e.Who+" "+verb] {
			w.violated(r.name, "the journal says %s by %s, who asked for no %s", e.Kind, e.Who, verb)
		}
		if e.Kind == runner.UndoRequested && !asked[e.Who+" undo"] && !asked[e.Who+" deny"] {
			w.violated(r.name, "the journal says %s by %s, who did not ask for it", e.Kind, e.Who)
		}
	}
	return r
}
