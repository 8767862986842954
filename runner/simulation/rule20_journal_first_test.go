package simulation

import (
	"strings"

	"aurorabot/runner"
)

// Rule 20: journal first, then act. Whatever changes a host does so while the
// journal says that a step which may do this, or its undo, is begun there.
func journalFirst(w *world) *rule {
	r := &rule{name: "20 journal first"}
	open := map[string]map[string]bool{} // By host: steps that are begun.
	r.event = func(e runner.Event) {
		if open[e.Host] == nil {
			open[e.Host] = map[string]bool{}
		}
		switch e.Kind {
		case runner.StepStarted, runner.UndoStarted:
			open[e.Host][e.Step] = true
		case runner.StepDone, runner.StepFailed, runner.StepSkipped, runner.UndoDone, runner.UndoFailed:
			delete(open[e.Host], e.Step)
		}
	}
	r.act = func(a *act) {
		e := a.effect(w)
		if e == "" {
			return
		}
		if strings.HasPrefix(e, "rm ") {
			e = "rm"
		}
		steps, known := mayDo[e]
		if !known {
			w.violated(r.name, "%s: %s is done by no step", a.host.name, e)
			return
		}
		for _, s := range steps {
			if open[a.host.name][s] {
				if s == "restore/commit" && !w.state().Commit.Sent {
					w.violated(r.name, "%s: a commit leaves before the journal says so", a.host.name)
				}
				return
			}
		}
		w.violated(r.name, "%s: %s, and none of %v is begun there by the journal", a.host.name, e, steps)
	}
	return r
}

// mayDo are the steps that may have an effect, or undo it.
var mayDo = map[string][]string{
	"helper": {"prepare/helper"}, "rm": {"prepare/helper"},
	"drop-in": {"prepare/supervision-off"}, "drop-in-off": {"prepare/supervision-off"}, "disable": {"prepare/supervision-off"}, "enable": {"prepare/supervision-off"}, "daemon-reload": {"prepare/supervision-off"},
	"stop":  {"prepare/stop-schedulers", "prepare/start-schedulers", "reinitialize/stop-schedulers", "reinitialize/start-schedulers", "restore/restart-lingering", "restore/unknown-stop-schedulers", "restore/restart-schedulers"},
	"kill":  {"prepare/stop-schedulers", "prepare/start-schedulers", "reinitialize/stop-schedulers", "reinitialize/start-schedulers", "restore/restart-lingering", "restore/unknown-stop-schedulers", "restore/restart-schedulers"},
	"start": {"prepare/supervision-off", "prepare/stop-schedulers", "prepare/start-schedulers", "reinitialize/start-schedulers", "restore/restart-lingering", "restore/unknown-start-schedulers", "restore/restart-schedulers"},
	"block": {"prepare/block-traffic"}, "open": {"prepare/block-traffic"}, "config": {"prepare/change-configuration"},
	"log-aside": {"reinitialize/move-log-aside", "prepare/read-logs"}, "log-back": {"reinitialize/move-log-aside", "prepare/read-logs"},
	"log-make": {"reinitialize/initialize-log"}, "initialize": {"reinitialize/initialize-log"},
	"backup": {"restore/copy-backup"}, "backup-off": {"restore/copy-backup"},
	"admin:scheduler_stage_recovery": {"restore/stage"}, "admin:scheduler_unload_recovery": {"restore/stage"}, "admin:scheduler_delete_recovery_tasks": {"restore/drop-tasks"},
	"admin:scheduler_commit_recovery": {"restore/commit"}, "admin:scheduler_snapshot": {"cleanup/snapshot", "cleanup/level"},
}
