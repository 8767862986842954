package handlers_test

import (
	"context"
	"slices"
	"testing"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner/backup/check"
)

// Whoever completes a command learns names of what they may read, from what is
// known already: no host is asked, and the audit says nothing.
func TestNames(t *testing.T) {
	b := newBench(t)
	other := *b.s.Clusters[0]
	other.Name, other.Hosts = "other", []string{"o1"}
	asked := 0
	for _, k := range []*handlers.Cluster{b.s.Clusters[0], &other} {
		k.Check = func(context.Context, []check.Window) (check.Result, error) {
			asked++
			file := func(name string) check.Backup { return check.Backup{Name: name} }
			return check.Result{Cluster: k.Name, Hosts: []check.Host{{Backups: []check.Backup{file("b1"), file("b3")}}, {Backups: []check.Backup{file("b3"), file("b2")}}}}, nil
		}
	}
	b.s.Clusters = append(b.s.Clusters, &other)
	b.s.Rules.Access = append(b.s.Rules.Access, policy.Rule{Name: "other", Who: []string{"UONE"}, Channels: []string{"C1"}, Clusters: []string{"other"}, May: []string{"read"}})
	b.s.Rules.Access[1].Clusters = []string{"dev"}
	b.ask("UANN", recoverDev)
	run := b.state().Run
	b.ask("UANN", "recover other good")
	before, checks := len(b.refusals()), asked
	for _, tt := range []struct {
		who, channel, kind, of string
		want                   []string
	}{
		{"UEVE", "C1", handlers.NamesOfClusters, "", []string{"dev"}},
		{"UEVE", "C2", handlers.NamesOfClusters, "", nil},
		{"UANN", "C1", handlers.NamesOfHosts, "", []string{"s1", "o1"}},
		{"UEVE", "C1", handlers.NamesOfHosts, "", []string{"s1"}},
		{"UEVE", "C1", handlers.NamesOfRuns, "", []string{run}},
		{"UONE", "C1", handlers.NamesOfRuns, "", []string{run, b.state().Run}},
		{"UEVE", "C1", handlers.NamesOfBackups, "dev", nil}, // Nobody has looked yet.
		{"UEVE", "C1", "PASSWORD", "", nil},
	} {
		if got := b.s.Names(person(tt.who, map[string]string{"UANN": "S1"}[tt.who]), tt.channel, tt.kind, tt.of); !slices.Equal(got, tt.want) {
			t.Errorf("%s of %s in %s: %q, want %q", tt.kind, tt.who, tt.channel, got, tt.want)
		}
	}
	if asked != checks || len(b.refusals()) != before {
		t.Errorf("%d checks, %d refusals in the audit", asked-checks, len(b.refusals())-before)
	}
	b.s.CheckBackups(t.Context(), b.s.Clusters[0])
	b.s.CheckBackups(t.Context(), &other)
	if got := b.s.Names(person("UEVE"), "C1", handlers.NamesOfBackups, "dev"); !slices.Equal(got, []string{"b3", "b2", "b1"}) {
		t.Errorf("backups %q, want the newest first", got)
	}
	if got := b.s.Names(person("UEVE"), "C1", handlers.NamesOfBackups, "other"); len(got) != 0 {
		t.Errorf("backups of a cluster that one may not see: %q", got)
	}
}
