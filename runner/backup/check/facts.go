package check

import (
	"time"

	"aurorabot/runner/probe"
)

// Facts are what was seen of a cluster, before anybody judges it. What could
// not be found out stands in them as such.
type Facts struct {
	Cluster string
	At      time.Time // When the check began, on the bot's clock.
	Took    time.Duration

	Limit    time.Duration // Backups older than this are stale.
	Skew     time.Duration // Most that a host's clock may be off.
	DBScript bool          // The cluster's release reads dbScript: content there is no reason to refuse a backup.

	Hosts     []HostFacts
	Framework string    // Id of the cluster's framework, as its leader says it. "": not known.
	Runs      []Window  // Recoveries of the cluster, open and closed: what is written meanwhile does not count.
	Failovers *int      // Elections within the last hour, over all hosts. Nil: not known.
	Before    []Counter // Of the check before.
	Last      Level     // Of the check before.
	Copy      *Copy
}

// A Window is the time of one recovery.
type Window struct {
	Run  string
	From time.Time
	To   time.Time // Zero: it is open.
}

// HostFacts are what was seen of one host.
type HostFacts struct {
	Host   string
	Silent string // Why it cannot be asked at all. "": it answers.

	Unknown []Unknown // Questions without an answer.
	Dir     string    // -backup_dir. "": not known.
	Folder  *probe.Folder
	Known   map[probe.FileID]probe.Brief // What was decoded in checks before.

	Interval time.Duration // -backup_interval. Zero: not known.
	Keeps    int           // -max_saved_backups. Zero: not known.
	Zone     string
	Skew     time.Duration // Of its clock against the bot's.

	Veiled  bool      // Whether its scheduler has a process is not known.
	Runs    bool      // It has one.
	Began   time.Time // When that began, on the bot's clock.
	Asked   bool      // Its scheduler answered /vars.
	Leads   bool      // It says that it leads.
	Active  bool      // And that it is registered with Mesos.
	Apart   bool      // It leads, and says that it is not registered.
	Uptime  time.Duration
	Success *int // scheduler_backup_success. Nil: it has no such variable, or it is no number.
	Failed  *int

	NoSpace  int // Lines of the last hour that say that a disk is full.
	NoSpaceX string
}

// An Unknown is a question without an answer.
type Unknown struct{ What, Why string }

// A Counter is what a scheduler's process had counted at some time.
type Counter struct {
	Host    string    `json:"host"`
	Began   time.Time `json:"began"` // Names the process.
	At      time.Time `json:"at"`    // When it was first seen to have written so many.
	Success int       `json:"success"`

	Failed   int       `json:"failed"`
	FailedAt time.Time `json:"failed_at,omitzero"` // When it was first seen to have failed so often. Zero: it never was.
}

// of reports whether c is of the process that runs on a host now.
func (c *Counter) of(h *HostFacts) bool {
	return c.Host == h.Host && c.Began.Sub(h.Began).Abs() < 2*time.Second
}

// What Aurora does where no flag says otherwise.
const (
	defaultInterval = time.Hour
	defaultKeeps    = 48
)

// interval is the longest -backup_interval of the hosts.
func (f *Facts) interval() time.Duration {
	var d time.Duration
	for i := range f.Hosts {
		d = max(d, f.Hosts[i].Interval)
	}
	if d == 0 {
		return defaultInterval
	}
	return d
}

// overdue is the age from which on a backup is late: one restart of the leader
// in the middle of an interval makes the next one wait for two.
func (f *Facts) overdue() time.Duration {
	d := f.interval()
	return 2*d + max(d/10, 5*time.Minute)
}

// leader is the host that leads, nil if there is none, or more than one.
func (f *Facts) leader() *HostFacts {
	var found *HostFacts
	for i := range f.Hosts {
		if f.Hosts[i].Leads {
			if found != nil {
				return nil
			}
			found = &f.Hosts[i]
		}
	}
	return found
}

// open is the run that is open, "" if none is.
func (f *Facts) open() string {
	for _, w := range f.Runs {
		if w.To.IsZero() {
			return w.Run
		}
	}
	return ""
}

// skewOf is how far the clock of a host is off, if that is more than it may be.
func (f *Facts) skewOf(host string) time.Duration {
	for i := range f.Hosts {
		if h := &f.Hosts[i]; h.Host == host && h.Skew.Abs() > f.Skew {
			return h.Skew
		}
	}
	return 0
}

// during is the recovery in whose time t lies, nil if in none.
func (f *Facts) during(t time.Time) *Window {
	for i := range f.Runs {
		if w := &f.Runs[i]; !t.Before(w.From) && (w.To.IsZero() || !t.After(w.To)) {
			return w
		}
	}
	return nil
}
