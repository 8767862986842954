package sudoers

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strings"

	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
)

// A Privilege is one command that the bot runs on a host through sudo. The list
// of them is all that the login account may do as somebody else: a step that
// needs more fails on every host of the rehearsal lab, for those keep to it.
type Privilege struct {
	As   string   // "root", or the scheduler's user.
	Path string   // Of the command, absolute.
	Args string   // A regular expression that the arguments, joined by spaces, match as a whole. Empty: there are none.
	Sums []string // SHA-256 that the command must have, one of them. None: not asked.
	Why  string
}

// Grounds are what a list of privileges rests on: one host as it is found.
type Grounds struct {
	Log     string   // -native_log_file_path.
	Backups string   // -backup_dir.
	Helpers []string // SHA-256 of the programs that the bot may upload.

	// Path finds a command as sudo would.
	Path func(name string) string
}

// Parts of the patterns. None of them matches a space or a slash, so that no
// argument can pass for two, and none leads out of its folder.
const (
	aRun     = `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`
	aPut     = `\.aurorabot-[a-z2-7]{10}`
	aMode    = `0[0-7]{3}`
	aNumber  = `[0-9]{1,20}`
	aBackup  = `scheduler-backup-[0-9]{4}(-[0-9]{2}){4}`
	aTask    = `[A-Za-z0-9._-]+`
	aProcess = `[1-9][0-9]{0,6}`
)

// Privileges lists what the bot needs on one host, in the order of the runbook.
func Privileges(nodes *node.Nodes, s *aurora.Scheduler, g Grounds) []Privilege {
	b := &privileges{Nodes: nodes, s: s, g: g}
	b.look()
	b.folders()
	b.supervision()
	b.logs()
	b.configuration()
	b.traffic()
	b.restore()
	b.kills()
	return b.list
}

// privileges builds the list.
type privileges struct {
	*node.Nodes
	s    *aurora.Scheduler
	g    Grounds
	list []Privilege
}

func lit(s string) string { return regexp.QuoteMeta(s) }

// may adds a command. Its words are patterns; what is meant literally went
// through lit.
func (b *privileges) may(as, why, command string, words ...string) {
	p := Privilege{As: as, Path: command, Args: strings.Join(words, " "), Why: why}
	if !path.IsAbs(command) {
		p.Path = b.g.Path(command)
	}
	b.list = append(b.list, p)
}

func (b *privileges) root(why, command string, words ...string) {
	b.may("root", why, command, words...)
}

func (b *privileges) user(why, command string, words ...string) {
	b.may(b.Cluster.User, why, command, words...)
}

// put allows what [runner.Host] Put does for a file of another account.
func (b *privileges) put(as, why, dir, name, mode, group string) {
	temp := dir + `/\.` + name + aPut
	install := []string{"-m", mode}
	if group != "" {
		install = append(install, "-g", lit(group))
	}
	b.may(as, why, "install", append(install, "-T", "--", "/dev/null", temp)...)
	b.may(as, why, "dd", "of="+temp, "bs=64k", "iflag=fullblock", "oflag=nofollow", "conv=nocreat,notrunc,fsync", "status=none")
	b.may(as, why, "sha256sum", "--", temp)
	b.may(as, why, "mv", "-T", "--", temp, dir+"/"+name)
	b.may(as, why, "rm", "-f", "--", temp)
}

func (b *privileges) runDir() string  { return lit(b.s.RunDir) }
func (b *privileges) folder() string  { return b.runDir() + "/runs/" + aRun }
func (b *privileges) kept() string    { return lit(node.KeptFolder(b.s.RunDir, "")) + aRun }
func (b *privileges) copies() string  { return b.runDir() + "/look-" + aNumber }
func (b *privileges) helpers() string { return lit(path.Join(b.s.RunDir, "bin")) }

