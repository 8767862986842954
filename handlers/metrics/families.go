package metrics

// A Family is one metric: a name, and what every sample of it means.
type Family struct {
	Name   string
	Type   string   // "gauge" or "counter", as Prometheus means them.
	Labels []string // In the order of a sample's values.
	Help   string   // One sentence; unit and zero value where they are not plain.
	Absent string   // When there is no sample of it. Empty: there always is one.

	Process bool // The process collector of the library gives it.
}

// The names, for those who set them.
const (
	buildInfo = "aurorabot_build_info"
	started   = "process_start_time_seconds"
	memory    = "process_resident_memory_bytes"

	backupTime   = "aurorabot_backup_newest_valid_timestamp_seconds"
	backupBytes  = "aurorabot_backup_newest_valid_size_bytes"
	backupTasks  = "aurorabot_backup_newest_valid_tasks"
	backupMaxAge = "aurorabot_backup_max_age_seconds"
	backupLate   = "aurorabot_backup_late_age_seconds"

	checkTime     = "aurorabot_check_timestamp_seconds"
	checkTook     = "aurorabot_check_duration_seconds"
	checkWhole    = "aurorabot_check_success"
	checkFindings = "aurorabot_check_findings"
	restorable    = "aurorabot_cluster_restorable"
	failovers     = "aurorabot_leader_failovers"
	folderFree    = "aurorabot_backup_directory_free_bytes"
	copyTime      = "aurorabot_backup_copy_timestamp_seconds"

	runs      = "aurorabot_runs"
	approvals = "aurorabot_approvals_waiting"
	opened    = "aurorabot_gate_opened_timestamp_seconds"
	unkept    = "aurorabot_audit_copy_missed_total"

	slackLinks    = "aurorabot_slack_links"
	slackUp       = "aurorabot_slack_links_up"
	slackStrange  = "aurorabot_slack_links_foreign"
	slackHeard    = "aurorabot_slack_last_heard_timestamp_seconds"
	slackInHand   = "aurorabot_slack_requests_in_hand"
	slackUnsent   = "aurorabot_slack_messages_unsent"
	slackLate     = "aurorabot_slack_acknowledgements_late_total"
	slackBusy     = "aurorabot_slack_requests_busy_total"
	slackUnknown  = "aurorabot_slack_envelopes_unknown_total"
	slackLeftOut  = "aurorabot_slack_messages_refused_total"
	sshUp         = "aurorabot_ssh_connected"
	sshMade       = "aurorabot_ssh_connections_total"
	sshErrors     = "aurorabot_ssh_errors_total"
	reportLast    = "aurorabot_report_last_timestamp_seconds"
	reportDue     = "aurorabot_report_due_timestamp_seconds"
	reportFailed  = "aurorabot_report_failures_total"
	drillTime     = "aurorabot_drill_timestamp_seconds"
	drillProved   = "aurorabot_drill_success"
	drillTook     = "aurorabot_drill_duration_seconds"
	drillBackedUp = "aurorabot_drill_backup_timestamp_seconds"
)

const (
	unchecked = "No check of the cluster ended since the bot started."
	unknown   = "The last check found no valid backup, or none ended yet."
	undrilled = "No drill of the cluster ended yet, as far as the bot's folder says."
)

