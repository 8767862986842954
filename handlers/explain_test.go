package handlers_test

import (
	"slices"
	"testing"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
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
		a, err := b.who.Person(t.Context(), "T1", who, handlers.Looking)
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

// Which program acts under which policy is journaled where it is another one than
// before, and only then.
func TestChangedPolicyIsSaid(t *testing.T) {
	b := newBench(t)
	notes := func() int {
		t.Helper()
		events, err := b.j.Events("audit")
		if err != nil {
			t.Fatal(err)
		}
		return len(slices.DeleteFunc(events, func(e runner.Event) bool { return e.Kind != runner.Note }))
	}
	begin := func(policy string) {
		t.Helper()
		s := &handlers.Service{Engine: b.s.Engine, Clusters: b.s.Clusters, Rules: b.s.Rules, Policy: policy, Directory: b.who, Now: b.s.Now, Version: "test"}
		if err := s.Start(); err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		if err := s.Began(); err != nil {
			t.Fatal(err)
		}
	}
	for i, policy := range []string{"digest-1", "digest-1", "digest-2", "digest-1"} {
		begin(policy)
		if want := []int{1, 1, 2, 3}[i]; notes() != want {
			t.Errorf("after start %d: %d notes, want %d", i+1, notes(), want)
		}
	}
}
