package check

import (
	"fmt"
	"time"
)

const (
	// fewTasks is below what a collapse of the number of tasks says nothing.
	fewTasks = 10
	// settled is how many backups in a row must have the lower number, and settles
	// for how long, before it is the cluster's own size: a report once a day has
	// told of the collapse by then.
	settled = 3
	settles = 24 * time.Hour
)

// A Level is how large a cluster was when it was last known to be well. It
// outlives the backup that it was read from.
type Level struct {
	Time   time.Time `json:"timestamp,omitzero"` // Inner time of that backup. Zero: there was none.
	Tasks  int       `json:"tasks"`
	Active int       `json:"active_tasks"`
	Low    time.Time `json:"low_since,omitzero"` // Inner time of the first one after it with too few. Zero: none has.

	Framework string `json:"framework_id"` // Another one has a size of its own.
}

// fell says what collapsed from l to b; "" if nothing did. Tasks that ended stay
// in a backup for long: that all of them were killed is seen by the active ones.
func (l *Level) fell(b *Backup) string {
	switch {
	case l.Framework != b.Framework:
	case l.Tasks >= fewTasks && b.Tasks*2 < l.Tasks:
		return fmt.Sprintf("its tasks collapsed: %d, and %d in the last one that counts", b.Tasks, l.Tasks)
	case l.Active >= fewTasks && b.Active*2 < l.Active:
		return fmt.Sprintf("its active tasks collapsed: %d, and %d in the last one that counts", b.Active, l.Active)
	}
	return ""
}

// count says which backups count, the oldest first: of this framework, not of an
// open run's empty leader, not collapsed. An empty leader's may have no tasks at
// all, which looks wrong by itself; why it has none says more. Of what looks wrong
// for another reason, that reason does.
func (v *verdict) count() {
	var level Level
	low := 0
	var before *Backup
	for _, b := range v.inOrder(func(b *Backup) bool { return b.Valid || b.Finding == "backup-odd" }) {
		if before != nil && before.SHA256 == b.SHA256 && before.Time.Equal(b.Time) {
			b.Counts, b.Finding, b.Why = before.Counts, before.Finding, before.Why // The same one on another host.
			if b.Counts {
				v.newest = b
			}
			continue
		}
		before = b
		if last := v.f.Last; level.Time.IsZero() && b.Time.After(last.Time) {
			level = last // The one that it was read from is gone.
		}
		foreign := v.f.Framework != "" && b.Framework != "" && b.Framework != v.f.Framework
		if !foreign && !b.Time.IsZero() && time.Duration(-b.Age) <= v.ahead() {
			v.written = b
		}
		w, fell := v.inRun(b), level.fell(b)
		switch {
		case w != nil && w.To.IsZero():
			b.Finding, b.Why = "backup-in-run", fmt.Sprintf("it was written during the open run %s (%d tasks)", w.Run, b.Tasks)
		case w != nil:
			b.Finding, b.Why = "backup-in-run", fmt.Sprintf("it was written during the run %s (%d tasks)", w.Run, b.Tasks)
		case foreign:
			b.Finding, b.Why = "backup-foreign", fmt.Sprintf("it is of framework %s, the cluster is %s", b.Framework, v.f.Framework)
		case fell != "" && (b.Valid || b.hollow) && (low+1 < settled || level.Low.IsZero() || b.Time.Sub(level.Low) < settles || !b.Valid):
			if low++; level.Low.IsZero() {
				level.Low = b.Time
			}
			b.Finding, b.Why = "backup-collapsed", fell
		case b.Valid:
			b.Counts, v.newest, low = true, b, 0
			level = Level{Time: b.Time, Tasks: b.Tasks, Active: b.Active, Framework: b.Framework}
		}
	}
	if level.Time.IsZero() {
		level = v.f.Last
	}
	v.r.Level = level
	for _, b := range v.inOrder(func(*Backup) bool { return true }) {
		v.latest = b
	}
	v.r.Newest = v.newest
}

// inRun is the recovery in whose time a backup was written, nil if in none. The
// inner time is the clock of its host, which may be off: then either may be true.
func (v *verdict) inRun(b *Backup) *Window {
	if w := v.f.during(b.Time); w != nil {
		return w
	}
	if skew := v.f.skewOf(b.Host); skew != 0 {
		return v.f.during(b.Time.Add(-skew))
	}
	return nil
}

// newer reports whether b may be newer than the newest that counts: then its
// being wrong is today's matter.
func (v *verdict) newer(b *Backup) bool {
	return v.newest == nil || v.at(b).After(v.newest.Time)
}
