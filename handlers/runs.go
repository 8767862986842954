package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aurorabot/handlers/view"
	"aurorabot/runner"
)

// offline is the recipe that loads a log while all schedulers are stopped.
const offline = "offline"

func failure(err error) Response {
	return Response{Message: view.Error(err.Error(), ""), Exit: ExitError, Private: true}
}

func failureHint(err error, hint string) Response {
	return Response{Message: view.Error(err.Error(), hint), Exit: ExitError, Private: true}
}

// request reads what recover and plan have in common.
func (s *Service) request(c call) (*Cluster, runner.Request, *Response) {
	k := s.cluster(c.args[0])
	req := runner.Request{
		Recipe: c.flags["recipe"], Cluster: k.Name, Backup: c.args[1], Hosts: k.Hosts, Reinitialize: c.flags["reinitialize"], CatchUp: c.flags["catch-up"] != "",
		Reason: strings.TrimSpace(c.flags["reason"]), Channel: c.Channel, Policy: s.Policy, Version: s.Version,
	}
	if req.Recipe == "" {
		req.Recipe = k.Default
	}
	if req.Reinitialize == "" {
		req.Reinitialize = "auto"
	}
	usage := func(err error, hint string) *Response {
		return &Response{Message: view.Error(err.Error(), hint), Exit: ExitUsage, Private: true}
	}
	if err := k.CheckBackup(req.Backup); err != nil {
		return nil, req, usage(err, fmt.Sprintf("see which there are with `backups %s`", k.Name))
	}
	if !slices.Contains([]string{"auto", "always", "never"}, req.Reinitialize) {
		return nil, req, usage(fmt.Errorf("--reinitialize is %.20q", req.Reinitialize), "use auto, always or never")
	}
	if k.Recipes[req.Recipe] == nil {
		var names []string
		for n := range k.Recipes {
			names = append(names, n)
		}
		slices.Sort(names)
		hint := "it has: " + strings.Join(names, ", ")
		if req.Recipe == offline {
			hint += "; for offline name the program on the hosts with the key recovery_tool of the configuration (Aurora 0.21 and later)"
		}
		return nil, req, usage(fmt.Errorf("%s has no recipe %.20q", k.Name, req.Recipe), hint)
	}
	switch {
	case req.CatchUp && req.Recipe != offline:
		return nil, req, usage(fmt.Errorf("--catch-up belongs to the recipe offline, this is %s", req.Recipe), "leave it out, or add --recipe offline")
	case req.Recipe == offline && req.Reinitialize != "auto":
		return nil, req, usage(errors.New("--reinitialize belongs to the recipe staged: offline makes a new log in any case"), "leave it out")
	}
	return k, req, nil
}

func (s *Service) doRecover(ctx context.Context, c call) Response {
	if c.flags["dry-run"] != "" {
		return s.doPlan(ctx, c)
	}
	k, req, bad := s.request(c)
	if bad != nil {
		return *bad
	}
	defer s.turn(k.Name)()
	open, err := s.open(k.Name)
	if err != nil {
		return failure(err)
	}
	leave, bad := s.leaving(c, nil, k)
	if bad != nil {
		return *bad
	}
	if open != nil && !onlyOwedBy(open, leave) {
		return failureHint(fmt.Errorf("%s has an open run, %s, begun by %s", k.Name, open.Run, open.Who),
			wayOn(k, open))
	}
	data, err := json.Marshal(req)
	if err != nil {
		return failure(err)
	}
	run, err := s.newRun(k.Name, c.At)
	if err != nil {
		return failure(err)
	}
	if _, err := s.Engine.Append(run, runner.Event{Kind: runner.RunRequested, Who: c.Actor.Key(), Data: data}); err != nil {
		return failure(err)
	}
	if err := s.askWithout(run, c, leave); err != nil {
		return failure(err)
	}
	return s.goOn(ctx, run, s.Engine.Advance)
}

// wayOn says what to do about an open run that is in the way of another one.
func wayOn(k *Cluster, open *runner.State) string {
	if debts := open.Debts(); open.Ended && len(debts) > 0 {
		return fmt.Sprintf("its work has ended, and %[1]s owes: `settle %[2]s %[1]s` when it is back, or ask for a recovery `--without %[1]s`", debts[0].Host, open.Run)
	}
	return fmt.Sprintf("see its state with `status %s`, then `resume %s` or `undo %s`", k.Name, open.Run, open.Run)
}

func (s *Service) doAbort(ctx context.Context, c call) Response {
	st, err := s.find(c.args[0])
	if err != nil {
		return failure(err)
	}
	if st.Status == runner.Closed {
		return failure(fmt.Errorf("run %s is closed: %s", st.Run, st.Outcome))
	}
	why := "aborted by " + c.Actor.Key()
	if r := strings.TrimSpace(c.flags["reason"]); r != "" {
		why += ": " + r
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.RunAborted, Who: c.Actor.Key(), Why: why}); err != nil {
		return failure(err)
	}
	if err := s.halt(ctx, st.Run); err != nil {
		return failure(err)
	}
	if err := s.void(st, why); err != nil {
		return failure(err)
	}
	return Response{Run: st.Run}
}

