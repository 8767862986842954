package app

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

const nameForm = "scheduler-backup-2006-01-02-15-04"

// A shelf is the folders of all hosts while a test lays them out.
type shelf struct {
	*operator
	leader host.Machine
	other  []host.Machine
	now    time.Time
}

// snap is the lab's backup as if taken some time ago, with changes.
func (s *shelf) snap(ago time.Duration, change ...func(*backup.Snapshot)) []byte {
	s.Helper()
	var b bytes.Buffer
	if err := backup.Write(&b, s.c.Truth.State); err != nil {
		s.Fatal(err)
	}
	snap, err := backup.Parse(b.Bytes())
	if err != nil {
		s.Fatal(err)
	}
	snap.SetTimestamp(s.now.Add(-ago).UnixMilli())
	for _, do := range change {
		do(snap)
	}
	b.Reset()
	if err := backup.Write(&b, snap); err != nil {
		s.Fatal(err)
	}
	return b.Bytes()
}

func (s *shelf) name(ago time.Duration) string { return s.now.Add(-ago).UTC().Format(nameForm) }

// put writes a file of a host under the name and with the time of so long ago.
func (s *shelf) put(h host.Machine, ago time.Duration, data []byte) {
	s.Helper()
	s.as(h, s.name(ago), ago, data)
}

func (s *shelf) as(h host.Machine, name string, ago time.Duration, data []byte) {
	s.Helper()
	if err := s.c.PutBackup(h, name, data); err != nil {
		s.Fatal(err)
	}
	at := s.now.Add(-ago)
	if err := os.Chtimes(filepath.Join(s.c.BackupDir(h), name), at, at); err != nil {
		s.Fatal(err)
	}
}

// must ends the test where something could not be laid out.
func (s *shelf) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

func empty(b *backup.Snapshot) {
	b.Remove(backup.TaskSet, func(backup.Element) bool { return true })
}

// killed is a backup in which every task ended: all of them are still there.
func killed(b *backup.Snapshot) {
	var list []backup.Element
	for _, e := range b.Elements(backup.TaskSet) {
		task, err := e.Struct()
		if err != nil {
			panic(err)
		}
		list = append(list, task.SetI32(2, 5).Encode())
	}
	b.SetElements(backup.TaskSet, list)
}

// fewer keeps every third task.
func fewer(b *backup.Snapshot) {
	n := 0
	b.Remove(backup.TaskSet, func(backup.Element) bool { n++; return n%3 != 0 })
}

func zipped(data []byte) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write(data)
	z.Close()
	return b.Bytes()
}

