package simulation

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
)

// A process is one scheduler that runs, or ran.
type process struct {
	h       *host
	pid     int
	start   uint64
	since   time.Time // By the host's clock.
	argv    []string
	flags   aurora.Flags
	by      string // Who started it: "bot", "systemd", "boot", "colleague".
	alive   bool
	fork    int // PID of the launcher's subshell, which has its arguments until forked.
	forked  time.Time
	opened  bool // Its replica is, and votes where it may; HTTP answers later.
	http    bool
	phase   string // "PREPARING_STORAGE", "STORAGE_PREPARED", "LEADER_AWAITING_REGISTRATION", "ACTIVE".
	elected time.Time
	ready   bool // Its storage is.
	store   *state
	staged  *state
	foreign bool // A colleague staged it.
	stagedN int  // Number of times that something was staged: which staging it is.
	wrote   int  // Snapshots since it leads.
	closed  bool
	began   time.Time // Time of the snapshot that it began to lead with.
}

func (p *process) logPath() string { return p.flags["native_log_file_path"] }

// log is the replica that the process works with.
func (p *process) log() *logDir {
	if n := p.h.fs.at(p.logPath()); n != nil {
		return n.log
	}
	return nil
}

// real tells whether it would register with the real Mesos master.
func (p *process) real() bool { return p.flags["mesos_master_address"] == realMaster }

// spawn starts a scheduler with what the configuration file says now.
func (h *host) spawn(by string) *process {
	w := h.w
	vars, err := shellVariables(h.fs.at(configFile).content)
	p := &process{h: h, by: by, alive: true, phase: "PREPARING_STORAGE"}
	h.pid++
	p.pid, p.since = h.pid, w.instant().Add(h.skew).Truncate(10*time.Millisecond)
	p.start = uint64(p.since.Sub(w.begin)/(10*time.Millisecond)) + 1e6
	h.procs = append(h.procs, p)
	if w.chance(30) {
		h.pid++
		p.fork, p.forked = h.pid, w.instant().Add(w.between(10*time.Millisecond, time.Second))
	}
	if err == nil {
		p.argv = argvOf(vars)
		p.flags, err = aurora.ParseFlags(p.argv)
	}
	if err != nil {
		w.tell("world", "%s: the scheduler can't start: %v", h.name, err)
		p.flags = aurora.Flags{}
		p.argv = []string{"aurora-scheduler"}
		w.after(500*time.Millisecond, func() { p.end(2, false) })
		return p
	}
	kind := "disabled"
	if p.real() {
		kind = "on the real Mesos master"
	}
	w.tell("world", "%s: a scheduler starts as PID %d, %s, by %s", h.name, p.pid, kind, by)
	w.act(&act{kind: "spawn", host: h, by: by, proc: p})
	// Recorded: 1.6 to 3 s, and HTTP 4 to 8 s after the start.
	w.after(w.between(300*time.Millisecond, 3*time.Second), func() { p.open() })
	return p
}

// argvOf is what the start script makes of the file.
func argvOf(v map[string]string) []string {
	argv := []string{"java", "-Dx=y", "org.apache.aurora.scheduler.app.SchedulerMain"}
	for _, f := range [][2]string{
		{"http_port", "HTTP_PORT"}, {"native_log_quorum_size", "QUORUM_SIZE"}, {"zk_endpoints", "ZK_ENDPOINTS"}, {"mesos_master_address", "MESOS_MASTER"},
		{"serverset_path", "ZK_SERVERSET_PATH"}, {"native_log_zk_group_path", "ZK_LOGDB_PATH"}, {"native_log_file_path", "LOGDB_FILE_PATH"}, {"backup_dir", "BACKUP_DIR"},
	} {
		if value, ok := v[f[1]]; ok {
			argv = append(argv, "-"+f[0]+"="+value)
		}
	}
	argv = append(argv, "-cluster_name=dev")
	return append(argv, strings.Fields(v["EXTRA_SCHEDULER_ARGS"])...)
}

// shellVariables are what a shell would make of the file: this world knows lines of
// NAME=value and NAME="value" alone, and shares no reader with the bot.
func shellVariables(text []byte) (map[string]string, error) {
	vars := map[string]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, "=")
		if len(value) >= 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		} else if strings.ContainsAny(value, " \t") {
			ok = false
		}
		if !ok || strings.ContainsAny(value, "\"'$`\\") {
			return nil, fmt.Errorf("a shell can't read the line %q", line)
		}
		vars[name] = value
	}
	return vars, nil
}