func (s *Service) doResume(ctx context.Context, c call) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	if st.Status == runner.Closed {
		return failure(fmt.Errorf("run %s is closed: %s", st.Run, st.Outcome))
	}
	if err := s.idle(ctx, st); err != nil {
		return failure(fmt.Errorf("run %s: %w", st.Run, err))
	}
	if st.Status == runner.Gated {
		// The bot may have died between the last approval and passing the gate:
		// who approved cannot do so twice, so the approvals are counted anew.
		v, err := s.verdict(ctx, st, st.Gate, deciding(c))
		if err != nil {
			return failure(err)
		}
		if v.Open {
			return s.pass(ctx, st, v)
		}
		return Response{Message: view.Error(fmt.Sprintf("run %s waits for approval at the %s gate", st.Run, st.Gate), fmt.Sprintf("type `%s`, or `deny %s`", approval(st), st.Run)), Exit: ExitWaiting, Private: true, Run: st.Run}
	}
	leave, bad := s.leaving(c, st, s.cluster(st.Request.Cluster))
	if bad != nil {
		return *bad
	}
	why := strings.TrimSpace(c.flags["reason"])
	if len(leave) > 0 {
		if st.Stop.Reason != runner.StopNotNeeded {
			why = "" // It says why the host is left out, not why the state is wanted back.
		}
		if err := s.askWithout(st.Run, c, leave); err != nil {
			return failure(err)
		}
	} else if err := s.keep(st, c); err != nil {
		return failure(err)
	}
	if _, err := s.Engine.Append(st.Run, runner.Event{Kind: runner.RunResumed, Who: c.Actor.Key(), Why: why}); err != nil {
		return failure(err)
	}
	return s.goOn(ctx, st.Run, s.work(st))
}

func (s *Service) doUndo(ctx context.Context, c call) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	if st.Status == runner.Closed {
		return failure(fmt.Errorf("run %s is closed: %s", st.Run, st.Outcome))
	}
	if st.Irreversible() {
		return s.refuseAs(c, st.Run, "irreversible", fmt.Sprintf("run %s: %v", st.Run, runner.ErrIrreversible), fmt.Sprintf("type `resume %s`", st.Run))
	}
	if st.Ended {
		return failureHint(fmt.Errorf("run %s is undone already, but for what is owed", st.Run), wayOn(s.cluster(st.Request.Cluster), st))
	}
	r, err := s.recipe(st)
	if err != nil {
		return failure(err)
	}
	if r.UndoWarning != nil && c.flags["confirm"] == "" && c.flags["typed"] != st.Request.Cluster {
		if w := r.UndoWarning(st); w != "" {
			return Response{Message: view.Error(w, fmt.Sprintf("if that is what is wanted: `undo %s --confirm`", st.Run)), Exit: ExitStopped, Private: true, Run: st.Run}
		}
	}
	if err := s.halt(ctx, st.Run); err != nil {
		return failure(err)
	}
	if st, err = s.state(st.Run); err != nil {
		return failure(err)
	}
	if st.Irreversible() { // While it came to rest.
		return s.refuseAs(c, st.Run, "irreversible", fmt.Sprintf("run %s: %v", st.Run, runner.ErrIrreversible), fmt.Sprintf("type `resume %s`", st.Run))
	}
	if _, gated := s.Rules.Gates[runner.GateUndo]; gated && !st.Undo && r.UndoStarts != nil && r.UndoStarts(st) {
		digest, shown := runner.UndoGate(st)
		// One that was passed and not begun still has to count.
		if g := st.Gates[runner.GateUndo]; !g.Passed || g.Digest != digest || s.recheck(ctx, st, runner.GateUndo) != nil {
			return s.openUndo(st, c, digest, shown)
		}
	}
	return s.undo(ctx, st, c.Actor.Key(), strings.TrimSpace(c.flags["reason"]))
}

// undo has the engine take back what the run did.
func (s *runs) undo(ctx context.Context, st *runner.State, who, why string) Response {
	if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.UndoRequested, Who: who, Why: why}); err != nil {
		return failure(err)
	}
	return s.goOn(ctx, st.Run, s.records.engine.Undo)
}

// openUndo asks people to consent to an undo, in the place of what they were asked
// before. Who asks for it does not approve it.
func (s *runs) openUndo(st *runner.State, c call, digest string, shown runner.GateView) Response {
	data, err := json.Marshal(shown)
	if err != nil {
		return failure(err)
	}
	if st.Status == runner.Gated {
		why := c.Actor.Key() + " asks for undo instead"
		if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.GateVoided, Gate: st.Gate, Digest: st.Gates[st.Gate].Digest, Why: why}); err != nil {
			return failure(err)
		}
	}
	if _, err := s.records.engine.Append(st.Run, runner.Event{Kind: runner.GateOpened, Gate: runner.GateUndo, Digest: digest, Who: c.Actor.Key(), Why: strings.TrimSpace(c.flags["reason"]), Data: data}); err != nil {
		return failure(err)
	}
	return Response{Run: st.Run, Exit: ExitWaiting}
}

