package app

import "aurorabot/runner"

// told are the events of runs that the log tells of: whoever has nothing but the log sees
// where a run stands, and what waits for people.
var told = map[runner.Kind]string{
	runner.RunRequested: "a run is asked for", runner.GateOpened: "a gate is open: people decide", runner.GateApproved: "a gate is approved by one person",
	runner.GatePassed: "a gate is passed", runner.GateDenied: "a gate is denied", runner.GateVoided: "what was approved at a gate is void",
	runner.CommitSent: "the commit is sent", runner.CommitProved: "the commit is proved", runner.CommitUnknown: "whether the commit took effect is not known",
	runner.RunStopped: "a run stopped: a person decides", runner.RunAborted: "a run is aborted", runner.UndoRequested: "an undo is asked for", runner.RunClosed: "a run is closed",
}

// narrate tells the log of an event of a run.
func (a *app) narrate(e runner.Event) {
	words, ok := told[e.Kind]
	if !ok {
		return
	}
	fields := []any{"run", e.Run}
	for _, f := range [][2]string{{"gate", e.Gate}, {"who", e.Who}, {"step", e.Step}, {"why", e.Why}} {
		if f[1] != "" {
			fields = append(fields, f[0], f[1])
		}
	}
	a.log.Info(words, fields...)
}
