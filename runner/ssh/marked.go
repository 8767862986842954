package ssh

import (
	"bytes"
	"strings"
	"sync"
)

// A process is known for good by its ID and start time.
type process struct{ id, begun string }

// A marked takes the line off the front of standard error with which the
// wrapper says that it runs. What a login shell wrote before it is not part of
// the command's output once the line was there.
type marked struct {
	mu     sync.Mutex
	line   []byte // Begun, and not yet known to be ours or not. At most maxMark bytes.
	inside bool   // In a line that is too long to be ours.
	leader process
	known  bool
	rest   capped

	seen chan struct{} // Closed when the line was there.
}

func newMarked(most int) *marked { return &marked{rest: capped{most: most}, seen: make(chan struct{})} }

const mark = "aurorabot: "

// maxMark bounds the wrapper's line, in bytes: a line of /proc/PID/stat has some 400.
const maxMark = 4096

func (m *marked) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(p)
	for len(p) > 0 && !m.known {
		part, after, whole := bytes.Cut(p, []byte("\n"))
		if whole {
			part = p[:len(part)+1]
		}
		p = after
		if m.inside = m.inside || len(m.line)+len(part) > maxMark; m.inside {
			m.rest.keep(m.line)
			m.rest.keep(part)
			m.line, m.inside = m.line[:0], !whole
			continue
		}
		m.line = append(m.line, part...)
		if !whole {
			break
		}
		if m.leader, m.known = parseStat(strings.TrimSuffix(string(m.line), "\n")); m.known {
			close(m.seen)
			m.rest.reset()
		} else {
			m.rest.keep(m.line)
		}
		m.line = m.line[:0]
	}
	m.rest.keep(p)
	return n, nil
}

func (m *marked) process() (process, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.known {
		m.rest.keep(m.line)
		m.line = nil
	}
	return m.leader, m.known
}

// parseStat reads the wrapper's line: a line of /proc/PID/stat, see proc(5).
func parseStat(line string) (process, bool) {
	stat, ok := strings.CutPrefix(line, mark)
	at := strings.LastIndex(stat, ") ")
	if !ok || at < 0 {
		return process{}, false
	}
	id, _, _ := strings.Cut(stat, " ")
	fields := strings.Fields(stat[at+2:])
	const begun = 22 - 3 // Field 22; the name, field 2, was the last one cut off.
	if len(fields) <= begun {
		return process{}, false
	}
	return process{id, fields[begun]}, true
}
