package runner

import "encoding/json"

// A Fact is what a step's Answer leaves for later steps, with its type.
type Fact[T any] struct{ Step string }

// Of decodes what the step left for a host, and reports whether there is something.
func (f Fact[T]) Of(s *State, host string) (v T, ok bool) {
	raw := s.Of(f.Step, host).Facts
	if raw == nil || json.Unmarshal(raw, &v) != nil {
		var none T
		return none, false
	}
	return v, true
}
