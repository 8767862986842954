package recovery

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// hostFacts are what was seen of one host, before anybody judges it.
type hostFacts struct {
	name       string
	silent     error // It cannot be asked at all.
	complaints []complaint
	unknown    []unknown

	looked     bool // look holds the process, or that there is none.
	look       hostLook
	fakeInFile bool // The configuration file has the fake Mesos address.

	closed     bool        // Its process runs, and nobody listens at its HTTP address.
	vars       aurora.Vars // Nil: no answer, and then it stands in unknown if it should answer.
	lifecycle  string
	registered bool
	staged     bool

	since     time.Time // From when on its log was read.
	lines     []health.Match
	scanned   bool
	past      past   // Which of the lines count.
	framework string // Of the cluster, as this scheduler or its log says.

	managers []string
	backups  []BackupFound // The newest ones, decoded.

	report *replica.Report // Of its log. Nil: not read.
	copies int             // How often a running one was copied.
}

// A complaint is what pre-flight would stop for, with its line of the table.
type complaint struct{ id, text string }

// An unknown is a question without an answer.
type unknown struct{ what, why string }

func (f *hostFacts) complain(id, format string, args ...any) {
	f.complaints = append(f.complaints, complaint{id, fmt.Sprintf(format, args...)})
}

func (f *hostFacts) cannotTell(what string, err error) {
	f.unknown = append(f.unknown, unknown{what, err.Error()})
}

// preflightKinds are the lines of the table for what pre-flight says, by its
// own words: pre-flight's code judges, here as in a recovery. A test compares
// the keys with that code.
var preflightKinds = map[string]string{
	"-%s is set neither by the running scheduler nor by %s":                                                       "flag-missing",
	"%s sets -mesos_master_address=%s: it is left from a recovery that was not ended. Put the original file back": "fake-master-left",
	"the clock is %s off the bot's, more than %s":                                                                 "clock-skew",
	"%s sets -%s, which Aurora %s does not know: the scheduler would refuse to start":                             "flag-of-another-version",
	"%d schedulers run on the host (%s); one of them may be left from a commit before":                            "lingering-process",
	"%v": "backup-folder-unreadable",
	"PID %d runs, but the supervisor says %s: it may be left from a commit before, and holds the log":                                       "lingering-process",
	"backup %s is of framework %s, the cluster is %s: Mesos would not know the restored scheduler's tasks. Choose a backup of this cluster": "backup-foreign",
	"something answers at %s, where the disabled scheduler must find nobody: %s":                                                            "fake-address-answers",
	"%s, which should hold the log, is no folder: a wrong path or an unmounted disk":                                                        "log-parent-missing",
	"%s is no folder (link to %q)":                               "log-not-a-folder",
	"%s belongs to user %d, not to the scheduler's user %s (%d)": "log-wrong-owner",
	"%s: %s": "cannot-tell",
	"%s has %d MiB free; the evidence copy of the log needs %d MiB":                                                                  "run-disk-full",
	"-native_log_quorum_size is %s; with %d schedulers it must be %d":                                                                "quorum-flag-wrong",
	"the scheduler's -http_port is %s, but the configuration of the bot says %s":                                                     "http-port-differs",
	"backup %s is on none of the hosts (%s); those that are there: %s":                                                               "backup-none",
	"backup %s has different content on different hosts: %s. Which one is meant can't be told: move the wrong one out of its folder": "backups-differ",
	"backup %s does not decode to its end: %s":                                                                                       "backup-damaged",
	"backup %s decodes, but looks wrong: %s":                                                                                         "backup-odd",
	"backup %s is %s old by its inner time, older than %s; say why it is wanted with --reason TEXT":                                  "backup-stale",
	"-%s differs between the hosts: %s":                                                                                              "flags-differ",
	"the log's group in ZooKeeper (%s) has %d replicas, but %d schedulers are configured: %s":                                        "replicas-unlisted",
	"%s is a scheduler of this cluster in ZooKeeper (%s/%s), but it is not configured: it would meet an empty log":                   "scheduler-unlisted",
	"the scheduler runs with -native_log_file_path=%s, but %s says %s: after a restart it would use another log":                     "log-path-differs",
}