// Families is the table of metrics, in the order of the page.
var Families = []Family{
	{Name: buildInfo, Type: "gauge", Labels: []string{"version", "goversion"}, Help: "Which build this is; always 1."},
	{Name: started, Type: "gauge", Process: true, Help: "When the bot started, in seconds since 1970.", Absent: "The system does not say."},
	{Name: memory, Type: "gauge", Process: true, Help: "Resident memory of the bot, in bytes.", Absent: "The system does not say."},

	{Name: backupTime, Type: "gauge", Labels: []string{"cluster"}, Help: "Time inside the newest backup that decodes without a warning, on whichever host, in seconds since 1970.", Absent: unknown},
	{Name: backupBytes, Type: "gauge", Labels: []string{"cluster"}, Help: "Size of that backup, in bytes.", Absent: unknown},
	{Name: backupTasks, Type: "gauge", Labels: []string{"cluster"}, Help: "Tasks in that backup.", Absent: unknown},
	{Name: backupMaxAge, Type: "gauge", Labels: []string{"cluster"}, Help: "Age from which on a backup counts as stale, in seconds: max_backup_age of the configuration."},
	{Name: backupLate, Type: "gauge", Labels: []string{"cluster"}, Help: "Age from which on the next backup is late, in seconds: twice -backup_interval of the schedulers, and a tenth.", Absent: "No check since the bot started asked any host."},

	{Name: checkTime, Type: "gauge", Labels: []string{"cluster"}, Help: "When the last check of the cluster ended, in seconds since 1970.", Absent: unchecked},
	{Name: checkTook, Type: "gauge", Labels: []string{"cluster"}, Help: "How long the last check took, in seconds.", Absent: unchecked},
	{Name: checkWhole, Type: "gauge", Labels: []string{"cluster"}, Help: "1 if every host answered the last check, 0 if the check is not whole: what it could not ask is unknown.", Absent: unchecked},
	{Name: checkFindings, Type: "gauge", Labels: []string{"cluster", "severity"}, Help: "Findings of the last check by severity: info, warning, critical.", Absent: unchecked},
	{Name: restorable, Type: "gauge", Labels: []string{"cluster", "answer"}, Help: "Whether the cluster could be restored now, as the last check says: 1 for the answer yes, no or cannot-tell, 0 for the others.", Absent: unchecked},
	{Name: failovers, Type: "gauge", Labels: []string{"cluster"}, Help: "Changes of the leader in the hour before the last check.", Absent: "The last check could not tell."},
	{Name: folderFree, Type: "gauge", Labels: []string{"cluster", "host"}, Help: "Space left where the host's backups lie, in bytes.", Absent: "The last check could not list the folder."},
	{Name: copyTime, Type: "gauge", Labels: []string{"cluster"}, Help: "Time inside the newest backup that the bot keeps a copy of, in seconds since 1970.", Absent: "No copies are configured, or there is none."},

	{Name: runs, Type: "gauge", Labels: []string{"state"}, Help: "Runs in the journal by state: open, gated (people decide), stopped, undoing, closed; unreadable where the journal cannot be read."},
	{Name: approvals, Type: "gauge", Labels: []string{"cluster", "gate"}, Help: "Approvals that the open gate of a run still needs.", Absent: "No run of the cluster waits at that gate."},
	{Name: opened, Type: "gauge", Labels: []string{"cluster", "gate"}, Help: "When the open gate of a run opened.", Absent: "No run of the cluster waits at that gate."},
	{Name: unkept, Type: "counter", Help: "Events of runs and refusals that the copy of the audit elsewhere did not take.", Absent: "No copy is configured."},

	{Name: slackLinks, Type: "gauge", Help: "Socket Mode links that the bot is to keep open."},
	{Name: slackUp, Type: "gauge", Help: "Socket Mode links that are up."},
	{Name: slackStrange, Type: "gauge", Help: "Socket Mode links of the app that are not this bot's: another one takes a share of the requests."},
	{Name: slackHeard, Type: "gauge", Help: "When anything last came over a link, Slack's pings included, in seconds since 1970.", Absent: "Nothing ever came."},
	{Name: slackInHand, Type: "gauge", Help: "Requests from Slack that are being answered."},
	{Name: slackUnsent, Type: "gauge", Help: "Messages that wait for Slack."},
	{Name: slackLate, Type: "counter", Help: "Acknowledgements that came too late or did not leave."},
	{Name: slackBusy, Type: "counter", Help: "Requests that were answered with \"busy\"."},
	{Name: slackUnknown, Type: "counter", Help: "Envelopes from Slack that the bot does not understand."},
	{Name: slackLeftOut, Type: "counter", Help: "Messages and files of runs, but gates, that Slack refused three times; a note replaces them."},

	{Name: sshUp, Type: "gauge", Labels: []string{"cluster", "host"}, Help: "1 if there is a connection to the host now. 0 is no fault: connections are made when something is asked."},
	{Name: sshMade, Type: "counter", Labels: []string{"cluster", "host"}, Help: "Connections that were made to the host."},
	{Name: sshErrors, Type: "counter", Labels: []string{"cluster", "host", "kind"}, Help: "Connections that failed: kind connect (none came about) or lost (it broke, or the bot gave up on it)."},

	{Name: reportLast, Type: "gauge", Labels: []string{"report"}, Help: "When the last report of the schedule stood in its channel, in seconds since 1970: the watchdog.", Absent: "None was ever posted, as far as the bot's folder says."},
	{Name: reportDue, Type: "gauge", Labels: []string{"report"}, Help: "When the first report after the last one that was posted (or after the start of a bot that posted none yet) is due, in seconds since 1970: in the past, it is missing.", Absent: "The schedule never comes again."},
	{Name: reportFailed, Type: "counter", Labels: []string{"report"}, Help: "Reports that failed, were left out, or could not be posted."},

	{Name: drillTime, Type: "gauge", Labels: []string{"cluster"}, Help: "When the last drill ended, in seconds since 1970.", Absent: undrilled},
	{Name: drillProved, Type: "gauge", Labels: []string{"cluster"}, Help: "1 if the last drill recovered a cluster from the backup, 0 if not.", Absent: undrilled},
	{Name: drillTook, Type: "gauge", Labels: []string{"cluster"}, Help: "How long the last drill took, in seconds.", Absent: undrilled},
	{Name: drillBackedUp, Type: "gauge", Labels: []string{"cluster"}, Help: "Time inside the backup of the last drill that recovered, in seconds since 1970.", Absent: "No drill recovered yet."},
}
