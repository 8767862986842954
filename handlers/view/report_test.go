package view_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/probe"
)

// looked is a check of a cluster whose leader's backup is so old.
func looked(cluster string, age time.Duration, do func(*check.Facts)) check.Result {
	at := day.Add(-age)
	file := func(before time.Duration, tasks int) probe.FolderFile {
		at := at.Add(-before)
		return probe.FolderFile{
			Name: at.Format("scheduler-backup-2006-01-02-15-04"), ID: probe.FileID{Inode: uint64(at.Unix()), MTime: at.UnixNano(), Size: 101302},
			Read: &probe.Brief{Valid: true, TimestampMs: at.UnixMilli(), FrameworkID: "f", Tasks: tasks, SHA256: at.String()},
		}
	}
	none, three := 0, 3
	f := check.Facts{Cluster: cluster, At: day, Took: 900 * time.Millisecond, Limit: 26 * time.Hour, Skew: 30 * time.Second, Framework: "f", Failovers: &none}
	for i, name := range []string{"s1", "s2", "s3"} {
		h := check.HostFacts{
			Host: name, Dir: "/backups", Zone: "UTC", Runs: true, Asked: true, Leads: i == 0, Active: i == 0, Uptime: 9 * time.Hour, Failed: &none,
			Folder: &probe.Folder{Dir: "/backups", Free: 70 << 30, Inodes: -1},
		}
		f.Hosts = append(f.Hosts, h)
	}
	f.Hosts[0].Success = &three
	f.Hosts[0].Folder.Files = []probe.FolderFile{file(0, 65), file(time.Hour, 64), file(2*time.Hour, 60)}
	f.Hosts[1].Folder.Files = []probe.FolderFile{file(3*time.Hour, 61)}
	if do != nil {
		do(&f)
	}
	return check.Judge(f)
}

// seenOf are checks, from well to nothing known.
func seenOf() map[string]check.Result {
	return map[string]check.Result{
		"fresh": looked("devcluster", time.Hour, nil),
		"stale": looked("devcluster", 217*time.Hour, func(f *check.Facts) { f.Hosts[0].Uptime = time.Minute }),
		"none": looked("prod", time.Hour, func(f *check.Facts) {
			f.Hosts[0].Folder.Files, f.Hosts[1].Folder.Files = nil, nil
		}),
		"silent": looked("stage", time.Hour, func(f *check.Facts) {
			f.Hosts[2] = check.HostFacts{Host: "s3", Silent: "dial s3: connection refused"}
			cut := f.Hosts[0].Folder.Files[0]
			cut.Read = &probe.Brief{Error: "byte 4999: unexpected end", TimestampMs: cut.Read.TimestampMs}
			f.Hosts[0].Folder.Files[0] = cut
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "temp_scheduler-backup-2026-01-02-03-30"})
		}),
		"failed": check.Failed("test", []string{"t1"}, day, errors.New("the state folder is gone")),
	}
}

// reports are how backups are, from well to nothing known.
func reports() []told {
	r := seenOf()
	return []told{
		{"report, well", view.Report([]check.Result{r["fresh"]})},
		{"report, too old", view.Report([]check.Result{r["stale"]})},
		{"report, none decodes", view.Report([]check.Result{r["none"]})},
		{"report, a host is silent", view.Report([]check.Result{r["silent"]})},
		{"report, not made", view.Report([]check.Result{r["failed"]})},
		{"report, of all kinds", view.Report([]check.Result{r["fresh"], r["silent"], r["failed"], r["stale"], r["none"]})},
		{"report, all well", view.Report([]check.Result{r["fresh"], looked("other", 2*time.Hour, nil)})},
		{"report, nothing looked at", view.Report(nil)},
		{"backups", view.Backups(r["silent"])},
	}
}

func TestReport(t *testing.T) {
	var b strings.Builder
	for _, one := range reports() {
		fmt.Fprintf(&b, "===== %s\n%s\n", one.m.Tone, view.Text(one.m))
	}
	compare(t, "report", b.String())
}

