package files

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

// The document of a log holds the figures of the real replica, and its exit
// status follows the state.
func TestLogInspectJSON(t *testing.T) {
	from := here(t)
	text, err := os.ReadFile(replicas + "mesos/index.json")
	if err != nil {
		t.Fatal(err)
	}
	var index map[string]struct{ Truth json.RawMessage }
	if err := json.Unmarshal(text, &index); err != nil {
		t.Fatal(err)
	}
	for kase, truth := range index {
		archive := replicas + "mesos/" + kase + ".log.tar.gz"
		if _, err := os.Stat(archive); err != nil {
			continue // Cases of three replicas.
		}
		t.Run(kase, func(t *testing.T) {
			t.Chdir(from)
			dir := t.TempDir()
			unpack(t, archive, dir, "log")
			got := run(t, dir, "log", "inspect", "--json", "log")
			var r replica.Report
			if err := json.Unmarshal([]byte(got.out), &r); err != nil {
				t.Fatal(err)
			}
			want := exitDone
			if r.State != replica.StateOK && r.State != replica.StateEmpty {
				want = exitError
			}
			if got.exit != want || (got.exit != 0) != (got.err != "") {
				t.Errorf("state %s: exit status %d, %q", r.State, got.exit, got.err)
			}
			damaged := strings.HasPrefix(kase, "h-") && kase != "h-wal-truncated-middle" && kase != "h-foreign-key"
			if damaged && got.exit == exitDone {
				t.Errorf("a damaged log is called %s", r.State)
			}
			if damaged || strings.HasPrefix(kase, "h-") || kase == "c-voting-400-zeros-snappy" {
				return
			}
			var figures, document map[string]any
			if err := json.Unmarshal(truth.Truth, &figures); err != nil {
				t.Fatal(err)
			}
			if err := json.Unmarshal([]byte(got.out), &document); err != nil {
				t.Fatal(err)
			}
			delete(figures, "readable")
			for name, want := range figures {
				if diff := cmp.Diff(want, document[name]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", name, diff)
				}
			}
		})
	}
}

// three unpacks the replicas of a recording as r1, r2, r3.
func three(t *testing.T, dir, kase string) []string {
	t.Helper()
	var names []string
	for i := 1; i <= 3; i++ {
		name := fmt.Sprintf("r%d", i)
		unpack(t, fmt.Sprintf("%s%s%d.tar.gz", replicas, kase, i), dir, name)
		names = append(names, name)
	}
	return names
}

// Several directories are one array, in the order given.
func TestLogInspectSeveralJSON(t *testing.T) {
	dir := t.TempDir()
	unpack(t, replicas+"mesos/h-ldb-truncated.log.tar.gz", dir, "bad")
	unpack(t, replicas+"mesos/h0-base40-ldb.log.tar.gz", dir, "good")
	got := run(t, dir, "log", "inspect", "good", "nothing", "bad", "--json")
	var r []replica.Report
	if err := json.Unmarshal([]byte(got.out), &r); err != nil {
		t.Fatal(err)
	}
	if got.exit != exitError || len(r) != 3 || r[0].State != replica.StateOK || r[1].State != replica.StateMissing || r[2].State != replica.StateDamaged {
		t.Errorf("exit status %d, %+v", got.exit, r)
	}
}

