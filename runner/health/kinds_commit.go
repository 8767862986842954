package health

// commitKinds are findings of a run from its first start of the schedulers on.
var commitKinds = []Kind{
	{ID: "disabled-start-failed", Severity: Critical, Blocks: byDecision,
		Means: "The scheduler ended by itself after the run had started it disabled, though its replica is whole: the replicated log is not known to be the cause, so re-initialising it would not help.", Evidence: "its process, what the supervisor says, its log since that start, and the copy of its replica that was read before",
		Do: "Read the last lines of its log: an option that this version does not know, a port that is taken, no memory. Mend that, then `resume`, which starts it again; or `undo`."},
	{ID: "leader-changed", Severity: Critical, Blocks: byCommit,
		Means: "Another scheduler leads than the one that the backup was staged on: what was staged is gone with its leadership, and approvals for it are void.", Evidence: "the fence (host, PID, start) taken at the election, and who leads now by /vars, ZooKeeper and processes",
		Do: "`resume`: it finds the leader, stages there and asks for new approvals."},
	{ID: "scheduler-replaced", Severity: Critical, Blocks: byCommit,
		Means: "A scheduler ended, or was started, behind the run's back: a commit sent there could wait and fire later.", Evidence: "PID and start of the process that the run started, and of those that run",
		Do: "Find out who did it; then `resume`, which starts from there, stages and asks for new approvals."},
	{ID: "staged-differs", Severity: Critical, Blocks: byCommit,
		Means: "What is staged is not what was approved: somebody unloaded or replaced it. The scheduler keeps no trace of who.", Evidence: "the staged tasks, compared right before the commit",
		Do: "Find out who else is at work; then `resume`, which stages again and asks for new approvals."},
	{ID: "commit-unknown", Severity: Critical, Blocks: byCommit,
		Means: "A commit was sent and it is not known whether it took effect; it may still do so, whatever was answered.", Evidence: "the scheduler's answer, or none, and no leader that shows the staged state in a snapshot of its own",
		Do: "Bring the schedulers and their quorum back, then `resume`, which looks again; nothing may be staged or committed before."},
	{ID: "snapshot-of-before", Severity: Warning,
		Means: "The next leader loaded a snapshot with the backup's time, but it is older than the commit: \"Applying snapshot taken on\" is no proof.", Evidence: "the position of the log's newest snapshot, and the log's end recorded before the commit",
		Do: "Nothing: the run keeps looking for the commit's own snapshot."},
}
