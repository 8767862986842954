package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// probes are words for each command: CLUSTER, RUN and HOST stand for what it is
// about. A command without one of them is about no cluster.
var probes = map[string]string{
	"recover": "CLUSTER good", "plan": "CLUSTER good", "status": "CLUSTER", "backups": "CLUSTER", "doctor": "CLUSTER", "assess": "CLUSTER",
	"history": "CLUSTER", "drill": "CLUSTER", "acknowledge": "CLUSTER", "report": "mine CLUSTER",
	"approve": "RUN", "deny": "RUN", "abort": "RUN", "resume": "RUN", "undo": "RUN", "tasks": "RUN", "drop": "RUN task", "salvage": "RUN", "export": "RUN", "clean": "RUN", "settle": "HOST",
	"audit": "verify", "policy": "explain", "help": "findings", "version": "",
}

// twoOwners is a service with a cluster of somebody else, "theirs", and two of
// whom U1 is admin: "mine" and "idle". All but idle have a run, which owes a host
// something. Commands only say that they were reached.
func twoOwners(t *testing.T, table []Command) (*Service, error) {
	t.Helper()
	journal := &runner.Memory{}
	s := &Service{
		Engine: &runner.Engine{Journal: journal, Now: time.Now}, Now: time.Now, table: slices.Clone(table),
		Rules: policy.Rules{Teams: []string{"T1"}, Access: []policy.Rule{{Name: "mine", Who: []string{"U1"}, Channels: []string{"*"}, Clusters: []string{"mine", "idle"}, May: []string{"admin"}}}},
	}
	for i := range s.table {
		s.table[i].Do = func(*Service, context.Context, call) Response { return Response{Run: "reached"} }
	}
	for _, name := range []string{"mine", "theirs", "idle"} {
		s.Clusters = append(s.Clusters, &Cluster{Name: name})
		if name == "idle" {
			continue
		}
		for _, e := range []runner.Event{
			{Kind: runner.RunRequested, Data: json.RawMessage(fmt.Sprintf(`{"cluster":%q,"hosts":["h-%s"]}`, name, name))},
			{Kind: runner.HostAsked, Host: "h-" + name}, {Kind: runner.HostLeft, Host: "h-" + name},
		} {
			e.Run = "run-" + name
			if _, err := journal.Append(e); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s, s.Start()
}

// unjudged returns what is wrong with how policy judges the commands of a table.
func unjudged(t *testing.T, table []Command) []string {
	t.Helper()
	s, err := twoOwners(t, table)
	if err != nil {
		return []string{err.Error()}
	}
	var wrong []string
	for _, c := range table {
		for _, cluster := range []string{"mine", "idle", "theirs"} {
			about := strings.NewReplacer("CLUSTER", cluster, "RUN", "run-"+cluster, "HOST", "h-"+cluster).Replace(probes[c.Name])
			if cluster == "idle" && strings.Contains(about, "-idle") {
				continue // It has no run.
			}
			r := Request{Actor: policy.Actor{TeamID: "T1", UserID: "U1"}, Channel: "C1", Words: append([]string{c.Name}, strings.Fields(about)...), At: time.Now()}
			refuse := cluster == "theirs" && strings.Contains(about, "theirs")
			before := s.Refuses(r)
			got := s.Handle(t.Context(), r)
			if refused := got.Exit == ExitRefused; refused != refuse || before != refuse && c.Name != "help" || (got.Run == "reached") == refuse {
				wrong = append(wrong, fmt.Sprintf("%q: exit %d, %s; Refuses says %v; want refused: %v", r.Words, got.Exit, got.Message.Head, before, refuse))
			}
		}
	}
	return wrong
}

// Policy judges every command for the cluster that its words are about.
func TestScopeOfEveryCommand(t *testing.T) {
	for _, c := range Table() {
		if _, ok := probes[c.Name]; !ok {
			t.Errorf("%s: say in probes what it is about", c.Name)
		}
	}
	for _, wrong := range unjudged(t, Table()) {
		t.Error(wrong)
	}
}

// A scope that is forgotten, or another one, does not stay unnoticed in any row.
func TestNoOtherScopeWillDo(t *testing.T) {
	for i, c := range Table() {
		for other := range OneDebt + 1 {
			table := Table()
			if table[i].Scope = other; other != c.Scope && len(unjudged(t, table)) == 0 {
				t.Errorf("%s: nobody sees that its scope is %d, not %d", c.Name, other, c.Scope)
			}
		}
	}
}

// A row without a scope keeps the service from starting; one that came to be
// later is answered to nobody.
func TestForgottenScopeFailsClosed(t *testing.T) {
	for i, c := range Table() {
		table := Table()
		table[i].Scope = 0
		if _, err := twoOwners(t, table); err == nil || !strings.Contains(err.Error(), c.Name) {
			t.Errorf("%s: the service starts without its scope: %v", c.Name, err)
		}
		s, err := twoOwners(t, Table())
		if err != nil {
			t.Fatal(err)
		}
		s.table[i].Scope = 0
		for _, clock := range []bool{false, true} {
			r := Request{Actor: policy.Actor{TeamID: "T1", UserID: "U1"}, Clock: clock, Channel: "C1", At: time.Now()}
			r.Words = append([]string{c.Name}, strings.Fields(strings.NewReplacer("CLUSTER", "mine", "RUN", "run-mine", "HOST", "h-mine").Replace(probes[c.Name]))...)
			if got := s.Handle(t.Context(), r); got.Exit != ExitError || got.Run == "reached" {
				t.Errorf("%q, clock %v: exit %d, %s", r.Words, clock, got.Exit, got.Message.Head)
			}
		}
	}
}

// Nobody becomes the clock by a name, and the clock may only look.
func TestClockIsNoName(t *testing.T) {
	s, err := twoOwners(t, Table())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		team, words string
		clock       bool
		exit        int
	}{
		{"cron", "status theirs", false, ExitRefused},
		{"cron", "status theirs", true, ExitDone},
		{"T1", "status theirs", true, ExitDone},
		{"cron", "recover mine good", true, ExitRefused},
		{"cron", "drill theirs", true, ExitDone},
	} {
		r := Request{Actor: policy.Actor{TeamID: tt.team, UserID: "daily"}, Clock: tt.clock, Channel: "C1", Words: strings.Fields(tt.words), At: time.Now()}
		if got := s.Handle(t.Context(), r); got.Exit != tt.exit {
			t.Errorf("%+v: exit %d, %s", tt, got.Exit, got.Message.Head)
		}
	}
}
