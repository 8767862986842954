package backup

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// The figures are those that the real classes compute, of whole backups and of
// damaged ones that decode; and what does not decode there is not valid here.
func TestInspectAgreesWithTheRealClasses(t *testing.T) {
	for _, name := range recorded(t, "*/scheduler-backup-*") {
		t.Run(name, func(t *testing.T) {
			want, ok := loadTruth(t, name)
			if !ok {
				t.Skip("no truth: the real classes cannot say (0.5 has no job keys)")
			}
			got := inspect(t, load(t, name))
			if strings.HasPrefix(got.Error, "it is no backup") {
				// The real classes read anything packed as an empty snapshot, and stage it.
				if want.Tasks != 0 || want.FrameworkID != "" || got.Valid {
					t.Errorf("valid %v, %s; the real classes find %d tasks of %q", got.Valid, got.Error, want.Tasks, want.FrameworkID)
				}
				return
			}
			if got.Bytes != want.Bytes || got.SHA256 != want.SHA256 || got.Valid != want.Decodes {
				t.Errorf("bytes %d, SHA-256 %s, valid %v; want %d, %s, %v (%s)",
					got.Bytes, got.SHA256, got.Valid, want.Bytes, want.SHA256, want.Decodes, got.Error)
			}
			if !want.Decodes {
				if got.Error == "" {
					t.Error("no reason given")
				}
				return
			}
			for _, tt := range []struct {
				what      string
				got, want any
			}{
				{"timestamp", got.Timestamp, want.TimestampUTC},
				{"framework id", got.FrameworkID, want.FrameworkID},
				{"metadata", got.Metadata, want.MetadataDetails},
				{"tasks", got.Tasks, TaskFigures{
					want.Tasks, want.ActiveTasks, want.TasksByStatus, want.TasksByRole, want.TasksByJob, want.ActiveTasksByJob,
				}},
				{"jobs", got.Jobs, want.Jobs},
				{"quotas", keys(got.Quotas), keys(want.Quotas)},
				{"cron jobs", keys(got.CronJobs), keys(want.CronJobs)},
				{"job updates", got.JobUpdates, len(want.JobUpdates)},
				{"host attributes", got.HostAttributes, len(want.HostAttributes)},
				{"maintenance requests", got.MaintenanceRequests, len(want.HostMaintenance)},
			} {
				if diff := cmp.Diff(tt.want, tt.got, cmpopts.EquateEmpty()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", tt.what, diff)
				}
			}
			t.Logf("warnings: %q, error: %s", got.Warnings, got.Error)
			if filepath.Base(filepath.Dir(name)) == "corrupt" && len(got.Warnings) == 0 {
				t.Error("damaged, and not a word about it")
			}
		})
	}
}

// What is no backup is not valid, and the first word of it says what it is.
func TestInspectWhatIsNoBackup(t *testing.T) {
	for _, tt := range []struct{ name, content, want string }{
		{"gzip", "\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x00", "a gzip file: unpack it first"},
		{"xz", "\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4\x46", "an xz file: unpack it first"},
		{"zip", "PK\x03\x04\x14\x00\x00\x00\x00\x00\x00", "a zip file: unpack it first"},
		{"zeros", strings.Repeat("\x00", 3000), "3000 zero bytes and nothing else"},
		{"one zero", "\x00", "1 zero bytes"},
		{"an empty snapshot, and something behind it", "\x00abc", "no field of a snapshot is in it"},
	} {
		got := inspect(t, []byte(tt.content))
		if got.Valid || !strings.HasPrefix(got.Error, "it is no backup") && got.Error == "" || !strings.Contains(got.Error, tt.want) {
			t.Errorf("%s: valid %v, %q; want not valid, with %q", tt.name, got.Valid, got.Error, tt.want)
		}
	}
}
