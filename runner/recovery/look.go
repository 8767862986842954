package recovery

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/backup"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
)

// hostLook is what pre-flight found on one host: the facts of prepare/look.
type hostLook struct {
	Flags   map[string]string `json:"flags"`   // Of shownFlags, as the process has them, or as the configuration sets them.
	Running bool              `json:"running"` // A process was found.
	Process probe.Process     `json:"process"` // Without its arguments.
	Unit    unitState         `json:"unit"`

	ConfigSHA256 string      `json:"config_sha256"` // Of the configuration file as it is.
	NewSHA256    string      `json:"new_sha256"`    // Of what Preparation will write.
	Diff         []string    `json:"diff"`          // The flags that change, old and new.
	Config       probe.Path  `json:"config"`
	Log          probe.Path  `json:"log"`
	LogParent    probe.Path  `json:"log_parent"`
	RunDir       probe.Path  `json:"run_dir"`
	BackupDir    probe.Path  `json:"backup_dir"`
	Backups      []string    `json:"backups"` // Names of the files in the backup folder.
	Backup       *backupHere `json:"backup,omitempty"`

	MesosLog  string        `json:"mesos_log"` // Where it lies: it is run without an environment.
	Skew      time.Duration `json:"skew_ns"`
	UID       int           `json:"uid"` // Of the scheduler's user on this host.
	Lifecycle string        `json:"lifecycle,omitempty"`
	Uptime    int64         `json:"uptime,omitempty"` // Seconds.

	Lines   []health.Match `json:"lines,omitempty"` // Of what the scheduler logged within the hour before.
	Scanned bool           `json:"scanned"`         // Lines is known.
}

// backupHere is the backup that was asked for, on one host.
type backupHere struct {
	Path   string        `json:"path"`
	Report backup.Report `json:"report"`
}

// shownFlags are the flags that are kept: others may hold secrets.
var shownFlags = []string{
	"native_log_file_path", "native_log_zk_group_path", "native_log_quorum_size", "serverset_path", "zk_endpoints",
	"backup_dir", "backup_interval", "http_port", "hostname", "ip", "cluster_name", "mesos_master_address",
	"max_registration_delay", "max_leading_duration", "reconciliation_initial_delay", "gc_executor_path",
	"framework_failover_timeout", "max_saved_backups",
}

// neededFlags must be known before anything is done.
var neededFlags = []string{"native_log_file_path", "native_log_zk_group_path", "native_log_quorum_size", "serverset_path", "zk_endpoints", "backup_dir", "http_port"}

func (r *Recovery) lookStep() runner.Step {
	return runner.Step{
		ID: stepLook, Source: "pre-flight", Title: "Look at every host: access, tools, flags, configuration, disk, clock, backup",
		On: r.everyScheduler, Check: r.lookAtHost, Limit: 5 * time.Minute,
	}
}

// lookAtHost is pre-flight of one host. It gathers all that is wrong before it
// says so, so that people mend it in one go.
func (r *Recovery) lookAtHost(ctx context.Context, t *runner.Task) (runner.Answer, error) {
	n := noted{subject: t.On}
	bad := n.bad

	look := hostLook{}
	if err := r.lookAtAccess(ctx, t, &look); err != nil {
		return runner.Answer{}, telling(t, "access-missing", err)
	}
	if err := r.mayHaveJobs(ctx, t); err != nil {
		return runner.Answer{}, telling(t, "access-missing", err)
	}
	unit, err := r.supervisor().State(ctx, t)
	if err != nil {
		return runner.Answer{}, telling(t, "cannot-tell", err)
	}
	look.Unit = unit
	vars, err := r.lookAtConfig(ctx, t, &look)
	if err != nil {
		return runner.Answer{}, telling(t, "configuration-unreadable", err)
	}
	if master, _ := vars.Resolved("mesos_master_address"); master == r.Cluster.FakeMaster {
		// Cleanup would put it back as the original.
		bad("fake-master-left", "%s sets -mesos_master_address=%s: it is left from a recovery that was not ended. Put the original file back", r.scheduler(t).ConfigFile, master)
	}
	if err := r.lookAtProcess(ctx, t, &look, vars, bad); err != nil {
		return runner.Answer{}, telling(t, "cannot-tell", err)
	}
	missing := false
	for _, name := range neededFlags {
		if look.Flags[name] == "" {
			missing = true
			bad("flag-missing", "-%s is set neither by the running scheduler nor by %s", name, r.scheduler(t).ConfigFile)
		}
	}
	if !missing {
		if err := r.lookAtFiles(ctx, t, &look, bad); err != nil {
			return runner.Answer{}, telling(t, "cannot-tell", err)
		}
		if err := r.lookAtBackup(ctx, t, &look); err != nil {
			return runner.Answer{}, telling(t, "cannot-tell", err)
		}
		r.lookAtLines(ctx, t, &look, &n)
	}
	if err := tell(t, n.found...); err != nil {
		return runner.Answer{}, err
	}
	if len(n.wrong) > 0 {
		return runner.No("%s", n.words()), nil
	}
	return runner.Yes("%s", look.words()).With(look), nil
}

