package replica

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner/backup"
	"aurorabot/runner/golden"
)

// truth is what the real replica restores from a folder.
type truth struct {
	Status        string `json:"status"`
	Promised      uint64 `json:"promised"`
	Begin         uint64 `json:"begin"`
	End           uint64 `json:"end"`
	Unlearned     Ranges `json:"unlearned"`
	Holes         Ranges `json:"holes"`
	Appends       int64  `json:"appends"`
	Nops          int64  `json:"nops"`
	TombstoneNops int64  `json:"tombstone_nops"`
	Truncates     int64  `json:"truncates"`
	PromiseOnly   int64  `json:"promise_only"`
	AppendBytes   int64  `json:"append_bytes"`
}

func figures(r Report) truth {
	return truth{r.Status, r.Promised, r.Begin, r.End, r.Unlearned, r.Holes, r.Appends, r.Nops, r.TombstoneNops, r.Truncates, r.PromiseOnly, r.AppendBytes}
}

// mesosCases returns the recorded folders of the real replica, "case.replica",
// and their truths.
func mesosCases(t testing.TB) (archives map[string]string, truths map[string]json.RawMessage) {
	t.Helper()
	paths, err := filepath.Glob("testdata/mesos/*.tar.gz")
	if err != nil || len(paths) < 80 {
		t.Fatalf("%d recordings, %v", len(paths), err)
	}
	archives = map[string]string{}
	for _, p := range paths {
		archives[strings.TrimSuffix(filepath.Base(p), ".tar.gz")] = p
	}
	b, err := os.ReadFile("testdata/mesos/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var index map[string]struct {
		Truth json.RawMessage `json:"truth"`
	}
	if err := json.Unmarshal(b, &index); err != nil {
		t.Fatal(err)
	}
	truths = map[string]json.RawMessage{}
	for name, c := range index {
		truths[name] = c.Truth
	}
	return archives, truths
}

// The figures of an undamaged log are those of the real replica; a damaged one
// is called damaged, and the file is named.
func TestInspectMesos(t *testing.T) {
	archives, truths := mesosCases(t)
	// damagedFile names what was damaged where the case does not say it.
	damagedFile := map[string]string{
		"h-current": "CURRENT", "h-manifest-missing": "MANIFEST", "h-manifest": "MANIFEST-000006", "h-ldb": "000011.ldb",
		"h-wal": "000004.log", "h-metadata-record-missing": "000007.ldb", "h-record-not-protobuf": "000008.log",
	}
	for _, name := range slices.Sorted(maps.Keys(archives)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			kase, folder, _ := strings.Cut(name, ".")
			dir := golden.Unpack(t, archives[name])
			got, err := Inspect(context.Background(), dir)
			if err != nil {
				t.Fatal(err)
			}
			if kase == "h-empty-folder" {
				if got.State != StateNotALog || got.Error == "" {
					t.Errorf("state %s (%s), want %s and an error", got.State, got.Error, StateNotALog)
				}
				return
			}
			harmless := kase == "h-foreign-key"
			if strings.HasPrefix(kase, "h-") && !harmless {
				if got.State != StateDamaged || got.Error == "" {
					t.Errorf("state %s (%s), want %s and an error", got.State, got.Error, StateDamaged)
				}
				want, longest := "", ""
				for prefix, file := range damagedFile {
					if strings.HasPrefix(kase, prefix) && len(prefix) > len(longest) {
						want, longest = file, prefix
					}
				}
				if !slices.ContainsFunc(got.Damage, func(d Damage) bool { return d.File == want && d.What != "" }) {
					t.Errorf("damage %v does not name %s", got.Damage, want)
				}
				return
			}
			raw := truths[kase]
			if kase == "c-voting-400-zeros-snappy" {
				raw = truths["c-voting-400-zeros-wal"]
				if len(got.Warnings) == 0 {
					t.Error("no warning of snappy")
				}
			} else if (len(got.Warnings) > 0) != harmless {
				t.Errorf("warnings %q", got.Warnings)
			}
			var groups map[string]json.RawMessage
			if err := json.Unmarshal(raw, &groups); err != nil {
				t.Fatal(err)
			}
			if one, ok := groups[folder]; ok {
				raw = one
			}
			var want truth
			if err := json.Unmarshal(raw, &want); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, figures(got)); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
			state := StateOK
			if want.Status == "EMPTY" {
				state = StateEmpty
			}
			if got.State != state || len(got.Damage) > 0 || got.Error != "" || got.Aurora != nil {
				t.Errorf("state %s, damage %v, error %q, aurora %v; want %s and nothing else", got.State, got.Damage, got.Error, got.Aurora, state)
			}
		})
	}
}

