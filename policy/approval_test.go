package policy_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"aurorabot/policy"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

var rules = policy.Rules{
	Teams:  []string{"T1"},
	Lists:  map[string][]string{"sre": {"UANN", "UBOB", "UCAT"}, "leads": {"UCAT", "UDAN"}},
	Groups: map[string]string{"oncall": "S1"},
	Access: []policy.Rule{
		{Name: "sre recover", Who: []string{"sre"}, Channels: []string{"C1"}, Clusters: []string{"*"}, May: []string{"operate", "approve"}},
		{Name: "everybody reads", Who: []string{"*"}, Channels: []string{"*"}, Clusters: []string{"*"}, May: []string{"read"}},
		{Name: "not Bob in prod", Who: []string{"UBOB"}, Channels: []string{"*"}, Clusters: []string{"prod"}, May: []string{"*"}, Deny: true},
	},
	Gates: map[string]policy.GateRule{
		"start":  {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}}},
		"commit": {Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}, Expires: 30 * time.Minute},
		"pair":   {Factors: []policy.Factor{{Count: 2, Of: []string{"sre"}}}},
		"group":  {Factors: []policy.Factor{{Count: 1, Of: []string{"oncall"}}}},
	},
}

func person(id string) policy.Actor { return policy.Actor{TeamID: "T1", UserID: id} }

func by(id, digest string, age time.Duration) policy.Approval {
	return policy.Approval{Who: person(id), Digest: digest, At: now.Add(-age)}
}

// Who counts for what at a gate, on both sides of every boundary.
func TestGate(t *testing.T) {
	guest, bot, gone, foreign, grouped := person("UBOB"), person("UBOB"), person("UBOB"), person("UBOB"), person("UEVE")
	guest.Guest, bot.Bot, gone.Deactivated, foreign.TeamID = true, true, true, "T2"
	grouped.Groups = []string{"S1"}
	as := func(a policy.Actor) policy.Approval { return policy.Approval{Who: a, Digest: "d1", At: now} }
	for _, tt := range []struct {
		name      string
		gate      string
		approvals []policy.Approval
		open      bool
		missing   string
	}{
		{"nobody", "commit", nil, false, "1 more of leads, 1 more of sre"},
		{"one of two", "commit", []policy.Approval{by("UBOB", "d1", 0)}, false, "1 more of leads"},
		{"two of two", "commit", []policy.Approval{by("UBOB", "d1", 0), by("UDAN", "d1", 0)}, true, ""},
		{"one person in both groups", "commit", []policy.Approval{by("UCAT", "d1", 0), by("UCAT", "d1", 0)}, false, "1 more of leads"},
		{"the one in both groups goes where needed", "commit", []policy.Approval{by("UCAT", "d1", 0), by("UBOB", "d1", 0)}, true, ""},
		{"the same, other order", "commit", []policy.Approval{by("UBOB", "d1", 0), by("UCAT", "d1", 0)}, true, ""},
		{"the requester", "commit", []policy.Approval{by("UANN", "d1", 0), by("UDAN", "d1", 0)}, false, "1 more of sre"},
		{"same person twice", "pair", []policy.Approval{by("UBOB", "d1", 0), by("UBOB", "d1", time.Minute)}, false, "1 more of sre"},
		{"stale digest", "start", []policy.Approval{by("UBOB", "d0", 0)}, false, "1 more of sre"},
		{"30m", "start", []policy.Approval{by("UBOB", "d1", 30*time.Minute)}, true, ""},
		{"30m+1ns", "start", []policy.Approval{by("UBOB", "d1", 30*time.Minute+1)}, false, "1 more of sre"},
		{"from the future", "start", []policy.Approval{by("UBOB", "d1", -1)}, false, "1 more of sre"},
		{"guest", "start", []policy.Approval{as(guest)}, false, "1 more of sre"},
		{"bot", "start", []policy.Approval{as(bot)}, false, "1 more of sre"},
		{"deactivated since", "start", []policy.Approval{as(gone)}, false, "1 more of sre"},
		{"other workspace", "start", []policy.Approval{as(foreign)}, false, "1 more of sre"},
		{"stranger", "start", []policy.Approval{by("UEVE", "d1", 0)}, false, "1 more of sre"},
		{"user group", "group", []policy.Approval{as(grouped)}, true, ""},
		{"left the user group", "group", []policy.Approval{by("UEVE", "d1", 0)}, false, "1 more of oncall"},
		{"a gate without a rule never opens", "other", []policy.Approval{by("UBOB", "d1", 0)}, false, "policy.gates.other names nobody"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			v := rules.Gate(tt.gate, []string{"T1/UANN"}, "d1", tt.approvals, now)
			if got := strings.Join(v.Missing, ", "); v.Open != tt.open || got != tt.missing {
				t.Errorf("Gate open = %v, missing %q, ignored %q; want %v, %q", v.Open, got, v.Ignored, tt.open, tt.missing)
			}
		})
	}
}

