package host

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
)

// A look is one host while its backups are asked for.
type look struct {
	*node.Node
	mem *check.Memory
	f   check.HostFacts

	found string // Which file the reader is, see identity; "": there is none.
	has   bool   // It is the program that this bot uploads.
	place check.Place
	flags map[string]string // Of its scheduler: what runs, else what its configuration says.

	scanned   bool
	elected   int
	framework string
}

const (
	// decodeWithin is how long a host may begin to decode files that are not
	// known; a check must end, and the next one goes on.
	decodeWithin = 3 * time.Minute
	// checkLimit bounds the session that decodes.
	checkLimit = decodeWithin + 2*time.Minute
)

// ask asks a host everything. Each part that fails is noted, and the rest is
// asked all the same.
func (l *look) ask(ctx context.Context) {
	l.place = l.mem.Place(l.Name)
	out, err := l.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", greeting, "sh", l.reader(), l.place.ReaderFile}, Limit: node.Hello})
	if err != nil {
		l.f.Silent = err.Error()
		return
	}
	l.f.Veiled = true
	said := append(strings.Split(strings.TrimSpace(string(out.Stdout)), "\n"), "", "")
	machine, sum := said[0], said[2]
	l.found = said[1]
	if l.Tool, err = l.Helper.For(machine); err != nil {
		l.unknown("its backups", err)
		return
	}
	l.Tool.Path, l.Tool.Brief = l.reader(), true
	l.has = sum == l.Tool.SHA256 || l.found != "" && l.place.ReaderFile == l.found && l.place.Reader == l.Tool.SHA256
	facts, err := l.folder(ctx)
	if err != nil {
		l.unknown("its backups", err)
		l.vars(ctx)
		return
	}
	l.f.Folder, l.f.Zone = facts.Folder, facts.Zone
	if d, err := aurora.ParseAmount(l.flags["backup_interval"]); err == nil {
		l.f.Interval = d
	} else if l.flags["backup_interval"] != "" {
		l.unknown("-backup_interval", err)
	}
	if n, err := strconv.Atoi(l.flags["max_saved_backups"]); err == nil {
		l.f.Keeps = n
	} else if l.flags["max_saved_backups"] != "" {
		l.unknown("-max_saved_backups", err)
	}
	l.vars(ctx)
	l.lines(ctx)
}

func (l *look) unknown(what string, err error) {
	l.f.Unknown = append(l.f.Unknown, check.Unknown{What: what, Why: err.Error()})
}

// reader is where the reader of checks lies on a host: at one place, so that a
// newer one takes the place of an older one and nothing gathers.
func (l *look) reader() string {
	return path.Join(l.Scheduler.RunDir, "bin", node.CheckReader)
}

// folder asks for the scheduler's processes and the folder of backups at once:
// where that is, is known from the check before, or from the configuration. If
// the process says otherwise, it is asked once more.
func (l *look) folder(ctx context.Context) (probe.Facts, error) {
	configured := map[string]string{}
	if l.place.Dir == "" || l.place.Log == "" {
		configured = l.configured(ctx)
		l.place.Dir, l.place.Log = configured["backup_dir"], configured["native_log_file_path"]
	}
	facts, err := l.probe(ctx, l.place.Dir)
	if err != nil {
		return facts, err
	}
	pid, unsure := l.mainPID(ctx, facts.Processes)
	mine, err := node.Ours(facts.Processes, l.place.Log, pid)
	if err != nil {
		return facts, err
	}
	if l.f.Veiled = unsure != nil && len(mine) == 0; l.f.Veiled {
		l.unknown("its supervisor", unsure)
	}
	if len(mine) == 0 {
		if len(configured) == 0 {
			configured = l.configured(ctx) // It may have been changed since.
		}
		l.flags = configured
	} else if err := l.running(mine, facts.Now); err != nil {
		return facts, err
	}
	dir := l.flags["backup_dir"]
	if dir == "" {
		return facts, errors.New("-backup_dir is set neither by a running scheduler nor by its configuration")
	}
	l.f.Dir = dir
	l.place = check.Place{Host: l.Name, Dir: dir, Log: l.flags["native_log_file_path"], Reader: l.Tool.SHA256, ReaderFile: l.found}
	if facts.Folder == nil || facts.Folder.Dir != dir {
		again, err := l.probe(ctx, dir)
		if err != nil {
			return facts, err
		}
		facts.Folder = again.Folder
	}
	return facts, nil
}

// mainPID is the process that the supervisor calls its own, where the path of
// the log finds none; 0 if there is none.
func (l *look) mainPID(ctx context.Context, all []probe.Process) (int, error) {
	if mine, err := node.Ours(all, l.place.Log, 0); err == nil && len(mine) > 0 {
		return 0, nil
	}
	unit, err := l.Supervisor().State(ctx)
	return unit.PID, err
}