// A report is as bad as its worst cluster, and what could not be asked is not
// well. The first line says so.
func TestReportTone(t *testing.T) {
	r := seenOf()
	for _, tt := range []struct {
		name string
		of   []check.Result
		want view.Tone
		says string
	}{
		{"nothing looked at", nil, view.Bad, "No cluster was looked at"},
		{"fresh", []check.Result{r["fresh"]}, view.Good, "devcluster: fresh"},
		{"all fresh", []check.Result{r["fresh"], r["fresh"]}, view.Good, "All 2 clusters are fresh"},
		{"stale", []check.Result{r["stale"]}, view.Warn, "devcluster: STALE"},
		{"a host that did not answer", []check.Result{r["fresh"], r["silent"]}, view.Bad, "1 of 2 clusters with something to mend: stage; 1 fresh"},
		{"no backup", []check.Result{r["stale"], r["none"]}, view.Bad, "1 of 2 clusters could NOT be restored today: prod"},
		{"not known", []check.Result{r["stale"], r["failed"]}, view.Bad, "1 of 2 clusters CANNOT be told: test"},
	} {
		if got := view.Report(tt.of); got.Tone != tt.want || !strings.HasPrefix(got.Head, tt.says) {
			t.Errorf("%s: tone %s, want %s (%s)", tt.name, got.Tone, tt.want, got.Head)
		}
	}
}

// The worst come first, and ages among equals.
func TestWorstFirst(t *testing.T) {
	r := seenOf()
	var got []string
	for _, x := range view.WorstFirst([]check.Result{r["fresh"], looked("older", 90*time.Minute, nil), r["stale"], r["failed"], r["none"], r["silent"]}) {
		got = append(got, x.Cluster+" "+x.State)
	}
	want := "prod backup-none, test cannot-tell, stage host-silent, devcluster backup-stale, older fresh, devcluster fresh"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// What grows is cut, and says by how much.
func TestLongReportsAreCut(t *testing.T) {
	var all []check.Result
	for i := range 1000 {
		all = append(all, looked(fmt.Sprint("c", i), time.Duration(217+i)*time.Hour, nil))
	}
	m := view.Report(all)
	last := m.Tables[0].Rows[len(m.Tables[0].Rows)-1]
	if len(m.Tables[0].Rows) != 202 || last[0] != "… 800 more …" || len(m.Lines) != 16 || len(m.Charts[0].Categories) != 20 || len(m.Head) > 300 {
		t.Errorf("%d rows, the last %q; %d lines; %s", len(m.Tables[0].Rows), last, len(m.Lines), m.Head)
	}
}

// A plug-in's line is one line: the word, what is wrong, and numbers; what is
// not known is no number.
func TestNagios(t *testing.T) {
	r := seenOf()
	for _, tt := range []struct {
		of     []check.Result
		status int
		want   []string
	}{
		{[]check.Result{r["fresh"]}, 0, []string{"BACKUP OK - devcluster: fresh", " | 'devcluster age'=3600s;7560;93600;0; 'devcluster tasks'=65;;;0; 'devcluster size'=101302B;;;0; 'devcluster check'=0.9s;;;0;"}},
		{[]check.Result{r["stale"]}, 1, []string{"BACKUP WARNING - devcluster: STALE", "'devcluster age'=781200s"}},
		{[]check.Result{r["none"]}, 2, []string{"BACKUP CRITICAL - prod: NO VALID BACKUP", "'prod age'=U;"}},
		{[]check.Result{r["failed"]}, 3, []string{"BACKUP UNKNOWN - test: CANNOT TELL", "'test tasks'=U;", "'test age'=U;;;0;"}},
		{[]check.Result{r["fresh"], r["failed"], r["none"]}, 2, []string{"BACKUP CRITICAL - 1 of 3 clusters could NOT be restored today: prod", "'devcluster age'=3600s", "'prod age'=U"}},
		{[]check.Result{r["stale"], r["failed"]}, 3, []string{"BACKUP UNKNOWN - "}},
		{nil, 3, []string{"BACKUP UNKNOWN"}},
	} {
		got, status := view.Nagios(tt.of)
		if status != tt.status {
			t.Errorf("status %d, want %d: %s", status, tt.status, got)
		}
		for _, want := range tt.want {
			if !strings.Contains(got, want) {
				t.Errorf("no %q in %s", want, got)
			}
		}
		if strings.Contains(got, "\n") || strings.Count(got, "|") > 1 {
			t.Errorf("not one line: %q", got)
		}
	}
}
