package mesoslog

import (
	"context"
	"math/rand/v2"
	"time"
)

// proposer runs the phases of the consensus protocol against a quorum.
type proposer struct {
	quorum int
	net    *network
	log    *glog
}

// promiseAll asks for an implicit promise. The result is accepted with the
// highest position that a quorum has written, rejected with the highest
// number that was promised to another, or ignored.
func (p *proposer) promiseAll(ctx context.Context, proposal uint64) (response, error) {
	return p.round(ctx, "implicit promise", request{Kind: kindPromise, Proposal: proposal},
		func(sum *response, r response) bool {
			sum.Position = max(sum.Position, r.Position)
			return false
		})
}

// promiseAt asks for an explicit promise for one position. An accepted result
// has the action that must be proposed, if any: the learned one, or that with
// the highest number performed.
func (p *proposer) promiseAt(ctx context.Context, proposal, position uint64) (response, error) {
	return p.round(ctx, "explicit promise", request{Kind: kindPromise, Explicit: true, Proposal: proposal, Position: position},
		func(sum *response, r response) bool {
			switch a := r.Action; {
			case a == nil:
			case a.Learned:
				sum.Action = a
				return true
			case a.promiseOnly():
			case sum.Action == nil || sum.Action.Performed < a.Performed:
				sum.Action = a
			}
			return false
		})
}

// write asks a quorum to accept a.
func (p *proposer) write(ctx context.Context, proposal uint64, a action) (response, error) {
	return p.round(ctx, "write", request{Kind: kindWrite, Proposal: proposal, Position: a.Position, Action: a},
		func(*response, response) bool { return false })
}

// round broadcasts q once there is a quorum of members, and sums the answers
// of a quorum up. accept adds an accepted answer; it says whether that alone
// decides. A lost answer is waited for until the context ends.
func (p *proposer) round(ctx context.Context, name string, q request, accept func(sum *response, r response) bool) (response, error) {
	if err := p.net.watch(ctx, p.quorum); err != nil {
		return response{}, err
	}
	answers, _ := p.net.broadcast(q)
	sum := response{Verdict: accepted}
	for votes, ignores := 0, 0; votes < p.quorum; {
		var r response
		select {
		case r = <-answers:
		case <-ctx.Done():
			return response{}, ctx.Err()
		}
		switch {
		case r.Verdict == ignored:
			ignores++
			if ignores >= p.quorum {
				p.log.info(map[string]string{
					"explicit promise": "consensus.cpp:160", "implicit promise": "consensus.cpp:363", "write": "consensus.cpp:547",
				}[name], "Aborting %s request because %d ignores received", name, ignores)
				return response{Verdict: ignored}, nil
			}
			continue
		case r.Verdict == rejected:
			sum.Verdict = rejected
			sum.Proposal = max(sum.Proposal, r.Proposal)
		case sum.Verdict == accepted && accept(&sum, r):
			return sum, nil
		}
		votes++
	}
	return sum, nil
}

// retryDelay is the random pause before a proposer tries a higher number:
// long against a round, so that one of two proposers wins.
func retryDelay() time.Duration {
	return 100*time.Millisecond + time.Duration(rand.Int64N(int64(100*time.Millisecond))) // spreads retries
}

// fill gets one position decided: with what a quorum may already have
// accepted, or else with a no-op. It returns the proposal number that was
// high enough.
func (p *proposer) fill(ctx context.Context, proposal, position uint64) (uint64, error) {
	for {
		r, err := p.promiseAt(ctx, proposal, position)
		if err != nil {
			return 0, err
		}
		if r.Verdict == accepted {
			a := action{Position: position, Type: actionNop}
			if r.Action != nil {
				a = *r.Action
			}
			a.Promised, a.Performed, a.HasPerformed = proposal, proposal, true
			if a.Learned {
				return proposal, p.net.learn(ctx, a)
			}
			if r, err = p.write(ctx, proposal, a); err != nil {
				return 0, err
			}
			if r.Verdict == accepted {
				return proposal, p.net.learn(ctx, a)
			}
		}
		// Not enough voters is retried with the same number, a higher number
		// seen with one above it.
		if r.Verdict == rejected {
			proposal = max(proposal, r.Proposal) + 1
		}
		if err := pause(ctx, retryDelay()); err != nil {
			return 0, err
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// catchUpLimit is the longest time that one position may take before it is
// tried anew.
const catchUpLimit = 10 * time.Second

// catchUp gets the given positions learned by our replica, one after another.
func (p *proposer) catchUp(ctx context.Context, proposal uint64, positions spans) error {
	for _, e := range positions {
		for position := e.From; ; position++ {
			for p.net.replica.missing(position) {
				limited, cancel := context.WithTimeout(ctx, catchUpLimit)
				used, err := p.fill(limited, proposal, position)
				cancel()
				switch {
				case err == nil:
					proposal = used
				case ctx.Err() != nil:
					return ctx.Err()
				default:
					p.log.info("catchup.cpp:246", "Unable to catch-up position %d in 10secs, retrying", position)
				}
			}
			if position == e.To {
				break
			}
		}
	}
	return nil
}
