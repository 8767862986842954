package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// statusWords are the words of a run's one message: how it stands, and what can be done.
type statusWords struct{ *story }

// status is the run's one message: what is now, since when, what is next, who
// is waited for, until when, and how to stop.
func (s statusWords) status(p People) Message {
	m := Message{Fields: append(s.outage(p), s.statusFields()...), Tasks: taskWords(s).tasks(), Actions: s.actions()}
	m.Foot = s.typed() + fmt.Sprintf("run %s · started %s · last event %d at %s", s.Run, when(s.Began), s.Seq, when(s.At))
	switch s.State.Status {
	case runner.Gated:
		s.gated(&m, p)
	case runner.Stopped:
		m.Tone = Bad
		st := s.standing()
		if st == nil {
			m.Head = s.name() + ": stopped"
			break
		}
		m.Head = fmt.Sprintf("%s: %s", s.name(), stopWords(s).head(st))
		m.Lines = append([]string{"Since " + when(st.event.At) + ". " + stopWords(s).stopNotice(st).Lines[0]}, s.choices(st)...)
	case runner.Undoing:
		m.Tone, m.Head = Warn, s.name()+": the run is being undone"
		m.Lines = []string{fmt.Sprintf("Since %s, what this run did is undone, newest first; traffic opens last.", when(s.undoSince())), howToStop}
	case runner.Owing, runner.Settling:
		debtWords(s).owing(&m)
	case runner.Closed:
		m.Tone, m.Head, m.Lines = s.outcome()
	default:
		m.Tone = Plain
		m.Head = fmt.Sprintf("%s: %s", s.name(), s.whereWords())
		m.Lines = append(m.Lines, s.nowWords())
		if w := s.waiting; w != nil {
			m.Lines = append(m.Lines, "Waiting, since "+when(w.At)+", "+place(*w)+": "+because(w.Why))
		}
		m.Lines = append(m.Lines, s.nextWords(), howToStop)
	}
	m.Lines = append(m.Lines, debtWords(s).without()...)
	return headed(m)
}

func (s statusWords) gated(m *Message, p People) {
	m.Tone = Wait
	o := s.open()
	if o == nil {
		m.Head = fmt.Sprintf("%s: waits at the %s gate", s.name(), s.Gate)
		return
	}
	m.Head = fmt.Sprintf("%s: waits for approval at the %s gate", s.name(), o.gate)
	if who := missing(o.gate, p); len(who) > 0 {
		if whole := m.Head + ", needs " + strings.Join(who, " and "); fitsHead(whole) {
			m.Head = whole
		}
	}
	m.Lines = []string{
		fmt.Sprintf("Since %s: %s", when(o.opened.At), gateWords(s).question(o)),
		fmt.Sprintf("Still needed: %s. Until: %s.", stillNeeded(o.gate, p), o.expiry(p)),
	}
	if given := o.approved(s.story, p); given != "" {
		m.Lines = append(m.Lines, "Approved by: "+given+".")
	}
	if p.RequesterMayApprove {
		m.Lines = append(m.Lines, requesterCounts)
	}
	m.Lines = append(m.Lines, fmt.Sprintf("Once it is passed: %s. Nothing happens before.", s.afterGate(o)))
}

// afterGate is the step that the gate guards.
func (s statusWords) afterGate(o *opening) string {
	if o.gate == runner.GateUndo {
		return "everything that this run did is undone, and the schedulers start as they were"
	}
	for _, ph := range s.plan.Phases {
		for _, st := range ph.Steps {
			if st.Gate == o.gate {
				return st.Title
			}
		}
	}
	return "the step that the gate guards"
}

func (s *story) undoSince() time.Time {
	if s.undo != nil {
		return s.undo.at
	}
	return s.At
}

// statusFields are the facts of the request.
func (s statusWords) statusFields() []Field {
	return []Field{
		gateWords(s).backupField(s.State, s.Began, "when it was requested", false), // The gates have its size.
		{"Asked by", Who(s.Who) + ", reason: " + reason(s.State)},
	}
}

