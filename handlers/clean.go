package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
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

// cleaning is how the removal of what a run left stands, by the run's events.
type cleaning struct {
	who       string // Who asked for it. Empty: nobody did, or it is done.
	digest    string // Of what was listed.
	approvals []runner.Approval
}

func cleaningOf(events []runner.Event) (c cleaning) {
	for _, e := range events {
		switch e.Kind {
		case runner.CleanRequested:
			c = cleaning{who: e.Who, digest: e.Digest}
		case runner.CleanApproved:
			if e.Digest == c.digest {
				c.approvals = append(c.approvals, runner.Approval{Who: e.Who, Digest: e.Digest, At: e.At, Data: e.Data})
			}
		case runner.CleanDone, runner.CleanFailed:
			c = cleaning{}
		}
	}
	return c
}

// cleanable finds the run to clean, with its cleaner, or says why it is none. done ends
// the caller's turn.
func cleanable(s *Service, name string) (st *runner.State, k *Cluster, done func(), bad *Response) {
	no := func(err error, hint string) (*runner.State, *Cluster, func(), *Response) {
		if done != nil {
			done()
		}
		r := failureHint(err, hint)
		return nil, nil, nil, &r
	}
	st, done, err := s.take(name)
	if err != nil {
		return no(err, "name a closed run: `history` lists them")
	}
	if k = s.cluster(st.Request.Cluster); k == nil || k.Clean == nil {
		return no(fmt.Errorf("the cluster of run %s is not configured any more", st.Run), "")
	}
	if st.Status != runner.Closed {
		return no(fmt.Errorf("run %s is not closed: what it left is its way back", st.Run), fmt.Sprintf("see what it waits for with `status %s`", st.Run))
	}
	keep := s.Retention
	if keep == 0 {
		keep = leastRetention
	}
	if age := s.Now().Sub(st.At); age < keep {
		return no(fmt.Errorf("run %s was closed %s ago, and what a run left stays for %s (retention)", st.Run, view.Age(age), view.Age(keep)), fmt.Sprintf("wait until %s", st.At.Add(keep).UTC().Format(time.RFC3339)))
	}
	open, err := s.open(k.Name)
	if err != nil {
		return no(err, "")
	}
	if open != nil {
		return no(fmt.Errorf("%s has an open run, %s: nothing is removed from its hosts meanwhile", k.Name, open.Run), fmt.Sprintf("close it first: `status %s`", open.Run))
	}
	return st, k, done, nil
}

// doClean lists what a closed run left on the hosts and at the bot, and asks for its
// removal.
func doClean(ctx context.Context, s *Service, c call) Response {
	st, k, done, bad := cleanable(s, c.args[0])
	if bad != nil {
		return *bad
	}
	defer done()
	l, err := k.Clean.List(ctx, st)
	if err != nil {
		return failure(err)
	}
	if len(l.Left) == 0 {
		return Response{Message: view.Left(st.Run, l, nil, ""), Data: l, Run: st.Run}
	}
	events, err := s.Events(st.Run)
	if err != nil {
		return failure(err)
	}
	digest := runner.Digest(l.Left)
	if now := cleaningOf(events); now.digest != digest {
		data, err := json.Marshal(l)
		if err != nil {
			return failure(err)
		}
		if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.CleanRequested, Who: c.Actor.Key(), Digest: digest, Data: data}); err != nil {
			return failure(err)
		}
	}
	var needed []string
	for _, f := range s.Rules.RuleOf(policy.Clean).Factors {
		needed = append(needed, f.String())
	}
	return Response{
		Message: view.Left(st.Run, l, needed, approval(atClean(st, digest))),
		Data: struct {
			health.Leftovers
			Digest string `json:"digest"`
		}{l, digest},
		Exit: ExitWaiting, Run: st.Run,
	}
}

// atClean is a run as if it waited for consent to its cleaning.
func atClean(st *runner.State, digest string) *runner.State {
	at := *st
	at.Gate, at.Gates = policy.Clean, maps.Clone(st.Gates)
	at.Gates[policy.Clean] = runner.GateState{Digest: digest}
	return &at
}

