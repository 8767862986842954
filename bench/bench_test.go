package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"aurorabot/runner/backup"
	"aurorabot/runner/replica"
)

const tenThousand = "../runner/backup/testdata/10k/scheduler-backup-2026-11-23-09-04.gz"

// What is measured must be what a scheduler could have written: no warning, no damage.
func TestWhatIsMeasuredIsWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "backup")
	if err := writeBackup(tenThousand, file, 12_000); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if r, err := backup.Inspect(f, backup.Options{}); err != nil || !r.Clean() || r.Tasks.Total != 12_000 || r.Jobs != 40 {
		t.Errorf("backup: %v, %d tasks of %d jobs, %s %v", err, r.Tasks.Total, r.Jobs, r.Error, r.Warnings)
	}
	if err := decode(file); err != nil {
		t.Error(err)
	}
	dir := filepath.Join(t.TempDir(), "log")
	if err := writeLog(tenThousand, dir, 2000); err != nil {
		t.Fatal(err)
	}
	r, err := replica.Inspect(context.Background(), dir)
	if err != nil || r.State != replica.StateOK || r.End != 1999 || len(r.Holes) > 0 || r.Aurora == nil || r.Aurora.Transactions != 1999 {
		t.Errorf("log: %v %+v", err, r)
	}
	if err := iterate(dir); err != nil {
		t.Error(err)
	}
}

// A program that fails, or does not do the work, gives no figure.
func TestRun(t *testing.T) {
	for _, tt := range []struct {
		name, script, why string
	}{
		{"works", "echo 3 tasks", ""},
		{"says something else", "echo 2 tasks", "is not in its output"},
		{"fails", "echo 3 tasks; echo no memory >&2; exit 1", "no memory"},
	} {
		p := &program{name: tt.name, argv: []string{"sh", "-c", tt.script}, says: "3 tasks"}
		switch err := p.run(); {
		case tt.why == "" && (err != nil || len(p.wall) != 1 || p.wall[0] <= 0 || p.peak <= 0):
			t.Errorf("%s: %v %+v", tt.name, err, p)
		case tt.why != "" && (err == nil || !strings.Contains(err.Error(), tt.why) || len(p.wall) != 0):
			t.Errorf("%s: %v %+v", tt.name, err, p)
		}
	}
	if err := do([]string{"backup", "a"}); err == nil {
		t.Error("backup with one name")
	}
	if err := do([]string{"walk"}); err == nil {
		t.Error("an unknown word")
	}
}

// An outage lasts from the first stop until traffic is open, and each second of
// it is somebody's.
func TestOutage(t *testing.T) {
	file := filepath.Join(t.TempDir(), "plain.jsonl")
	at := func(s int) string { return fmt.Sprintf("2026-11-30T12:00:%02dZ", s) }
	text := ""
	for _, e := range [][3]string{
		{at(0), "gate.passed", ""}, {at(1), "step.started", "prepare/stop-schedulers"}, {at(3), "step.done", "prepare/stop-schedulers"},
		{at(4), "step.done", "prepare/read-logs"}, {at(4), "gate.opened", ""}, {at(9), "gate.passed", ""}, {at(20), "step.done", "restore/find-leader"},
		{at(21), "undo.done", "prepare/change-configuration"}, {at(28), "undo.done", "prepare/stop-schedulers"}, {at(30), "undo.done", "prepare/block-traffic"}, {at(50), "run.closed", ""},
	} {
		text += fmt.Sprintf("{\"at\":%q,\"kind\":%q,\"step\":%q}\n", e[0], e[1], e[2])
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := outages([]string{file}, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| seconds | plain |", "**the whole outage** | 29.0", "of it people | 5.0", "register | 20.0", "of it ours | 4.0", "| undo of prepare/stop-schedulers | 7.0"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("without %q:\n%s", want, out.String())
		}
	}
}
