package backup

import (
	"fmt"
	"strconv"
	"unicode"
	"unicode/utf8"
)

// oddity is a kind of thing that looks wrong though the file decodes. They are listed in this order.
type oddity int

const (
	oddTail oddity = iota
	oddTimeless
	oddFuture
	oddFramework
	oddNoTasks
	oddUnknownType
	oddFieldType
	oddFieldTwice
	oddField
	oddElements
	oddNoID
	oddNoJob
	oddStatus
	oddTwice
	oddMisfit
	oddName
	oddHost
	oddStray
	oddPart
	oddPartTwice
	oddUTF8
	oddControl
	oddScript
	oddManyIDs
	oddManyNames
	oddities
)

// phrases says each, for one and for many; the many get the number.
var phrases = [oddities][2]string{
	oddTail:        {"1 byte after the end", "%d bytes after the end"},
	oddTimeless:    {"the timestamp is 0", ""},
	oddFuture:      {"the timestamp lies in the future", ""},
	oddFramework:   {"no framework id: the scheduler would register as a new framework", ""},
	oddNoTasks:     {"no tasks", ""},
	oddUnknownType: {"a value of a type that Thrift does not have", "%d values of types that Thrift does not have"},
	oddFieldType:   {"a field of the snapshot has the wrong type, and is ignored", "%d fields of the snapshot have the wrong type, and are ignored"},
	oddFieldTwice:  {"a field of the snapshot occurs twice", "%d fields of the snapshot occur again"},
	oddField:       {"a field of the snapshot that no release has", "%d fields of the snapshot that no release has"},
	oddElements:    {"a set is marked as one of the wrong type", "%d sets are marked as ones of the wrong type"},
	oddNoID:        {"a task without id", "%d tasks without id"},
	oddNoJob:       {"a task without job", "%d tasks without job"},
	oddStatus:      {"a task with an unknown status", "%d tasks with an unknown status"},
	oddTwice:       {"a task id occurs twice", "%d task ids occur again"},
	oddMisfit:      {"a task id does not fit its job and instance", "%d task ids do not fit their job and instance"},
	oddName:        {"a name that Aurora does not allow", "%d names that Aurora does not allow"},
	oddHost:        {"a host whose name is none", "%d hosts whose names are none"},
	oddStray:       {"an active task runs on a host without attributes", "%d active tasks run on hosts without attributes"},
	oddPart:        {"an entry without its key", "%d entries without their keys"},
	oddPartTwice:   {"an entry's key occurs twice", "%d keys of entries occur again"},
	oddUTF8:        {"text that is not UTF-8", "text that is not UTF-8, in %d places"},
	oddControl:     {"text with control characters", "text with control characters, in %d places"},
	oddScript:      {"1 statement in dbScript: what lies only there is lost on Aurora 0.20 and later", "%d statements in dbScript: what lies only there is lost on Aurora 0.20 and later"},
	oddManyIDs:     {"too many tasks to look for doubled ids among all", ""},
	oddManyNames:   {"too many different names: the figures by job, role, quota and cron are not complete", ""},
}

// warnings counts oddities, and keeps where the first of each kind is.
type warnings [oddities]struct {
	n       int
	at      int64 // -1: nowhere in particular.
	example string
}

// add counts one more. The example is kept of the first; it is quoted and cut.
func (w *warnings) add(o oddity, at int64, example []byte) {
	e := &w[o]
	if e.n++; e.n > 1 {
		return
	}
	e.at = at
	if len(example) > 0 {
		e.example = quote(example)
	}
}

// say counts one with an explanation of its own.
func (w *warnings) say(o oddity, at int64, format string, args ...any) {
	if e := &w[o]; e.n == 0 {
		e.at, e.example = at, fmt.Sprintf(format, args...)
	}
	w[o].n++
}

// list gives one sentence for each kind that was seen; never nil.
func (w *warnings) list() []string {
	out := []string{}
	for o, e := range w {
		if e.n == 0 {
			continue
		}
		s := phrases[o][0]
		if e.n > 1 && phrases[o][1] != "" {
			s = fmt.Sprintf(phrases[o][1], e.n)
		}
		switch {
		case e.at >= 0 && e.n > 1:
			s += fmt.Sprintf("; the first at byte %d", e.at)
		case e.at >= 0:
			s += fmt.Sprintf(", at byte %d", e.at)
		}
		if e.example != "" {
			s += ": " + e.example
		}
		out = append(out, s)
	}
	return out
}

// odd looks at text that is more than printable ASCII. Line ends and tabs are usual in messages and executor data.
func (w *warnings) odd(at int64, piece []byte) {
	control := false
	for i := 0; i < len(piece); {
		r, n := utf8.DecodeRune(piece[i:])
		if r == utf8.RuneError && n == 1 {
			w.add(oddUTF8, at+int64(i), around(piece, i))
			return
		}
		if !control && unicode.IsControl(r) && r != '\n' && r != '\t' && r != '\r' {
			control = true
			w.add(oddControl, at+int64(i), around(piece, i))
		}
		i += n
	}
}

// around is the part of b that shows what is at i.
func around(b []byte, i int) []byte { return b[max(0, i-16):min(len(b), i+16)] }

// quote makes text fit for a message of one line.
func quote(b []byte) string {
	const most = 80
	if len(b) > most {
		return strconv.QuoteToASCII(string(b[:most])) + "…"
	}
	return strconv.QuoteToASCII(string(b))
}
