package health

import (
	"regexp"
	"strings"
	"time"
)

// LogFindings is the table of lines.
var LogFindings = []Kind{
	{ID: "replica-log-not-initialized", Severity: Critical, Passes: true, Log: true,
		Means: "The replica's log was never initialised, or lost what said so.", Do: "Let it catch up if a quorum votes; else re-initialise all.",
		literals: []string{"Replicated log has not been initialized"}},
	{ID: "replica-empty", Severity: Warning, Passes: true, Log: true,
		Means: "A replica has an empty log.", Do: "With a quorum VOTING it catches up by itself; do not initialise it alone.",
		literals: []string{"Received a recover response from a replica in EMPTY status", "Replica in EMPTY status received a broadcasted recover request", "Replica is in EMPTY status"}},
	{ID: "replica-recovering", Severity: Warning, Passes: true, Log: true,
		Means: "A replica is catching up.", Do: "Wait for \"Replica is in VOTING status\".",
		literals: []string{"Received a recover response from a replica in RECOVERING status", "Replica in RECOVERING status received a broadcasted recover request", "Replica is in RECOVERING status"}},
	{ID: "replica-starting", Severity: Warning, Passes: true, Log: true,
		Means: "A replica is in the middle of being initialised with others.", Do: "Wait; if it lasts, re-initialise all.",
		literals: []string{"from a replica in STARTING status", "Replica in STARTING status", "Replica is in STARTING status"}},
	{ID: "recover-no-quorum", Severity: Warning, Passes: true, Log: true,
		Means: "A replica finds too few others to recover from.", Do: "Start the other schedulers; look at their logs.",
		literals: []string{"Unable to finish the recover protocol in"}},
	{ID: "catch-up-stalled", Severity: Warning, Passes: true, Log: true,
		Means: "A replica cannot fetch a position that it lacks.", Do: "Look whether a quorum of replicas is up.",
		literals: []string{"Unable to catch-up position"}},
	{ID: "log-open-failed", Severity: Critical, Log: true,
		Means: "The log's files cannot be opened: damaged, locked, or another user's.", Do: "Read the folder with `log inspect`.",
		literals: []string{"Failed to recover the log:"}},
	{ID: "log-record-error", Severity: Critical, Log: true,
		Means: "A record of the log cannot be read or written.", Do: "Read the folder with `log inspect`; look at the disk.",
		literals: []string{"Error getting log record at", "Error writing to log:", "Problem reading from log"}},
	{ID: "votes-refused", Severity: Warning, Passes: true,
		Means: "A replica refuses a vote: another writer has a newer promise, or it may not vote yet.", Do: "Look who leads; with two writers, stop one.",
		literals: []string{"Aborting explicit promise request because", "Aborting implicit promise request because", "Aborting write request because"}},
	{ID: "writer-not-elected", Severity: Warning, Passes: true,
		Means: "The leader could not become the log's writer, and tries again.", Do: "Look whether a quorum of replicas is up.",
		literals: []string{"Could not start the writer, but can be retried"}},
	{ID: "zookeeper-connection-lost", Severity: Warning, Passes: true,
		Means: "The connection to ZooKeeper broke.", Do: "Look at ZooKeeper and the network.",
		literals: []string{"Lost connection to ZooKeeper, attempting to reconnect"}},
	{ID: "zookeeper-session-expired", Severity: Warning,
		Means: "ZooKeeper gave the session up: leadership goes with it.", Do: "Look at ZooKeeper, the network, and long pauses of the JVM.",
		literals: []string{"ZooKeeper session expired", "Forcing ZooKeeper session"}},
	{ID: "zookeeper-group-failed", Severity: Critical,
		Means: "The replica could not join or watch its group in ZooKeeper for good, and the process ended itself.", Do: "Look at ZooKeeper's access rights for -native_log_zk_group_path, and at ZooKeeper itself.",
		literals: []string{"Failed to participate in ZooKeeper group", "Failed to watch ZooKeeper group"}},
	{ID: "membership-renewed", Severity: Info,
		Means: "The replica joined its group again.", Do: "Nothing.",
		literals: []string{"Renewing replica group membership"}},
	{ID: "log-write-timeout", Severity: Critical, Log: true,
		Means: "An append took longer than -native_log_write_timeout; it may still take effect.", Do: "Look at the disk and whether a quorum is up.",
		literals: []string{"Timeout performing log"}},
	{ID: "log-disabled", Severity: Critical, Log: true,
		Means: "The scheduler gave its log up after an error.", Do: "Restart it; look at the error before it.",
		literals: []string{"The log has encountered an error and cannot be used"}},
	{ID: "registration-timeout", Severity: Critical,
		Means: "The leader did not find the Mesos master in time and gave up.", Do: "Look at -mesos_master_address and the master.",
		literals: []string{"Framework has not been registered within the tolerated delay"}},
	{ID: "leadership-lost", Severity: Warning,
		Means: "The leader lost its leadership and ended itself.", Do: "Look for the cause before it.",
		literals: []string{"Lost leadership, committing suicide"}},
	{ID: "framework-removed", Severity: Critical,
		Means: "Mesos has removed the framework: its failover timeout was over, or somebody tore it down. It refuses this framework id, whatever is restored.", Do: "Do not restore in the hope that tasks come back: they are gone. Ask who tore it down; a new framework id is needed.",
		literals: []string{"Framework has been removed", "Completed framework attempted to re-register"}},
	{ID: "out-of-memory", Severity: Critical,
		Means: "The scheduler's JVM had no memory left.", Do: "Look at -Xmx and at what grew: large jobs, many updates, old tasks.",
		literals: []string{"java.lang.OutOfMemoryError"}},
	{ID: "jvm-crashed", Severity: Critical,
		Means: "The scheduler's JVM, or the native log in it, crashed.", Do: "Read the hs_err file that it names.",
		literals: []string{"A fatal error has been detected by the Java Runtime Environment"}},
	{ID: "zookeeper-client-lost", Severity: Warning, Passes: true,
		Means: "The scheduler's own client lost ZooKeeper: leadership goes with the session.", Do: "Look at ZooKeeper, the network, and long pauses of the JVM.",
		literals: []string{"State change: SUSPENDED", "State change: LOST", "Client session timed out, have not heard from server", "Unable to read additional data from server sessionid", "Unable to reconnect to ZooKeeper service, session"}},
	{ID: "lines-without-time", Severity: Info,
		Means:    "Lines of the log say something, and not when: they may be weeks old, and count for nothing.",
		Evidence: "Lines of the kinds in this table, without a time on them or above them.", Do: "Have the log written with times; read it whole with `log scan` without --since."},
	{ID: "elected", Severity: Info, Means: "The scheduler was elected.", Do: "Nothing.",
		literals: []string{"Elected as leading scheduler!"}},
	{ID: "snapshot-applied", Severity: Info, Means: "A snapshot of the log was loaded.", Do: "Nothing.",
		literals: []string{"Applying snapshot taken on"}},
	{ID: "aborted-frames", Severity: Warning,
		Means: "A leader ended in the middle of a large entry; it is passed over.", Do: "Nothing, if it was killed then.",
		literals: []string{"Found an aborted transaction", "Found a frame with no preceding header"}},
	{ID: "start-failed", Severity: Critical, Log: true,
		Means: "The scheduler ended at its start, often over an entry of the log that it cannot replay.", Do: "Read the lines around it; read the log with `log inspect`.",
		literals: []string{"Caught unchecked exception"}},
	{ID: "unknown-flag", Severity: Critical,
		Means: "The scheduler refuses a flag that its version does not know.", Do: "Take the flag away.",
		literals: []string{"Was passed main parameter"}},
	{ID: "holes-at-start", Severity: Info,
		Means: "The replica lacks positions; it fetches them when it is elected.", Do: "Nothing.",
		literals: []string{"Replica recovered with log positions"},
		pattern:  regexp.MustCompile(`Replica recovered with log positions \d+ -> \d+ with \d+ holes`), not: regexp.MustCompile(`with (0|1) holes`)},
	{ID: "unlearned-at-start", Severity: Info,
		Means: "The replica has positions that were not agreed on when it stopped.", Do: "Nothing.",
		literals: []string{" holes and "},
		pattern:  regexp.MustCompile(`with \d+ holes and \d+ unlearned`), not: regexp.MustCompile(`and 0 unlearned`)},
	{ID: "new-framework", Severity: Critical,
		Means: "The scheduler has no framework id: Mesos takes it for a new framework, and its old tasks are orphans.", Do: "Stop it before it registers; restore a backup with the framework id.",
		literals: []string{"Did not find a persisted framework ID"}},
	{ID: "process-killed", Severity: Warning,
		Means: "The scheduler's process was killed from outside: by the kernel for want of memory, or by a stop that took too long.", Do: "Look into the kernel's log for \"Out of memory\".",
		literals: []string{"Main process exited, code=killed", "Main process exited, code=dumped"}},
	{ID: "no-space-left", Severity: Critical,
		Means: "A disk of the host is full: the next backup, or the log, cannot be written.", Do: "Make room; look at `backups` for one that was cut off.",
		literals: []string{"No space left on device"}},
	{ID: "framework-known", Severity: Info, Means: "The scheduler knows its framework id; the line has it.", Do: "Nothing.",
		literals: []string{"Found persisted framework ID", "Registered with ID value: "}},
	{ID: "catch-up-started", Severity: Info, Means: "A replica began to fetch what it lacks.", Do: "Wait for \"Replica is in VOTING status\".",
		literals: []string{"Starting catch-up from position"}},
	{ID: "group-joined", Severity: Info, Means: "A replica finished its recovery and votes.", Do: "Nothing.",
		literals: []string{"Successfully joined the Paxos group"}},
	{ID: "replica-votes", Severity: Info, Means: "A replica was opened, and votes.", Do: "Nothing.",
		literals: []string{"Replica is in VOTING status"}},
	{ID: "replica-status-changed", Severity: Info, Means: "A replica stored another status.", Do: "Nothing, if it ends in VOTING.",
		literals: []string{"Updating replica status to"}},
}

// When is when a line was logged last, by the host's clock; false where it does
// not say.
func (m *Match) When() (time.Time, bool) {
	if !m.LastAt.IsZero() {
		return m.LastAt, true
	}
	for _, layout := range []string{"2006-01-02T15:04:05-0700", time.RFC3339} {
		if t, err := time.Parse(layout, m.Last); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// Framework is the framework id that a scheduler logged, "" if it did not.
func Framework(lines []Match) string {
	for _, m := range lines {
		if m.Finding == "framework-known" {
			return FrameworkIn(m.Example)
		}
	}
	return ""
}

// FrameworkIn reads the id out of a log line "Found persisted framework ID".
func FrameworkIn(line string) string {
	if _, id, first := strings.Cut(line, `Registered with ID value: "`); first {
		id, _, _ = strings.Cut(id, `"`)
		return id
	}
	_, id, _ := strings.Cut(line, "framework ID: ")
	return strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(id), "Optional["), "]")
}
