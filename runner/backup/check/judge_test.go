package check_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// file is a backup of so many tasks, taken before noon.
func file(before time.Duration, tasks int) probe.FolderFile {
	at := noon.Add(-before)
	return probe.FolderFile{
		Name: at.Format("scheduler-backup-2006-01-02-15-04"),
		ID:   probe.FileID{Device: 1, Inode: uint64(at.UnixMilli()), MTime: at.UnixNano(), Size: int64(1000 * (tasks + 1))},
		Read: &probe.Brief{Valid: true, TimestampMs: at.UnixMilli(), FrameworkID: "f-1", Tasks: tasks, Active: tasks, Bytes: int64(1000 * (tasks + 1)), SHA256: at.String()},
	}
}

// truncated is the same, cut in the middle.
func truncated(f probe.FolderFile) probe.FolderFile {
	f.ID.Size /= 2
	f.Read.Valid, f.Read.Error = false, "byte 512: unexpected end"
	return f
}

// fresh is a cluster of three in which nothing is wrong: s1 leads, and s2 has
// led before.
func fresh() check.Facts {
	f := check.Facts{Cluster: "dev", At: noon, Limit: 26 * time.Hour, Skew: 30 * time.Second, Framework: "f-1", Failovers: count(0)}
	for i, name := range []string{"s1", "s2", "s3"} {
		f.Hosts = append(f.Hosts, check.HostFacts{
			Host: name, Dir: "/backups", Interval: time.Hour, Keeps: 48, Zone: "UTC", Runs: true, Asked: true, Began: noon.Add(-48 * time.Hour), Uptime: 48 * time.Hour,
			Leads: i == 0, Active: i == 0, Failed: count(0),
			Folder: &probe.Folder{Dir: "/backups", Free: 100 << 30, Room: 200 << 30, Inodes: 1e6},
		})
	}
	f.Hosts[0].Success = count(3)
	f.Hosts[0].Folder.Files = []probe.FolderFile{file(30*time.Minute, 65), file(90*time.Minute, 64)}
	f.Hosts[1].Folder.Files = []probe.FolderFile{file(150*time.Minute, 66)}
	return f
}

func count(n int) *int { return &n }

// aged is fresh, some time later.
func aged(by time.Duration) check.Facts {
	f := fresh()
	f.At = noon.Add(by)
	return f
}

func emptied(f *check.Facts) {
	for i := range f.Hosts {
		f.Hosts[i].Folder.Files = nil
	}
}

// A state is a way that the backups of a cluster can be.
type state struct {
	name       string
	want       string // Findings of severity warning or above, sorted as found; "" is fresh.
	info       string // Findings to be known, among others.
	says       string // In the first line; several, by "|".
	restorable check.Restorable
	do         func(*check.Facts)
}

// play judges the state.
func (tt state) play(t *testing.T) {
	t.Helper()
	t.Run(tt.name, func(t *testing.T) {
		f := fresh()
		tt.do(&f)
		r := check.Judge(f)
		t.Log(r.Says)
		alarms, infos := ids(r)
		if !same(alarms, strings.Fields(tt.want)) {
			t.Errorf("alarms %v, want %v", alarms, tt.want)
		}
		for _, id := range strings.Fields(tt.info) {
			if !infos[id] {
				t.Errorf("no %s among %v", id, infos)
			}
		}
		for _, words := range strings.Split(tt.says, "|") {
			if !strings.Contains(r.Says, words) {
				t.Errorf("the first line lacks %q: %s", words, r.Says)
			}
		}
		if r.Restorable != tt.restorable {
			t.Errorf("restorable %s, want %s", r.Restorable, tt.restorable)
		}
		if (r.State == check.Fresh) != (tt.want == "") || strings.ContainsAny(r.Says, "\n%") {
			t.Errorf("state %s, says %q", r.State, r.Says)
		}
		if f.Copy == nil && (r.Newest == nil) == (tt.restorable == check.Yes) || r.Newest != nil && !r.Newest.Counts {
			t.Errorf("newest %+v", r.Newest)
		}
	})
}

