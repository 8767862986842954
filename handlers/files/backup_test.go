package files

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"aurorabot/runner/backup"
)

const small = "scheduler-backup-2026-11-23-08-36"

// The document of a backup holds the figures that the real classes give.
func TestBackupInspectJSON(t *testing.T) {
	from := here(t)
	archives, err := filepath.Glob(backups + "*/scheduler-backup-*.gz")
	if err != nil || len(archives) < 15 {
		t.Fatalf("%d recordings, %v", len(archives), err)
	}
	for _, a := range archives {
		name := strings.TrimSuffix(filepath.Base(a), ".gz")
		t.Run(name, func(t *testing.T) {
			t.Chdir(from)
			text, err := os.ReadFile(strings.TrimSuffix(a, ".gz") + ".truth.json")
			if os.IsNotExist(err) {
				t.Skip("the real classes cannot say")
			}
			var want struct {
				Bytes         int64
				SHA256        string
				Decodes       bool
				TimestampUTC  string
				FrameworkID   string
				Tasks, Jobs   int
				ActiveTasks   int
				TasksByStatus map[string]int
			}
			if err == nil {
				err = json.Unmarshal(text, &want)
			}
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			unzip(t, a, dir, name)
			got := run(t, dir, "backup", "inspect", "--json", name)
			var r backup.Report
			if err := json.Unmarshal([]byte(got.out), &r); err != nil {
				t.Fatalf("no document: %v", err)
			}
			if r.File != name || r.Bytes != want.Bytes || r.SHA256 != want.SHA256 {
				t.Errorf("%s, %d bytes, %s; want %s, %d, %s", r.File, r.Bytes, r.SHA256, name, want.Bytes, want.SHA256)
			}
			exit := exitDone
			if !r.Valid {
				exit = exitError
			}
			if got.exit != exit || r.Valid == (r.Error != "") || !want.Decodes && r.Valid {
				t.Errorf("exit status %d, valid %v, error %q; really decodes: %v", got.exit, r.Valid, r.Error, want.Decodes)
			}
			if verify := run(t, dir, "backup", "verify", "--json", name); (verify.exit == exitDone) != r.Clean() || verify.out != got.out {
				t.Errorf("verify: exit status %d, clean %v, the same document: %v", verify.exit, r.Clean(), verify.out == got.out)
			}
			if !want.Decodes {
				return
			}
			type figures struct {
				Time, Framework     string
				Tasks, Active, Jobs int
				ByStatus            map[string]int
			}
			if diff := cmp.Diff(
				figures{want.TimestampUTC, want.FrameworkID, want.Tasks, want.ActiveTasks, want.Jobs, want.TasksByStatus},
				figures{r.Timestamp, r.FrameworkID, r.Tasks.Total, r.Tasks.Active, r.Jobs, r.Tasks.ByStatus},
				cmp.Transformer("time", func(s string) string { return strings.TrimSuffix(s, "Z") })); diff != "" {
				t.Errorf("figures (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBackupPages(t *testing.T) {
	from, dir := here(t), t.TempDir()
	unzip(t, backups+"small/"+small+".gz", dir, "small")
	unzip(t, backups+"10k/scheduler-backup-2026-11-23-09-04.gz", dir, "large")
	whole, err := os.ReadFile(filepath.Join(dir, "small"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"cut": whole[:len(whole)/2], "longer": append(whole, "more"...)} {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		golden string
		exit   int
		words  string
	}{
		{"backup-inspect", exitDone, "backup inspect small"},
		{"backup-inspect-large", exitDone, "backup inspect large"},
		{"backup-inspect-cut", exitError, "backup inspect cut"},
		{"backup-inspect-longer", exitDone, "backup inspect longer"},
		{"backup-verify-longer", exitError, "backup verify longer"},
		{"backup-diff", exitDone, "backup diff small large"},
		{"backup-diff-same", exitDone, "backup diff small small"},
		{"backup-diff-cut", exitError, "backup diff cut small"},
	} {
		got := run(t, dir, strings.Fields(tt.words)...)
		if got.exit != tt.exit {
			t.Errorf("%s: exit status %d, want %d", tt.words, got.exit, tt.exit)
		}
		compare(t, from, tt.golden, got)
	}
}

// The document of a comparison is backup.Diff's.
func TestBackupDiffJSON(t *testing.T) {
	dir := t.TempDir()
	unzip(t, backups+"small/"+small+".gz", dir, "small")
	unzip(t, backups+"empty/scheduler-backup-2026-11-23-08-31.gz", dir, "empty")
	var d backup.Diff
	got := run(t, dir, "backup", "diff", "empty", "small", "--json")
	if err := json.Unmarshal([]byte(got.out), &d); err != nil {
		t.Fatal(err)
	}
	if got.exit != exitDone || d.Killed.Total != 57 || d.Resurrected.Total != 0 || len(d.Killed.Tasks) != 57 {
		t.Errorf("exit status %d, %d killed, %d resurrected; want all 57 active tasks of the newer killed", got.exit, d.Killed.Total, d.Resurrected.Total)
	}
}

// A job's name comes from the file, which may be anybody's: no escape sequence
// of it reaches a terminal.
func TestHostileNamesAreText(t *testing.T) {
	dir := t.TempDir()
	path := unzip(t, backups+"small/"+small+".gz", dir, "small")
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, bytes.ReplaceAll(b, []byte("bidder"), []byte("b\x1b[2Jr")), 0o644); err != nil {
		t.Fatal(err)
	}
	got := run(t, dir, "backup", "inspect", "small")
	if !strings.Contains(got.out, `ads/prod/b\x1b[2Jr`) || strings.Contains(got.out, "\x1b") {
		t.Errorf("the page: %q", got.out)
	}
}
