// Package recovery is the recipe of the runbook: this file is its table of
// contents, each phase file a section, each step one of its lines.
package recovery

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/diagnose"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// A Recovery is the recipe with what it needs of the world around it.
type Recovery struct {
	*node.Nodes
	Policy string // Digest of the policy in force.

	// Files is a folder of the bot's own for a run: the backup, the salvage.
	Files func(run string) (string, error)

	// Resolve looks the addresses of a host name up. Nil: this machine's resolver.
	Resolve func(ctx context.Context, host string) ([]string, error)

	// Acts are what the bot did to this cluster within the last hours. Nil: nothing.
	Acts func() []diagnose.Act

	// Assess says before the start gate whether a restore is needed; most often it is
	// Diagnose. Nil: the gate says nothing of it.
	Assess func(ctx context.Context, open *runner.State, logs bool) (*health.Diagnosis, error)

	// ProofWait is how long a next leader may take to show the commit. Zero: 3
	// minutes. With 100,000 tasks it was advertised 21 s after the answer; a
	// replaced log adds elections.
	ProofWait time.Duration
}

// leader stands for the elected leader as long as nobody is.
const leader = "leader"

// Recipe is the table of contents: "Recovering from a scheduler backup", step by step.
func (r *Recovery) Recipe() *runner.Recipe {
	return &runner.Recipe{
		ID: "staged", Version: 1,
		Title: "Restore a scheduler backup through a staged recovery",
		Hosts: r.Hosts,
		Phases: []runner.Phase{
			r.preflight().sayUpgrade(r.preparing().preparation()),
			r.assessing().assess(),
			r.logs().reinitialize(),
			r.staging().restore(),
			r.closing().cleanup(),
		},
		Gates: []runner.Gate{
			{ID: "start", Before: stepKeep, Title: "Begin the outage? All schedulers of the cluster stop."},
			{ID: "assess", Before: stepConfirm, Title: "Confirm the assessment?", Binds: assessed},
			{ID: "commit", Before: stepCommit, Title: "Overwrite the replicated log with the backup?", Binds: staked, Expires: r.leading().disabledUntil, Renew: renewed},
			{ID: runner.GateWithout, Before: stepLeave, Title: "Continue without it? It must stay off until it is settled.", Binds: departures},
		},
		Without: r.leaving().without(), Settle: r.settling().settle(), Gone: r.leaving().stillGone, Owes: owes, Rests: rests,
		Covers:      r.covers,
		Drop:        []string{stepDrop, stepCompare, stepCommit},
		Salvage:     &runner.Choice{Gate: "assess", Steps: []string{stepLoss, stepDecide, stepConfirm}, Offers: salvageOffered},
		UndoWarning: r.undoWarning,
		UndoStarts: func(s *runner.State) bool {
			return slices.ContainsFunc(s.Effects, func(e runner.Effect) bool { return e.Step == stepStop && s.Of(e.Step, e.Host).Begun })
		},
	}
}

// The recipe's thoughts, each with the run's hosts to ask.
type (
	preflight  struct{ *Recovery } // Looks before anything is changed.
	preparing  struct{ *Recovery } // Is the runbook's "Preparation": supervision, configuration, traffic.
	schedulers struct{ *Recovery } // Stops and starts the schedulers.
	logs       struct{ *Recovery } // Keeps, moves and initialises the logs.
	assessing  struct{ *Recovery } // Judges the damage, and what a restore would lose.
	leading    struct{ *Recovery } // Finds who leads, and who is in the log's group.
	staging    struct{ *Recovery } // Brings the backup to the leader and stages it.
	proving    struct{ *Recovery } // Commits, and proves that it took effect.
	closing    struct{ *Recovery } // Sees that every replica has the new log.
	leaving    struct{ *Recovery } // Goes on without a host.
	settling   struct{ *Recovery } // Brings a host back that was left out.
)

func (r *Recovery) preflight() preflight   { return preflight{r} }
func (r *Recovery) preparing() preparing   { return preparing{r} }
func (r *Recovery) schedulers() schedulers { return schedulers{r} }
func (r *Recovery) logs() logs             { return logs{r} }
func (r *Recovery) assessing() assessing   { return assessing{r} }
func (r *Recovery) leading() leading       { return leading{r} }
func (r *Recovery) staging() staging       { return staging{r} }
func (r *Recovery) proving() proving       { return proving{r} }
func (r *Recovery) closing() closing       { return closing{r} }
func (r *Recovery) leaving() leaving       { return leaving{r} }
func (r *Recovery) settling() settling     { return settling{r} }

// covers is what every digest covers besides the steps.
func (r *Recovery) covers(s *runner.State) any {
	sum, _ := backupSum(s) // Before pre-flight there is none.
	return map[string]any{
		"cluster": r.Cluster.Name, "version": r.Cluster.Version.String(), "profile": r.Profile.Name,
		"hosts": r.everyScheduler(s), "policy": r.Policy, "backup_sha256": sum,
	}
}

// undoWarning: what was damaged before comes back damaged.
func (r *Recovery) undoWarning(s *runner.State) string {
	var damaged []string
	for _, name := range r.everyScheduler(s) {
		e, ok := foundLog.Of(s, name)
		if ok && (e.Report.State != replica.StateOK || e.Report.Status != "VOTING") {
			damaged = append(damaged, name+": "+node.LogWords(&e.Report))
		}
	}
	if len(damaged) == 0 {
		return ""
	}
	return "undo starts the schedulers on the real Mesos master with the logs as they were found, and these were not whole: " + strings.Join(damaged, "; ")
}

