package backup

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The document is a promise to scripts: names and values, compared as JSON.
// A change of testdata/report.json is a change of the promise.
func TestReportAsJSON(t *testing.T) {
	all := load(t, recorded(t, "small/*")[0])
	r, err := Inspect(bytes.NewReader(all), Options{Name: "scheduler-backup-2026-11-23-08-36", Now: lately})
	if err != nil {
		t.Fatal(err)
	}
	decode := func(b []byte) (v any) {
		t.Helper()
		if err := json.Unmarshal(b, &v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	got, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile("testdata/report.json")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(decode(want), decode(got)); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
	got, err = json.Marshal(inspect(t, nil))
	if err != nil || bytes.Contains(got, []byte("null")) {
		t.Errorf("report of nothing = %s, %v; want no null in it", got, err)
	}
}
