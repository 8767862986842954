package cli

import (
	"fmt"
	"strings"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// line is an event as one line of progress; "" for what says nothing new.
func line(e runner.Event, st *runner.State) string {
	switch e.Kind {
	case runner.StepStarted, runner.PhaseDone, runner.UndoStarted, runner.Waiting:
		return ""
	}
	m := view.Event(e, st)
	s := e.At.UTC().Format(time.TimeOnly) + "  " + m.Head
	if len(m.Lines) > 0 {
		s += "\n          " + strings.ReplaceAll(strings.Join(m.Lines, "\n"), "\n", "\n          ")
	}
	return s
}

// rest says where a run stands when the engine has come to rest, and what to
// type next.
func rest(st *runner.State) view.Message {
	switch {
	case st.Status == runner.Closed:
		return view.Message{Tone: view.Good, Head: fmt.Sprintf("run %s is closed: %s", st.Run, st.Outcome)}
	case st.Status == runner.Gated:
		return view.Message{Tone: view.Wait, Head: fmt.Sprintf("run %s waits at the %s gate (digest %.12s)", st.Run, st.Gate, st.Gates[st.Gate].Digest),
			Lines: []string{fmt.Sprintf("approve it in Slack, or type `aurorabot approve %s --typed %s --digest %.12s`", st.Run, st.Request.Cluster, st.Gates[st.Gate].Digest)}}
	}
	if st.Status == runner.Owing {
		return view.Message{Tone: view.Warn, Head: fmt.Sprintf("run %s: %s, and stays open for what is owed", st.Run, st.Outcome), Lines: view.Debts(st)}
	}
	next := fmt.Sprintf("type `aurorabot resume %s` or `aurorabot undo %s`", st.Run, st.Run)
	if st.Irreversible() {
		next = fmt.Sprintf("type `aurorabot resume %s`; undo is not possible any more", st.Run)
	}
	return view.Message{Tone: view.Bad, Head: fmt.Sprintf("run %s stopped at %s", st.Run, st.Step), Lines: []string{st.Why, next}}
}

// ErrorText is a failed command: what, then the hint, as scripts know it. The
// message has the word "hint" itself.
func ErrorText(m view.Message) string {
	s := "aurorabot: " + m.Head + "\n"
	for _, l := range m.Lines {
		s += l + "\n"
	}
	return s
}
