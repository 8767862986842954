package simulation

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"aurorabot/handlers"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/aurora"
	scheduler "aurorabot/runner/node"
	"aurorabot/runner/recovery"
)

// A play is one seed: a world, a damage, a run, and people who bring it to an end.
type play struct {
	w       *world
	seed    uint64
	service *handlers.Service
	files   string // The bot's own folder.
	backup  string // The name that is asked for.
	reason  string
	undoes  bool // What people choose after a stop, if there is a choice.
	calm    bool
	stale   string // A digest of before.
	outcome string
}

// outcome of a seed.
type result struct {
	broken  []string
	story   []string
	outcome string
	events  int
	faults  map[string]int
}

// simulate plays one seed in a bubble of its own.
func simulate(t *testing.T, seed uint64, root string, quiet bool) result {
	var r result
	synctest.Test(t, func(t *testing.T) {
		p := newPlay(seed, filepath.Join(root, fmt.Sprint(seed)), quiet)
		defer os.RemoveAll(p.files)
		go p.w.turns.serve()
		p.run()
		p.w.turns.take("end", func() {
			r = result{p.w.broken, p.w.story.lines, p.outcome, len(p.w.journ.kept), p.w.fate.count}
		})
		p.w.turns.end()
		if p.w.journ.real != nil {
			p.w.journ.real.Close() // A folder of this test only.
		}
	})
	return r
}

func newPlay(seed uint64, files string, quiet bool) *play {
	rng := rand.New(rand.NewPCG(seed, 0x9e3779b97f4a7c15))
	w := &world{rng: rng, begin: time.Now(), turns: newTurns(rng)}
	w.turns.before = w.tick
	w.story.quiet = quiet
	w.journ = &disk{w: w}
	w.people = newPeople(w)
	p := &play{w: w, seed: seed, files: files, undoes: rng.IntN(3) == 0}
	if err := os.MkdirAll(files, 0o700); err != nil {
		panic(err)
	}
	if seed%8 == 0 {
		w.journ.dir = filepath.Join(files, "runs")
	}
	p.scenery()
	w.fate = fate{w: w, count: map[string]int{}}
	w.rules = everyRule(p)
	return p
}

// version of Aurora, and the way to act on it, by the seed.
func (p *play) clusterOf() *aurora.Cluster {
	c := &aurora.Cluster{
		Name: "dev", AdminName: "dev", Version: aurora.Version{Minor: 22}, Supervisor: "systemd", Unit: unitName, Configuration: "shell-variables",
		Firewall: "nft", Admin: "aurora_admin", AdminPath: "aurora_admin", MesosLogPath: "mesos-log", User: user, Group: user,
		FakeMaster: fakeMaster, RegistrationWait: "360mins", FirewallLease: 12 * time.Hour,
		SessionLimit: 6 * time.Second, MaxBackupAge: 26 * time.Hour, MaxClockSkew: 30 * time.Second, ZooKeeper: "bot", MesosTasks: p.w.chance(50),
	}
	if p.w.chance(40) {
		c.Admin = "api"
	}
	for i := range 3 {
		name := fmt.Sprintf("s%d", i+1)
		c.Schedulers = append(c.Schedulers, aurora.Scheduler{Name: name, Hostname: name, HTTP: "127.0.0.1:8081", ConfigFile: configFile, RunDir: runDir, RuntimeDir: runtimeDir})
	}
	return c
}

// boot starts a process of the bot.
func (p *play) boot() {
	w := p.w
	w.born++
	bot := &incarnation{number: w.born}
	w.bot = bot
	hosts := map[string]runner.Host{}
	for _, h := range w.hosts {
		hosts[h.name] = &view{h, bot}
	}
	profile, err := aurora.ProfileOf(w.cluster.Version)
	if err != nil {
		panic(err)
	}
	r := &recovery.Recovery{
		Nodes: &scheduler.Nodes{
			Cluster: w.cluster, Profile: profile, Hosts: hosts, Now: w.botNow, Poll: 4 * time.Second, ZooKeeper: w.openZooKeeper(bot),
			Helper: func(string) (func() (io.ReadCloser, error), string, error) {
				return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(helperProgram)), nil }, (&node{content: helperProgram}).hash(), nil
			},
		},
		Policy: policyDigest, Resolve: w.resolve,
		Files: func(run string) (string, error) {
			dir := filepath.Join(p.files, "files", run)
			return dir, os.MkdirAll(dir, 0o700)
		},
	}
	j, err := w.journ.open(bot)
	if err != nil {
		w.violated("20 journal first", "the journal does not open after a crash: %v", err)
		return
	}
	engine := &runner.Engine{Journal: j, Now: w.botNow, Go: func(host string, work func()) {
		go func() {
			w.turns.take("begin "+host, func() {})
			work()
		}()
	}}
	p.service = &handlers.Service{
		Engine: engine, Rules: rules(), Policy: policyDigest, Directory: &directory{w.people, bot}, Now: w.botNow, Version: "sim",
		Clusters: []*handlers.Cluster{{
			Name: "dev", Hosts: w.cluster.Names(), Default: "staged", CheckBackup: aurora.CheckBackupName,
			Recipes: map[string]func() (*runner.Recipe, error){"staged": func() (*runner.Recipe, error) { return r.Recipe(), nil }},
			Tasks:   r.Tasks,
		}},
	}
	p.service.Start()
}