// bad takes pre-flight's complaints.
func (f *hostFacts) bad(format string, args ...any) {
	id := preflightKinds[format]
	if id == "" {
		id = "cannot-tell" // It stops a recovery; what to call it nobody said.
	}
	f.complain(id, format, args...)
}

// gather asks a host that answers. Each part that fails is noted, and the rest
// is asked all the same.
func (r *Recovery) gather(ctx context.Context, v *visit) {
	f, t := &v.facts, v.t
	var err error
	if f.look.Unit, err = r.supervisor().State(ctx, t); err != nil {
		f.cannotTell("its supervisor", err)
	}
	if err := r.lookAtAccess(ctx, t, &f.look); err != nil {
		f.complain("access-missing", "%v", err)
	}
	vars, err := r.lookAtConfig(ctx, t, &f.look)
	if err != nil {
		f.complain("configuration-unreadable", "%v", err)
		vars, _ = aurora.ParseShellVars(r.scheduler(t).ConfigFile, nil) // No variables: the process may still say all.
	}
	if vars != nil {
		master, _ := vars.Resolved("mesos_master_address")
		f.fakeInFile = master == r.Cluster.FakeMaster
	}
	r.askScheduler(ctx, f)
	r.askManagers(ctx, v)
	if !v.ready || vars == nil {
		return
	}
	if err := r.lookAtProcess(ctx, t, &f.look, vars, f.bad); err != nil {
		f.cannotTell("its processes", err)
	} else {
		f.looked = true
	}
	if f.look.Running && f.vars == nil {
		at := r.scheduler(t).HTTP
		facts, err := r.probe(ctx, t, probe.Request{Dials: []string{at}})
		f.closed = err == nil && facts.Dials[at] == "refused"
	}
	missing := false
	for _, name := range neededFlags {
		if f.look.Flags[name] == "" {
			missing = true
			f.bad("-%s is set neither by the running scheduler nor by %s", name, r.scheduler(t).ConfigFile)
		}
	}
	r.askJournal(ctx, v)
	if missing {
		return
	}
	if err := r.lookAtFiles(ctx, t, &f.look, f.bad); err != nil {
		f.cannotTell("its files", err)
	}
	r.askBackups(ctx, v)
}

// askScheduler asks over HTTP. That a scheduler which does not run gives no
// answer is no surprise; judgeHost knows which of both it is.
func (r *Recovery) askScheduler(ctx context.Context, f *hostFacts) {
	v, err := r.client(f.name).Vars(ctx)
	if err != nil {
		f.unknown = append(f.unknown, unknown{whatVars, err.Error()})
		return
	}
	f.vars = v
	if f.lifecycle, err = v.Lifecycle(); err != nil {
		f.cannotTell("its state", err)
	} else if f.lifecycle == "" {
		f.unknown = append(f.unknown, unknown{"its state", "/vars names none of the scheduler_lifecycle_* states as 1"})
	}
	if f.lifecycle == "ACTIVE" || f.lifecycle == awaiting {
		n, err := v.Int("framework_registered")
		if err != nil {
			f.cannotTell("whether it is registered", err)
		}
		f.registered = n == 1
	}
	reply, err := r.client(f.name).Staged(ctx)
	if err != nil {
		f.cannotTell("whether something is staged", err)
	}
	f.staged = err == nil && reply.OK()
}

// whatVars names the question that only a running scheduler answers.
const whatVars = "its /vars"

