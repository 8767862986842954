package view

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
)

// ScreensOf is everything that a surface shows of a run: a pure function of its
// events, and of what policy says of its gates now.
func ScreensOf(events []runner.Event, p People) Screens {
	s := tell(events)
	status, thread, found, stops, gates := statusWords{s}, threadWords{s}, findingWords{s}, stopWords{s}, gateWords{s}
	screens := Screens{Home: s.Request.Channel, Asked: s.Who, Status: status.status(p), Closed: s.State.Status == runner.Closed}
	below := slices.Concat(thread.planMessages(), thread.phaseMessages(), found.assessment(), found.findings(), stops.stopMessages(), found.acts())
	slices.SortStableFunc(below, func(a, b placed) int { return a.seq - b.seq })
	for _, t := range below {
		t.Final = t.Final || screens.Closed
		screens.Thread = append(screens.Thread, t.Keyed)
	}
	var channel []placed
	for _, o := range s.openings {
		done := o.ended != nil && (o.ended.Kind != runner.GatePassed || screens.Closed)
		channel = append(channel, placed{o.opened.Seq, Keyed{o.key(), gates.gateMessage(o, p), done || screens.Closed}})
	}
	for _, st := range s.stops {
		if st.event.Kind == runner.RunStopped { // Who aborted knows it; a stop by itself must not be missed.
			channel = append(channel, placed{st.event.Seq, Keyed{fmt.Sprintf("stop/%d", st.nth), stops.stopNotice(st), st.over != nil}})
		}
	}
	channel = append(channel, debtWords{s}.debts()...)
	k, next := gates.reminder(p)
	if k != nil {
		channel = append(channel, placed{s.Seq, *k})
	}
	screens.Until = gates.until(p, next)
	if screens.Closed {
		channel = append(channel, placed{s.Seq, Keyed{"closed", status.closed(), true}})
	}
	slices.SortStableFunc(channel, func(a, b placed) int { return a.seq - b.seq })
	for _, c := range channel {
		screens.Channel = append(screens.Channel, c.Keyed)
	}
	return screens
}

// placed is a message and the event that it begins with.
type placed struct {
	seq int
	Keyed
}

// threadWords are the words of a run's thread: plans, phases, and the steps of each.
type threadWords struct{ *story }

// planMessages are the plans that were proposed; one that differs is another message.
func (s threadWords) planMessages() []placed {
	var out []placed
	last := ""
	for _, e := range s.events {
		if e.Kind != runner.PlanProposed || e.Digest == last {
			continue
		}
		last = e.Digest
		p, ok := decode[runner.Plan](e.Data)
		if !ok {
			continue
		}
		key := "plan"
		if len(out) > 0 {
			key = fmt.Sprintf("plan/%d", len(out)+1)
		}
		out = append(out, placed{e.Seq, Keyed{key, Plan(p, foreseen(s.State)), true}})
	}
	return out
}

func (s threadWords) phaseMessages() []placed {
	var out []placed
	for _, v := range s.visits {
		key := "phase/" + v.phase
		if v.nth > 1 {
			key = fmt.Sprintf("%s/%d", key, v.nth)
		}
		out = append(out, placed{v.first, Keyed{key, s.phaseMessage(v), !v.end.IsZero()}})
	}
	if s.undo != nil {
		m := s.phaseMessage(s.undo)
		out = append(out, placed{s.undo.first, Keyed{"undo", m, !s.undo.end.IsZero()}})
	}
	return out
}