const policyDigest = "0123456789abcdef"

// scenery sets up the hosts, and breaks the cluster.
func (p *play) scenery() {
	w := p.w
	w.cluster = p.clusterOf()
	w.truth.salvaged = map[string]*state{}
	w.truth.real = &state{tasks: tasksTo(6), framework: frameworkID, at: w.begin.Add(-20 * time.Minute)}
	at := w.begin.Add(-time.Duration(1+w.rng.IntN(20)) * time.Hour)
	w.truth.backup = &state{tasks: tasksTo(2 + w.rng.IntN(5)), framework: frameworkID, at: at}
	p.backup = "scheduler-backup-" + at.Format("2006-01-02-15-04")
	for i, s := range w.cluster.Schedulers {
		h := &host{w: w, name: s.Name, fs: newFiles(), pid: 1000 * (i + 1), tables: map[string]*table{}, jobs: map[string]*job{}, touched: map[string]bool{}}
		h.skew = w.between(-2*time.Second, 2*time.Second)
		h.unit = &unit{h: h, enabled: true}
		w.hosts = append(w.hosts, h)
		for _, dir := range []string{"/etc/default", "/var/lib/aurora", path.Dir(logPath), backupDir, "/var/lib"} {
			h.fs.mkdir(dir, 0o755, 0, 0, w.begin)
		}
		h.fs.put(configFile, &node{content: []byte(config), mode: 0o644, mtime: w.begin})
		l := &logDir{status: "VOTING", begin: 1, promised: 3, entries: map[uint64]*entry{}}
		l.entries[1] = &entry{kind: "noop", learned: true, leader: "old"}
		l.entries[2] = &entry{kind: "snapshot", learned: true, snap: w.truth.real.clone(), leader: "old"}
		l.entries[3] = &entry{kind: "txn", task: taskID(7), learned: true, leader: "old"}
		h.fs.put(logPath, &node{dir: true, mode: 0o755, uid: userID, gid: userID, log: l, mtime: w.begin})
	}
	content := backupOf(w.truth.backup)
	for i, h := range w.hosts {
		if i == 0 || w.chance(50) {
			h.fs.put(path.Join(backupDir, p.backup), &node{content: content, mode: 0o644, uid: userID, gid: userID, mtime: at})
		}
	}
	p.damage()
	for _, h := range w.hosts {
		h.was = original{config: *h.fs.at(configFile).clone(), enabled: h.unit.enabled, hadLog: h.fs.at(logPath) != nil}
	}
}

const config = `# Settings of the Aurora scheduler.
GLOG_v=0
LIBPROCESS_PORT=8083
CLUSTER_NAME="dev"
HTTP_PORT=8081
QUORUM_SIZE=2
ZK_ENDPOINTS="zk1:2181"
MESOS_MASTER="zk://zk1:2181/mesos"
ZK_SERVERSET_PATH="/aurora/scheduler"
ZK_LOGDB_PATH="/aurora/replicated-log"
LOGDB_FILE_PATH="/var/lib/aurora/scheduler/db"
BACKUP_DIR="/var/lib/aurora/scheduler/backups"
EXTRA_SCHEDULER_ARGS="-zk_digest_credentials=aurora:` + secret + ` -framework_failover_timeout=21days"
`

// secret must never be seen in the journal.
const secret = "CANARY-7f3a"

