package health

// The steps of a recovery that findings block: RUNBOOK, pre-flight and "Two
// questions after looking". A test of the recipe compares them with its steps.
const (
	byHost     = "prepare/look"
	byCluster  = "prepare/look-at-cluster"
	byDecision = "assess/decide"
	byStaging  = "restore/stage"
	byLeader   = "restore/find-leader"
	byCommit   = "restore/commit"
)

// hostKinds are findings of one host.
var hostKinds = []Kind{
	{ID: "host-silent", Severity: Critical, Blocks: byHost,
		Means: "The host cannot be asked: nothing about it is known.", Evidence: "the bot's login fails, breaks off or does not end in time",
		Do: "Look at the host, its SSH server and the bot's key; ask again."},
	{ID: "cannot-tell", Severity: Warning, Blocks: byHost,
		Means: "Something that must be known could not be found out; it is not known to be fine.", Evidence: "a question with an error, half an answer, or an answer of an unexpected type",
		Do: "Mend what the evidence names, and ask again."},
	{ID: "access-missing", Severity: Critical, Blocks: byHost,
		Means: "The bot may not do what a recovery needs, or a tool is missing.", Evidence: "`sudo -n` to root or to the scheduler's user is refused, a tool is not in root's PATH, or the reader of logs cannot be put on the host",
		Do: "Mend the sudoers file (`aurorabot sudoers CLUSTER`) or install the tool."},
	{ID: "configuration-unreadable", Severity: Critical, Blocks: byHost,
		Means: "The scheduler's configuration file cannot be read or changed safely.", Evidence: "the file is missing, empty or has lines that the bot cannot rewrite",
		Do: "Name the right file in the bot's configuration, or put the line in a form that is known."},
	{ID: "configuration-not-read", Severity: Critical, Blocks: byHost,
		Means: "The scheduler runs with another Mesos master than its configuration file says: what a recovery writes into that file would not disable it.", Evidence: "the arguments of its process, and the file",
		Do: "Name the file that its start reads (config_file); if it was changed on purpose, restart the scheduler first."},
	{ID: "flag-missing", Severity: Critical, Blocks: byHost,
		Means: "A flag that a recovery must know is not known.", Evidence: "neither the process's arguments nor the configuration file set it",
		Do: "Set it in the configuration file."},
	{ID: "flag-of-another-version", Severity: Critical, Blocks: byHost,
		Means: "A flag is set that this version of Aurora does not know: the scheduler refuses to start the next time.", Evidence: "the flag in the configuration file, the releases that know it, and the version in the bot's configuration",
		Do: "Take the flag away, or correct the version in the bot's configuration."},
	{ID: "http-port-differs", Severity: Critical, Blocks: byHost,
		Means: "The bot would ask, and block, another port than the scheduler's.", Evidence: "-http_port and the bot's configuration",
		Do: "Correct the scheduler's address in the bot's configuration."},
	{ID: "log-path-differs", Severity: Critical, Blocks: byHost,
		Means: "After a restart the scheduler would use another log than it does now.", Evidence: "-native_log_file_path of the process and of the configuration file",
		Do: "Make the file agree with what runs."},
	{ID: "lingering-process", Severity: Critical, Blocks: byHost,
		Means: "A scheduler runs that the supervisor does not know, alone or beside its own; it may be left from a commit and holds the log.", Evidence: "two processes with the arguments of this scheduler, or one while the supervisor says that none runs",
		Do: "End the one that the supervisor does not know."},
	{ID: "scheduler-lingers", Severity: Critical,
		Means: "The scheduler's application ended, but its process stays (from 0.21 on): no supervisor starts it again, and it holds the log.", Evidence: "a process with the arguments of this scheduler, and a connection to its HTTP address that is refused",
		Do: "Restart it through its supervisor; look at its log for why it ended."},
	{ID: "scheduler-down", Severity: Warning,
		Means: "The scheduler does not run: the log has one replica less.", Evidence: "no process with the arguments of this scheduler, and the supervisor's word",
		Do: "Look at its log for why; start it."},
	{ID: "scheduler-keeps-ending", Severity: Critical,
		Means: "The scheduler ends soon after each start.", Evidence: "several starts within an hour in its log, or the supervisor is about to start it again",
		Do: "Read the lines before its end; mend the cause named by the other findings."},
	{ID: "clock-skew", Severity: Critical, Blocks: byHost,
		Means: "The host's clock is off: ages, log times and leases would be judged wrongly.", Evidence: "the host's time beside the bot's, more than the limit apart",
		Do: "Mend the host's time service."},
	{ID: "fake-address-answers", Severity: Critical, Blocks: byHost,
		Means: "Something listens where a disabled scheduler must find nobody; it might take it for the Mesos master's ZooKeeper.", Evidence: "a connection to the fake Mesos address is not refused",
		Do: "End what listens there, or choose another fake address in the bot's configuration."},
	{ID: "fake-master-left", Severity: Critical, Blocks: byHost,
		Means: "The scheduler runs, or would start, with the fake Mesos address though no recovery is open: it never becomes active.", Evidence: "-mesos_master_address of the process or of the configuration file",
		Do: "Put the original configuration back on every host, then restart the schedulers."},
	{ID: "supervision-off", Severity: Warning,
		Means: "Nobody starts the scheduler again when it ends, which it does by design, or at boot.", Evidence: "the supervisor's settings",
		Do: "Enable the unit and its Restart=; after a recovery, finish the run's Cleanup."},
	{ID: "supervision-on", Severity: Critical, Blocks: "prepare/supervision-off",
		Means: "A recovery is open and the supervisor would start the scheduler by itself.", Evidence: "the supervisor's settings while a run is open",
		Do: "Look who enabled it; resume the run, which disables it again."},
	{ID: "configuration-manager", Severity: Warning,
		Means: "A configuration manager runs on the host; it may put flags back or start the scheduler in the middle of a recovery.", Evidence: "a process of puppet, chef-client, salt-minion or ansible-pull",
		Do: "Stop it for the time of a recovery."},
	{ID: "root-path-open", Severity: Critical, Blocks: byHost,
		Means: "Another account than root can put something else where root is to read, write or run: it could become root by a recovery.", Evidence: "owner and mode of each folder on the way, as the bot's account sees them",
		Do: "Give the folder that is named to root and take the right to write it from others, or name another place in the bot's configuration."},
	{ID: "run-disk-full", Severity: Critical, Blocks: byHost,
		Means: "The copy of the log that is the way back does not fit.", Evidence: "free space in the run's folder beside twice the log's size",
		Do: "Make room, or name another run folder."},
	{ID: "disk-nearly-full", Severity: Warning,
		Means: "The disk of the log or of the backups is nearly full: a full disk cuts backups short and ends the scheduler.", Evidence: "less than 2 GiB, or than twice what lies there, is free",
		Do: "Make room."},
}