// actions are the buttons that the state allows.
func (s statusWords) actions() []Action {
	abort := Action{ID: "abort", Label: "Abort", Value: s.Run, Ask: "Why is it stopped?"}
	undo := Action{ID: "undo", Label: "Undo", Value: s.Run, Type: s.Request.Cluster, Ask: "Why is it undone?"}
	resume := Action{ID: "resume", Label: "Resume", Style: "primary", Value: s.Run}
	var a []Action
	switch s.State.Status {
	case runner.Gated:
		// Approve and Deny stand with the evidence, in the gate's own message:
		// here they would be pressed without having seen it.
		a = append(a, abort)
	case runner.Stopped:
		if st := s.standing(); st != nil && st.reason.Reason == runner.StopNotNeeded {
			resume.Ask = "Why is the state of the backup itself wanted back?"
		}
		if s.Irreversible() || s.State.Undo || s.Ended {
			return []Action{resume}
		}
		return []Action{undo, resume} // The way back is offered first.
	case runner.Open, runner.Undoing, runner.Settling:
		return []Action{abort}
	default:
		return nil
	}
	if !s.Irreversible() && !s.State.Undo {
		a = append(a, undo)
	}
	return a
}

const howToStop = "To stop it: Abort. It stops before the next step; nothing is undone by that."

// typed are the commands that do what the buttons do, and what no button does, for the
// small print.
func (s statusWords) typed() string {
	var words []string
	switch st := s.standing(); {
	case st != nil:
		words = s.commands(st)
	case s.State.Status == runner.Closed && s.Outcome == "recovered":
		words = []string{"`tasks " + s.Run + " --lost`"}
		if l, ok := fact[lossFact](s.State, stepLoss); ok && len(l.Create) > 0 {
			words = append(words, "on the bot's machine `aurorabot export "+s.Run+"`")
		}
	case s.State.Status == runner.Gated, s.State.Status == runner.Open, s.State.Status == runner.Undoing, s.State.Status == runner.Settling:
		words = []string{"`abort " + s.Run + "`"}
	}
	if len(words) == 0 {
		return ""
	}
	return "Type " + either(words) + " · "
}

// whereWords are how far the run is.
func (s statusWords) whereWords() string {
	all := s.phases()
	at := slices.Index(all, s.Phase)
	if id, _ := s.current(); id != "" {
		phase, _, _ := strings.Cut(id, "/")
		if i := slices.Index(all, phase); i >= 0 {
			at = i
		}
	}
	if len(s.plan.Phases) == 0 || at < 0 {
		return "pre-flight, nothing is changed yet"
	}
	return fmt.Sprintf("recovery runs, phase %d of %d, %s", at+1, len(all), heading(s.plan, all[at]))
}

// nowWords are what happens now and since when.
func (s statusWords) nowWords() string {
	id, since := s.current()
	words := "looking at every host"
	if id != "" {
		words = title(s.plan, id)
	} else if s.Phase != "" {
		words = heading(s.plan, s.Phase)
		for _, ph := range s.plan.Phases {
			if ph.ID == s.Phase && ph.Undoes != "" {
				words = s.puttingBack(ph.Undoes)
			}
		}
	}
	return fmt.Sprintf("Now, since %s: %s", when(since), sentence(words)) + s.atMost(id)
}

// atMost is how long a step may take on each host before it stops the run.
func (s statusWords) atMost(id string) string {
	st := s.step(id)
	if st == nil || st.Limit <= 0 {
		return ""
	}
	each := " on each host"
	if len(st.Hosts) < 2 {
		each = ""
	}
	return fmt.Sprintf(" This takes at most %s%s; then the run stops.", took(time.Duration(st.Limit)*time.Second), each)
}

// puttingBack is how much of what a phase changed is put back: which of its steps that
// changed something.
func (s statusWords) puttingBack(phase string) string {
	words := "putting back what " + heading(s.plan, phase) + " changed"
	all, back, now := 0, 0, ""
	for _, ph := range s.plan.Phases {
		for _, st := range ph.Steps {
			if ph.ID != phase || st.ReadOnly || st.OneWay != "" {
				continue
			}
			changed, undone := 0, 0
			for _, host := range s.Steps[st.ID] {
				switch host.Progress {
				case runner.Undone:
					undone++
					changed++
				case runner.Done, runner.UndoBegun, runner.UndoBroken:
					changed++
				}
				if host.Progress == runner.UndoBegun && now == "" {
					now = ": " + st.Title
				}
			}
			if changed > 0 {
				all++
			}
			if changed > 0 && changed == undone {
				back++
			}
		}
	}
	if all == 0 {
		return words
	}
	return fmt.Sprintf("%s, %d of %d%s", words, min(back+1, all), all, now)
}

// hand is by how much the clock of an outage moves at once: a message that stands for
// days is not edited each minute.
func hand(lasts time.Duration) time.Duration {
	switch {
	case lasts < time.Hour:
		return time.Minute
	case lasts < 24*time.Hour:
		return 10 * time.Minute
	}
	return time.Hour
}

