package simulation

import (
	"aurorabot/runner"
)

// Rule 11: stage and commit go to the one leader that the run found, named by
// host, PID and start; the commit to the process that staged.
func oneLeaderFenced(w *world) *rule {
	r := &rule{name: "11 one leader, fenced"}
	r.act = func(a *act) {
		if a.kind != "call" || a.by != "bot" || a.what != "commitRecovery" {
			return
		}
		f, ok := runner.Fact[struct {
			Host  string `json:"host"`
			PID   int    `json:"pid"`
			Start uint64 `json:"start"`
		}]{Step: "restore/find-leader"}.Of(w.state(), "bot")
		if !ok {
			w.violated(r.name, "a commit on %s, and no leader was found", a.host.name)
			return
		}
		// A command that was on its way when a leader changed meets another process, with nothing staged.
		if (f.Host != a.host.name || f.PID != a.proc.pid || f.Start != a.proc.start) && a.proc.staged != nil {
			w.violated(r.name, "a commit on %s (PID %d), the leader that was found is %s (PID %d)", a.host.name, a.proc.pid, f.Host, f.PID)
		}
	}
	return r
}
