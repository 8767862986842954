package handlers

import "aurorabot/runner"

// Refuses reports whether policy would refuse a request as things are now. It
// does nothing and journals nothing: it is for a surface that asks a person for
// more before it makes the request, so that nobody is asked in vain. False
// promises nothing.
func (s *Service) Refuses(r Request) bool {
	c, err := parse(s.table, r)
	if err != nil {
		return false
	}
	clusters, run, bad := s.subject(c)
	if bad != nil {
		return false
	}
	if s.allow(c, clusters) != nil {
		return true
	}
	if c.cmd.Name != "approve" {
		return false
	}
	st, err := s.state(run)
	if err != nil || st.Status != runner.Gated {
		return false
	}
	return !s.mayConsent(st, r.Actor)
}
