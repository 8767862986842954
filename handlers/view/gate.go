package view

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// People is what messages say of people beyond the journal: plain data, worked
// out by whoever knows the policy.
type People struct {
	Gates  map[string]policy.Verdict // By gate: where it stands now.
	Needed map[string][]string       // By gate: whom it needs, in words: "1 of sre".
	Lasts  map[string]time.Duration  // By gate: how long an approval counts. Zero: not said.

	// Now is the moment to tell of: what counts by then, and what is due. Zero: nothing is due.
	Now    time.Time
	Remind map[string][]time.Duration // By gate: its ages at which people are reminded.
	Asked  map[string][]string        // By gate: "TEAM/USER" and "TEAM/GROUP" of whom policy names.

	LastTook  time.Duration // How long the cluster's last recovery took, from its start gate on. Zero: there was none.
	LastDrill time.Duration // How long its last drill that proved itself took. Zero: there was none.

	RequesterMayApprove bool // Every message of a gate says so.
}

// key is the place of an opening in the channel.
func (o *opening) key() string {
	if o.nth == 1 {
		return "gate/" + o.gate
	}
	return fmt.Sprintf("gate/%s/%d", o.gate, o.nth)
}

// gateWords are the words at a gate: what is asked, of whom, and by what facts.
type gateWords struct{ *story }