// mayDrop says why tasks must not be dropped: one that is not there, or all. A
// commit of nothing would have Mesos kill whatever runs. Where the backup's tasks
// are not known here, the recipe finds it before the commit.
func mayDrop(ctx context.Context, k *Cluster, st *runner.State, ids []string) error {
	if k == nil || k.Tasks == nil {
		return nil
	}
	lines, err := k.Tasks(ctx, st)
	if err != nil {
		return err
	}
	left := map[string]bool{}
	for _, line := range lines {
		id, _, _ := strings.Cut(line, "\t")
		left[id] = true
	}
	for _, id := range ids {
		if !left[id] {
			return fmt.Errorf("run %s: there is no task %.80q in its backup", st.Run, id)
		}
	}
	for _, id := range slices.Concat(st.Dropped, ids) {
		delete(left, id)
	}
	if len(left) == 0 {
		return fmt.Errorf("run %s: no task would be left: a commit of nothing has Mesos kill every task that runs", st.Run)
	}
	return nil
}

func (s *Service) doDrop(ctx context.Context, c call) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	r, err := s.recipe(st)
	if err != nil {
		return failure(err)
	}
	if len(r.Drop) == 0 || st.Status != runner.Gated || st.Gate != "commit" {
		return failureHint(fmt.Errorf("run %s does not wait at the commit gate: tasks are dropped there", st.Run), fmt.Sprintf("see its state with `status %s`", st.Request.Cluster))
	}
	if err := mayDrop(ctx, s.cluster(st.Request.Cluster), st, c.args[1:]); err != nil {
		return failureHint(err, fmt.Sprintf("list them with `tasks %s`; to take everything back, `undo %[1]s`", st.Run))
	}
	ids, err := json.Marshal(c.args[1:])
	if err != nil {
		return failure(err)
	}
	why := fmt.Sprintf("%d tasks are dropped: what is approved changes", len(c.args)-1)
	return s.change(ctx, st, r.Drop, why, runner.Event{Kind: runner.TasksDropped, Who: c.Actor.Key(), Data: ids})
}

// doSalvage has the run restore what a replica's log still holds in the place of the
// backup, or with --off the backup again. Who chooses counts as one who asked.
func (s *Service) doSalvage(ctx context.Context, c call) Response {
	st, done, err := s.take(c.args[0])
	if err != nil {
		return failure(err)
	}
	defer done()
	r, err := s.recipe(st)
	if err != nil {
		return failure(err)
	}
	if bad := s.atGate(c, st); bad != nil {
		return *bad
	}
	off := c.flags["off"] != ""
	see := fmt.Sprintf("see its state with `status %s`", st.Request.Cluster)
	switch typed := c.flags["typed"]; {
	case r.Salvage == nil || st.Gate != r.Salvage.Gate:
		return failureHint(fmt.Errorf("run %s waits at the %s gate: what it restores is chosen when the damage is assessed", st.Run, st.Gate), see)
	case typed != "" && typed != st.Request.Cluster:
		return failureHint(fmt.Errorf("the cluster's name was typed as %.60q, want %q", typed, st.Request.Cluster), see)
	case off && st.Source == nil:
		return failureHint(fmt.Errorf("run %s restores the requested backup already, %s", st.Run, st.Request.Backup), see)
	}
	e := runner.Event{Kind: runner.SourceChosen, Who: c.Actor.Key()}
	why := "the requested backup is restored after all: what is approved changes"
	if !off {
		source, err := r.Salvage.Offers(st)
		if err != nil {
			return failureHint(fmt.Errorf("run %s: %w", st.Run, err), see)
		}
		if e.Data, err = json.Marshal(source); err != nil {
			return failure(err)
		}
		why = fmt.Sprintf("what the log of %s still holds is restored instead of the backup: what is approved changes", source.Host)
	}
	return s.change(ctx, st, r.Salvage.Steps, why, e)
}

// change journals somebody's change of what is restored at the open gate, and goes on.
// The gate is void, and what rested on it has its turn again, before the change counts:
// wherever a crash falls, nothing that was found or approved before stands for it.
func (s *runs) change(ctx context.Context, st *runner.State, again []string, why string, change runner.Event) Response {
	steps, err := json.Marshal(again)
	if err != nil {
		return failure(err)
	}
	for _, e := range []runner.Event{
		{Kind: runner.GateVoided, Gate: st.Gate, Why: why},
		{Kind: runner.StepsReopened, Data: steps, Why: why},
		change,
	} {
		if _, err := s.records.engine.Append(st.Run, e); err != nil {
			return failure(err)
		}
	}
	return s.goOn(ctx, st.Run, s.records.engine.Advance)
}
