package mesoslog

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"
)

// recovery brings a replica that cannot vote to the status VOTING.
type recovery struct {
	proposer
	replica        *replica
	autoInitialize bool
	limit          time.Duration // Longest time of one round. 10 seconds in the real one.
}

const banner = "\n----------------------------------------------------\n" +
	"Replicated log has not been initialized. Did you\n" +
	"forget to manually initialize the log (i.e.,\n" +
	"mesos-log initialize --path=<PATH>)? Note that all\n" +
	"replicas are not initialized and the above command\n" +
	"needs to be run on each host!\n" +
	"----------------------------------------------------"

var errStatus = errors.New("Failed to update replica status") // the recorded text

// run returns when the replica votes, or the context ends. A replica that
// cannot get there (no quorum of voters, not all of them empty) tries for ever.
func (r *recovery) run(ctx context.Context) error {
	r.log.info("recover.cpp:437", "Starting replica recovery")
	for {
		status := r.replica.status()
		r.log.info("recover.cpp:468", "Replica is in %s status", status)
		if status == Voting {
			r.log.vlog(1, "recover.cpp:447", "Recover process terminated")
			return nil
		}
		next, err := r.protocol(ctx, status)
		if err != nil {
			return err
		}
		switch next.Status {
		case 0:
			// A random pause, so that replicas do not ask each other just
			// while they change their statuses.
			if err := pause(ctx, 500*time.Millisecond+time.Duration(rand.Int64N(int64(500*time.Millisecond)))); err != nil { // spreads retries
				return err
			}
			continue
		case Recovering:
			if err := r.catchUp(ctx, next.Begin, next.End); err != nil {
				return err
			}
		default:
			if !r.update(next.Status) {
				return errStatus
			}
		}
		if r.replica.status() == Voting {
			return nil
		}
	}
}

func (r *recovery) update(s Status) bool {
	r.log.info("recover.cpp:564", "Updating replica status to %s", s)
	if !r.replica.setStatus(s) {
		return false
	}
	if s == Voting {
		r.log.info("recover.cpp:578", "Successfully joined the Paxos group")
		r.log.vlog(1, "recover.cpp:447", "Recover process terminated")
	}
	return true
}

func (r *recovery) catchUp(ctx context.Context, begin, end uint64) error {
	if !r.update(Recovering) {
		return errStatus
	}
	r.log.info("recover.cpp:543", "Starting catch-up from position %d to %d", begin, end)
	if err := r.proposer.catchUp(ctx, 0, spans{}.add(begin, end)); err != nil {
		return err
	}
	if !r.update(Voting) {
		return errStatus
	}
	return nil
}

// protocol asks all members for their status and decides on our next one.
// Status zero in the result means that nothing follows from the answers.
func (r *recovery) protocol(ctx context.Context, status Status) (response, error) {
	for {
		round, cancel := context.WithTimeout(ctx, r.limit)
		next, err := r.ask(round, status)
		timedOut := round.Err() != nil
		cancel()
		if ctx.Err() != nil {
			return response{}, ctx.Err()
		}
		if err == nil || !timedOut {
			return next, err
		}
		r.log.info("recover.cpp:110", "Unable to finish the recover protocol in 10secs, retrying")
		// With too few members nothing happens, and nothing more is said,
		// until they change.
		if have, changed := r.net.size(); have < r.quorum {
			select {
			case <-changed:
			case <-ctx.Done():
				return response{}, ctx.Err()
			}
		}
	}
}

func (r *recovery) ask(ctx context.Context, status Status) (response, error) {
	if err := r.net.watch(ctx, r.quorum); err != nil {
		return response{}, err
	}
	answers, sent := r.net.broadcast(request{Kind: kindRecover})
	seen := map[Status]int{}
	var voters response
	all := 2*r.quorum - 1 // The group's size follows from the quorum's.
	for range sent {
		var a response
		select {
		case a = <-answers:
		case <-ctx.Done():
			return response{}, ctx.Err()
		}
		r.log.info("recover.cpp:197", "Received a recover response from a replica in %s status", a.Status)
		seen[a.Status]++
		if a.Status == Voting {
			if seen[Voting] == 1 || a.Begin < voters.Begin {
				voters.Begin = a.Begin
			}
			voters.End = max(voters.End, a.End)
		}
		switch {
		case seen[Voting] >= r.quorum:
			voters.Status = Recovering
			return voters, nil
		case r.autoInitialize && status == Empty && seen[Empty]+seen[Starting] >= all:
			return response{Status: Starting}, nil
		case r.autoInitialize && status == Starting && seen[Starting]+seen[Voting] >= all:
			return response{Status: Voting}, nil
		case !r.autoInitialize && seen[Empty] >= all:
			r.log.line(levelWarning, "recover.cpp:299", "%s", banner)
		}
	}
	return response{}, nil
}