// phaseMessage is the summary of one turn of a phase, with the evidence.
func (s threadWords) phaseMessage(v *visit) (m Message) {
	name := heading(s.plan, v.phase)
	defer func() { m = headed(m) }()
	failed := slices.ContainsFunc(v.steps, func(t *turn) bool { return t.failed() })
	switch {
	case v.kind == runner.PhaseSkipped:
		m.Tone, m.Head = Plain, name+": left out"
		m.Lines = []string{because(v.why)}
		return m
	case !v.end.IsZero() && v.phase == "undo" && s.Outcome != "undone":
		m.Tone, m.Head = Warn, fmt.Sprintf("%s: ended with the run (%s)", name, s.Outcome)
	case !v.end.IsZero():
		m.Tone, m.Head = Good, fmt.Sprintf("%s: done in %s, %s", name, took(v.end.Sub(v.at)), count(len(v.steps), "step"))
	case failed:
		m.Tone, m.Head = Bad, name+": stopped"
	default:
		m.Tone, m.Head = Plain, fmt.Sprintf("%s: begun %s", name, when(v.at))
	}
	for _, t := range v.steps {
		m.Tasks = append(m.Tasks, s.turnTask(t))
		if o, ok := s.evidence(t); ok {
			m.Output = append(m.Output, o)
		}
	}
	if len(v.notes) > 0 {
		m.Output = append(m.Output, Output{"Notes", cutLines(cut(strings.Join(v.notes, "\n"), 4000), shownEvidence)})
	}
	return m
}

func (t *turn) failed() bool {
	for _, e := range t.hosts {
		if e.Kind == runner.StepFailed || e.Kind == runner.UndoFailed {
			return true
		}
	}
	return false
}

func (s threadWords) turnTitle(t *turn) string {
	if t.undo {
		return "Undo: " + title(s.plan, t.step)
	}
	return title(s.plan, t.step)
}

func (s threadWords) turnTask(t *turn) Task {
	task := Task{ID: t.step, Title: s.turnTitle(t)}
	if t.undo {
		task.ID = "undo/" + t.step
	}
	kinds := map[string]int{}
	for _, e := range t.hosts {
		switch e.Kind {
		case runner.StepDone:
			kinds["done"]++
		case runner.StepSkipped:
			kinds["skipped"]++
		case runner.UndoDone:
			kinds["undone"]++
		case runner.StepFailed, runner.UndoFailed:
			kinds["failed"]++
		default:
			kinds["running"]++
		}
	}
	for _, k := range []string{"failed", "running", "undone", "done", "skipped"} {
		if kinds[k] > 0 {
			task.State = k
			break
		}
	}
	if len(kinds) > 1 {
		var parts []string
		for _, k := range sorted(kinds) {
			parts = append(parts, fmt.Sprintf("%d %s", kinds[k], k))
		}
		task.Detail = strings.Join(parts, ", ")
	} else if n := len(t.hosts); n > 1 {
		task.Detail = count(n, "host")
	}
	return task
}

// shownEvidence is how many lines of one host's evidence a message has.
const shownEvidence = 40

// evidence is what a step found, hosts with the same evidence together.
func (s threadWords) evidence(t *turn) (Output, bool) {
	said := map[string]string{}
	for host, e := range t.hosts {
		words := strings.TrimSpace(e.Why)
		switch e.Kind {
		case runner.StepStarted, runner.UndoStarted:
			continue
		case runner.StepSkipped:
			words = "it was done already: " + words
		case runner.StepFailed, runner.UndoFailed:
			words = "failed: " + words
		}
		said[host] = cutLines(cut(words, 4000), shownEvidence)
	}
	if len(said) == 0 {
		return Output{}, false
	}
	return together(s.turnTitle(t), said), true
}

// together lays out what hosts said: once if it is the same.
func together(what string, said map[string]string) Output {
	groups := gather(said)
	if _, bot := said[runner.Bot]; bot && len(said) == 1 {
		return Output{what, groups[0].text}
	}
	if len(groups) == 1 {
		n := len(said)
		if n == 1 {
			return Output{what + ": " + groups[0].hosts[0], groups[0].text}
		}
		return Output{fmt.Sprintf("%s: %d of %d hosts: same", what, n, n), groups[0].text}
	}
	var b strings.Builder
	for i, g := range groups {
		if i == 24 {
			b.WriteString(more(len(groups) - i))
			break
		}
		sep := " "
		if strings.Contains(g.text, "\n") {
			sep = "\n"
		}
		fmt.Fprintf(&b, "%s:%s%s\n", list(g.hosts, 12), sep, g.text)
	}
	return Output{fmt.Sprintf("%s: %d hosts, %d different answers", what, len(said), len(groups)), strings.TrimRight(b.String(), "\n")}
}
