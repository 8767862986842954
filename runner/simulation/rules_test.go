package simulation

import (
	"slices"
)

// everyRule are the runbook's safety rules, as far as they can be seen in a
// world. Each is asked after each event and each act.
func everyRule(p *play) []*rule {
	w := p.w
	return []*rule{
		preflightFirst(w), groupsCompared(w), nothingDeleted(w), initializeOnlyOurs(w), allOrNone(w), holdsAsked(w), configurationBack(w),
		noRealMaster(w), firewallIsALease(w), backupChecked(w), oneLeaderFenced(w), commitOnce(w), twoPeople(w), lossShown(w), onlyPeopleAsked(w),
		policyFixed(p), wordsStayWords(w), everythingLimited(w), helperByHash(w), journalFirst(w), oneRun(w), silenceIsNoConsent(w), greenAtTheEnd(w), noSecrets(w),
		undoTakesBack(w),
	}
}

// restoring are the effects that a run may not have before pre-flight is done.
var harmless = []string{"", "helper"}

// dangerous are the effects right before which everything that must hold is asked for.
var dangerous = []string{"start", "log-aside", "initialize", "admin:scheduler_stage_recovery", "admin:scheduler_commit_recovery"}

// methods are the API's names for what aurora_admin does.
var methods = map[string]string{
	"stageRecovery": "admin:scheduler_stage_recovery", "commitRecovery": "admin:scheduler_commit_recovery", "unloadRecovery": "admin:scheduler_unload_recovery",
	"deleteRecoveryTasks": "admin:scheduler_delete_recovery_tasks", "snapshot": "admin:scheduler_snapshot",
}

// effect is what an act of the bot changes, by command or by call; "" if nothing.
// A command of aurora_admin is an act when it is issued; its call is the scheduler's.
func (a *act) effect(w *world) string {
	switch {
	case a.by != "bot":
		return ""
	case a.kind == "issue":
		return a.what
	case a.kind == "call" && w.cluster.Admin == "api":
		return methods[a.what]
	}
	return ""
}

// dangerousAct tells whether an act is one of those.
func (w *world) dangerousAct(a *act) bool { return slices.Contains(dangerous, a.effect(w)) }
