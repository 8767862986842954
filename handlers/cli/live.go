package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

const (
	liveEvery = 250 * time.Millisecond
	liveAfter = 4 // Ticks: what takes less than a second needs no line.
)

// spinner are the signs that turn at the beginning of the line.
const spinner = `|/-\`

// A live is the line on a terminal that moves while a command takes its time: what is at
// work, on how many of its hosts that is done, and for how long. It is taken away before
// anything else is printed. Nil where nobody sits at a terminal: then it does nothing.
type live struct {
	w     io.Writer // The terminal itself, behind [Plain].
	width int

	mu    sync.Mutex
	ticks int
	since int // The tick at which what is at work began.
	shown int // How wide the line is that stands there.
	words string
	steps progress
	ended bool
	stop  chan struct{}
}

// begin shows the line on errs if that is a terminal.
func begin(errs io.Writer, width int, words []string) *live {
	f := terminalBehind(errs)
	if f == nil {
		return nil
	}
	l := newLive(f, width, words)
	t := time.NewTicker(liveEvery)
	go func() {
		defer t.Stop()
		for {
			select {
			case <-t.C:
				l.tick()
			case <-l.stop:
				return
			}
		}
	}()
	return l
}

func newLive(w io.Writer, width int, words []string) *live {
	if width <= 0 {
		width = 80
	}
	return &live{w: w, width: width, words: strings.Join(words[:min(len(words), 2)], " "), stop: make(chan struct{})}
}

// terminalBehind is the terminal that w writes to in the end, nil if it is none.
func terminalBehind(w io.Writer) *os.File {
	for {
		switch v := w.(type) {
		case *Plain:
			w = v.W
		case *Folded:
			w = v.W
		case *os.File:
			if IsTerminal(v) {
				return v
			}
			return nil
		default:
			return nil
		}
	}
}

// tick draws the line, once the command has taken long enough.
func (l *live) tick() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ticks++; l.ended || l.ticks < liveAfter {
		return
	}
	words := l.steps.words()
	if words == "" {
		words = l.words
	}
	lasts := view.Age(time.Duration(l.ticks-l.since) * liveEvery)
	text := []rune(safeLine(fmt.Sprintf("%c %s, %s", spinner[l.ticks%len(spinner)], words, lasts)))
	if len(text) > l.width-1 { // In the last column some terminals begin another line.
		text = append(text[:max(l.width-2, 0)], '…')
	}
	fmt.Fprint(l.w, "\r"+string(text)+strings.Repeat(" ", max(l.shown-len(text), 0)))
	l.shown = len(text)
}

// event takes note of what happens to the run.
func (l *live) event(e runner.Event) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.steps.take(e) {
		l.since = l.ticks
	}
}

// clear takes the line away; the next tick shows it again.
func (l *live) clear() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
}

func (l *live) wipe() {
	if l.shown > 0 {
		fmt.Fprint(l.w, "\r"+strings.Repeat(" ", l.shown)+"\r")
		l.shown = 0
	}
}

// end takes the line away for good.
func (l *live) end() {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wipe()
	if !l.ended {
		l.ended = true
		close(l.stop)
	}
}

// A progress is the step that is at work, and its hosts.
type progress struct {
	plan runner.Plan
	step string
	undo bool
	done map[string]bool // By host: false while it is at work there.
}

// take reports whether another step is at work now.
func (p *progress) take(e runner.Event) (another bool) {
	if e.Kind == runner.PlanProposed {
		var plan runner.Plan
		if json.Unmarshal(e.Data, &plan) == nil {
			p.plan = plan
		}
	}
	begun, ended, undo := false, false, false
	switch e.Kind {
	case runner.StepStarted:
		begun = true
	case runner.StepDone, runner.StepSkipped:
		ended = true
	case runner.UndoStarted:
		begun, undo = true, true
	case runner.UndoDone:
		ended, undo = true, true
	case runner.GateOpened, runner.RunStopped, runner.RunClosed, runner.RunAborted:
		another = p.step != ""
		p.step = ""
		return another
	}
	if !begun && !ended {
		return false
	}
	if another = e.Step != p.step || undo != p.undo; another {
		p.step, p.undo, p.done = e.Step, undo, map[string]bool{}
	}
	p.done[e.Host] = ended
	return another
}

// words are what is at work, "" where nothing is known to be.
func (p *progress) words() string {
	if p.step == "" {
		return ""
	}
	words, hosts := view.StepTitle(p.plan, p.step)
	if p.undo {
		words = "Undo: " + words
	}
	all, done := max(hosts, len(p.done)), 0
	for _, ended := range p.done {
		if ended {
			done++
		}
	}
	if all > 1 {
		words += fmt.Sprintf(": %d of %d hosts", done, all)
	}
	return words
}

// safeLine is s on one line, with nothing that a terminal would act on: what is typed
// here goes past [Plain].
func safeLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' || acts(r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}
