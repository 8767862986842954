package backup

import (
	"path/filepath"
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
