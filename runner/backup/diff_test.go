package backup

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/tbinary"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// change edits the first element of a set.
func change(t *testing.T, s *Snapshot, id Field, at int, f func(*tbinary.Struct)) {
	t.Helper()
	elems := append([]Element(nil), s.Elements(id)...)
	tree, err := elems[at].Struct()
	if err != nil {
		t.Fatal(err)
	}
	tree = tree.Clone()
	f(tree)
	elems[at] = tree.Encode()
	s.SetElements(id, elems)
}

func small(t *testing.T) *Snapshot {
	t.Helper()
	s, err := Parse(load(t, recorded(t, "small/*")[0]))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// indexOf finds the task of a job by instance and status.
func indexOf(t *testing.T, s *Snapshot, key string, instance int32, status string) int {
	t.Helper()
	for i, task := range s.Tasks() {
		if task.Key() == key && task.Instance == instance && task.Status.String() == status {
			return i
		}
	}
	t.Fatalf("no %s task of %s/%d", status, key, instance)
	return 0
}

// Each thing that a restore would do, once.
func TestCompare(t *testing.T) {
	older, newer := small(t), small(t)
	status := func(v Status) func(*tbinary.Struct) { return func(e *tbinary.Struct) { e.SetI32(2, int32(v)) } }

	newer.Add(TaskSet, aTask()) // Started after the backup.
	finished, _ := ParseStatus("FINISHED")
	change(t, newer, TaskSet, indexOf(t, newer, "ads/prod/bidder", 3, "RUNNING"), status(finished))
	running, _ := ParseStatus("RUNNING")
	change(t, older, TaskSet, indexOf(t, older, "search/prod/index", 0, "RUNNING"), status(finished))
	gone := newer.Tasks()[indexOf(t, newer, "www-data/prod/frontend", 0, "RUNNING")].ID
	newer.DeleteTasks(gone)
	moved := indexOf(t, newer, "payments/prod/ledger", 1, "RUNNING")
	change(t, newer, TaskSet, moved, func(e *tbinary.Struct) {
		e.SetI32(2, int32(running)+15) // DRAINING
		e.Struct(1).SetStr(3, "agent9")
		e.Struct(1).Struct(4).SetI32(11, 99)
	})

	change(t, newer, Quotas, 0, func(e *tbinary.Struct) { e.SetStruct(2, (&tbinary.Struct{}).SetDouble(1, 7)) })
	change(t, newer, CronJobs, 0, func(e *tbinary.Struct) { e.Struct(3).Struct(9).SetStr(3, "renamed") })
	newer.Remove(JobUpdates, func(Element) bool { return true })
	newer.SetTimestamp(newer.Time().Add(time.Hour).UnixMilli())

	want := Diff{
		Old: Point{Time: older.Time(), FrameworkID: older.FrameworkID(), Tasks: 65, Active: 56},
		New: Point{Time: newer.Time(), FrameworkID: older.FrameworkID(), Tasks: 65, Active: 56},
		Killed: TaskList{
			Total:  2,
			ByRole: map[string]int{"ads": 1, "search": 1}, ByJob: map[string]int{"ads/prod/bid.der": 1, "search/prod/index": 1},
			Tasks: []TaskDiff{
				{Job: "ads/prod/bid.der", Instance: 7, NewStatus: "RUNNING", NewHost: "agent1.lab.example"},
				{Job: "search/prod/index", OldStatus: "FINISHED", NewStatus: "RUNNING"},
			},
		},
		Resurrected: TaskList{
			Total:  2,
			ByRole: map[string]int{"ads": 1, "www-data": 1}, ByJob: map[string]int{"ads/prod/bidder": 1, "www-data/prod/frontend": 1},
			Tasks: []TaskDiff{
				{Job: "ads/prod/bidder", Instance: 3, OldStatus: "RUNNING", NewStatus: "FINISHED"},
				{Job: "www-data/prod/frontend", OldStatus: "RUNNING"},
			},
		},
		Changed: TaskList{
			Total:  1,
			ByRole: map[string]int{"payments": 1}, ByJob: map[string]int{"payments/prod/ledger": 1},
			Tasks: []TaskDiff{{
				Job: "payments/prod/ledger", Instance: 1, OldStatus: "RUNNING", NewStatus: "DRAINING",
				NewHost: "agent9", Changes: []string{"status", "host", "config"},
			}},
		},
		Jobs: []JobDiff{
			{Job: "ads/prod/bid.der", NewActive: 1, Killed: 1},
			{Job: "ads/prod/bidder", OldActive: 19, NewActive: 18, Resurrected: 1},
			{Job: "payments/prod/ledger", OldActive: 8, NewActive: 8, Changed: 1},
			{Job: "search/prod/index", OldActive: 4, NewActive: 5, Killed: 1},
			{Job: "www-data/prod/frontend", OldActive: 12, NewActive: 11, Resurrected: 1},
		},
	}
	got := Compare(older.State(), newer.State())
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreUnexported(TaskDiff{}),
		cmpopts.IgnoreFields(Diff{}, "CronJobs", "Quotas", "JobUpdates"),
		cmpopts.IgnoreFields(TaskDiff{}, "ID", "OldHost"),
		cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".NewHost" }, cmp.Comparer(func(a, b string) bool {
			return a == b || a == "" || b == ""
		}))); diff != "" {
		t.Errorf("Compare (-want +got):\n%s", diff)
	}
	if p := got.Quotas; len(p.Changed) != 1 || p.Changed[0].New != "7 CPUs, 0 MB RAM, 0 MB disk" || p.Changed[0].Old != "50 CPUs, 65536 MB RAM, 1048576 MB disk" {
		t.Errorf("quotas: %+v", p)
	}
	if p := got.CronJobs; len(p.Lost) != 1 || len(p.Returned) != 1 || len(p.Changed) != 0 || !strings.HasSuffix(p.Lost[0].Key, "/renamed") {
		t.Errorf("cron jobs: %+v", p)
	}
	wantUpdates := []PartChange{
		{Key: "payments/staging1/ledger e8f2f4b3-fca1-48e1-af4f-f11b84d5a531", Old: "ROLLED_FORWARD"},
		{Key: "search/prod/index 5aee3b02-f40f-474a-a275-cfe37efb1100", Old: "ROLL_FORWARD_PAUSED"},
	}
	if diff := cmp.Diff(wantUpdates, got.JobUpdates.Returned); diff != "" {
		t.Errorf("job updates (-want +got):\n%s", diff)
	}

	files, err := CompareFiles(bytes.NewReader(older.Append(nil)), bytes.NewReader(newer.Append(nil)))
	if diff := cmp.Diff(got, files, cmpopts.IgnoreUnexported(TaskDiff{})); diff != "" || err != nil {
		t.Errorf("of files: %v (-snapshots +files):\n%s", err, diff)
	}
}

