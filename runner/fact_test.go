package runner

import (
	"encoding/json"
	"testing"
)

// A fact is decoded whole or not at all: what another version left, or nobody,
// is none.
func TestFact(t *testing.T) {
	type port struct {
		Number int `json:"number"`
	}
	found := Fact[port]{Step: "prepare/look"}
	for left, want := range map[string]bool{`{"number":7}`: true, `{"number":"7"}`: false, `{"number":7`: false, ``: false} {
		s := &State{}
		s.Apply(Event{Kind: StepDone, Step: "prepare/look", Host: "s1", Facts: json.RawMessage(left)})
		if p, ok := found.Of(s, "s1"); ok != want || want && p.Number != 7 || !want && p.Number != 0 {
			t.Errorf("%s: %+v, %v", left, p, ok)
		}
		if _, ok := found.Of(s, "s2"); ok {
			t.Errorf("%s: another host has it, too", left)
		}
	}
}
