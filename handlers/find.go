package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
)

// runs finds clusters and their runs, and has the engine go on with them.
type runs struct {
	*records
	*drives
	clusters *[]*Cluster // The service's: they may be others later.
	now      func() time.Time
}

func (s *runs) cluster(name string) *Cluster {
	i := slices.IndexFunc(*s.clusters, func(c *Cluster) bool { return c.Name == name })
	if i < 0 {
		return nil
	}
	return (*s.clusters)[i]
}

// named is the cluster that a call names, nil if it names none.
func (s *runs) named(c call) *Cluster {
	if len(c.args) == 0 {
		return nil
	}
	return s.cluster(c.args[0])
}

// meant is c without the stops that a phone put behind names of clusters and runs,
// where nothing has the name with the stop and something has it without. The command
// line is taken at its word.
func (s *runs) meant(c call) call {
	if c.Channel == "cli" || c.cmd.Scope == NoCluster || c.cmd.Scope == OneDebt {
		return c
	}
	c.args = slices.Clone(c.args)
	for i, arg := range c.args {
		name := strings.TrimRight(arg, ".,。、")
		if name != arg && !s.known(arg) && s.known(name) {
			c.args[i] = name
		}
		if c.cmd.Scope != AllClusters {
			break // What is behind it is no such name.
		}
	}
	return c
}

// known reports whether there is a cluster or a run of that name.
func (s *runs) known(name string) bool {
	if s.cluster(name) != nil {
		return true
	}
	runs, err := s.records.engine.Journal.Runs()
	return err == nil && name != auditRun && slices.Contains(runs, name)
}

// recipe makes the recipe of a run.
func (s *runs) recipe(st *runner.State) (*runner.Recipe, error) {
	c := s.cluster(st.Request.Cluster)
	if c == nil {
		return nil, fmt.Errorf("run %s: cluster %s is not configured any more", st.Run, st.Request.Cluster)
	}
	make, ok := c.Recipes[st.Request.Recipe]
	if !ok {
		return nil, fmt.Errorf("run %s: cluster %s has no recipe %q", st.Run, c.Name, st.Request.Recipe)
	}
	return make()
}

// find returns a run by its ID, or by its cluster's name if that has an open one.
func (s *runs) find(name string) (*runner.State, error) {
	if s.cluster(name) != nil {
		st, err := s.open(name)
		if err != nil {
			return nil, err
		}
		if st == nil {
			return nil, fmt.Errorf("%s has no open run", name)
		}
		return st, nil
	}
	runs, err := s.records.engine.Journal.Runs()
	if err != nil {
		return nil, fmt.Errorf("runs: %w", err)
	}
	if name == auditRun || !slices.Contains(runs, name) {
		return nil, fmt.Errorf("there is no run %.80q", name)
	}
	return s.state(name)
}

// take finds a run, waits for its turn, and returns it as it is then. done ends the
// turn.
func (s *runs) take(name string) (st *runner.State, done func(), err error) {
	if st, err = s.find(name); err != nil {
		return nil, nil, err
	}
	done = s.turn(st.Run)
	if st, err = s.state(st.Run); err != nil {
		done()
		return nil, nil, err
	}
	return st, done, nil
}

// debtor finds the run of `settle [RUN] HOST`: the oldest open one that goes on
// without the host.
func (s *runs) debtor(args []string) (*runner.State, error) {
	host := args[len(args)-1]
	owes := func(st *runner.State) bool {
		return slices.ContainsFunc(st.Debts(), func(d runner.Debt) bool { return d.Host == host })
	}
	if len(args) == 2 {
		st, err := s.find(args[0])
		if err == nil && !owes(st) {
			err = fmt.Errorf("in run %s %.60q owes nothing", st.Run, host)
		}
		return st, err
	}
	states, err := s.Unclosed()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(states, owes); i >= 0 {
		return states[i], nil
	}
	return nil, fmt.Errorf("no open run continues without %.60q", host)
}

// A rehearsed is what a rehearsal came to.
type rehearsed struct {
	plan    runner.Plan
	state   *runner.State // What was found by then.
	against []runner.Obstacle
}

// rehearse lets the engine go up to the first gate, in memory, and takes the
// tools away again.
func (s *runs) rehearse(ctx context.Context, c call, req runner.Request) (*rehearsed, error) {
	run, err := s.newRun(req.Cluster, c.At)
	if err != nil {
		return nil, err
	}
	mem := &runner.Memory{}
	e := &runner.Engine{Journal: mem, Now: s.now, Parallel: s.records.engine.Parallel}
	data, err := json.Marshal(req)
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.RunRequested, Who: c.Actor.Key(), Data: data}); err != nil {
		return nil, err
	}
	r, err := s.recipe(&runner.State{Run: run, Request: req})
	if err != nil {
		return nil, err
	}
	got := &rehearsed{}
	var failed error
	if got.plan, got.against, failed = e.Rehearse(ctx, r, run); failed == nil {
		events, err := mem.Events(run)
		if err != nil {
			return nil, err
		}
		got.state = runner.Fold(events)
	}
	if _, err := e.Append(run, runner.Event{Kind: runner.UndoRequested}); err != nil {
		return nil, err
	}
	st, err := e.Undo(context.WithoutCancel(ctx), r, run)
	switch {
	case failed != nil:
		return nil, failed
	case err != nil:
		return nil, fmt.Errorf("take the reader away: %w", err)
	case st.Status != runner.Closed:
		got.against = append(got.against, runner.Obstacle{Step: st.Step, Host: runner.Bot, Why: "the reader of logs and backups was not taken away again: " + st.Why})
	}
	return got, nil
}

// goOn lets the engine work on a run in the background. The run's own messages
// say what happens; the response says nothing more.
func (s *runs) goOn(ctx context.Context, run string, work func(context.Context, *runner.Recipe, string) (*runner.State, error)) Response {
	st, err := s.state(run)
	if err != nil {
		return failure(err)
	}
	r, err := s.recipe(st)
	if err != nil {
		return failure(err)
	}
	// At a gate the engine may still be on its way out: whoever decides at once
	// must not find it busy, with the decision journaled and nobody at work.
	if err := s.rest(ctx, run); err != nil {
		return failure(err)
	}
	if err := s.drive(run, r, work); err != nil {
		return failure(fmt.Errorf("run %s: %w", run, err))
	}
	return Response{Run: run}
}

// void closes the gates whose consents nothing was done by as st stood. A step
// behind such a gate that only looked has its turn again, so that people are
// asked again.
func (s *runs) void(st *runner.State, why string) error {
	r, err := s.recipe(st)
	if err != nil {
		return err
	}
	for _, id := range st.Unused() {
		if err := s.records.void(r, st, id, why); err != nil {
			return err
		}
	}
	return nil
}
