package node

import (
	"strings"
	"testing"

	"aurorabot/runner/aurora"
)

// A scheduler of another version stops a recovery where other flags would be changed.
func TestVersionOfTheRunningOne(t *testing.T) {
	for _, tt := range []struct{ configured, runs, want string }{
		{"0.22.0", "0.22.0", ""},
		{"0.22.0", "0.21.0", ""}, // Of the same profile.
		{"0.22.0", "0.25.1-SNAPSHOT", ""},
		{"0.22.0", "", ""}, // It does not say.
		{"0.22.0", "unknown", ""},
		{"0.22.0", "0.8.0", "it runs Aurora 0.8.0"},
		{"0.8.0", "0.22.0", "it runs Aurora 0.22.0"},
		{"0.20.0", "0.21.0", "it runs Aurora 0.21.0"},
	} {
		v, err := aurora.ParseVersion(tt.configured)
		if err != nil {
			t.Fatal(err)
		}
		p, err := aurora.ProfileOf(v)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		(&Look{}).version(&Node{Nodes: &Nodes{Cluster: &aurora.Cluster{Version: v}, Profile: p}}, aurora.Vars{"build.version": tt.runs}, func(id, format string, args ...any) {
			got = id + ": " + strings.TrimSpace(format)
			if args[0].(aurora.Version).String() != strings.TrimSuffix(tt.runs, "-SNAPSHOT") {
				t.Errorf("%+v: complained of %v", tt, args)
			}
		})
		if (got != "") != (tt.want != "") || got != "" && !strings.HasPrefix(got, "version-differs: ") {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}