// States that look like others, on a whole cluster and through the command line:
// the first line tells the truth, and the exit status is 6 unless all is well.
func TestReportOfHostileStates(t *testing.T) {
	o := operate(t)
	const day = 24 * time.Hour
	for _, tt := range []struct {
		name string
		says string // In the first line; several, by "|".
		exit int
		lay  func(*shelf) // Over fresh ones.
	}{
		{"the last by name is old inside", "lab: fresh: the newest valid backup is 30 min", 0, func(s *shelf) { s.as(s.other[0], s.name(0), 0, s.snap(2*day)) }},
		{"an old one that was touched", "lab: STALE|3 d old", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			s.as(s.leader, s.name(0), 0, s.snap(3*day))
		}},
		{"the first by name is the newest inside", "lab: fresh: the newest valid backup is 5 min", 0, func(s *shelf) { s.as(s.other[0], s.name(9*time.Hour), 0, s.snap(5*time.Minute)) }},
		{"one name, two contents", "backups-differ on lab: scheduler-backup-|the newest valid backup is 1 min", 6, func(s *shelf) {
			s.put(s.leader, time.Minute, s.snap(time.Minute))
			s.as(s.other[0], s.name(time.Minute), time.Minute, s.snap(61*time.Minute))
		}},
		{"no time inside", "backup-odd|the timestamp is 0|the newest valid backup is 30 min", 6, func(s *shelf) {
			s.put(s.leader, time.Minute, s.snap(0, func(b *backup.Snapshot) { b.SetTimestamp(0) }))
		}},
		{"packed", "it is no backup but a gzip file|the newest valid backup is 30 min", 6, func(s *shelf) { s.put(s.leader, time.Minute, zipped(s.snap(time.Minute))) }},
		{"packed ones only", "NO VALID BACKUP|only 2 with other names", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			s.as(s.leader, s.name(time.Minute)+".gz", time.Minute, zipped(s.snap(time.Minute)))
			s.as(s.leader, s.name(time.Hour)+".gz", time.Hour, zipped(s.snap(time.Hour)))
		}},
		{"no tasks, and nothing before", "NO VALID BACKUP|no tasks", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			s.put(s.leader, time.Minute, s.snap(time.Minute, empty))
		}},
		{"emptied hours ago, without a run", "does not count|its tasks collapsed: 0, and 65|the newest valid backup is 4 h 30 min", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			for n := range 5 {
				s.put(s.leader, 30*time.Minute+time.Duration(n)*time.Hour, s.snap(30*time.Minute+time.Duration(n)*time.Hour, map[bool]func(*backup.Snapshot){true: empty, false: func(*backup.Snapshot) {}}[n < 4]))
			}
		}},
		{"collapsed hours ago", "does not count|its tasks collapsed: 21, and 65|the newest valid backup is 4 h 30 min", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			for n := range 5 {
				s.put(s.leader, 30*time.Minute+time.Duration(n)*time.Hour, s.snap(30*time.Minute+time.Duration(n)*time.Hour, map[bool]func(*backup.Snapshot){true: fewer, false: func(*backup.Snapshot) {}}[n < 4]))
			}
		}},
		{"all tasks were killed", "does not count|its active tasks collapsed: 0, and 57|the newest valid backup is 30 min", 6, func(s *shelf) { s.put(s.leader, time.Minute, s.snap(time.Minute, killed)) }},
		{"only in dbScript", "backup-odd|dbScript|the newest valid backup is 30 min", 6, func(s *shelf) {
			data := s.snap(time.Minute)
			list := append([]byte{byte(tbinary.TypeList), 0, 11, byte(tbinary.TypeString), 0, 0, 0, 1, 0, 0, 0, 6}, "SELECT"...)
			s.put(s.leader, time.Minute, append(append(bytes.Clone(data[:len(data)-1]), list...), 0))
		}},
		{"behind a link", "lab: fresh: the newest valid backup is 1 min", 0, func(s *shelf) {
			to := filepath.Join(filepath.Dir(s.c.BackupDir(s.leader)), "elsewhere")
			s.must(os.WriteFile(to, s.snap(time.Minute), 0o644))
			s.must(os.Symlink(to, filepath.Join(s.c.BackupDir(s.leader), s.name(time.Minute))))
		}},
		{"a link to nothing", "backup-damaged|a link to nowhere|the newest valid backup is 30 min", 6, func(s *shelf) {
			s.must(os.Symlink("nowhere", filepath.Join(s.c.BackupDir(s.leader), s.name(time.Minute))))
		}},
		{"a folder, a pipe", "backup-damaged|it is no file|the newest valid backup is 30 min", 6, func(s *shelf) {
			s.must(os.Mkdir(filepath.Join(s.c.BackupDir(s.leader), s.name(time.Minute)), 0o755))
			s.must(syscall.Mkfifo(filepath.Join(s.c.BackupDir(s.leader), s.name(2*time.Minute)), 0o644))
		}},
		{"a host is down, the others are stale", " cannot be asked|may have a newer one|the newest valid backup is 3 d old|also stale (lab)", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfStale))
			s.other[1].Down()
		}},
		{"a host is down, the others have none", "CANNOT TELL whether there is a valid backup: s3 cannot be asked", 6, func(s *shelf) {
			s.must(s.c.Shelve(s.Context(), cluster.ShelfEmpty))
			s.c.Host("s3").Down()
		}},
		{"places taken by names of the future", "backup-retention|48 of 48 places|deleted as soon as it is written|the newest valid backup is 30 min", 6, func(s *shelf) {
			for n := range 48 {
				s.as(s.leader, fmt.Sprintf("scheduler-backup-9999-01-01-00-%02d", n), time.Hour, s.snap(30*day))
			}
		}},
		{"as many as are kept", "lab: fresh: the newest valid backup is 30 min", 0, func(s *shelf) {
			for n := range 48 {
				s.put(s.leader, 30*time.Minute+time.Duration(n)*time.Hour, s.snap(30*time.Minute+time.Duration(n)*time.Hour))
			}
		}},
		{"bytes behind the end", "backup-odd|after the end|the newest valid backup is 30 min", 6, func(s *shelf) { s.put(s.leader, time.Minute, append(s.snap(time.Minute), 0, 0, 0)) }},
		{"the same one on all hosts", "lab: fresh: the newest valid backup is 1 min", 0, func(s *shelf) {
			for _, h := range s.c.Hosts {
				s.put(h, time.Minute, s.snap(time.Minute))
			}
		}},
		{"truncated on two hosts", "the newest backup is truncated|the newest valid backup is 30 min", 6, func(s *shelf) {
			for _, h := range s.other {
				data := s.snap(time.Minute)
				s.put(h, time.Minute, data[:len(data)-1])
			}
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := &operator{T: t, c: o.c, dir: o.dir, file: o.file}
			s := &shelf{operator: o, leader: o.c.Leader(t.Context()), now: time.Now()}
			s.must(os.RemoveAll(filepath.Join(o.dir, "state", "checks"))) // What the states before were.
			s.must(o.c.Shelve(t.Context(), cluster.ShelfFresh))
			for _, h := range o.c.Hosts {
				if h != s.leader {
					s.other = append(s.other, h)
				}
			}
			tt.lay(s)
			defer func() {
				for _, h := range o.c.Hosts {
					s.must(h.Up())
				}
			}()
			exit, out, errs := o.types("report", "lab")
			first := firstLines(out)
			t.Logf("exit %d: %s%s", exit, first, errs)
			for _, words := range strings.Split(tt.says, "|") {
				if !strings.Contains(first, words) {
					t.Errorf("the first lines lack %q", words)
				}
			}
			if exit != tt.exit {
				t.Errorf("exit %d, want %d:\n%s", exit, tt.exit, out)
			}
		})
	}
}

