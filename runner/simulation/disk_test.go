package simulation

import (
	"errors"
	"os"
	"path/filepath"

	"aurorabot/runner"
	"aurorabot/runner/journal"
)

// A disk is where the bot's journal lies. Every eighth seed has the real journal
// on a real disk, with lines torn by crashes; the others have one in memory.
type disk struct {
	w    *world
	kept []runner.Event // What is durable, in order, of all runs: the rules' view.

	dir    string // Of the real one.
	real   *journal.Dir
	memory runner.Memory
	full   int // Appends that fail from now on.
}

// open gives a new process its journal.
func (d *disk) open(bot *incarnation) (runner.Journal, error) {
	if d.dir != "" {
		if d.real != nil {
			d.real.Close() // The process that had it is dead.
		}
		var err error
		if d.real, err = journal.Open(d.dir); err != nil {
			return nil, err
		}
	}
	return &handle{d, bot}, nil
}

// A handle is the journal as one process of the bot has it.
type handle struct {
	d   *disk
	bot *incarnation
}

var errFull = errors.New("no space left on device")

func (h *handle) inner() runner.Journal {
	if h.d.real != nil {
		return h.d.real
	}
	return &h.d.memory
}

// Append keeps an event, unless the disk is full or the process dies with it.
func (h *handle) Append(e runner.Event) (runner.Event, error) {
	w := h.d.w
	if h.bot.dead {
		return e, errDead
	}
	if h.d.full > 0 {
		h.d.full--
		return e, errFull
	}
	what := ""
	if w.fate.strikes("journal") {
		what = []string{"full", "crash before", "torn", "crash after"}[w.rng.IntN(4)]
		w.tell("fault", "journal: %s at %s %s %s", what, e.Kind, e.Step, e.Host)
	}
	switch what {
	case "full":
		h.d.full = w.rng.IntN(3)
		return e, errFull
	case "crash before":
		w.crash("before an event was kept")
		return e, errDead
	case "torn":
		h.tear(e.Run)
		w.crash("in the middle of a line of the journal")
		return e, errDead
	}
	e, err := h.inner().Append(e)
	if err != nil {
		w.violated("20 journal first", "the journal fails by itself: %v", err)
		return e, err
	}
	h.d.kept = append(h.d.kept, e)
	w.event(e)
	if what == "crash after" {
		w.crash("right after an event was kept")
		return e, errDead
	}
	return e, nil
}

// tear leaves the beginning of a line behind, as a crash does.
func (h *handle) tear(run string) {
	if h.d.real == nil {
		return
	}
	f, err := os.OpenFile(filepath.Join(h.d.dir, run+".jsonl"), os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return // The run's first line: nothing of it arrived.
	}
	defer f.Close()
	f.WriteString(`{"prev":"00","ha`) // Part of a line is what is wanted.
}

func (h *handle) Events(run string) ([]runner.Event, error) {
	if h.bot.dead {
		return nil, errDead
	}
	return h.inner().Events(run)
}

func (h *handle) Runs() ([]string, error) {
	if h.bot.dead {
		return nil, errDead
	}
	return h.inner().Runs()
}

// run is the newest run's name.
func (d *disk) run() string {
	for i := len(d.kept) - 1; i >= 0; i-- {
		if d.kept[i].Run != "audit" {
			return d.kept[i].Run
		}
	}
	return ""
}

// events are those of the newest run.
func (d *disk) events() []runner.Event {
	run := d.run()
	var all []runner.Event
	for _, e := range d.kept {
		if e.Run == run {
			all = append(all, e)
		}
	}
	return all
}

func (d *disk) state() *runner.State { return runner.Fold(d.events()) }