// open opens the log and joins the log's group.
func (p *process) open() {
	if !p.alive {
		return
	}
	for _, other := range p.h.procs {
		if other != p && other.alive && other.logPath() == p.logPath() {
			p.h.w.tell("world", "%s: PID %d ends: the log is locked by PID %d", p.h.name, p.pid, other.pid)
			p.end(1, false)
			return
		}
	}
	n := p.h.fs.at(p.logPath())
	switch {
	case n == nil:
		p.h.fs.mkdir(path.Dir(p.logPath()), 0o755, userID, userID, p.h.w.now())
		p.h.fs.put(p.logPath(), &node{dir: true, mode: 0o755, uid: userID, gid: userID, log: &logDir{status: "EMPTY", entries: map[uint64]*entry{}}})
	case n.log == nil:
		n.log = &logDir{status: "EMPTY", entries: map[uint64]*entry{}}
	case n.log.damage != "":
		p.h.w.tell("world", "%s: PID %d ends: Failed to recover the log: Corruption", p.h.name, p.pid)
		p.end(1, false)
		return
	}
	p.opened = true
	p.h.w.join("replica", p, p.h.name)
	p.h.w.after(p.h.w.between(500*time.Millisecond, 5*time.Second), func() {
		if !p.alive {
			return
		}
		p.http, p.phase = true, "STORAGE_PREPARED"
		p.h.w.join("candidate", p, p.h.name)
		p.h.w.elect()
	})
	p.h.w.after(3*time.Second, p.catchUp)
}

// end ends the process. A killed one's nodes stay in ZooKeeper for a while.
func (p *process) end(exit int, graceful bool) {
	if !p.alive {
		return
	}
	w := p.h.w
	p.alive, p.http, p.ready, p.staged = false, false, false, nil
	// A JVM that is told to stop closes no session either: its nodes stay (recorded).
	if graceful && w.chance(30) {
		w.leave(p, "")
	} else {
		w.after(w.between(6*time.Second, 20*time.Second), func() { w.leave(p, "") })
	}
	p.h.unit.ended(p, exit)
}

// quorum is how many replicas must accept.
func (w *world) quorum() int { return len(w.hosts)/2 + 1 }

// voters are the running processes whose replicas vote, those that linger after
// a commit too.
func (w *world) voters() []*process {
	return slices.DeleteFunc(w.running(), func(p *process) bool { return !p.opened || p.log() == nil || !p.log().votes() })
}

// elect tells the first candidate that it leads.
func (w *world) elect() {
	list := w.candidates()
	if len(list) == 0 || list[0].proc == nil {
		return
	}
	p := list[0].proc
	if !p.alive || p.closed || !p.elected.IsZero() || p.phase != "STORAGE_PREPARED" {
		return
	}
	p.elected = w.instant()
	w.tell("world", "%s: PID %d is elected", p.h.name, p.pid)
	w.after(w.between(time.Second, 3*time.Second), p.becomeReady)
}

// becomeReady starts the leader's storage: the log's writer needs a quorum.
func (p *process) becomeReady() {
	w := p.h.w
	if !p.alive || p.closed {
		return
	}
	voters := w.voters()
	if len(voters) < w.quorum() || !slices.Contains(voters, p) {
		if w.instant().Sub(p.elected) > 40*time.Second {
			w.tell("world", "%s: PID %d ends: Could not start the writer", p.h.name, p.pid)
			p.end(1, true)
			return
		}
		w.after(3*time.Second, p.becomeReady)
		return
	}
	agree(voters)
	store, ok := p.log().replay()
	if !ok {
		w.tell("world", "%s: PID %d ends: an entry of the log can't be decoded", p.h.name, p.pid)
		p.end(1, true)
		return
	}
	p.store, p.ready, p.phase, p.began = store, true, "LEADER_AWAITING_REGISTRATION", store.at
	w.write(p, &entry{kind: "noop", leader: p.name()})
	w.tell("world", "%s: PID %d leads with %d tasks", p.h.name, p.pid, len(p.store.tasks))
	w.after(time.Hour, p.hourly)
	if p.real() {
		w.after(w.between(time.Second, 3*time.Second), p.register)
	}
	if wait, err := aurora.ParseAmount(p.flags["max_registration_delay"]); err == nil {
		w.after(wait, func() {
			if p.alive && p.phase == "LEADER_AWAITING_REGISTRATION" {
				w.tell("world", "%s: PID %d gives up: Framework has not been registered within the tolerated delay", p.h.name, p.pid)
				p.leave() // As after a commit, the process may stay.
			}
		})
	}
	for _, h := range w.hosts {
		for _, o := range h.procs {
			if o.alive {
				w.after(2*time.Second, o.catchUp)
			}
		}
	}
}

