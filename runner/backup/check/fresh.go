package check

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// darkness is what cannot be told when it is dark.
const darkness = "whether there is a valid backup"

// dark reports whether no backup was seen that counts, and there may be one.
func (v *verdict) dark() bool { return v.newest == nil && len(v.blind) > 0 }

// freshness judges the newest backup that counts: it is a matter of the
// cluster, only the leader writes backups.
func (v *verdict) freshness() {
	switch {
	case v.newest != nil:
		v.r.Restorable = Yes
	case v.dark():
		v.r.Restorable = CannotTell
		v.found("cannot-tell", v.f.Cluster, darkness+": %s", few(v.blind))
	default:
		v.r.Restorable = No
		v.found("backup-none", v.f.Cluster, "%s", v.none())
	}
	if v.newest == nil {
		if v.usable() {
			v.r.Restorable = Yes // From what the bot kept, whatever the hosts have.
		}
		return
	}
	b := v.newest
	age := time.Duration(b.Age)
	words := fmt.Sprintf("the newest valid backup is %s on %s, %s old%s", b.Name, b.Host, took(age), v.clock(b))
	switch {
	case age > v.f.Limit:
		v.found("backup-stale", v.f.Cluster, "%s; the limit is %s", words, took(v.f.Limit))
	case age <= v.f.overdue():
		v.found("backup-fresh", v.f.Cluster, "%s", words)
	}
	if v.f.Framework == "" {
		v.found("cannot-tell", v.f.Cluster, "whether the backups are of this framework: no scheduler's log says its id")
	}
}

// none says why no backup counts, where every folder was looked into.
func (v *verdict) none() string {
	begun, others := 0, 0
	for i := range v.r.Hosts {
		begun += len(v.r.Hosts[i].Leftover)
		others += v.f.Hosts[i].Folder.Others
	}
	switch {
	case len(v.all) == 0 && begun > 0:
		return fmt.Sprintf("the folders of all %d hosts hold no backup, only %d that were begun and not ended (temp_)", len(v.f.Hosts), begun)
	case len(v.all) == 0 && others > 0:
		return fmt.Sprintf("the folders of all %d hosts hold no backup, only %d with other names", len(v.f.Hosts), others)
	case len(v.all) == 0:
		return fmt.Sprintf("the folders of all %d hosts are empty", len(v.f.Hosts))
	}
	return fmt.Sprintf("none of the %d backups counts; of the newest, %s on %s: %s", len(v.all), v.latest.Name, v.latest.Host, v.latest.Why)
}

// writing judges whether backups are being written: starvation is why the next
// one will not come.
func (v *verdict) writing() {
	lead := v.f.leader()
	if lead != nil {
		up := Span(lead.Uptime)
		v.r.Leader, v.r.Uptime = lead.Host, &up
	}
	v.failing()
	if v.r.OpenRun != "" {
		return // Nobody writes one, on purpose.
	}
	var mute []string
	leaders := 0
	for i := range v.f.Hosts {
		f := &v.f.Hosts[i]
		if f.Leads {
			leaders++
		}
		if f.Silent != "" || f.Veiled || !f.Asked && f.Runs {
			mute = append(mute, f.Host)
		}
	}
	switch {
	case leaders > 1:
		v.found("two-leaders", v.f.Cluster, "%d schedulers say that they lead", leaders)
	case lead == nil && len(mute) > 0:
		v.found("cannot-tell", v.f.Cluster, "who leads and writes backups: %s gave no answer", strings.Join(mute, ", "))
	case lead == nil:
		v.found("no-leader", v.f.Cluster, "no scheduler says that it leads: nobody writes backups")
	case lead.Apart:
		v.found("leader-unregistered", lead.Host, "it leads and is not registered with Mesos: what it writes may be an empty leader's")
	}
	v.starving(lead, len(mute) == 0)
}

// failing tells of writes that were tried. A process counts them for as long as
// it lives: they are of the past when it failed no more and a backup came since.
func (v *verdict) failing() {
	for i := range v.f.Hosts {
		h := &v.f.Hosts[i]
		if h.Failed == nil || *h.Failed == 0 {
			continue
		}
		words := fmt.Sprintf("scheduler_backup_failed %d since its start", *h.Failed)
		at := slices.IndexFunc(v.f.Before, func(c Counter) bool { return c.of(h) && c.Failed == *h.Failed && !c.FailedAt.IsZero() })
		if at >= 0 && v.newest != nil && v.newest.Time.After(v.f.Before[at].FailedAt) {
			v.note("none failed since "+v.f.Before[at].FailedAt.UTC().Format(time.RFC3339)+", and one was written", "backup-writes-fail", h.Host, "%s", words)
			continue
		}
		v.found("backup-writes-fail", h.Host, "%s", words)
	}
}

// restarts is how many elections an hour a deployment of the schedulers explains.
const restarts = 3

