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
	lines := m.Lines
	if m.Foot != "" {
		lines = append(lines[:len(lines):len(lines)], m.Foot)
	}
	if len(lines) > 0 {
		s += "\n          " + strings.ReplaceAll(strings.Join(lines, "\n"), "\n", "\n          ")
	}
	return s
}

// rest says where a run stands when the engine has come to rest, and what to
// type next.
func rest(st *runner.State) view.Message {
	switch {
	case st.Status == runner.Closed:
		return view.Message{Tone: view.Good, Head: fmt.Sprintf("%s: %s, the run is closed", st.Request.Cluster, st.Outcome), Foot: "run " + st.Run}
	case st.Status == runner.Gated:
		return view.Message{Tone: view.Wait, Head: fmt.Sprintf("%s waits for approval at the %s gate", st.Request.Cluster, st.Gate),
			Lines: []string{fmt.Sprintf("approve it in Slack, or type `aurorabot approve %s --typed %s --digest %.12s`", st.Run, st.Request.Cluster, st.Gates[st.Gate].Digest)}}
	}
	if st.Status == runner.Owing {
		return view.Message{Tone: view.Warn, Head: fmt.Sprintf("%s: %s, and the run stays open for what is owed", st.Request.Cluster, st.Outcome), Lines: view.Debts(st), Foot: "run " + st.Run}
	}
	next := fmt.Sprintf("type `aurorabot resume %s` or `aurorabot undo %s`", st.Run, st.Run)
	if st.Irreversible() {
		next = fmt.Sprintf("type `aurorabot resume %s`; undo is not possible any more", st.Run)
	}
	return view.Message{Tone: view.Bad, Head: fmt.Sprintf("%s: the run stopped at %s", st.Request.Cluster, st.Step), Lines: []string{st.Why, next}}
}

// ErrorText is a failed command: what, then the hint, as scripts know it. The
// message has the word "hint" itself.
func ErrorText(m view.Message) string {
	s, lines := "aurorabot: "+m.Head+"\n", m.Lines
	if whole := view.Whole(m); whole != m.Head { // A first line for a screen is shorter.
		s, lines = "aurorabot: "+whole+"\n", lines[1:]
	}
	for _, l := range lines {
		s += l + "\n"
	}
	return s
}
