package simulation

import (
	"bytes"

	"aurorabot/runner"
)

// Rule 24: secrets are neither stored nor in an argument list.
func noSecrets(w *world) *rule {
	r := &rule{name: "24 no secrets"}
	r.event = func(e runner.Event) {
		for _, part := range [][]byte{[]byte(e.Why), e.Data, e.Facts, e.Receipt} {
			if bytes.Contains(part, []byte(secret)) {
				w.violated(r.name, "in the journal: %s %s %s", e.Kind, e.Step, e.Host)
			}
		}
	}
	r.act = func(a *act) {
		if a.kind != "issue" {
			return
		}
		for _, word := range a.cmd.Argv {
			if bytes.Contains([]byte(word), []byte(secret)) {
				w.violated(r.name, "%s: in an argument list", a.host.name)
			}
		}
	}
	return r
}
