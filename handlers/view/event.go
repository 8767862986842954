package view

import (
	"encoding/json"
	"fmt"
	"strings"

	"aurorabot/runner"
)

// Event is one event as it happens, for surfaces that stream. State is the run
// as it is with e; nil: what only e itself holds is said.
func Event(e runner.Event, state *runner.State) Message {
	s := &story{State: state}
	if state == nil {
		s.State = &runner.State{Run: e.Run}
	}
	s.plan, _ = decode[runner.Plan](s.State.Plan)
	return headed(eventWords{s}.event(e))
}

// eventWords are the words for one event, where it is told alone: on a terminal, in a list.
type eventWords struct{ *story }

func (s eventWords) event(e runner.Event) Message {
	switch e.Kind {
	case runner.RunRequested, runner.RunResumed, runner.RunAborted, runner.RunStopped, runner.RunClosed, runner.Refused, runner.UndoRequested:
		return s.runEvent(e)
	case runner.PlanProposed, runner.GateOpened, runner.GateApproved, runner.GateDenied, runner.GatePassed, runner.GateVoided:
		return s.gateEvent(e)
	case runner.CommitSent, runner.CommitProved, runner.CommitUnknown, runner.CommitAbsent:
		return s.commitEvent(e)
	case runner.TasksDropped, runner.SourceChosen:
		return s.changeEvent(e)
	case runner.HostAsked, runner.HostKept, runner.HostLeft, runner.RunOwes, runner.SettleRequested, runner.HostContained, runner.HostSettled:
		return s.withoutEvent(e)
	case runner.CleanRequested, runner.CleanApproved, runner.CleanStarted, runner.CleanDone, runner.CleanFailed:
		return cleanEvent(e)
	case runner.Found:
		f, _ := decode[finding](e.Data)
		if f.Evidence == "" {
			f.Evidence = e.Why
		}
		return findingMessage(f, place(e))
	case runner.PhaseStarted:
		return Message{Tone: Plain, Head: heading(s.plan, e.Phase)}
	case runner.PhaseSkipped:
		return Message{Tone: Plain, Head: heading(s.plan, e.Phase) + ": left out", Lines: why(e)}
	case runner.PhaseDone:
		return Message{Tone: Good, Head: heading(s.plan, e.Phase) + ": done"}
	}
	return s.stepEvent(e)
}

// by is who did what e says, and why: people stand in paragraphs, where a
// surface can show them as such, and never in a head.
func by(e runner.Event) string {
	words := "By " + Who(e.Who)
	if strings.TrimSpace(e.Why) != "" {
		return words + ": " + because(e.Why)
	}
	return words + "."
}

// why are the words of an event, as a paragraph; none if it has none.
func why(e runner.Event) []string {
	if e.Why == "" {
		return nil
	}
	return []string{quote(cut(cutLines(e.Why, shownEvidence), 4000))}
}

func (s eventWords) runEvent(e runner.Event) Message {
	switch e.Kind {
	case runner.RunRequested:
		r, _ := decode[runner.Request](e.Data)
		m := Message{Tone: Plain, Head: fmt.Sprintf("%s: recovery requested", r.Cluster), Lines: []string{by(e)}, Foot: "run " + e.Run}
		m.Fields = []Field{{"Backup", quote(r.Backup)}, {"Hosts", list(r.Hosts, 24)}, {"Recipe", r.Recipe}}
		if r.Reason != "" {
			m.Fields = append(m.Fields, Field{"Reason", quote(cut(r.Reason, 300))})
		}
		return m
	case runner.RunResumed:
		return Message{Tone: Plain, Head: "Resumed", Lines: []string{by(e)}}
	case runner.RunAborted:
		return Message{Tone: Bad, Head: "Aborted", Lines: []string{by(e), "Next: undo it, or resume it."}, Foot: fmt.Sprintf("Type `undo %s` or `resume %s`", e.Run, e.Run)}
	case runner.RunStopped:
		r, _ := decode[runner.Stop](e.Data)
		st := &stop{event: e, reason: r}
		return Message{Tone: Bad, Head: capital(stopWords(s).head(st)), Lines: append(append(why(e), "Nothing after this step was started."), statusWords(s).choices(st)...),
			Foot: "Type " + either(statusWords(s).commands(st))}
	case runner.UndoRequested:
		return Message{Tone: Warn, Head: "Undo requested", Lines: []string{by(e)}}
	case runner.Refused:
		return Message{Tone: Bad, Head: "Refused", Lines: []string{"To " + Who(e.Who) + ": " + because(e.Why)}}
	}
	m := Message{Tone: Plain, Head: "Closed: " + quote(e.Why)}
	if e.Why == "recovered" || e.Why == "undone" {
		m.Tone = Good
	}
	return m
}

