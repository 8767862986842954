package recovery

import (
	"aurorabot/runner"
)

// Tasks lists the tasks of a run's backup, one line each.
func (r *Recovery) Tasks(s *runner.State) ([]string, error) {
	file, err := r.backupFile(s)
	if err != nil {
		return nil, err
	}
	return taskLines(file)
}