// lookAtLines reads what the scheduler logged within the last hour: whether
// leadership flaps, and why, stands there. That it cannot be read stops nothing.
func (r *Recovery) lookAtLines(ctx context.Context, t *runner.Task, look *hostLook, n *noted) {
	s := schedulerLook{Since: r.Now().Add(look.Skew).Add(-time.Hour)}
	switch err := r.scan(ctx, t, &s); {
	case err != nil || s.Missing:
		n.also(health.Found("cannot-tell", t.On, "what its scheduler logged within the last hour: %v", orNone(err)))
	case s.Silent && look.Running:
		n.also(health.Found("cannot-tell", t.On, "what its scheduler logged within the last hour: %s", silent(look.Process.PID)))
	default:
		look.Lines, look.Scanned = s.Found, true
	}
	if !look.Log.Exists {
		n.also(health.Found("log-missing", t.On, "%s is not there", look.Flags["native_log_file_path"]))
	}
	if !look.Running {
		n.also(health.Found("scheduler-down", t.On, "no scheduler process; the supervisor says %s", look.Unit.Words))
		return
	}
	at := r.scheduler(t).HTTP
	if look.Lifecycle != "" {
		return
	}
	facts, err := r.probe(ctx, t, probe.Request{Dials: []string{at}})
	f := hostFacts{look: *look, lines: look.Lines, closed: err == nil && facts.Dials[at] == "refused"}
	if f.lingers(r.Now()) {
		n.also(health.Found("scheduler-lingers", t.On, "PID %d runs since %s, and nobody listens at %s", look.Process.PID, look.Process.Since.Format(time.RFC3339), at))
	}
}

func orNone(err error) string {
	if err == nil {
		return "its log could not be read"
	}
	return err.Error()
}

func (l *hostLook) words() string {
	state := "scheduler not running (" + l.Unit.Words + ")"
	if l.Running {
		state = fmt.Sprintf("scheduler runs as PID %d since %s", l.Process.PID, l.Process.Since.Format(time.RFC3339))
	}
	if l.Lifecycle != "" {
		state += ", " + l.Lifecycle
	}
	here := "backup not here"
	if l.Backup != nil {
		here = fmt.Sprintf("backup here: %d bytes, %.12s", l.Backup.Report.Bytes, l.Backup.Report.SHA256)
	}
	return fmt.Sprintf("%s; log %s; quorum %s; %s; clock %+dms", state, l.Flags["native_log_file_path"], l.Flags["native_log_quorum_size"], here, l.Skew.Milliseconds())
}

// lookAtAccess asks whether sudo works and the tools are there.
func (r *Recovery) lookAtAccess(ctx context.Context, t *runner.Task, look *hostLook) error {
	if _, err := run(ctx, t, "root", "true"); err != nil {
		return fmt.Errorf("sudo to root: %w", err)
	}
	if _, err := run(ctx, t, r.Cluster.User, "true"); err != nil {
		return fmt.Errorf("sudo to %s: %w", r.Cluster.User, err)
	}
	for _, tool := range r.tools() {
		out, err := t.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", `command -v "$1"`, "sh", tool}, User: "root"})
		if err != nil {
			return fmt.Errorf("look for %s: %w", tool, err)
		}
		if out.Exit != 0 {
			return fmt.Errorf("%s is not on the host, or not in root's PATH", tool)
		}
		if tool == r.Cluster.MesosLogPath {
			look.MesosLog = strings.TrimSpace(string(out.Stdout))
		}
	}
	return nil
}

// tools are the programs that a recovery needs on the hosts.
func (r *Recovery) tools() []string {
	tools := []string{r.Cluster.MesosLogPath}
	if r.Cluster.Admin == "aurora_admin" {
		tools = append(tools, r.Cluster.AdminPath)
	}
	if f := r.Cluster.Firewall; f == "nft" || f == "iptables" {
		tools = append(tools, f)
	}
	return tools
}

