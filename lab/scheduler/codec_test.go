package scheduler

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/lab/mesoslog"
)

// unpack returns the files of a tar.gz by name.
func unpack(t *testing.T, packed []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeReg {
			files[strings.TrimPrefix(h.Name, "./")] = b
		}
	}
}

// A truth is what the real classes read out of a backup.
type truth struct {
	Decodes     bool           `json:"decodes"`
	Error       string         `json:"error"`
	Timestamp   int64          `json:"timestamp"`
	Framework   string         `json:"frameworkId"`
	Tasks       int            `json:"tasks"`
	ByStatus    map[string]int `json:"tasksByStatus"`
	ByHost      map[string]int `json:"tasksByHost"`
	ByJob       map[string]int `json:"tasksByJob"`
	Quotas      map[string]any `json:"quotas"`
	Crons       map[string]any `json:"cronJobs"`
	Updates     map[string]any `json:"jobUpdates"`
	Hosts       map[string]any `json:"hostAttributes"`
	Maintenance map[string]any `json:"hostMaintenanceRequests"`
	IDs         []string       `json:"taskIds"`
}

// compare says what of a state is not as the truth has it.
func (want truth) compare(t *testing.T, st *state) {
	t.Helper()
	var ids []string
	jobs, hosts := map[string]int{}, map[string]int{}
	for _, tk := range st.tasks {
		ids = append(ids, tk.id+" "+statusNames[tk.status])
		jobs[tk.job.String()]++
		if tk.host != "" {
			hosts[tk.host]++
		}
	}
	slices.Sort(ids)
	slices.Sort(want.IDs)
	if !slices.Equal(ids, want.IDs) {
		t.Errorf("task ids and statuses differ: %d, want %d", len(ids), len(want.IDs))
	}
	if st.frameworkID != want.Framework {
		t.Errorf("framework id = %q, want %q", st.frameworkID, want.Framework)
	}
	if !maps.Equal(jobs, want.ByJob) && want.ByJob != nil {
		t.Errorf("tasks by job = %v, want %v", jobs, want.ByJob)
	}
	if !maps.Equal(hosts, want.ByHost) && want.ByHost != nil {
		t.Errorf("tasks by host = %v, want %v", hosts, want.ByHost)
	}
	for _, n := range []struct {
		what      string
		got, want int
	}{
		{"quotas", len(st.quotas), len(want.Quotas)}, {"cron jobs", len(st.crons), len(want.Crons)},
		{"updates", len(st.updates), len(want.Updates)}, {"hosts", len(st.hosts), len(want.Hosts)},
		{"maintenance requests", len(st.maintenance), len(want.Maintenance)},
	} {
		if n.got != n.want {
			t.Errorf("%s = %d, want %d", n.what, n.got, n.want)
		}
	}
}

func readTruth(t *testing.T, b []byte) truth {
	t.Helper()
	var want truth
	if err := json.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	return want
}

// A backup that is read and written again holds the same structs.
func TestSnapshotRoundTrip(t *testing.T) {
	file := read(t, "testdata/"+smallBackup)
	snap, err := decodeSnapshot(file)
	if err != nil {
		t.Fatal(err)
	}
	readTruth(t, read(t, "testdata/small.truth.json")).compare(t, snap.state)
	again := snap.encode(version{22, 0}.build())
	if len(again) != len(file) {
		t.Errorf("written again: %d bytes, want the %d of the file", len(again), len(file))
	}
	was, is := mustOpen(file), mustOpen(again)
	for _, id := range []int16{3, 4, 5, 8, 10, 13} {
		a, b := was.elements(id), is.elements(id)
		slices.SortFunc(a, bytes.Compare)
		slices.SortFunc(b, bytes.Compare)
		if !slices.EqualFunc(a, b, bytes.Equal) {
			t.Errorf("field %d differs after it was written again", id)
		}
	}
	if was.i64(1) != is.i64(1) {
		t.Error("the timestamp differs after it was written again")
	}
}

