package view

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
)

// withoutEvent is one event of going on without a host, or of settling it.
func (s eventWords) withoutEvent(e runner.Event) Message {
	switch e.Kind {
	case runner.HostAsked:
		return Message{Tone: Warn, Head: fmt.Sprintf("Somebody asked to continue without %s", e.Host), Lines: []string{by(e)}}
	case runner.HostKept:
		return Message{Tone: Plain, Head: fmt.Sprintf("The request to continue without %s was withdrawn", e.Host), Lines: []string{by(e)}}
	case runner.HostLeft:
		owes, _ := decode[[]string](e.Data)
		return Message{Tone: Warn, Head: fmt.Sprintf("The run continues without %s", e.Host), Lines: append(why(e), owesWords(e.Host, owes), mustNotStart(e.Host))}
	case runner.RunOwes:
		debts, _ := decode[[]runner.Debt](e.Data)
		m := Message{Tone: Warn, Head: fmt.Sprintf("The work has ended (%s), and the run stays open for what is owed", quote(e.Why))}
		for _, d := range debts {
			m.Lines = append(m.Lines, owesWords(d.Host, d.Owes), mustNotStart(d.Host))
		}
		return m
	case runner.SettleRequested:
		return Message{Tone: Plain, Head: fmt.Sprintf("%s is back: settling what it owes", e.Host), Lines: []string{by(e)}}
	case runner.HostContained:
		return Message{Tone: Warn, Head: fmt.Sprintf("%s is back and kept from taking part", e.Host), Lines: append(why(e), "Next: resume the run."), Foot: fmt.Sprintf("Type `resume %s`.", e.Run)}
	}
	return Message{Tone: Good, Head: fmt.Sprintf("%s is settled", e.Host), Lines: why(e)}
}

func owesWords(host string, owes []string) string {
	if len(owes) == 0 {
		return host + " owes nothing that is known yet."
	}
	return fmt.Sprintf("%s owes: %s.", host, strings.Join(owes, ", "))
}

// mustNotStart is what everybody must know who touches that host.
func mustNotStart(host string) string {
	return fmt.Sprintf("Its scheduler must not start before `settle %s`: its replica of the log would vote with what it holds from before.", host)
}

// debtWords are the words on hosts that a run went on without, and on what they owe.
type debtWords struct{ *story }

// without are the lines about hosts that were left out, in every message about
// how the run stands.
func (s debtWords) without() []string {
	var lines []string
	for _, l := range s.Without {
		switch {
		case !l.Left:
			lines = append(lines, fmt.Sprintf("%s asked to continue without %s: %s", Who(l.Who), l.Host, because(l.Why)))
		case l.Settled:
			lines = append(lines, fmt.Sprintf("%s was left out, and is settled.", l.Host))
		default:
			words := fmt.Sprintf("Without %s since %s. ", l.Host, when(l.At)) + owesWords(l.Host, l.Owes)
			if l.Contained {
				words += " It is back, and kept from taking part."
			}
			lines = append(lines, words+" "+mustNotStart(l.Host))
		}
	}
	return lines
}

// goneForGood is a host that a stopped run could continue without: it cannot be reached
// any more. "" where that is not the question: a host that answered is not gone, and too
// many to be left out are not either, but have a reason in common.
func (s stopWords) goneForGood(st *stop) string {
	if len(s.Request.Hosts) < 3 || s.Ended || s.State.Settling != "" {
		return ""
	}
	var stuck []string
	left := 0
	for _, host := range s.Request.Hosts {
		if s.IsLeft(host) {
			left++
		} else if slices.Contains(st.reason.Hosts, host) && !slices.Contains(s.Asked(), host) && !s.answered(st, host) {
			stuck = append(stuck, host)
		}
	}
	if rest, quorum := len(s.Request.Hosts)-left-len(stuck), len(s.Request.Hosts)/2+1; len(stuck) == 0 || rest < quorum {
		return ""
	}
	return stuck[0]
}

// answered reports whether a host told itself what the run stopped at: that
// something is no longer true of it.
func (s stopWords) answered(st *stop, host string) bool {
	told := false
	for _, e := range s.events {
		if e.Seq < st.event.Seq && e.Step == st.reason.Step && e.Host == host {
			told = e.Kind == runner.HoldBroken && !strings.HasPrefix(e.Why, runner.CannotTell)
		}
	}
	return told
}

// owing is the run's message while it is open for debts only.
func (s debtWords) owing(m *Message) {
	m.Tone = Warn
	m.Head = fmt.Sprintf("%s: %s, %s", s.name(), quote(s.Outcome), debtors(s.State))
	if s.State.Status == runner.Settling {
		m.Head = fmt.Sprintf("%s: settling %s", s.name(), s.State.Settling)
	}
	if s.Outcome == "recovered" && s.Commit.Why != "" {
		m.Lines = append(m.Lines, "Proof: "+because(s.Commit.Why))
	}
}

func debtors(s *runner.State) string {
	var hosts []string
	for _, d := range s.Debts() {
		hosts = append(hosts, d.Host)
	}
	if len(hosts) == 0 {
		return "nothing is owed"
	}
	if len(hosts) == 1 {
		return hosts[0] + " owes"
	}
	return list(hosts, 6) + " owe"
}

// debts are, for the channel, the hosts that were left out, what they owe, and what became of it.
func (s debtWords) debts() []placed {
	var out []placed
	for _, e := range s.events {
		if e.Kind == runner.HostLeft {
			m := eventWords(s).withoutEvent(e)
			m.Head, m.Foot = s.name()+": "+m.Head, "run "+s.Run
			out = append(out, placed{e.Seq, Keyed{"left/" + e.Host, m, true}})
		}
		if e.Kind != runner.RunOwes {
			continue
		}
		m := Message{Foot: "run " + s.Run}
		s.owing(&m)
		m.Lines = append(m.Lines, s.without()...)
		if len(s.Debts()) == 0 {
			m.Tone = Plain
		}
		out = append(out, placed{e.Seq, Keyed{"owes", m, s.State.Status == runner.Closed}})
	}
	return out
}

// goneFact is what was found of a host before people decide to go on without it.
type goneFact struct {
	Proved  bool     `json:"proved"`
	Says    []string `json:"says"`
	Unclear []string `json:"unclear"`
}

// withoutFacts are what is decided by at the gate.
func (s gateWords) withoutFacts(o *opening) []Field {
	var f []Field
	for _, l := range o.state.Without {
		if l.Left {
			continue
		}
		g, ok := runner.Fact[goneFact]{Step: stepGone}.Of(o.state, l.Host)
		if !ok {
			continue
		}
		for _, words := range g.Says {
			f = append(f, Field{l.Host, quote(cut(words, 300))})
		}
		if g.Proved {
			f = append(f, Field{"Proved", l.Host + " is gone"})
		} else {
			f = append(f, Field{"Not proved", quote(cut(strings.Join(g.Unclear, "; "), 400)) + ". Anyone who approves attests that " + l.Host + " is off, and stays off until it is settled"})
		}
	}
	return f
}

// Debts are the lines about hosts that a run goes on without.
func Debts(s *runner.State) []string { return debtWords{&story{State: s}}.without() }