// A state is equal to itself in whatever order; every recording is.
func TestCompareWithItself(t *testing.T) {
	for _, name := range whole(t) {
		all := load(t, name)
		d, err := CompareFiles(bytes.NewReader(all), bytes.NewReader(all))
		if err != nil || !d.Empty() {
			t.Errorf("%s differs from itself: %v %+v", name, err, d)
		}
	}
}

// A list of tasks, such as Mesos gives, is compared by tasks only.
func TestCompareWithTasksOnly(t *testing.T) {
	older := small(t)
	tasks := older.Tasks()
	mesos := []Task{}
	for _, task := range tasks {
		if task.Status.Active() && task.Host != "" {
			mesos = append(mesos, Task{ID: task.ID, Status: task.Status, Host: task.Host}) // Mesos knows of no jobs.
		}
	}
	mesos = append(mesos[1:], Task{ID: "ads-prod-new-0-" + uuid, Status: 2, Role: "ads", Environment: "prod", Job: "new"})
	d := Compare(older.State(), NewState(lately, mesos))
	if !d.OnlyTasks || d.Killed.Total != 1 || d.Killed.Tasks[0].Job != "ads/prod/new" || d.Changed.Total != 0 {
		t.Errorf("Compare = %+v", d)
	}
	if d.Resurrected.Total != 57-len(mesos)+1 || d.OtherFramework || len(d.Quotas.Returned) != 0 {
		t.Errorf("resurrected %d, other framework %v, quotas %+v", d.Resurrected.Total, d.OtherFramework, d.Quotas)
	}
}

func TestCompareRefusesHalfABackup(t *testing.T) {
	all := load(t, recorded(t, "small/*")[0])
	for _, in := range [][2]io.Reader{
		{bytes.NewReader(all[:5000]), bytes.NewReader(all)},
		{bytes.NewReader(all), bytes.NewReader(all[:5000])},
	} {
		if _, err := CompareFiles(in[0], in[1]); err == nil || !strings.Contains(err.Error(), "byte 5000") {
			t.Errorf("CompareFiles of half a backup: %v", err)
		}
	}
}

// The document has no null in it: scripts range over lists without a look.
func TestDiffAsJSON(t *testing.T) {
	d := Compare(New().State(), New().State())
	b, err := json.Marshal(d)
	if err != nil || bytes.Contains(b, []byte("null")) || bytes.Contains(b, []byte(`"time"`)) {
		t.Errorf("Marshal = %s, %v", b, err)
	}
}
