package check

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/health"
)

// first are the findings in the order in which the first line tells of them:
// what answers "could it be restored today?" comes before what will be wrong
// tomorrow. Others come behind, by their severity.
var first = []string{
	"backup-none", "backup-in-run", "backup-collapsed", "backup-foreign", "backups-differ", "host-silent", "backup-folder-unreadable", "backup-stale",
	"backup-disk-full", "backup-newest-damaged", "backup-starved", "backup-future", "clock-skew", "backup-unreadable", "backup-overdue", "backup-writes-fail",
	"no-leader", "two-leaders", "leader-unregistered", "backup-starving", "backup-retention", "backup-one-host", "backup-copy-failed",
}

// conclude makes the first line.
func (v *verdict) conclude() {
	r := v.r
	r.State = Fresh
	var lead *health.Finding
	if v.dark() {
		lead = v.find("cannot-tell", darkness)
	}
	for _, id := range first {
		if lead == nil {
			lead = v.find(id, "")
		}
	}
	if lead == nil && health.Any(r.Findings, health.Warning) {
		lead = &r.Findings[0] // Sorted, the worst first.
	}
	if lead == nil {
		r.Says = r.Cluster + ": fresh: " + v.newestWords()
		if r.OpenRun != "" {
			r.Says += "; run " + r.OpenRun + " is open"
		}
		return
	}
	r.State = lead.ID
	parts := []string{v.words(lead)}
	if v.newest == nil && v.usable() {
		c := v.f.Copy
		parts = append(parts, fmt.Sprintf("the bot's own copy %s is whole and %s old, and `recover` finds it", c.Name, took(time.Duration(c.Age))))
	}
	if v.newest != nil && !slices.Contains([]string{"backup-stale", "backup-overdue", "backup-starved"}, lead.ID) {
		parts = append(parts, v.newestWords())
	}
	if also := v.also(lead); also != "" {
		parts = append(parts, "also "+also)
	}
	r.Says = r.Cluster + ": " + strings.Join(parts, "; ")
}

// find is the first finding of a kind of severity warning or above whose evidence
// begins so.
func (v *verdict) find(id, evidence string) *health.Finding {
	for i := range v.r.Findings {
		if f := &v.r.Findings[i]; f.ID == id && f.Severity.AtLeast(health.Warning) && strings.HasPrefix(f.Evidence, evidence) {
			return f
		}
	}
	return nil
}

func (v *verdict) newestWords() string {
	b := v.newest
	return fmt.Sprintf("the newest valid backup is %s old%s (%s on %s, %d tasks)", took(time.Duration(b.Age)), v.clock(b), b.Name, b.Host, b.Tasks)
}

// clock says how far the clock is off by which a backup's age is told.
func (v *verdict) clock(b *Backup) string {
	switch skew := v.f.skewOf(b.Host); {
	case skew > 0:
		return fmt.Sprintf(" by the clock of %s, which is %s fast", b.Host, took(skew))
	case skew < 0:
		return fmt.Sprintf(" by the clock of %s, which is %s slow", b.Host, took(skew))
	}
	return ""
}

// words is what a finding says in the first line.
func (v *verdict) words(f *health.Finding) string {
	hosts := v.subjects(f.ID)
	switch f.ID {
	case "backup-none":
		return "NO VALID BACKUP: " + f.Evidence
	case "cannot-tell":
		if strings.HasPrefix(f.Evidence, darkness) {
			return "CANNOT TELL " + f.Evidence
		}
		return "cannot tell " + f.Evidence
	case "backup-stale":
		return "STALE: " + f.Evidence
	case "backup-in-run", "backup-collapsed":
		return "the newest backup does not count: " + f.Evidence
	case "backup-foreign":
		return "FOREIGN: " + f.Evidence
	case "backup-newest-damaged":
		return "the newest backup is truncated or damaged: " + f.Subject + ", " + f.Evidence
	case "backup-disk-full":
		return "DISK FULL on " + hosts + ": " + f.Evidence
	case "backup-starved":
		return "STARVED: no backups are written: " + f.Evidence
	case "backup-overdue":
		return "LATE: " + f.Evidence
	case "backup-future":
		return "a backup is from the future: " + f.Evidence
	case "host-silent":
		return hosts + " cannot be asked (host down?), and may have a newer one: " + f.Evidence
	case "backup-folder-unreadable":
		return "the backup folder of " + hosts + " is unreadable, and may hold a newer one: " + f.Evidence
	case "backup-one-host":
		return "only one host, " + f.Subject + ", has backups: with it all of them are lost"
	}
	return f.ID + " on " + hosts + ": " + f.Evidence
}

// subjects are whom findings of a kind are about.
func (v *verdict) subjects(id string) string {
	var list []string
	for i := range v.r.Findings {
		if f := &v.r.Findings[i]; f.ID == id && f.Severity.AtLeast(health.Warning) && !slices.Contains(list, f.Subject) {
			list = append(list, f.Subject)
		}
	}
	return few(list)
}

// also names what else is wrong, by kind.
func (v *verdict) also(lead *health.Finding) string {
	var ids []string
	for i := range v.r.Findings {
		f := &v.r.Findings[i]
		if f.ID != lead.ID && f.Severity.AtLeast(health.Warning) && !slices.Contains(ids, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	for i, id := range ids {
		ids[i] = strings.ReplaceAll(strings.TrimPrefix(id, "backup-"), "-", " ") + " (" + v.subjects(id) + ")"
	}
	return few(ids)
}

// few joins at most three.
func few(list []string) string {
	if len(list) > 3 {
		return strings.Join(list[:3], ", ") + fmt.Sprintf(" and %d more", len(list)-3)
	}
	return strings.Join(list, ", ")
}

func inZones(zones map[string][]string) string {
	var parts []string
	for _, zone := range slices.Sorted(maps.Keys(zones)) {
		parts = append(parts, zone+" on "+few(zones[zone]))
	}
	return strings.Join(parts, "; ")
}

// took is how long d lasts, whatever its sign.
func took(d time.Duration) string { return Age(d.Abs()) }

// Age is a span of time as people read it, in the one form that messages have: its
// two largest units, "7 d 3 h", "3 h 5 min", "2 min 10 s"; "0 s" below a second.
func Age(d time.Duration) string {
	units := []struct {
		name string
		is   time.Duration
	}{{"d", 24 * time.Hour}, {"h", time.Hour}, {"min", time.Minute}, {"s", time.Second}}
	d = max(d.Round(time.Second), 0)
	for i, u := range units[:len(units)-1] {
		if d < u.is {
			continue
		}
		words, next := fmt.Sprintf("%d %s", d/u.is, u.name), units[i+1]
		if rest := d % u.is / next.is; rest > 0 {
			words += fmt.Sprintf(" %d %s", rest, next.name)
		}
		return words
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// Size is a number of bytes as people read it: "98.9 KiB".
func Size(n int64) string {
	if n < 1<<10 {
		return fmt.Sprintf("%d B", n)
	}
	units := []string{"KiB", "MiB", "GiB", "TiB"}
	f, u := float64(n)/(1<<10), 0
	for f >= 1<<10 && u < len(units)-1 {
		f, u = f/(1<<10), u+1
	}
	return fmt.Sprintf("%.1f %s", f, units[u])
}
