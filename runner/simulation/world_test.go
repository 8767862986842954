package simulation

import (
	"container/heap"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
)

// A world is everything that the bot does not control: hosts, schedulers,
// ZooKeeper, Mesos, people. It is touched in turns only.
type world struct {
	turns *turns
	rng   *rand.Rand
	begin time.Time
	ahead atomic.Int64 // How far the bot's clock is off, in ns.

	cluster *aurora.Cluster
	hosts   []*host
	zk      zookeeper
	later   events
	seq     int
	doing   time.Time // While an event is done: its time.

	bot    *incarnation // The bot that lives now.
	born   int
	journ  *disk
	people *people

	truth  truth
	fate   fate
	story  story
	rules  []*rule
	broken []string // Violations: rule and words.
}

// An incarnation is one process of the bot. A dead one does nothing any more.
type incarnation struct {
	number int
	dead   bool
	why    string
}

// truth is what really became of things, whatever anybody says of it.
type truth struct {
	real    *state    // What the cluster held before the damage.
	backup  *state    // What the backup that is asked for holds.
	commits []*commit // Commits that reached a scheduler.

	salvaged map[string]*state // What logs amounted to that a backup was made of, by its hash.
	inits    int
}

// A commit is one that a scheduler was told to make.
type commit struct {
	at     time.Time
	on     *process
	what   *state
	entry  *entry // In the leader's log, nil as long as it did not write it.
	failed string // Why it surely writes nothing.
	by     string
}

func (w *world) now() time.Time { return time.Now() }

// botNow is the bot's clock.
func (w *world) botNow() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

// events are what will happen by itself.
type events []*event

type event struct {
	at  time.Time
	seq int
	do  func()
}

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	return e[i].at.Before(e[j].at) || e[i].at.Equal(e[j].at) && e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }
func (e *events) Push(x any)   { *e = append(*e, x.(*event)) }
func (e *events) Pop() any {
	old := *e
	last := old[len(old)-1]
	*e = old[:len(old)-1]
	return last
}

// clock is the time that an event of the world happens at: nobody looks between
// two turns, so what is due is done at the next one.
func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.later, &event{w.instant().Add(d), w.seq, do})
}

// instant is now, or the time of the event that is being done.
func (w *world) instant() time.Time {
	if !w.doing.IsZero() {
		return w.doing
	}
	return w.now()
}

// tick lets everything happen that is due.
func (w *world) tick() {
	now := w.now()
	for len(w.later) > 0 && !w.later[0].at.After(now) {
		e := heap.Pop(&w.later).(*event)
		w.doing = e.at
		e.do()
		w.doing = time.Time{}
	}
}

// between picks a duration.
func (w *world) between(from, to time.Duration) time.Duration {
	return from + time.Duration(w.rng.Int64N(int64(to-from)+1))
}

// chance is true in p of 100 cases.
func (w *world) chance(p float64) bool { return w.rng.Float64()*100 < p }

func (w *world) host(name string) *host {
	for _, h := range w.hosts {
		if h.name == name {
			return h
		}
	}
	panic("simulation: no host " + name)
}

// running are the living scheduler processes of all hosts.
func (w *world) running() []*process {
	var all []*process
	for _, h := range w.hosts {
		for _, p := range h.procs {
			if p.alive {
				all = append(all, p)
			}
		}
	}
	return all
}

// crash ends the bot's process: nothing that it still does has an effect.
func (w *world) crash(why string) {
	if w.bot == nil || w.bot.dead {
		return
	}
	w.bot.dead, w.bot.why = true, why
	w.tell("crash", "the bot's process ends: %s", why)
}

func (w *world) violated(rule, format string, args ...any) {
	words := fmt.Sprintf(format, args...)
	if len(w.broken) < 10 && !slices.Contains(w.broken, rule+": "+words) {
		w.tell("VIOLATION", "%s: %s", rule, words)
		w.broken = append(w.broken, rule+": "+words)
	}
}

// state is what the journal says of the newest run.
func (w *world) state() *runner.State { return w.journ.state() }
