// Package recovery is the recipe of the runbook: this file is its table of
// contents, each phase file a section, each step one of its lines.
package recovery

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/replica"
	"aurorabot/runner/zk"
)

// ZooKeeper is what a recovery looks up there. An error means: cannot tell.
type ZooKeeper interface {
	Candidates(ctx context.Context, path string) ([]zk.Candidate, error)
	LogReplicas(ctx context.Context, path string) ([]zk.Replica, error)
	MesosMaster(ctx context.Context, path string) ([]zk.Master, error)
}

// A Recovery is the recipe with what it needs of the world around it.
type Recovery struct {
	Cluster *aurora.Cluster
	Profile aurora.Profile
	Hosts   map[string]runner.Host // By the names of the schedulers.
	Now     func() time.Time
	Policy  string // Digest of the policy in force.

	// ZooKeeper looks at the servers of -zk_endpoints; dial is nil to go
	// directly, or goes through a host.
	ZooKeeper func(endpoints string, dial zk.Dialer) (ZooKeeper, error)

	// Helper is this program, to be run on a host of that architecture.
	Helper func(arch string) (open func() (io.ReadCloser, error), sha256 string, err error)

	// Files is a folder of the bot's own for a run: the backup, the salvage.
	Files func(run string) (string, error)

	// Resolve looks the addresses of a host name up. Nil: this machine's resolver.
	Resolve func(ctx context.Context, host string) ([]string, error)

	// Acts are what the bot did to this cluster within the last hours. Nil: nothing.
	Acts func() []Act

	// ProofWait is how long a next leader may take to show the commit. Zero: 3
	// minutes. With 100,000 tasks it was advertised 21 s after the answer; a
	// replaced log adds elections.
	ProofWait time.Duration

	// Poll is how long to wait between two looks. Zero: 500 ms.
	Poll time.Duration

	proved sync.Map // By host and path: the identity of the program whose hash was right.
}

// The IDs of the steps that others refer to.
const (
	stepHelper    = "prepare/helper"
	stepLook      = "prepare/look"
	stepCluster   = "prepare/look-at-cluster"
	stepKeep      = "prepare/keep-backups"
	stepSupervise = "prepare/supervision-off"
	stepStop      = "prepare/stop-schedulers"
	stepEvidence  = "prepare/read-logs"
	stepBlock     = "prepare/block-traffic"
	stepConfigure = "prepare/change-configuration"
	stepStart     = "prepare/start-schedulers"

	stepReplicas = "assess/look-at-schedulers"
	stepLoss     = "assess/compare-with-log"
	stepDecide   = "assess/decide"
	stepConfirm  = "assess/confirm"

	stepReStop  = "reinitialize/stop-schedulers"
	stepGone    = "reinitialize/nobody-registered"
	stepAside   = "reinitialize/move-log-aside"
	stepInit    = "reinitialize/initialize-log"
	stepRestart = "reinitialize/start-schedulers"

	stepElected = "restore/find-leader"
	stepCopy    = "restore/copy-backup"
	stepStage   = "restore/stage"
	stepDrop    = "restore/drop-tasks"
	stepCompare = "restore/compare-staged"
	stepCommit  = "restore/commit"
	stepSpare   = "restore/keep-quorum"
	stepProve   = "restore/prove-commit"
	stepLinger  = "restore/restart-lingering"

	stepUnknownStop  = "restore/unknown-stop-schedulers"
	stepUnknownRead  = "restore/unknown-read-logs"
	stepUnknownJudge = "restore/unknown-judge"
	stepUnknownStart = "restore/unknown-start-schedulers"
	stepUnknownProve = "restore/unknown-prove-commit"

	stepDepart = "without/look"
	stepLeave  = "without/leave"

	stepContain       = "settle/supervision-off"
	stepSettleHelper  = "settle/helper"
	stepSettleLook    = "settle/look"
	stepSettleStop    = "settle/stop-scheduler"
	stepSettleLog     = "settle/log-folder-aside"
	stepSettleFlags   = "settle/configuration"
	stepSettleTraffic = "settle/open-traffic"
	stepSettleOn      = "settle/supervision-on"
	stepSettleStart   = "settle/start-scheduler"
	stepSettleVoting  = "settle/catch-up"
	stepSettleTools   = "settle/take-the-helper-away"

	stepProof    = "cleanup/proof"
	stepGroup    = "cleanup/in-group"
	stepSnapshot = "cleanup/snapshot"
	stepLevel    = "cleanup/level"
	stepVoting   = "cleanup/all-voting"
)

// leader stands for the elected leader as long as nobody is.
const leader = "leader"

// afterElection are the steps that rest on one leader.
var afterElection = []string{stepElected, stepCopy, stepStage, stepDrop, stepCompare, stepCommit}

