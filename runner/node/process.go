package node

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/probe"
)

// Running are the scheduler processes of the task's host.
func (n *Node) Running(ctx context.Context) ([]probe.Process, probe.Facts, error) {
	l, err := n.Known()
	if err != nil {
		return nil, probe.Facts{}, err
	}
	facts, err := n.Ask(ctx, probe.Request{Processes: true, Dials: []string{n.Scheduler.HTTP}})
	if err != nil {
		return nil, facts, err
	}
	mine, err := Ours(facts.Processes, l.Flags["native_log_file_path"], 0)
	return mine, facts, err
}

// A Process is one that counts as one after a start.
type Process struct {
	probe.Process
	launcher probe.Process // What it was started by and has its arguments; itself where there is none.
}

// Is reports whether it is the process that a receipt or a fence names, or was
// launched by that: a launcher is there before the scheduler that it stays beside.
func (s Process) Is(pid int, start uint64) bool {
	return s.PID == pid && s.Start == start || s.launcher.PID == pid && s.launcher.Start == start
}

// Schedulers returns the schedulers of the task's host after a start. The launcher
// forks, so for a moment two processes have a scheduler's arguments, and one that
// does not exec stays beside the scheduler (recorded): of a process and those that
// it started one counts, and none that is gone at a second look. Whether a
// scheduler is stopped is asked of [Node.Running], which counts every process.
func (n *Node) Schedulers(ctx context.Context) ([]Process, probe.Facts, error) {
	all, facts, err := n.Running(ctx)
	if err == nil && len(all) > 1 {
		if err := n.Pause(ctx, 0); err != nil {
			return nil, facts, err
		}
		all, facts, err = n.Running(ctx)
	}
	return oneOfEach(all), facts, err
}

// oneOfEach returns one scheduler of each family of processes: the one that
// listens, else the one that started the others. Several that listen are several
// schedulers.
func oneOfEach(list []probe.Process) []Process {
	var mine []Process
	for _, head := range list {
		if slices.ContainsFunc(list, func(p probe.Process) bool { return p.PID == head.Parent }) {
			continue // It is of another one's family.
		}
		alone := true
		for _, p := range list {
			if p.Listens && descends(p, head, list) {
				mine = append(mine, Process{p, head})
				alone = false
			}
		}
		if alone {
			mine = append(mine, Process{head, head})
		}
	}
	return mine
}

// descends reports whether p is head, or was started by it or by one that it started.
func descends(p, head probe.Process, list []probe.Process) bool {
	for range list {
		if p.PID == head.PID {
			return true
		}
		at := slices.IndexFunc(list, func(q probe.Process) bool { return q.PID == p.Parent })
		if at < 0 {
			return false
		}
		p = list[at]
	}
	return false
}

// Gone says why a host's scheduler takes no part any more, "" if it may: it has
// ended, or, from 0.21 on, its application has, and left a process behind that
// listens nowhere, for example because the wait for Mesos was over.
func (n *Node) Gone(ctx context.Context) (mine []Process, why string, err error) {
	l, err := n.Known()
	if err != nil {
		return nil, "", err
	}
	mine, facts, err := n.Schedulers(ctx)
	at := n.Scheduler.HTTP
	switch {
	case err != nil:
		return nil, "", err
	case len(mine) == 0:
		return mine, "no process", nil
	case len(mine) == 1 && facts.Dials[at] == "refused" && n.Now().Sub(mine[0].Since.Add(-l.Skew)) > Listens:
		return mine, fmt.Sprintf("PID %d is left, but nobody listens at %s", mine[0].PID, at), nil
	}
	return mine, "", nil
}

// Ours are the scheduler processes that use the log at path, or that the
// supervisor calls its own. Arguments that no scheduler takes are an error of ours
// only: another program may give a flag as often as it likes.
func Ours(all []probe.Process, path string, mainPID int) ([]probe.Process, error) {
	var mine []probe.Process
	for _, p := range all {
		flags, err := aurora.ParseFlags(p.Argv)
		ours := flags["native_log_file_path"] == path
		if err != nil {
			ours = names(p.Argv, path)
		}
		switch {
		case !ours && (p.PID != mainPID || mainPID == 0):
		case err != nil:
			return nil, fmt.Errorf("arguments of process %d: %w", p.PID, err)
		default:
			mine = append(mine, p)
		}
	}
	return mine, nil
}

// names reports whether one of the arguments is a path, or a flag with that value.
func names(argv []string, path string) bool {
	return slices.ContainsFunc(argv, func(a string) bool {
		_, value, _ := strings.Cut(a, "=")
		return path != "" && (a == path || value == path)
	})
}

// Named lists schedulers for people.
func Named(list []Process) string {
	all := make([]probe.Process, len(list))
	for i, s := range list {
		all[i] = s.Process
	}
	return PIDs(all)
}

// PIDs lists processes for people.
func PIDs(list []probe.Process) string {
	var s []string
	for _, p := range list {
		s = append(s, fmt.Sprintf("PID %d", p.PID))
	}
	return strings.Join(s, ", ")
}

// Listens is how long a scheduler may take from its start until it listens.
const Listens = time.Minute
