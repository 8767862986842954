package diagnose

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
	"aurorabot/runner/rooted"
)

// hostFacts are what was seen of one host, before anybody judges it.
type hostFacts struct {
	name       string
	silent     error // It cannot be asked at all.
	complaints []complaint
	unknown    []unknown

	looked     bool // look holds the process, or that there is none.
	look       node.Look
	fakeInFile bool // The configuration file has the fake Mesos address.

	closed     bool        // Its process runs, and nobody listens at its HTTP address.
	vars       aurora.Vars // Nil: no answer, and then it stands in unknown if it should answer.
	lifecycle  string
	registered bool
	staged     bool

	lines     []health.Match
	scanned   bool
	past      past   // Which of the lines count.
	framework string // Of the cluster, as this scheduler or its log says.

	managers []string
	left     []rooted.Left // What runs left.
	backups  []backupFound // The newest ones, decoded.

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

// gather asks a host that answers. Each part that fails is noted, and the rest
// is asked all the same.
func (dr *Doctor) gather(ctx context.Context, v *visit) {
	f := &v.facts
	var err error
	if f.look.Unit, err = v.Supervisor().State(ctx); err != nil {
		f.cannotTell("its supervisor", err)
	}
	if err := f.look.AtAccess(ctx, v.Node); err != nil {
		f.complain("access-missing", "%v", err)
	}
	vars, err := f.look.AtConfig(ctx, v.Node)
	if err != nil {
		f.complain("configuration-unreadable", "%v", err)
		vars = flagfile.Empty(v.Scheduler.ConfigFile) // No flags: the process may still say all.
	}
	if vars != nil {
		master, _ := vars.Resolved("mesos_master_address")
		f.fakeInFile = master == dr.Cluster.FakeMaster
	}
	dr.askScheduler(ctx, f)
	v.askManagers(ctx)
	if v.Tool.Path == "" || vars == nil {
		return
	}
	if err := f.look.AtProcess(ctx, v.Node, vars, f.complain); err != nil {
		f.cannotTell("its processes", err)
	} else {
		f.looked = true
	}
	if f.look.Running && f.vars == nil {
		at := v.Scheduler.HTTP
		facts, err := v.Ask(ctx, probe.Request{Dials: []string{at}})
		f.closed = err == nil && facts.Dials[at] == "refused"
	}
	missing := false
	for _, name := range node.NeededFlags {
		if f.look.Flags[name] == "" {
			missing = true
			f.complain("flag-missing", "-%s is set neither by the running scheduler nor by %s", name, v.Scheduler.ConfigFile)
		}
	}
	dr.askJournal(ctx, v)
	if missing {
		return
	}
	if err := f.look.AtFiles(ctx, v.Node, f.complain); err != nil {
		f.cannotTell("its files", err)
	}
	v.askBackups(ctx)
	v.askLeft(ctx)
}

// askLeft asks how much closed runs left.
func (v *visit) askLeft(ctx context.Context) {
	var err error
	if v.facts.left, err = v.Left(ctx, v.facts.look.Flags["native_log_file_path"], ""); err != nil {
		v.facts.cannotTell("what runs left", err)
	}
}

// askScheduler asks over HTTP. That a scheduler which does not run gives no
// answer is no surprise; judgeHost knows which of both it is.
func (dr *Doctor) askScheduler(ctx context.Context, f *hostFacts) {
	v, err := dr.Node(f.name).Client().Vars(ctx)
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
	if f.lifecycle == "ACTIVE" || f.lifecycle == aurora.Awaiting {
		n, err := v.Int("framework_registered")
		if err != nil {
			f.cannotTell("whether it is registered", err)
		}
		f.registered = n == 1
	}
	reply, err := dr.Node(f.name).Client().Staged(ctx)
	if err != nil {
		f.cannotTell("whether something is staged", err)
	}
	f.staged = err == nil && reply.OK()
}

// whatVars names the question that only a running scheduler answers.
const whatVars = "its /vars"

// askJournal scans what the scheduler logged within the last hour, in the
// unit's journal or in its files.
func (dr *Doctor) askJournal(ctx context.Context, v *visit) {
	f := &v.facts
	if !dr.Logs() {
		f.unknown = append(f.unknown, unknown{"its log lines", "where a scheduler logs is known of systemd's units only; name its files with log_files"})
		return
	}
	s, err := v.Logged(ctx, dr.Now().Add(f.look.Skew).Add(-time.Hour))
	if err != nil {
		f.cannotTell("its log lines", err)
		return
	}
	if s.Missing {
		f.unknown = append(f.unknown, unknown{"its log lines", "its journal or its files could not be read"})
		return
	}
	if s.Silent && f.look.Running {
		f.unknown = append(f.unknown, unknown{"its log lines", Silent(f.look.Process.PID)})
		return
	}
	f.scanned, f.lines = true, s.Found
	f.framework = health.Framework(s.Found)
}

// Silent says what it means that a log has no line of the last hour: even asking
// a scheduler makes it log.
func Silent(pid int) string {
	return fmt.Sprintf("nothing was logged there within the last hour, though PID %d runs: it logs elsewhere (log_files names files), or hangs", pid)
}

// managers are configuration managers that may put a scheduler's flags back.
var managers = []string{"puppet", "chef-client", "salt-minion", "ansible-pull"}

// askManagers looks for their processes. The brackets keep grep from finding
// itself.
func (v *visit) askManagers(ctx context.Context) {
	const look = `for f in $(grep -alsE '[p]uppet|[c]hef-client|[s]alt-minion|[a]nsible-pull' /proc/[0-9]*/cmdline); do tr '\0' '\n' <"$f" 2>/dev/null; echo; done; :`
	out, err := v.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", look}, Limit: 30 * time.Second})
	if err := node.Well("look for it", out, err); err != nil {
		v.facts.cannotTell("whether a configuration manager runs", err)
		return
	}
	v.facts.managers = managersIn(string(out.Stdout))
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

func (v *visit) askBackups(ctx context.Context) {
	f := &v.facts
	dir := f.look.Flags["backup_dir"]
	facts, err := v.Ask(ctx, probe.Request{Backups: dir})
	if err != nil {
		return // lookAtFiles has said so.
	}
	named := slices.DeleteFunc(facts.Backups, func(b probe.File) bool { return aurora.CheckBackupName(b.Name) != nil })
	for _, file := range named[max(0, len(named)-decoded):] {
		b := backupFound{Host: f.name, Path: path.Join(dir, file.Name)}
		if err := v.Read(ctx, 5*time.Minute, &b.Report, "backup", "inspect", "--json", b.Path); err != nil {
			f.cannotTell("backup "+file.Name, err)
			continue
		}
		f.backups = append(f.backups, b)
	}
}