// look is pre-flight and diagnosis: what is asked, and the program that asks.
func (b *privileges) look() {
	const why = "pre-flight asks whether sudo works, and where the tools are"
	b.root(why, "true")
	b.user(why, "true")
	for _, tool := range b.Tools() {
		b.root(why, "sh", "-c", lit(`command -v "$1"`), "sh", lit(tool))
	}
	file := lit(b.s.ConfigFile)
	b.root("the configuration file is read", "stat", "-L", "-c", "%s", "--", file)
	b.root("the configuration file is read", "cat", "--", file)

	const upload = "the bot's reader of logs and backups, which is this program and nothing else"
	b.root(upload, "install", "-d", "-m", "0755", b.runDir())
	b.root(upload, "install", "-d", "-m", "0755", b.runDir(), b.helpers())
	var names []string
	for _, sum := range b.g.Helpers {
		names = append(names, lit(path.Base(node.HelperPath(b.s.RunDir, sum))))
	}
	name := "(" + strings.Join(names, "|") + ")(-look)?"
	b.put("root", upload, b.helpers(), name, "0755", "")
	b.root(upload, "rm", "-f", "(-- )?"+b.helpers()+"/"+name)
	check := path.Join(b.s.RunDir, "bin", node.CheckReader)
	b.put("root", upload, b.helpers(), lit(node.CheckReader), "0755", "")
	for _, sum := range b.g.Helpers {
		b.user("the check by the clock, whose reader stays on the host", "sh", quoted([]string{"-c", node.CheckedRun, "sh", check, sum})...)
		b.reader(check, sum)
	}
	for _, sum := range b.g.Helpers {
		for _, tail := range []string{"", "-look"} {
			at := node.HelperPath(b.s.RunDir, sum) + tail
			b.reader(at, sum)
		}
	}
}

// reader allows what the helper is asked. It runs only if it is the program
// that this bot uploads: sudo compares its hash.
func (b *privileges) reader(at, sum string) {
	n := len(b.list)
	const why = "questions about the host, its logs and its backups"
	logs := fmt.Sprintf("(%s|%s/evidence/log|%s/log)", lit(b.g.Log), b.folder(), b.copies())
	b.user(why, at, "host", "facts")
	b.user(why, at, "host", "facts", "--keep")
	b.user(why, at, "log", "inspect", "--json", logs)
	b.user(why, at, "log", "salvage", "--json", "--up-to-damage", logs, "-o", fmt.Sprintf("(%s/salvage|%s/state)", b.folder(), b.copies()))
	b.user(why, at, "backup", "inspect", "--json", fmt.Sprintf("(%s/%s|%s/state)", lit(b.g.Backups), node.FileName, b.copies()))
	if files := b.Cluster.LogFiles; len(files) > 0 {
		words := []string{"log", "scan", "--json", "--rotated", "--since", aNumber}
		for _, f := range files {
			words = append(words, lit(f))
		}
		b.root("what the scheduler logged", at, words...)
	} else {
		b.root("what the scheduler logged, which systemd shows to root only", at, "log", "scan", "--json", "--unit", lit(b.Cluster.Unit), "--since", aNumber)
	}
	if files := b.Cluster.LogFiles; len(files) > 0 {
		b.root("what the scheduler logged, which its files may show to root only", at, "log", "scan", "--json", "--rotated", "--since", aNumber+" "+strings.Join(quoted(files), " "))
	}
	for i := range b.list[n:] {
		b.list[n+i].Sums = []string{sum}
	}
}

// folders are those of a run.
func (b *privileges) folders() {
	const why = "a run keeps its files in a folder of its own"
	user, group := lit(b.Cluster.User), lit(b.Cluster.Group)
	for _, dir := range []string{b.runDir() + "/runs", b.folder(), b.folder() + "/(evidence|backups|admin)", b.copies()} {
		b.root(why, "install", "-d", "-m", "0750", "-o", user, "-g", group, dir)
	}
	b.root("originals of configuration files are root's", "install", "-d", "-m", "0700", b.kept())
	b.root("the copy that a look at a running log made goes with it", "rm", "-rf", "--", b.copies())
	b.user("retention must not take the backups meanwhile", "cp", "-al?n", "--", fmt.Sprintf("(%s/%s )+%s/backups/", lit(b.g.Backups), node.FileName, b.folder()))
}

