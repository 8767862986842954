package simulation

import (
	"encoding/json"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	scheduler "aurorabot/runner/node"
)

// effectOf names what a command changes, "" if it only looks or writes into the
// run's own folder. The rules speak of effects, not of argument lists.
func effectOf(c runner.Command) string {
	a := c.Argv
	if len(a) == 0 {
		return "" // A job is looked for.
	}
	last := a[len(a)-1]
	has := func(s string) bool { return slices.Contains(a, s) }
	switch {
	case a[0] == "systemctl":
		return a[1]
	case a[0] == "kill":
		return "kill"
	case a[0] == "sh" && len(a) == 5 && strings.HasPrefix(last, runtimeDir):
		return "drop-in"
	case a[0] == "(put)" && strings.HasPrefix(a[1], path.Join(runDir, "bin")):
		return "helper"
	case a[0] == "(put)" && strings.HasPrefix(a[1], backupDir):
		return "backup"
	case a[0] == "(put)" && !strings.HasPrefix(a[1], runDir):
		return "write " + a[1]
	case a[0] == "rm" && strings.HasPrefix(last, lookedAt):
		return "" // A copy of a running log, which was made to be read.
	case a[0] == "rm":
		return "rm " + last
	case a[0] == "mv" && len(a) > 2 && strings.HasPrefix(a[len(a)-2], runtimeDir):
		return "drop-in-off"
	case (a[0] == "cp" || a[0] == "mv" || a[0] == "chown" || a[0] == "chmod") && strings.HasPrefix(last, configFile):
		return "config"
	case a[0] == "mv" && strings.HasPrefix(a[len(a)-2], backupDir):
		return "backup-off"
	case a[0] == "mv" && a[len(a)-2] == logPath:
		return "log-aside"
	case (a[0] == "mv" || a[0] == "cp") && strings.HasPrefix(last, logPath):
		return "log-back"
	case a[0] == "install" && last == logPath:
		return "log-make"
	case has("initialize"):
		return "initialize"
	case a[0] == "nft" && a[1] == "delete":
		return "open"
	case a[0] == "nft" && strings.HasPrefix(a[1], "table"):
		return "block"
	case a[0] == "timeout":
		i := slices.IndexFunc(a, func(s string) bool { return strings.HasPrefix(s, "scheduler_") })
		if i >= 0 && a[i] != "scheduler_print_recovery_tasks" {
			return "admin:" + a[i]
		}
	}
	return ""
}

// lookedAt is what the folders of copies of running logs begin with.
var lookedAt = path.Join(runDir, "look-")

// fail is a command that exits with 1.
func fail(format string, args ...any) runner.Output {
	return runner.Output{Exit: 1, Stderr: []byte(fmt.Sprintf(format, args...) + "\n")}
}

func printed(v any) runner.Output {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return runner.Output{Stdout: b}
}

// exec does what a command does. One that it does not know is a mistake of the
// simulation, which must be taught it: it fails the seed.
func (h *host) exec(c runner.Command) (runner.Output, time.Duration) {
	a := c.Argv
	if a[0] == "nice" {
		a = a[3:]
	}
	if strings.HasPrefix(a[0], path.Join(runDir, "bin")) {
		return h.helper(a, c.Stdin), 0
	}
	switch a[0] {
	case "true":
		return runner.Output{}, 0
	case "sh":
		if len(a) == 5 && a[2] == `command -v "$1"` {
			return runner.Output{Stdout: []byte("/usr/bin/" + path.Base(a[4]) + "\n")}, 0
		}
		if len(a) > 4 && slices.Equal(a[:4], scheduler.EverydayCommand) {
			return runner.Output{Stdout: []byte("asked\n")}, 0
		}
		if len(a) == 5 && a[4] == h.dropIn() {
			h.fs.put(a[4], &node{content: []byte("[Service]\nRestart=no\n"), mode: 0o644})
			return runner.Output{}, 0
		}
	case "uname":
		return runner.Output{Stdout: []byte("x86_64\n")}, 0
	case "stat":
		if a[len(a)-1] == "/proc/self" {
			return runner.Output{Stdout: []byte("sudoers-3:0:0\n")}, 0
		}
		if n := h.fs.at(a[4]); n != nil && a[2] == "%u %g %a" {
			return runner.Output{Stdout: fmt.Appendf(nil, "%d %d %o\n", n.uid, n.gid, n.mode)}, 0
		}
		h.w.looked(h.name, "helper")
		if n := h.fs.at(a[4]); n != nil {
			// The hash is in the place of the change time, which no write leaves as it was.
			return runner.Output{Stdout: fmt.Appendf(nil, "1 %d %d %v %s\n", n.inode, len(n.content), n.mtime, n.hash())}, 0
		}
		return fail("stat: cannot statx '%s': No such file or directory", a[4]), 0
	case "sha256sum":
		h.w.looked(h.name, "helper")
		if n := h.fs.at(a[1]); n != nil {
			return runner.Output{Stdout: []byte(n.hash() + "  " + a[1] + "\n")}, 0
		}
		return fail("sha256sum: %s: No such file or directory", a[1]), 0
	case "systemctl":
		return h.systemctl(a[1:], cest)
	case "nft":
		return h.nft(a[1:]), 0
	case "timeout":
		return h.admin(a), 0
	case "env":
		if a[2] == "stat" { // The ways to what root works at, which are root's.
			return runner.Output{Stdout: h.ways(a[6:])}, 0
		}
		if a[1] == "TZ=UTC" {
			return h.systemctl(a[3:], time.UTC)
		}
		return h.mesosLog(a), 0
	case "kill":
		pid, _ := strconv.Atoi(a[2])
		for _, p := range h.procs {
			if p.pid == pid && p.alive {
				p.end(137, false)
			}
		}
		return runner.Output{}, 0
	}
	if out, known := h.fileCommand(a, c.User); known {
		return out, 0
	}
	h.w.violated("the simulation knows every command", "%s: %q", h.name, a)
	return fail("%s: not known here", a[0]), 0
}