func TestLogPages(t *testing.T) {
	from, dir := here(t), t.TempDir()
	unpack(t, replicas+"aurora/h-snapshot-then-500-transactions/replica1.tar.gz", dir, "whole")
	unpack(t, replicas+"mesos/h-ldb-flip-middle-block.log.tar.gz", dir, "damaged")
	unpack(t, replicas+"mesos/d-truncate-with-holes.log.tar.gz", dir, "holes")
	unpack(t, replicas+"mesos/a-empty.log.tar.gz", dir, "empty")
	for kase, name := range map[string]string{
		"mesos/g-three-replicas-one-lags.replica": "lags", "mesos/g-wrong-init-3-old-replica-elected.replica": "diverged",
		"aurora/a-small-mutations-after-snapshot/replica": "healthy",
	} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		three(t, filepath.Join(dir, name), kase)
	}
	for _, tt := range []struct {
		golden string
		exit   int
		words  string
	}{
		{"log-inspect", exitDone, "log inspect whole"},
		{"log-inspect-damaged", exitError, "log inspect damaged"},
		{"log-inspect-empty", exitDone, "log inspect empty"},
		{"log-inspect-missing", exitError, "log inspect gone"},
		{"log-inspect-healthy", exitDone, "log inspect healthy/r1 healthy/r2 healthy/r3"},
		{"log-inspect-lags", exitDone, "log inspect lags/r1 lags/r2 lags/r3"},
		{"log-inspect-diverged", exitDone, "log inspect diverged/r1 diverged/r2 diverged/r3"},
		{"log-inspect-lost", exitError, "log inspect healthy/r1 damaged gone"},
		{"log-entries", exitDone, "log entries holes"},
		{"log-entries-aurora", exitDone, "log entries healthy/r1"},
		{"log-entries-damaged", exitError, "log entries damaged"},
		{"log-entries-empty", exitDone, "log entries empty"},
		{"log-salvage", exitDone, "log salvage healthy/r1 healthy/r2 healthy/r3 -o new"},
		{"log-salvage-refused", exitError, "log salvage damaged -o none"},
	} {
		got := run(t, dir, strings.Fields(tt.words)...)
		if got.exit != tt.exit {
			t.Errorf("%s: exit status %d, want %d", tt.words, got.exit, tt.exit)
		}
		compare(t, from, tt.golden, got)
	}
}

// Entries are one array, an entry a line, also where there are none or some
// can't be read.
func TestLogEntriesJSON(t *testing.T) {
	dir := t.TempDir()
	for name, archive := range map[string]string{"whole": "h0-base40-ldb", "empty": "a-empty", "damaged": "h-ldb-flip-middle-block"} {
		unpack(t, replicas+"mesos/"+archive+".log.tar.gz", dir, name)
	}
	for name, want := range map[string]int{"whole": exitDone, "empty": exitDone, "damaged": exitError} {
		got := run(t, dir, "log", "entries", "--json", name)
		var entries []replica.Entry
		if err := json.Unmarshal([]byte(got.out), &entries); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if lines := strings.Count(got.out, "\n"); got.exit != want || name != "empty" && lines != len(entries)+2 {
			t.Errorf("%s: exit status %d, %d entries on %d lines", name, got.exit, len(entries), lines)
		}
		if (name == "empty") != (len(entries) == 0) {
			t.Errorf("%s: %d entries", name, len(entries))
		}
	}
}

