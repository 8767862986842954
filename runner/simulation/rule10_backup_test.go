package simulation

import "slices"

// Rule 10: what is staged and committed is the backup that was asked for, or the log
// that people chose instead, less what they dropped.
func backupChecked(w *world) *rule {
	r := &rule{name: "10 the backup that was meant"}
	r.act = func(a *act) {
		if a.kind != "call" || a.by != "bot" {
			return
		}
		switch a.what {
		case "stageRecovery":
			if a.arg == "" || !w.dropped(nil, false) {
				return
			}
		case "commitRecovery":
			if a.proc.staged == nil {
				return // It answers that nothing is staged.
			}
			if !w.dropped(a.proc.staged, a.proc.foreign) {
				w.violated(r.name, "commit on %s of %v, meant are %v", a.host.name, a.proc.staged.ids(), w.meant().ids())
			}
		}
	}
	return r
}

// meant is what people want restored, before they dropped anything.
func (w *world) meant() *state {
	if from := w.state().Source; from != nil {
		if s := w.truth.salvaged[from.SHA256]; s != nil {
			return s
		}
		return &state{} // Nobody salvaged that.
	}
	return w.truth.backup
}

// dropped tells whether a state is what people want less what they dropped. Of one that a
// colleague staged, in the moment before the commit, the scheduler's API tells the task
// ids and nothing else: the bot cannot know more, and says so by "commit.unknown" after it.
func (w *world) dropped(s *state, foreign bool) bool {
	if s == nil {
		return true
	}
	want := w.meant().clone()
	for _, id := range w.state().Dropped {
		delete(want.tasks, id)
	}
	return slices.Equal(s.ids(), want.ids()) && (foreign || s.framework == want.framework && s.at.UnixMilli() == want.at.UnixMilli())
}