// damage breaks the cluster, by the seed.
func (p *play) damage() {
	w := p.w
	missing := func(h *host) { delete(h.fs.nodes, logPath) }
	cut := func(h *host) { h.fs.at(logPath).log.damage = "block checksum mismatch" }
	empty := func(h *host) {
		h.fs.at(logPath).log = &logDir{status: "EMPTY", entries: map[uint64]*entry{}}
	}
	kinds := []func(*host){missing, cut, empty}
	switch w.rng.IntN(8) {
	case 0: // All of them.
		for _, h := range w.hosts {
			kinds[w.rng.IntN(3)](h)
		}
	case 1, 2, 3: // A quorum.
		spared := w.rng.IntN(3)
		for i, h := range w.hosts {
			if i != spared {
				kinds[w.rng.IntN(3)](h)
			}
		}
	case 4: // One: a restore is not needed, unless somebody says why.
		kinds[w.rng.IntN(3)](w.anyHost())
		if w.chance(60) {
			p.reason = "the jobs were deleted by mistake"
		}
	case 5: // None: somebody wants the state of before back.
		if w.chance(80) {
			p.reason = "a bad deploy; " + hostile
		}
	case 6, 7: // An entry that nobody can decode.
		for _, h := range w.hosts {
			h.fs.at(logPath).log.entries[4] = &entry{kind: "broken", learned: true, leader: "old"}
		}
	}
	if w.chance(15) { // One was down already, or not even enabled.
		h := w.anyHost()
		h.unit.enabled = false
	}
	w.turns.before = func() {}
	for _, h := range w.hosts {
		if h.unit.enabled {
			h.unit.start("boot")
		}
	}
	w.turns.before = w.tick
}

// hostile is text that must never reach a command.
const hostile = "$(reboot) `id`; rm -rf / --"

// run plays to the end.
func (p *play) run() {
	w := p.w
	p.boot()
	time.Sleep(20 * time.Second) // The damage shows.
	w.turns.take("people begin", func() {
		for _, h := range w.hosts {
			h.was.running = h.unit.main != nil && (h.unit.main.alive || h.unit.starting)
		}
		w.fate.left = []int{0, 0, 1, 2, 3, 5, 8}[w.rng.IntN(7)]
		w.fate.factor = []float64{0.5, 1, 2, 4}[w.rng.IntN(4)]
		w.tell("people", "UANN asks for %s (reason %q); %d faults to come", p.backup, p.reason, w.fate.left)
	})
	words := []string{"recover", "dev", p.backup}
	if p.reason != "" {
		words = append(words, "--reason="+p.reason)
	}
	p.ask("UANN", words...)
	for move := 0; ; move++ {
		p.settle()
		if p.closed() {
			break
		}
		if move == 40 {
			w.turns.take("people calm", func() { w.fate.left = 0; w.tell("people", "from here on the world is calm") })
		}
		if move > 40 {
			p.calm = true
		}
		if move > 90 {
			w.turns.take("people give up", func() {
				st := w.state()
				if st.Stop.Reason == runner.StopUnknown && w.undecided() {
					p.outcome = "unknown" // Rightly: two people decide what nobody can know.
					return
				}
				w.violated("23 a run comes to an end", "after %d moves it is %s at %s%s: %s", move, st.Status, st.Gate, st.Step, st.Why)
			})
			break
		}
		p.move()
	}
	time.Sleep(3 * time.Minute) // What is on its way arrives.
	w.turns.take("people look back", func() {
		if p.outcome == "unknown" {
			return
		}
		p.outcome = string(w.state().Outcome)
		for _, r := range w.rules {
			if r.end != nil && p.outcome != "" {
				r.end()
			}
		}
	})
	p.service.Stop()
}

// ask is what a person types or presses, seen once or, as Slack does at times, twice.
func (p *play) ask(user string, words ...string) {
	var who policy.Actor
	times := 1
	p.w.turns.take("people ask", func() {
		who = p.w.people.all[user]
		p.w.tell("people", "%s: %s", user, strings.Join(words, " "))
		for _, r := range p.w.rules {
			if r.asked != nil {
				r.asked(who, words)
			}
		}
		if p.w.chance(10) {
			times = 2
		}
	})
	for range times {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
		resp := p.service.Handle(ctx, handlers.Request{Actor: who, Channel: "C1", Words: words, At: p.w.botNow()})
		cancel()
		p.w.turns.take("people read", func() {
			if resp.Message.Head != "" {
				p.w.tell("answer", "%s %v", resp.Message.Head, resp.Message.Lines)
			}
		})
	}
}

// settle waits until the engine stands, or the bot is dead: then another one is
// started. At times somebody aborts in the middle.
func (p *play) settle() {
	w := p.w
	for range 5000 {
		time.Sleep(3 * time.Second)
		var busy, dead, abort bool
		w.turns.take("people wait", func() {
			dead = w.bot.dead
			busy = p.service.Busy(w.journ.run())
			abort = busy && !dead && w.fate.left > 0 && w.chance(0.3)
		})
		switch {
		case dead:
			p.service.Stop()
			w.turns.take("people restart", func() { w.tell("people", "the bot is started again") })
			p.boot()
			if err := p.service.Recover(); err != nil {
				w.turns.take("people restart failed", func() { w.tell("fault", "the bot does not come up: %v", err); w.crash("it does not come up") })
			}
		case abort:
			p.ask("UBOB", "abort", w.journ.run())
		case !busy:
			return
		}
	}
}