// ways are what the bot asks of the ways to paths: owner, group, mode.
func (h *host) ways(paths []string) []byte {
	var b []byte
	for _, p := range paths {
		if n := h.fs.at(p); n != nil && !n.dir {
			b = fmt.Appendf(b, "%d %d %x %s\n", n.uid, n.gid, 0o100000|n.mode, p)
		} else {
			b = fmt.Appendf(b, "0 0 %x %s\n", 0o040755, p)
		}
	}
	return b
}

// fileCommand are install, cp, mv, chown, chmod, rm, rmdir, test.
func (h *host) fileCommand(argv []string, as string) (runner.Output, bool) {
	now := h.w.now()
	var args []string
	mode, uid := uint32(0o755), 0
	if as == user {
		uid = userID
	}
	for i := 1; i < len(argv); i++ {
		switch a := argv[i]; {
		case argv[0] == "install" && a == "-m":
			m, _ := strconv.ParseUint(argv[i+1], 8, 32)
			mode = uint32(m)
			i++
		case argv[0] == "install" && (a == "-o" || a == "-g"):
			if argv[i+1] == user {
				uid = userID
			}
			i++
		case strings.HasPrefix(a, "-"):
		default:
			args = append(args, a)
		}
	}
	done := runner.Output{}
	switch argv[0] {
	case "install":
		for _, dir := range args {
			h.fs.mkdir(dir, mode, uid, uid, now)
		}
	case "rm":
		for _, p := range args {
			h.w.act(&act{kind: "delete", host: h, by: "bot", what: p})
			for _, below := range h.fs.below(p) {
				delete(h.fs.nodes, below)
			}
			delete(h.fs.nodes, p)
		}
	case "rmdir":
		if len(h.fs.below(args[0])) > 1 {
			return fail("rmdir: %s: Directory not empty", args[0]), true
		}
		delete(h.fs.nodes, args[0])
	case "test":
		if h.fs.at(args[0]) == nil {
			return runner.Output{Exit: 1}, true
		}
	case "chown":
		if n := h.fs.at(args[1]); n != nil {
			fmt.Sscanf(args[0], "%d:%d", &n.uid, &n.gid) // The recipe writes numbers.
		}
	case "chmod":
		if n := h.fs.at(args[1]); n != nil {
			m, _ := strconv.ParseUint(args[0], 8, 32)
			n.mode = uint32(m)
		}
	case "cp":
		return h.copy(argv, args), true
	case "mv":
		from, to := args[0], args[1]
		switch {
		case h.fs.at(from) == nil:
			return fail("mv: cannot stat '%s': No such file or directory", from), true
		case h.fs.at(to) != nil && slices.Contains(argv, "-nT"):
			return done, true // It overwrites nothing, and says nothing.
		case h.fs.at(to) != nil && h.fs.at(to).dir && len(h.fs.below(to)) > 1, h.fs.at(to) != nil && h.fs.at(to).log != nil:
			return fail("mv: cannot move: Directory not empty"), true
		}
		h.fs.move(from, to)
	default:
		return done, false
	}
	return done, true
}

func (h *host) copy(argv, args []string) runner.Output {
	to := args[len(args)-1]
	if strings.HasSuffix(to, "/") { // Files into a folder, nothing overwritten.
		for _, from := range args[:len(args)-1] {
			target := path.Join(to, path.Base(from))
			if n := h.fs.at(from); n != nil && h.fs.at(target) == nil {
				h.fs.put(target, n.clone())
			}
		}
		return runner.Output{}
	}
	from := args[0]
	n := h.fs.at(from)
	switch {
	case n == nil:
		return fail("cp: cannot stat '%s': No such file or directory", from)
	case n.dir: // Onto a folder that is there: file by file over it.
		h.fs.copyTree(from, to)
	default:
		c := n.clone()
		if !slices.Contains(argv, "-a") {
			c.uid, c.gid = 0, 0
		}
		h.fs.put(to, c)
	}
	return runner.Output{}
}

// cest is the zone of every host. It is not the bot's.
var cest = time.FixedZone("CEST", 2*60*60)

