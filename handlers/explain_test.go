package handlers_test

import (
	"testing"

	"aurorabot/handlers"
	"aurorabot/policy"
)

// What is explained is what is decided, for everybody, everywhere.
func TestPolicyExplain(t *testing.T) {
	b := newBench(t)
	for who, want := range map[string]struct {
		operate bool
		commit  bool
	}{
		"UANN": {true, true}, "UDAN": {true, true}, "UEVE": {false, false}, "UGUS": {false, false},
	} {
		r := b.ask("UANN", "policy explain T1/"+who)
		e, ok := r.Data.(handlers.Explanation)
		if !ok || r.Exit != handlers.ExitDone {
			t.Fatalf("%s: exit %d: %+v", who, r.Exit, r.Message)
		}
		a, err := b.who.Person(t.Context(), "T1", who)
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range e.Access {
			if err := b.s.Rules.Allow(a, one.Permission, one.Cluster, "C1"); (err == nil) != one.Allowed {
				t.Errorf("%s: %s on %s is explained as %v, decided as %v", who, one.Permission, one.Cluster, one.Allowed, err)
			}
			if one.Permission == policy.Operate && one.Allowed != want.operate {
				t.Errorf("%s: operate %v, want %v (%s)", who, one.Allowed, want.operate, one.Why)
			}
			if one.Allowed == (one.Rule == "") || one.Allowed != (one.Why == "") {
				t.Errorf("%s: an answer without its reason: %+v", who, one)
			}
		}
		for _, g := range e.Gates {
			if g.Gate == "commit" && g.Count != want.commit {
				t.Errorf("%s: counts at commit %v, want %v (%s)", who, g.Count, want.commit, g.Why)
			}
		}
	}
	if e := b.ask("UANN", "policy explain --channel C9").Data.(handlers.Explanation); e.Access[0].Allowed || e.Channel != "C9" {
		t.Errorf("from a channel that no rule names: %+v", e)
	}
	if r := b.ask("UANN", "policy explain T1/UNOBODY"); r.Exit != handlers.ExitError {
		t.Errorf("somebody who is not known: exit %d", r.Exit)
	}
	if r := b.ask("UANN", "policy write"); r.Exit != handlers.ExitUsage {
		t.Errorf("policy write: exit %d", r.Exit)
	}
}