// everyScheduler are the schedulers that the run goes on with.
func (r *Recovery) everyScheduler(s *runner.State) []string { return s.Here(r.Cluster.Names()) }

// anyScheduler is one of them, to ask what any of them can tell.
func (r *Recovery) anyScheduler(s *runner.State) string {
	if here := r.everyScheduler(s); len(here) > 0 {
		return here[0]
	}
	return r.Cluster.Schedulers[0].Name
}

func onBot(*runner.State) []string { return []string{runner.Bot} }

func theLeader(s *runner.State) []string {
	if f, ok := fenceOf(s); ok {
		return []string{f.Host}
	}
	return []string{leader}
}

// on is the task's host.
func (r *Recovery) on(t *runner.Task) *node.Node {
	n := r.node(t.State, t.On)
	n.Host, n.Job = t.Host, node.Job{Step: t.Step, Try: t.State.Of(t.Step, t.On).Try}
	return n
}

// NodeOf is a host of a run, with what pre-flight found there.
func (r *Recovery) NodeOf(s *runner.State, name string) *node.Node { return r.node(s, name) }

// known is on, with what pre-flight found there.
func (r *Recovery) known(t *runner.Task) (*node.Node, node.Look, error) {
	n := r.on(t)
	l, err := n.Known()
	return n, l, err
}

// node is a host of the run.
func (r *Recovery) node(s *runner.State, name string) *node.Node {
	n := r.Node(name)
	n.RunID, n.Known = s.Run, func() (node.Look, error) { return look(s, name) }
	ok := false
	if n.Tool, ok = placedAgain.Of(s, name); !ok {
		n.Tool, _ = placedHelper.Of(s, name)
	}
	return n
}

// any is a host of the run, to ask what any of them can tell.
func (r *Recovery) any(s *runner.State) *node.Node { return r.node(s, r.anyScheduler(s)) }

// gone says of every host of the run why its scheduler takes no part any more, ""
// where it may; an error is of the first one of which it can't be told.
func (r *Recovery) gone(ctx context.Context, s *runner.State) ([]string, error) {
	return node.Everywhere(r.nodes(s), func(n *node.Node) (string, error) {
		_, why, err := n.Gone(ctx)
		return why, err
	})
}

// nodes are the hosts that the run goes on with.
func (r *Recovery) nodes(s *runner.State) []*node.Node {
	var all []*node.Node
	for _, name := range r.everyScheduler(s) {
		all = append(all, r.node(s, name))
	}
	return all
}

// doctor judges the cluster as a run sees it.
func (r *Recovery) doctor() *diagnose.Doctor { return &diagnose.Doctor{Nodes: r.Nodes, Acts: r.Acts} }

// Diagnose looks at the cluster as it is, with the replicas' logs or without, and
// changes nothing. open is the open run, nil if there is none.
func (r *Recovery) Diagnose(ctx context.Context, open *runner.State, logs bool) (*health.Diagnosis, error) {
	return r.doctor().Diagnose(ctx, diagnose.Ask{Logs: logs, Run: r.openRun(open)})
}

// openRun is what a diagnosis must know of a run.
func (r *Recovery) openRun(s *runner.State) *diagnose.Run {
	if s == nil {
		return nil
	}
	works := real(s) && s.Commit.Outcome == runner.Committed // They are on the real master again.
	run := &diagnose.Run{
		ID: s.Run, Debts: s.Debts(),
		Disabled: !s.Ended && !works && (len(s.Steps[stepSupervise]) > 0 || len(s.Steps[stepConfigure]) > 0),
	}
	for _, name := range r.Cluster.Names() {
		if s.IsLeft(name) {
			run.Left = append(run.Left, name)
		}
		if p, ok := startReceipt(s, name); ok && (run.Started.IsZero() || p.At.Before(run.Started)) {
			run.Started = p.At
		}
	}
	if f, ok := fenceOf(s); ok {
		run.Leader = &diagnose.Leader{Host: f.Host, PID: f.PID, Start: f.Start, ElectedAt: f.ElectedAt}
	}
	return run
}

// Validate checks that the recipe keeps the rules of recipes.
func (r *Recovery) Validate() error {
	for _, name := range r.Cluster.Names() {
		if r.Hosts[name] == nil {
			return fmt.Errorf("scheduler %s has no host", name)
		}
	}
	if !slices.Contains(r.Profile.Recipes, "staged") {
		return fmt.Errorf("Aurora %s has no staged recovery", r.Cluster.Version)
	}
	return r.Recipe().Validate()
}

// ActsOf are the acts of one run. Of one that goes on the last lasts until now.
func ActsOf(events []runner.Event, now time.Time) []diagnose.Act {
	var acts []diagnose.Act
	open := false
	end := func(at time.Time, recovered bool) {
		if open {
			acts[len(acts)-1].To, acts[len(acts)-1].Recovered = at, recovered
			open = false
		}
	}
	s := &runner.State{}
	for _, e := range events {
		was := s.Ended || s.Status == runner.Closed
		s.Apply(e)
		// A host that was left out is brought back after the end: an act of its own.
		if !open && e.Kind == runner.StepStarted && (e.Step == stepStop || e.Step == stepContain) {
			acts, open = append(acts, diagnose.Act{From: e.At}), true
		}
		switch ended := s.Ended || s.Status == runner.Closed; {
		case ended && !was, s.Status == runner.Closed:
			end(e.At, s.Outcome == "recovered")
		case ended && s.Status != runner.Settling:
			end(e.At, false)
		}
	}
	end(now, false)
	return acts
}
