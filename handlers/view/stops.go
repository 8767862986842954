package view

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
)

// stopWords are the words where the engine stands.
type stopWords struct{ *story }

// stopMessages are the stands of the engine in the thread, with why and choices.
func (s stopWords) stopMessages() []placed {
	var out []placed
	for _, st := range s.stops {
		m := s.stopNotice(st)
		if o, ok := s.failures(st); ok {
			m.Output = append(m.Output, o)
		}
		m.Actions = nil // They stand on the status message, and in the channel.
		out = append(out, placed{st.event.Seq, Keyed{fmt.Sprintf("stop/%d", st.nth), m, st.over != nil}})
	}
	return out
}

// stopNotice says that a run stands, why, and what a person can do; or what
// became of it.
func (s stopWords) stopNotice(st *stop) Message {
	m := Message{Tone: Bad, Foot: "run " + s.Run + ", " + when(st.event.At)}
	if st.reason.Step != "" {
		m.Foot += " · step " + st.reason.Step
	}
	if st.event.Kind != runner.RunAborted && slices.Contains([]runner.StopReason{runner.StopNotNeeded, runner.StopExpired, runner.StopCrash}, st.reason.Reason) {
		m.Tone = Warn
	}
	m.Head = fmt.Sprintf("%s: %s", s.name(), s.head(st))
	if len(st.reason.Hosts) > 0 && !(len(st.reason.Hosts) == 1 && st.reason.Hosts[0] == runner.Bot) {
		m.Fields = append(m.Fields, Field{"Hosts", list(st.reason.Hosts, 12)})
	}
	if step := title(s.plan, st.reason.Step); step != "" && !strings.HasSuffix(m.Head, step) {
		m.Fields = append(m.Fields, Field{"Step", step})
	}
	m.Lines = []string{because(st.event.Why) + " Nothing after this step was started."}
	if st.event.Kind == runner.RunAborted {
		m.Lines = []string{by(st.event)}
	}
	if st.over != nil {
		m.Tone = Plain
		m.Lines = append(m.Lines, over(st.over))
		return headed(m)
	}
	m.Lines = append(m.Lines, statusWords(s).choices(st)...)
	m.Foot = "Type " + either(statusWords(s).commands(st)) + " · " + m.Foot
	if s.standing() == st {
		m.Actions = statusWords(s).actions()
	}
	return headed(m)
}

// head are how a run stands.
func (s stopWords) head(st *stop) string {
	switch {
	case st.event.Kind == runner.RunAborted:
		return "aborted"
	case st.reason.Reason == runner.StopUnknown:
		return "stopped, the outcome of the commit is unknown"
	case st.reason.Reason == runner.StopNotNeeded:
		return "stopped, no restore seems to be needed"
	case st.reason.Reason == runner.StopExpired:
		return "stopped, what was approved no longer holds"
	case st.reason.Reason == runner.StopHold:
		return "stopped, something changed under the run"
	case st.reason.Reason == runner.StopCrash:
		return "stopped, the bot ended in the middle"
	case st.reason.Step != "":
		return "stopped at: " + title(s.plan, st.reason.Step)
	}
	return "stopped"
}

func over(e *runner.Event) string {
	switch e.Kind {
	case runner.RunResumed:
		words := "Resumed"
		if e.Who != "" {
			words += " by " + Who(e.Who)
		}
		if e.Why != "" {
			words += ", because: " + quote(cut(e.Why, 300))
		}
		return words + " at " + when(e.At) + "."
	case runner.UndoRequested:
		return Who(e.Who) + " asked for the undo at " + when(e.At) + "."
	case runner.RunClosed:
		return "The run was closed at " + when(e.At) + " (" + e.Why + ")."
	}
	return "It stopped again at " + when(e.At) + "."
}

// failures are what the step that stopped the run said, host by host.
func (s stopWords) failures(st *stop) (Output, bool) {
	said := map[string]string{}
	for _, e := range s.events {
		if e.Seq >= st.event.Seq {
			break
		}
		switch e.Kind {
		case runner.StepFailed, runner.UndoFailed:
			if e.Step != st.reason.Step {
				continue
			}
			changed := "nothing was changed there"
			if e.Changed || e.Kind == runner.UndoFailed {
				changed = "something may have been changed there"
			}
			said[e.Host] = cutLines(cut(e.Why, 4000), shownEvidence) + "\n(" + changed + ")"
		case runner.StepDone, runner.StepSkipped, runner.UndoDone:
			if e.Step == st.reason.Step {
				delete(said, e.Host)
			}
		}
	}
	if len(said) == 0 {
		return Output{}, false
	}
	return together(title(s.plan, st.reason.Step), said), true
}

