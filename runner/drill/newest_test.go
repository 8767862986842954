package drill

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/backup/check"
)

// The newest backup is taken by what is in it, and one that no recovery would
// take fails the drill before anything is copied or started.
func TestDrillTakesTheNewest(t *testing.T) {
	at := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	good := check.Backup{Host: "s1", Name: "scheduler-backup-2026-11-23-11-00", Time: at.Add(-time.Hour), Written: at.Add(-time.Hour), Valid: true, Counts: true}
	newer := func(change func(*check.Backup)) check.Backup {
		b := check.Backup{Host: "s2", Name: "scheduler-backup-2026-11-23-11-30", Time: at.Add(-30 * time.Minute), Written: at.Add(-30 * time.Minute)}
		change(&b)
		return b
	}
	for name, tt := range map[string]struct {
		other  check.Backup
		backup string // That the drill is of.
		why    string
	}{
		"cut before its time": {newer(func(b *check.Backup) {
			b.Time, b.Finding, b.Why = time.Time{}, "backup-newest-damaged", "it does not decode to its end: byte 9"
		}), "11-30", "the backup is broken: byte 9"},
		"foreign": {newer(func(b *check.Backup) { b.Valid, b.Finding, b.Why = true, "backup-foreign", "it is of framework x" }), "11-30", "none to recover from: it is of framework x"},
		"of an open run": {newer(func(b *check.Backup) {
			b.Valid, b.Finding, b.Why = true, "backup-in-run", "it was written during the open run"
		}), "11-30", "none to recover from: it was written during"},
		"odd": {newer(func(b *check.Backup) { b.Finding, b.Why = "backup-odd", "1 byte after the end" }), "11-30", "none to recover from: 1 byte after"},
		"unreadable": {newer(func(b *check.Backup) {
			b.Time, b.Unread, b.Finding, b.Why = time.Time{}, true, "backup-unreadable", "permission denied"
		}), "11-30", "the backup is broken: permission denied"},
		"the last by name, and old": {newer(func(b *check.Backup) { b.Time, b.Valid, b.Counts = at.Add(-48*time.Hour), true, true }), "11-00", ""},
		"from the future": {newer(func(b *check.Backup) {
			b.Time, b.Written, b.Finding = at.Add(time.Hour), at.Add(-2*time.Hour), "backup-future"
		}), "11-00", ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Driller{Cluster: "dev", Dir: t.TempDir(), Lab: filepath.Join(t.TempDir(), "none"), Now: func() time.Time { return at }, Env: os.Getenv}
			r := check.Result{Cluster: "dev", Newest: &good, Hosts: []check.Host{{Host: "s1", Listed: true, Backups: []check.Backup{good}}, {Host: "s2", Listed: true, Backups: []check.Backup{tt.other}}, {Host: "s3", Why: "no route"}}}
			if tt.why == "" {
				if b := latest(&r); !strings.HasSuffix(b.Name, tt.backup) {
					t.Errorf("it takes %s", b.Name)
				}
				return
			}
			got, err := d.Run(t.Context(), r)
			if err != nil || got.Proved || !strings.HasSuffix(got.Backup, tt.backup) || !strings.Contains(got.Why, tt.why) || got.Usable != good.Name+" on s1" || got.Unasked != "s3: no route" {
				t.Errorf("%v: %+v", err, got)
			}
			if kept, err := d.Last(); err != nil || kept.Last.Why != got.Why || !kept.Recovered.IsZero() {
				t.Errorf("kept %+v, %v", kept, err)
			}
		})
	}
	d := &Driller{Cluster: "dev", Dir: t.TempDir(), Now: func() time.Time { return at }}
	if got, err := d.Run(t.Context(), check.Result{Hosts: []check.Host{{Host: "s1", Listed: true}}}); err != nil || got.Proved || !strings.Contains(got.Why, "no file") {
		t.Errorf("empty folders: %v: %+v", err, got)
	}
	if _, err := d.Run(t.Context(), check.Result{Hosts: []check.Host{{Host: "s1", Why: "no route"}}}); err == nil {
		t.Error("nobody could be asked, and something was found out")
	}
}