// Each state gives its findings, and the first line says it in words.
func TestEveryState(t *testing.T) {
	for _, tt := range []state{
		{"fresh", "", "backup-fresh backup-folder-empty", "dev: fresh: the newest valid backup is 30 min old|65 tasks", check.Yes, func(*check.Facts) {}},
		{"stale", "backup-stale", "", "STALE|is scheduler-backup-2026-11-23-11-30 on s1, 3 d old; the limit is 1 d 2 h", check.Yes, func(f *check.Facts) {
			*f = aged(3*24*time.Hour - 30*time.Minute)
			f.Hosts[0].Success = nil
			f.Limit = 26 * time.Hour
		}},
		{"as old as the limit", "backup-overdue", "", "LATE", check.Yes, func(f *check.Facts) { *f = aged(26*time.Hour - 30*time.Minute); f.Hosts[0].Success = nil }},
		{"as old as two intervals and a little", "", "backup-fresh", "fresh", check.Yes, func(f *check.Facts) { *f = aged(126*time.Minute - 30*time.Minute); f.Hosts[0].Success = nil }},
		{"overdue", "backup-overdue", "", "LATE|one is written every 1 h", check.Yes, func(f *check.Facts) {
			*f = aged(126*time.Minute - 30*time.Minute + time.Second)
			f.Hosts[0].Success = nil
		}},
		{"starved by restarts", "backup-starved", "", "STARVED|the leader s1 is up for 40 s|6 elections within the last hour", check.Yes, func(f *check.Facts) {
			*f = aged(5 * time.Hour)
			f.Hosts[0].Uptime, f.Hosts[0].Success, f.Failovers = 40*time.Second, count(0), count(6)
		}},
		{"a leader that has just begun", "", "", "fresh", check.Yes, func(f *check.Facts) { f.Hosts[0].Uptime, f.Hosts[0].Success = 40*time.Second, count(0) }},
		{"starved by failing writes", "backup-starved backup-writes-fail", "", "STARVED|writes fail", check.Yes, func(f *check.Facts) {
			*f = aged(5 * time.Hour)
			f.Hosts[0].Failed = count(4)
		}},
		{"a counter that stands still", "backup-starved", "", "STARVED|scheduler_backup_success of s1 has been 3 for 3 h", check.Yes, func(f *check.Facts) {
			*f = aged(100 * time.Minute)
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began, At: f.At.Add(-3 * time.Hour), Success: 3}}
		}},
		{"a counter that stands still since a moment ago", "", "", "fresh", check.Yes, func(f *check.Facts) {
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began, At: f.At.Add(-40 * time.Minute), Success: 3}}
		}},
		{"never written", "backup-starved", "", "STARVED|has been 0 for 2 d", check.Yes, func(f *check.Facts) { *f = aged(2 * time.Hour); f.Hosts[0].Success = count(0) }},
		{"failed writes alone", "backup-writes-fail", "", "writes-fail|scheduler_backup_failed 1", check.Yes, func(f *check.Facts) { f.Hosts[0].Failed = count(1) }},
		{"truncated newest", "backup-newest-damaged", "", "the newest backup is truncated|s2, scheduler-backup-2026-11-23-11-50|byte 512|newest valid backup is 30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, truncated(file(10*time.Minute, 65)))
		}},
		{"truncated before its time", "backup-newest-damaged", "", "truncated", check.Yes, func(f *check.Facts) {
			cut := truncated(file(10*time.Minute, 65))
			cut.Read.TimestampMs = 0
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, cut)
		}},
		{"truncated, and a newer one is valid", "backup-damaged", "", "damaged|byte 512", check.Yes, func(f *check.Facts) {
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, truncated(file(40*time.Minute, 65)))
		}},
		{"the only one is truncated", "backup-none backup-newest-damaged backup-starved", "", "NO VALID BACKUP|byte 512", check.No, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Folder.Files = []probe.FolderFile{truncated(file(time.Minute, 65))}
			f.Hosts[0].Uptime = time.Minute
		}},
		{"a file of no bytes", "backup-newest-damaged", "", "a file of 0 bytes", check.Yes, func(f *check.Facts) {
			none := truncated(file(time.Minute, 65))
			none.ID.Size, none.Read.TimestampMs = 0, 0
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, none)
		}},
		{"disk full", "backup-disk-full", "", "DISK FULL on s1|4.0 KiB", check.Yes, func(f *check.Facts) { f.Hosts[0].Folder.Free = 4096 }},
		{"no inodes", "backup-disk-full", "", "0 inodes", check.Yes, func(f *check.Facts) { f.Hosts[0].Folder.Inodes = 0 }},
		{"the scheduler says that the disk is full", "backup-disk-full", "", "No space left", check.Yes, func(f *check.Facts) {
			f.Hosts[0].NoSpace, f.Hosts[0].NoSpaceX = 2, "java.io.IOException: No space left on device"
		}},
		{"disk nearly full", "disk-nearly-full", "", "disk-nearly-full on s1", check.Yes, func(f *check.Facts) { f.Hosts[0].Folder.Free = 40 << 20 }},
		{"one host only", "backup-one-host", "", "only one host, s1, has backups|30 min old", check.Yes, func(f *check.Facts) { f.Hosts[1].Folder.Files = nil }},
		{"one host only, and a copy", "", "", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[1].Folder.Files = nil
			f.Copy = &check.Copy{Name: "x", Time: noon.Add(-30 * time.Minute), Copies: 1}
		}},
		{"one host only, and an old copy", "backup-one-host", "", "only one host", check.Yes, func(f *check.Facts) {
			f.Hosts[1].Folder.Files = nil
			f.Copy = &check.Copy{Name: "x", Time: noon.Add(-90 * time.Minute), Copies: 1}
		}},
		{"a copy that failed", "backup-copy-failed", "", "no room", check.Yes, func(f *check.Facts) { f.Copy = &check.Copy{Why: "no room"} }},
		{"foreign", "backup-foreign", "", "FOREIGN|of framework f-2, the cluster is f-1|newest valid backup is 30 min old", check.Yes, func(f *check.Facts) {
			other := file(5*time.Minute, 65)
			other.Read.FrameworkID = "f-2"
			f.Hosts[2].Folder.Files = append(f.Hosts[2].Folder.Files, other)
		}},
		{"foreign only", "backup-none backup-foreign backup-starved", "", "NO VALID BACKUP|of framework f-2", check.No, func(f *check.Facts) {
			emptied(f)
			other := file(5*time.Minute, 65)
			other.Read.FrameworkID = "f-2"
			f.Hosts[2].Folder.Files, f.Hosts[0].Uptime = []probe.FolderFile{other}, time.Minute
		}},
		{"an unknown framework", "cannot-tell", "", "cannot tell whether the backups are of this framework", check.Yes, func(f *check.Facts) { f.Framework = "" }},
		{"empty folders", "backup-none backup-starved", "backup-folder-empty", "NO VALID BACKUP: the folders of all 3 hosts are empty", check.No, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Uptime = time.Minute
		}},
		{"begun ones only", "backup-none backup-starved backup-leftover", "", "NO VALID BACKUP|only 1 that were begun", check.No, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Uptime = time.Minute
			f.Hosts[0].Folder.Files = []probe.FolderFile{{Name: "temp_scheduler-backup-2026-11-23-10-00", ID: probe.FileID{MTime: noon.Add(-2 * time.Hour).UnixNano(), Size: 10}}}
		}},
		{"one is being written", "", "", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "temp_scheduler-backup-2026-11-23-12-00", ID: probe.FileID{MTime: noon.Add(-time.Minute).UnixNano()}})
		}},
		{"a leftover of today", "backup-leftover", "", "backup-leftover on s1", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "temp_scheduler-backup-2026-11-23-11-45", ID: probe.FileID{MTime: noon.Add(-15 * time.Minute).UnixNano()}})
		}},
		{"a leftover of the past", "", "backup-leftover", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "temp_scheduler-backup-2026-11-20-11-45", ID: probe.FileID{MTime: noon.Add(-72 * time.Hour).UnixNano()}})
		}},
		{"unreadable folder", "backup-folder-unreadable", "", "the backup folder of s2 is unreadable, and may hold a newer one|permission denied|30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[1].Folder = &probe.Folder{Dir: "/backups", Error: "permission denied"}
			f.Hosts[2].Folder.Files = []probe.FolderFile{file(3*time.Hour, 65)}
		}},
		{"all folders unreadable", "backup-folder-unreadable cannot-tell", "", "CANNOT TELL whether there is a valid backup", check.CannotTell, func(f *check.Facts) {
			for i := range f.Hosts {
				f.Hosts[i].Folder = &probe.Folder{Dir: "/backups", Error: "permission denied"}
				f.Hosts[i].Uptime = 90 * time.Minute
			}
			f.Hosts[0].Success = count(1)
		}},
		{"unreadable file", "backup-unreadable", "", "permission denied|30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "scheduler-backup-2026-11-23-11-59", Error: "permission denied"})
		}},
		{"a folder where a file should be", "backup-damaged", "", "a folder", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, probe.FolderFile{Name: "scheduler-backup-2026-11-23-11-59", Odd: "a folder"})
		}},
		{"host down", "host-silent", "", "s3 cannot be asked (host down?), and may have a newer one: no route to host|30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[2] = check.HostFacts{Host: "s3", Silent: "no route to host"}
		}},
		{"all hosts down", "host-silent cannot-tell", "", "CANNOT TELL whether there is a valid backup: s1 cannot be asked, s2 cannot be asked, s3 cannot be asked", check.CannotTell, func(f *check.Facts) {
			for i := range f.Hosts {
				f.Hosts[i] = check.HostFacts{Host: f.Hosts[i].Host, Silent: "no route to host"}
			}
			f.Framework, f.Failovers = "", nil
		}},
		{"an unknown folder", "cannot-tell", "", "cannot tell its backup folder", check.Yes, func(f *check.Facts) { f.Hosts[2].Folder, f.Hosts[2].Dir = nil, "" }},
		{"half an answer", "cannot-tell", "", "its log lines: no journal", check.Yes, func(f *check.Facts) { f.Hosts[2].Unknown = []check.Unknown{{"its log lines", "no journal"}} }},
		{"nobody leads", "no-leader", "", "no scheduler says that it leads", check.Yes, func(f *check.Facts) { f.Hosts[0].Leads, f.Hosts[0].Active = false, false }},
		{"two lead", "two-leaders", "", "2 schedulers say that they lead", check.Yes, func(f *check.Facts) { f.Hosts[1].Leads = true }},
		{"who leads is not known", "cannot-tell", "", "cannot tell who leads and writes backups: s1 gave no answer", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Leads, f.Hosts[0].Asked, f.Hosts[0].Success, f.Hosts[0].Failed = false, false, nil, nil
		}},
		{"emptied by an open run", "backup-in-run", "", "the newest backup does not count|it was written during the open run dev-1 (0 tasks)|the newest valid backup is 30 min old", check.Yes, func(f *check.Facts) {
			empty := file(time.Minute, 0)
			empty.Read.Warnings = []string{"no tasks"}
			f.Runs = []check.Window{{Run: "dev-1", From: noon.Add(-10 * time.Minute)}}
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, empty)
			f.Hosts[0].Leads = false
		}},
		{"written by an open run with tasks", "backup-in-run", "", "during the open run dev-1 (65 tasks)", check.Yes, func(f *check.Facts) {
			f.Runs = []check.Window{{Run: "dev-1", From: noon.Add(-10 * time.Minute)}}
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, file(time.Minute, 65))
		}},
		{"only what an open run wrote", "backup-none backup-in-run", "", "NO VALID BACKUP|during the open run dev-1", check.No, func(f *check.Facts) {
			emptied(f)
			f.Runs = []check.Window{{Run: "dev-1", From: noon.Add(-10 * time.Minute)}}
			f.Hosts[1].Folder.Files = []probe.FolderFile{file(time.Minute, 65)}
		}},
		{"written by a run that is over", "", "backup-in-run", "fresh", check.Yes, func(f *check.Facts) {
			f.Runs = []check.Window{{Run: "dev-1", From: noon.Add(-100 * time.Minute), To: noon.Add(-80 * time.Minute)}}
		}},
		{"an open run alone", "", "", "fresh|run dev-1 is open", check.Yes, func(f *check.Facts) { f.Runs = []check.Window{{Run: "dev-1", From: noon.Add(-time.Minute)}} }},
		{"collapsed", "backup-collapsed", "", "does not count|its tasks collapsed: 30, and 65|newest valid backup is 30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(time.Minute, 30))
		}},
		{"emptied without a run", "backup-collapsed", "", "its tasks collapsed: 0, and 65", check.Yes, func(f *check.Facts) {
			empty := file(time.Minute, 0)
			empty.Read.Warnings = []string{"no tasks"}
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, empty)
		}},
		{"half of the tasks", "", "", "fresh|1 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(time.Minute, 33))
		}},
		{"a jump", "", "backup-jump", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(time.Minute, 131))
		}},
		{"odd", "backup-odd", "", "backup-odd on s1|1 byte after the end", check.Yes, func(f *check.Facts) {
			odd := file(time.Minute, 65)
			odd.Read.Warnings = []string{"1 byte after the end"}
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, odd)
		}},
		{"content in dbScript that this release reads", "", "", "fresh|1 min old", check.Yes, func(f *check.Facts) {
			old := file(time.Minute, 65)
			old.Read.Warnings = []string{"3 statements in dbScript: what lies only there is lost"}
			f.Hosts[0].Folder.Files, f.DBScript = append(f.Hosts[0].Folder.Files, old), true
		}},
		{"from the future", "backup-future", "", "a backup is from the future|2 h in the future|30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(-2*time.Hour, 65))
		}},
		{"a clock that is off", "clock-skew", "", "clock-skew on s2", check.Yes, func(f *check.Facts) { f.Hosts[1].Skew = -31 * time.Second }},
		{"a gap in the past", "", "backup-gap", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[2].Folder.Files = []probe.FolderFile{file(20*time.Hour, 65)}
		}},
		{"zones that differ", "", "backup-zones-differ", "fresh", check.Yes, func(f *check.Facts) { f.Hosts[1].Zone = "CET" }},
		{"not all decoded", "", "backup-unread", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files[1].Read, f.Hosts[0].Folder.Files[1].Later = nil, true
		}},
		{"none decoded in time", "cannot-tell backup-starved", "", "CANNOT TELL whether there is a valid backup: 2 backups on s1 were not decoded", check.CannotTell, func(f *check.Facts) {
			f.Hosts[1].Folder.Files, f.Hosts[0].Uptime = nil, time.Minute
			for i := range f.Hosts[0].Folder.Files {
				f.Hosts[0].Folder.Files[i].Read, f.Hosts[0].Folder.Files[i].Later = nil, true
			}
		}},
	} {
		tt.play(t)
	}
}

