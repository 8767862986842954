package replica_test

import (
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/golden"
	"aurorabot/runner/replica"
)

// Three whole replicas of a Mesos whose LevelDB maps its files ahead are a quorum:
// called damaged, an old backup would be restored over a log that works.
func TestReplicasWithZeroTails(t *testing.T) {
	dir := filepath.Dir(golden.Unpack(t, "testdata/zero-tail.tar.gz"))
	var reports []replica.Report
	for _, name := range []string{"replica1", "replica2", "replica3"} {
		r, err := replica.Inspect(t.Context(), filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if r.State != replica.StateOK || r.Status != "VOTING" || r.End != 40 || len(r.Damage) > 0 || !strings.Contains(strings.Join(r.Warnings, " "), "zero bytes behind") {
			t.Errorf("%s: %s, %s to %d, damage %v, warnings %v", name, r.State, r.Status, r.End, r.Damage, r.Warnings)
		}
		reports = append(reports, r)
	}
	if c := replica.Compare(reports); c.Verdict != replica.VerdictHealthy {
		t.Errorf("together they are %s", c.Verdict)
	}
}
