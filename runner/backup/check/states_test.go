package check_test

import (
	"testing"
	"time"

	"aurorabot/runner/backup/check"
	"aurorabot/runner/probe"
)

// lower makes hourly backups with fewer tasks, since so long.
func lower(f *check.Facts, since time.Duration) {
	f.Limit, f.Hosts[0].Folder.Files = 48*time.Hour, []probe.FolderFile{file(since+time.Minute, 65)}
	f.Hosts[1].Folder.Files = []probe.FolderFile{file(since+61*time.Minute, 65)}
	for at := since - 59*time.Minute; at > 0; at -= time.Hour {
		f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(at, 30))
		f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, file(at, 30))
	}
}

// States that look like others: what was written last is not what counts, names
// and clocks tell other times than the backups, counters are of the past.
func TestStatesThatLookLikeOthers(t *testing.T) {
	for _, tt := range []state{
		{"packed, which an older reader took for an empty one", "backup-odd", "", "backup-odd on s1|gzip|30 min old", check.Yes, func(f *check.Facts) {
			odd := file(time.Minute, 0)
			odd.Read.TimestampMs, odd.Read.Warnings = 0, []string{"it begins like a gzip file", "9 bytes after the end", "the timestamp is 0", "no framework id", "no tasks"}
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, odd)
		}},
		{"no room for the reader", "cannot-tell", "", "CANNOT TELL whether there is a valid backup: the backup folder of s1 is not known (its backups: put the reader on the host: no space left on device)", check.CannotTell, func(f *check.Facts) {
			for i := range f.Hosts {
				f.Hosts[i] = check.HostFacts{Host: f.Hosts[i].Host, Veiled: true, Unknown: []check.Unknown{{What: "its backups", Why: "put the reader on the host: no space left on device"}}}
			}
		}},
		{"failed writes of the past", "", "backup-writes-fail", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Failed = count(1)
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began, At: noon.Add(-time.Hour), Success: 2, Failed: 1, FailedAt: noon.Add(-time.Hour)}}
		}},
		{"failed writes, and none succeeded since", "backup-writes-fail", "", "writes-fail", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Failed = count(1)
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began, At: noon.Add(-time.Hour), Success: 2, Failed: 1, FailedAt: noon.Add(-20 * time.Minute)}}
		}},
		{"failed again", "backup-writes-fail", "", "writes-fail", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Failed = count(2)
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began, At: noon.Add(-time.Hour), Success: 2, Failed: 1, FailedAt: noon.Add(-time.Hour)}}
		}},
		{"failed writes of another process", "backup-writes-fail", "", "writes-fail", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Failed = count(1)
			f.Before = []check.Counter{{Host: "s1", Began: f.Hosts[0].Began.Add(-time.Hour), At: noon.Add(-time.Hour), Failed: 1, FailedAt: noon.Add(-time.Hour)}}
		}},
		{"leaders change, and the newest is fresh", "backup-starving", "", "starving|4 elections within the last hour|the leader s1 is up for 40 s", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Uptime, f.Hosts[0].Success, f.Failovers = 40*time.Second, count(0), count(4)
		}},
		{"a deployment", "", "", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Uptime, f.Hosts[0].Success, f.Failovers = 40*time.Second, count(0), count(3)
		}},
		{"elections, and a leader that stays", "", "", "fresh", check.Yes, func(f *check.Facts) { f.Failovers = count(9) }},
		{"a leader without Mesos", "leader-unregistered", "", "leader-unregistered on s1|not registered", check.Yes, func(f *check.Facts) { f.Hosts[0].Active, f.Hosts[0].Apart = false, true }},
		{"a leader without Mesos in an open run", "", "", "fresh|run dev-1 is open", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Active, f.Hosts[0].Apart, f.Runs = false, true, []check.Window{{Run: "dev-1", From: noon.Add(-time.Minute)}}
		}},
		{"other names only", "backup-none backup-starved", "", "NO VALID BACKUP: the folders of all 3 hosts hold no backup, only 2 with other names", check.No, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Uptime, f.Hosts[1].Folder.Others = time.Minute, 2
		}},
		{"empty folders, and a copy", "backup-none backup-starved", "", "NO VALID BACKUP|all 3 hosts are empty|the bot's own copy scheduler-backup-x is whole and 2 h old", check.Yes, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Uptime, f.Copy = time.Minute, &check.Copy{Name: "scheduler-backup-x", Time: noon.Add(-2 * time.Hour), Age: check.Span(2 * time.Hour), Copies: 1, Framework: "f-1"}
		}},
		{"empty folders, and a foreign copy", "backup-none backup-starved", "", "NO VALID BACKUP", check.No, func(f *check.Facts) {
			emptied(f)
			f.Hosts[0].Uptime, f.Copy = time.Minute, &check.Copy{Name: "scheduler-backup-x", Time: noon.Add(-2 * time.Hour), Copies: 1, Framework: "f-2"}
		}},
		{"all hosts down, and a copy", "host-silent cannot-tell", "", "CANNOT TELL whether there is a valid backup|the bot's own copy scheduler-backup-x is whole and 2 h old", check.Yes, func(f *check.Facts) {
			for i := range f.Hosts {
				f.Hosts[i] = check.HostFacts{Host: f.Hosts[i].Host, Silent: "no route to host"}
			}
			f.Failovers, f.Copy = nil, &check.Copy{Name: "scheduler-backup-x", Time: noon.Add(-2 * time.Hour), Age: check.Span(2 * time.Hour), Copies: 1}
		}},
		{"written by an open run, by a clock that is slow", "backup-in-run clock-skew", "", "during the open run dev-1 (65 tasks)|newest valid backup is 4 h 30 min old by the clock of s1, which is 3 h slow", check.Yes, func(f *check.Facts) {
			f.Runs, f.Hosts[0].Skew = []check.Window{{Run: "dev-1", From: noon.Add(170 * time.Minute)}}, -3*time.Hour
			f.At = noon.Add(3 * time.Hour)
			f.Hosts[0].Folder.Files = []probe.FolderFile{file(5*time.Minute, 65), file(90*time.Minute, 65)}
		}},
		{"three that collapsed, one after the other", "backup-collapsed", "", "does not count|its tasks collapsed: 30, and 65|newest valid backup is 30 min old", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, file(time.Minute, 30), file(5*time.Minute, 31), file(9*time.Minute, 32))
		}},
		{"hourly ones of a day that collapsed", "backup-collapsed", "", "does not count|its tasks collapsed: 30, and 65|newest valid backup is 1 d old", check.Yes, func(f *check.Facts) {
			lower(f, 24*time.Hour)
		}},
		{"a lower number that stays", "", "backup-jump backup-collapsed", "fresh|1 min old", check.Yes, func(f *check.Facts) { lower(f, 25*time.Hour) }},
		{"all tasks were killed", "backup-collapsed", "", "its active tasks collapsed: 0, and 65", check.Yes, func(f *check.Facts) {
			killed := file(time.Minute, 65)
			killed.Read.Active = 0
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, killed)
		}},
		{"collapsed against one that is gone", "backup-none backup-collapsed", "", "NO VALID BACKUP|its tasks collapsed: 30, and 65", check.No, func(f *check.Facts) {
			emptied(f)
			f.Last = check.Level{Time: noon.Add(-6 * time.Hour), Tasks: 65, Active: 65, Framework: "f-1"}
			f.Hosts[0].Folder.Files = []probe.FolderFile{file(time.Minute, 30), file(time.Hour, 31), file(2*time.Hour, 31), file(3*time.Hour, 32)}
		}},
		{"fewer than another framework had", "", "", "fresh", check.Yes, func(f *check.Facts) {
			emptied(f)
			f.Last = check.Level{Time: noon.Add(-6 * time.Hour), Tasks: 65, Active: 65, Framework: "f-0"}
			f.Hosts[0].Folder.Files, f.Hosts[1].Folder.Files = []probe.FolderFile{file(time.Minute, 30)}, []probe.FolderFile{file(time.Hour, 31)}
		}},
		{"collapsed for a day against one that is gone", "", "backup-collapsed", "fresh", check.Yes, func(f *check.Facts) {
			f.Last = check.Level{Time: noon.Add(-26 * time.Hour), Tasks: 65, Active: 65, Framework: "f-1", Low: noon.Add(-25 * time.Hour)}
			f.Hosts[0].Folder.Files = []probe.FolderFile{file(time.Minute, 30), file(time.Hour, 31), file(2*time.Hour, 31), file(3*time.Hour, 32)}
			f.Hosts[1].Folder.Files = []probe.FolderFile{file(time.Minute, 30)}
		}},
		{"one name, two contents", "backups-differ", "", "backups-differ on dev: scheduler-backup-2026-11-23-11-30|on s1|on s2|30 min old", check.Yes, func(f *check.Facts) {
			other := file(30*time.Minute, 66)
			other.Read.SHA256 = "other"
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, other)
		}},
		{"one name, two contents, and a newer one", "", "backups-differ", "fresh", check.Yes, func(f *check.Facts) {
			other := file(90*time.Minute, 64)
			other.Read.SHA256 = "other"
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, other)
		}},
		{"the last by name is old inside", "", "", "fresh|30 min old (scheduler-backup-2026-11-23-11-30 on s1", check.Yes, func(f *check.Facts) {
			old := file(50*time.Hour, 65)
			old.Name = "scheduler-backup-2026-11-23-11-59"
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, old)
		}},
		{"the first by name is the newest inside", "", "", "fresh|5 min old (scheduler-backup-2026-11-23-01-55 on s2", check.Yes, func(f *check.Facts) {
			west := file(5*time.Minute, 65)
			west.Name = "scheduler-backup-2026-11-23-01-55"
			f.Hosts[1].Folder.Files = append(f.Hosts[1].Folder.Files, west)
		}},
		{"places taken by names of the future", "backup-retention", "", "backup-retention on s1|2 of 2 places|deleted as soon as it is written", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Keeps = 2
			f.Hosts[0].Folder.Like = []string{"scheduler-backup-2027-01-01-00-00.bak", "scheduler-backup-old.tar"}
		}},
		{"some places taken by names of the future", "", "backup-retention", "fresh", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Folder.Like = []string{"scheduler-backup-old.tar", "scheduler-backup-2020-01-01-00-00.gz"}
		}},
		{"all places taken, in their order", "", "", "fresh", check.Yes, func(f *check.Facts) { f.Hosts[0].Keeps = 2 }},
		{"the newest is the first that goes", "backup-retention", "", "backup-retention on s1|scheduler-backup-2026-11-23-04-55 is the newest|it is deleted", check.Yes, func(f *check.Facts) {
			west := file(5*time.Minute, 65)
			west.Name, f.Hosts[0].Keeps = "scheduler-backup-2026-11-23-04-55", 3
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, west)
		}},
		{"no time inside", "backup-odd", "", "the timestamp is 0|30 min old", check.Yes, func(f *check.Facts) {
			odd := file(time.Minute, 65)
			odd.Read.TimestampMs, odd.Read.Warnings = 0, []string{"the timestamp is 0"}
			f.Hosts[0].Folder.Files = append(f.Hosts[0].Folder.Files, odd)
		}},
		{"a clock that is hours fast", "clock-skew", "", "clock-skew on s1|the newest valid backup is 30 min old by the clock of s1, which is 3 h fast", check.Yes, func(f *check.Facts) { f.Hosts[0].Skew = 3 * time.Hour }},
		{"a clock that is hours slow, and late", "clock-skew backup-overdue", "", "clock-skew on s1|3 h 30 min old by the clock of s1, which is 3 h slow", check.Yes, func(f *check.Facts) {
			f.Hosts[0].Skew, f.At, f.Hosts[0].Success = -3*time.Hour, noon.Add(3*time.Hour), nil
		}},
	} {
		tt.play(t)
	}
}
