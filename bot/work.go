package bot

import (
	"sync"

	"aurorabot/bot/web"
)

// workers run jobs: those of one line one after the other and in order, those
// of different lines side by side. A full house refuses; it never waits.
type workers struct {
	most   int           // Jobs in hand, running ones included.
	slots  chan struct{} // One for each that may run.
	failed func(p any)   // Called with what a job panicked with.

	mu     sync.Mutex
	lines  map[string][]func()
	inHand int
}

func newWorkers(most, parallel int, failed func(p any)) *workers {
	return &workers{most: most, slots: make(chan struct{}, parallel), failed: failed, lines: map[string][]func(){}}
}

// put has job run after all that were put into the same line before it. False:
// too much is in hand, the job will not run.
func (w *workers) put(line string, job func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inHand >= w.most {
		return false
	}
	w.inHand++
	waiting, running := w.lines[line]
	w.lines[line] = append(waiting, job)
	if !running {
		go w.walk(line)
	}
	return true
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
		web.Guard(w.failed, job)
		<-w.slots

		w.mu.Lock()
		w.inHand--
		w.mu.Unlock()
	}
}

// waiting is how many jobs are in hand, running ones included.
func (w *workers) waiting() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inHand
}