// auroraCase is the part of case.json that says what a replica holds.
type auroraCase struct {
	Replicas map[string]struct {
		Status   string           `json:"metadataStatus"`
		Promised uint64           `json:"metadataPromised"`
		Begin    uint64           `json:"replicaBegin"`
		End      uint64           `json:"replicaEnd"`
		Kinds    map[string]int64 `json:"auroraEntriesByKind"`
		Ops      map[string]int64 `json:"opsByKind"`
		Snaps    []struct {
			Position  int64 `json:"position"`
			Last      int64 `json:"lastPosition"`
			Timestamp int64 `json:"timestamp"`
		} `json:"snapshots"`
		LastSnapshot    int64 `json:"lastSnapshotPosition"`
		LastTransaction int64 `json:"lastTransactionPosition"`
		Aborted         []struct {
			Header int64 `json:"headerPosition"`
			Found  int64 `json:"chunksFound"`
		} `json:"abortedFrameSeries"`
		Tasks   int    `json:"rebuiltTasks"`
		Rebuilt string `json:"stateRebuiltFromThisReplicaAlone"`
		Learned string `json:"rebuiltFromLearnedEntriesOnly"`
	} `json:"replicas"`
}

// auroraCases calls each for every replica folder that a real scheduler wrote.
func auroraCases(t *testing.T, each func(t *testing.T, folder, archive, name string, c auroraCase)) {
	folders, err := filepath.Glob("testdata/aurora/*")
	if err != nil || len(folders) < 10 {
		t.Fatalf("%d recordings, %v", len(folders), err)
	}
	for _, folder := range folders {
		b, err := os.ReadFile(filepath.Join(folder, "case.json"))
		if err != nil {
			t.Fatal(err)
		}
		var c auroraCase
		if err := json.Unmarshal(b, &c); err != nil {
			t.Fatal(err)
		}
		archives, err := filepath.Glob(filepath.Join(folder, "replica*.tar.gz"))
		if err != nil || len(archives) == 0 {
			t.Fatal(folder, err)
		}
		for _, archive := range archives {
			name := strings.TrimSuffix(filepath.Base(archive), ".tar.gz")
			t.Run(filepath.Base(folder)+"/"+name, func(t *testing.T) {
				t.Parallel()
				each(t, folder, archive, name, c)
			})
		}
	}
}

// What the appends hold is what Aurora's own classes found in them.
func TestInspectAurora(t *testing.T) {
	auroraCases(t, func(t *testing.T, _, archive, name string, c auroraCase) {
		got, err := Inspect(context.Background(), golden.Unpack(t, archive))
		if err != nil {
			t.Fatal(err)
		}
		r := c.Replicas[name]
		want := Aurora{
			Snapshots: int64(len(r.Snaps)), Noops: r.Kinds["noop"], AbortedFrameSeries: int64(len(r.Aborted)), Ops: r.Ops,
			LastSnapshot: r.LastSnapshot, LastTransaction: r.LastTransaction, LastUnread: -1,
		}
		for _, a := range r.Aborted {
			want.LastUnread = a.Header + a.Found // The chunks follow each other.
		}
		for kind, n := range r.Kinds {
			if strings.HasSuffix(kind, "transaction") {
				want.Transactions += n
			}
		}
		last := r.Snaps[len(r.Snaps)-1]
		want.LastSnapshotTime, want.LastSnapshotEnd = Millis(last.Timestamp), last.Last
		if got.Aurora == nil {
			t.Fatal("no entries of Aurora's")
		}
		want.LastSnapshotTasks = got.Aurora.LastSnapshotTasks // Not recorded; the salvage proves it.
		if diff := cmp.Diff(want, *got.Aurora); diff != "" {
			t.Errorf("aurora (-want +got):\n%s", diff)
		}
		if got.State != StateOK || got.Status != r.Status || got.Promised != r.Promised || got.Begin != r.Begin || got.End != r.End {
			t.Errorf("%s %s promised %d, %d-%d, want %+v", got.State, got.Status, got.Promised, got.Begin, got.End, r)
		}
	})
}

