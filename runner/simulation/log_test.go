package simulation

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/replica"
)

// A state is what a scheduler has in its storage, as far as a recovery cares.
type state struct {
	tasks     map[string]bool // Ids.
	framework string
	at        time.Time // Of the snapshot that it began with.
}

func (s *state) clone() *state {
	if s == nil {
		return nil
	}
	return &state{maps.Clone(s.tasks), s.framework, s.at}
}

func (s *state) ids() []string { return slices.Sorted(maps.Keys(s.tasks)) }

// An entry is what one position of the log holds.
type entry struct {
	kind    string // "noop", "txn", "snapshot", "broken" (no scheduler can decode it).
	task    string // Of a txn: the task that it adds.
	snap    *state // Of a snapshot.
	learned bool
	leader  string // Who wrote it, for the story and for telling entries apart.
}

func (e *entry) String() string {
	s := e.kind + "/" + e.leader
	if e.task != "" {
		s += "/" + e.task
	}
	if e.snap != nil {
		s += fmt.Sprintf("/%s/%d/%s", strings.Join(e.snap.ids(), ","), e.snap.at.UnixMilli(), e.snap.framework)
	}
	return s
}

// A logDir is one replica on disk.
type logDir struct {
	status   string // "VOTING", "EMPTY".
	promised uint64
	entries  map[uint64]*entry
	begin    uint64
	damage   string // Not empty: what a reader finds; no scheduler starts on it.
	made     int    // Number of the initialize that made it; 0: it was there before.
}

func (l *logDir) clone() *logDir {
	c := *l
	c.entries = map[uint64]*entry{}
	for p, e := range l.entries {
		n := *e
		n.snap = e.snap.clone()
		c.entries[p] = &n
	}
	return &c
}

func (l *logDir) end() uint64 {
	end := uint64(0)
	for p := range l.entries {
		end = max(end, p)
	}
	return end
}

// hash stands for the bytes of all files.
func (l *logDir) hash() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d %d %s %d\n", l.status, l.promised, l.begin, l.damage, l.made)
	for _, p := range slices.Sorted(maps.Keys(l.entries)) {
		fmt.Fprintf(&b, "%d %s %v\n", p, l.entries[p], l.entries[p].learned)
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// votes tells whether a process with this folder takes part in the quorum.
func (l *logDir) votes() bool { return l.status == "VOTING" && l.damage == "" }

// replay returns the state that the learned entries amount to, and whether a
// scheduler could decode all of them.
func (l *logDir) replay() (*state, bool) {
	s := &state{tasks: map[string]bool{}}
	for _, p := range slices.Sorted(maps.Keys(l.entries)) {
		e := l.entries[p]
		switch {
		case !e.learned:
		case e.kind == "broken":
			return s, false
		case e.kind == "snapshot":
			s = e.snap.clone()
		case e.kind == "txn":
			s.tasks[e.task] = true
		}
	}
	return s, true
}

// replayed is the last position that replay takes.
func (l *logDir) replayed() (last uint64) {
	for _, p := range slices.Sorted(maps.Keys(l.entries)) {
		if e := l.entries[p]; e.learned && e.kind == "broken" {
			return last
		} else if e.learned {
			last = p
		}
	}
	return last
}

// report is what the bot's own reader says of the folder.
func (l *logDir) report(path string) replica.Report {
	r := replica.Report{
		Path: path, State: replica.StateOK, Status: l.status, Promised: l.promised, Begin: l.begin, End: l.end(),
		Holes: replica.Ranges{}, Unlearned: replica.Ranges{}, Damage: []replica.Damage{}, Warnings: []string{}, Digests: []replica.Digest{},
	}
	if l.damage != "" {
		r.State, r.Error = replica.StateDamaged, l.damage
		r.Damage = append(r.Damage, replica.Damage{File: "000005.sst", What: l.damage})
	}
	if len(l.entries) == 0 {
		r.Holes = append(r.Holes, replica.Range{})
		if l.status == "EMPTY" && l.promised == 0 && l.damage == "" {
			r.State, r.Status = replica.StateOK, "EMPTY"
		}
		return r
	}
	a := &replica.Aurora{Ops: map[string]int64{}, LastSnapshot: -1, LastSnapshotEnd: -1, LastTransaction: -1, LastUnread: -1}
	for p := l.begin; p <= r.End; p++ {
		e := l.entries[p]
		switch {
		case e == nil:
			r.Holes = appendTo(r.Holes, p)
			continue
		case !e.learned:
			r.Unlearned = appendTo(r.Unlearned, p)
		}
		r.Appends++
		switch e.kind {
		case "noop":
			a.Noops++
		case "txn":
			a.Transactions++
			a.Ops["saveTasks"]++
			a.LastTransaction = int64(p)
		case "broken":
			a.Undecodable++
			a.LastUnread = int64(p)
		case "snapshot":
			a.Snapshots++
			a.LastSnapshot, a.LastSnapshotEnd, a.LastSnapshotTime, a.LastSnapshotTasks = int64(p), int64(p), replica.Millis(e.snap.at.UnixMilli()), int64(len(e.snap.tasks))
		}
	}
	r.Aurora = a
	return r
}

func appendTo(list replica.Ranges, p uint64) replica.Ranges {
	if n := len(list); n > 0 && list[n-1].Last+1 == p {
		list[n-1].Last = p
		return list
	}
	return append(list, replica.Range{First: p, Last: p})
}