func (h *host) systemctl(a []string, zone *time.Location) (runner.Output, time.Duration) {
	switch a[0] {
	case "show":
		h.w.looked(h.name, "unit")
		return runner.Output{Stdout: []byte(h.unit.show(zone))}, 0
	case "daemon-reload":
		h.unit.reload()
	case "enable":
		h.unit.enabled = true
	case "disable":
		h.unit.enabled = false
	case "start":
		h.unit.start("bot")
	case "stop":
		return runner.Output{}, h.unit.stop("the bot")
	default:
		h.w.violated("the simulation knows every command", "%s: systemctl %q", h.name, a)
	}
	return runner.Output{}, 0
}

var (
	nftTable   = regexp.MustCompile(`^table inet (\S+) \{ comment "([^"]*)"`)
	nftElement = regexp.MustCompile(`elements = \{ (\d+) timeout (\d+)s \}`)
	nftRenew   = regexp.MustCompile(`add element inet (\S+) blocked \{ (\d+) timeout (\d+)s \}`)
)

func (h *host) nft(a []string) runner.Output {
	script := a[0]
	now := h.w.now()
	none := fail("Error: No such file or directory")
	switch {
	case nftTable.MatchString(script):
		m, e := nftTable.FindStringSubmatch(script), nftElement.FindStringSubmatch(script)
		if e == nil {
			return fail("Error: syntax error")
		}
		seconds, _ := strconv.Atoi(e[2])
		h.tables[m[1]] = &table{port: e[1], tag: m[2], until: now.Add(time.Duration(seconds) * time.Second)}
		h.w.act(&act{kind: "nft", host: h, by: "bot", what: script})
	case strings.HasPrefix(script, "delete element"):
		m := nftRenew.FindStringSubmatch(script)
		if m == nil || h.tables[m[1]] == nil {
			return none
		}
		seconds, _ := strconv.Atoi(m[3])
		h.tables[m[1]].until = now.Add(time.Duration(seconds) * time.Second)
	case a[0] == "list":
		h.w.looked(h.name, "firewall")
		t := h.tables[a[len(a)-1]]
		if t == nil {
			return none
		}
		element := ""
		if t.until.After(now) {
			element = fmt.Sprintf("elements = { %s timeout 12h expires %s }", t.port, t.until.Sub(now).Truncate(time.Second))
		}
		return runner.Output{Stdout: []byte("table inet x {\nset blocked {\n" + element + "\n}\nchain input {\ntcp dport @blocked drop\n}\n}\n")}
	case a[0] == "delete":
		if h.tables[a[len(a)-1]] == nil {
			return none
		}
		delete(h.tables, a[len(a)-1])
	}
	return runner.Output{}
}

// admin is aurora_admin behind `timeout`.
func (h *host) admin(a []string) runner.Output {
	i := slices.IndexFunc(a, func(s string) bool { return strings.HasPrefix(s, "scheduler_") })
	verb := a[i]
	args := slices.DeleteFunc(slices.Clone(a[i+1:]), func(s string) bool { return strings.HasPrefix(s, "--") })
	p := h.listener()
	if p == nil {
		return runner.Output{Exit: 124, Stderr: []byte(" WARN] Connection error with scheduler\n")}
	}
	var said answer
	switch verb {
	case "scheduler_stage_recovery":
		said = p.call("stageRecovery", args[1], "bot")
	case "scheduler_unload_recovery":
		said = p.call("unloadRecovery", "", "bot")
	case "scheduler_delete_recovery_tasks":
		said = p.delete(strings.Split(args[1], ","), "bot")
	case "scheduler_commit_recovery":
		said = p.call("commitRecovery", "", "bot")
	case "scheduler_snapshot":
		said = p.call("snapshot", "", "bot")
	case "scheduler_print_recovery_tasks":
		said = p.call("queryRecovery", "", "bot")
	default:
		h.w.violated("the simulation knows every command", "%s: %q", h.name, a)
	}
	out := runner.Output{Stderr: []byte(fmt.Sprintf(" INFO] Response from scheduler: %s (message: %s)\n", said.code, said.words))}
	if said.code != "OK" {
		out.Exit = 1
	}
	if verb == "scheduler_print_recovery_tasks" {
		for _, id := range said.tasks {
			out.Stderr = append(out.Stderr, fmt.Sprintf(" INFO] ads\tweb\t0\tRUNNING\t%s\n", id)...)
		}
	}
	return out
}

// mesosLog is `env -i … mesos-log initialize --path=…`.
func (h *host) mesosLog(a []string) runner.Output {
	p, ok := strings.CutPrefix(a[len(a)-1], "--path=")
	if !ok || !slices.Contains(a, "initialize") {
		h.w.violated("the simulation knows every command", "%s: %q", h.name, a)
		return fail("usage")
	}
	n := h.fs.at(p)
	switch {
	case n == nil:
		n = h.fs.put(p, &node{dir: true, mode: 0o755, uid: userID, gid: userID})
	case n.log != nil && n.log.status != "EMPTY":
		return fail("The log is not empty")
	}
	h.w.truth.inits++
	h.w.act(&act{kind: "initialize", host: h, by: "bot", what: p})
	n.log = &logDir{status: "VOTING", entries: map[uint64]*entry{}, made: h.w.truth.inits}
	return runner.Output{}
}
