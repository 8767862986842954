package policy_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"aurorabot/policy"
)

// unsure is somebody of whom it cannot be told whether they are on call.
func unsure(id string) policy.Actor {
	a := person(id)
	a.Unknown = map[string]string{"S1": "Slack lets the bot ask again in 23 s"}
	return a
}

// A group that cannot be told refuses those whose permission depends on it, and
// nobody else; where a deny may rest on it there is no yes.
func TestAllowWithAGroupThatCannotBeTold(t *testing.T) {
	all := func(name string, deny bool, who string, may ...string) policy.Rule {
		return policy.Rule{Name: name, Deny: deny, Who: []string{who}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: may}
	}
	everybody, byGroup, byID := all("everybody reads", false, "*", "read"), all("on call", false, "oncall", "operate"), all("by ID", false, "UBOB", "operate")
	never := all("never on call", true, "oncall", "operate")
	for _, tt := range []struct {
		name    string
		access  []policy.Rule
		p       policy.Permission
		channel string
		refusal string
	}{
		{"reading is everybody's", []policy.Rule{byGroup, everybody}, policy.Read, "C1", ""},
		{"named by ID", []policy.Rule{byGroup, byID}, policy.Operate, "C1", ""},
		{"by the group alone", []policy.Rule{everybody, byGroup}, policy.Operate, "C1", policy.CannotTell},
		{"reading by the group alone", []policy.Rule{byGroup}, policy.Read, "C1", policy.CannotTell},
		{"what the group does not allow either", []policy.Rule{everybody, byGroup}, policy.Approve, "C1", "access"},
		{"not from that channel, group or not", []policy.Rule{byGroup}, policy.Operate, "C2", "access"},
		{"allowed, unless the group denies", []policy.Rule{byID, never}, policy.Operate, "C1", policy.CannotTell},
		{"the group both allows and denies", []policy.Rule{byGroup, never}, policy.Operate, "C1", policy.CannotTell},
		{"nothing allows what the group may deny", []policy.Rule{everybody, never}, policy.Operate, "C1", "access"},
		{"the group may deny something else", []policy.Rule{everybody, never}, policy.Read, "C1", ""},
		{"denied by ID as well", []policy.Rule{byGroup, all("not Bob", true, "UBOB", "*")}, policy.Operate, "C1", "access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := rules
			r.Access = tt.access
			err := r.Allow(unsure("UBOB"), tt.p, "dev", tt.channel)
			var no *policy.Refusal
			switch {
			case tt.refusal == "" && err != nil:
				t.Errorf("Allow = %v, want yes", err)
			case tt.refusal != "" && (!errors.As(err, &no) || no.Rule != tt.refusal):
				t.Errorf("Allow = %v, want a refusal by %s", err, tt.refusal)
			case tt.refusal == policy.CannotTell:
				for _, word := range []string{"oncall (S1)", "ask again in 23 s", "Rule "} {
					if !strings.Contains(err.Error(), word) {
						t.Errorf("Allow = %v, want %q in it", err, word)
					}
				}
			}
			// An answer of either kind never allows more than the doubt does.
			in := person("UBOB")
			in.Groups = []string{"S1"}
			if err == nil && (r.Allow(in, tt.p, "dev", tt.channel) != nil || r.Allow(person("UBOB"), tt.p, "dev", tt.channel) != nil) {
				t.Error("allowed in doubt, and not by every answer")
			}
		})
	}
}

// At a gate doubt counts for nothing, and is no "no": it is said where the gate
// would be open without it.
func TestGateWithAGroupThatCannotBeTold(t *testing.T) {
	r := rules
	r.Gates = map[string]policy.GateRule{
		"group": {Factors: []policy.Factor{{Count: 1, Of: []string{"oncall"}}}},
		"both":  {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"oncall"}}}},
		"mixed": {Factors: []policy.Factor{{Count: 2, Of: []string{"sre", "oncall"}}}},
	}
	doubted := func(id, digest string) policy.Approval {
		return policy.Approval{Who: unsure(id), Digest: digest, At: now}
	}
	for _, tt := range []struct {
		name      string
		gate      string
		approvals []policy.Approval
		open      bool
		may       []string // By person: the rule that refuses, "" if none does.
		doubt     bool
	}{
		{"by the group alone", "group", []policy.Approval{doubted("UEVE", "d1")}, false, []string{policy.CannotTell}, true},
		{"of another plan", "group", []policy.Approval{doubted("UEVE", "d0")}, false, []string{policy.CannotTell}, false},
		{"who asked", "group", []policy.Approval{doubted("UANN", "d1")}, false, []string{"requester"}, false},
		{"one of two, more are needed", "both", []policy.Approval{doubted("UBOB", "d1")}, false, []string{""}, false},
		{"both, one in doubt", "both", []policy.Approval{by("UCAT", "d1", 0), doubted("UBOB", "d1")}, false, []string{"", ""}, true},
		{"both, and no doubt about what is needed", "mixed", []policy.Approval{doubted("UCAT", "d1"), doubted("UBOB", "d1")}, true, []string{"", ""}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			asked := []string{"T1/UANN"}
			var may []string
			for _, a := range tt.approvals {
				var no *policy.Refusal
				if err := r.May(tt.gate, asked, a.Who); errors.As(err, &no) {
					may = append(may, no.Rule)
				} else {
					may = append(may, "")
				}
			}
			v := r.Gate(tt.gate, asked, "d1", tt.approvals, now)
			doubt := r.Doubt(tt.gate, asked, "d1", tt.approvals, now)
			if v.Open != tt.open || !slices.Equal(may, tt.may) || (doubt != nil) != tt.doubt {
				t.Errorf("open %v, may %q, doubt %v; want %v, %q, %v (%+v)", v.Open, may, doubt, tt.open, tt.may, tt.doubt, v)
			}
		})
	}
}

// Whoever turns back while Slack can't be asked may be in a group that allows it; a deny
// by a group that can't be told stays one, and what no group allows is allowed to nobody.
func TestLenient(t *testing.T) {
	rule := func(name string, deny bool, who string, may ...string) policy.Rule {
		return policy.Rule{Name: name, Deny: deny, Who: []string{who}, Channels: []string{"cli"}, Clusters: []string{"*"}, May: may}
	}
	byGroup, never := rule("on call", false, "oncall", "operate"), rule("never on call", true, "oncall", "operate")
	for _, tt := range []struct {
		name    string
		access  []policy.Rule
		p       policy.Permission
		refusal string
	}{
		{"by a group", []policy.Rule{byGroup}, policy.Operate, ""},
		{"denied by a group", []policy.Rule{byGroup, never}, policy.Operate, policy.CannotTell},
		{"by no group", []policy.Rule{byGroup}, policy.Approve, "access"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := policy.Rules{Teams: []string{"T1"}, Groups: map[string]string{"oncall": "S1"}, Access: tt.access}
			who := unsure("UBOB")
			who.Lenient = true
			err := r.Allow(who, tt.p, "dev", "cli")
			var no *policy.Refusal
			if errors.As(err, &no); (err == nil) != (tt.refusal == "") || err != nil && no.Rule != tt.refusal {
				t.Errorf("%v, want the refusal %q", err, tt.refusal)
			}
		})
	}
}
