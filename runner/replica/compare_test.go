package replica

import (
	"aurorabot/runner/golden"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// group inspects recorded replicas, and sends each report through JSON, as
// when it comes from another host.
func group(t *testing.T, names ...string) []Report {
	t.Helper()
	var out []Report
	for _, name := range names {
		b, err := json.Marshal(inspect(t, golden.Unpack(t, "testdata/"+name+".tar.gz")))
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		if err := json.Unmarshal(b, &r); err != nil {
			t.Fatal(err)
		}
		out = append(out, r)
	}
	return out
}

func three(folder, sep string) []string {
	return []string{folder + sep + "replica1", folder + sep + "replica2", folder + sep + "replica3"}
}

// The verdicts over the recorded groups.
func TestCompare(t *testing.T) {
	for _, tt := range []struct {
		names   []string
		verdict Verdict
		missing []uint64
		voting  int
	}{
		{three("mesos/g-after-superseded-writer", "."), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{three("mesos/g-survivor-copied-to-all", "."), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{three("mesos/b-auto-initialized", "."), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{three("mesos/g-three-replicas-one-lags", "."), VerdictLags, []uint64{0, 20, 0}, 3},
		{three("mesos/g-three-replicas-lagging-with-holes", "."), VerdictLags, []uint64{0, 20, 0}, 3},
		{three("mesos/g-three-replicas-after-takeover", "."), VerdictLags, []uint64{0, 0, 1}, 3},
		{three("mesos/g-stuck-two-empty-one-voting", "."), VerdictQuorumLost, []uint64{0, 0, 0}, 1},
		{three("mesos/f-starting-stuck", "."), VerdictQuorumLost, []uint64{0, 0, 0}, 0},
		{three("mesos/g-wrong-init-1-before", "."), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{three("mesos/g-wrong-init-2-after", "."), VerdictDiverged, []uint64{0, 34, 34}, 3},
		{three("mesos/g-wrong-init-3-old-replica-elected", "."), VerdictDiverged, []uint64{0, 34, 35}, 3},
		{three("aurora/h-snapshot-then-500-transactions", "/"), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{three("aurora/e2-replica-3-was-away-and-has-holes", "/"), VerdictLags, []uint64{0, 0, 12}, 3},
		{three("aurora/i-no-quorum-unlearned-tail", "/"), VerdictHealthy, []uint64{0, 0, 0}, 3},
		{[]string{"mesos/h0-base40-ldb.log", "mesos/h0-base40-wal.log", "mesos/h-ldb-flip-middle-block.log"}, VerdictLags, []uint64{0, 0, 3}, 2},
		{[]string{"mesos/h0-base40-ldb.log", "mesos/h-ldb-empty.log", "mesos/h-ldb-flip-middle-block.log"}, VerdictQuorumLost, []uint64{0, 41, 3}, 1},
		{[]string{"mesos/h0-base40-ldb.log", "mesos/b-voting-zero-entries.log", "mesos/b-voting-zero-entries.log"}, VerdictQuorumLost, []uint64{0, 41, 41}, 3},
		{[]string{"mesos/h0-base40-ldb.log", "mesos/b-voting-zero-entries.log", "mesos/a-empty.log"}, VerdictLags, []uint64{0, 41, 41}, 2},
		{[]string{"mesos/h0-base40-ldb.log", "mesos/h-wal-torn-tail.log", "mesos/h-ldb-empty.log"}, VerdictLags, []uint64{0, 1, 41}, 2},
		{[]string{"mesos/h-wal-torn-tail.log", "mesos/h-ldb-empty.log", "mesos/h-ldb-empty.log"}, VerdictQuorumLost, []uint64{0, 40, 40}, 0},
		{[]string{"mesos/h-wal-torn-tail.log"}, VerdictQuorumLost, []uint64{0}, 0},
		{[]string{"mesos/h0-base40-ldb.log"}, VerdictHealthy, []uint64{0}, 1},
	} {
		t.Run(filepath.Base(tt.names[0]), func(t *testing.T) {
			t.Parallel()
			got := Compare(group(t, tt.names...))
			if got.Verdict != tt.verdict || got.Voting != tt.voting || got.Quorum != len(tt.names)/2+1 {
				t.Errorf("%s, %d voting, want %s and %d; %q %v", got.Verdict, got.Voting, tt.verdict, tt.voting, got.Why, got.Diverged)
			}
			if diff := cmp.Diff(tt.missing, got.Missing); diff != "" {
				t.Errorf("missing (-want +got):\n%s", diff)
			}
			if len(got.Uncompared) > 0 {
				t.Errorf("not compared: %s", got.Uncompared)
			}
		})
	}
}

// The recorded wrong initialize: positions 1 to 5 differ between replica 1 and
// the others, and nothing else does.
func TestCompareSaysWhere(t *testing.T) {
	got := Compare(group(t, three("mesos/g-wrong-init-2-after", ".")...))
	want := []Divergence{{Range{1, 5}, 0, 1}, {Range{1, 5}, 0, 2}}
	if diff := cmp.Diff(want, got.Diverged); diff != "" {
		t.Error(diff)
	}
}

// What could not be looked at is not lost.
func TestCompareCannotTell(t *testing.T) {
	whole := group(t, "mesos/h0-base40-ldb.log")[0]
	locked := Report{Path: "b", State: StateLocked, Error: "b: process 7 has it open"}
	missing := Report{Path: "c", State: StateMissing, Error: "c: no such folder"}
	for _, tt := range []struct {
		reports []Report
		want    Verdict
	}{
		{[]Report{whole, locked, missing}, VerdictUnknown},
		{[]Report{whole, locked, locked}, VerdictUnknown},
		{[]Report{whole, missing, missing}, VerdictQuorumLost},
		{[]Report{whole, whole, locked}, VerdictLags},
		{nil, VerdictQuorumLost},
	} {
		if got := Compare(tt.reports); got.Verdict != tt.want {
			t.Errorf("%s, want %s: %q", got.Verdict, tt.want, got.Why)
		}
	}
}

// The digests of a long log stay short, and show divergence both in its middle
// and where only one replica has the whole chunk.
func TestDigestsOfALongLog(t *testing.T) {
	write := func(last uint64, other func(p uint64) bool) Report {
		dir := filepath.Join(t.TempDir(), "log")
		l := newLog(t, dir)
		l.metadata(Voting, 1)
		l.action(Action{Learned: true, Type: Nop})
		for p := uint64(1); p <= last; p++ {
			b := transaction(saveQuota("role", float64(p)))
			if other(p) {
				b = transaction(saveQuota("other", float64(p)))
			}
			l.learned(p, b)
		}
		l.close()
		return inspect(t, dir)
	}
	none := func(uint64) bool { return false }
	a := write(20_000, none)
	if b, _ := json.Marshal(a.Digests); len(b) > 60_000 {
		t.Errorf("digests take %d bytes", len(b))
	}
	for _, tt := range []struct {
		name    string
		b       Report
		verdict Verdict
	}{
		{"the same", write(20_000, none), VerdictHealthy},
		{"one position in the middle", write(20_000, func(p uint64) bool { return p == 10_000 }), VerdictDiverged},
		{"a new log of six positions", write(6, func(p uint64) bool { return p > 0 }), VerdictDiverged},
		{"behind, in the middle of a chunk", write(10_000, none), VerdictLags},
		{"behind, another last position", write(19_000, func(p uint64) bool { return p == 19_000 }), VerdictDiverged},
	} {
		if got := Compare([]Report{a, tt.b, a}); got.Verdict != tt.verdict {
			t.Errorf("%s: %s, want %s; %v, not compared %s", tt.name, got.Verdict, tt.verdict, got.Diverged, got.Uncompared)
		}
	}
}
