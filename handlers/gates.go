package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/handlers/view"
	"aurorabot/policy"
	"aurorabot/runner"
)

// atGate checks that a decision is about what is shown now: the run waits at a
// gate, and the button was of that gate and that digest.
func (s *auditor) atGate(c call, st *runner.State) *Response {
	digest := st.Gates[st.Gate].Digest
	if d := c.flags["digest"]; d != "" && st.Status == runner.Gated && !strings.HasPrefix(digest, d) {
		r := s.refuseAs(c, st.Run, "stale-digest", fmt.Sprintf("this is of another plan than the one that would be carried out now (%.12s, now %.12s)", d, digest), fmt.Sprintf("see what it waits for now with `status %s`", st.Run))
		return &r
	}
	if g := c.flags["gate"]; st.Status != runner.Gated || g != "" && g != st.Gate {
		r := Response{Message: view.Error(fmt.Sprintf("run %s does not wait for a decision here any more", st.Run), fmt.Sprintf("see what it waits for now with `status %s`", st.Request.Cluster)), Exit: ExitError, Private: true, Run: st.Run}
		return &r
	}
	return nil
}

// leastDigest is how much of a digest must be given: fewer characters could be
// those of another plan.
const leastDigest = 8

// unbound says why an approval does not name what it approves, "" if it does, with
// the word for the audit and what to type. A button names it; whoever types says it
// in words, since another gate may have opened while they did: the cluster and the
// digest where the log is overwritten, else the gate or the digest.
func unbound(c call, st *runner.State) (kind, why, hint string) {
	gate := st.Gate
	whole := overwrites(gate)
	hint = fmt.Sprintf("run %s waits at the %s gate. If that is what you approve, type `%s`", st.Run, gate, approval(st))
	given, typed := c.flags["digest"], c.flags["typed"]
	switch {
	case (whole || given != "") && len(given) < leastDigest:
		return "typed-without-digest", fmt.Sprintf("not counted: an approval at the %s gate says which plan it approves, by the first %d characters of the plan's digest or more, and %d were given", gate, leastDigest, len(given)), hint
	case given == "" && c.flags["gate"] == "":
		return "typed-without-gate", "not counted: an approval says which gate it is for, because another one may have opened while you typed", hint
	case typed != st.Request.Cluster && (whole || typed != ""):
		return "typed-name", fmt.Sprintf("the cluster's name was typed as %.60q, want %q", typed, st.Request.Cluster), hint
	}
	return "", "", ""
}

// overwrites tells the gates at which the cluster and the digest are typed.
func overwrites(gate string) bool {
	return gate == "commit" || gate == policy.Without || gate == policy.Clean || gate == runner.GateUndo
}

// approval is what one types to approve what a run waits for.
func approval(st *runner.State) string {
	words := "approve " + st.Run
	if st.Gate == policy.Clean || !overwrites(st.Gate) {
		words += " --gate " + st.Gate
	}
	if overwrites(st.Gate) {
		words += fmt.Sprintf(" --typed %s --digest %.*s", st.Request.Cluster, leastDigest, st.Gates[st.Gate].Digest)
	}
	return words
}

func (s *Service) doApprove(ctx context.Context, c call) Response {
	if c.flags["gate"] == policy.Clean {
		return approveClean(ctx, s, c)
	}
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	if bad := s.atGate(c, st); bad != nil {
		return *bad
	}
	gate, digest := st.Gate, st.Gates[st.Gate].Digest
	who, bad := s.consenting(ctx, c, st, gate)
	if bad != nil {
		return *bad
	}
	if kind, why, hint := unbound(c, st); why != "" {
		r := s.refuseAs(c, st.Run, kind, why, hint)
		s.shown(&r.Message, st.Run)
		return r
	}
	data, err := evidence(who)
	if err != nil {
		return failure(err)
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.GateApproved, Gate: gate, Digest: digest, Who: c.Actor.Key(), Why: s.factor(st, gate, who) + byAnswer(who.Known), Data: data}); err != nil {
		return failure(err)
	}
	if st, err = s.state(st.Run); err != nil {
		return failure(err)
	}
	v, err := s.verdict(ctx, st, gate, deciding(c))
	if err != nil {
		return failureHint(err, fmt.Sprintf("your approval is kept: `resume %s` counts all of them again", st.Run))
	}
	if !v.Open {
		if err := s.withdrawn(ctx, st, gate, deciding(c)); err != nil {
			return failure(err)
		}
		return Response{Run: st.Run, Exit: ExitWaiting, Private: true, Message: s.approved(st.Run, gate, c.Actor.Key(), v)}
	}
	r := s.pass(ctx, st, v)
	if r.Message.Head == "" {
		r.Message, r.Private, r.Follow = s.approved(st.Run, gate, c.Actor.Key(), v), true, true
	}
	return r
}

// consenting is the caller as they are now, if their consent could count at a gate and
// they have not given it yet; else the refusal.
func (s *Service) consenting(ctx context.Context, c call, st *runner.State, gate string) (policy.Actor, *Response) {
	no := func(r Response) (policy.Actor, *Response) { return policy.Actor{}, &r }
	who, err := s.Directory.Person(ctx, c.Actor.TeamID, c.Actor.UserID, deciding(c))
	if err != nil {
		return no(s.refuseAs(c, st.Run, "identity", fmt.Sprintf("who %s is now can't be told: %v", c.Actor.Key(), err), unasked))
	}
	if err := s.Rules.May(gate, st.Requesters(gate), who); err != nil {
		c.Actor = who
		var r *policy.Refusal
		switch asked := errors.As(err, &r) && r.Rule == "requester"; {
		case asked && gate == runner.GateUndo:
			return no(s.refuseAs(c, st.Run, "undo-without-consent", err.Error(), ""))
		case asked && slices.Contains(st.Changed, who.Key()):
			return no(s.refuseAs(c, st.Run, "requester-drops-and-approves", err.Error(), ""))
		}
		return no(s.refuse(c, st.Run, err))
	}
	for _, a := range st.Gates[gate].Approvals {
		// One that is too old to count may be given again.
		if s.counts(gate, a, c.Actor) {
			return no(twice(s, c, st, gate, who))
		}
	}
	return who, nil
}

