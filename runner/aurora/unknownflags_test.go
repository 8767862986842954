package aurora

import (
	"slices"
	"testing"
)

// A flag is known from the release that brought it to the one before its removal.
func TestFlagsNotIn(t *testing.T) {
	const file = `MESOS_MASTER=zk://z:2181/mesos
EXTRA_SCHEDULER_ARGS="-gc_executor_path=/x -zk_use_curator=true -deduplicate_snapshots -reconciliation_initial_delay=365days -max_leading_duration=1days"`
	v, err := ParseShellVars("f", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string][]string{
		"0.5":         {"deduplicate_snapshots", "reconciliation_initial_delay", "zk_use_curator"},
		"0.6":         {"reconciliation_initial_delay", "zk_use_curator"},
		"0.8.0":       {"reconciliation_initial_delay", "zk_use_curator"},
		"0.9":         {"gc_executor_path", "zk_use_curator"},
		"0.11":        {"gc_executor_path", "zk_use_curator"},
		"0.12":        {"deduplicate_snapshots", "gc_executor_path", "zk_use_curator"},
		"0.14":        {"deduplicate_snapshots", "gc_executor_path"},
		"0.18.1":      {"deduplicate_snapshots", "gc_executor_path"},
		"0.19":        {"deduplicate_snapshots", "gc_executor_path", "zk_use_curator"},
		"0.26.0-SNAP": {"deduplicate_snapshots", "gc_executor_path", "zk_use_curator"},
	} {
		version, err := ParseVersion(text)
		if got := v.NotIn(version); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	empty, err := ParseShellVars("f", nil)
	if err != nil || len(empty.NotIn(Version{Minor: 22})) > 0 {
		t.Errorf("an empty file: %v, %v", empty.NotIn(Version{Minor: 22}), err)
	}
}