// findingWords are the words on what a run saw and what people did meanwhile.
type findingWords struct{ *story }

// acts are what people did besides deciding: changes of what is restored, undo asked for.
func (s findingWords) acts() []placed {
	var out []placed
	for _, e := range s.events {
		switch e.Kind {
		case runner.TasksDropped, runner.SourceChosen, runner.UndoRequested, runner.RunResumed,
			runner.CommitSent, runner.CommitProved, runner.CommitAbsent:
			out = append(out, placed{e.Seq, Keyed{fmt.Sprintf("event/%d", e.Seq), eventWords(s).event(e), true}})
		}
	}
	return out
}

// assessment is the answer to the two questions, with the loss in numbers.
func (s findingWords) assessment() []placed {
	var out []placed
	for _, e := range s.events {
		if e.Step != stepDecide || e.Kind != runner.StepDone {
			continue
		}
		key := "assessment"
		if len(out) > 0 {
			key = fmt.Sprintf("assessment/%d", len(out)+1)
		}
		at := runner.Fold(s.events[:s.upTo(e)])
		m := Message{Tone: Warn, Head: s.name() + ": the damage is assessed", Lines: decided(at)}
		if l, ok := fact[lossFact](at, stepLoss); ok {
			m.Lines = append(m.Lines, lossLines(&l)...)
			if words := sureness(&l, false); words != "" {
				m.Lines = append(m.Lines, "How sure: "+sentence(words))
			}
			if total := l.total(); len(total.Jobs) > 0 {
				m.Files = append(m.Files, File{Name: lossName, Text: lossFile(&total, l.each())})
			}
		}
		out = append(out, placed{e.Seq, Keyed{key, headed(m), true}})
	}
	return out
}

// upTo is how many events there are up to e.
func (s *story) upTo(e runner.Event) int {
	for i := range s.events {
		if s.events[i].Seq == e.Seq {
			return i + 1
		}
	}
	return len(s.events)
}

// A finding is what a look found wrong: of an event of its own, or in a step's facts.
type finding struct {
	ID       string `json:"id"`
	Finding  string `json:"finding"` // Instead of ID.
	Severity string `json:"severity"`
	Subject  string `json:"subject"`
	Title    string `json:"title"`
	Evidence string `json:"evidence"`
	Means    string `json:"means"`
	Do       string `json:"do"`
	Count    int    `json:"count"`
	Example  string `json:"example"`
}

func (f finding) name() string {
	for _, n := range []string{f.Title, f.ID, f.Finding} {
		if n != "" {
			return n
		}
	}
	return "finding"
}

func (f finding) tone() Tone {
	switch f.Severity {
	case "critical", "error":
		return Bad
	case "info":
		return Plain
	}
	return Warn
}

func findingMessage(f finding, where string) Message {
	m := Message{Tone: f.tone(), Head: fmt.Sprintf("Finding on %s: %s", where, quote(first(f.name())))}
	if f.Severity != "" {
		m.Fields = append(m.Fields, Field{"Severity", quote(f.Severity)})
	}
	for _, l := range []string{f.Means, f.Do} {
		if l != "" {
			m.Lines = append(m.Lines, sentence(quote(cut(l, 600))))
		}
	}
	if words := strings.TrimSpace(f.Evidence + "\n" + f.Example); words != "" {
		m.Output = append(m.Output, Output{where, cutLines(cut(words, 4000), shownEvidence)})
	}
	return m
}

