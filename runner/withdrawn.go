package runner

import "slices"

// A Withdrawn consent is one that a person gave and took back: they aborted the
// run or denied what they had approved. It never counts again.
type Withdrawn struct {
	Gate string
	Approval
}

// useConsents marks the consents that something was done by.
func (s *State) useConsents() {
	for id, g := range s.Gates {
		if g.Passed && !g.Used {
			g.Used = true
			s.Gates[id] = g
		}
	}
}

// Unused are the gates whose consents nothing was done by: the open one, and one
// that was passed right before. Once a commit was sent there is none.
func (s *State) Unused() []string {
	var ids []string
	for id, g := range s.Gates {
		if g.Opened && !g.Used && !s.Irreversible() {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}

// withdrawConsents takes the consents of who back, at every gate, and all
// consents at the gates that nothing was done by: whoever stops the run wants
// none of it to go on. What is used is used, and after a commit nothing is left
// to withdraw.
func (s *State) withdrawConsents(who string) {
	if s.Irreversible() {
		return
	}
	unused := s.Unused()
	for id, g := range s.Gates {
		var kept []Approval
		for _, a := range g.Approvals {
			if a.Who == who {
				s.Withdrawn = append(s.Withdrawn, Withdrawn{id, a})
			} else if !slices.Contains(unused, id) {
				kept = append(kept, a)
			}
		}
		if g.Approvals = kept; slices.Contains(unused, id) {
			g.Passed = false
		}
		s.Gates[id] = g
	}
}
