package node

import (
	"context"
	"errors"
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
	"aurorabot/runner/flagfile"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
	"aurorabot/runner/rooted"
	"aurorabot/runner/supervise"
)

// A BackupHere is the backup that was asked for, on one host.
type BackupHere struct {
	Path   string        `json:"path"`
	Report backup.Report `json:"report"`
}

// Look is what pre-flight found on one host: the facts of prepare/look.
type Look struct {
	Flags   map[string]string `json:"flags"`   // Of ShownFlags, as the process has them, or as the configuration sets them.
	Running bool              `json:"running"` // A process was found.
	Process probe.Process     `json:"process"` // Without its arguments.
	Unit    UnitState         `json:"unit"`

	ConfigSHA256 string      `json:"config_sha256"` // Of the configuration file as it is.
	NewSHA256    string      `json:"new_sha256"`    // Of what Preparation will write.
	Diff         []string    `json:"diff"`          // The flags that change, old and new.
	Config       probe.Path  `json:"config"`
	Log          probe.Path  `json:"log"`
	LogParent    probe.Path  `json:"log_parent"`
	RunDir       probe.Path  `json:"run_dir"`
	BackupDir    probe.Path  `json:"backup_dir"`
	Backups      []string    `json:"backups"` // Names of the files in the backup folder.
	Backup       *BackupHere `json:"backup,omitempty"`

	MesosLog string `json:"mesos_log"` // Where it lies: it is run without an environment.
	// RecoveryTool is where that lies. Empty: the cluster has none.
	RecoveryTool string `json:"recovery_tool,omitempty"`

	Skew      time.Duration `json:"skew_ns"`
	UID       int           `json:"uid"` // Of the scheduler's user on this host.
	Lifecycle string        `json:"lifecycle,omitempty"`
	Uptime    int64         `json:"uptime,omitempty"` // Seconds.

	Ways map[string]rooted.Way `json:"ways,omitempty"` // To the log and the backups, as the scheduler's account sees them, and to where root works.

	Lines   []health.Match `json:"lines,omitempty"` // Of what the scheduler logged within the hour before.
	Scanned bool           `json:"scanned"`         // Lines is known.

	// Uncompared: no scheduler runs, so nothing tells whether its start reads the configuration file.
	Uncompared bool `json:"-"`

	footing Footing // Of root, as AtAccess found it.
}

// ShownFlags are the flags that are kept: others may hold secrets.
var ShownFlags = []string{
	"native_log_file_path", "native_log_zk_group_path", "native_log_quorum_size", "serverset_path", "zk_endpoints",
	"backup_dir", "backup_interval", "http_port", "hostname", "ip", "cluster_name", "mesos_master_address",
	"max_registration_delay", "max_leading_duration", "reconciliation_initial_delay", "gc_executor_path",
	"framework_failover_timeout", "max_saved_backups", "zk_chroot_path",
}

// FlagsOf are those of ShownFlags that a configuration sets.
func FlagsOf(file *flagfile.File) map[string]string {
	flags := map[string]string{}
	for _, name := range ShownFlags {
		if v, ok := file.Resolved(name); ok {
			flags[name] = v
		}
	}
	return flags
}

// DisabledFlags are what must be in force from Preparation to Cleanup.
func (s *Nodes) DisabledFlags() []aurora.FlagChange {
	return s.Profile.DisabledFlags(s.Cluster.FakeMaster, s.Cluster.RegistrationWait)
}

// A Complain takes what would stop a recovery: a finding's ID, and the words.
type Complain func(id, format string, args ...any)

// NeededFlags must be known before anything is done.
var NeededFlags = []string{"native_log_file_path", "native_log_zk_group_path", "native_log_quorum_size", "serverset_path", "zk_endpoints", "backup_dir", "http_port"}

