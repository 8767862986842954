package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// beforeEnd is how long before a gate, or an approval there, ends people are reminded.
const beforeEnd = 5 * time.Minute

// RemindKey begins the keys of reminders in [Screens.Channel]; the gate's key and "~"
// come next.
const RemindKey = "remind/"

// A due is a reminder and when its time is. Its words don't change after that.
type due struct {
	key string
	at  time.Time
	end time.Time // What ends, and is about to; zero: the gate only waits.
}

// reminders are those of the open gate, the earliest first.
func (s gateWords) reminders(o *opening, p People) []due {
	var all []due
	for n, d := range p.Remind[o.gate] {
		all = append(all, due{fmt.Sprintf("%s%s~%d", RemindKey, o.key(), n+1), o.opened.At.Add(d), time.Time{}})
	}
	for name, end := range map[string]time.Time{"end": o.view.Expires, "approval": p.Gates[o.gate].Until} {
		before := beforeEnd
		if lasts := p.Lasts[o.gate]; name == "approval" {
			before = min(before, lasts/2) // Of one that counts for a short time, not at once.
		}
		if at := end.Add(-before); !end.IsZero() && at.After(o.opened.At) {
			all = append(all, due{RemindKey + o.key() + "~" + name + end.UTC().Format("150405"), at, end})
		}
	}
	slices.SortFunc(all, func(a, b due) int { return a.at.Compare(b.at) })
	return all
}

// reminder is the last reminder of the open gate whose time has come, once for each, and
// when the next one's comes. Earlier ones that nobody posted would only be noise.
func (s gateWords) reminder(p People) (k *Keyed, next time.Time) {
	o := s.open()
	if o == nil || p.Now.IsZero() {
		return nil, time.Time{}
	}
	for _, d := range s.reminders(o, p) {
		if d.at.After(p.Now) {
			return k, d.at
		}
		k = &Keyed{d.key, s.remind(o, d, p), true}
	}
	return k, time.Time{}
}

// remind is what people are reminded by: of what, since when, who is asked, and what to
// do. It tells of the time when it was due, so that it is the same whenever it is made.
func (s gateWords) remind(o *opening, d due, p People) Message {
	m := Message{Tone: Wait, Head: fmt.Sprintf("%s: the %s gate has waited %s for an approval", s.name(), o.gate, took(d.at.Sub(o.opened.At)))}
	if !d.end.IsZero() {
		m.Head = fmt.Sprintf("%s: the %s gate still waits, and time runs out at %s", s.name(), o.gate, when(d.end))
	}
	if start := s.passed("start"); start != nil {
		m.Lines = append(m.Lines, "The outage has lasted "+took(d.at.Sub(start.ended.At))+".")
	}
	m.Lines = append(m.Lines, "Still needed: "+stillNeeded(o.gate, p)+".")
	var who []string
	for _, key := range p.Asked[o.gate] {
		if !slices.ContainsFunc(o.approvals, func(e runner.Event) bool { return e.Who == key }) {
			who = append(who, Who(key))
		}
	}
	if len(who) > 0 {
		m.Lines = append(m.Lines, "Who can approve or deny: "+strings.Join(who[:min(len(who), 12)], ", ")+".")
	}
	return headed(m)
}

// until is when something that the screens show changes with time alone: an approval
// ends, the gate does, people are reminded, or the outage is longer by what its
// clock tells.
func (s gateWords) until(p People, next time.Time) time.Time {
	if p.Now.IsZero() || s.Status == runner.Closed {
		return time.Time{}
	}
	first := next
	var changes []time.Time
	if o := s.open(); o != nil {
		changes = append(changes, o.view.Expires, p.Gates[o.gate].Until)
	}
	if start := s.passed("start"); start != nil && !s.outageOver() { // The outage's clock moves.
		lasts := p.Now.Sub(start.ended.At)
		changes = append(changes, start.ended.At.Add(lasts.Truncate(hand(lasts))+hand(lasts)))
	}
	for _, at := range changes {
		if at.After(p.Now) && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}

// Approved is what one person reads alone whose approval was counted at a gate: which one,
// and what is next. It is of the events as they are after it.
func Approved(events []runner.Event, p People, gate, who string, v policy.Verdict) Message {
	s := tell(events)
	var o *opening
	for _, opened := range s.openings {
		if opened.gate == gate {
			o = opened
		}
	}
	if o == nil {
		return Message{Tone: Good, Head: fmt.Sprintf("Your approval at the %s gate of %s is recorded", gate, s.name())}
	}
	m := Message{Tone: Good, Head: fmt.Sprintf("Your approval at the %s gate of %s counts", gate, s.name()), Lines: []string{gateWords{s}.question(o)}}
	if !slices.ContainsFunc(v.Given, func(c policy.Counted) bool { return c.Who == who }) {
		m.Tone, m.Head = Warn, fmt.Sprintf("Your approval at the %s gate of %s is recorded, but does not count now", gate, s.name())
		for _, why := range v.Ignored {
			if rest, ok := strings.CutPrefix(why, who+": "); ok {
				m.Lines = append(m.Lines, capital(rest)+".")
			}
		}
	}
	if !v.Open {
		p.Gates = map[string]policy.Verdict{gate: v}
		m.Lines = append(m.Lines, "Still needed: "+stillNeeded(gate, p)+". Until then nothing happens.")
		return m
	}
	m.Lines = append(m.Lines, "All approvals are there, and the gate is passed. Next: "+statusWords{s}.afterGate(o)+".")
	if next := s.gateAfter(gate); next != "" {
		m.Lines = append(m.Lines, fmt.Sprintf("People decide again at the %s gate.", next))
	}
	return m
}

// gateAfter is the next gate of the plan, "" if there is none.
func (s *story) gateAfter(gate string) string {
	reached := false
	for _, ph := range s.plan.Phases {
		for _, st := range ph.Steps {
			if reached && st.Gate != "" && st.Gate != gate {
				return st.Gate
			}
			reached = reached || st.Gate == gate
		}
	}
	return ""
}