func ids(r check.Result) (alarms []string, infos map[string]bool) {
	infos = map[string]bool{}
	seen := map[string]bool{}
	for _, f := range r.Findings {
		switch {
		case f.Means == "":
			alarms = append(alarms, f.ID+" is no finding")
		case !f.Severity.AtLeast(health.Warning):
			infos[f.ID] = true
		case !seen[f.ID]:
			seen[f.ID] = true
			alarms = append(alarms, f.ID)
		}
	}
	return alarms, infos
}

func same(a, b []string) bool {
	in := map[string]int{}
	for _, x := range a {
		in[x]++
	}
	for _, x := range b {
		in[x]--
	}
	for _, n := range in {
		if n != 0 {
			return false
		}
	}
	return true
}

// Spans are seconds in JSON, there and back, and lists are never null.
func TestResultAsJSON(t *testing.T) {
	r := check.Judge(fresh())
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"age_seconds":1800`, `"backup_interval_seconds":3600`, `"restorable":"yes"`, `"leader_up_seconds":172800`, `"leftovers":[]`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("no %s in %s", want, b)
		}
	}
	var back check.Result
	if err := json.Unmarshal(b, &back); err != nil || fmt.Sprint(back.Newest) != fmt.Sprint(r.Newest) {
		t.Errorf("%v: %+v", err, back.Newest)
	}
	if b, err := json.Marshal(check.Judge(check.Facts{Cluster: "x", At: noon})); err != nil || strings.Contains(string(b), `"findings":null`) || strings.Contains(string(b), `"trend":null`) {
		t.Errorf("%v: %s", err, b)
	}
}

// A cluster of which nothing is known is not fresh.
func TestNothingKnown(t *testing.T) {
	r := check.Judge(check.Facts{Cluster: "x", At: noon, Hosts: []check.HostFacts{{Host: "s1"}}})
	if r.State == check.Fresh || r.Restorable != check.CannotTell {
		t.Errorf("%s, %s: %s", r.State, r.Restorable, r.Says)
	}
}

// The counter of a process is compared with when it was first seen so.
func TestCounters(t *testing.T) {
	f := fresh()
	first := f.Counters()
	f.At, f.Before = f.At.Add(time.Hour), first
	again := f.Counters()
	if len(first) != 1 || len(again) != 1 || !again[0].At.Equal(first[0].At) {
		t.Errorf("%+v, %+v", first, again)
	}
	f.Hosts[0].Success = count(4)
	if next := f.Counters(); !next[0].At.Equal(f.At) || next[0].Success != 4 {
		t.Errorf("%+v", next)
	}
}
