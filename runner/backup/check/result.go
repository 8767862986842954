package check

import (
	"encoding/json"
	"fmt"
	"time"

	"aurorabot/runner/health"
)

// Fresh is the [Result].State of a cluster in which nothing is to be mended.
// Every other state is the ID of a finding.
const Fresh = "fresh"

// Restorable answers whether a cluster could be restored today.
type Restorable string

// The answers. A backup that is older than the limit still restores: it says
// yes, and the state says how old.
const (
	Yes        Restorable = "yes"
	No         Restorable = "no"
	CannotTell Restorable = "cannot-tell"
)

// A Result is one check of a cluster's backups over all hosts. Its JSON form is
// a promise to scripts: names are added, never changed.
type Result struct {
	Cluster string    `json:"cluster"`
	At      time.Time `json:"at"`           // When the check began, on the bot's clock.
	Took    Span      `json:"took_seconds"` // How long it lasted.

	State      string          `json:"state"`    // [Fresh], or the ID of the finding that the first line tells of.
	Severity   health.Severity `json:"severity"` // The worst of Findings; info if there is none.
	Says       string          `json:"says"`     // The truth in one line.
	Restorable Restorable      `json:"restorable"`

	Newest   *Backup `json:"newest"`                  // The newest valid one over all hosts that counts. Nil: there is none, or it can't be told.
	Limit    Span    `json:"max_age_seconds"`         // Older ones are stale.
	Interval Span    `json:"backup_interval_seconds"` // -backup_interval.
	OpenRun  string  `json:"open_run,omitempty"`      // "" if none is open.

	Leader    string           `json:"leader"`              // "" if there is none, or it can't be told.
	Uptime    *Span            `json:"leader_up_seconds"`   // Of the leader's process. Nil: it can't be told.
	Failovers *int             `json:"failovers_last_hour"` // Nil: it can't be told.
	Findings  []health.Finding `json:"findings"`            // Worst first; never nil.
	Hosts     []Host           `json:"hosts"`               // In the configured order.
	Trend     []Point          `json:"trend"`               // Valid backups over all hosts, oldest first; never nil.
	Copy      *Copy            `json:"copy,omitempty"`      // Of the bot's own store. Nil: none is configured.

	Overdue Span  `json:"overdue_seconds"` // The age from which on the next backup is late.
	Level   Level `json:"-"`               // For the next check.
}

// A Host is what one host has.
type Host struct {
	Host     string    `json:"host"`
	Answers  bool      `json:"answers"`
	Why      string    `json:"why,omitempty"` // Why it could not be asked, or its folder not be listed.
	Dir      string    `json:"dir"`           // -backup_dir. "" if it is not known.
	Listed   bool      `json:"listed"`        // The folder was listed.
	Backups  []Backup  `json:"backups"`       // Files named like backups, newest name first; never nil.
	Leftover []string  `json:"leftovers"`     // temp_ files: backups that were begun and not ended.
	Bytes    int64     `json:"bytes"`         // Of all files in the folder.
	Free     int64     `json:"free_bytes"`    // For an ordinary user. Meaningless unless Listed.
	Keeps    int       `json:"keeps"`         // -max_saved_backups.
	Zone     string    `json:"zone"`          // In which names are written: the host's.
	Skew     Span      `json:"clock_skew_seconds"`
	Began    time.Time `json:"scheduler_began,omitzero"` // When its scheduler's process began.
	Success  *int      `json:"backups_written"`          // scheduler_backup_success since Began. Nil: not known.
	Failed   *int      `json:"backups_failed"`           // scheduler_backup_failed since Began. Nil: not known.
}

// A Backup is one file that is named like a backup, on one host.
type Backup struct {
	Host      string    `json:"host"`
	Name      string    `json:"name"`
	Path      string    `json:"path"`
	Time      time.Time `json:"timestamp"` // The time inside of it. Zero: not known.
	Age       Span      `json:"age_seconds"`
	Bytes     int64     `json:"bytes"`
	Tasks     int       `json:"tasks"`
	Active    int       `json:"active_tasks"`
	Framework string    `json:"framework_id"`
	SHA256    string    `json:"sha256"`
	Written   time.Time `json:"written"` // The file's own time, on the host's clock.
	Valid     bool      `json:"valid"`   // It decodes to its end, and nothing in it looks wrong.
	Counts    bool      `json:"counts"`  // A recovery may take it: Valid, of this framework, not of an empty leader's.
	Why       string    `json:"why"`     // Why it is not Valid, or does not count. "" where it does.
	Finding   string    `json:"finding"` // ID of the finding that it is. "" where it counts, or was not decoded.
	Known     bool      `json:"known"`   // It was decoded in a check before, and is the same file.
	Version   string    `json:"version"` // Of Aurora that wrote it, if it says.
	Unread    bool      `json:"unread"`  // It was not decoded, neither now nor before: nothing is known of it.

	// hollow is that nothing but its having no tasks looks wrong.
	hollow bool
}

// A Point is one backup in the trend.
type Point struct {
	Time  time.Time `json:"timestamp"`
	Host  string    `json:"host"`
	Bytes int64     `json:"bytes"`
	Tasks int       `json:"tasks"`

	Active int `json:"active_tasks"`
}

// A Copy is what the bot's own store holds of a cluster.
type Copy struct {
	Name      string    `json:"name"` // Of the newest copy that is as it was left, "" if there is none.
	Time      time.Time `json:"timestamp,omitzero"`
	Age       Span      `json:"age_seconds"`
	Tasks     int       `json:"tasks"`
	Framework string    `json:"framework_id"` // "": not known.
	Copies    int       `json:"copies"`
	Why       string    `json:"why,omitempty"` // Why the newest backup was not copied, or a copy is none. "" if all is well.

	Removed []string `json:"removed,omitempty"` // Names of own copies that retention took away now.
}

// A Span is a duration whose JSON form is seconds.
type Span time.Duration

// MarshalJSON writes seconds.
func (s Span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads seconds.
func (s *Span) UnmarshalJSON(b []byte) error {
	var seconds float64
	if err := json.Unmarshal(b, &seconds); err != nil {
		return fmt.Errorf("a span of time: %w", err)
	}
	*s = Span(seconds * float64(time.Second))
	return nil
}

// Failed is the result of a check that could not be made: nothing is known.
func Failed(cluster string, hosts []string, at time.Time, why error) Result {
	r := Result{
		Cluster: cluster, At: at.UTC(), State: "cannot-tell", Restorable: CannotTell, Hosts: []Host{}, Trend: []Point{},
		Says:     fmt.Sprintf("%s: CANNOT TELL whether there is a valid backup: %v", cluster, why),
		Findings: []health.Finding{health.Found("cannot-tell", cluster, "whether there is a valid backup: %v", why)},
	}
	r.Severity = health.Worst(r.Findings)
	for _, name := range hosts {
		r.Hosts = append(r.Hosts, Host{Host: name, Why: "it was not asked", Backups: []Backup{}, Leftover: []string{}})
	}
	return r
}
