package scheduler

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"aurorabot/runner/backup"
	"aurorabot/runner/golden"
	botreplica "aurorabot/runner/replica"
)

// A recording of golden/aurora/replicas: what each replica alone was worth to
// the real classes, and the backup that was taken right before.
const recordedReplicas = "../../runner/replica/testdata/aurora"

// A backup that is made from any single replica of which the real classes say
// that it "equals the backup" is staged and committed like one of the
// scheduler's own, and then the log holds the full state of the backup: tasks,
// jobs, crons, quotas, updates, host attributes, framework id.
func TestSalvagedBackupsAreRestored(t *testing.T) {
	cases, err := filepath.Glob(recordedReplicas + "/*/case.json")
	if err != nil || len(cases) == 0 {
		t.Fatalf("no recording of replicas: %v", err)
	}
	c := newCluster(t, 1, nil)
	n := c.nodes[0]
	restored := 0
	for _, file := range cases {
		var truth struct {
			BackupName string `json:"backupName"`
			Replicas   map[string]struct {
				Worth string `json:"stateRebuiltFromThisReplicaAlone"`
			}
		}
		if err := json.Unmarshal(read(t, file), &truth); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		dir := filepath.Dir(file)
		backupFile := filepath.Join(dir, "backup.gz")
		if _, err := os.Stat(backupFile); os.IsNotExist(err) {
			continue // The recording of 5,000 tasks is too large to be kept here.
		}
		want, err := backup.Parse(golden.Gunzip(t, backupFile))
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range truth.Replicas {
			archive := filepath.Join(dir, name+".tar.gz")
			if _, err := os.Stat(archive); r.Worth != "equals the backup" || os.IsNotExist(err) {
				continue
			}
			t.Run(filepath.Base(dir)+"/"+name, func(t *testing.T) {
				folder := t.TempDir()
				for f, b := range unpack(t, read(t, archive)) {
					if err := os.WriteFile(filepath.Join(folder, filepath.Base(f)), b, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				salvaged := salvage(t, folder)
				var b bytes.Buffer
				if err := backup.Write(&b, salvaged); err != nil {
					t.Fatal(err)
				}
				report, err := backup.Inspect(bytes.NewReader(b.Bytes()), backup.Options{})
				if err != nil || !report.Clean() {
					t.Errorf("the salvaged backup is not clean: %v %s %v", err, report.Error, report.Warnings)
				}
				c.start(fakeMaster)
				leader := c.leader(stateAwaiting)
				leader.give(truth.BackupName, b.Bytes())
				leader.ok("stageRecovery", stageArg(truth.BackupName))
				leader.ok("commitRecovery", `{}`)
				c.wait("HTTP to close", func() bool { status, _ := leader.get("/health"); return status == 0 })
				n.stop()

				c.start(fakeMaster)
				got := c.leader(stateAwaiting).state()
				n.stop()
				if got.Framework != want.FrameworkID() || len(got.Tasks) != len(want.Elements(backup.TaskSet)) ||
					got.Crons != len(want.Elements(backup.CronJobs)) || got.Quotas != len(want.Elements(backup.Quotas)) ||
					got.Updates != len(want.Elements(backup.JobUpdates)) || got.Hosts != len(want.Elements(backup.HostAttributes)) ||
					got.Maintenance != len(want.Elements(backup.MaintenanceRequests)) {
					t.Errorf("the restarted scheduler has not the backup's state: %+v", got)
				}
				now := salvage(t, n.path("replicated-log"))
				if !backup.Equal(now, want) {
					t.Errorf("the log does not hold the backup's full state: %+v", backup.Compare(want.State(), now.State()))
				}
				restored++
			})
		}
	}
	if restored < 20 {
		t.Errorf("%d replicas were salvaged and restored, want 20 at least", restored)
	}
}

func salvage(t *testing.T, folder string) *backup.Snapshot {
	t.Helper()
	snap, _, err := botreplica.Salvage(t.Context(), []string{folder}, botreplica.SalvageOptions{})
	if err != nil {
		t.Fatalf("salvage: %v", err)
	}
	return snap
}
