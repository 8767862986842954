package check

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/health"
)

// Retention of the scheduler: when more than -max_saved_backups files begin like
// a backup, those with the lowest names are deleted. Nobody looks into them.
const (
	prefix   = "scheduler-backup-"
	nameForm = prefix + "2006-01-02-15-04"

	// No clock on earth is further ahead of UTC.
	easternmost = 14 * time.Hour
)

// retention tells where deleting by name takes the wrong ones.
func (v *verdict) retention(f *HostFacts, h *Host) {
	names := slices.Clone(f.Folder.Like)
	for i := range f.Folder.Files {
		if name := f.Folder.Files[i].Name; strings.HasPrefix(name, prefix) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	next := v.f.At.Add(f.Skew).UTC().Add(easternmost).Format(nameForm)
	ahead := len(names)
	for ahead > 0 && names[ahead-1] > next {
		ahead--
	}
	later := names[ahead:]
	words := fmt.Sprintf("%d of %d places (-max_saved_backups) are taken by files whose names come after today's: %s", len(later), h.Keeps, few(later))
	switch {
	case len(later) >= h.Keeps:
		v.found("backup-retention", f.Host, "%s; the next backup is deleted as soon as it is written", words)
		return
	case len(later) > 0:
		v.note("so many fewer are kept", "backup-retention", f.Host, "%s", words)
	}
	// The next one to be written makes those of the lowest names too many.
	many := len(names) + 1 - h.Keeps
	if n := v.newest; n != nil && n.Host == f.Host && len(names) > 1 && slices.Contains(names[:min(max(many, 0), len(names))], n.Name) {
		v.found("backup-retention", f.Host, "%s is the newest valid one by its inner time and among the first by name: when the next one is written it is deleted", n.Name)
	}
}

// twice tells of backups of one name with different content: `recover NAME` can't
// tell which one is meant. Of older ones that is only to be known; where zones
// differ, or in the hour that comes twice, it is no wonder.
func (v *verdict) twice() {
	first := map[string]*Backup{}
	told := map[string]bool{}
	for _, b := range v.all {
		a := first[b.Name]
		switch {
		case b.SHA256 == "" || told[b.Name]:
		case a == nil:
			first[b.Name] = b
		case a.SHA256 != b.SHA256:
			told[b.Name] = true
			x := health.Found("backups-differ", v.f.Cluster, "%s: %.12s on %s, %.12s on %s", b.Name, a.SHA256, a.Host, b.SHA256, b.Host)
			if v.newest == nil || v.newest.Name != b.Name {
				x = x.Note("not the newest")
			}
			v.r.Findings = append(v.r.Findings, x)
		}
	}
}