// AtAccess asks whether sudo works and the tools are there.
func (look *Look) AtAccess(ctx context.Context, n *Node) error {
	if err := everyday(ctx, n); err != nil {
		return err
	}
	var err error
	if look.footing, err = FootingOn(ctx, n); err != nil {
		return oldSudo(ctx, n, err)
	}
	// With the group that it reads the log with, which a sudoers file may allow or not.
	out, err := n.Host.Run(ctx, runner.Command{Argv: []string{"true"}, User: n.Cluster.User, Group: n.Cluster.JournalGroup()})
	if err := Well(strings.TrimSpace("become "+n.Cluster.User+" "+n.Cluster.JournalGroup()), out, err); err != nil {
		return printAnew(n, err)
	}
	for _, tool := range n.Tools() {
		out, err := n.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", `command -v "$1"`, "sh", tool}, User: "root"})
		if err != nil {
			return fmt.Errorf("look for %s: %w", tool, err)
		}
		if out.Exit != 0 {
			return fmt.Errorf("%s is not on the host, or not in root's PATH", tool)
		}
		switch tool {
		case n.Cluster.MesosLogPath:
			look.MesosLog = strings.TrimSpace(string(out.Stdout))
		case n.Cluster.RecoveryTool:
			look.RecoveryTool = strings.TrimSpace(string(out.Stdout))
		}
	}
	return nil
}

// Tools are the programs that a recovery needs on the hosts.
func (s *Nodes) Tools() []string {
	tools := []string{s.Cluster.MesosLogPath}
	if s.Cluster.RecoveryTool != "" {
		tools = append(tools, s.Cluster.RecoveryTool, "tar")
	}
	if s.Cluster.Admin == "aurora_admin" {
		tools = append(tools, s.Cluster.AdminPath)
	}
	if f := s.Cluster.Firewall; f == "nft" || f == "iptables" {
		tools = append(tools, f)
	}
	return tools
}

// AtConfig reads the configuration file and works out what Preparation will write.
func (look *Look) AtConfig(ctx context.Context, n *Node) (*flagfile.File, error) {
	text, file, err := n.Config(ctx)
	if err != nil {
		return nil, err
	}
	changes := n.DisabledFlags()
	rewritten, err := file.Rewrite(changes)
	if err != nil {
		return nil, err
	}
	look.ConfigSHA256, look.NewSHA256 = SHA256(text), SHA256(rewritten)
	for _, c := range changes {
		old, set := file.Flag(c.Flag)
		if !set {
			old = "(not set)"
		}
		look.Diff = append(look.Diff, fmt.Sprintf("-%s: %s -> %s", c.Flag, old, strings.TrimPrefix(c.String(), "-"+c.Flag+"=")))
	}
	return file, nil
}

// AtProcess finds the scheduler's process and its flags, and asks it how it is.
func (look *Look) AtProcess(ctx context.Context, n *Node, file *flagfile.File, bad Complain) error {
	look.Flags = FlagsOf(file)
	// What runs was started before the file was written, it may be: the next start counts.
	for _, flag := range file.NotIn(n.Cluster.Version) {
		bad("flag-of-another-version", "%s sets -%s, which Aurora %s does not know: the scheduler would refuse to start", n.Scheduler.ConfigFile, flag, n.Cluster.Version)
	}
	facts, err := n.Ask(ctx, probe.Request{Processes: true})
	if err != nil {
		return err
	}
	look.UID = facts.UID
	look.Skew = facts.Now.Sub(n.Now()).Round(time.Millisecond)
	if skew := look.Skew.Abs(); skew > n.Cluster.MaxClockSkew {
		bad("clock-skew", "the clock is %s off the bot's, more than %s", skew, n.Cluster.MaxClockSkew)
	}
	all, err := Ours(facts.Processes, look.Flags["native_log_file_path"], look.Unit.PID)
	if err != nil {
		return err
	}
	mine := oneOfEach(all)
	switch len(mine) {
	case 0:
		look.Uncompared = true
		if unsure := file.Unsure(); len(unsure) > 0 {
			bad("configuration-unreadable", "%s: what %s stands for can't be told from the file, and no scheduler runs whose arguments would show it: start the scheduler, or write the flags out as -FLAG=VALUE", n.Scheduler.ConfigFile, strings.Join(unsure, ", "))
		}
		return nil
	case 1:
	default:
		bad("lingering-process", "%d schedulers run on the host (%s); one of them may be left from a commit before", len(mine), Named(mine))
		return nil
	}
	flags, err := aurora.ParseFlags(mine[0].Argv)
	if err != nil {
		return fmt.Errorf("arguments of process %d: %w", mine[0].PID, err)
	}
	for _, name := range ShownFlags {
		delete(look.Flags, name)
		if v, ok := flags[name]; ok {
			look.Flags[name] = v
		}
	}
	if v, ok := file.Resolved("native_log_file_path"); ok && v != flags["native_log_file_path"] {
		bad("log-path-differs", "the scheduler runs with -native_log_file_path=%s, but %s says %s: after a restart it would use another log", flags["native_log_file_path"], n.Scheduler.ConfigFile, v)
	}
	look.reads(n, file, flags, bad)
	if mechanism := flags["http_authentication_mechanism"]; mechanism == "NEGOTIATE" || mechanism == "BASIC" && n.Cluster.API.User == "" {
		bad("scheduler-authentication", "the scheduler runs with -http_authentication_mechanism=%s: %v", mechanism, &aurora.AuthError{Address: n.Scheduler.HTTP, Scheme: strings.ReplaceAll(mechanism, "NEGOTIATE", "Negotiate")})
	}
	if !look.Unit.Running {
		bad("lingering-process", "PID %d runs, but the supervisor says %s: it may be left from a commit before, and holds the log", mine[0].PID, look.Unit.Words)
	}
	if why := supervise.Differs(n.Cluster.Supervisor, look.Unit.PID, mine[0].launcher.PID, ancestors(mine[0].launcher.Above)); why != "" {
		bad("supervisor-differs", "%s", why)
	}
	look.Running, look.Process = true, mine[0].Process
	look.Process.Argv, look.Process.Above = nil, nil
	if v, err := n.Client().Vars(ctx); err == nil {
		look.Lifecycle, _ = v.Lifecycle() // Two states at once count as none here; Assess looks closer.
		look.Uptime, _ = v.Int("jvm_uptime_secs")
		look.version(n, v, bad)
	}
	// What only admins may ask, asked before the outage.
	if _, err := n.Client().Staged(ctx); errors.As(err, new(*aurora.AuthError)) {
		bad("scheduler-authentication", "%v", err)
	}
	return nil
}

