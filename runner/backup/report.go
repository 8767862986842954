package backup

import (
	"strconv"
	"time"
)

// Report is what [Inspect] finds in a backup. Of a file that is not valid it holds what was read before the damage.
type Report struct {
	File     string   `json:"file"`   // The name that Inspect was given.
	Bytes    int64    `json:"bytes"`  // Of the whole file, whatever follows the snapshot.
	SHA256   string   `json:"sha256"` // Of the whole file, in hex.
	Valid    bool     `json:"valid"`  // It decodes to its end.
	Error    string   `json:"error"`  // What keeps it from that, and at which byte; "" if Valid.
	Warnings []string `json:"warnings"`

	// When the leader took the snapshot, in UTC as RFC 3339 with milliseconds where they are not 0. 1970 begins if it is not said.
	Timestamp   string            `json:"timestamp"`
	FrameworkID string            `json:"framework_id"`
	Metadata    map[string]string `json:"metadata"` // Who wrote it: "version" and others, from 0.12.

	Tasks               TaskFigures       `json:"tasks"`
	Jobs                int               `json:"jobs"` // Distinct jobs over all tasks.
	DBScriptStatements  int               `json:"db_script_statements"`
	Quotas              map[string]Quota  `json:"quotas"`    // By role.
	CronJobs            map[string]string `json:"cron_jobs"` // Schedules by job.
	JobUpdates          int               `json:"job_updates"`
	HostAttributes      int               `json:"host_attributes"`
	MaintenanceRequests int               `json:"maintenance_requests"`

	// TimestampMs is Timestamp in milliseconds since 1970.
	TimestampMs int64 `json:"-"`
}

// TaskFigures counts tasks. Jobs are written role/environment/name.
type TaskFigures struct {
	Total       int            `json:"total"`
	Active      int            `json:"active"` // In one of Aurora's ACTIVE_STATES.
	ByStatus    map[string]int `json:"by_status"`
	ByRole      map[string]int `json:"by_role"`
	ByJob       map[string]int `json:"by_job"`
	ActiveByJob map[string]int `json:"active_by_job"` // Without jobs that have no active task.
}

// Quota is what a role may use.
type Quota struct {
	CPUs   float64 `json:"cpus"`
	RAMMB  int64   `json:"ram_mb"`
	DiskMB int64   `json:"disk_mb"`
	GPUs   int64   `json:"gpus,omitempty"`
}

// Time is when the leader took the snapshot.
func (r *Report) Time() time.Time { return time.UnixMilli(r.TimestampMs).UTC() }

// Clean tells whether a recovery may use the backup without asking: it is valid, and nothing looks wrong.
func (r *Report) Clean() bool { return r.Valid && len(r.Warnings) == 0 }

// instant writes milliseconds as java.time.Instant does, whose figures the truth of the recordings has.
func instant(ms int64) string {
	t := time.UnixMilli(ms).UTC()
	form := "-01-02T15:04:05.000Z"
	if ms%1000 == 0 {
		form = "-01-02T15:04:05Z"
	}
	year := t.Year()
	switch {
	case year > 9999:
		return "+" + strconv.Itoa(year) + t.Format(form)
	case year < -999:
		return strconv.Itoa(year) + t.Format(form)
	}
	return t.Format("2006" + form)
}