// outageOver reports whether the run's work has ended: what a host still owes is no outage.
func (s *story) outageOver() bool { return s.Ended || s.State.Status == runner.Closed }

// outage says since when the cluster schedules nothing, and for how long by now.
func (s statusWords) outage(p People) []Field {
	start := s.passed("start")
	if start == nil || s.outageOver() {
		return nil
	}
	words := "since " + when(start.ended.At)
	lasts := p.Now.Sub(start.ended.At)
	if lasts = lasts.Truncate(hand(lasts)); !p.Now.IsZero() && lasts > 0 {
		words += ", " + took(lasts) + " by now"
	}
	return []Field{{"Outage", words}}
}

// nextWords are what comes after that.
func (s statusWords) nextWords() string {
	if len(s.plan.Phases) == 0 {
		return "Next: the plan, and the start gate. Nothing is changed before it."
	}
	now, _ := s.current()
	ahead := s.ahead()
	if len(ahead) > 0 && ahead[0].ID == now {
		ahead = ahead[1:]
	}
	if len(ahead) == 0 {
		for _, ph := range s.plan.Phases {
			if ph.Undoes != "" {
				return "Next: what " + heading(s.plan, ph.Undoes) + " changed is put back, traffic opens last."
			}
		}
		return "Next: the end."
	}
	if g := ahead[0].Gate; g != "" && !s.Gates[g].Passed {
		return fmt.Sprintf("Next: the %s gate, where people decide, before: %s.", g, ahead[0].Title)
	}
	return "Next: " + ahead[0].Title + "."
}

// current is the step that has its turn, and since when. Steps that only look
// journal no beginning: it is the first that is not behind us.
func (s *story) current() (id string, since time.Time) {
	since = s.At
	if ahead := s.ahead(); len(ahead) > 0 {
		id = ahead[0].ID
		for _, st := range s.Steps[id] {
			if st.At.Before(since) && st.Progress == runner.Started {
				since = st.At
			}
		}
		return id, since
	}
	if len(s.plan.Phases) == 0 && s.Step != "" {
		return s.Step, since
	}
	return "", since
}

// ahead are the steps of the plan that are not behind us, as far as is known.
func (s *story) ahead() []runner.PlanStep {
	var list []runner.PlanStep
	// What an earlier phase did is not ahead again because it is being put back.
	begun := max(slices.IndexFunc(s.plan.Phases, func(ph runner.PlanPhase) bool { return ph.ID == s.Phase }), 0)
	for _, ph := range s.plan.Phases[min(begun, len(s.plan.Phases)):] {
		if s.Phases[ph.ID] == runner.PhaseSkipped {
			continue
		}
		for _, st := range ph.Steps {
			if !s.leftOut(st) && !s.behind(st) {
				list = append(list, st)
			}
		}
	}
	return list
}

// leftOut reports whether a step has no turn in this run, as far as the plan
// and what happened since tell.
func (s *story) leftOut(st runner.PlanStep) bool {
	asked := st.ID == stepDrop && len(s.Dropped) > 0 // Dropped after the plan was made.
	return st.Skip != "" && len(s.Steps[st.ID]) == 0 && !asked
}

// behind reports whether a step is passed on all its hosts.
func (s *story) behind(st runner.PlanStep) bool {
	passed, known := s.hosts(st)
	return known > 0 && passed == known
}

// hosts counts the hosts that a step passed, and those that it is planned on.
func (s *story) hosts(st runner.PlanStep) (passed, known int) {
	names := map[string]bool{}
	for host := range s.Steps[st.ID] {
		names[host] = true
	}
	symbolic := len(st.Hosts) == 1 && st.Hosts[0].Host == "leader" && len(names) > 0
	for _, h := range st.Hosts {
		if !symbolic {
			names[h.Host] = true
		}
	}
	for host := range names {
		if s.IsLeft(host) && !strings.HasPrefix(st.ID, runner.PhaseSettle+"/") {
			delete(names, host)
			continue
		}
		if s.Passed(st.ID, host) {
			passed++
		}
	}
	return passed, len(names)
}

