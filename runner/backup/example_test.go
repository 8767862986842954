package backup_test

import (
	"compress/gzip"
	"fmt"
	"os"
	"time"

	"aurorabot/runner/backup"
)

// A backup is checked before anybody is asked to approve its use.
func ExampleInspect() {
	f, err := os.Open("testdata/small/scheduler-backup-2026-11-23-08-36.gz")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		fmt.Println(err)
		return
	}
	r, err := backup.Inspect(z, backup.Options{
		Name: "scheduler-backup-2026-11-23-08-36",
		Now:  time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC),
	})
	fmt.Println(err, r.Clean(), r.Timestamp, r.Tasks.Active, "of", r.Tasks.Total, "tasks active in", r.Jobs, "jobs")
	// Output: <nil> true 2026-11-23T08:36:24.364Z 57 of 65 tasks active in 9 jobs
}