// version complains where the scheduler says that it is of a version whose flags differ
// from those of the configured one. Old ones do not say.
func (look *Look) version(n *Node, v aurora.Vars, bad Complain) {
	runs, err := aurora.ParseVersion(v["build.version"])
	if err != nil {
		return
	}
	if p, err := aurora.ProfileOf(runs); err != nil || p.Name != n.Profile.Name {
		bad("version-differs", "it runs Aurora %s, the bot's configuration says %s: other flags keep it from losing tasks while it is disabled", runs, n.Cluster.Version)
	}
}

func ancestors(list []probe.Ancestor) []supervise.Ancestor {
	out := make([]supervise.Ancestor, len(list))
	for i, a := range list {
		out[i] = supervise.Ancestor(a)
	}
	return out
}

// reads complains where the scheduler runs with other flags than its configuration
// file says: what the bot writes there nobody would read, and a scheduler that is
// thought to be disabled would register. A flag that the process has from elsewhere
// would be given twice, and the scheduler refuse to start.
func (look *Look) reads(n *Node, file *flagfile.File, runs aurora.Flags, bad Complain) {
	if master, known := file.Resolved("mesos_master_address"); known && master == n.Cluster.FakeMaster {
		return // It was left from a recovery, which is a finding of its own.
	}
	// Each of these is said in a finding of its own.
	said := append(file.NotIn(n.Cluster.Version), "native_log_file_path")
	if _, port, err := net.SplitHostPort(n.Scheduler.HTTP); err == nil && port != runs["http_port"] {
		said = append(said, "http_port")
	}
	if runs["native_log_quorum_size"] != fmt.Sprint(n.Cluster.Quorum()) {
		said = append(said, "native_log_quorum_size")
	}
	different := slices.DeleteFunc(file.Differs(runs, n.DisabledFlags()), func(d string) bool {
		flag, _, _ := strings.Cut(strings.TrimPrefix(d, "-"), ":")
		return slices.Contains(said, flag)
	})
	if len(different) > 0 {
		bad("configuration-not-read", "the scheduler does not run with the flags of %s (%s): its start does not read the file, or that was changed since", n.Scheduler.ConfigFile, strings.Join(different, "; "))
	}
}

