package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"aurorabot/handlers/cli"
	"aurorabot/handlers/files"
	"aurorabot/lab/cluster"
	"aurorabot/lab/host"
	"aurorabot/runner"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/journal"
)

// The test binary plays the programs of the hosts, and the reader that the bot
// puts there.
func TestMain(m *testing.M) {
	if os.Getenv(playsProgram) != "" {
		os.Exit(Run(context.Background(), os.Args[1:], World{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Now: time.Now, Peer: onDuty}))
	}
	if status, ok := cluster.RunProgram(os.Args); ok {
		os.Exit(status)
	}
	if len(os.Args) > 1 && strings.HasPrefix(filepath.Base(os.Args[0]), "aurorabot-") {
		exit, _ := files.Run(context.Background(), os.Args[1:], files.Std{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Now: time.Now})
		os.Exit(exit)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain")) // It ends half a second after its database.
}

// An operator sits at the command line of a lab cluster's bot.
type operator struct {
	*testing.T
	c    *cluster.Cluster
	dir  string
	file string // The configuration.
}

// operate starts the cluster; more are lines of its configuration.
func operate(t *testing.T, more ...string) *operator {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c, err := cluster.Start(t.Context(), cluster.Options{Dir: t.TempDir(), Bin: self})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	o := &operator{T: t, c: c, dir: t.TempDir()}
	o.file = filepath.Join(o.dir, "aurorabot.yaml")
	if err := os.WriteFile(o.file, []byte(o.configuration(more)), 0o600); err != nil {
		t.Fatal(err)
	}
	o.confine()
	return o
}

// confine has the hosts obey what `sudoers` prints and nothing else: whatever a
// report asks and a copy of a backup takes, the list suffices for it.
func (o *operator) confine() {
	o.Helper()
	exit, out, errs := o.types("sudoers", "lab", "--json")
	var files []struct {
		Hosts   []string `json:"hosts"`
		Sudoers string   `json:"sudoers"`
	}
	if err := json.Unmarshal([]byte(out), &files); err != nil || exit != 0 || len(files) == 0 {
		o.Fatalf("sudoers: exit %d, %v\n%s", exit, err, errs)
	}
	for _, f := range files {
		for _, h := range o.c.Hosts {
			if !slices.Contains(f.Hosts, h.Name()) {
				continue
			}
			if err := h.Sudoers(f.Sudoers); err != nil {
				o.Fatal(err)
			}
		}
	}
}

// onDuty is the account that types commands in tests, whoever runs them: root is nobody.
func onDuty(net.Conn) (cli.Account, error) { return cli.Account{UID: 4001, Login: 4001}, nil }

func (o *operator) configuration(more []string) string {
	var b strings.Builder
	fmt.Fprintf(&b, `state_dir: %q
ssh: {user: %s, key_files: [%q], known_hosts: [%q], run_dir: %q}
policy:
  teams: [T0TEAM001]
  lists: {all: [U0ANN00001], more: [U0BOB00001]}
  os_users: {"4001": T0TEAM001/U0ANN00001}
  gates: {commit: {factors: [{count: 2, of: [all, more]}]}}
  access: [{name: all, who: [all], channels: ['*'], clusters: ['*'], may: [read, operate]}]
clusters:
  lab:
    version: 0.22.0
    user: %s
    zookeeper_session: 6s
    schedulers:
`, filepath.Join(o.dir, "state"), cluster.User, o.c.KeyFile, o.c.KnownHosts, filepath.Join(o.dir, "jobs"), cluster.SchedulerUser)
	for _, h := range o.c.Hosts {
		fmt.Fprintf(&b, "      - {name: %s, address: %q, hostname: %q, http: %q, config_file: %q, run_dir: %q}\n",
			h.Name(), h.Address(), o.c.IP(h), o.c.HTTP(h), h.Prefix()+host.DefaultFile, h.Prefix()+"/var/lib/aurorabot")
	}
	for _, line := range more {
		b.WriteString("    " + line + "\n")
	}
	return b.String()
}

// types runs one command, as `aurorabot WORDS` does.
func (o *operator) types(words ...string) (exit int, stdout, stderr string) {
	o.Helper()
	var out, errs bytes.Buffer
	exit = Run(o.Context(), append(words, "--config", o.file), World{
		In: strings.NewReader(""), Out: &out, Err: &errs, Env: func(string) string { return "" }, Now: time.Now, Peer: onDuty,
	})
	return exit, out.String(), errs.String()
}

// report types `report lab` and returns its first line, and `report lab --json`.
func (o *operator) report() (exit int, first string, r check.Result) {
	o.Helper()
	exit, out, errs := o.types("report", "lab")
	first = firstLines(out)
	again, js, _ := o.types("report", "lab", "--json")
	var list []check.Result
	if err := json.Unmarshal([]byte(js), &list); err != nil || len(list) != 1 || again != exit {
		o.Fatalf("report --json: exit %d and %d, %v: %s\n%s", exit, again, err, js, errs)
	}
	return exit, first, list[0]
}

// openRun makes a journal that says that a recovery is open.
func (o *operator) openRun(run string) {
	o.Helper()
	j, err := journal.Open(filepath.Join(o.dir, "state", "runs"))
	if err != nil {
		o.Fatal(err)
	}
	defer j.Close()
	e := &runner.Engine{Journal: j, Now: func() time.Time { return time.Now().Add(-5 * time.Minute) }}
	data, err := json.Marshal(runner.Request{Cluster: "lab", Recipe: "staged", Backup: o.c.Truth.Backup})
	if err != nil {
		o.Fatal(err)
	}
	for _, ev := range []runner.Event{{Kind: runner.RunRequested, Who: "T0TEAM001/U0ANN00001", Data: data}, {Kind: runner.RunStopped, Why: "for the test"}} {
		if _, err := e.Append(run, ev); err != nil {
			o.Fatal(err)
		}
	}
}

// Every state of the backups of a whole cluster gives its finding, the first
// line says it, and the exit status is 6, but for what is fresh.
func TestReportOfEveryState(t *testing.T) {
	o := operate(t)
	for _, tt := range []struct {
		shelf      string
		finding    string // One of severity warning or above; "" is none.
		says       string // In the first line; several, by "|".
		restorable check.Restorable
	}{
		{cluster.ShelfFresh, "", "lab: fresh: the newest valid backup is 30 min|65 tasks", check.Yes},
		{cluster.ShelfStale, "backup-stale", "lab: STALE|3 d old; the limit is 1 d 2 h", check.Yes},
		{cluster.ShelfStarved, "backup-starved", "lab: STARVED: no backups are written|5 h old|is up for", check.Yes},
		{cluster.ShelfTruncated, "backup-newest-damaged", "the newest backup is truncated|the newest valid backup is 30 min", check.Yes},
		{cluster.ShelfZero, "backup-newest-damaged", "a file of 0 bytes|the newest valid backup is 30 min", check.Yes},
		{cluster.ShelfOneHost, "backup-one-host", "only one host|has backups|30 min", check.Yes},
		{cluster.ShelfForeign, "backup-foreign", "FOREIGN|is of framework 11111111|30 min", check.Yes},
		{cluster.ShelfEmpty, "backup-none", "NO VALID BACKUP: the folders of all 3 hosts are empty", check.No},
		{cluster.ShelfBegun, "backup-none", "NO VALID BACKUP|only 1 that were begun", check.No},
		{cluster.ShelfNoFolder, "backup-folder-unreadable", "is unreadable, and may hold a newer one|the newest valid backup is 4 h 30 min", check.Yes},
		{cluster.ShelfNoneRead, "backup-folder-unreadable", "CANNOT TELL whether there is a valid backup", check.CannotTell},
		{cluster.ShelfDown, "host-silent", "cannot be asked (host down?), and may have a newer one|30 min", check.Yes},
		{cluster.ShelfAllDown, "host-silent", "CANNOT TELL whether there is a valid backup: s1 cannot be asked, s2 cannot be asked, s3 cannot be asked", check.CannotTell},
		{cluster.ShelfCollapsed, "backup-collapsed", "does not count|its tasks collapsed: 21, and 65", check.Yes},
		{cluster.ShelfFuture, "backup-future", "a backup is from the future|30 min", check.Yes},
		{cluster.ShelfLinked, "", "lab: fresh", check.Yes},
		{cluster.ShelfEmptied, "backup-in-run", "does not count|written during the open run lab-20260102T0304Z (0 tasks)|30 min", check.Yes},
		// Last, since its line in the log stays for an hour.
		{cluster.ShelfDiskFull, "backup-disk-full", "DISK FULL|No space left on device", check.Yes},
	} {
		t.Run(tt.shelf, func(t *testing.T) {
			o := &operator{T: t, c: o.c, dir: o.dir, file: o.file}
			if err := o.c.Shelve(t.Context(), tt.shelf); err != nil {
				t.Fatal(err)
			}
			if tt.shelf == cluster.ShelfEmptied {
				o.openRun("lab-20260102T0304Z")
			}
			if tt.shelf == cluster.ShelfDiskFull {
				if err := os.RemoveAll(filepath.Join(o.dir, "state", "runs")); err != nil { // The run is over.
					t.Fatal(err)
				}
			}
			exit, out, errs := o.types("report", "lab")
			first := firstLines(out)
			t.Logf("exit %d: %s%s", exit, first, errs)
			for _, words := range strings.Split(tt.says, "|") {
				if !strings.Contains(first, words) {
					t.Errorf("the first lines lack %q", words)
				}
			}
			told := strings.Contains(out, "warning "+tt.finding+" on ") || strings.Contains(out, "critical "+tt.finding+" on ")
			answer := map[check.Restorable]string{check.Yes: "yes", check.No: "NO", check.CannotTell: "cannot tell"}[tt.restorable]
			if (exit == 6) != (tt.finding != "") || tt.finding != "" && !told || !strings.Contains(out, "Restorable today: "+answer+"\n") {
				t.Errorf("exit %d, want %s, restorable %s:\n%s", exit, tt.finding, tt.restorable, out)
			}
		})
	}
}

// The other forms of the report, what a second check costs, and that nothing of
// a host is changed but for the reader.
func TestReportForms(t *testing.T) {
	o := operate(t, "backup_copies: copies", "keep_backups: {count: 2}")
	if err := o.c.Shelve(t.Context(), cluster.ShelfFresh); err != nil {
		t.Fatal(err)
	}
	if err := o.c.RememberFiles(); err != nil {
		t.Fatal(err)
	}
	picture := filepath.Join(o.dir, "report.png")
	exit, out, errs := o.types("report", "--png", picture)
	if exit != 0 || !strings.HasPrefix(out, "lab: fresh: ") {
		t.Fatalf("exit %d: %s%s", exit, out, errs)
	}
	data, err := os.ReadFile(picture)
	if err != nil {
		t.Fatal(err)
	}
	if img, err := png.Decode(bytes.NewReader(data)); err != nil || img.Bounds().Dx() != 800 {
		t.Errorf("the picture: %v", err)
	}
	// Known files are not decoded again: one that would not decode, with the old
	// one's inode, time and size, is still taken for it.
	leader := o.c.Leader(t.Context())
	names, err := filepath.Glob(filepath.Join(o.c.BackupDir(leader), "scheduler-backup-*"))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	newest := names[len(names)-1]
	info, err := os.Stat(newest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(newest, bytes.Repeat([]byte("x"), int(info.Size())), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(newest, info.ModTime(), info.ModTime()); err != nil {
		t.Fatal(err)
	}
	if exit, first, r := o.report(); exit != 0 || !r.Newest.Known || r.Newest.Name != filepath.Base(newest) {
		t.Errorf("exit %d, %s: %+v", exit, first, r.Newest)
	}
	if err := os.Chtimes(newest, time.Now(), time.Now()); err != nil {
		t.Fatal(err)
	}
	if exit, first, _ := o.report(); exit != 6 || !strings.Contains(first, "truncated or damaged") {
		t.Errorf("a file that changed: exit %d, %s", exit, first)
	}

	// The newest valid one is kept off the hosts, where a recovery finds it.
	kept := filepath.Join(o.dir, "copies", filepath.Base(newest))
	if exit, out, errs := o.types("backup", "verify", kept); exit != 0 {
		t.Errorf("the copy: exit %d: %s%s", exit, out, errs)
	}
	if _, out, _ := o.types("report", "lab"); !strings.Contains(out, "Own copy:         "+filepath.Base(newest)) {
		t.Errorf("the copy is not in the report: %s", out)
	}

	exit, out, _ = o.types("report", "--nagios")
	if exit != 1 || !strings.HasPrefix(out, "BACKUP WARNING - lab: ") || strings.Count(out, "\n") != 1 || !strings.Contains(out, " | 'lab age'=") {
		t.Errorf("exit %d: %q", exit, out)
	}
	var rows []map[string]any
	exit, out, _ = o.types("backups", "lab", "--json")
	if err := json.Unmarshal([]byte(out), &rows); err != nil || exit != 0 || len(rows) != 6 || rows[0]["host"] != "s1" || rows[0]["cluster"] != "lab" {
		t.Errorf("exit %d, %v: %s", exit, err, out)
	}
	if exit, out, _ = o.types("backups", "lab"); exit != 0 || !strings.Contains(out, filepath.Base(newest)) || !strings.Contains(out, "does not decode to its end") {
		t.Errorf("exit %d: %s", exit, out)
	}
	if changed, err := o.c.ChangedFiles(); err != nil || len(changed) > 0 {
		t.Errorf("files changed: %v, %v", changed, err)
	}
	for _, h := range o.c.Hosts {
		left, err := filepath.Glob(h.Path("/var/lib/aurorabot/*/*"))
		if err != nil || len(left) != 1 || filepath.Base(left[0]) != "aurorabot-check" {
			t.Errorf("%s: left behind %v, %v", h.Name(), left, err)
		}
	}
}

// firstLines are a report's first line, and the one in which a long one is continued.
func firstLines(out string) string {
	head, rest, _ := strings.Cut(out, "\n\n")
	next, _, _ := strings.Cut(rest, "\n")
	if next != "" {
		next = strings.ToLower(next[:1]) + next[1:]
	}
	return head + "; " + next
}
