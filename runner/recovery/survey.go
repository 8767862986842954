package recovery

import (
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
)

// A BackupFound is one backup on one host, decoded where it lies.
type BackupFound struct {
	Host   string        `json:"host"`
	Path   string        `json:"path"`
	MTime  time.Time     `json:"mtime"`
	Report backup.Report `json:"report"`
	Odd    string        `json:"odd,omitempty"` // Why it is no backup by its name.
}

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	return taskLines(file)
}
