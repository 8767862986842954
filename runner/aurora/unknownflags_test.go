package aurora

import (
	"slices"
	"testing"
)

// A flag is known from the release that brought it to the one before its removal.
func TestFlagsNotIn(t *testing.T) {
	flags := []string{"gc_executor_path", "zk_use_curator", "deduplicate_snapshots", "reconciliation_initial_delay", "max_leading_duration"}
	set := func(flag string) bool { return slices.Contains(flags, flag) }
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
		if got := NotIn(version, set); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", text, got, err, want)
		}
	}
	if got := NotIn(Version{Minor: 22}, func(string) bool { return false }); len(got) > 0 {
		t.Errorf("no flags: %v", got)
	}
}
