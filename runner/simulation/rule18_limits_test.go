package simulation

// Rule 18: whatever is done on a host has a limit. (That a command is ended, and
// that this is verified, is runner/ssh's; here lost sessions are played.)
func everythingLimited(w *world) *rule {
	r := &rule{name: "18 everything has a limit"}
	r.act = func(a *act) {
		if a.kind == "issue" && !a.limited {
			w.violated(r.name, "%s: %q has no limit", a.host.name, a.cmd.Argv)
		}
	}
	return r
}