// lookAtConfig reads the configuration file and works out what Preparation will write.
func (r *Recovery) lookAtConfig(ctx context.Context, t *runner.Task, look *hostLook) (*aurora.ShellVars, error) {
	text, err := r.readConfig(ctx, t)
	if err != nil {
		return nil, err
	}
	file := r.scheduler(t).ConfigFile
	vars, err := aurora.ParseShellVars(file, text)
	if err != nil {
		return nil, err
	}
	changes := r.Profile.DisabledFlags(r.Cluster.FakeMaster, r.Cluster.RegistrationWait)
	rewritten, err := vars.Rewrite(changes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	look.ConfigSHA256, look.NewSHA256 = sha256Hex(text), sha256Hex(rewritten)
	for _, c := range changes {
		old, set := vars.Flag(c.Flag)
		if !set {
			old = "(not set)"
		}
		look.Diff = append(look.Diff, fmt.Sprintf("-%s: %s -> %s", c.Flag, old, strings.TrimPrefix(c.String(), "-"+c.Flag+"=")))
	}
	return vars, nil
}

// lookAtProcess finds the scheduler's process and its flags, and asks it how it is.
func (r *Recovery) lookAtProcess(ctx context.Context, t *runner.Task, look *hostLook, vars *aurora.ShellVars, bad complainer) error {
	look.Flags = map[string]string{}
	for _, name := range shownFlags {
		if v, ok := vars.Resolved(name); ok {
			look.Flags[name] = v
		}
	}
	// What runs was started before the file was written, it may be: the next start counts.
	for _, flag := range vars.NotIn(r.Cluster.Version) {
		bad("flag-of-another-version", "%s sets -%s, which Aurora %s does not know: the scheduler would refuse to start", r.scheduler(t).ConfigFile, flag, r.Cluster.Version)
	}
	facts, err := r.probe(ctx, t, probe.Request{Processes: true})
	if err != nil {
		return err
	}
	look.UID = facts.UID
	look.Skew = facts.Now.Sub(r.Now()).Round(time.Millisecond)
	if skew := look.Skew.Abs(); skew > r.Cluster.MaxClockSkew {
		bad("clock-skew", "the clock is %s off the bot's, more than %s", skew, r.Cluster.MaxClockSkew)
	}
	all, err := ours(facts.Processes, look.Flags["native_log_file_path"], look.Unit.PID)
	if err != nil {
		return err
	}
	mine := oneOfEach(all)
	switch len(mine) {
	case 0:
		return nil
	case 1:
	default:
		bad("lingering-process", "%d schedulers run on the host (%s); one of them may be left from a commit before", len(mine), named(mine))
		return nil
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	for _, name := range shownFlags {
		delete(look.Flags, name)
		if v, ok := flags[name]; ok {
			look.Flags[name] = v
		}
	}
	if v, ok := vars.Resolved("native_log_file_path"); ok && v != flags["native_log_file_path"] {
		bad("log-path-differs", "the scheduler runs with -native_log_file_path=%s, but %s says %s: after a restart it would use another log", flags["native_log_file_path"], r.scheduler(t).ConfigFile, v)
	}
	if !look.Unit.Running {
		bad("lingering-process", "PID %d runs, but the supervisor says %s: it may be left from a commit before, and holds the log", mine[0].PID, look.Unit.Words)
	}
	look.Running, look.Process = true, mine[0].Process
	look.Process.Argv = nil
	if v, err := r.client(t.On).Vars(ctx); err == nil {
		look.Lifecycle, _ = v.Lifecycle() // Two states at once count as none here; Assess looks closer.
		look.Uptime, _ = v.Int("jvm_uptime_secs")
	}
	return nil
}

// ours are the scheduler processes that use the log at path, or that the
// supervisor calls its own.
func ours(all []probe.Process, path string, mainPID int) ([]probe.Process, error) {
	var mine []probe.Process
	for _, p := range all {
		flags, err := aurora.ParseFlags(p.Argv)
		if err != nil {
			return nil, fmt.Errorf("arguments of process %d: %w", p.PID, err)
		}
		if p.PID == mainPID && mainPID != 0 || flags["native_log_file_path"] == path {
			mine = append(mine, p)
		}
	}
	return mine, nil
}

func named(list []scheduler) string {
	all := make([]probe.Process, len(list))
	for i, s := range list {
		all[i] = s.Process
	}
	return pids(all)
}

func pids(list []probe.Process) string {
	var s []string
	for _, p := range list {
		s = append(s, fmt.Sprintf("PID %d", p.PID))
	}
	return strings.Join(s, ", ")
}

// lookAtFiles checks paths, space, and that nobody listens at the fake address.
func (r *Recovery) lookAtFiles(ctx context.Context, t *runner.Task, look *hostLook, bad complainer) error {
	s := r.scheduler(t)
	log, dir := look.Flags["native_log_file_path"], look.Flags["backup_dir"]
	fake, err := fakeAddress(r.Cluster.FakeMaster)
	if err != nil {
		return err
	}
	if _, err := run(ctx, t, "root", "install", "-d", "-m", "0755", s.RunDir); err != nil {
		return err
	}
	facts, err := r.probe(ctx, t, probe.Request{
		Paths: []string{log, path.Dir(log), s.RunDir, dir, s.ConfigFile}, Backups: dir, Dials: []string{fake},
	})
	switch {
	case err == nil:
	case facts.Paths != nil && strings.Contains(err.Error(), "list backups"):
		bad("backup-folder-unreadable", "%v", err) // All else was answered.
	default:
		return err
	}
	look.Log, look.LogParent, look.RunDir, look.BackupDir, look.Config = facts.Paths[log], facts.Paths[path.Dir(log)], facts.Paths[s.RunDir], facts.Paths[dir], facts.Paths[s.ConfigFile]
	for _, f := range facts.Backups {
		if plainName.MatchString(f.Name) {
			look.Backups = append(look.Backups, f.Name)
		}
	}
	if answer := facts.Dials[fake]; answer != "refused" {
		bad("fake-address-answers", "something answers at %s, where the disabled scheduler must find nobody: %s", fake, answer)
	}
	if !look.LogParent.Dir {
		bad("log-parent-missing", "%s, which should hold the log, is no folder: a wrong path or an unmounted disk", path.Dir(log))
	}
	if look.Log.Exists && (!look.Log.Dir || look.Log.Link != "") {
		bad("log-not-a-folder", "%s is no folder (link to %q)", log, look.Log.Link)
	}
	if look.Log.Exists && look.Log.UID != look.UID {
		bad("log-wrong-owner", "%s belongs to user %d, not to the scheduler's user %s (%d)", log, look.Log.UID, r.Cluster.User, look.UID)
	}
	if look.Log.Error != "" {
		bad("cannot-tell", "%s: %s", log, look.Log.Error)
	}
	// The evidence copy, and the log that starts anew beside it.
	if need := 2*look.Log.Size + 64<<20; look.RunDir.Free < need {
		bad("run-disk-full", "%s has %d MiB free; the evidence copy of the log needs %d MiB", s.RunDir, look.RunDir.Free>>20, need>>20)
	}
	if n := len(r.Cluster.Schedulers); look.Flags["native_log_quorum_size"] != fmt.Sprint(r.Cluster.Quorum()) {
		bad("quorum-flag-wrong", "-native_log_quorum_size is %s; with %d schedulers it must be %d", look.Flags["native_log_quorum_size"], n, r.Cluster.Quorum())
	}
	if _, port, err := net.SplitHostPort(s.HTTP); err == nil && port != look.Flags["http_port"] {
		bad("http-port-differs", "the scheduler's -http_port is %s, but the configuration of the bot says %s", look.Flags["http_port"], port)
	}
	return nil
}

// plainName is what a file of the backup folder is called that is kept: one with
// another name was put there by somebody, and no scheduler makes it.
var plainName = regexp.MustCompile("^" + aName + "$")

// fakeAddress is the host and port of the fake Mesos address.
func fakeAddress(master string) (string, error) {
	u, err := url.Parse(master)
	if err != nil || u.Scheme != "zk" || u.Port() == "" {
		return "", fmt.Errorf("the fake Mesos address %q is no zk://address:port/path", master)
	}
	return u.Host, nil
}

// lookAtBackup decodes the backup that was asked for, where it lies on this host.
func (r *Recovery) lookAtBackup(ctx context.Context, t *runner.Task, look *hostLook) error {
	name := t.State.Request.Backup
	if name == "" || !slices.Contains(look.Backups, name) {
		return nil
	}
	b := backupHere{Path: path.Join(look.Flags["backup_dir"], name)}
	if err := r.readJSON(ctx, t, 5*time.Minute, &b.Report, "backup", "inspect", "--json", b.Path); err != nil {
		return err
	}
	b.Report.TimestampMs = 0
	b.Report.Tasks.ByJob, b.Report.Tasks.ActiveByJob = nil, nil
	look.Backup = &b
	return nil
}

// look returns what pre-flight found on a host, or, of one that was left out
// before that, what was found when it came back.
func look(s *runner.State, host string) (hostLook, error) {
	var l hostLook
	if !s.Facts(stepLook, host, &l) && !s.Facts(stepSettleLook, host, &l) {
		return l, fmt.Errorf("pre-flight of %s is not in the journal", host)
	}
	return l, nil
}
