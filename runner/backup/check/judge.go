package check

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/health"
	"aurorabot/runner/probe"
)

// A verdict is a check on its way from facts to a result.
type verdict struct {
	f      *Facts
	r      *Result
	all    []*Backup // Over all hosts.
	newest *Backup   // The newest that counts.
	latest *Backup   // The newest of all, by what can be told of it.
	blind  []string  // What may hide a newer backup.

	// written is the newest that the cluster's scheduler wrote whole, whether it
	// counts or not.
	written *Backup
}

// Judge judges what was seen.
func Judge(f Facts) Result {
	r := Result{
		Cluster: f.Cluster, At: f.At.UTC(), Took: Span(f.Took), Limit: Span(f.Limit), Interval: Span(f.interval()), OpenRun: f.open(), Overdue: Span(f.overdue()),
		Failovers: f.Failovers, Findings: []health.Finding{}, Hosts: []Host{}, Trend: []Point{}, Copy: f.Copy,
	}
	v := &verdict{f: &f, r: &r}
	for i := range f.Hosts {
		v.host(&f.Hosts[i])
	}
	for i := range r.Hosts {
		for j := range r.Hosts[i].Backups {
			v.all = append(v.all, &r.Hosts[i].Backups[j])
		}
	}
	v.count()
	v.say()
	v.files()
	v.folders()
	v.twice()
	v.freshness()
	v.writing()
	v.copies()
	v.trend()
	health.Sort(r.Findings)
	r.Severity = health.Worst(r.Findings)
	v.conclude()
	return r
}

// found adds a finding.
func (v *verdict) found(id, subject, format string, args ...any) {
	v.r.Findings = append(v.r.Findings, health.Found(id, subject, format, args...))
}

// note adds one that is only to be known.
func (v *verdict) note(why, id, subject, format string, args ...any) {
	v.r.Findings = append(v.r.Findings, health.Found(id, subject, format, args...).Note(why))
}

// host lists what one host has.
func (v *verdict) host(f *HostFacts) {
	h := Host{
		Host: f.Host, Answers: f.Silent == "", Why: f.Silent, Dir: f.Dir, Backups: []Backup{}, Leftover: []string{}, Zone: f.Zone, Skew: Span(f.Skew),
		Keeps: f.Keeps, Began: f.Began, Success: f.Success, Failed: f.Failed,
	}
	if h.Keeps == 0 {
		h.Keeps = defaultKeeps
	}
	if d := f.Folder; d != nil {
		h.Listed, h.Free, h.Bytes = d.Error == "", d.Free, d.Bytes
		if h.Why == "" {
			h.Why = d.Error
		}
		for i := range d.Files {
			x := &d.Files[i]
			if strings.HasPrefix(x.Name, "temp_") {
				h.Leftover = append(h.Leftover, x.Name)
				continue
			}
			h.Backups = append(h.Backups, v.backup(f, x))
		}
		slices.SortStableFunc(h.Backups, func(a, b Backup) int { return cmp.Compare(b.Name, a.Name) })
	}
	v.r.Hosts = append(v.r.Hosts, h)
}

// backup is one file as the report has it. Whether it counts is said later,
// when all are known.
func (v *verdict) backup(f *HostFacts, x *probe.FolderFile) Backup {
	b := Backup{
		Host: f.Host, Name: x.Name, Path: f.Folder.Dir + "/" + x.Name, Bytes: x.ID.Size, Known: x.Known,
	}
	if x.ID.MTime != 0 {
		b.Written = time.Unix(0, x.ID.MTime).UTC()
	}
	brief := x.Read
	if known, ok := f.Known[x.ID]; ok && x.Known {
		brief = &known
	}
	switch {
	case x.Odd != "":
		b.Finding, b.Why = "backup-damaged", "it is no file, but "+x.Odd
	case x.Error != "":
		b.Unread, b.Finding, b.Why = true, "backup-unreadable", "it cannot be read: "+x.Error
	case brief == nil:
		b.Unread, b.Why = true, "it was not decoded: the time did not suffice"
	default:
		v.decoded(&b, brief)
	}
	return b
}

// decoded is what the reader said of a file.
func (v *verdict) decoded(b *Backup, brief *probe.Brief) {
	b.Tasks, b.Active, b.Framework, b.SHA256, b.Version = brief.Tasks, brief.Active, brief.FrameworkID, brief.SHA256, brief.Version
	if brief.TimestampMs > 0 {
		b.Time, b.Age = brief.Time(), Span(v.f.At.Sub(brief.Time()))
	}
	odd := slices.IndexFunc(brief.Warnings, func(w string) bool { return !v.f.DBScript || !strings.Contains(w, "dbScript") })
	switch {
	case !brief.Valid && b.Bytes == 0:
		b.Finding, b.Why = "backup-damaged", "it is empty: a file of 0 bytes"
	case !brief.Valid:
		b.Finding, b.Why = "backup-damaged", "it does not decode to its end: "+brief.Error
	case odd >= 0:
		b.Finding, b.Why = "backup-odd", "it decodes, but looks wrong: "+brief.Warnings[odd]
		b.hollow = len(brief.Warnings) == 1 && brief.Tasks == 0 && !b.Time.IsZero()
	case time.Duration(-b.Age) > v.ahead():
		b.Finding, b.Why = "backup-future", fmt.Sprintf("its inner time, %s, lies %s in the future", b.Time.Format(time.RFC3339), took(-time.Duration(b.Age)))
	default:
		b.Valid = true
	}
}

// ahead is how far a backup's time may be ahead of the bot's clock.
func (v *verdict) ahead() time.Duration { return max(v.f.Skew, time.Minute) }

// at is when a backup was taken, as well as it can be told: by its inner time,
// else by the file's time, the host's clock set right.
func (v *verdict) at(b *Backup) time.Time {
	if !b.Time.IsZero() && time.Duration(-b.Age) <= v.ahead() {
		return b.Time
	}
	for i := range v.f.Hosts {
		if v.f.Hosts[i].Host == b.Host && !b.Written.IsZero() {
			return b.Written.Add(-v.f.Hosts[i].Skew)
		}
	}
	return b.Written
}

// inOrder are the backups that keep says, the oldest first.
func (v *verdict) inOrder(keep func(*Backup) bool) []*Backup {
	var list []*Backup
	for _, b := range v.all {
		if keep(b) {
			list = append(list, b)
		}
	}
	slices.SortStableFunc(list, func(a, b *Backup) int {
		return cmp.Or(v.at(a).Compare(v.at(b)), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Host, b.Host))
	})
	return list
}
