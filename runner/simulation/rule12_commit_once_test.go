package simulation

import (
	"aurorabot/runner"
)

// Rule 12: a commit is sent at most once per approval, and what is said of its
// outcome is true: proved means written, absent means that it never will be.
func commitOnce(w *world) *rule {
	r := &rule{name: "12 commit at most once per approval"}
	var sent, passed, ordered, arrived int
	absent := false
	var dismissed []*commit // Those that were called absent.
	r.event = func(e runner.Event) {
		for _, c := range dismissed {
			if yes, _ := w.committed(c); yes {
				w.violated(r.name, "the commit of %s was called absent, and took effect later", c.at.Sub(w.begin))
			}
		}
		switch e.Kind {
		case runner.GatePassed:
			if e.Gate == "commit" {
				passed++
			}
		case runner.CommitSent:
			if sent++; sent > passed {
				w.violated(r.name, "%d commits were sent, for %d approvals", sent, passed)
			}
			if sent > 1 && !absent {
				w.violated(r.name, "a second commit is sent, and it is not proved that the first one changed nothing")
			}
			absent = false
		case runner.CommitProved:
			if !w.anyCommitted() {
				w.violated(r.name, "a commit is called proved, but no replica has learned it: %s", e.Why)
			}
		case runner.CommitAbsent:
			absent = true
			dismissed = append(dismissed, w.truth.commits...)
			if w.anyCommitted() {
				w.violated(r.name, "a commit is called absent, but a replica has learned it: %s", e.Why)
			}
		}
	}
	r.act = func(a *act) {
		if a.kind == "issue" && a.what == "admin:scheduler_commit_recovery" {
			if ordered++; ordered > sent {
				w.violated(r.name, "aurora_admin is called %d times to commit, %d were sent by the journal", ordered, sent)
			}
		}
		if a.kind == "call" && a.what == "commitRecovery" && a.by == "bot" {
			if arrived++; arrived > sent {
				w.violated(r.name, "%d commits reached a scheduler, %d were sent by the journal", arrived, sent)
			}
			if w.state().Commit.Outcome == runner.Absent {
				w.violated(r.name, "a commit that was called absent reaches a scheduler")
			}
		}
	}
	r.end = func() {
		if w.state().Outcome == "undone" && w.anyCommitted() {
			w.violated(r.name, "the run is undone, but its commit is in the log")
		}
	}
	return r
}

// undecided tells whether a commit can still come either way: accepted by a
// replica, learned by none.
func (w *world) undecided() bool {
	for _, c := range w.truth.commits {
		if yes, no := w.committed(c); !yes && !no && c.by == "bot" {
			return true
		}
	}
	return false
}

func (w *world) anyCommitted() bool {
	for _, c := range w.truth.commits {
		if yes, _ := w.committed(c); yes && c.by == "bot" {
			return true
		}
	}
	return false
}