// AtFiles checks paths, space, and that nobody listens at the fake address.
func (look *Look) AtFiles(ctx context.Context, n *Node, bad Complain) error {
	s := n.Scheduler
	log, dir := look.Flags["native_log_file_path"], look.Flags["backup_dir"]
	fake, err := fakeAddress(n.Cluster.FakeMaster)
	if err != nil {
		return err
	}
	if err := look.footing.Open(); err != nil {
		bad("root-path-open", "%v", err)
	} else if _, err := n.Run(ctx, "root", "install", "-d", "-m", "0755", s.RunDir); err != nil {
		return err
	}
	facts, err := n.Ask(ctx, probe.Request{
		Paths: []string{log, path.Dir(log), s.RunDir, dir, s.ConfigFile}, Backups: dir, Dials: []string{fake},
		Ways: []string{log, dir}, Root: look.footing.Root,
	})
	switch {
	case err == nil:
	case facts.Paths != nil && strings.Contains(err.Error(), "list backups"):
		bad("backup-folder-unreadable", "%v", err) // All else was answered.
	default:
		return err
	}
	look.Log, look.LogParent, look.RunDir, look.BackupDir, look.Config = facts.Paths[log], facts.Paths[path.Dir(log)], facts.Paths[s.RunDir], facts.Paths[dir], facts.Paths[s.ConfigFile]
	look.ways(n, facts, bad)
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
		bad("log-wrong-owner", "%s belongs to user %d, not to the scheduler's user %s (%d)", log, look.Log.UID, n.Cluster.User, look.UID)
	}
	if look.Log.Error != "" {
		bad("cannot-tell", "%s: %s", log, look.Log.Error)
	}
	// The evidence copy, and the log that starts anew beside it.
	if need := 2*look.Log.Size + 64<<20; look.RunDir.Free < need {
		bad("run-disk-full", "%s has %d MiB free; the evidence copy of the log needs %d MiB", s.RunDir, look.RunDir.Free>>20, need>>20)
	}
	if count := len(n.Cluster.Schedulers); look.Flags["native_log_quorum_size"] != fmt.Sprint(n.Cluster.Quorum()) {
		bad("quorum-flag-wrong", "-native_log_quorum_size is %s; with %d schedulers it must be %d", look.Flags["native_log_quorum_size"], count, n.Cluster.Quorum())
	}
	if chroot := look.Flags["zk_chroot_path"]; chroot != "" && chroot != "/" {
		bad("zookeeper-chroot", "-zk_chroot_path is %s: candidates and replicas stand below it, where the bot does not look", chroot)
	}
	if _, port, err := net.SplitHostPort(s.HTTP); err == nil && port != look.Flags["http_port"] {
		bad("http-port-differs", "the scheduler's -http_port is %s, but the configuration of the bot says %s", look.Flags["http_port"], port)
	}
	return nil
}

// ways keeps which links lead to the log and the backups. Those of root's, in
// folders that only root can write, are as good as none. Any other one would stop
// a recovery when the log is moved: it is said before anything is.
func (look *Look) ways(n *Node, facts probe.Facts, bad Complain) {
	log, dir := look.Flags["native_log_file_path"], look.Flags["backup_dir"]
	look.Ways = facts.Ways
	for _, p := range []string{log, dir} {
		if loose := look.Ways[p].Loose; loose != "" {
			bad("link-loose", "%s is reached by the link %s, which others than root can change", p, loose)
		}
	}
	if w := look.Ways[log]; look.LogParent.Dir && !look.LogParent.Writes && w.Open != "" && w.Loose == "" {
		bad("log-parent-foreign", "%s can be renamed neither by %s, who may not write %s, nor by root: %s", log, n.Cluster.User, path.Dir(log), w.Open)
	}
	for p, w := range look.footing.Ways {
		if len(w.Links) > 0 && look.Ways != nil {
			look.Ways[p] = w
		}
	}
	if err := look.SeeConfig(n); err != nil {
		bad("cannot-tell", "%v", err)
	}
}

// SeeConfig takes the configuration file's owner and mode from AtAccess; see
// [Footing.Gives].
func (look *Look) SeeConfig(n *Node) error {
	return look.footing.Gives(n.Scheduler.ConfigFile, &look.Config)
}

// FileName is the pattern of what a file of the backup folder is called that is
// kept: one with another name was put there by somebody, and no scheduler makes it.
const FileName = `[A-Za-z0-9][A-Za-z0-9._-]*`

var plainName = regexp.MustCompile("^" + FileName + "$")

// fakeAddress is the host and port of the fake Mesos address.
func fakeAddress(master string) (string, error) {
	u, err := url.Parse(master)
	if err != nil || u.Scheme != "zk" || u.Port() == "" {
		return "", fmt.Errorf("the fake Mesos address %q is no zk://address:port/path", master)
	}
	return u.Host, nil
}
