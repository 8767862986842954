package simulation

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"aurorabot/runner"
)

// An orphan is a command whose connection is gone, or whose bot: it is at work
// until it is done, or until a bot reaches the host again, which ends it first.
type orphan struct {
	do   func() (runner.Output, time.Duration)
	over bool
}

func (h *host) orphaned(d time.Duration, do func() (runner.Output, time.Duration)) {
	o := &orphan{do: do}
	h.lost = append(h.lost, o)
	h.w.after(d, func() {
		if !o.over && !h.down() {
			o.over = true
			do()
		}
	})
}

// sweep is what a bot does first on a host that it reaches again. What it ends
// may just have been done.
func (h *host) sweep() {
	for _, o := range h.lost {
		if !o.over && h.w.chance(50) {
			o.do()
		}
		o.over = true
	}
	h.lost = nil
}

// A job is a command that goes on without its connection, and without its bot.
type job struct {
	out  runner.Output
	done bool
	over bool // Nothing of it is at work; what it did is not known, unless it is done.
}

// finish does what the job does, unless it was ended before.
func (j *job) finish(h *host, cmd runner.Command) {
	if j.done || j.over || h.down() {
		return
	}
	j.out, _ = h.exec(cmd)
	j.done = true
}

// runJob starts a job or finds the one that was started, and waits for it over
// as many connections as it takes.
func (v *view) runJob(ctx context.Context, cmd runner.Command, limit time.Duration) (out runner.Output, err error) {
	w, h := v.h.w, v.h
	limited, cancel := context.WithTimeout(ctx, limit+10*time.Second)
	defer cancel()
	key := h.name + " job " + cmd.Job
	var j *job
	w.turns.take(key, func() { j, err = v.claim(cmd, limit) })
	for err == nil {
		late := wait(limited, time.Second)
		ended := false
		w.turns.take(key, func() {
			switch {
			case v.bot.dead:
				err = errDead
			case late != nil && (limited.Err() == nil || ctx.Err() == nil || errors.Is(context.Cause(ctx), runner.ErrAborted)):
				j.over = true // Killed, which is proved.
				err = fmt.Errorf("outcome unknown: %w: %w", late, runner.ErrOver)
			case late != nil:
				err = fmt.Errorf("outcome unknown: %w", late)
			case h.down():
			case j.done:
				out, ended = j.out, true
			case j.over:
				err = fmt.Errorf("it left no verdict: %w", runner.ErrOver)
			}
		})
		switch {
		case ended:
			return out, nil
		case err == nil && late != nil: // The play is over.
			err = late
		}
	}
	return out, err
}

// claim starts a job that is not there. It holds a turn.
func (v *view) claim(cmd runner.Command, limit time.Duration) (*job, error) {
	w, h := v.h.w, v.h
	words := strings.Join(cmd.Argv, " ")
	if v.bot.dead {
		return nil, errDead
	}
	w.mishap()
	switch {
	case v.bot.dead:
		return nil, errDead
	case h.down():
		return nil, fmt.Errorf("dial %s: no route to host: outcome unknown", h.name)
	}
	h.sweep()
	j := h.jobs[cmd.Job]
	switch {
	case j != nil:
		return j, nil
	case len(cmd.Argv) == 0:
		return nil, fmt.Errorf("job %s: there is none: %w", cmd.Job, runner.ErrNotStarted)
	}
	changes := effectOf(cmd)
	f := w.fate.runFault(changes)
	if f != "" {
		w.tell("fault", "%s: job: %s: %s", h.name, words, f)
	}
	switch f {
	case "not started":
		return nil, errLost
	case "crash before":
		w.crash("before " + words + " on " + h.name)
		return nil, errDead
	}
	j = &job{}
	h.jobs[cmd.Job] = j
	w.act(&act{kind: "issue", host: h, by: "bot", what: changes, cmd: &cmd, limited: true})
	takes := w.between(300*time.Millisecond, 4*time.Second)
	switch f {
	case "lost, not done":
		delete(h.jobs, cmd.Job)
		return nil, errLost
	case "lost, done":
		j.finish(h, cmd)
		return nil, errLost
	case "lost, done later":
		w.after(w.between(time.Second, 40*time.Second), func() { j.finish(h, cmd) })
		if w.chance(50) {
			return nil, errLost
		}
		return j, nil // Another connection gets through.
	case "hangs, not done":
		w.after(limit, func() { j.over = true })
		return j, nil
	case "hangs, done":
		takes = limit - time.Second
	case "crash during":
		takes = w.between(100*time.Millisecond, 30*time.Second)
	}
	w.after(takes, func() {
		j.finish(h, cmd)
		if f == "crash after" {
			w.crash("after " + words + " on " + h.name)
		}
	})
	if f == "crash during" {
		w.crash("during " + words + " on " + h.name)
		return nil, errDead
	}
	return j, nil
}
