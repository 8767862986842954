package bot

import (
	"errors"
	"slices"
	"sync"

	"aurorabot/bot/web"
)

// workers run jobs: those of one line one after the other and in order, those
// of different lines side by side. A full house refuses; it never waits.
type workers struct {
	most   int           // Jobs in hand, running ones included.
	each   int           // Of those, one person's.
	slots  chan struct{} // One for each that may run.
	failed func(p any)   // Called with what a job panicked with.

	mu     sync.Mutex
	lines  map[string][]job
	inHand int
	of     map[string]int // How many of them are whose.
}

type job struct {
	who string
	run func()
}

// Why a job is not taken.
var (
	errFull  = errors.New("too many requests are in hand")
	errYours = errors.New("you have too many requests in hand")
)

func newWorkers(most, each, parallel int, failed func(p any)) *workers {
	return &workers{most: most, each: each, slots: make(chan struct{}, parallel), failed: failed, lines: map[string][]job{}, of: map[string]int{}}
}

// put has run called after all that were put into the same line before it. An
// error says why it will not be. who is whose job it is; "" is the bot's own,
// which no person's share bounds.
func (w *workers) put(who, line string, run func()) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case who != "" && w.of[who] >= w.each:
		return errYours
	case w.inHand >= w.most:
		return errFull
	}
	w.inHand++
	w.of[who]++
	waiting, running := w.lines[line]
	w.lines[line] = append(waiting, job{who, run})
	if !running {
		go w.walk(line)
	}
	return nil
}

// walk runs a line's jobs until none is left.
func (w *workers) walk(line string) {
	for {
		w.mu.Lock()
		if len(w.lines[line]) == 0 {
			delete(w.lines, line)
			w.mu.Unlock()
			return
		}
		job := w.lines[line][0]
		w.lines[line] = w.lines[line][1:]
		w.mu.Unlock()

		w.slots <- struct{}{}
		web.Guard(w.failed, job.run)
		<-w.slots

		w.mu.Lock()
		w.inHand--
		if w.of[job.who]--; w.of[job.who] == 0 {
			delete(w.of, job.who)
		}
		w.mu.Unlock()
	}
}

// waiting is how many jobs are in hand, running ones included.
func (w *workers) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inHand
}

// decisions are the commands that nothing else may hold up: what stops a run, and
// what it waits for. Workers of their own do them, so that however much is looked
// at and asked for, there is room. Their first argument is the run.
var decisions = []string{"approve", "deny", "abort", "resume", "undo", "drop", "salvage"}

const (
	decidingMost     = 64
	decidingEach     = 8
	decidingParallel = 8
)

// hands are the workers that do what words ask for.
func (b *app) hands(words []string) *workers {
	if len(words) > 0 && slices.Contains(decisions, words[0]) {
		return b.decide
	}
	return b.work
}
