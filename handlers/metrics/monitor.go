package metrics

import (
	"sync"
	"time"

	"aurorabot/runner/backup/check"
)

// A Monitor remembers what a page shows and nothing else keeps. Its exported
// fields are set before the first page.
type Monitor struct {
	Began  time.Time // When the bot started.
	Hosts  []func() Host
	Drills []func() (Drill, error)

	mu      sync.Mutex
	checks  map[string]check.Result // The last one, by cluster.
	reports map[string]Report
	due     []Due
}

// A Due is a schedule: its name, and when it is due after a time.
type Due struct {
	Name string
	Next func(time.Time) time.Time
}

// Checked remembers the check of a cluster until the next one.
func (m *Monitor) Checked(r check.Result) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.checks == nil {
		m.checks = map[string]check.Result{}
	}
	m.checks[r.Cluster] = r
}

// Watches remembers which reports are due, and when each was made last, in a
// former process too: a bot that is restarted again and again owes them still.
func (m *Monitor) Watches(due []Due, made map[string]time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.due, m.reports = due, map[string]Report{}
	for _, d := range due {
		m.reports[d.Name] = Report{Last: made[d.Name]}
	}
}

// Reported remembers what became of a report: when it was over, whether its
// command answered, and whether that was posted.
func (m *Monitor) Reported(name string, at time.Time, answered, posted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.reports == nil {
		m.reports = map[string]Report{}
	}
	r := m.reports[name]
	if posted {
		r.Last = at
	}
	if !answered || !posted {
		r.Failed++
	}
	m.reports[name] = r
}

// Fill adds to v what is remembered of hosts, reports and drills. A drill that
// cannot be read is left out, and handed to failed.
func (m *Monitor) Fill(v *Values, failed func(error)) {
	for _, of := range m.Hosts {
		v.Hosts = append(v.Hosts, of())
	}
	for _, of := range m.Drills {
		d, err := of()
		if err != nil {
			failed(err)
		}
		v.Drills = append(v.Drills, d)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, d := range m.due {
		r := m.reports[d.Name]
		r.Name, r.Due = d.Name, d.Next(m.Began)
		if !r.Last.IsZero() {
			r.Due = d.Next(r.Last)
		}
		v.Reports = append(v.Reports, r)
	}
}

// Cluster returns what the last check of a cluster saw.
func (m *Monitor) Cluster(name string, maxAge time.Duration) Cluster {
	k := Cluster{Name: name, MaxAge: maxAge}
	m.mu.Lock()
	r, ok := m.checks[name]
	m.mu.Unlock()
	if !ok {
		return k
	}
	k.Checked, k.Took = r.At.Add(time.Duration(r.Took)), time.Duration(r.Took)
	k.Restorable, k.Failovers, k.Late = string(r.Restorable), r.Failovers, time.Duration(r.Overdue)
	k.Findings, k.Free, k.Whole = map[string]int{}, map[string]int64{}, true
	for i := range r.Findings {
		k.Findings[string(r.Findings[i].Severity)]++
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