// supervision is stopping, starting and keeping down.
func (b *privileges) supervision() {
	const why = "a scheduler that is recovered must not be started by anybody else"
	c := b.Cluster
	if c.Supervisor == "commands" {
		for _, argv := range [][]string{c.Commands.Stop, c.Commands.Start, c.Commands.Disable, c.Commands.Enable, c.Commands.IsRunning, c.Commands.IsEnabled} {
			if len(argv) == 0 {
				continue
			}
			b.root(why, argv[0], quoted(argv[1:])...)
		}
		return
	}
	file := node.DropIn(b.s.RuntimeDir, c.Unit)
	b.root(why, "install", "-d", "-m", "0755", lit(path.Dir(file)))
	b.root(why, "sh", quoted(node.DropInCommand(file)[1:])...)
	b.root(why, "mv", "-T", "--", lit(file), b.folder()+"/"+lit(path.Base(file)))
	b.root(why, "rmdir", lit(path.Dir(file)))
	b.root(why, "systemctl", "daemon-reload")
	for _, verb := range []string{"stop", "start", "disable", "enable"} {
		b.root(why, "systemctl", verb, lit(c.Unit))
	}
}

func quoted(argv []string) []string {
	out := make([]string, len(argv))
	for i, a := range argv {
		out[i] = lit(a)
	}
	return out
}

// logs are the evidence, the way back, and the new log.
func (b *privileges) logs() {
	log, evidence := lit(b.g.Log), b.folder()+"/evidence/log"
	aside := lit(node.AsideOf(b.g.Log, "")) + aRun
	inside := log + "/" + lit(path.Base(node.AsideOf(b.g.Log, ""))) + aRun
	const keep = "the log is kept as it was found"
	b.root(keep, "cp", "-a", "--reflink=auto", "-T", "--", log, evidence+`\.part`)
	b.root(keep, "mv", "-T", "--", evidence+`\.part`, evidence+`(\.cut-`+aNumber+`)?`)
	b.user(keep, "cp", "-a", "--reflink=auto", "-T", "--", log, b.copies()+"/log")

	const move = "the old log goes aside, and comes back when the run is undone"
	b.root(move, "mv", "-nT", "--", log, aside+`(\.disabled(-[0-9]{1,20})?|\.initialized|\.returned-[0-9]{1,20})?`)
	b.root(move, "mv", "-nT", "--", aside, log)
	b.root(move, "cp", "-a", "--reflink=auto", "-T", "--", evidence, log+`(\.part)?`)
	b.root(move, "mv", "-nT", "--", log+`\.part`, log)
	user, group := lit(b.Cluster.User), lit(b.Cluster.Group)
	b.root(move+" (where its folder is a mount)", "install", "-d", "-m", "0750", "-o", user, "-g", group, inside+`(\.disabled(-[0-9]{1,20})?|\.initialized|\.returned-[0-9]{1,20})?`)
	b.root(move+" (where its folder is a mount)", "find", log, "-mindepth", "1", "-maxdepth", "1", "!", "-name", lit("*.dr-*"),
		"-exec", "mv", "-n", "-t", inside+`(\.disabled(-[0-9]{1,20})?|\.initialized|\.returned-[0-9]{1,20})?`, "--", lit("{}"), lit("+"))

	const init = "the log is initialised"
	b.root(init, "install", "-d", "-m", aMode, "-o", user, "-g", group, log)
	mesosLog := b.Cluster.MesosLogPath
	if !path.IsAbs(mesosLog) {
		mesosLog = b.g.Path(mesosLog)
	}
	argv := node.InitCommand(mesosLog, b.g.Log)
	b.user(init, argv[0], quoted(argv[1:])...)
}

