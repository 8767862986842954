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

	LastTook time.Duration // How long the cluster's last recovery took, from its start gate on. Zero: there was none.

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

// gateMessage is one asking for consent, from its opening to its end.
func (s gateWords) gateMessage(o *opening, p People) Message {
	m := Message{Lines: o.assessed(), Fields: append(s.gateFacts(o), s.gateFields(o, p)...)}
	small := ""
	current := s.open() == o
	switch {
	case current:
		m.Tone, m.Head = Wait, fmt.Sprintf("%s: %s", s.name(), o.question())
		m.Actions = s.decide(o)
		small = "Approving asks for the cluster's name. One deny stops the run. Silence is no consent. · "
	case o.ended == nil:
		m.Tone, m.Head = Warn, fmt.Sprintf("%s: the %s gate is not open now", s.name(), o.gate)
		m.Lines = append([]string{s.notOpen()}, m.Lines...)
	case o.ended.Kind == runner.GatePassed:
		m.Tone, m.Head = Good, fmt.Sprintf("%s: the %s gate was passed at %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{o.question() + " Yes: " + o.names() + "."}, m.Lines...)
	case o.ended.Kind == runner.GateDenied:
		m.Tone, m.Head = Bad, fmt.Sprintf("%s: the %s gate was denied at %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{fmt.Sprintf("%s No: %s. %s", o.question(), Who(o.ended.Who), because(o.ended.Why))}, m.Lines...)
	default:
		m.Tone, m.Head = Warn, fmt.Sprintf("%s: the %s gate is void since %s", s.name(), o.gate, when(o.ended.At))
		m.Lines = append([]string{because(o.ended.Why) + " What was approved here opens nothing any more."}, m.Lines...)
	}
	if p.RequesterMayApprove {
		m.Lines = append(m.Lines, "Policy: the requester's own approval counts here, as one (requester_may_approve).")
	}
	m.Foot = small + fmt.Sprintf("run %s · %s gate, opened %s · digest %s", s.Run, o.gate, when(o.opened.At), o.digest)
	return m
}

// question is what is decided.
func (o *opening) question() string {
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
	return "The run went on."
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

func (s gateWords) decide(o *opening) []Action {
	value := s.Run + "|" + o.gate + "|" + o.digest
	a := []Action{
		{ID: "approve", Label: "Approve " + o.gate, Style: "primary", Value: value, Type: s.Request.Cluster},
		{ID: "deny", Label: "Deny", Style: "danger", Value: value, Ask: "Why is it denied?"},
	}
	if v := o.offered(); v != nil {
		a = slices.Insert(a, 1, Action{ID: "salvage", Label: cut("Use the log of "+v.Host, 24), Value: value, Type: s.Request.Cluster})
	}
	return a
}

// assessed is the assessment that is decided on at its gate, in words.
func (o *opening) assessed() []string {
	if o.gate != "assess" {
		return nil
	}
	return decided(o.state)
}

// gateFacts are what is decided by: what will be lost first, what cannot be
// undone next.
func (s gateWords) gateFacts(o *opening) []Field {
	if o.gate == runner.GateUndo {
		return s.undoFacts(o)
	}
	f := append([]Field{{"Will be lost", o.loss()}}, oneWay(o.plan(s.story), o.gate)...)
	switch o.gate {
	case runner.GateWithout:
		return s.withoutFacts(o)
	case "start":
		f = append(f, s.startFacts()...)
	case "assess":
		f = append(f, s.salvageFacts(o)...)
	case "commit":
		f = append(f, o.stakeFacts()...)
	}
	return f
}

// WillBeTakenBack is the name of the field that says what an undo takes back.
const WillBeTakenBack = "Will be taken back"

// undoFacts are what an undo does. It loses nothing of what a recovery would.
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
	return []Field{
		{WillBeTakenBack, strings.Join(steps, "; ")},
		{"What follows", "the schedulers start as they were before this run, with the state that they had"},
	}
}

// asked says who asked for what is decided, and why.
func (s gateWords) asked(o *opening) []Field {
	if o.gate == runner.GateUndo {
		why := runner.State{Reason: o.opened.Why}
		return []Field{{"Undo asked by", Who(o.opened.Who)}, {"Reason", reason(&why)}}
	}
	return []Field{{"Asked by", Who(s.Who)}, {"Reason", reason(o.state)}}
}

// gateLines are the evidence for the decision, as paragraphs.
func (s gateWords) gateLines(o *opening) []string {
	var lines []string
	for _, f := range s.gateFacts(o) {
		lines = append(lines, f.Name+": "+sentence(f.Value))
	}
	return append(lines, o.assessed()...)
}

// plan is the plan that is in force for o.
func (o *opening) plan(s *story) runner.Plan {
	if p, ok := decode[runner.Plan](o.state.Plan); ok {
		return p
	}
	return s.plan
}

func (s gateWords) startFacts() []Field {
	steps := 0
	for _, ph := range s.plan.Phases {
		steps += len(ph.Steps)
	}
	f := []Field{
		{"Outage", fmt.Sprintf("from here on %s schedules nothing until the run ends; running tasks go on", s.name())},
		{"Plan", fmt.Sprintf("%s on %s; every command is in the thread", count(steps, "step"), count(len(planHosts(s.plan)), "host"))},
	}
	if d, ok := fact[diagnosisFact](s.State, stepDiagnose); ok {
		f = append(f, Field{"Diagnosis", d.Verdict.Words() + ". " + quote(cut(d.Advice, 600))})
		if found := d.words(8); found != "" {
			f = append(f, Field{"Found", found})
		}
	}
	if b, ok := fact[backupFact](s.State, stepCluster); ok && len(b.Warnings) > 0 {
		f = append(f, Field{"Warnings", quote(cut(strings.Join(b.Warnings, "; "), 600))})
	}
	return f
}

// decided is the assessment in words.
func decided(s *runner.State) []string {
	d, ok := fact[decisionFact](s, stepDecide)
	if !ok {
		return []string{"The assessment is not known."}
	}
	head := "A restore is needed."
	if !d.Needed {
		head = "For the log's sake no restore is needed; it is asked for: " + because(s.Reason)
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

func (o *opening) stakeFacts() []Field {
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
		staged = fmt.Sprintf("%s, %s dropped; the leader holds %s now",
			count(stake.Tasks, "task"), digits(int64(stake.Dropped)), count(stake.Previous, "task"))
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

// gateFields are the short facts beside the decision.
func (s gateWords) gateFields(o *opening, p People) []Field {
	f := []Field{{"Cluster", s.name()}}
	f = append(f, s.backupFields(o.state, o.opened.At, "at the opening")...)
	f = append(f, s.asked(o)...)
	if o.gate == "start" && p.LastTook > 0 {
		f = append(f, Field{"Expected", "the last recovery here took " + took(p.LastTook) + " from its start gate on, approvals included"})
	}
	f = append(f, Field{"Approved by", o.approved(s.story, p)})
	if s.open() == o {
		f = append(f, Field{"Still needed", stillNeeded(o.gate, p)})
		if v := p.Gates[o.gate]; len(v.Ignored) > 0 {
			f = append(f, Field{"Does not count", cut(strings.Join(v.Ignored, "; "), 400)})
		}
		f = append(f, Field{"Expires", o.expiry(p)})
	}
	return append(f, Field{"Digest", short(o.digest)})
}

// approved says who approved for which factor.
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
	if len(given) == 0 {
		return "nobody"
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
	v, ok := p.Gates[gate]
	who := p.Needed[gate]
	switch {
	case ok && v.Open:
		return "nobody; should the run not go on by itself, resume it: the approvals are counted anew"
	case ok && len(v.Missing) > 0:
		who = v.Missing
	case len(who) == 0:
		return "not known"
	}
	words := strings.Join(who, " and ")
	if !p.RequesterMayApprove {
		words += " (not who asked for it)"
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

// reason is why the state is wanted back.
func reason(s *runner.State) string {
	if strings.TrimSpace(s.Reason) == "" {
		return "none given"
	}
	return quote(cut(s.Reason, 300))
}

const backupSize = "Backup's size"

// backupFields are the backup's name, inner time, age and size.
func (s gateWords) backupFields(at *runner.State, then time.Time, words string) []Field {
	name := s.Request.Backup
	if name == "" {
		name = "not named"
	}
	f := []Field{{"Backup", quote(name)}}
	b, ok := fact[backupFact](at, stepCluster)
	if from := at.Source; from != nil {
		f = []Field{{"Backup", fmt.Sprintf("%s, made of the log of %s, %s; asked for was %s", quote(from.Name), quote(from.Host), upTo(from), quote(name)) + without(from)}}
		l, _ := fact[lossFact](at, stepLoss)
		if ok = l.Salvaged != nil; ok {
			b = l.Salvaged.backupFact
		}
	}
	if !ok || b.Backup.SHA256 == "" {
		return append(f, Field{"Backup's time", "not known before pre-flight"})
	}
	age := "age not known"
	if t := b.inner(); !t.IsZero() {
		age = took(then.Sub(t)) + " old " + words
	}
	return append(f,
		Field{"Backup's time", fmt.Sprintf("%s, %s", when(b.inner()), age)},
		Field{backupSize, fmt.Sprintf("%s, %s (%d active), SHA-256 %s", size(b.Backup.Bytes), count(b.Backup.Tasks.Total, "task"), b.Backup.Tasks.Active, short(b.Backup.SHA256))},
	)
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
