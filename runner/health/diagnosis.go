package health

import "time"

// A Diagnosis is a cluster as it was found, any day. Its JSON form is a
// promise to scripts: names are added, never changed.
type Diagnosis struct {
	Cluster      string      `json:"cluster"`
	At           time.Time   `json:"at"`
	Verdict      Verdict     `json:"verdict,omitempty"` // Empty: the logs were not read.
	Advice       string      `json:"advice,omitempty"`
	Reinitialize bool        `json:"reinitialize"` // Would a restore re-initialise the log?
	Leader       string      `json:"leader"`       // "" if there is none, or it can't be told.
	Says         []Saying    `json:"says"`         // Who says what of the leader.
	OpenRun      string      `json:"open_run,omitempty"`
	Findings     []Finding   `json:"findings"` // Worst first.
	Hosts        []HostSeen  `json:"hosts"`
	Backup       *BackupSeen `json:"newest_backup,omitempty"` // The newest valid one over all hosts.
}

// A Saying is one line of the table of who says what.
type Saying struct {
	Who  string `json:"who"`
	Says string `json:"says"`
}

// A HostSeen is one host in a [Diagnosis].
type HostSeen struct {
	Host      string    `json:"host"`
	Answers   bool      `json:"answers"`
	Running   bool      `json:"running"`
	PID       int       `json:"pid,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	Lifecycle string    `json:"lifecycle,omitempty"`
	Uptime    int64     `json:"uptime_secs,omitempty"`
	Unit      string    `json:"unit,omitempty"`
	Version   string    `json:"version,omitempty"`
	Skew      int64     `json:"clock_skew_ms"`
	Log       LogSeen   `json:"log"`
	Backups   int       `json:"backups"` // Files named like backups.
}

// A LogSeen is one replica in a [Diagnosis].
type LogSeen struct {
	Path   string `json:"path,omitempty"`
	Bytes  int64  `json:"bytes"`
	Words  string `json:"words,omitempty"` // Of the copy that was read.
	State  string `json:"state,omitempty"`
	Status string `json:"status,omitempty"`
	Begin  uint64 `json:"begin"`
	End    uint64 `json:"end"`
}

// A BackupSeen is the newest valid backup in a [Diagnosis].
type BackupSeen struct {
	Host      string `json:"host"`
	Name      string `json:"name"`
	Timestamp string `json:"timestamp"`
	Age       int64  `json:"age_seconds"`
	Tasks     int    `json:"tasks"`
	Bytes     int64  `json:"bytes"`
}

// A Verdict answers "Is a restore needed?": RUNBOOK, "Two questions after looking".
type Verdict string

// Words are a verdict for people.
func (v Verdict) Words() string {
	switch v {
	case NotNeeded:
		return "no restore is needed"
	case CatchUp:
		return "no restore is needed, a replica catches up by itself"
	case MendCause:
		return "no restore, mend the cause"
	case Restore:
		return "a restore is needed"
	}
	return "whether a restore is needed cannot be told"
}

// The verdicts.
const (
	NotNeeded  Verdict = "not-needed"  // A quorum is whole and votes, and so do all.
	CatchUp    Verdict = "catch-up"    // A quorum votes; a replica catches up by itself.
	MendCause  Verdict = "mend-cause"  // Leadership flaps for a cause outside the log.
	Restore    Verdict = "restore"     // No quorum votes, or the log cannot be replayed.
	CannotTell Verdict = "cannot-tell" // It rests on what could not be looked at: a recovery would go on.
)