// hourly is the snapshot that a leader writes by itself; it cuts the log off
// before it.
func (p *process) hourly() {
	w := p.h.w
	if !p.alive || !p.ready {
		return
	}
	if w.write(p, &entry{kind: "snapshot", snap: &state{p.store.tasks, p.store.framework, w.instant()}, leader: p.name()}) {
		p.wrote++
		for _, v := range w.voters() {
			v.log().begin = v.log().end()
		}
		w.tell("world", "%s: PID %d wrote its hourly snapshot", p.h.name, p.pid)
	}
	w.after(time.Hour, p.hourly)
}

func (p *process) name() string { return fmt.Sprintf("%s:%d:%d", p.h.name, p.pid, p.start) }

// register meets the real Mesos master: with an empty storage that is the disaster.
func (p *process) register() {
	w := p.h.w
	if !p.alive || !p.ready {
		return
	}
	p.phase = "ACTIVE"
	w.tell("world", "%s: PID %d is registered with Mesos, with %d tasks", p.h.name, p.pid, len(p.store.tasks))
	w.act(&act{kind: "register", host: p.h, by: p.by, proc: p})
}

// agree makes the voters' logs agree: what any of them accepted is learned by
// all, as a new writer does with a quorum.
func agree(voters []*process) {
	end := uint64(0)
	for _, p := range voters {
		end = max(end, p.log().end())
	}
	for pos := uint64(1); pos <= end; pos++ {
		var found *entry
		for _, p := range voters {
			if e := p.log().entries[pos]; e != nil && (found == nil || e.learned && !found.learned) {
				found = e
			}
		}
		for _, p := range voters {
			l := p.log()
			if l.begin > pos || found == nil {
				continue
			}
			e := *found
			e.learned, e.snap = true, found.snap.clone()
			l.entries[pos] = &e
			l.promised++
		}
	}
}

// write appends an entry through the leader; false if there is no quorum.
func (w *world) write(p *process, e *entry) bool {
	voters := w.voters()
	if len(voters) < w.quorum() || !slices.Contains(voters, p) {
		return false
	}
	pos := uint64(0)
	for _, v := range voters {
		pos = max(pos, v.log().end())
	}
	for _, v := range voters {
		n := *e
		n.learned, n.snap = true, e.snap.clone()
		v.log().entries[pos+1] = &n
	}
	return true
}

// catchUp lets an EMPTY replica learn all from a quorum with a ready leader. One
// that is VOTING and missed writes fetches nothing by itself (recorded): it stays
// behind until the next write.
func (p *process) catchUp() {
	w := p.h.w
	l := p.log()
	if !p.alive || l == nil || l.votes() || l.damage != "" {
		return
	}
	i := slices.IndexFunc(w.running(), func(o *process) bool { return o.ready })
	if i < 0 {
		if l.status == "EMPTY" || p.phase != "PREPARING_STORAGE" {
			return // A leader asks anew when it is ready.
		}
		return
	}
	lead := w.running()[i]
	if lead == p || len(w.voters()) < w.quorum() {
		return
	}
	full := lead.log()
	for pos, e := range full.entries {
		if e.learned && (l.entries[pos] == nil || !l.entries[pos].learned || l.entries[pos].String() != e.String()) {
			n := *e
			n.snap = e.snap.clone()
			l.entries[pos] = &n
		}
	}
	for pos := range l.entries {
		if full.entries[pos] == nil {
			delete(l.entries, pos)
		}
	}
	l.status = "VOTING"
}
