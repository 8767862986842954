package aurora

import (
	"fmt"
	"regexp"
)

var backupName = regexp.MustCompile(`^scheduler-backup-\d{4}(-\d\d){4}$`)

// CheckBackupName accepts what the scheduler itself names its backups, and
// nothing else: the scheduler takes the name as a path and follows "..".
func CheckBackupName(name string) error {
	if !backupName.MatchString(name) {
		return fmt.Errorf("backup %.80q: a backup is named scheduler-backup-yyyy-MM-dd-HH-mm", name)
	}
	return nil
}
