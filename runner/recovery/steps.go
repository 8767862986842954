package recovery

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/health"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

// The IDs of the steps that others refer to.
const (
	stepHelper    = "prepare/helper"
	stepLook      = "prepare/look"
	stepCluster   = "prepare/look-at-cluster"
	stepDiagnose  = "prepare/diagnose"
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

	// Of the later recipe, whose schedulers start on a log that is loaded already.
	stepTool     = "prepare/look-at-recovery-tool"
	stepLoad     = "restore/load"
	stepFetch    = "restore/fetch-log"
	stepSpread   = "restore/distribute"
	stepFolders  = "restore/compare-loaded"
	stepFirst    = "restore/first-start"
	stepStartAll = "restore/start-schedulers"
	stepShot     = "restore/snapshot"
	stepRest     = "restore/start-rest"

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

// afterElection are the steps that rest on one leader.
var afterElection = []string{stepElected, stepCopy, stepStage, stepDrop, stepCompare, stepCommit}

// What steps leave for later ones.
var (
	placedHelper   = runner.Fact[node.Tool]{Step: stepHelper}
	placedAgain    = runner.Fact[node.Tool]{Step: stepSettleHelper}
	foundHost      = runner.Fact[node.Look]{Step: stepLook}
	foundReturned  = runner.Fact[node.Look]{Step: stepSettleLook}
	foundCluster   = runner.Fact[clusterLook]{Step: stepCluster}
	foundLog       = runner.Fact[logEvidence]{Step: stepEvidence}
	foundScheduler = runner.Fact[schedulerLook]{Step: stepReplicas}
	foundLoss      = runner.Fact[loss]{Step: stepLoss}
	foundDecision  = runner.Fact[decision]{Step: stepDecide}
	foundLeader    = runner.Fact[fence]{Step: stepElected}
	foundStake     = runner.Fact[stake]{Step: stepCompare}
	foundReplica   = runner.Fact[replica.Report]{Step: stepUnknownRead}
	foundWords     = runner.Fact[logsSay]{Step: stepUnknownJudge}
	foundDeparture = runner.Fact[departure]{Step: stepDepart}
)

// tell journals findings as events of their own: what a run stops for, and what
// people decide by, has a name that they can look up. An error is the journal's.
func tell(t *runner.Task, found ...health.Finding) error {
	for _, f := range found {
		if err := t.Say(runner.Event{Kind: runner.Found, Why: f.ID + ": " + f.Evidence, Data: asJSON(f)}); err != nil {
			return err
		}
	}
	return nil
}

// telling journals one finding that err is the evidence of, and returns err.
func telling(t *runner.Task, id string, err error) error {
	if jerr := tell(t, health.Found(id, t.On, "%v", err)); jerr != nil {
		return errors.Join(err, jerr)
	}
	return err
}

// noted is what pre-flight complains of: in its words, and as findings.
type noted struct {
	subject string // Whom it is about.
	wrong   []string
	found   []health.Finding
}

// A node.Complain takes what would stop a recovery: a finding's ID, and the words.
// bad takes a complaint.
func (n *noted) bad(id, format string, args ...any) {
	n.wrong = append(n.wrong, fmt.Sprintf(format, args...))
	n.found = append(n.found, health.Found(id, n.subject, format, args...))
}

// also takes a finding that stops nothing.
func (n *noted) also(f health.Finding) {
	f.Blocks = ""
	n.found = append(n.found, f)
}

func (n *noted) words() string { return strings.Join(n.wrong, "\n") }

// sayUpgrade lets the step that puts the reader on the hosts say so where an
// upgraded bot looks for another one than the run left there. Nothing changed on
// the host then, and nobody but the bot's own people has to do anything.
func (r preflight) sayUpgrade(p runner.Phase) runner.Phase {
	st := &p.Steps[slices.IndexFunc(p.Steps, func(st runner.Step) bool { return st.ID == stepHelper })]
	holds := st.Holds
	st.Holds = func(ctx context.Context, t *runner.Task) (runner.Answer, error) {
		a, err := holds(ctx, t)
		was, placed := placedHelper.Of(t.State, t.On)
		if err != nil || a.Yes || !placed {
			return a, err
		}
		if f, err := r.on(t).Program(ctx); err != nil || f.SHA256 == was.SHA256 {
			return a, err
		}
		return runner.No("the bot was upgraded while this run was open, and reads hosts with another program than the run put there (hash %.12s); the host is as it was, and resume puts the new one there. "+
			"Where sudo allows programs by their hash, first install what `sudoers %s` prints", was.SHA256, r.Cluster.Name), nil
	}
	return p
}
