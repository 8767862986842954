package mesoslog

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// level is a glog severity.
type level int

const (
	levelInfo level = iota
	levelWarning
	levelError
	levelFatal
)

// glog writes lines as glog 0.4.0 does: `LMMDD hh:mm:ss.uuuuuu tid file:line] text`.
// The file and line are those of the Mesos source that prints the message, as
// the recordings have them; log scanners may go by them.
type glog struct {
	mu        sync.Mutex
	w         io.Writer
	now       func() time.Time
	min       level // Lines below it are not written.
	verbosity int   // Of VLOG lines, those up to this number are written.
}

// early is the first line of a process that logs before glog is initialized;
// the library in a scheduler always does.
const early = "WARNING: Logging before InitGoogleLogging() is written to STDERR\n"

func newGlog(w io.Writer, now func() time.Time) *glog {
	if w == nil {
		w = io.Discard
	}
	if now == nil {
		now = time.Now
	}
	return &glog{w: w, now: now}
}

func (g *glog) raw(text string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	_, _ = io.WriteString(g.w, text)
}

func (g *glog) line(l level, source, format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if l < g.min {
		return
	}
	_, _ = fmt.Fprintf(g.w, "%c%s %5d %s] %s\n", "IWEF"[l],
		g.now().UTC().Format("0102 15:04:05.000000"), os.Getpid(), source, fmt.Sprintf(format, args...))
}

func (g *glog) info(source, format string, args ...any) { g.line(levelInfo, source, format, args...) }

// vlog writes a line that the process shows only when GLOG_v is n or more.
func (g *glog) vlog(n int, source, format string, args ...any) {
	if n <= g.verbosity {
		g.line(levelInfo, source, format, args...)
	}
}
