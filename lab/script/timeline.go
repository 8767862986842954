package script

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// A Timeline prints a journal for people, an event a line, as it comes.
type Timeline struct {
	Out   io.Writer
	began time.Time
	phase string
}

// Add prints an event. Those that say only that something began are left out.
func (t *Timeline) Add(e Event) {
	if t.began.IsZero() {
		t.began = e.At
	}
	if e.Phase != "" && e.Phase != t.phase && e.Kind == "phase.started" {
		t.phase = e.Phase
		t.line(e, "── "+e.Phase)
		return
	}
	switch e.Kind {
	case "step.started", "undo.started", "phase.started", "phase.done", "plan.proposed", "waiting":
		return
	}
	where := e.Step
	if where == "" {
		where = e.Gate
	}
	if e.Host != "" {
		where += " on " + e.Host
	}
	words := []string{e.Kind}
	if where != "" {
		words = append(words, where)
	}
	if e.Who != "" {
		words = append(words, "by "+who(e))
	}
	line := strings.Join(words, " ")
	if e.Why != "" {
		line += ": " + first(e.Why)
	}
	t.line(e, line)
}

// first is the first line of what was said, cut to a width that terminals have.
func first(why string) string {
	line, rest, more := strings.Cut(why, "\n")
	if runes := []rune(line); len(runes) > 160 {
		return string(runes[:160]) + " …"
	}
	if more && strings.TrimSpace(rest) != "" {
		return line + " …"
	}
	return line
}

func (t *Timeline) line(e Event, text string) {
	fmt.Fprintf(t.Out, "%8s  %s\n", "+"+e.At.Sub(t.began).Round(100*time.Millisecond).String(), text)
}