// Recipe is the table of contents: "Recovering from a scheduler backup", step by step.
func (r *Recovery) Recipe() *runner.Recipe {
	return &runner.Recipe{
		ID: "staged", Version: 1,
		Title: "Restore a scheduler backup through a staged recovery",
		Hosts: r.Hosts,
		Phases: []runner.Phase{
			r.preparation(),
			r.assess(),
			r.reinitialize(),
			r.restore(),
			r.cleanup(),
		},
		Gates: []runner.Gate{
			{ID: "start", Before: stepKeep, Title: "Begin the outage? All schedulers of the cluster are stopped."},
			{ID: "assess", Before: stepConfirm, Title: "Is the damage assessed rightly?", Binds: r.assessed},
			{ID: "commit", Before: stepCommit, Title: "Overwrite the replicated log with the backup? This cannot be undone.", Binds: r.staked, Expires: r.disabledUntil, Renew: r.renewed},
			{ID: runner.GateWithout, Before: stepLeave, Title: "Go on without it? It must stay off until it is settled.", Binds: r.departures},
		},
		Without: r.without(), Settle: r.settle(), Gone: r.stillGone, Owes: r.owes, Rests: r.rests,
		Covers:      r.covers,
		Drop:        []string{stepDrop, stepCompare, stepCommit},
		UndoWarning: r.undoWarning,
		UndoStarts: func(s *runner.State) bool {
			return slices.ContainsFunc(s.Effects, func(e runner.Effect) bool { return e.Step == stepStop && s.Of(e.Step, e.Host).Begun })
		},
	}
}

// covers is what every digest covers besides the steps.
func (r *Recovery) covers(s *runner.State) any {
	var look clusterLook
	s.Facts(stepCluster, runner.Bot, &look)
	return map[string]any{
		"cluster": r.Cluster.Name, "version": r.Cluster.Version.String(), "profile": r.Profile.Name,
		"hosts": r.everyScheduler(s), "policy": r.Policy, "backup_sha256": look.Backup.SHA256,
	}
}

// undoWarning: what was damaged before comes back damaged.
func (r *Recovery) undoWarning(s *runner.State) string {
	var damaged []string
	for _, name := range r.everyScheduler(s) {
		var e logEvidence
		if s.Facts(stepEvidence, name, &e) && (e.Report.State != replica.StateOK || e.Report.Status != "VOTING") {
			damaged = append(damaged, name+": "+logWords(&e.Report))
		}
	}
	if len(damaged) == 0 {
		return ""
	}
	return "undo starts the schedulers on the real Mesos master with the logs as they were found, and these were not whole: " + strings.Join(damaged, "; ")
}

// DocumentedAt is where the procedure stands.
const DocumentedAt = "Aurora documentation: Recovering from a Scheduler Backup"

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

func (r *Recovery) theLeader(s *runner.State) []string {
	if f, ok := r.fence(s); ok {
		return []string{f.Host}
	}
	return []string{leader}
}

func (r *Recovery) scheduler(t *runner.Task) *aurora.Scheduler { return r.Cluster.Scheduler(t.On) }

// client asks the scheduler of a host over HTTP, through the host.
func (r *Recovery) client(name string) *aurora.Client {
	h := r.Hosts[name]
	return &aurora.Client{Address: r.Cluster.Scheduler(name).HTTP, Dial: h.Dial, Limit: 30 * time.Second}
}

// everywhere asks all schedulers of the run at once, and returns the answers in
// their order, with the error of the first host that has one.
func everywhere[T any](r *Recovery, t *runner.Task, ask func(on *runner.Task) (T, error)) ([]T, error) {
	names := r.everyScheduler(t.State)
	answers, errs := make([]T, len(names)), make([]error, len(names))
	var asking sync.WaitGroup
	for i, name := range names {
		on := *t
		on.Host, on.On = r.Hosts[name], name
		asking.Go(func() { answers[i], errs[i] = ask(&on) })
	}
	asking.Wait()
	for i, err := range errs {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", names[i], err)
		}
	}
	return answers, nil
}

func (r *Recovery) poll() time.Duration {
	if r.Poll == 0 {
		return 500 * time.Millisecond
	}
	return r.Poll
}

// until looks again and again until look says yes, an error that lasts, or limit
// is over; it returns the last answer. Nothing is slept away: a cancelled ctx
// ends it at once.
func (r *Recovery) until(ctx context.Context, limit time.Duration, look func(context.Context) (runner.Answer, error)) (runner.Answer, error) {
	end := r.Now().Add(limit)
	for {
		a, err := look(ctx)
		if err == nil && a.Yes {
			return a, nil
		}
		var stop *runner.Ending
		if isEnding(err, &stop) {
			return a, err
		}
		if !r.Now().Before(end) {
			return a, err
		}
		select {
		case <-ctx.Done():
			if err == nil {
				err = context.Cause(ctx)
			}
			return a, err
		case <-time.After(r.poll()):
		}
	}
}

// run runs argv on the task's host and wants exit status 0.
func run(ctx context.Context, t *runner.Task, user string, argv ...string) (runner.Output, error) {
	return runThrough(ctx, t, runner.Keeper{}, user, argv)
}

// peek is run for a command that only looks: the helper may keep a session for it.
func peek(ctx context.Context, t *runner.Task, user string, argv ...string) (runner.Output, error) {
	return runThrough(ctx, t, through(t), user, argv)
}

func runThrough(ctx context.Context, t *runner.Task, by runner.Keeper, user string, argv []string) (runner.Output, error) {
	out, err := t.Host.Run(ctx, runner.Command{Argv: argv, User: user, Through: by})
	if err != nil {
		return out, err // The transport says which command, and on which host.
	}
	if out.Exit != 0 {
		return out, fmt.Errorf("%s: exit status %d: %s", shown(argv), out.Exit, tail(out))
	}
	return out, nil
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