// approveClean counts a consent to the removal of what was listed, and removes it where
// that was the last one needed. Nothing is removed that is not as it was listed.
func approveClean(ctx context.Context, s *Service, c call) Response {
	st, k, done, bad := cleanable(s, c.args[0])
	if bad != nil {
		return *bad
	}
	defer done()
	events, err := s.Events(st.Run)
	if err != nil {
		return failure(err)
	}
	asked := cleaningOf(events)
	if asked.who == "" {
		return failureHint(fmt.Errorf("nobody asked for what run %s left to be removed", st.Run), fmt.Sprintf("list it with `clean %s`", st.Run))
	}
	at := atClean(st, asked.digest)
	if kind, why, hint := unbound(c, at); why != "" {
		return s.refuseAs(c, st.Run, kind, why, hint)
	}
	if d := c.flags["digest"]; !strings.HasPrefix(asked.digest, d) {
		return s.refuseAs(c, st.Run, "stale-digest", fmt.Sprintf("this is of another list than the one that was asked for last (%.12s, now %.12s)", d, asked.digest), fmt.Sprintf("list it with `clean %s`", st.Run))
	}
	who, err := s.Directory.Person(ctx, c.Actor.TeamID, c.Actor.UserID, deciding(c))
	if err != nil {
		return s.refuseAs(c, st.Run, "identity", fmt.Sprintf("who %s is now can't be told: %v", c.Actor.Key(), err), unasked)
	}
	if err := s.Rules.May(policy.Clean, []string{asked.who}, who); err != nil {
		c.Actor = who
		return s.refuse(c, st.Run, err)
	}
	if slices.ContainsFunc(asked.approvals, func(a runner.Approval) bool { return s.counts(policy.Clean, a, who) }) {
		return s.refuseAs(c, st.Run, "same-person-twice", "you have approved this already, and one person counts once", "somebody else must approve")
	}
	l, err := k.Clean.List(ctx, st)
	if err != nil {
		return failure(err)
	}
	if now := runner.Digest(l.Left); now != asked.digest {
		return s.refuseAs(c, st.Run, "stale-digest", fmt.Sprintf("what lies there is not what was listed (%.12s, now %.12s)", asked.digest, now), fmt.Sprintf("list it with `clean %s`, and approve that", st.Run))
	}
	data, err := evidence(who)
	if err != nil {
		return failure(err)
	}
	given, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.CleanApproved, Who: who.Key(), Digest: asked.digest, Why: byAnswer(who.Known), Data: data})
	if err != nil {
		return failure(err)
	}
	asked.approvals = append(asked.approvals, runner.Approval{Who: who.Key(), Digest: asked.digest, At: given.At, Data: data})
	var approvals []policy.Approval
	for _, a := range asked.approvals {
		team, user, _ := strings.Cut(a.Who, "/")
		now, err := s.Directory.Person(ctx, team, user, deciding(c))
		if err != nil {
			return failure(fmt.Errorf("who %s is now can't be told: %w", a.Who, err))
		}
		approvals = append(approvals, policy.Approval{Who: now, Digest: a.Digest, At: a.At})
	}
	v := s.Rules.Gate(policy.Clean, []string{asked.who}, asked.digest, approvals, s.Now())
	if !v.Open {
		return Response{Message: view.CleanWaits(st.Run, v), Exit: ExitWaiting, Private: true, Run: st.Run}
	}
	return s.cleanUp(ctx, st, k, l)
}

// cleanUp removes what was listed, host by host, each act journaled before it is done. A
// host that fails keeps what it has, and the others go on.
func (s *runs) cleanUp(ctx context.Context, st *runner.State, k *Cluster, l health.Leftovers) Response {
	failed := map[string]string{}
	var hosts []string
	for _, left := range l.Left {
		if !slices.Contains(hosts, left.Host) {
			hosts = append(hosts, left.Host)
		}
	}
	for _, host := range hosts {
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
