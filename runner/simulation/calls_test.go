package simulation

import (
	"fmt"
	"path"
	"slices"
	"time"

	"aurorabot/runner/backup"
)

// An answer is what a scheduler says to a call.
type answer struct {
	code  string // "OK", "ERROR", "INVALID_REQUEST"; "" if there is no answer.
	words string
	tasks []string
}

func (a answer) number() int {
	return map[string]int{"INVALID_REQUEST": 0, "OK": 1, "ERROR": 2}[a.code]
}

var notReady = answer{code: "ERROR", words: "Storage is not READY"}

// call does a call of the API on a scheduler, as the real one does: staging is
// in memory and works on any of them, commit needs the leader's storage.
func (p *process) call(method, arg, by string) answer {
	w := p.h.w
	if !p.alive || !p.http {
		return answer{}
	}
	w.act(&act{kind: "call", host: p.h, by: by, proc: p, what: method, arg: arg})
	switch method {
	case "stageRecovery":
		if p.staged != nil {
			return answer{code: "INVALID_REQUEST", words: "Another backup is already loaded"}
		}
		n := p.h.fs.at(path.Join(p.flags["backup_dir"], arg))
		if n == nil {
			return answer{code: "ERROR", words: "Backup " + arg + " does not exist."}
		}
		s, err := stateOf(n.content)
		if err != nil {
			return answer{code: "ERROR", words: err.Error()}
		}
		p.staged, p.foreign = s, by != "bot"
		p.stagedN++
		return answer{code: "OK"}
	case "queryRecovery":
		if p.staged == nil {
			return answer{code: "INVALID_REQUEST", words: "No backup loaded"}
		}
		return answer{code: "OK", tasks: p.staged.ids()}
	case "unloadRecovery":
		p.staged = nil
		return answer{code: "OK"}
	case "getTasksWithoutConfigs":
		if !p.ready {
			return notReady
		}
		return answer{code: "OK", tasks: p.store.ids()}
	case "snapshot":
		if !p.ready {
			return notReady
		}
		if !w.write(p, &entry{kind: "snapshot", snap: &state{p.store.tasks, p.store.framework, w.instant()}, leader: p.name()}) {
			return answer{code: "ERROR", words: "Timeout performing log append"}
		}
		p.wrote++
		return answer{code: "OK"}
	case "commitRecovery":
		return p.commit(by)
	}
	panic("simulation: no call " + method)
}

// delete takes tasks out of what is staged. Unknown ids are no error.
func (p *process) delete(ids []string, by string) answer {
	if !p.alive || !p.http {
		return answer{}
	}
	p.h.w.act(&act{kind: "call", host: p.h, by: by, proc: p, what: "deleteRecoveryTasks"})
	if p.staged == nil {
		return answer{code: "INVALID_REQUEST", words: "No backup loaded"}
	}
	for _, id := range ids {
		delete(p.staged.tasks, id)
	}
	return answer{code: "OK"}
}

// commit overwrites the log with what is staged, and ends the leader. It may
// say ERROR and take effect later, or never.
func (p *process) commit(by string) answer {
	w := p.h.w
	c := &commit{at: w.instant(), on: p, by: by}
	w.truth.commits = append(w.truth.commits, c)
	switch {
	case p.staged == nil:
		c.failed = "no backup loaded"
		return answer{code: "INVALID_REQUEST", words: "No backup loaded"}
	case !p.ready:
		c.failed = "storage not ready"
		return notReady
	}
	c.what = p.staged.clone()
	c.entry = &entry{kind: "snapshot", snap: c.what, leader: fmt.Sprintf("commit-%d", len(w.truth.commits))}
	switch {
	case w.fate.strikes("commit-error-never"):
		c.failed = "the append failed"
		w.tell("fault", "the commit fails: ERROR, and nothing is written")
		p.leave()
		return answer{code: "ERROR", words: "Timeout performing log append"}
	case w.fate.strikes("commit-error-later"):
		// Accepted by the leader's own replica only: the next writer decides.
		w.tell("fault", "the commit answers ERROR; the leader's replica has accepted it")
		n := *c.entry
		n.snap = n.snap.clone()
		p.log().entries[p.log().end()+1] = &n
		p.leave()
		return answer{code: "ERROR", words: "Timeout performing log append"}
	}
	if !w.write(p, c.entry) {
		n := *c.entry
		p.log().entries[p.log().end()+1] = &n
		p.leave()
		return answer{code: "ERROR", words: "Timeout performing log append"}
	}
	w.tell("world", "%s: PID %d wrote the commit: %d tasks", p.h.name, p.pid, len(c.what.tasks))
	p.leave()
	return answer{code: "OK"}
}

// leave is what a leader does after a commit: HTTP closes, the candidate goes,
// the process and its replica stay; or the process ends as well.
func (p *process) leave() {
	p.closed, p.ready, p.staged, p.http = true, false, nil, false
	w := p.h.w
	if w.chance(30) {
		w.after(time.Second, func() { p.end(0, true) })
	}
	w.after(200*time.Millisecond, func() { w.leave(p, "candidate") })
}

// committed tells what became of the commits: learned somewhere means yes for
// good; "" that it can still come either way.
func (w *world) committed(c *commit) (yes, no bool) {
	if c.entry == nil {
		return false, c.failed != ""
	}
	somewhere := false
	for _, h := range w.hosts {
		n := h.fs.at(logPath)
		if n == nil || n.log == nil {
			continue
		}
		for _, e := range n.log.entries {
			if e.leader == c.entry.leader {
				somewhere = true
				yes = yes || e.learned
			}
		}
	}
	return yes, !yes && !somewhere
}

// stateOf decodes a backup.
func stateOf(b []byte) (*state, error) {
	s, err := backup.Parse(slices.Clone(b))
	if err != nil {
		return nil, err
	}
	st := &state{tasks: map[string]bool{}, framework: s.FrameworkID(), at: s.Time()}
	for _, t := range s.Tasks() {
		st.tasks[t.ID] = true
	}
	return st, nil
}
