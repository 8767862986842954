package view

import (
	"strings"
	"testing"
	"time"

	"aurorabot/runner/drill"
)

// The head says how a drill ended; a failure says why, where, and what is left
// to restore from.
func TestDrillDone(t *testing.T) {
	good := drill.Drill{
		Cluster: "dev", Took: 21.5, Backup: "scheduler-backup-2026-11-23-08-36", Host: "s2", Timestamp: time.Date(2026, 11, 23, 8, 36, 24, 0, time.UTC), Bytes: 101302, Tasks: 65,
		Result: drill.Result{Proved: true, Proof: "s2 leads since then", People: 4, Phases: []drill.Phase{{ID: "prepare", Steps: 12, Took: 3, Done: true}, {ID: "restore", Steps: 2}}},
	}
	failed := good
	failed.Proved, failed.Why, failed.Step, failed.Proof, failed.Usable = false, "no such task", "restore/stage", "", "scheduler-backup-2026-11-22-08-36 on s1"
	for _, tt := range []struct {
		drill drill.Drill
		tone  Tone
		want  []string
		never string
	}{
		{good, Good, []string{"a cluster was recovered", "Proof: s2 leads since then", "65 tasks", "2026-11-23", "22 s", "prepare", "did not end", "was not touched"}, "FAILED"},
		{failed, Bad, []string{"FAILED", "stopped at restore/stage: no such task", "newest backup that decodes is scheduler-backup-2026-11-22-08-36 on s1"}, "Proof"},
		{drill.Drill{Cluster: "dev", Result: drill.Result{Why: "the folders of all hosts are empty"}}, Bad, []string{"FAILED. There is no backup", "are empty"}, "Taken"},
	} {
		m := DrillDone(tt.drill)
		text := strings.ToLower(Text(m))
		for _, w := range tt.want {
			if !strings.Contains(text, strings.ToLower(w)) {
				t.Errorf("no %q in\n%s", w, text)
			}
		}
		if m.Tone != tt.tone || strings.Contains(text, strings.ToLower(tt.never)) {
			t.Errorf("tone %s, want %s and no %q\n%s", m.Tone, tt.tone, tt.never, text)
		}
	}
}
