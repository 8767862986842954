package simulation

import (
	"bytes"
	"path"
	"strings"
	"time"
)

// A fate is what goes wrong: so many things, at places that the seed chooses.
type fate struct {
	w      *world
	left   int     // Faults that are still to come; 0: the world is calm.
	factor float64 // How often they come.
	count  map[string]int
}

// strikes tells whether a fault of a kind happens here.
func (f *fate) strikes(kind string) bool {
	if f.left <= 0 {
		return false
	}
	if !f.w.chance(rates[kind] * f.factor) {
		return false
	}
	f.left--
	f.count[kind]++
	return true
}

// rates are percentages, by opportunity.
var rates = map[string]float64{
	"run": 0.25, "run that changes": 2, "dial": 0.1, "zookeeper": 1, "world": 0.12, "journal": 0.5,
	"commit-error-never": 10, "commit-error-later": 15, "call": 12, "commit": 20,
}

// runFault is what becomes of a command, "" if nothing goes wrong.
func (f *fate) runFault(effect string) string {
	kind := "run"
	switch {
	case effect == "admin:scheduler_commit_recovery":
		kind = "commit"
	case effect != "":
		kind = "run that changes"
	}
	if !f.strikes(kind) {
		return ""
	}
	all := []string{"not started", "lost, not done", "lost, done", "lost, done later", "hangs, not done", "hangs, done", "crash before", "crash during", "crash after"}
	return all[f.w.rng.IntN(len(all))]
}

// callFault is what becomes of a call that changes something, over HTTP.
func (f *fate) callFault(body string) string {
	changes := false
	for _, m := range []string{"stageRecovery", "unloadRecovery", "commitRecovery", "snapshot", "deleteRecoveryTasks"} {
		changes = changes || strings.Contains(body, `"`+m+`"`)
	}
	if !changes || !f.strikes("call") {
		return ""
	}
	if f.w.chance(50) {
		return "lost"
	}
	return "never"
}

// mishap lets the world go wrong by itself, before somebody looks at it.
func (w *world) mishap() {
	if w.fate.strikes("world") {
		mishaps[w.rng.IntN(len(mishaps))](w)
	}
}

// mishaps are what others do to the cluster while a run is open.
var mishaps = []func(*world){
	func(w *world) { // A host reboots.
		h := w.anyHost()
		w.tell("fault", "%s reboots", h.name)
		h.touch("unit", "firewall", "process")
		h.reboot()
	},
	func(w *world) { // A scheduler crashes.
		if all := w.running(); len(all) > 0 {
			p := all[w.rng.IntN(len(all))]
			w.tell("fault", "%s: the scheduler (PID %d) crashes", p.h.name, p.pid)
			p.end(134, false)
		}
	},
	func(w *world) { // The leader loses its session, and ends itself.
		for _, p := range w.running() {
			if p.ready {
				w.tell("fault", "%s: the leader's session ends; Lost leadership, committing suicide", p.h.name)
				p.end(1, true)
				return
			}
		}
	},
	func(w *world) {
		w.zk.down = w.now().Add(w.between(5*time.Second, 60*time.Second))
		w.tell("fault", "ZooKeeper is away for a while")
	},
	func(w *world) { // A configuration manager puts its own file back.
		h := w.anyHost()
		if !w.state().Passed("prepare/look", h.name) {
			return // It would be what the run calls the original.
		}
		w.tell("fault", "%s: the configuration manager writes %s", h.name, configFile)
		h.touch("config")
		h.before = bytes.Clone(h.fs.at(configFile).content)
		h.fs.at(configFile).content = bytes.Clone(h.was.config.content)
		if w.chance(50) {
			h.fs.at(configFile).content = append(h.fs.at(configFile).content, "# managed\n"...)
		}
	},
	func(w *world) { // Somebody starts a scheduler.
		h := w.anyHost()
		if h.unit.main == nil || !h.unit.main.alive {
			w.tell("fault", "%s: somebody starts the scheduler", h.name)
			h.touch("process", "log")
			h.unit.start("somebody")
		}
	},
	func(w *world) { // Somebody looks after supervision.
		h := w.anyHost()
		w.tell("fault", "%s: somebody enables the unit and takes our drop-in away", h.name)
		h.touch("unit")
		delete(h.fs.nodes, h.dropIn())
		delete(h.fs.nodes, path.Dir(h.dropIn()))
		h.unit.reload()
		h.unit.enabled = true
	},
	func(w *world) { // Somebody flushes the packet filter.
		h := w.anyHost()
		w.tell("fault", "%s: somebody flushes nft's rules", h.name)
		h.touch("firewall")
		h.tables = map[string]*table{}
	},
	func(w *world) { // A colleague swaps or unloads what is staged.
		for _, p := range w.running() {
			if p.staged == nil {
				continue
			}
			w.tell("fault", "%s: a colleague changes what is staged", p.h.name)
			p.staged = nil
			if w.chance(60) {
				p.staged, p.foreign = &state{tasks: tasksTo(1 + w.rng.IntN(4)), framework: frameworkID, at: w.begin.Add(-2 * time.Hour)}, true
			}
		}
	},
	func(w *world) { // The bot's clock jumps.
		d := w.between(-10*time.Second, 10*time.Second)
		if w.chance(30) {
			d = w.between(-5*time.Minute, 8*time.Hour)
		}
		w.ahead.Add(int64(d))
		w.tell("fault", "the bot's clock jumps by %s", d)
	},
	func(w *world) { // Somebody leaves the team.
		id := []string{"UBOB", "UCAT", "UDAN"}[w.rng.IntN(3)]
		w.tell("fault", "%s is removed from the groups", id)
		w.people.remove(id)
	},
	func(w *world) { w.crash("killed") },
}

func (w *world) anyHost() *host { return w.hosts[w.rng.IntN(len(w.hosts))] }

func (h *host) touch(things ...string) {
	for _, t := range things {
		h.touched[t] = true
	}
}

// mend is what people do before they let a stopped run go on, when the world is
// calm: they take back what others than the bot did.
func (w *world) mend() {
	w.people.restore()
	w.ahead.Store(0)
	for _, h := range w.hosts {
		if h.unit.enabled && !h.was.enabled {
			w.tell("people", "%s: the unit is disabled again, as it was before the run", h.name)
			h.unit.enabled = false
		}
		if n := h.fs.at(configFile); h.before != nil && bytes.HasSuffix(n.content, []byte("# managed\n")) {
			w.tell("people", "%s: %s is put back as the configuration manager found it", h.name, configFile)
			n.content, h.before = h.before, nil
		}
	}
}
