package simulation

import "slices"

// Rule 10: what is staged and committed is the backup that was asked for, less
// what people dropped.
func backupChecked(w *world) *rule {
	r := &rule{name: "10 the backup that was meant"}
	r.act = func(a *act) {
		if a.kind != "call" || a.by != "bot" {
			return
		}
		switch a.what {
		case "stageRecovery":
			if a.arg == "" || !w.dropped(nil) {
				return
			}
		case "commitRecovery":
			if a.proc.staged == nil {
				return // It answers that nothing is staged.
			}
			if !w.dropped(a.proc.staged) {
				w.violated(r.name, "commit on %s of %v, the backup holds %v", a.host.name, a.proc.staged.ids(), w.truth.backup.ids())
			}
		}
	}
	return r
}

// dropped tells whether a state is the backup less what people dropped.
func (w *world) dropped(s *state) bool {
	if s == nil {
		return true
	}
	want := w.truth.backup.clone()
	for _, id := range w.state().Dropped {
		delete(want.tasks, id)
	}
	return slices.Equal(s.ids(), want.ids()) && s.framework == want.framework && s.at.UnixMilli() == want.at.UnixMilli()
}
