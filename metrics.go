package main

import (
	"runtime"
	"sync"
	"time"

	"aurorabot/bot"
	"aurorabot/config"
	"aurorabot/handlers/cron"
	"aurorabot/handlers/metrics"
	"aurorabot/runner/backup/check"
	"aurorabot/runner/ssh"
)

// A monitor remembers what metrics show and nothing else keeps.
type monitor struct {
	began time.Time

	mu      sync.Mutex
	checks  map[string]check.Result // The last one, by cluster.
	reports map[string]metrics.Report
	jobs    []cron.Job
	hosts   []sshHost

	drillers []*driller
}

type sshHost struct {
	cluster string
	*ssh.Host
}

// checked remembers the check of a cluster until the next one.
func (m *monitor) checked(r check.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checks == nil {
		m.checks = map[string]check.Result{}
	}
	m.checks[r.Cluster] = r
}

// watches remembers which reports are due, and when each was made last, in a
// former process too: a bot that is restarted again and again owes them still.
func (m *monitor) watches(jobs []cron.Job, made map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.jobs, m.reports = jobs, map[string]metrics.Report{}
	for _, j := range jobs {
		name := j.Schedule().Name
		m.reports[name] = metrics.Report{Last: made[name]}
	}
}

// reported remembers what became of a report.
func (m *monitor) reported(o cron.Outcome) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reports == nil {
		m.reports = map[string]metrics.Report{}
	}
	r := m.reports[o.Schedule]
	if o.Posted == nil {
		r.Last = o.At
	}
	if !o.Answered || o.Posted != nil {
		r.Failed++
	}
	m.reports[o.Schedule] = r
}

// values are what GET /metrics shows. No host is asked.
func (a *app) values() metrics.Values {
	v := metrics.Values{Version: version(), Go: runtime.Version()}
	standing, err := a.service.Standing()
	if err != nil {
		a.log.Error("metrics", "err", err)
		standing.Runs["unreadable"]++
	}
	v.Runs = standing.Runs
	for _, w := range standing.Waiting {
		v.Approvals = append(v.Approvals, metrics.Approvals{Cluster: w.Cluster, Gate: w.Gate, Missing: w.Missing})
	}
	if a.cfg.Audit != (config.Audit{}) {
		n := a.copies.Missed()
		v.Unkept = &n
	}
	v.Slack = slackValues(a.bot.Load().Health())
	a.monitor.fill(&v)
	for _, d := range a.monitor.drillers {
		last, err := d.values()
		if err != nil {
			a.log.Error("metrics", "cluster", d.cluster, "err", err)
		}
		v.Drills = append(v.Drills, last)
	}
	for _, c := range a.cfg.Clusters {
		k := metrics.Cluster{Name: c.Name, MaxAge: c.MaxBackupAge}
		if r, ok := a.monitor.last(c.Name); ok {
			k = clusterValues(k, r)
		}
		v.Clusters = append(v.Clusters, k)
	}
	return v
}

func (m *monitor) last(cluster string) (check.Result, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	r, ok := m.checks[cluster]
	return r, ok
}

func (m *monitor) fill(v *metrics.Values) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, h := range m.hosts {
		s := h.Stats()
		v.Hosts = append(v.Hosts, metrics.Host{Cluster: h.cluster, Name: h.Name(), Connected: s.Connected, Made: s.Made, Refused: s.Refused, Lost: s.Lost})
	}
	for _, j := range m.jobs {
		name := j.Schedule().Name
		r := m.reports[name]
		r.Name, r.Due = name, j.Next(m.began)
		if !r.Last.IsZero() {
			r.Due = j.Next(r.Last)
		}
		v.Reports = append(v.Reports, r)
	}
}

func clusterValues(k metrics.Cluster, r check.Result) metrics.Cluster {
	k.Checked, k.Took = r.At.Add(time.Duration(r.Took)), time.Duration(r.Took)
	k.Restorable, k.Failovers, k.Late = string(r.Restorable), r.Failovers, time.Duration(r.Overdue)
	k.Findings, k.Free, k.Whole = map[string]int{}, map[string]int64{}, true
	for _, f := range r.Findings {
		k.Findings[string(f.Severity)]++
	}
	for _, h := range r.Hosts {
		k.Whole = k.Whole && h.Answers && h.Listed
		if h.Listed {
			k.Free[h.Host] = h.Free
		}
	}
	if r.Newest != nil {
		k.Newest, k.Bytes, k.Tasks = r.Newest.Time, r.Newest.Bytes, r.Newest.Tasks
	}
	if r.Copy != nil {
		k.Copy = r.Copy.Time
	}
	return k
}

func slackValues(h bot.Health) *metrics.Slack {
	s := &metrics.Slack{Links: len(h.Links), Foreign: h.Others, InHand: h.Waiting, Unsent: h.Unsent, Late: h.Late, Busy: h.Busy, Unknown: h.Unknown}
	for _, l := range h.Links {
		if l.Up {
			s.Up++
		}
		if l.Heard.After(s.Heard) {
			s.Heard = l.Heard
		}
	}
	return s
}
