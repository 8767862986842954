package sudoers

import (
	"fmt"
	"net"
	"path"
	"regexp"
	"strings"

	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/supervise"
)

// A Privilege is one command that the bot runs on a host through sudo. The list
// of them is all that the login account may do as somebody else: a step that
// needs more fails on every host of the rehearsal lab, for those keep to it.
type Privilege struct {
	As   string   // "root", or the scheduler's user.
	In   string   // A group to run with besides. Empty: none.
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
	b.recoveryTool()
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

// program allows what [runner.Host] Put does for a program of root's. What arrives
// never becomes the program itself: whoever has the login may keep it open.
func (b *privileges) program(why, dir, name string) {
	temp := dir + `/\.` + name + aPut
	b.root(why, "install", "-m", "0600", "-T", "--", "/dev/null", temp)
	b.dd("root", why, temp)
	b.root(why, "install", "-m", "0755", "-T", "--", temp, dir+"/"+name)
	b.root(why, "rm", "-f", "--", temp)
}

func (b *privileges) dd(as, why, temp string) {
	b.may(as, why, "dd", "of="+temp, "bs=64k", "iflag=fullblock", "oflag=nofollow", "conv=nocreat,notrunc,fsync", "status=none")
}

// put allows what [runner.Host] Put does for a file of another account.
func (b *privileges) put(as, why, dir, name, mode, group string) {
	temp := dir + `/\.` + name + aPut
	install := []string{"-m", mode}
	if group != "" {
		install = append(install, "-g", lit(group))
	}
	b.may(as, why, "install", append(install, "-T", "--", "/dev/null", temp)...)
	b.dd(as, why, temp)
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
	const why = "pre-flight asks whether sudo works as this file says, and where the tools are"
	b.root(why, node.RootCommand[0], quoted(node.RootCommand[1:])...)
	b.user(why, "true")
	b.list[len(b.list)-1].In = b.Cluster.JournalGroup()
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
	b.program(upload, b.helpers(), name)
	b.root(upload, "rm", "-f", "(-- )?"+b.helpers()+"/"+name)
	b.program("the check by the clock, whose reader stays on the host", b.helpers(), lit(node.CheckReader))
	for _, sum := range b.g.Helpers {
		b.reader(path.Join(b.s.RunDir, "bin", node.CheckReader), sum)
	}
	for _, sum := range b.g.Helpers {
		b.rooted(node.HelperPath(b.s.RunDir, sum), sum)
		for _, tail := range []string{"", "-look"} {
			at := node.HelperPath(b.s.RunDir, sum) + tail
			b.reader(at, sum)
			b.root("how much closed runs left", at, "host", "left", lit(b.g.Log), b.runDir())
			b.list[len(b.list)-1].Sums = []string{sum}
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
	b.user(why, at, "log", "salvage", "--json( --up-to-damage)?", logs, "-o", fmt.Sprintf("(%s|%s/state)", b.salvaged(), b.copies()))
	b.user(why, at, "backup", "inspect", "--json", fmt.Sprintf("(%s/%s|%s/state)", lit(b.g.Backups), node.FileName, b.copies()))
	if files := b.Cluster.LogFiles; len(files) > 0 {
		b.user("what the scheduler logged", at, append([]string{"log", "scan", "--json", "--rotated", "--since", aNumber}, quoted(files)...)...)
	} else if b.Cluster.Supervisor == "systemd" {
		b.user("what the scheduler logged, which systemd shows to a group of its own", at, "log", "scan", "--json", "--unit", lit(b.Cluster.Unit), "--since", aNumber)
		b.list[len(b.list)-1].In = b.Cluster.JournalGroup()
	}
	for i := range b.list[n:] {
		b.list[n+i].Sums = []string{sum}
	}
}

// rooted allows what the helper does as root, by its words alone: in folders that
// only root can write, and by no link.
func (b *privileges) rooted(at, sum string) {
	n := len(b.list)
	const (
		own  = "a run keeps its files in folders of its own, below one of root's"
		move = "the log is moved within a folder of root's"
	)
	log, owner := lit(b.g.Log), "[0-9]{1,10}:[0-9]{1,10}"
	b.root(own, at, "host", "run-folder", b.folder()+"/(evidence|backups|admin)", owner)
	b.root(move, at, "host", "rename", log, b.aside()+b.asideMore())
	b.root(move, at, "host", "rename", "("+b.aside()+"|"+log+`\.part)`, log)
	b.root(move, at, "host", "folder", aMode, owner, log+`(\.part)?`)
	const clean = "what a closed run left is listed, and removed by `clean`"
	b.root(clean, at, "host", "left", log, b.runDir(), aRun)
	b.root(clean, at, "host", "clean", b.runDir(), aRun)
	b.root(clean, at, "host", "clean-aside", log, aRun)
	b.user(clean, at, "host", "clean-aside", log+"(/"+lit(path.Base(b.g.Log))+")?", aRun)
	for i := range b.list[n:] {
		b.list[n+i].Sums = []string{sum}
	}
}

// asideMore are the ends of names that a log is moved aside under.
func (b *privileges) asideMore() string {
	disabled := `\.disabled`
	if b.Cluster.RecoveryTool != "" {
		disabled = `\.(disabled|loaded)`
	}
	return `(` + disabled + `(-[0-9]{1,20})?|\.initialized|\.returned-[0-9]{1,20})?`
}

func (b *privileges) aside() string { return lit(node.AsideOf(b.g.Log, "")) + aRun }
func (b *privileges) salvaged() string {
	return b.folder() + "/evidence/(salvage|state-" + aNumber + ")"
}

// folders are those of a run.
func (b *privileges) folders() {
	b.root("a running log is read from a copy", "install", "-d", "-m", "0750", "-o", lit(b.Cluster.User), "-g", lit(b.Cluster.Group), b.copies())
	b.user("the copy that a look at a running log made goes with it", "rm", "-rf", "--", b.copies()+"/log", b.copies()+"/state")
	b.root("the copy that a look at a running log made goes with it", "rmdir", "--", b.copies())
	b.root("originals of configuration files are root's", "install", "-d", "-m", "0700", b.kept())
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
	if a := supervise.Of(c.Supervisor, supervise.Site{Unit: c.Unit, Dir: b.s.RuntimeDir}); a != nil {
		for _, words := range a.Grants(b.kept()) {
			b.root(why, words[0], words[1:]...)
		}
		return
	}
	file := node.DropIn(b.s.RuntimeDir, c.Unit)
	b.root(why, "install", "-d", "-m", "0755", lit(path.Dir(file)))
	b.root(why, "sh", quoted(node.DropInCommand(file)[1:])...)
	b.root(why, "mv", "-T", "--", lit(file), b.kept()+"/"+lit(path.Base(file)))
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
	inside := log + "/" + lit(path.Base(node.AsideOf(b.g.Log, ""))) + aRun + b.asideMore()
	group := lit(b.Cluster.Group)
	const keep = "the log is kept as it was found"
	b.user(keep, "cp", "-a", "--reflink=auto", "-T", "--", log, evidence+`\.part`)
	b.user(keep, "mv", "-T", "--", evidence+`\.part`, evidence+`(\.cut-`+aNumber+`)?`)
	b.user(keep, "cp", "-a", "--reflink=auto", "-T", "--", log, b.copies()+"/log")

	const move = "the old log goes aside, and comes back when the run is undone"
	b.user(move, "mv", "-nT", "--", log, b.aside()+b.asideMore())
	b.user(move, "mv", "-nT", "--", "("+b.aside()+"|"+log+`\.part)`, log)
	b.user(move, "install", "-d", "-m", aMode, "-g", group, log+`(\.part)?`)
	b.user(move, "cp", "-a", "--reflink=auto", "-T", "--", evidence, log+`(\.part)?`)
	b.user(move+" (where its folder is a mount)", "install", "-d", "-m", "0750", "-g", group, inside)
	b.user(move+" (where its folder is a mount)", "find", log, "-mindepth", "1", "-maxdepth", "1", "!", "-name", lit("*.dr-*"),
		"-exec", "mv", "-n", "-t", inside, "--", lit("{}"), lit("+"))

	const init = "the log is initialised"
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
	b.user(copied, "mv", "-nT", "--", backups+"/"+aBackup, b.folder()+"/backups/copied-"+aBackup)
	for _, file := range []string{backups + "/" + aBackup, b.salvaged()} {
		b.user(copied, "stat", "-L", "-c", "%s", "--", file)
		b.user(copied, "cat", "--", file)
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

// recoveryTool loads a log, and copies it to the other hosts.
func (b *privileges) recoveryTool() {
	if b.Cluster.RecoveryTool == "" {
		return
	}
	const (
		why    = "the log is loaded from the backup by recovery-tool"
		spread = "the loaded log is copied to every host"
		hash   = `[0-9a-f]{12}`
	)
	tool := b.Cluster.RecoveryTool
	if !path.IsAbs(tool) {
		tool = b.g.Path(tool)
	}
	evidence := b.folder() + "/evidence"
	b.put(b.Cluster.User, why, evidence, "restored-"+hash, "0644", "")
	help := node.RecoveryTool(tool, "--help")
	b.user(why, help[0], quoted(help[1:])...)
	// What the cluster's own flags say of ZooKeeper is a path and addresses.
	argv := node.RecoveryCommand(tool, "BACKUP", map[string]string{"native_log_file_path": b.g.Log, "native_log_zk_group_path": "GROUP", "zk_endpoints": "SERVERS"})
	words := quoted(argv[1:])
	for i, w := range words {
		w = strings.Replace(w, "-backup=BACKUP", "-backup="+evidence+"/restored-"+hash, 1)
		w = strings.Replace(w, "=GROUP", `=/[A-Za-z0-9._/-]+`, 1)
		words[i] = strings.Replace(w, "=SERVERS", `=[A-Za-z0-9.:,_-]+`, 1)
	}
	b.user(why, argv[0], words...)

	file := evidence + "/loaded-" + hash + `\.tar`
	b.put(b.Cluster.User, spread, evidence, "loaded-"+hash+`\.tar`, "0600", "")
	b.user(spread, "tar", "-C", lit(b.g.Log), "-cf", file, lit("."))
	b.user(spread, "tar", "-C", lit(b.g.Log), "-xpf", file)
	b.user(spread, "stat", "-L", "-c", "%s", "--", file)
	b.user(spread, "cat", "--", file)
}

// kills end what was given up. The scheduler's user can end its own only.
func (b *privileges) kills() {
	const why = "a command that was given up is ended, and a scheduler that lingers"
	b.user(why, "kill", "-(TERM|KILL)", aProcess)
	b.user(why, "kill", "-s", "(TERM|KILL)( "+aProcess+")+")
	b.root("a command of root's that was given up is ended", "kill", "-s", "(TERM|KILL)( "+aProcess+")+")
}