// starving tells whether backups have stopped coming, and why as far as it can
// be seen. all: every scheduler that runs was asked.
func (v *verdict) starving(lead *HostFacts, all bool) {
	interval := v.f.interval()
	late := v.written == nil || time.Duration(v.written.Age) > v.f.overdue()
	if lead != nil && (lead.Folder == nil || lead.Folder.Error != "") {
		late = false // What it writes cannot be seen, and that was said.
	}
	var why []string
	if lead != nil {
		if n, since := v.flat(lead); since > 0 {
			why, late = append(why, fmt.Sprintf("scheduler_backup_success of %s has been %d for %s", lead.Host, n, took(since))), true
		}
	}
	if !late {
		if n := v.f.Failovers; n != nil && *n > restarts && lead != nil && lead.Uptime < interval {
			v.found("backup-starving", v.f.Cluster, "%d elections within the last hour, the leader %s is up for %s, and writes its first one after -backup_interval (%s)", *n, lead.Host, took(lead.Uptime), took(interval))
		}
		return
	}
	switch {
	case lead == nil && all:
		why = append(why, "there is no one leader")
	case lead == nil:
	case lead.Uptime < interval:
		why = append(why, fmt.Sprintf("the leader %s is up for %s, and writes its first one after -backup_interval (%s)", lead.Host, took(lead.Uptime), took(interval)))
	}
	if n := v.f.Failovers; n != nil && *n > 1 {
		why = append(why, fmt.Sprintf("%d elections within the last hour", *n))
	}
	if v.find("backup-writes-fail", "") != nil {
		why = append(why, "writes fail")
	}
	age := "there is no valid backup"
	switch {
	case v.newest != nil:
		age = v.newestWords()
	case v.dark():
		age = "no valid backup was seen"
	}
	if len(why) == 0 {
		if v.newest != nil && !v.has("backup-stale") {
			v.found("backup-overdue", v.f.Cluster, "%s; one is written every %s, and why none was cannot be seen", age, took(interval))
		}
		return
	}
	v.found("backup-starved", v.f.Cluster, "%s: %s", age, strings.Join(why, "; "))
}

// flat is since when a leader has counted no more backups though one was due.
// Zero: it is not so, or not known.
func (v *verdict) flat(lead *HostFacts) (n int, since time.Duration) {
	if lead.Success == nil || !lead.Active {
		return 0, 0
	}
	due := v.f.interval() + max(v.f.interval()/2, 5*time.Minute)
	if *lead.Success == 0 && lead.Uptime > due {
		// It may have come to lead a moment ago: then the one before has written.
		if v.written == nil || time.Duration(v.written.Age) > due {
			return 0, lead.Uptime
		}
		return 0, 0
	}
	for _, c := range v.f.Before {
		if c.of(lead) && c.Success == *lead.Success {
			if d := v.f.At.Sub(c.At); d > due && (v.written == nil || time.Duration(v.written.Age) > due) {
				return *lead.Success, d
			}
		}
	}
	return 0, 0
}

// Counters are what the next check compares with.
func (f *Facts) Counters() []Counter {
	var list []Counter
	for i := range f.Hosts {
		h := &f.Hosts[i]
		if h.Success == nil || h.Began.IsZero() {
			continue
		}
		now := Counter{Host: h.Host, Began: h.Began, At: f.At, Success: *h.Success}
		if h.Failed != nil && *h.Failed > 0 {
			now.Failed, now.FailedAt = *h.Failed, f.At
		}
		if at := slices.IndexFunc(f.Before, func(c Counter) bool { return c.of(h) }); at >= 0 {
			old := f.Before[at]
			if now.Began = old.Began; old.Success == now.Success {
				now.At = old.At
			}
			if old.Failed == now.Failed && !old.FailedAt.IsZero() {
				now.FailedAt = old.FailedAt
			}
		}
		list = append(list, now)
	}
	return list
}

// trend gathers the valid backups, and tells of gaps, jumps and collapses.
func (v *verdict) trend() {
	list := v.inOrder(func(b *Backup) bool { return b.Valid && b.Finding != "backup-foreign" })
	var before, counted *Backup
	for _, b := range list {
		if before != nil && before.SHA256 == b.SHA256 && before.Time.Equal(b.Time) {
			continue // The same one on another host.
		}
		v.r.Trend = append(v.r.Trend, Point{Time: b.Time, Host: b.Host, Bytes: b.Bytes, Tasks: b.Tasks, Active: b.Active})
		if before != nil {
			v.gap(before, b)
		}
		before = b
		if !b.Counts {
			continue
		}
		if counted != nil {
			v.compare(counted, b)
		}
		counted = b
	}
}

// gap tells of a time without a backup.
func (v *verdict) gap(a, b *Backup) {
	if gap := b.Time.Sub(a.Time); gap > v.f.overdue() {
		v.found("backup-gap", v.f.Cluster, "%s without a valid backup, until %s", took(gap), b.Time.Format(time.RFC3339))
	}
}

// compare tells what changed from one backup that counts to the next.
func (v *verdict) compare(a, b *Backup) {
	from, to := a.Time.Format(time.RFC3339), b.Time.Format(time.RFC3339)
	switch {
	case a.Tasks >= fewTasks && (b.Tasks > 2*a.Tasks || b.Tasks*2 < a.Tasks):
		v.found("backup-jump", v.f.Cluster, "%d tasks at %s, and %d at %s", b.Tasks, to, a.Tasks, from)
	case a.Active >= fewTasks && (b.Active > 2*a.Active || b.Active*2 < a.Active):
		v.found("backup-jump", v.f.Cluster, "%d active tasks at %s, and %d at %s", b.Active, to, a.Active, from)
	case b.Bytes > 3*a.Bytes || b.Bytes*3 < a.Bytes:
		v.found("backup-jump", v.f.Cluster, "%s at %s, and %s at %s", Size(b.Bytes), to, Size(a.Bytes), from)
	}
}