// What the log holds of a snapshot gives the snapshot back, whole or in frames.
func TestLogEntryRoundTrip(t *testing.T) {
	snap, err := decodeSnapshot(read(t, "testdata/"+smallBackup))
	if err != nil {
		t.Fatal(err)
	}
	entry, configs := snap.encodeForLog(version{22, 0}.build())
	if configs != 11 {
		t.Errorf("distinct configs = %d, want the recorded 11", configs)
	}
	for _, size := range []int{1 << 10, 1 << 19} {
		r := replay{log: &logger{w: io.Discard, zone: time.UTC, clock: time.Now}, state: newState()}
		for _, f := range frames(entry, size) {
			if err := r.add(f); err != nil {
				t.Fatal(err)
			}
		}
		if want := snap.encode(nil); !bytes.Equal((&snapshot{r.snapshot, r.state}).encode(nil), want) {
			t.Errorf("in entries of %d bytes: not the state that was written", size)
		}
	}
}

// Damaged backups are refused or taken exactly as the real classes do it.
func TestDamagedBackups(t *testing.T) {
	files := unpack(t, read(t, "testdata/backups.tar.gz"))
	for name, file := range files {
		truthFile, ok := files[name+".truth.json"]
		if !ok || !strings.HasPrefix(name, "corrupt/") {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			want := readTruth(t, truthFile)
			snap, err := decodeSnapshot(file)
			if (err == nil) != want.Decodes {
				t.Fatalf("decode error = %v, want decodes = %v (%s)", err, want.Decodes, want.Error)
			}
			if err != nil {
				return
			}
			if len(snap.state.tasks) != want.Tasks || snap.millis != want.Timestamp {
				t.Errorf("tasks, timestamp = %d, %d, want %d, %d", len(snap.state.tasks), snap.millis, want.Tasks, want.Timestamp)
			}
		})
	}
}

// Old formats are read as 0.22 reads them.
func TestOldBackups(t *testing.T) {
	files := unpack(t, read(t, "testdata/backups.tar.gz"))
	for name, file := range files {
		truthFile, ok := files[name+".truth-by-0.22-classes.json"]
		if !ok {
			continue
		}
		t.Run(filepath.Base(name), func(t *testing.T) {
			snap, err := decodeSnapshot(file)
			if err != nil {
				t.Fatal(err)
			}
			if len(truthFile) == 0 { // the recorder could not print 0.5's; that it stages is recorded
				return
			}
			want := readTruth(t, truthFile)
			if len(snap.state.tasks) != want.Tasks || snap.state.frameworkID != want.Framework {
				t.Errorf("tasks, framework = %d, %q, want %d, %q", len(snap.state.tasks), snap.state.frameworkID, want.Tasks, want.Framework)
			}
		})
	}
}

// What real schedulers wrote to their logs gives the state that they backed up.
func TestReplayOfRealReplicas(t *testing.T) {
	files := unpack(t, read(t, "testdata/replicas.tar.gz"))
	for name, packed := range files {
		dir, file := filepath.Split(name)
		if file != "replica.tar.gz" {
			continue
		}
		t.Run(strings.Trim(dir, "/"), func(t *testing.T) {
			folder := t.TempDir()
			for f, b := range unpack(t, packed) {
				if err := os.WriteFile(filepath.Join(folder, filepath.Base(f)), b, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			l, err := mesoslog.Open(t.Context(), mesoslog.Options{Path: folder, Quorum: 1, Listen: "127.0.0.1:0"})
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			entries, _, err := (&nativeReplica{l, l.Writer()}).Read(ctx)
			if err != nil {
				t.Fatal(err)
			}
			r := replay{log: &logger{w: io.Discard, zone: time.UTC, clock: time.Now}, state: newState()}
			for i, e := range entries {
				if err := r.add(e); err != nil {
					t.Fatalf("entry %d: %v", i, err)
				}
			}
			readTruth(t, files[dir+"truth.json"]).compare(t, r.state)
		})
	}
}
