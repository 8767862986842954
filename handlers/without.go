package handlers

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// leaving reads --without HOST[,HOST…] of a request about a run, nil for one
// that is only being asked for. It refuses what no approval could allow: a host
// that is none, a request without a reason, a rest that is no quorum.
func (s *auditor) leaving(c call, st *runner.State, k *Cluster) ([]string, *Response) {
	text, given := c.flags["without"]
	if !given {
		return nil, nil
	}
	usage := func(why, hint string) *Response {
		return &Response{Message: view.Error(why, hint), Exit: ExitUsage, Private: true}
	}
	if k == nil {
		r := failure(fmt.Errorf("the cluster of run %s is not configured any more", st.Run))
		return nil, &r
	}
	run, hosts, left := "", k.Hosts, 0
	if st != nil {
		run, hosts = st.Run, st.Request.Hosts
		left = len(hosts) - len(st.Here(hosts))
	}
	var leave []string
	for host := range strings.SplitSeq(text, ",") {
		host = strings.TrimSpace(host)
		switch {
		case !slices.Contains(hosts, host):
			return nil, usage(fmt.Sprintf("--without: %.60q is no scheduler of %s", host, k.Name), "they are: "+strings.Join(hosts, ", "))
		case st != nil && st.IsLeft(host):
			return nil, usage(fmt.Sprintf("--without: run %s continues without %s already", run, host), "type `resume "+run+"`")
		}
		leave = append(leave, host)
	}
	slices.Sort(leave)
	leave = slices.Compact(leave)
	if strings.TrimSpace(c.flags["reason"]) == "" {
		return nil, usage("--without: say why with --reason TEXT: those who approve must know what became of the host", c.usage())
	}
	if st != nil && st.Ended {
		return nil, usage(fmt.Sprintf("--without: the work of run %s has ended", run), wayOn(k, st))
	}
	if rest, quorum := len(hosts)-left-len(leave), len(hosts)/2+1; rest < quorum {
		r := s.refuseAs(c, run, "no-quorum", fmt.Sprintf("without %s %d of %d schedulers are left, and %d are needed: fewer cannot elect a leader nor write to the log", strings.Join(leave, ", "), rest, len(hosts), quorum),
			"bring hosts back until a quorum is there")
		return nil, &r
	}
	return leave, nil
}

// onlyOwedBy reports whether nothing but debts keeps a run open, and only of
// hosts that the new run is asked to go on without too: who waits for a dead
// host must not be kept from the next recovery.
func onlyOwedBy(open *runner.State, leave []string) bool {
	debts := open.Debts()
	return open.Status == runner.Owing && len(debts) > 0 && !slices.ContainsFunc(debts, func(d runner.Debt) bool { return !slices.Contains(leave, d.Host) })
}

func (s *Service) doSettle(ctx context.Context, c call) Response {
	st, err := s.debtor(c.args)
	if err != nil {
		return failure(err)
	}
	defer s.turn(st.Run)()
	if st, err = s.state(st.Run); err != nil {
		return failure(err)
	}
	host := c.args[len(c.args)-1]
	if err := s.idle(ctx, st); err != nil {
		return failure(fmt.Errorf("run %s: %w", st.Run, err))
	}
	open, err := s.open(st.Request.Cluster)
	if err != nil {
		return failure(err)
	}
	if open != nil && open.Run != st.Run && open.Status != runner.Owing {
		return failureHint(fmt.Errorf("run %s of this cluster is open: a scheduler that is started on %s now could take part in it", open.Run, host), fmt.Sprintf("settle when it has ended; see its state with `status %s`", st.Request.Cluster))
	}
	ev := runner.Event{Kind: runner.SettleRequested, Who: c.Actor.Key(), Host: host}
	switch {
	case st.Settling == host:
		ev = runner.Event{Kind: runner.RunResumed, Who: c.Actor.Key()} // It stopped in the middle of it.
	case st.Settling != "":
		return failureHint(fmt.Errorf("run %s: what %s owes is being settled", st.Run, st.Settling), fmt.Sprintf("type `resume %s`", st.Run))
	case st.Status == runner.Gated:
		return failureHint(fmt.Errorf("run %s waits at the %s gate", st.Run, st.Gate), fmt.Sprintf("`abort %s` first: what is approved rests on the host being gone", st.Run))
	case st.Status != runner.Owing && st.Status != runner.Stopped:
		return failure(errors.New("run " + st.Run + " is in the middle of something"))
	}
	if _, err := s.Engine.Append(st.Run, ev); err != nil {
		return failure(err)
	}
	return s.goOn(ctx, st.Run, s.Engine.Settle)
}