// tree is every file below dir with its hash.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = fmt.Sprintf("%x", sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A salvage writes a whole file, its document is that file's report, and a
// second run finds its own work done; what others wrote is never overwritten.
func TestLogSalvage(t *testing.T) {
	root, dir := here(t), t.TempDir()
	words := append([]string{"log", "salvage", "--json", "-o", "new"}, three(t, dir, "aurora/h-snapshot-then-500-transactions/replica")...)
	before := tree(t, dir)
	first := run(t, dir, words...)
	if first.exit != exitDone || first.err != "" {
		t.Fatalf("exit status %d, %s", first.exit, first.err)
	}
	var doc struct {
		backup.Report
		From     []replica.From `json:"from"`
		Base     *int64         `json:"base_position"`
		Position uint64         `json:"position"`
		Newest   replica.Millis `json:"newest_timestamp"`
		Dropped  []string       `json:"dropped"`
	}
	if err := json.Unmarshal([]byte(first.out), &doc); err != nil {
		t.Fatal(err)
	}
	if len(doc.From) != 3 || doc.Base == nil || doc.Position == 0 || doc.Newest == 0 || doc.Dropped == nil {
		t.Errorf("the document lacks something: %s", first.out)
	}
	inspected := run(t, dir, "backup", "inspect", "--json", "new")
	var report backup.Report
	if err := json.Unmarshal([]byte(inspected.out), &report); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(report, doc.Report, cmp.FilterPath(func(p cmp.Path) bool { return p.String() == "TimestampMs" }, cmp.Ignore())); diff != "" || !report.Valid {
		t.Errorf("`backup inspect` says otherwise (-inspect +salvage):\n%s", diff)
	}
	// The recording's backup holds the same state.
	unzip(t, filepath.Join(root, replicas, "aurora/h-snapshot-then-500-transactions/backup.gz"), dir, "recorded")
	var d backup.Diff
	if err := json.Unmarshal([]byte(run(t, dir, "backup", "diff", "--json", "recorded", "new").out), &d); err != nil || !d.Empty() {
		t.Errorf("the salvage differs from the backup that the scheduler wrote: %v, %+v", err, d)
	}
	if st, err := os.Stat("new"); err != nil || st.Mode() != 0o640 {
		t.Errorf("mode %v, %v; want 0640", st.Mode(), err)
	}
	if second := run(t, dir, words...); second.exit != exitDone || second.out != first.out {
		t.Errorf("the second run: exit status %d, %s", second.exit, second.err)
	}
	if err := os.WriteFile("new", []byte("somebody's"), 0o640); err != nil {
		t.Fatal(err)
	}
	third := run(t, dir, words...)
	if third.exit != exitError || third.out != "" || !strings.Contains(third.err, "there already with another content") {
		t.Errorf("over another file: exit status %d, %s", third.exit, third.err)
	}
	if b, err := os.ReadFile("new"); err != nil || string(b) != "somebody's" {
		t.Errorf("the other file was changed: %q, %v", b, err)
	}
	after := tree(t, dir)
	for _, name := range []string{"new", "recorded"} {
		delete(after, filepath.Join(dir, name))
	}
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("files that were left over or changed (-before +after):\n%s", diff)
	}
}

// A salvage that refuses leaves no file; where a part can be had, it says how.
func TestLogSalvageRefuses(t *testing.T) {
	dir := t.TempDir()
	unpack(t, replicas+"aurora/h-snapshot-then-500-transactions/replica1.tar.gz", dir, "r1")
	logs, err := filepath.Glob(filepath.Join(dir, "r1", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no write-ahead log: %v", err)
	}
	b, err := os.ReadFile(logs[len(logs)-1])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)*9/10] ^= 0xff
	if err := os.WriteFile(logs[len(logs)-1], b, 0o644); err != nil {
		t.Fatal(err)
	}
	got := run(t, dir, "log", "salvage", "--json", "r1", "-o", "new")
	if got.exit != exitError || got.out != "" || !strings.Contains(got.err, "hint: with --up-to-damage it stops at position ") {
		t.Errorf("exit status %d, %q, %s", got.exit, got.out, got.err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*new*")); len(left) > 0 {
		t.Errorf("it left %q", left)
	}
	got = run(t, dir, "log", "salvage", "--json", "r1", "-o", "new", "--up-to-damage")
	var doc replica.Salvaged
	if err := json.Unmarshal([]byte(got.out), &doc); err != nil || got.exit != exitDone || len(doc.Dropped) == 0 {
		t.Errorf("up to the damage: exit status %d, %v, dropped %q, %s", got.exit, err, doc.Dropped, got.err)
	}
	// The replica's own folder is no place for the file, by whatever name.
	if err := os.Symlink("r1", "link"); err != nil {
		t.Fatal(err)
	}
	if got := run(t, dir, "log", "salvage", "r1", "-o", "link/new", "--up-to-damage"); got.exit != exitError || !strings.Contains(got.err, "must not change") {
		t.Errorf("into the log through a link: %+v", got)
	}
}

// The facts of this machine, as the bot asks for them.
func TestHostFacts(t *testing.T) {
	got := runIn(t, "", `{"paths": ["/"]}`, "host", "facts")
	var facts struct {
		Paths map[string]struct{ Dir bool }
	}
	if err := json.Unmarshal([]byte(got.out), &facts); err != nil || got.exit != exitDone || !facts.Paths["/"].Dir {
		t.Errorf("%v: %+v", err, got)
	}
	if !bytes.HasSuffix([]byte(got.out), []byte("\n")) {
		t.Error("the answer does not end with a newline")
	}
}
