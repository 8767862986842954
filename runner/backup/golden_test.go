package backup

import (
	"aurorabot/runner/golden"
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// lately is when the recordings were made, and a little later.
var lately = time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)

// truth is what the real scheduler's classes make of a backup (golden/aurora/backups).
type truth struct {
	File             string
	Bytes            int64
	SHA256           string
	Decodes          bool
	TimestampUTC     string
	FrameworkID      string
	MetadataDetails  map[string]string
	Tasks, Jobs      int
	ActiveTasks      int
	TasksByStatus    map[string]int
	TasksByRole      map[string]int
	TasksByJob       map[string]int
	ActiveTasksByJob map[string]int
	TasksByHost      map[string]int
	Quotas, CronJobs map[string]string
	JobUpdates       map[string]string
	HostAttributes   map[string]string
	HostMaintenance  map[string]string `json:"hostMaintenanceRequests"`
	TaskIDs          []string
}

// recorded gives the names, relative to testdata, of the recordings that match.
func recorded(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", pattern+".gz"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no recording matches %s: %v", pattern, err)
	}
	for i, name := range found {
		found[i] = strings.TrimSuffix(name, ".gz")
	}
	return found
}

// load gives the bytes of a recording.
func load(t testing.TB, name string) []byte {
	t.Helper()
	return golden.Gunzip(t, name+".gz")
}

// loadTruth gives the figures of a recording; ok is false where there are none.
func loadTruth(t testing.TB, name string) (want truth, ok bool) {
	t.Helper()
	b, err := os.ReadFile(name + ".truth.json")
	if os.IsNotExist(err) {
		return want, false
	}
	if err == nil {
		err = json.Unmarshal(b, &want)
	}
	if err != nil {
		t.Fatal(err)
	}
	return want, true
}

func inspect(t testing.TB, b []byte) Report {
	t.Helper()
	r, err := Inspect(bytes.NewReader(b), Options{Now: lately})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func keys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
