package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"strings"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
	"aurorabot/runner/health"
)

// A Cleaner lists what a closed run left, and removes it.
type Cleaner interface {
	List(ctx context.Context, s *runner.State) (health.Leftovers, error)
	Remove(ctx context.Context, s *runner.State, host string) error
}

// leastRetention is how long what a run left stays at least, where no other time is set.
const leastRetention = 30 * 24 * time.Hour

// atClean is a run as if it waited for consent to the removal of what it left, by its
// events: the gate says who asked, for which list, and who agreed. Without a digest,
// nobody asks, or it is done.
func atClean(st *runner.State, events []runner.Event) *runner.State {
	var g runner.GateState
	for _, e := range events {
		switch e.Kind {
		case runner.CleanRequested:
			g = runner.GateState{Digest: e.Digest, By: e.Who}
		case runner.CleanApproved:
			g.Approvals = append(g.Approvals, runner.Approval{Who: e.Who, Digest: e.Digest, At: e.At, Data: e.Data})
		case runner.CleanDone, runner.CleanFailed:
			g = runner.GateState{}
		}
	}
	at := *st
	at.Status, at.Gate, at.Gates = runner.Gated, policy.Clean, maps.Clone(st.Gates)
	at.Gates[policy.Clean] = g
	return &at
}

// cleanable refuses to remove what a run left while it may not go. Nil: it may.
func cleanable(s *Service, st *runner.State, k *Cluster) *Response {
	refuse := func(hint, format string, args ...any) *Response {
		r := failureHint(fmt.Errorf(format, args...), hint)
		return &r
	}
	keep := s.Retention
	if keep == 0 {
		keep = leastRetention
	}
	switch {
	case k == nil || k.Clean == nil:
		return refuse("", "the cluster of run %s is not configured any more", st.Run)
	case st.Status != runner.Closed:
		return refuse(fmt.Sprintf("see what it waits for with `status %s`", st.Run), "run %s is not closed: what it left is its way back", st.Run)
	case s.Now().Sub(st.At) < keep:
		return refuse("wait until "+st.At.Add(keep).UTC().Format(time.RFC3339), "run %s was closed %s ago, and what a run left stays for %s (retention)", st.Run, view.Age(s.Now().Sub(st.At)), view.Age(keep))
	}
	switch open, err := s.open(k.Name); {
	case err != nil:
		return refuse("", "%w", err)
	case open != nil:
		return refuse(fmt.Sprintf("close it first: `status %s`", open.Run), "%s has an open run, %s: nothing is removed from its hosts meanwhile", k.Name, open.Run)
	}
	return nil
}

// cleaned does something about what a closed run left, as it lies there now, in the
// run's turn.
func cleaned(ctx context.Context, s *Service, c call, do func(at *runner.State, k *Cluster, l health.Leftovers) Response) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failureHint(err, "name a closed run: `history` lists them")
	}
	defer done()
	k := s.cluster(st.Request.Cluster)
	if bad := cleanable(s, st, k); bad != nil {
		return *bad
	}
	events, err := s.Events(st.Run)
	if err != nil {
		return failure(err)
	}
	l, err := k.Clean.List(ctx, st)
	if err != nil {
		return failure(err)
	}
	return do(atClean(st, events), k, l)
}

// doClean lists what a closed run left on the hosts and at the bot, and asks for its
// removal.
func doClean(ctx context.Context, s *Service, c call) Response {
	return cleaned(ctx, s, c, func(at *runner.State, _ *Cluster, l health.Leftovers) Response {
		if len(l.Left) == 0 {
			return Response{Message: view.Left(at.Run, l, nil, ""), Data: l, Run: at.Run}
		}
		g := at.Gates[policy.Clean]
		// Where all have agreed and nothing was removed, the bot died then.
		if digest := runner.Digest(l.Left); g.Digest != digest || s.people(at).Gates[policy.Clean].Open {
			data, err := json.Marshal(l)
			if err != nil {
				return failure(err)
			}
			if _, err := s.Engine.Append(at.Run, runner.Event{Kind: runner.CleanRequested, Who: c.Actor.Key(), Digest: digest, Data: data}); err != nil {
				return failure(err)
			}
			g.Digest = digest
			at.Gates[policy.Clean] = g
		}
		return Response{
			Message: view.Left(at.Run, l, s.people(at).Needed[policy.Clean], approval(at)),
			Data: struct {
				health.Leftovers
				Digest string `json:"digest"`
			}{l, g.Digest},
			Exit: ExitWaiting, Run: at.Run,
		}
	})
}

// approveClean counts a consent to the removal of what was listed, and removes it where
// that was the last one needed. Nothing is removed that is not as it was listed.
func approveClean(ctx context.Context, s *Service, c call) Response {
	return cleaned(ctx, s, c, func(at *runner.State, k *Cluster, l health.Leftovers) Response {
		const gate = policy.Clean
		digest, list := at.Gates[gate].Digest, fmt.Sprintf("list it with `clean %s`, and approve that", at.Run)
		if digest == "" {
			return failureHint(fmt.Errorf("nobody asked for what run %s left to be removed", at.Run), list)
		}
		if kind, why, hint := unbound(c, at); why != "" {
			return s.refuseAs(c, at.Run, kind, why, hint)
		}
		if given, now := c.flags["digest"], runner.Digest(l.Left); !strings.HasPrefix(digest, given) || now != digest {
			return s.refuseAs(c, at.Run, "stale-digest", fmt.Sprintf("what lies there now (%.12s) is not the list that was asked for (%.12s), or that you approve (%.12s)", now, digest, given), list)
		}
		who, bad := s.consenting(ctx, c, at, gate)
		if bad != nil {
			return *bad
		}
		data, err := evidence(who)
		if err != nil {
			return failure(err)
		}
		if _, err := s.Engine.Append(at.Run, runner.Event{Kind: runner.CleanApproved, Who: who.Key(), Digest: digest, Why: strings.TrimSpace(byAnswer(who.Known)), Data: data}); err != nil {
			return failure(err)
		}
		events, err := s.Events(at.Run)
		if err != nil {
			return failure(err)
		}
		v, err := s.verdict(ctx, atClean(at, events), gate, deciding(c))
		switch {
		case err != nil:
			return failureHint(err, "your approval is kept: somebody else's counts all of them again")
		case !v.Open:
			return Response{Message: view.CleanWaits(at.Run, v), Exit: ExitWaiting, Private: true, Run: at.Run}
		}
		return s.cleanUp(ctx, at, k, l)
	})
}

// cleanUp removes what was listed, host by host, each act journaled before it is done. A
// host that fails keeps what it has, and the others go on.
func (s *runs) cleanUp(ctx context.Context, st *runner.State, k *Cluster, l health.Leftovers) Response {
	failed := map[string]string{}
	for _, host := range l.Hosts() {
		if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.CleanStarted, Host: host}); err != nil {
			return failure(err)
		}
		end := runner.Event{Kind: runner.CleanDone, Host: host, Why: view.Removed(l, host)}
		if err := k.Clean.Remove(ctx, st, host); err != nil {
			end, failed[host] = runner.Event{Kind: runner.CleanFailed, Host: host, Why: err.Error()}, err.Error()
		}
		if _, err := s.records.engine.Append(st.Run, end); err != nil {
			return failure(err)
		}
	}
	r := Response{Message: view.Cleaned(st.Run, l, failed), Data: map[string]any{"removed": l.Left, "failed": failed}, Run: st.Run}
	if len(failed) > 0 {
		r.Exit = ExitError
	}
	return r
}
