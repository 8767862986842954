package simulation

import (
	"encoding/json"

	"aurorabot/runner"
)

// Rule 16: the bot cannot change its own policy while it runs; its digest is in
// the journal.
func policyFixed(p *play) *rule {
	r := &rule{name: "16 the policy is fixed"}
	was := runner.Digest(rules())
	r.event = func(e runner.Event) {
		if e.Kind == runner.RunRequested {
			var req runner.Request
			if json.Unmarshal(e.Data, &req) != nil || req.Policy != policyDigest {
				p.w.violated(r.name, "the run's request has the policy %q", req.Policy)
			}
		}
		if e.Kind == runner.GatePassed && runner.Digest(p.service.Rules) != was {
			p.w.violated(r.name, "the rules in force are not those of before")
		}
	}
	return r
}