func (s eventWords) gateEvent(e runner.Event) Message {
	switch e.Kind {
	case runner.PlanProposed:
		if p, ok := decode[runner.Plan](e.Data); ok {
			steps := 0
			for _, ph := range p.Phases {
				steps += len(ph.Steps)
			}
			return Message{Tone: Plain, Head: fmt.Sprintf("Plan: %s on %s", count(steps, "step"), count(len(planHosts(p)), "host")), Foot: "digest " + short(e.Digest)}
		}
		return Message{Tone: Plain, Head: "Plan", Foot: "digest " + short(e.Digest)}
	case runner.GateOpened:
		o := &opening{gate: e.Gate, digest: e.Digest, opened: e, state: s.State}
		o.view, _ = decode[runner.GateView](e.Data)
		if v, ok := decode[struct {
			Binds bindFact `json:"binds"`
		}](e.Data); ok {
			o.binds = v.Binds
		}
		m := Message{Tone: Wait, Head: fmt.Sprintf("The %s gate is open: %s", e.Gate, gateWords(s).question(o)), Lines: gateWords(s).paragraphs(o), Foot: "digest " + e.Digest}
		if !o.view.Expires.IsZero() {
			m.Fields = append(m.Fields, Field{"Gate ends", when(o.view.Expires)})
		}
		return m
	case runner.GateApproved:
		words := "By " + Who(e.Who)
		if e.Why != "" {
			words += " for " + quote(first(e.Why))
		}
		return Message{Tone: Good, Head: fmt.Sprintf("Approved at the %s gate", e.Gate), Lines: []string{words + "."}}
	case runner.GateDenied:
		return Message{Tone: Bad, Head: fmt.Sprintf("Denied at the %s gate", e.Gate), Lines: []string{by(e)}}
	case runner.GatePassed:
		m := Message{Tone: Good, Head: fmt.Sprintf("The %s gate is passed", e.Gate)}
		if e.Why != "" {
			m.Lines = []string{"By " + e.Why + "."}
		}
		return m
	}
	return Message{Tone: Warn, Head: fmt.Sprintf("The %s gate is void", e.Gate), Lines: why(e)}
}

func (s eventWords) commitEvent(e runner.Event) Message {
	switch e.Kind {
	case runner.CommitSent:
		return Message{Tone: Warn, Head: "The commit was sent to " + e.Host, Lines: []string{"It is sent once. The next step proves whether it took effect. From here on there is no undo."}}
	case runner.CommitProved:
		return Message{Tone: Good, Head: "The commit took effect", Lines: why(e)}
	case runner.CommitUnknown:
		return Message{Tone: Bad, Head: "Whether the commit took effect is unknown", Lines: append(why(e), "Nothing is sent again.")}
	}
	return Message{Tone: Warn, Head: "It is proved that nothing was committed", Lines: why(e)}
}

// changeEvent is somebody's change of what is restored.
func (s eventWords) changeEvent(e runner.Event) Message {
	const changed = "The digest changes: approvals given before no longer count."
	if e.Kind == runner.SourceChosen {
		m := Message{Tone: Warn, Head: "The backup is restored after all, not the log", Lines: []string{by(e), changed}}
		if from, ok := decode[runner.Source](e.Data); ok {
			m.Head = "What the log of " + quote(from.Host) + " still holds is restored, not the backup"
			m.Fields = []Field{{"Staged as", quote(from.Name)}, {"Goes to", upTo(&from)}}
			m.Foot = "SHA-256 " + short(from.SHA256)
		}
		return m
	}
	var ids []string
	_ = json.Unmarshal(e.Data, &ids) // Without ids it is a drop of none, and says so.
	m := Message{Tone: Warn, Head: count(len(ids), "task") + " dropped from what is staged", Lines: []string{by(e)}}
	if len(ids) > 0 {
		m.Lines = append(m.Lines, changed)
		m.Output = []Output{{"Dropped", quote(list(ids, 12))}}
	}
	return m
}

func (s eventWords) stepEvent(e runner.Event) Message {
	where := ""
	if e.Host != "" && e.Host != runner.Bot {
		where = e.Host + ": "
	}
	what := title(s.plan, e.Step)
	m := Message{Tone: Plain, Lines: why(e)}
	switch e.Kind {
	case runner.StepStarted:
		m.Head = where + what + ": begun"
	case runner.StepDone:
		m.Tone, m.Head = Good, where+what+": done"
	case runner.StepSkipped:
		m.Head = where + what + ": skipped, it was done already"
	case runner.StepFailed:
		m.Tone, m.Head = Bad, where+what+": failed"
		if e.Changed {
			m.Lines = append(m.Lines, "Something may have been changed there.")
		} else {
			m.Lines = append(m.Lines, "Nothing was changed there.")
		}
	case runner.HoldBroken:
		m.Tone, m.Head = Bad, where+what+": no longer true"
	case runner.StepsReopened:
		ids, _ := decode[[]string](e.Data)
		m.Tone, m.Head = Warn, count(len(ids), "step")+" will be done again"
		if len(ids) > 0 {
			for i := range ids {
				ids[i] = quote(title(s.plan, ids[i]))
			}
			m.Lines = append(m.Lines, list(ids, 12))
		}
	case runner.UndoStarted:
		m.Head = where + "Undo: " + what + ": begun"
	case runner.UndoDone:
		m.Tone, m.Head = Good, where+"Undo: "+what+": done"
	case runner.UndoFailed:
		m.Tone, m.Head = Bad, where+"Undo: "+what+": failed"
	case runner.Note:
		m.Head = where + "note"
		if e.Step != "" {
			m.Head = where + what + ": note"
		}
	case runner.Waiting:
		m.Tone, m.Head = Wait, where+"waiting"
		if e.Step != "" {
			m.Head = where + what + ": waiting"
		}
	default:
		// A journal of a newer version: said, not hidden.
		m.Tone, m.Head = Warn, fmt.Sprintf("Event of an unknown kind: %s", quote(string(e.Kind)))
	}
	return m
}
