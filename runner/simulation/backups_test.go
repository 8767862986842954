package simulation

import (
	"fmt"
	"time"

	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

const frameworkID = "111341c1-058c-4858-a009-be74d9d75afb-0000"

// taskID is the id of the n-th task, as Aurora makes them.
func taskID(n int) string {
	return fmt.Sprintf("ads-prod-web-%d-3a027a4f-66c4-4ed4-9733-eb7e10a1c%03d", n, n)
}

// tasksTo are the first n tasks.
func tasksTo(n int) map[string]bool {
	tasks := map[string]bool{}
	for i := range n {
		tasks[taskID(i)] = true
	}
	return tasks
}

// backupOf encodes a state as a backup with real bytes: the recipe reads it
// with runner/backup.
func backupOf(s *state) []byte {
	b := backup.New()
	at := s.at
	if at.IsZero() {
		at = time.Unix(1, 0)
	}
	b.SetTimestamp(at.UnixMilli())
	b.SetFrameworkID(s.framework)
	for _, id := range s.ids() {
		var n int32
		fmt.Sscanf(id, "ads-prod-web-%d-", &n) // Ids are made above.
		key := (&tbinary.Struct{}).SetStr(1, "ads").SetStr(2, "prod").SetStr(3, "web")
		assigned := (&tbinary.Struct{}).SetStr(1, id).SetStr(3, "agent1.lab.example").SetStruct(4, (&tbinary.Struct{}).SetStruct(28, key)).SetI32(6, n)
		b.Add(backup.TaskSet, (&tbinary.Struct{}).SetStruct(1, assigned).SetI32(2, 2))
	}
	return b.Append(nil)
}