// gateMessage is one asking for consent, from its opening to its end: what is asked of
// whom, what will be lost, what decides, who is waited for until when. What only
// programs compare is the small print.
func (s gateWords) gateMessage(o *opening, p People) Message {
	m := Message{Lines: s.gateLines(o), Fields: append(s.gateFacts(o, p), s.gateFields(o, p)...), Files: s.lossFiles(o)}
	// The digest comes first: small print is cut at its end.
	foot := fmt.Sprintf("digest %s · run %s · %s gate, opened %s", o.digest, s.Run, o.gate, when(o.opened.At))
	if sum := s.checksum(o.state); sum != "" {
		foot += " · backup's SHA-256 " + short(sum)
	}
	switch {
	case s.open() == o:
		m.Tone, m.Head = Wait, s.asking(o, p)
		m.Actions = s.decide(o)
		foot += " · Approving asks for the cluster's name. One deny stops the run. Silence is no consent."
	case o.ended == nil:
		m.Tone, m.Head = Warn, fmt.Sprintf("%s: the %s gate is not open now", s.name(), o.gate)
		m.Lines = append([]string{s.notOpen()}, m.Lines...)
	case o.ended.Kind == runner.GatePassed:
		m.Tone, m.Head = Good, fmt.Sprintf("%s: the %s gate was passed at %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{s.question(o) + " Yes: " + o.names() + "."}, m.Lines...)
	case o.ended.Kind == runner.GateDenied:
		m.Tone, m.Head = Bad, fmt.Sprintf("%s: the %s gate was denied at %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{fmt.Sprintf("%s No: %s. %s", s.question(o), Who(o.ended.Who), because(o.ended.Why))}, m.Lines...)
	default:
		m.Tone, m.Head = Warn, fmt.Sprintf("%s: the %s gate is void since %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{because(o.ended.Why) + " What was approved here no longer opens anything."}, m.Lines...)
	}
	if p.RequesterMayApprove {
		m.Lines = append(m.Lines, requesterCounts)
	}
	m.Foot = foot
	return headed(m)
}

const requesterCounts = "Policy: the requester's own approval counts here, as one (requester_may_approve)."

// asking is the first line of an open gate: what is asked, and of whom where that fits.
func (s gateWords) asking(o *opening, p People) string {
	head := fmt.Sprintf("%s: %s", s.name(), s.question(o))
	if who := missing(o.gate, p); len(who) > 0 {
		if whole := head + " Needs " + strings.Join(who, " and "); fitsHead(whole) {
			return whole
		}
	}
	return head
}

// missing is whom a gate still needs, in policy's words; nobody where that is not known.
func missing(gate string, p People) []string {
	if v, ok := p.Gates[gate]; ok && (v.Open || len(v.Missing) > 0) {
		return v.Missing
	}
	return p.Needed[gate]
}

// question is what is decided.
func (s gateWords) question(o *opening) string {
	if o.gate == runner.GateWithout {
		var hosts []string
		for _, l := range o.state.Without {
			if !l.Left {
				hosts = append(hosts, quote(l.Host))
			}
		}
		if len(hosts) > 0 {
			return fmt.Sprintf("Continue without %s? It must stay off until it is settled.", list(hosts, 3))
		}
	}
	if o.view.Title != "" {
		return quote(first(o.view.Title))
	}
	return "Pass the " + o.gate + " gate?"
}

// because is the reason that somebody gave, as a sentence.
func because(why string) string {
	if strings.TrimSpace(why) == "" {
		return "No reason is recorded."
	}
	return sentence(quote(cut(why, 600)))
}

// notOpen says why a gate without a decision takes none.
func (s gateWords) notOpen() string {
	switch s.Status {
	case runner.Closed:
		return "The run is closed (" + s.Outcome + ") without a decision here."
	case runner.Stopped:
		return "The run stopped before a decision: " + because(s.Why) + " After a resume it is asked again."
	case runner.Undoing:
		return "The run is being undone."
	case runner.Owing, runner.Settling:
		return "The work has ended (" + s.Outcome + ") without a decision here."
	}
	return "The run has continued."
}

// names are those who approved.
func (o *opening) names() string {
	var names []string
	for _, e := range o.approvals {
		names = append(names, Who(e.Who))
	}
	if len(names) == 0 {
		return "nobody is recorded"
	}
	return list(names, 12)
}

// acts are the buttons that approve, by gate: each says what then happens.
var acts = map[string]string{
	"start": "Begin the outage", "assess": "Confirm assessment", "commit": "Overwrite the log",
	runner.GateUndo: "Undo the run", runner.GateWithout: "Continue without it",
}

func (s gateWords) decide(o *opening) []Action {
	value := s.Run + "|" + o.gate + "|" + o.digest
	act := cmp.Or(acts[o.gate], "Approve "+o.gate)
	if o.binds.Loaded != nil {
		act = "Start on the loaded log"
	}
	a := []Action{
		{ID: "approve", Label: act, Style: "primary", Value: value, Type: s.Request.Cluster},
		{ID: "deny", Label: "Deny", Style: "danger", Value: value, Ask: "Why is it denied?"},
	}
	if o.offered() != nil {
		a = slices.Insert(a, 1, Action{ID: "salvage", Label: "Use the log instead", Value: value, Type: s.Request.Cluster})
	}
	return a
}

// gateLines say what will be lost, and at the assess gate what the assessment is.
func (s gateWords) gateLines(o *opening) []string {
	switch o.gate {
	case runner.GateUndo:
		return []string{"Nothing is lost to the backup: it is not restored. The schedulers start as they were before this run, with the state that they had."}
	case runner.GateWithout:
		return []string{"This decision kills no task; what the restore kills is decided at the commit gate. Nothing is asked of the host any more. The others continue, and every one of them is needed until it is settled. Approvals given before are void."}
	case "assess":
		return append(o.lossLines(), decided(o.state)...)
	}
	return o.lossLines()
}

// gateFacts are what is decided by.
func (s gateWords) gateFacts(o *opening, p People) []Field {
	switch o.gate {
	case runner.GateUndo:
		return s.undoFacts(o)
	case runner.GateWithout:
		return s.withoutFacts(o)
	}
	var f []Field
	if words := o.sureness(); words != "" {
		f = append(f, Field{"How sure", words})
	}
	switch o.gate {
	case "start":
		f = append(f, s.startFacts(p)...)
	case "assess":
		f = append(f, s.salvageFacts(o)...)
	case "commit":
		f = append(f, o.stakeFacts()...)
	}
	return append(f, oneWay(o.plan(s.story), o.gate)...)
}

// WillBeUndone is the name of the field that says what an undo puts back.
const WillBeUndone = "Will be undone"

// Told are the facts of an open gate for who is led there: what will be lost, then
// those by which one sees whether to hurry.
func Told(gate Message) (loss []string, f []Field) {
	loss = slices.Clone(gate.Lines[:min(len(gate.Lines), 1)])
	for _, one := range gate.Fields {
		if slices.Contains([]string{WillBeUndone, backupName, stillNeededName, untilName}, one.Name) {
			f = append(f, one)
		}
	}
	return loss, f
}

// undoFacts are what an undo does, the newest first.
func (s gateWords) undoFacts(o *opening) []Field {
	var steps []string
	hosts := map[string][]string{}
	for _, e := range o.binds.Undo {
		if hosts[e.Step] == nil {
			steps = append(steps, e.Step)
		}
		hosts[e.Step] = append(hosts[e.Step], e.Host)
	}
	slices.Reverse(steps) // The newest first, as it is done.
	plan := o.plan(s.story)
	for i, id := range steps {
		slices.Sort(hosts[id])
		steps[i] = quote(title(plan, id)) + " (" + list(hosts[id], 12) + ")"
	}
	return []Field{{WillBeUndone, strings.Join(steps, "; ")}}
}

// asked says who asked for what is decided, and why.
func (s gateWords) asked(o *opening) Field {
	if o.gate == runner.GateUndo {
		why := runner.State{Reason: o.opened.Why}
		return Field{"Undo asked by", Who(o.opened.Who) + ", reason: " + reason(&why)}
	}
	if o.gate == runner.GateWithout {
		for _, l := range o.state.Without {
			if !l.Left {
				why := runner.State{Reason: l.Why}
				return Field{"Asked by", Who(l.Who) + ", reason: " + reason(&why)}
			}
		}
	}
	return Field{"Asked by", Who(s.Who) + ", reason: " + reason(o.state)}
}

// paragraphs are the evidence for the decision, for surfaces that show no fields.
func (s gateWords) paragraphs(o *opening) []string {
	lines := s.gateLines(o)
	for _, f := range s.gateFacts(o, People{}) {
		lines = append(lines, f.Name+": "+sentence(f.Value))
	}
	return lines
}

// plan is the plan that is in force for o.
func (o *opening) plan(s *story) runner.Plan {
	if p, ok := decode[runner.Plan](o.state.Plan); ok {
		return p
	}
	return s.plan
}

func (s gateWords) startFacts(p People) []Field {
	var f []Field
	if d, ok := fact[diagnosisFact](s.State, stepDiagnose); ok {
		f = append(f, Field{"Diagnosis", d.says()})
		if found := d.words(8); found != "" {
			f = append(f, Field{"Found", found})
		}
	}
	if b, ok := fact[backupFact](s.State, stepCluster); ok && len(b.Warnings) > 0 {
		f = append(f, Field{"Warnings", quote(cut(strings.Join(b.Warnings, "; "), 600))})
	}
	f = append(f, Field{"Outage", fmt.Sprintf("from here on %s schedules nothing until the run ends; running tasks keep running", s.name())})
	switch {
	case p.LastTook > 0:
		f = append(f, Field{"Last time", "the last recovery here took " + took(p.LastTook) + " from its start gate on, approvals included"})
	case p.LastDrill > 0:
		f = append(f, Field{"Last time", "no recovery yet; the last drill with a backup of this cluster took " + took(p.LastDrill) + " on a rehearsal cluster"})
	}
	steps := 0
	for _, ph := range s.plan.Phases {
		steps += len(ph.Steps)
	}
	return append(f, Field{"Plan", fmt.Sprintf("%s on %s; every command is in the thread", count(steps, "step"), count(len(planHosts(s.plan)), "host"))})
}

// decided is the assessment in words.
func decided(s *runner.State) []string {
	d, ok := fact[decisionFact](s, stepDecide)
	if !ok {
		return []string{"The assessment is not known."}
	}
	head := "A restore is needed."
	if !d.Needed {
		head = "The log is healthy: it needs no restore. This restore was requested because: " + because(s.Reason)
	}
	second := "The log is not re-initialised."
	if d.Reinitialize {
		second = "The log is re-initialised on all hosts, after every folder is moved aside."
	}
	lines := []string{head + " " + second}
	for i, why := range d.Why {
		if i == 8 {
			lines = append(lines, more(len(d.Why)-i))
			break
		}
		lines = append(lines, quote(cut(why, 400)))
	}
	return lines
}

// fields are those of a log that was loaded while all schedulers were stopped.
func (l *loadFact) fields() []Field {
	held := count(l.Tasks, "task")
	if l.Dropped > 0 {
		held += fmt.Sprintf(", %s dropped", digits(int64(l.Dropped)))
	}
	where := fmt.Sprintf("copied to all %s, with equal hashes", count(l.Copies, "host"))
	if l.CatchUp {
		where = fmt.Sprintf("on %s only, until the leader writes its first snapshot; the others learn from it", l.Host)
	}
	return []Field{{"Proved", "all schedulers are stopped; the loaded log equals the backup, task by task"}, {"Loaded", held + "; " + where}}
}

func (o *opening) stakeFacts() []Field {
	if o.binds.Loaded != nil {
		return o.binds.Loaded.fields()
	}
	stake := o.binds.Staged
	if stake == nil {
		if st, ok := fact[stakeFact](o.state, stepCompare); ok {
			stake = &st
		}
	}
	leader := o.binds.Leader
	if leader == nil || leader.Host == "" {
		if f, ok := fact[fenceFact](o.state, stepLeader); ok {
			leader = &f
		}
	}
	proved, staged := "who leads is not known", "what is staged is not known"
	if leader != nil && leader.Host != "" {
		proved = fmt.Sprintf("%s leads as PID %d, alone and disabled", leader.Host, leader.PID)
	}
	if stake != nil {
		proved += "; what is staged equals the backup, task by task"
		staged = count(stake.Tasks, "task")
		if stake.Dropped > 0 {
			staged += fmt.Sprintf(", %s dropped", digits(int64(stake.Dropped)))
		}
		staged += fmt.Sprintf("; the leader holds %s now", count(stake.Previous, "task"))
	}
	return []Field{{"Proved", proved}, {"Staged", staged}}
}

// oneWay are the steps without a way back that the gate lets pass: those from
// its own on to the next gate's.
func oneWay(p runner.Plan, gate string) []Field {
	var f []Field
	reached := false
	for _, ph := range p.Phases {
		for _, st := range ph.Steps {
			if reached && st.Gate != "" && st.Gate != gate {
				if len(f) == 0 {
					f = append(f, Field{"Way back", "everything up to the " + st.Gate + " gate can be undone"})
				}
				return f
			}
			reached = reached || st.Gate == gate
			if reached && st.OneWay != "" && st.Skip == "" {
				if len(f) > 0 {
					f[0].Value += ". Nor can: " + quote(st.OneWay)
					continue
				}
				f = []Field{{"Cannot be undone", quote(st.OneWay)}}
			}
		}
	}
	return f
}

// The names of facts that others look for.
const (
	backupName      = "Backup"
	stillNeededName = "Still needed"
	untilName       = "Until"
)

// gateFields are who is waited for and until when, then what is restored for whom.
func (s gateWords) gateFields(o *opening, p People) []Field {
	var f []Field
	if s.open() == o {
		f = append(f, Field{stillNeededName, stillNeeded(o.gate, p)}, Field{untilName, o.expiry(p)})
	}
	if given := o.approved(s.story, p); given != "" {
		f = append(f, Field{"Approved by", given})
	}
	if v := p.Gates[o.gate]; s.open() == o && len(v.Ignored) > 0 {
		f = append(f, Field{"Does not count", cut(strings.Join(v.Ignored, "; "), 400)})
	}
	return append(f, s.backupField(o.state, o.opened.At, "when this was asked", true), s.asked(o))
}

// approved says who approved for which factor, "" if nobody did.
func (o *opening) approved(s *story, p People) string {
	var given []string
	if v, ok := p.Gates[o.gate]; ok && s.open() == o {
		for _, c := range v.Given {
			words := fmt.Sprintf("%s for %s at %s", Who(c.Who), c.Factor, when(c.At))
			if !c.Known.IsZero() {
				words += fmt.Sprintf(" (Slack can't be reached: by its answer of %s)", when(c.Known))
			}
			given = append(given, words)
		}
	} else {
		for _, e := range o.approvals {
			words := Who(e.Who)
			if factor := cmp.Or(o.factors()[e.Who], e.Why); factor != "" {
				words += " for " + quote(factor)
			}
			given = append(given, words+" at "+when(e.At))
		}
	}
	return list(given, 12)
}

// factors are what each person was counted for when the gate was passed: the
// event says it, "PERSON for FACTOR, …".
func (o *opening) factors() map[string]string {
	counted := map[string]string{}
	if o.ended == nil || o.ended.Kind != runner.GatePassed {
		return counted
	}
	for _, one := range strings.Split(o.ended.Why, ", ") {
		if who, factor, ok := strings.Cut(one, " for "); ok {
			counted[strings.Replace(who, " / ", "/", 1)] = factor // See unnamed.
		}
	}
	return counted
}

// stillNeeded says who is missing.
func stillNeeded(gate string, p People) string {
	if v, ok := p.Gates[gate]; ok && v.Open {
		return "nobody. If the run does not continue by itself, resume it: the approvals are counted again"
	}
	who := missing(gate, p)
	if len(who) == 0 {
		return "not known"
	}
	words := strings.Join(who, " and ")
	if !p.RequesterMayApprove {
		words += " (a requester's own approval does not count)"
	}
	return words
}

// expiry says until when the gate, and what was given, counts.
func (o *opening) expiry(p People) string {
	var words []string
	if v := p.Gates[o.gate]; !v.Until.IsZero() {
		words = append(words, "the first approval ends "+when(v.Until))
	} else if d := p.Lasts[o.gate]; d > 0 {
		words = append(words, "an approval counts for "+took(d))
	}
	end := "the gate stays open"
	if !o.view.Expires.IsZero() {
		end = "the gate ends " + when(o.view.Expires)
	}
	return strings.Join(append([]string{end}, words...), "; ")
}

// passed is the opening at which a gate let the run pass, or nil.
func (s *story) passed(gate string) *opening {
	i := slices.IndexFunc(s.openings, func(o *opening) bool {
		return o.gate == gate && o.ended != nil && o.ended.Kind == runner.GatePassed
	})
	if i < 0 {
		return nil
	}
	return s.openings[i]
}