func readBackup(t *testing.T, folder string) *backup.Snapshot {
	t.Helper()
	file := filepath.Join(folder, "backup.gz")
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		t.Skip("its backup is not among the test data")
	}
	b, err := backup.Parse(golden.Gunzip(t, file))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A salvage of one replica is exactly the backup that the scheduler wrote in
// that state, or it differs as the real classes' own replay does, or refuses.
func TestSalvageIsTheBackup(t *testing.T) {
	auroraCases(t, func(t *testing.T, folder, archive, name string, c auroraCase) {
		r := c.Replicas[name]
		got, out, err := Salvage(context.Background(), []string{golden.Unpack(t, archive)}, SalvageOptions{})
		var refused *Refusal
		if strings.HasPrefix(filepath.Base(folder), "e2-") && name == "replica3" {
			if !errors.As(err, &refused) || !refused.Partial || refused.Position != 32 || !strings.Contains(err.Error(), "33-44") {
				t.Errorf("error %v, want a refusal for the holes 33-44", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		want := r.Rebuilt
		if r.Learned != "" {
			want = r.Learned
			if len(out.Dropped) != 1 || !strings.Contains(out.Dropped[0], "position 22") {
				t.Errorf("dropped %q, want the position that nobody has learned", out.Dropped)
			}
		}
		if n := len(got.Elements(backup.TaskSet)); n != r.Tasks {
			t.Errorf("%d tasks, want %d", n, r.Tasks)
		}
		if equal := backup.Equal(got, readBackup(t, folder)); equal != (want == "equals the backup") {
			t.Errorf("equals the backup: %v, want %q", equal, want)
		}
		if out.Time < out.BaseTime || int64(out.Position) < out.Base || out.Base != r.LastSnapshot {
			t.Errorf("goes from %d (%s) to %d (%s)", out.Base, out.BaseTime, out.Position, out.Time)
		}
	})
}

// Of several replicas the learned entries of all count: one fills the holes of
// another, and one that is complete but old takes nothing away.
func TestSalvageJoins(t *testing.T) {
	for _, tt := range []struct {
		folder   string
		replicas []string
	}{
		{"e2-replica-3-was-away-and-has-holes", []string{"replica3", "replica1"}},
		{"e2-replica-3-was-away-and-has-holes", []string{"replica1", "replica2", "replica3"}},
		{"e-lagging-replica-1-stopped-earlier", []string{"replica1", "replica2"}},
		{"f-leader-killed-during-framed-snapshot", []string{"replica2", "replica1"}},
		{"g-after-committed-recovery", []string{"replica2", "replica3"}},
		{"i-no-quorum-unlearned-tail", []string{"replica1", "replica2", "replica3"}},
	} {
		t.Run(tt.folder, func(t *testing.T) {
			folder := filepath.Join("testdata/aurora", tt.folder)
			var dirs []string
			for _, r := range tt.replicas {
				dirs = append(dirs, golden.Unpack(t, filepath.Join(folder, r+".tar.gz")))
			}
			got, out, err := Salvage(context.Background(), dirs, SalvageOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if !backup.Equal(got, readBackup(t, folder)) || len(out.From) != len(dirs) || len(out.Missing) > 0 {
				t.Errorf("differs from the backup; %+v", out)
			}
		})
	}
}