func (p *play) closed() (closed bool) {
	p.w.turns.take("people look", func() {
		st := p.w.state()
		closed = st.Status == runner.Closed || p.w.journ.run() == "" && p.calm
	})
	return closed
}

// move is what people do about a run that stands.
func (p *play) move() {
	w := p.w
	var do [][]string
	pause := time.Duration(0)
	w.turns.take("people think", func() {
		st := w.state()
		run := w.journ.run()
		if run == "" {
			do = [][]string{{"UANN", "recover", "dev", p.backup}} // Its first event was not kept.
			if p.reason != "" {
				do[0] = append(do[0], "--reason="+p.reason)
			}
			return
		}
		pause = w.between(time.Second, 2*time.Minute)
		switch {
		case st.Status == runner.Gated:
			do = p.atGate(st, run, &pause)
		case st.Undo:
			w.mend()
			do = [][]string{{"UANN", "resume", run}}
		case st.Status == runner.Stopped, st.Status == runner.Open, st.Status == runner.Undoing:
			if st.Stop.Reason == runner.StopUnknown && w.chance(30) {
				pause = w.between(time.Hour, 3*time.Hour) // They look into it first.
			}
			do = p.afterStop(st, run)
		}
	})
	if pause > 0 {
		time.Sleep(pause)
	}
	for _, words := range do {
		p.ask(words[0], words[1:]...)
	}
}

// atGate: the right people, or others.
func (p *play) atGate(st *runner.State, run string, pause *time.Duration) [][]string {
	w := p.w
	typed := "--typed=dev"
	digest := "--digest=" + st.Gates[st.Gate].Digest[:12]
	approve := func(user string, more ...string) []string {
		return append([]string{user, "approve", run, "--gate=" + st.Gate, digest}, more...)
	}
	right := [][]string{approve("UBOB", typed), approve("UDAN", typed)}
	if w.chance(30) {
		right = [][]string{approve("UCAT", typed), approve("UBOB", typed), approve("UDAN", typed)}
	}
	if w.fate.left <= 0 && p.calm {
		w.mend()
		return right
	}
	switch w.rng.IntN(12) {
	case 0:
		return [][]string{approve("UANN", typed), approve("UGUS", typed), approve("UBOT", typed), approve("UFOR", typed), approve("UOLD", typed), approve("UEVE", typed)}
	case 1:
		return [][]string{approve("UCAT", typed), approve("UCAT", typed)}
	case 2:
		return [][]string{approve("UBOB", "--typed=prod"), approve("UDAN", "--typed=prod")}
	case 3:
		stale := p.stale
		p.stale = st.Gates[st.Gate].Digest
		if stale != "" {
			return [][]string{{"UBOB", "approve", run, typed, "--digest=" + stale[:12]}, {"UDAN", "approve", run, typed, "--digest=" + stale[:12]}}
		}
	case 4: // They take their time; the second one comes too late.
		*pause = w.between(20*time.Minute, 8*time.Hour)
		return right[:1]
	case 5:
		if w.chance(30) {
			*pause = w.between(10*time.Hour, 20*time.Hour) // The lease of the firewall ends.
		}
	case 6:
		if w.chance(40) {
			return [][]string{{"UBOB", "deny", run, "--gate=" + st.Gate, digest}}
		}
	case 7:
		if st.Gate == "assess" && st.Source == nil {
			return [][]string{{"UCAT", "salvage", run}}
		}
		return [][]string{{"UANN", "drop", run, taskID(w.rng.IntN(3))}, {"UCAT", "salvage", run, "--off"}}
	case 8:
		if w.chance(30) {
			return [][]string{{"UBOB", "undo", run, "--confirm"}}
		}
	case 9: // Somebody leaves after they approved.
		if w.fate.left > 0 {
			w.fate.left--
			w.after(*pause+w.between(0, 500*time.Millisecond), func() {
				w.tell("fault", "UDAN is removed from the groups")
				w.people.remove("UDAN")
			})
		}
	}
	return right
}

// afterStop: resume or undo, by the seed's inclination.
func (p *play) afterStop(st *runner.State, run string) [][]string {
	w := p.w
	if p.calm || w.chance(60) {
		w.mend()
	}
	undo := p.undoes && !w.chance(30)
	if w.fate.left > 0 && w.chance(15) {
		undo = !undo
	}
	resume := []string{"UANN", "resume", run}
	if st.Stop.Reason == runner.StopNotNeeded && w.chance(50) {
		resume = append(resume, "--reason=the state of the backup is wanted; "+hostile)
	} else if st.Stop.Reason == runner.StopNotNeeded {
		undo = true
	}
	if undo && !st.Irreversible() {
		return [][]string{{"UBOB", "undo", run, "--confirm"}}
	}
	return [][]string{resume}
}
