package simulation

import (
	"encoding/json"
	"slices"

	"aurorabot/policy"
	"aurorabot/runner"
)

// Rule 14: the commit gate shows in numbers what is lost, and an approval counts
// only with the cluster's name typed.
func lossShown(w *world) *rule {
	r := &rule{name: "14 the loss is shown, the name is typed"}
	typed := map[string]bool{}
	r.asked = func(who policy.Actor, words []string) {
		typed[who.Key()] = slices.Contains(words, "--typed=dev")
	}
	r.event = func(e runner.Event) {
		switch {
		case e.Kind == runner.GateOpened && e.Gate == "commit":
			var v struct {
				Binds struct {
					Leader, Staged, Loss map[string]any
				} `json:"binds"`
			}
			if json.Unmarshal(e.Data, &v) != nil || v.Binds.Loss["killed"] == nil || v.Binds.Staged["tasks"] == nil || v.Binds.Leader["pid"] == nil {
				w.violated(r.name, "the commit gate opens without loss, staged tasks and leader: %s", e.Data)
			}
		case e.Kind == runner.GateApproved && e.Gate == "commit" && !typed[e.Who]:
			w.violated(r.name, "%s approves the commit without the cluster's name", e.Who)
		}
	}
	return r
}
