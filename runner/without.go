package runner

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
)

// The phases and the gate of going on without a host. They stand beside the
// phases of the runbook: a run is in them while it stands in one of those.
const (
	PhaseWithout = "without" // Recipe.Without: a host is left out.
	PhaseSettle  = "settle"  // Recipe.Settle: what it owes is done.
	GateWithout  = "without" // Needs what the commit gate needs.
	GateUndo     = "undo"    // Before undo starts a scheduler, where policy names it.
)

// A Leave is a host that somebody asked to go on without, and what became of it.
type Leave struct {
	Host  string
	Who   string // Who asked, "TEAM/USER".
	Why   string // The reason given.
	Asked time.Time

	Left      bool // People consented: nothing is done on it any more but what it owes.
	At        time.Time
	Proof     string   // What was known of it then.
	Owes      []string // In words, while it is left out and not settled.
	Contained bool     // It came back and is kept from starting; it still owes.
	Settled   bool
}

// A Debt is what a host that was left out owes: the data of [RunOwes].
type Debt struct {
	Host string   `json:"host"`
	Owes []string `json:"owes"`
}

func (s *State) applyWithout(e Event) {
	l := s.leave(e.Host)
	switch e.Kind {
	case HostAsked:
		if l == nil && s.Status != Closed && e.Host != "" {
			s.Without = append(s.Without, Leave{Host: e.Host, Who: e.Who, Why: e.Why, Asked: e.At})
		}
	case HostKept:
		s.withdraw(func(l Leave) bool { return l.Host == e.Host })
	case HostLeft:
		if l == nil {
			s.Without = append(s.Without, Leave{Host: e.Host, Asked: e.At})
			l = &s.Without[len(s.Without)-1]
		}
		l.Left, l.At, l.Proof = true, e.At, e.Why
		delete(s.Gates, GateWithout)        // Those approvals are used: the next question is another one.
		_ = json.Unmarshal(e.Data, &l.Owes) // Without words it still owes: Left and not Settled.
	case RunOwes:
		if s.Status == Closed {
			return
		}
		s.Status, s.Outcome, s.Stop, s.Why = Owing, e.Why, Stop{}, ""
		s.Gate, s.Ended = "", true
		var debts []Debt
		_ = json.Unmarshal(e.Data, &debts) // As above.
		for _, d := range debts {
			if l := s.leave(d.Host); l != nil {
				l.Owes = d.Owes
			}
		}
	case SettleRequested:
		if l == nil || !l.Left || l.Settled || s.Status != Owing && s.Status != Stopped {
			return
		}
		s.Status, s.Settling = Settling, e.Host
		// What was looked at when it came back the last time is no longer known.
		for id, hosts := range s.Steps {
			if strings.HasPrefix(id, PhaseSettle+"/") {
				// What was done on the way stays known: how its supervision was.
				st := hosts[e.Host]
				st.Progress, st.Begun = "", false
				hosts[e.Host] = st
			}
		}
	case HostContained:
		if l != nil {
			l.Contained = true
			s.Status, s.Settling = Stopped, ""
		}
	case HostSettled:
		if l != nil {
			l.Settled, l.Owes = true, nil
			s.Status, s.Settling = Owing, ""
		}
	}
}

func (s *State) leave(host string) *Leave {
	i := slices.IndexFunc(s.Without, func(l Leave) bool { return l.Host == host })
	if i < 0 {
		return nil
	}
	return &s.Without[i]
}

// withdraw takes back what was asked and not yet decided.
func (s *State) withdraw(which func(Leave) bool) {
	s.Without = slices.DeleteFunc(slices.Clone(s.Without), func(l Leave) bool { return !l.Left && which(l) })
}

// goesOn is the status after a person let the run go on.
func (s *State) goesOn() Status {
	switch {
	case s.Settling != "":
		return Settling
	case s.Ended:
		return Owing
	case s.Undo:
		return Undoing // Half undone: there is no way forward but the way back.
	}
	return Open
}

// Asked are the hosts that somebody asked to go on without, and nobody decided on yet.
func (s *State) Asked() []string {
	var hosts []string
	for _, l := range s.Without {
		if !l.Left {
			hosts = append(hosts, l.Host)
		}
	}
	return hosts
}

// IsLeft reports whether the run goes on without the host.
func (s *State) IsLeft(host string) bool {
	l := s.leave(host)
	return l != nil && l.Left
}

// Here are those of hosts that the run goes on with.
func (s *State) Here(hosts []string) []string {
	var here []string
	for _, h := range hosts {
		if !s.IsLeft(h) {
			here = append(here, h)
		}
	}
	return here
}

// Debts are the hosts that were left out and not settled, with what they owe as
// far as is known now.
func (s *State) Debts() []Debt {
	var debts []Debt
	for _, l := range s.Without {
		if l.Left && !l.Settled && s.Status != Closed {
			debts = append(debts, Debt{l.Host, l.Owes})
		}
	}
	return debts
}

// asIfLeft is the state with those that were asked for left out: what the run
// would be if people consent.
func (s *State) asIfLeft() *State {
	c := *s
	c.Without = slices.Clone(s.Without)
	for i := range c.Without {
		c.Without[i].Left = true
	}
	return &c
}

// leftOut are the hosts that the run goes on without, and why, for the digest.
func (s *State) leftOut() []map[string]string {
	var list []map[string]string
	for _, l := range s.Without {
		if l.Left {
			list = append(list, map[string]string{"host": l.Host, "why": l.Why})
		}
	}
	return list
}