// configuration is the file with the scheduler's flags.
func (b *privileges) configuration() {
	const why = "the configuration is changed, and its original put back"
	file := lit(b.s.ConfigFile)
	beside := lit(node.AsideOf(b.s.ConfigFile, "")) + aRun
	for _, name := range []string{"original-configuration", "disabled-configuration"} {
		b.put("root", why, b.kept(), name, "0600", "")
		b.root(why, "cp", "-T", "--", b.kept()+"/"+name, beside)
	}
	b.root(why, "chown", "[0-9]{1,10}:[0-9]{1,10}", beside)
	b.root(why, "chmod", aMode, beside)
	b.root(why, "mv", "-T", "--", beside, file)
	b.root("what a crash left half written goes aside", "mv", "-T", "--", beside, b.kept()+"/half-written-configuration")
}

// traffic is the firewall.
func (b *privileges) traffic() {
	const why = "outside traffic is kept away from the scheduler's port"
	_, port, _ := net.SplitHostPort(b.s.HTTP) // Checked by the configuration.
	switch b.Cluster.Firewall {
	case "nft":
		const mark = "RUN"
		table := `aurorabot_[0-9a-f]{8}`
		// The pattern is made of the command itself, with the run left open.
		shape := func(text string) string {
			text = lit(text)
			text = strings.ReplaceAll(text, node.NFTTable(mark), table)
			return strings.ReplaceAll(text, "aurorabot:"+mark, "aurorabot:"+aRun)
		}
		b.root(why, "nft", shape(node.NFTScript(mark, port, b.Cluster.FirewallLease)))
		b.root(why, "nft", shape(node.NFTRenewal(mark, port, b.Cluster.FirewallLease)))
		b.root(why, "nft", "(list|delete)", "table", "inet", table)
	case "iptables":
		for _, program := range node.BothFamilies {
			const mark = "RUN"
			rule := strings.Join(quoted(node.IPTablesRule(mark, port)), " ")
			b.root(why, program, "-[CID]", strings.ReplaceAll(rule, "aurorabot:"+mark, "aurorabot:"+aRun))
		}
	}
}

// restore is what is done with the backup.
func (b *privileges) restore() {
	c := b.Cluster
	backups := lit(b.g.Backups)
	const copied = "the backup is put where the leader reads it, and taken from where it lies"
	b.put(c.User, copied, backups, aBackup, "0644", lit(c.Group))
	b.root(copied, "mv", "-nT", "--", backups+"/"+aBackup, b.folder()+"/copied-"+aBackup)
	for _, file := range []string{backups + "/" + aBackup, b.folder() + "/salvage"} {
		b.root(copied, "stat", "-L", "-c", "%s", "--", file)
		b.root(copied, "cat", "--", file)
	}
	if c.Admin == "api" {
		return
	}
	const admin = "aurora_admin, for one scheduler"
	root := b.folder() + "/admin"
	b.put(c.User, admin, root, `clusters\.json`, "0644", "")
	bypass := ""
	if b.Profile.Bypass {
		bypass = "--bypass-leader-redirect "
	}
	for _, call := range []string{
		"(scheduler_unload_recovery|scheduler_commit_recovery|scheduler_snapshot|scheduler_print_recovery_tasks) " + bypass + lit(c.AdminName),
		"scheduler_stage_recovery " + bypass + lit(c.AdminName) + " " + aBackup,
		"scheduler_delete_recovery_tasks " + bypass + lit(c.AdminName) + " " + aTask + "(," + aTask + ")*",
	} {
		b.user(admin, "timeout", "-k", "5", "[0-9]{1,5}", "env", "AURORA_CONFIG_ROOT="+root, lit(c.AdminPath), call)
	}
}

// kills end what was given up. The scheduler's user can end its own only.
func (b *privileges) kills() {
	const why = "a command that was given up is ended, and a scheduler that lingers"
	b.user(why, "kill", "-(TERM|KILL)", aProcess)
	b.user(why, "kill", "-s", "(TERM|KILL)( "+aProcess+")+")
	b.root("a command of root's that was given up is ended", "kill", "-s", "(TERM|KILL)( "+aProcess+")+")
}
