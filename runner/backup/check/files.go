package check

import (
	"fmt"
	"strings"
	"time"

	"aurorabot/runner/health"
)

// say tells what could not be asked.
func (v *verdict) say() {
	for i := range v.f.Hosts {
		f := &v.f.Hosts[i]
		if f.Silent != "" {
			v.found("host-silent", f.Host, "%s", f.Silent)
			v.blind = append(v.blind, f.Host+" cannot be asked")
			continue
		}
		for _, u := range f.Unknown {
			v.found("cannot-tell", f.Host, "%s: %s", u.What, u.Why)
		}
		switch {
		case f.Folder == nil && len(f.Unknown) == 0:
			v.blind = append(v.blind, "the backup folder of "+f.Host+" is not known")
			v.found("cannot-tell", f.Host, "its backup folder: nobody said where it is")
		case f.Folder == nil:
			last := f.Unknown[len(f.Unknown)-1]
			v.blind = append(v.blind, "the backup folder of "+f.Host+" is not known ("+last.What+": "+last.Why+")")
		case f.Folder.Error != "":
			v.found("backup-folder-unreadable", f.Host, "%s: %s", f.Dir, f.Folder.Error)
			v.blind = append(v.blind, "the backup folder of "+f.Host+" cannot be read")
		}
		if f.Skew.Abs() > v.f.Skew {
			v.found("clock-skew", f.Host, "the clock is %s off the bot's, more than %s", f.Skew.Round(time.Second), v.f.Skew)
		}
	}
}

// files tells of every backup that does not count.
func (v *verdict) files() {
	late := map[string]int{}
	for _, b := range v.all {
		switch b.Finding {
		case "":
			if b.Unread {
				late[b.Host]++
			}
			continue
		case "backup-unreadable":
			v.blind = append(v.blind, b.Name+" on "+b.Host+" cannot be read")
		case "backup-damaged":
			if b == v.latest && v.newer(b) {
				b.Finding = "backup-newest-damaged"
			}
		case "backup-in-run", "backup-collapsed":
			if !v.newer(b) {
				v.note("a newer one counts", b.Finding, b.Host, "%s: %s", b.Name, b.Why)
				continue
			}
		}
		// However old: whoever restores by hand may take it.
		v.found(b.Finding, b.Host, "%s: %s", b.Name, b.Why)
	}
	for host, n := range late {
		if v.newest != nil {
			v.found("backup-unread", host, "%d older backups were not decoded yet: the time did not suffice", n)
			continue
		}
		v.found("cannot-tell", host, "%d backups were not decoded: the time did not suffice", n)
		v.blind = append(v.blind, fmt.Sprintf("%d backups on %s were not decoded", n, host))
	}
}

// begun is how long a temp_ file may be there: writing the largest takes less.
const begun = 10 * time.Minute

// folders judges what else lies in the folders, and what they lie on.
func (v *verdict) folders() {
	zones, with := map[string][]string{}, []string{}
	for i := range v.f.Hosts {
		f := &v.f.Hosts[i]
		if f.Folder == nil || f.Folder.Error != "" {
			continue
		}
		if f.Zone != "" {
			zones[f.Zone] = append(zones[f.Zone], f.Host)
		}
		h := &v.r.Hosts[i]
		counts := 0
		for j := range h.Backups {
			if h.Backups[j].Counts {
				counts++
			}
		}
		if counts > 0 {
			with = append(with, f.Host)
		}
		if len(h.Backups) == 0 {
			v.found("backup-folder-empty", f.Host, "%s holds no backup", f.Dir)
		}
		v.leftovers(f)
		v.retention(f, h)
		v.disk(f, h)
	}
	if len(zones) > 1 {
		v.found("backup-zones-differ", v.f.Cluster, "%s", inZones(zones))
	}
	if len(with) == 1 && len(v.f.Hosts) > 1 && len(v.blind) == 0 && !v.copied() {
		v.found("backup-one-host", with[0], "the folders of the other hosts hold no valid backup, and no copy is kept elsewhere")
	}
}

// leftovers tells of backups that were begun and not ended.
func (v *verdict) leftovers(f *HostFacts) {
	var old []string
	today := false
	for i := range f.Folder.Files {
		x := &f.Folder.Files[i]
		if !strings.HasPrefix(x.Name, "temp_") {
			continue
		}
		written := time.Unix(0, x.ID.MTime).Add(-f.Skew)
		if v.f.At.Sub(written) > begun {
			old = append(old, x.Name)
			today = today || v.newest == nil || written.After(v.newest.Time)
		}
	}
	if len(old) == 0 {
		return
	}
	words := fmt.Sprintf("%d begun and not ended: %s", len(old), few(old))
	if today {
		v.found("backup-leftover", f.Host, "%s", words)
		return
	}
	v.note("a backup was written since", "backup-leftover", f.Host, "%s", words)
}

// disk tells whether the next backups have room.
func (v *verdict) disk(f *HostFacts, h *Host) {
	next := int64(1 << 20)
	for i := range h.Backups {
		next = max(next, h.Backups[i].Bytes)
	}
	more := int64(max(h.Keeps-len(h.Backups), 0)+1) * next
	switch d := f.Folder; {
	case d.Free < next+next/4 || d.Inodes == 0:
		v.found("backup-disk-full", f.Host, "%s has %s and %s free; the largest backup has %s", f.Dir, Size(d.Free), inodes(d.Inodes), Size(next))
	case f.NoSpace > 0:
		v.found("backup-disk-full", f.Host, "the scheduler says so %d times within the last hour: %s", f.NoSpace, f.NoSpaceX)
	case d.Free < more:
		v.found("disk-nearly-full", f.Host, "the backup folder %s has %s free; until %d are kept (-max_saved_backups) it needs %s", f.Dir, Size(d.Free), h.Keeps, Size(more))
	}
}

func inodes(n int64) string {
	if n < 0 {
		return "an unknown number of inodes"
	}
	return fmt.Sprintf("%d inodes", n)
}

// copied reports whether the newest backup is kept off the hosts.
func (v *verdict) copied() bool {
	c := v.f.Copy
	return c != nil && v.newest != nil && c.Why == "" && !c.Time.Before(v.newest.Time)
}

// usable reports whether the bot's own store holds a copy that a recovery may
// take: as whole as it was when it was decoded, and not of another framework.
func (v *verdict) usable() bool {
	c := v.f.Copy
	return c != nil && c.Name != "" && (v.f.Framework == "" || c.Framework == "" || c.Framework == v.f.Framework)
}

// copies judges the bot's own store.
func (v *verdict) copies() {
	switch c := v.f.Copy; {
	case c == nil:
	case c.Why != "":
		v.found("backup-copy-failed", v.f.Cluster, "%s", c.Why)
	case v.newest != nil && c.Copies == 0:
		v.found("backup-copy-failed", v.f.Cluster, "the store holds no copy yet")
	}
}

func (v *verdict) has(id string) bool { return health.Has(v.r.Findings, id) }