// approved is what somebody is told alone whose approval was counted.
func (s *consent) approved(run, gate, who string, v policy.Verdict) view.Message {
	events, err := s.records.engine.Journal.Events(run)
	if err != nil {
		return view.Message{} // It is counted all the same, and the run's messages say so.
	}
	return view.Approved(events, s.people(runner.Fold(events)), gate, who, v)
}

// shown adds to m what the open gate of a run shows: whoever typed too little sees what
// they would approve.
func (s *consent) shown(m *view.Message, run string) {
	screens, err := s.Screens(run)
	if err != nil {
		return // It stands in the channel.
	}
	if gate, ok := gateOn(screens); ok {
		m.Lines = append(append(m.Lines, gate.Head+"."), gate.Lines...)
		m.Fields = append(m.Fields, gate.Fields...)
	}
}

// gateOn is the open gate of a run, whole, as it stands in the channel but for its
// buttons. False: none is open.
func gateOn(screens view.Screens) (view.Message, bool) {
	i := slices.IndexFunc(screens.Channel, func(k view.Keyed) bool {
		return slices.ContainsFunc(k.Message.Actions, func(a view.Action) bool { return a.ID == "approve" })
	})
	if i < 0 {
		return view.Message{}, false
	}
	m := screens.Channel[i].Message
	m.Actions = nil
	return m, true
}

// pass passes the gate at which a run waits, whose approvals were counted, and has
// the engine do what people consented to. To count them Slack is asked, which takes
// its time; an abort takes no turn, and one that came meanwhile holds.
func (s *Service) pass(ctx context.Context, st *runner.State, v policy.Verdict) Response {
	gate, digest := st.Gate, st.Gates[st.Gate].Digest
	st, err := s.state(st.Run)
	if err != nil {
		return failure(err)
	}
	if st.Status != runner.Gated || st.Gate != gate || st.Gates[gate].Digest != digest {
		return failureHint(fmt.Errorf("run %s was stopped while the approvals were counted; nothing was done", st.Run), fmt.Sprintf("see its state with `status %s`", st.Request.Cluster))
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.GatePassed, Gate: gate, Digest: digest, Why: given(v)}); err != nil {
		return failure(err)
	}
	if gate == runner.GateUndo {
		return s.undo(ctx, st, st.Gates[gate].By, st.Gates[gate].Why)
	}
	return s.goOn(ctx, st.Run, s.work(st))
}

// twice refuses a second consent of one person, and says whether they tried to
// count for a second group.
func twice(s *Service, c call, st *runner.State, gate string, who policy.Actor) Response {
	kind := "same-person-twice"
	if s.factors(gate, who) > 1 {
		kind = "one-person-in-both-groups"
	}
	hint := "somebody else must approve"
	if s.people(st).Gates[gate].Open {
		// The bot died between the last approval and the passing of the gate.
		hint = fmt.Sprintf("all approvals are there: `resume %s` counts them again and continues", st.Run)
		if gate == policy.Clean {
			hint = fmt.Sprintf("all approvals are there, and nothing was removed: `clean %s` lists it and asks for new ones", st.Run)
		}
	}
	return s.refuseAs(c, st.Run, kind, "you have approved this already, and one person counts once", hint)
}

func given(v policy.Verdict) string {
	var parts []string
	for _, g := range v.Given {
		parts = append(parts, g.Who+" for "+g.Factor+byAnswer(g.Known))
	}
	return strings.Join(parts, ", ")
}

// byAnswer says by which of Slack's answers an approval counts, where it was not asked
// at the time.
func byAnswer(known time.Time) string {
	if known.IsZero() {
		return ""
	}
	return " (by Slack's answer of " + known.UTC().Format(time.RFC3339) + ")"
}

func (s *Service) doDeny(ctx context.Context, c call) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	if bad := s.atGate(c, st); bad != nil {
		return *bad
	}
	gate := st.Gate
	if err := s.Rules.Identity(c.Actor); err != nil {
		return s.refuse(c, st.Run, err)
	}
	why := "denied by " + c.Actor.Key()
	if r := strings.TrimSpace(c.flags["reason"]); r != "" {
		why += ": " + r
	}
	data, err := json.Marshal(runner.Stop{Reason: runner.StopAborted})
	if err != nil {
		return failure(err)
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.GateDenied, Gate: gate, Digest: st.Gates[gate].Digest, Who: c.Actor.Key(), Why: why}); err != nil {
		return failure(err)
	}
	if err := s.void(st, why); err != nil {
		return failure(err)
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.RunStopped, Gate: gate, Who: c.Actor.Key(), Why: why, Data: data}); err != nil {
		return failure(err)
	}
	if gate != "start" {
		return Response{Run: st.Run}
	}
	// Nothing but our own tools was put on the hosts: the run is over.
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.UndoRequested, Who: c.Actor.Key(), Why: why}); err != nil {
		return failure(err)
	}
	return s.goOn(ctx, st.Run, s.Engine.Undo)
}