// The requester may be allowed to count, as one, and the number stays.
func TestRequesterMayApprove(t *testing.T) {
	r := rules
	r.RequesterMayApprove = true
	if v := r.Gate("pair", []string{"T1/UANN"}, "d1", []policy.Approval{by("UANN", "d1", 0)}, now); v.Open {
		t.Error("the requester alone opened a gate for two")
	}
	if v := r.Gate("pair", []string{"T1/UANN"}, "d1", []policy.Approval{by("UANN", "d1", 0), by("UBOB", "d1", 0)}, now); !v.Open {
		t.Errorf("Gate = %+v, want open", v)
	}
}

func TestAllow(t *testing.T) {
	guest := person("UBOB")
	guest.Guest = true
	for _, tt := range []struct {
		name    string
		who     policy.Actor
		p       policy.Permission
		cluster string
		channel string
		refusal string // Rule of the refusal, "" if allowed.
	}{
		{"member", person("UBOB"), policy.Operate, "dev", "C1", ""},
		{"reading", person("UEVE"), policy.Read, "dev", "C9", ""},
		{"other channel", person("UBOB"), policy.Operate, "dev", "C2", "channel"},
		{"no rule", person("UEVE"), policy.Operate, "dev", "C1", "access"},
		{"deny wins", person("UBOB"), policy.Operate, "prod", "C1", "access"},
		{"deny of all denies reading", person("UBOB"), policy.Read, "prod", "C1", "access"},
		{"approve is not operate", person("UDAN"), policy.Operate, "dev", "C1", "access"},
		{"guest", guest, policy.Read, "dev", "C1", "identity"},
		{"nobody", policy.Actor{}, policy.Read, "dev", "C1", "identity"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := rules.Allow(tt.who, tt.p, tt.cluster, tt.channel)
			var r *policy.Refusal
			switch {
			case tt.refusal == "" && err != nil:
				t.Errorf("Allow = %v, want yes", err)
			case tt.refusal != "" && (!errors.As(err, &r) || r.Rule != tt.refusal):
				t.Errorf("Allow = %v, want a refusal by %s", err, tt.refusal)
			}
		})
	}
}

// An account is whom its uid is mapped to, else its name; a name of digits is
// nobody, for it could be another account's uid.
func TestAccounts(t *testing.T) {
	r := policy.Rules{OSUsers: map[string]string{"ann": "T1/UANN", "12345": "T1/UBOB"}}
	for _, tt := range []struct {
		uid  int
		name string
		want string
	}{
		{1000, "ann", "UANN"}, {12345, "", "UBOB"}, {12345, "ann", "UBOB"},
		{1001, "12345", ""}, {1001, "", ""}, {0, "root", ""},
	} {
		_, user, err := r.OSAccount(tt.uid, tt.name)
		if user != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("uid %d %q: %q, %v; want %q", tt.uid, tt.name, user, err, tt.want)
		}
	}
}
