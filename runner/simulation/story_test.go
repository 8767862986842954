package simulation

import (
	"fmt"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner"
)

// A story is what happened, line by line: events, acts, faults, people.
type story struct {
	lines []string
	quiet bool
}

func (w *world) tell(kind, format string, args ...any) {
	if w.story.quiet {
		return
	}
	at := w.instant().Sub(w.begin).Round(time.Millisecond)
	w.story.lines = append(w.story.lines, fmt.Sprintf("%12s  %-9s %s", at, kind, fmt.Sprintf(format, args...)))
}

// event is called with every event once it is durable.
func (w *world) event(e runner.Event) {
	why := strings.ReplaceAll(e.Why, "\n", " | ")
	if len(why) > 220 {
		why = why[:220] + "…"
	}
	w.tell("event", "%3d %-15s %s %s %s %s %s", e.Seq, e.Kind, e.Phase, e.Step+e.Gate, e.Host, e.Who, why)
	for _, r := range w.rules {
		if r.event != nil {
			r.event(e)
		}
	}
}

// An act is something that happens to the world.
type act struct {
	kind    string // "issue": a command leaves; "call": a scheduler is told; "spawn", "register", "initialize", "delete", "nft".
	host    *host
	by      string // "bot", or who else.
	what    string // Effect, method or path.
	arg     string
	proc    *process
	cmd     *runner.Command
	limited bool
}

// act is called with everything that the rules may have a word on.
func (w *world) act(a *act) {
	if a.kind == "issue" && a.what != "" {
		w.tell("act", "%s: %s (%s)", a.host.name, a.what, strings.Join(a.cmd.Argv, " "))
	}
	for _, r := range w.rules {
		if r.act != nil {
			r.act(a)
		}
	}
}

// looked is called when the bot looks at a thing of a host.
func (w *world) looked(host, thing string) {
	for _, r := range w.rules {
		if r.look != nil {
			r.look(host, thing)
		}
	}
}

// A rule is one of the runbook's, as code. Any of its functions may be nil.
type rule struct {
	name  string
	event func(runner.Event)
	act   func(*act)
	look  func(host, thing string)
	asked func(who policy.Actor, words []string) // A person asks for something.
	end   func()                                 // The run is closed, and the world is calm.
}