// askJournal scans what the scheduler logged within the last hour, in the
// unit's journal or in its files.
func (r *Recovery) askJournal(ctx context.Context, v *visit) {
	f := &v.facts
	if !r.logs() {
		f.unknown = append(f.unknown, unknown{"its log lines", "where a scheduler logs is known of systemd's units only; name its files with log_files"})
		return
	}
	f.since = r.Now().Add(f.look.Skew).Add(-time.Hour)
	s := schedulerLook{Since: f.since}
	if err := r.scan(ctx, v.t, &s); err != nil {
		f.cannotTell("its log lines", err)
		return
	}
	if s.Missing {
		f.unknown = append(f.unknown, unknown{"its log lines", "its journal or its files could not be read"})
		return
	}
	if s.Silent && f.look.Running {
		f.unknown = append(f.unknown, unknown{"its log lines", silent(f.look.Process.PID)})
		return
	}
	f.scanned, f.lines = true, s.Found
	f.framework = loggedFramework(s.Found)
}

// silent says what it means that a log has no line of the last hour: even asking
// a scheduler makes it log.
func silent(pid int) string {
	return fmt.Sprintf("nothing was logged there within the last hour, though PID %d runs: it logs elsewhere (log_files names files), or hangs", pid)
}

// managers are configuration managers that may put a scheduler's flags back.
var managers = []string{"puppet", "chef-client", "salt-minion", "ansible-pull"}

// askManagers looks for their processes. The brackets keep grep from finding
// itself.
func (r *Recovery) askManagers(ctx context.Context, v *visit) {
	const look = `for f in $(grep -alsE '[p]uppet|[c]hef-client|[s]alt-minion|[a]nsible-pull' /proc/[0-9]*/cmdline); do tr '\0' '\n' <"$f" 2>/dev/null; echo; done; :`
	out, err := v.t.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", look}, Limit: 30 * time.Second})
	switch {
	case err != nil:
		v.facts.cannotTell("whether a configuration manager runs", err)
	case out.Exit != 0:
		v.facts.cannotTell("whether a configuration manager runs", fmt.Errorf("exit status %d: %s", out.Exit, tail(out)))
	default:
		v.facts.managers = managersIn(string(out.Stdout))
	}
}

// managersIn reads argument lists, one argument a line, an empty line between
// two. A program counts, or the script that an interpreter runs; a word in the
// arguments of an editor does not.
func managersIn(text string) []string {
	var found []string
	for _, process := range strings.Split(text, "\n\n") {
		argv := strings.Split(strings.Trim(process, "\n"), "\n")
		if len(argv) > 1 && slices.ContainsFunc([]string{"ruby", "python", "perl", "sh", "bash", "dash"}, func(p string) bool { return strings.HasPrefix(path.Base(argv[0]), p) }) {
			argv = argv[1:]
			for len(argv) > 1 && strings.HasPrefix(argv[0], "-") {
				argv = argv[1:]
			}
		}
		// Daemons write their title over their first argument: "puppet agent: applying".
		name, _, _ := strings.Cut(path.Base(argv[0]), " ")
		if name = strings.TrimSuffix(name, ":"); slices.Contains(managers, name) && !slices.Contains(found, name) {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}

// decoded bounds how many backups of a host are decoded: the newest by name.
const decoded = 5

func (r *Recovery) askBackups(ctx context.Context, v *visit) {
	f := &v.facts
	dir := f.look.Flags["backup_dir"]
	facts, err := r.probe(ctx, v.t, probe.Request{Backups: dir})
	if err != nil {
		return // lookAtFiles has said so.
	}
	named := slices.DeleteFunc(facts.Backups, func(b probe.File) bool { return aurora.CheckBackupName(b.Name) != nil })
	for _, file := range named[max(0, len(named)-decoded):] {
		b := BackupFound{Host: f.name, Path: path.Join(dir, file.Name), MTime: file.MTime}
		if err := r.readJSON(ctx, v.t, 5*time.Minute, &b.Report, "backup", "inspect", "--json", b.Path); err != nil {
			f.cannotTell("backup "+file.Name, err)
			continue
		}
		f.backups = append(f.backups, b)
	}
}