// choices are what a person can do about a stop.
func (s statusWords) choices(st *stop) []string {
	resume := "Resume looks again and continues from there."
	switch st.reason.Reason {
	case runner.StopNotNeeded:
		resume = "Resume with a reason continues if the state of the backup itself is wanted back."
	case runner.StopUnknown:
		resume = "Resume looks again whether the commit took effect. Nothing is sent again."
	case runner.StopExpired:
		resume = "Resume proves everything again and asks for new approvals."
	}
	if s.State.Settling != "" {
		resume = fmt.Sprintf("Resume continues to settle %s.", s.State.Settling)
	}
	var lines []string
	switch {
	case s.Ended:
		lines = append(lines, resume)
	case s.State.Undo:
		lines = append(lines, "The undo is half done. Resume continues it.")
	case s.Irreversible():
		lines = append(lines, resume, "Undo is not possible: a commit was sent.")
	default:
		lines = append(lines, "Undo puts back what this run changed, newest first.", resume)
	}
	if host := stopWords(s).goneForGood(st); host != "" {
		lines = append(lines, fmt.Sprintf("If %s is gone for good, the run can continue without it. That needs the approvals of the commit gate.", host))
	}
	return lines
}

// commands are what is typed for the choices.
func (s statusWords) commands(st *stop) []string { return s.commandsOf(st, s.Run) }

// commandsOf are the same with another name for the run: its cluster's, while it is open.
func (s statusWords) commandsOf(st *stop, run string) []string {
	resume := "`resume " + run + "`"
	if st.reason.Reason == runner.StopNotNeeded {
		resume = "`resume " + run + " --reason TEXT`"
	}
	words := []string{resume}
	if !s.Ended && !s.State.Undo && !s.Irreversible() {
		words = []string{"`undo " + run + "`", resume}
	}
	if host := stopWords(s).goneForGood(st); host != "" {
		words = append(words, fmt.Sprintf("`resume %s --without %s --reason TEXT`", run, host))
	}
	return words
}

// outcome says in one sentence how a closed run ended, with the proof.
func (s statusWords) outcome() (Tone, string, []string) {
	lasted := took(s.closedAt.Sub(s.Began))
	words := fmt.Sprintf("%s: %s after %s", s.name(), s.Outcome, lasted)
	switch s.Outcome {
	case "recovered":
		proof := s.Commit.Why
		if proof == "" {
			proof = "the proof is not in the journal"
		}
		return Good, fmt.Sprintf("%s: recovered in %s", s.name(), lasted) + s.outageWas(), append(lostInTheEnd(s.State), "Proof: "+because(proof))
	case "undone":
		return Good, fmt.Sprintf("%s: undone after %s", s.name(), lasted) + s.outageWas(), []string{fmt.Sprintf("All that this run did was undone (%s).", count(s.undoneSteps(), "step"))}
	case "nothing-done":
		return Plain, fmt.Sprintf("%s: closed after %s, nothing was done", s.name(), lasted), nil
	case "not-needed":
		return Warn, fmt.Sprintf("%s: not begun, no restore seems to be needed", s.name()), []string{because(s.lastWhy(runner.StepFailed))}
	case "denied":
		return Bad, fmt.Sprintf("%s: denied after %s", s.name(), lasted), []string{s.deniedBy()}
	case "refused":
		return Bad, words, []string{because(s.lastWhy(runner.Refused))}
	}
	return Plain, words, nil
}

// outageWas is how long the outage was at most, from the start gate to the end.
func (s *story) outageWas() string {
	if o := s.passed("start"); o != nil {
		return ", outage at most " + took(s.closedAt.Sub(o.ended.At))
	}
	return ""
}

func (s *story) deniedBy() string {
	for _, e := range slices.Backward(s.events) {
		if e.Kind == runner.GateDenied {
			return fmt.Sprintf("By %s at the %s gate: %s", Who(e.Who), e.Gate, because(e.Why))
		}
	}
	return "By whom is not in the journal."
}

// lastWhy are the words of the last event of a kind.
func (s *story) lastWhy(k runner.Kind) string {
	for _, e := range slices.Backward(s.events) {
		if e.Kind == k {
			return e.Why
		}
	}
	return ""
}

func (s *story) undoneSteps() int {
	n := 0
	if s.undo != nil {
		n = len(s.undo.steps)
	}
	return n
}

// closed is the run's last message in the channel.
func (s statusWords) closed() Message {
	m := Message{Foot: s.typed() + fmt.Sprintf("run %s · %s to %s", s.Run, when(s.Began), when(s.closedAt))}
	m.Tone, m.Head, m.Lines = s.outcome()
	m.Fields = []Field{{backupName, quote(s.Request.Backup)}, {"Asked by", Who(s.Who)}}
	for _, gate := range []string{"start", "assess", "commit"} {
		if o := s.passed(gate); o != nil {
			m.Fields = append(m.Fields, Field{capital(gate) + " approved by", o.names()})
		}
	}
	return headed(m)
}
