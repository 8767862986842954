// Package metrics is the surface that monitoring reads: what the bot knows of
// itself and of the clusters, as a page for Prometheus. [Families]
// is the table of all there is; docs/metrics.md is made from it.
//
// It asks no host: a page shows what the last check saw, and when that was.
package metrics

import "time"

// Values are what a page shows. Zero times mean "not known", and give no sample.
type Values struct {
	Version, Go string

	Clusters  []Cluster
	Runs      map[string]int // By state; states that are left out have none.
	Approvals []Approvals
	Unkept    *int   // Events that the copy of the audit did not take. Nil: there is no copy.
	Slack     *Slack // Nil: the bot has none.
	Hosts     []Host
	Reports   []Report
	Drills    []Drill
}

// A Cluster is what the last check saw.
type Cluster struct {
	Name   string
	MaxAge time.Duration // Of a backup, from the configuration.

	Checked  time.Time // When the last check ended.
	Took     time.Duration
	Whole    bool           // Every host answered.
	Findings map[string]int // By severity.

	Late time.Duration // Age from which on the next backup is late. Zero: not known.

	Restorable string // One of [Answers].
	Failovers  *int   // In the hour before. Nil: it can't be told.

	Newest time.Time // Inner time of the newest valid backup.
	Bytes  int64
	Tasks  int

	Free map[string]int64 // Bytes left for backups, by host; hosts that could not be asked are left out.
	Copy time.Time        // Inner time of the newest copy that the bot keeps.
}

// Approvals are what a gate still needs.
type Approvals struct {
	Cluster, Gate string
	Missing       int
	Since         time.Time // When the gate opened.
}

// Slack is how the bot's links fare.
type Slack struct {
	Links, Up, Foreign  int
	Heard               time.Time
	InHand, Unsent      int
	Late, Busy, Unknown int64
	LeftOut             int64 // Messages and files that Slack refused.
}

// A Host is how it goes with the connections to one.
type Host struct {
	Cluster, Name       string
	Connected           bool
	Made, Refused, Lost int64
}

// A Report is what became of one schedule.
type Report struct {
	Name      string
	Last, Due time.Time
	Failed    int64
}

// A Drill is the last one of a cluster.
type Drill struct {
	Cluster string
	Ended   time.Time
	Took    time.Duration
	Proved  bool
	Backup  time.Time // Inner time of the backup of the last drill that recovered.
}

// States are the states of runs that always have a sample.
var States = []string{"open", "gated", "stopped", "undoing", "closed", "unreadable"}

// Severities are those of findings that always have a sample.
var Severities = []string{"info", "warning", "critical"}

// Answers are those to whether a cluster could be restored.
var Answers = []string{"yes", "no", "cannot-tell"}

func (p *page) fill(v Values) {
	p.set(buildInfo, 1, v.Version, v.Go)
	for _, c := range v.Clusters {
		p.cluster(c)
	}
	for _, s := range States {
		p.set(runs, float64(v.Runs[s]), s)
	}
	// Two runs of a cluster never stand at gates at once: a run is its lock.
	for _, a := range v.Approvals {
		p.set(approvals, float64(a.Missing), a.Cluster, a.Gate)
		p.at(opened, a.Since, a.Cluster, a.Gate)
	}
	if v.Unkept != nil {
		p.set(unkept, float64(*v.Unkept))
	}
	if v.Slack != nil {
		p.slack(*v.Slack)
	}
	for _, h := range v.Hosts {
		p.set(sshUp, truth(h.Connected), h.Cluster, h.Name)
		p.set(sshMade, float64(h.Made), h.Cluster, h.Name)
		p.set(sshErrors, float64(h.Refused), h.Cluster, h.Name, "connect")
		p.set(sshErrors, float64(h.Lost), h.Cluster, h.Name, "lost")
	}
	for _, r := range v.Reports {
		p.at(reportLast, r.Last, r.Name)
		p.at(reportDue, r.Due, r.Name)
		p.set(reportFailed, float64(r.Failed), r.Name)
	}
	for _, d := range v.Drills {
		if d.Ended.IsZero() {
			continue
		}
		p.at(drillTime, d.Ended, d.Cluster)
		p.set(drillProved, truth(d.Proved), d.Cluster)
		p.set(drillTook, d.Took.Seconds(), d.Cluster)
		p.at(drillBackedUp, d.Backup, d.Cluster)
	}
}

func (p *page) cluster(c Cluster) {
	p.set(backupMaxAge, c.MaxAge.Seconds(), c.Name)
	if !c.Newest.IsZero() {
		p.at(backupTime, c.Newest, c.Name)
		p.set(backupBytes, float64(c.Bytes), c.Name)
		p.set(backupTasks, float64(c.Tasks), c.Name)
	}
	if c.Checked.IsZero() {
		return
	}
	if c.Late > 0 {
		p.set(backupLate, c.Late.Seconds(), c.Name)
	}
	p.at(checkTime, c.Checked, c.Name)
	p.set(checkTook, c.Took.Seconds(), c.Name)
	p.set(checkWhole, truth(c.Whole), c.Name)
	for _, s := range Severities {
		p.set(checkFindings, float64(c.Findings[s]), c.Name, s)
	}
	for _, a := range Answers {
		p.set(restorable, truth(c.Restorable == a), c.Name, a)
	}
	if c.Failovers != nil {
		p.set(failovers, float64(*c.Failovers), c.Name)
	}
	for host, free := range c.Free {
		p.set(folderFree, float64(free), c.Name, host)
	}
	p.at(copyTime, c.Copy, c.Name)
}

func (p *page) slack(s Slack) {
	p.set(slackLinks, float64(s.Links))
	p.set(slackUp, float64(s.Up))
	p.set(slackStrange, float64(s.Foreign))
	p.at(slackHeard, s.Heard)
	p.set(slackInHand, float64(s.InHand))
	p.set(slackUnsent, float64(s.Unsent))
	p.set(slackLate, float64(s.Late))
	p.set(slackBusy, float64(s.Busy))
	p.set(slackUnknown, float64(s.Unknown))
	p.set(slackLeftOut, float64(s.LeftOut))
}
