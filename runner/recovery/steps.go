package recovery

import (
	"aurorabot/runner"
	"aurorabot/runner/node"
	"aurorabot/runner/replica"
)

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