// running takes the flags of the scheduler that runs.
func (l *look) running(mine []probe.Process, now time.Time) error {
	if len(mine) > 1 {
		l.unknown("its scheduler", fmt.Errorf("%d of them run (%s)", len(mine), node.PIDs(mine)))
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	l.flags = flags
	l.f.Runs, l.f.Began = true, mine[0].Since.Add(-l.f.Skew)
	return nil
}

// configured are the flags that the configuration sets; what it does not set is
// not there.
func (l *look) configured(ctx context.Context) map[string]string {
	flags := map[string]string{}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	_, vars, err := l.Config(ctx)
	if err != nil {
		l.unknown("its configuration", err)
		return flags
	}
	return node.FlagsOf(vars)
}

// greeting says what machine it is, which file the reader is, and its hash: to
// hash it takes a host longer than all else, so not where it is the file that was
// hashed before, untouched.
var greeting = "uname -m; f=$(" + node.Shown(node.Identity[:2]) + " '" + node.Identity[2] + `' -- "$1" 2>/dev/null); echo "$f"; [ "$f" = "$2" ] || nice -n 10 sha256sum <"$1" 2>/dev/null | cut -c 1-64; exit 0`

// probe asks the reader, as the scheduler's user, and brings it where it is not.
func (l *look) probe(ctx context.Context, dir string) (probe.Facts, error) {
	q := probe.Request{Processes: true}
	if dir != "" {
		q.Folder = &probe.FolderAsk{Dir: dir, Within: decodeWithin}
		l.f.Known = nil
		if l.place.Reader == l.Tool.SHA256 {
			l.f.Known = l.mem.Known(l.Name, l.Now())
			for id := range l.f.Known {
				q.Folder.Known = append(q.Folder.Known, id)
			}
		}
	}
	if !l.has {
		if err := l.Upload(ctx, l.Tool); err != nil {
			return probe.Facts{}, fmt.Errorf("put the reader on the host: %w", err)
		}
		l.found, l.has = "", true // Which file it is now, the next check asks.
	}
	begun := l.Now()
	facts, err := node.Facts(ctx, l.Host, runner.Command{Argv: []string{l.reader(), "host", "facts"}, User: l.Cluster.User, Gentle: true, Limit: checkLimit}, q)
	if err == nil {
		l.f.Skew = skew(facts.Now, begun, l.Now())
	}
	return facts, err
}

// skew is how far a host's clock is off, if it was read between two times of
// ours: decoding may lie between them.
func skew(host, before, after time.Time) time.Duration {
	switch {
	case host.Before(before):
		return host.Sub(before).Round(time.Millisecond)
	case host.After(after):
		return host.Sub(after).Round(time.Millisecond)
	}
	return 0
}

// vars asks the scheduler what it counted, where one runs.
func (l *look) vars(ctx context.Context) {
	if !l.f.Runs {
		return
	}
	v, err := l.Client().Vars(ctx)
	if err != nil {
		l.unknown("its /vars", err)
		return
	}
	state, err := v.Lifecycle()
	if err != nil {
		l.unknown("its state", err)
		return
	}
	l.f.Asked = true
	l.f.Leads = state == "ACTIVE" || state == aurora.Awaiting
	registered, err := v.Int("framework_registered")
	if l.f.Leads && err != nil {
		l.unknown("whether it is registered", err)
	}
	l.f.Active = l.f.Leads && registered == 1
	l.f.Apart = l.f.Leads && err == nil && registered != 1
	up, err := v.Int("jvm_uptime_secs")
	if err != nil {
		l.unknown("how long it is up", err)
	}
	l.f.Uptime = time.Duration(up) * time.Second
	for name, into := range map[string]**int{"scheduler_backup_success": &l.f.Success, "scheduler_backup_failed": &l.f.Failed} {
		if _, there := v[name]; !there {
			continue // One that never led may not have counted.
		}
		n, err := v.Int(name)
		if err != nil {
			l.unknown(name, err)
			continue
		}
		count := int(n)
		*into = &count
	}
}

// lines reads what the scheduler logged within the last hour.
func (l *look) lines(ctx context.Context) {
	if !l.Logs() {
		return // Where it logs is not known: elections are not counted then.
	}
	l.scan(ctx, l.Now().Add(l.f.Skew).Add(-time.Hour))
}

// sinceStart looks for the framework's id in all that the process logged.
func (l *look) sinceStart(ctx context.Context) {
	if l.Logs() && !l.f.Began.IsZero() {
		l.scan(ctx, l.f.Began.Add(l.f.Skew).Add(-time.Minute))
	}
}

func (l *look) scan(ctx context.Context, since time.Time) {
	s, err := l.Logged(ctx, since)
	if err != nil {
		l.unknown("its log lines", err)
		return
	}
	if s.Missing {
		l.unknown("its log lines", errors.New("its log could not be read"))
		return
	}
	if s.Silent && l.f.Runs {
		return // It logs elsewhere: that nothing stands there tells nothing.
	}
	l.scanned = true
	for _, m := range s.Found {
		switch m.Finding {
		case "elected":
			l.elected = m.Count
		case "framework-known":
			l.framework = health.FrameworkIn(m.Example)
		case "no-space-left":
			l.f.NoSpace, l.f.NoSpaceX = m.Count, m.Example
		}
	}
}

// hostnames are what ZooKeeper and Mesos call a scheduler.
func (l *look) hostnames() []string {
	names := []string{l.Scheduler.Hostname}
	if h := l.flags["hostname"]; h != "" && !slices.Contains(names, h) {
		names = append(names, h)
	}
	return names
}
