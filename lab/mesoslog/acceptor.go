package mesoslog

// verdict is how a replica answers a proposer.
type verdict int

const (
	accepted verdict = iota + 1
	rejected         // A higher proposal number was promised; Proposal says which.
	ignored          // The replica is not VOTING.
)

// request is what proposers, recovering replicas and writers send.
type request struct {
	Kind     kind
	From     string // The sender's pid text, for the log lines.
	Proposal uint64
	Explicit bool // A promise for Position only, not for all that follows.
	Position uint64
	Action   action
}

type kind int

const (
	kindPromise kind = iota + 1
	kindWrite
	kindLearned // Has no response.
	kindRecover
)

// message is the name of the kind's message, as libprocess names it.
func (k kind) message() string {
	return map[kind]string{
		kindPromise: "mesos.internal.log.PromiseRequest", kindWrite: "mesos.internal.log.WriteRequest",
		kindLearned: "mesos.internal.log.LearnedMessage", kindRecover: "mesos.internal.log.RecoverRequest",
	}[k]
}

type response struct {
	Verdict  verdict
	Proposal uint64
	Position uint64 // Of an implicit promise: the last position written.
	Action   *action
	Status   Status // Of a recover response.
	Begin    uint64
	End      uint64
}

// handle answers one request. ok is false when there is no answer: the
// request has none, or the disk failed and silence is the honest reply (a
// rejection would say that somebody else was elected).
func (r *replica) handle(q request) (answer response, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed != nil {
		return response{}, false
	}
	switch q.Kind {
	case kindRecover:
		r.log.info("replica.cpp:677", "Replica in %s status received a broadcasted recover request from %s", r.state.Status, q.From)
		answer = response{Status: r.state.Status}
		if r.state.Status == Voting {
			answer.Begin, answer.End = r.Begin, r.End
		}
		return answer, true
	case kindLearned:
		r.log.info("replica.cpp:695", "Replica received learned notice for position %d from %s", q.Action.Position, q.From)
		r.putAction(q.Action)
		return response{}, false
	case kindPromise:
		if r.state.Status != Voting {
			r.log.info("replica.cpp:379", "Replica ignoring promise request from %s as it is in %s status", q.From, r.state.Status)
			return response{Verdict: ignored, Proposal: q.Proposal}, true
		}
		if q.Explicit {
			return r.promisePosition(q)
		}
		return r.promiseAll(q)
	case kindWrite:
		if r.state.Status != Voting {
			r.log.info("replica.cpp:529", "Replica ignoring write request from %s as it is in %s status", q.From, r.state.Status)
			return response{Verdict: ignored, Proposal: q.Proposal, Position: q.Position}, true
		}
		return r.write(q)
	}
	return response{}, false
}

// promiseAll answers a candidate: an implicit promise for every position that
// was not written yet. It is given once per number.
func (r *replica) promiseAll(q request) (response, bool) {
	r.log.info("replica.cpp:497", "Replica received implicit promise request from %s with proposal %d", q.From, q.Proposal)
	if q.Proposal <= r.Promised {
		r.log.info("replica.cpp:502", "Replica denying promise request with proposal %d", q.Proposal)
		return response{Verdict: rejected, Proposal: r.Promised}, true
	}
	if !r.putMetadata(metadata{r.state.Status, q.Proposal}) {
		return response{}, false
	}
	r.log.info("replica.cpp:344", "Persisted promised to %d", q.Proposal)
	return response{Verdict: accepted, Proposal: q.Proposal, Position: r.End}, true
}

// promisePosition answers a proposer that fills one position.
func (r *replica) promisePosition(q request) (response, bool) {
	r.log.info("replica.cpp:391", "Replica received explicit promise request from %s for position %d with proposal %d",
		q.From, q.Position, q.Proposal)
	if q.Position < r.Begin {
		// Truncated here, so it is decided that nobody needs it: a learned
		// no-op, with which the proposer need not run a round that our
		// refusal to write truncated positions would never let succeed.
		return response{Verdict: accepted, Proposal: q.Proposal, Action: &action{
			Position: q.Position, Promised: r.Promised, Performed: r.Promised, HasPerformed: true,
			Learned: true, HasLearned: true, Type: actionNop, Tombstone: true, HasTombstone: true,
		}}, true
	}
	a, found, err := r.lookup(q.Position)
	if err != nil {
		r.log.line(levelError, "replica.cpp:431", "Error getting log record at %d: %v", q.Position, err)
		return response{}, false
	}
	promised := r.Promised
	if found {
		promised = a.Promised
	}
	if q.Proposal <= promised {
		return response{Verdict: rejected, Proposal: promised}, true
	}
	original := a
	a.Position, a.Promised = q.Position, q.Proposal
	if !r.putAction(a) {
		return response{}, false
	}
	answer := response{Verdict: accepted, Proposal: q.Proposal, Position: q.Position}
	if found {
		answer.Action = &original
	}
	return answer, true
}

// write answers a request to accept an action.
func (r *replica) write(q request) (response, bool) {
	r.log.info("replica.cpp:541", "Replica received write request for position %d from %s", q.Position, q.From)
	a, found, err := r.lookup(q.Position)
	if err != nil {
		r.log.line(levelError, "replica.cpp:547", "Error getting log record at %d: %v", q.Position, err)
		return response{}, false
	}
	promised := r.Promised
	if found {
		promised = a.Promised
	}
	if q.Proposal < promised {
		return response{Verdict: rejected, Proposal: promised, Position: q.Position}, true
	}
	if a.Learned {
		// A learned notice can overtake its write request, and what is
		// learned must not become unlearned. No answer, as in the real one.
		return response{}, false
	}
	written := q.Action
	written.Position, written.Promised = q.Position, promised
	written.Performed, written.HasPerformed = q.Proposal, true
	written.Learned, written.HasLearned = false, false
	if !r.putAction(written) {
		return response{}, false
	}
	return response{Verdict: accepted, Proposal: q.Proposal, Position: q.Position}, true
}
