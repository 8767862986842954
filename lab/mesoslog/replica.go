package mesoslog

import (
	"errors"
	"fmt"
	"sync"
)

// replica is the acceptor and learner: it owns the folder, answers what
// proposers ask, and knows which positions it misses.
type replica struct {
	log *glog

	mu    sync.Mutex
	store *store
	state
	failed error // Set by close: every later request is dropped.
}

// openReplica opens the folder in path, or makes a new one. The error was
// logged as the line with which the real process exits (status 1).
func openReplica(path string, log *glog) (*replica, error) {
	s, err := openStore(path)
	if err == nil {
		var st state
		if st, err = s.restore(); err == nil {
			log.info("replica.cpp:795", "Replica recovered with log positions %d -> %d with %d holes and %d unlearned",
				st.Begin, st.End, st.Holes.count(), st.Unlearned.count())
			return &replica{log: log, store: s, state: st}, nil
		}
		_ = s.close()
	}
	err = fmt.Errorf("Failed to recover the log: %w", err) // the recorded text
	log.line(levelError, "replica.cpp:774", "EXIT with status 1: %v", err)
	return nil, err
}

var errClosed = errors.New("log is being deleted")

func (r *replica) close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return nil
	}
	r.failed = errClosed
	return r.store.close()
}

func (r *replica) status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state.Status
}

func (r *replica) beginning() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Begin
}

func (r *replica) ending() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.End
}

func (r *replica) promised() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Promised
}

// setStatus persists a new status. It says whether that could be done.
func (r *replica) setStatus(s Status) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.putMetadata(metadata{s, r.Promised}) {
		return false
	}
	r.log.info("replica.cpp:322", "Persisted replica status to %s", s)
	return true
}

// putMetadata writes m and takes it over. A failed write is logged and the
// request that wanted it is dropped, as if it had never come.
func (r *replica) putMetadata(m metadata) bool {
	if r.failed != nil {
		return false
	}
	if err := r.store.putMetadata(m); err != nil {
		r.log.line(levelError, "replica.cpp:340", "Error writing to log: %v", err)
		return false
	}
	r.metadata = m
	return true
}

// missing says whether position p is not learned here.
func (r *replica) missing(p uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p < r.Begin {
		return false
	}
	return p > r.End || r.Holes.contains(p) || r.Unlearned.contains(p)
}

// missingUpTo gives every position from … to that is not learned here.
func (r *replica) missingUpTo(from, to uint64) spans {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := spans{}
	for _, set := range []spans{r.Holes, r.Unlearned} {
		for _, e := range set {
			all = all.add(e.From, e.To)
		}
	}
	if to > r.End {
		all = all.add(r.End+1, to)
	}
	if from > 0 {
		all = all.remove(0, from-1)
	}
	return all.remove(to+1, ^uint64(0))
}

// lookup reads position p for a request. found is false where nothing was
// written yet.
func (r *replica) lookup(p uint64) (a action, found bool, err error) {
	switch {
	case r.failed != nil:
		return a, false, r.failed
	case p < r.Begin:
		return a, false, errors.New("Attempted to read truncated position") // the recorded text
	case p > r.End || r.Holes.contains(p):
		return a, false, nil
	}
	a, err = r.store.getAction(p)
	return a, err == nil, err
}

// readRange gives the actions from … to, holes left out.
func (r *replica) readRange(from, to uint64) ([]action, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log.vlog(2, "replica.cpp:224", "Starting read from '%d' to '%d'", from, to)
	switch {
	case to < from:
		return nil, errors.New("Bad read range (to < from)") // the recorded text
	case from < r.Begin:
		return nil, errors.New("Bad read range (truncated position)") // the recorded text
	case to > r.End:
		return nil, errors.New("Bad read range (past end of log)") // the recorded text
	}
	var actions []action
	for p := from; ; p++ {
		a, found, err := r.lookup(p)
		if err != nil {
			return nil, err
		}
		if found {
			actions = append(actions, a)
		}
		if p == to {
			return actions, nil
		}
	}
}

// putAction writes a and updates what is missing.
func (r *replica) putAction(a action) bool {
	if r.failed != nil {
		return false
	}
	if err := r.store.putAction(a); err != nil {
		r.log.line(levelError, "replica.cpp:708", "Error writing to log: %v", err)
		return false
	}
	if a.Type != 0 {
		r.log.vlog(1, "replica.cpp:712", "Persisted action %s at position %d", a.Type, a.Position)
	}
	r.Holes = r.Holes.remove(a.Position, a.Position)
	if a.Learned {
		r.Unlearned = r.Unlearned.remove(a.Position, a.Position)
		if keep := a.keeps(); keep > 0 {
			r.Holes = r.Holes.remove(0, keep-1)
			r.Unlearned = r.Unlearned.remove(0, keep-1)
			r.Begin = max(r.Begin, keep)
		}
	} else {
		r.Unlearned = r.Unlearned.add(a.Position, a.Position)
	}
	if a.Position > r.End+1 {
		r.Holes = r.Holes.add(max(r.End+1, r.Begin), a.Position-1)
	}
	r.End = max(r.End, a.Position)
	return true
}