// A host whose -backup_dir is another one is looked into there; what lies in the
// folder of the others is none of its backups.
func TestReportOfAnotherFolder(t *testing.T) {
	o := operate(t)
	s := &shelf{operator: o, leader: o.c.Leader(t.Context()), now: time.Now()}
	s.must(o.c.Shelve(t.Context(), cluster.ShelfEmpty))
	var h host.Machine
	for _, h = range o.c.Hosts {
		if h != s.leader {
			break
		}
	}
	s.put(h, time.Minute, s.snap(time.Minute)) // In the folder of before.
	elsewhere := o.c.BackupDir(h) + "-elsewhere"
	s.must(os.Mkdir(elsewhere, 0o755))
	s.must(os.WriteFile(filepath.Join(elsewhere, s.name(3*time.Hour)), s.snap(90*time.Minute), 0o644))
	file := h.Path(host.DefaultFile)
	text, err := os.ReadFile(file)
	s.must(err)
	const was = `BACKUP_DIR="${AURORA_HOME}/scheduler/backups`
	if !bytes.Contains(text, []byte(was)) {
		t.Fatalf("no %s in %s", was, text)
	}
	s.must(os.WriteFile(file, bytes.ReplaceAll(text, []byte(was), []byte(was+"-elsewhere")), 0o644))
	if out, err := o.c.Systemctl(h, "restart", host.Unit); err != nil {
		t.Fatal(err, out)
	}
	exit, first, r := o.report()
	for end := time.Now().Add(30 * time.Second); r.Newest == nil && time.Now().Before(end); exit, first, r = o.report() {
		time.Sleep(100 * time.Millisecond) // It begins.
	}
	if exit != 6 || r.Newest == nil || r.Newest.Path != filepath.Join(elsewhere, s.name(3*time.Hour)) || !strings.Contains(first, "only one host") || !strings.Contains(first, "1 h 30 min") {
		t.Errorf("exit %d: %s: %+v", exit, first, r.Newest)
	}
}

// Where the hosts lost everything, the report tells of the bot's own copy, and a
// recovery can be planned from it.
func TestRecoverFromTheOwnCopy(t *testing.T) {
	o := operate(t, "backup_copies: copies", "keep_backups: {count: 2}")
	s := &shelf{operator: o, leader: o.c.Leader(t.Context()), now: time.Now()}
	s.must(o.c.Shelve(t.Context(), cluster.ShelfFresh))
	if exit, first, r := o.report(); exit != 0 || r.Copy == nil || r.Copy.Name != r.Newest.Name {
		t.Fatalf("exit %d: %s: %+v", exit, first, r.Copy)
	}
	s.must(o.c.Shelve(t.Context(), cluster.ShelfEmpty))
	exit, first, r := o.report()
	if exit != 6 || !strings.Contains(first, "NO VALID BACKUP") || !strings.Contains(first, "the bot's own copy "+r.Copy.Name+" is whole") || r.Restorable != "yes" {
		t.Errorf("exit %d: %s", exit, first)
	}
	// Without a reason no restore is needed: the log is whole. That is said, and the plan is shown.
	if exit, out, errs := o.types("plan", "lab", r.Copy.Name); exit != 0 || errs != "" || !strings.Contains(out, "Warning: No restore seems to be needed: ") || !strings.Contains(out, "Copy the backup into the leader's backup folder") {
		t.Errorf("exit %d: %s%s", exit, out, errs)
	}
	if exit, out, errs := o.types("plan", "lab", r.Copy.Name, "--reason", "the hosts lost it"); exit != 0 || !strings.Contains(out, "Copy the backup into the leader's backup folder") {
		t.Errorf("exit %d: %s%s", exit, out, errs)
	}
}

// Where a scheduler logs to files and systemd is not its supervisor, elections
// and the framework's id are read there.
func TestReportOfLogFiles(t *testing.T) {
	log := filepath.Join(t.TempDir(), "aurora.log")
	now := time.Now().UTC().Format("I0102 15:04:05.000")
	text := now + " [main, SchedulerStorage] Found persisted framework ID: Optional[20160220-000000-0000]\n" +
		strings.Repeat(now+" [CuratorFramework-0, SchedulerLifecycle] Elected as leading scheduler!\n", 2)
	if err := os.WriteFile(log, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	o := operate(t, "supervisor: {kind: commands, stop: [\"true\"], start: [\"true\"], disable: [\"true\"], enable: [\"true\"], is_running: [\"true\"], is_enabled: [\"true\"]}", fmt.Sprintf("log_files: [%q]", log))
	if err := o.c.Shelve(t.Context(), cluster.ShelfFresh); err != nil {
		t.Fatal(err)
	}
	// The hosts of the lab share the file: two lines are read on each of the three.
	if _, first, r := o.report(); r.Failovers == nil || *r.Failovers != 6 || !strings.Contains(first, "of framework") {
		t.Errorf("%v elections: %s", r.Failovers, first)
	}
}
