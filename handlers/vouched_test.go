package handlers_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers"
	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// A directory that Slack has left: from the terminal its earlier answers count.
type left struct {
	*people
	at time.Time
}

func (l left) Person(ctx context.Context, team, user string, p handlers.Purpose) (policy.Actor, error) {
	if p == handlers.Deciding {
		return policy.Actor{}, handlers.Unasked{Why: "Slack can't be reached", Away: true}
	}
	who, err := l.people.Person(ctx, team, user, p)
	if p == handlers.Vouched {
		who.Known = l.at
	}
	return who, err
}

// While Slack is away a run is driven to its end from the terminal. When each answer is
// from stands in the event, in the gate, and in what passed it; in Slack nobody decides.
func TestApprovedByEarlierAnswers(t *testing.T) {
	b := newBench(t)
	b.s.Rules.Access[0].Channels = []string{"*"}
	b.s.Rules.Gates["commit"] = policy.GateRule{Factors: []policy.Factor{{Count: 1, Of: []string{"sre"}}, {Count: 1, Of: []string{"leads"}}}}
	known := time.Date(2026, 11, 23, 6, 30, 0, 0, time.UTC)
	b.s.Directory = left{b.who, known}
	if err := b.s.Start(); err != nil {
		t.Fatal(err)
	}
	if r := b.askIn("cli", "UANN", recoverDev); r.Exit != handlers.ExitDone && r.Exit != handlers.ExitWaiting {
		t.Fatalf("recover: %+v", r)
	}
	if r := b.askIn("C1", "UBOB", "approve dev"); r.Exit != handlers.ExitRefused {
		t.Errorf("in Slack, without Slack's word: exit %d, %s", r.Exit, view.Text(r.Message))
	}
	b.askIn("cli", "UBOB", "approve dev")
	approve := func(who string) handlers.Response { return b.askIn("cli", who, "approve dev --typed dev") }
	if r := approve("UBOB"); r.Exit != handlers.ExitWaiting {
		t.Fatalf("the first at the commit: %d, %s", r.Exit, view.Text(r.Message))
	}
	text := view.Text(b.typed("cli", "UBOB", "status "+b.state().Run).Message)
	if !strings.Contains(text, "by its answer of 2026-11-23 06:30") && !strings.Contains(text, "by its answer of 2026-11-23T06:30") {
		t.Errorf("the gate does not say how old the answer is:\n%s", text)
	}
	approve("UDAN")
	if st := b.state(); st.Outcome != "recovered" || b.commits != 1 {
		t.Errorf("%s %s %s, %d commits", st.Status, st.Outcome, st.Stop.Reason, b.commits)
	}
	approved, passed := 0, 0
	for _, e := range b.events() {
		says := strings.Contains(e.Why, "(by Slack's answer of 2026-11-23T06:30:00Z)")
		switch {
		case e.Kind == runner.GateApproved && says && strings.Contains(string(e.Data), `"slack_answered":"2026-11-23T06:30:00Z"`):
			approved++
		case e.Kind == runner.GatePassed && says:
			passed++
		}
	}
	if approved != 3 || passed != 2 {
		t.Errorf("%d approvals and %d gates say whose answer counted, want 3 and 2", approved, passed)
	}
}