// findings are shown as they appear; those that steps found in the schedulers'
// logs stand together, the same one of several hosts once.
func (s findingWords) findings() []placed {
	out := s.foundInSteps()
	logs := map[string]*seen{}
	at := 0
	for _, e := range s.events {
		if facts, ok := found(e.Facts); ok && e.Kind == runner.StepDone && len(facts) > 0 && at == 0 {
			at = e.Seq
		}
	}
	// From the state and not the events: a look that was repeated counts once.
	for _, step := range sorted(s.Steps) {
		for _, host := range sorted(s.Steps[step]) {
			here, _ := found(s.Steps[step][host].Facts)
			for _, f := range here {
				x := logs[f.name()]
				if x == nil {
					x = &seen{finding: f}
					x.Count = 0
					logs[f.name()] = x
				}
				x.Count += f.Count
				x.hosts = append(x.hosts, host)
			}
		}
	}
	if len(logs) == 0 || at == 0 {
		return out
	}
	m := Message{Tone: Warn, Head: fmt.Sprintf("%s: %s in the schedulers' logs", s.name(), count(len(logs), "finding"))}
	t := Table{Rows: [][]string{{"Finding", "Severity", "Lines", "Hosts"}}, Right: []int{2}}
	for _, name := range sorted(logs) {
		x := logs[name]
		t.Rows = append(t.Rows, []string{name, x.Severity, digits(int64(x.Count)), list(x.hosts, 6)})
		if len(m.Output) < shownExamples {
			// Not in the table: a log line would leave the rest no room.
			m.Output = append(m.Output, Output{Title: name + ", for example", Text: cut(first(x.Example), 400)})
		}
	}
	m.Tables = []Table{bounded(t)}
	return append(out, placed{at, Keyed{"findings", m, false}})
}

// foundInSteps are the findings that steps told of, a message for each step: a
// look at many hosts would drown the thread otherwise. What a step said again
// when it had another turn counts once.
func (s findingWords) foundInSteps() []placed {
	var out []placed
	at := map[string]int{} // By step: the place in out.
	in := map[string][]told{}
	for _, e := range s.events {
		if e.Kind != runner.Found {
			continue
		}
		f, _ := decode[finding](e.Data)
		if f.Evidence == "" {
			f.Evidence = e.Why
		}
		if _, known := at[e.Step]; !known {
			at[e.Step] = len(out)
			out = append(out, placed{e.Seq, Keyed{fmt.Sprintf("finding/%d", e.Seq), Message{}, false}})
		}
		list := slices.DeleteFunc(in[e.Step], func(o told) bool { return o.f.name() == f.name() && place(o.e) == place(e) })
		in[e.Step] = append(list, told{e, f})
		out[at[e.Step]].Message = s.toldTogether(in[e.Step])
	}
	return out
}

// told is a finding and the event that told it.
type told struct {
	e runner.Event
	f finding
}

// toldTogether is the message of one step's findings: one line for each kind, with all
// the hosts that have it.
func (s findingWords) toldTogether(list []told) Message {
	if len(list) == 1 {
		return headed(findingMessage(list[0].f, place(list[0].e)))
	}
	m := Message{Tone: Plain}
	rows, t := map[string]int{}, Table{Rows: [][]string{{"Finding", "Severity", "Where"}}}
	worse := map[Tone]int{Plain: 1, Warn: 2, Bad: 3}
	for _, x := range list {
		name, where := x.f.name(), cmp.Or(x.f.Subject, x.e.Host)
		if tone := x.f.tone(); worse[tone] > worse[m.Tone] {
			m.Tone = tone
		}
		if row, known := rows[name]; known {
			t.Rows[row][2] += ", " + where
			continue
		}
		rows[name] = len(t.Rows)
		t.Rows = append(t.Rows, []string{name, x.f.Severity, where})
		if words := strings.TrimSpace(x.f.Means + " " + x.f.Do); words != "" {
			m.Lines = append(m.Lines, quote(name)+": "+sentence(quote(cut(words, 800))))
		}
		if len(m.Output) < shownExamples {
			m.Output = append(m.Output, Output{Title: name + ", " + place(x.e), Text: cut(first(x.f.Evidence), 600)})
		}
	}
	for i := range t.Rows {
		t.Rows[i][2] = cut(t.Rows[i][2], 200)
	}
	m.Head = fmt.Sprintf("%s: %s at: %s", s.name(), count(len(list), "finding"), quote(title(s.plan, list[0].e.Step)))
	m.Tables = []Table{bounded(t)}
	return headed(m)
}

// shownExamples is how many findings have a line of the log shown.
const shownExamples = 8

// found are the findings among a step's facts.
func found(facts json.RawMessage) ([]finding, bool) {
	f, ok := decode[struct {
		Found []finding `json:"found"`
	}](facts)
	return f.Found, ok
}

type seen struct {
	finding
	hosts []string
}

// place is where an event happened, in words.
func place(e runner.Event) string {
	switch {
	case e.Host == "" && e.Step == "":
		return "the run"
	case e.Host == "" || e.Host == runner.Bot:
		return "the cluster"
	}
	return e.Host
}
