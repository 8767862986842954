package replica

import (
	"context"
	"fmt"

	"aurorabot/runner/replica/leveldb"
)

// scan is one pass over a log.
type scan struct {
	cut  uint64 // Records below are leftovers of a truncation that the pass before found.
	lean bool   // No digests, no entries of Aurora's: somebody else looks at them.
	took bool   // The last record was an action in its place.

	report    *Report
	present   Ranges // Positions with a record, leftovers included.
	metadata  bool
	actions   bool
	odd       map[string]*oddity // Problems by kind, so that a thousand foreign keys are one warning.
	oddOrder  []string
	firstFile string
	firstAt   int64
	last      uint64

	digests *digests
	joiner  joiner
	aurora  Aurora
	some    bool // Something of Aurora's was there.
	orphans int64
	why     string // Of the first undecodable entry.
}

type oddity struct {
	damage Damage
	count  int
}

func newScan(path string, cut uint64) *scan {
	s := &scan{
		cut: cut, digests: newDigests(), odd: map[string]*oddity{},
		report: &Report{Path: path, Status: Empty.String(), Holes: Ranges{}, Unlearned: Ranges{}, Damage: []Damage{}, Warnings: []string{}, Digests: []Digest{}},
		aurora: Aurora{Ops: map[string]int64{}, LastSnapshot: -1, LastSnapshotEnd: -1, LastTransaction: -1, LastUnread: -1},
	}
	return s
}

// run makes the pass. Where a truncation left records below the beginning that
// it set, a second pass leaves them out, for the real replica does not see
// them either.
func run(ctx context.Context, db *leveldb.DB, path string) (*scan, error) {
	s := newScan(path, 0)
	if err := s.walk(ctx, db); err != nil {
		return s, err
	}
	if len(s.present) > 0 && s.present[0].First < s.report.Begin {
		s = newScan(path, s.report.Begin)
		if err := s.walk(ctx, db); err != nil {
			return s, err
		}
	}
	return s, nil
}

func (s *scan) walk(ctx context.Context, db *leveldb.DB) error {
	s.joiner = newJoiner(ctx, s.logEntry)
	defer s.joiner.stop()
	var r record
	if err := db.Walk(ctx, func(rec *leveldb.Record) error { return s.record(rec, &r) }); err != nil {
		return err
	}
	if err := s.joiner.end(); err != nil {
		return err
	}
	s.digests.flush()
	return nil
}

// problem notes something about a record, once per kind of problem.
func (s *scan) problem(kind string, rec *leveldb.Record, format string, args ...any) {
	if o := s.odd[kind]; o != nil {
		o.count++
		return
	}
	s.odd[kind] = &oddity{Damage{rec.File, rec.Offset, fmt.Sprintf(format, args...)}, 1}
	s.oddOrder = append(s.oddOrder, kind)
}

// The kinds of problems. Foreign records are harmless unless they are actions.
const (
	oddValue   = "value"
	oddForeign = "foreign"
	oddAction  = "action"
	oddOrder   = "order"
)

func (s *scan) record(rec *leveldb.Record, r *record) error {
	s.took = false
	if s.firstFile == "" {
		s.firstFile, s.firstAt = rec.File, rec.Offset
	}
	position, meta, known := keyPosition(rec.Key)
	if err := r.decode(rec.Value); err != nil {
		s.problem(oddValue, rec, "the value of key %.40q is no record: %v", rec.Key, err)
		return nil
	}
	if r.kind != recordAction {
		// The replica takes every such record, whatever its key, the last one wins.
		if !known || !meta {
			s.problem(oddForeign, rec, "key %.40q is none of a replica's, and its record counts: promised %d", rec.Key, r.promised)
		}
		s.metadata = true
		s.report.Status, s.report.Promised = r.status.String(), r.promised
		return nil
	}
	a := &r.action
	switch {
	case !known || meta || a.Position != position:
		s.problem(oddAction, rec, "key %.40q holds position %d", rec.Key, a.Position)
		return nil
	case s.actions && a.Position <= s.last:
		s.problem(oddOrder, rec, "position %d stands twice or out of order", a.Position)
		return nil
	}
	s.actions, s.last, s.took = true, a.Position, true
	return s.action(a)
}

func (s *scan) action(a *Action) error {
	r := s.report
	s.present.add(a.Position)
	r.End = a.Position
	if a.Learned {
		switch {
		case a.Type == Truncate:
			r.Begin = max(r.Begin, a.To)
		case a.Type == Nop && a.Tombstone:
			r.Begin = max(r.Begin, a.Position+1)
		}
	} else {
		r.Unlearned.add(a.Position)
	}
	if a.Position < s.cut {
		return nil
	}
	switch {
	case a.Type == 0:
		r.PromiseOnly++
	case a.Type == Nop && a.Tombstone:
		r.TombstoneNops++
	case a.Type == Nop:
		r.Nops++
	case a.Type == Truncate:
		r.Truncates++
	case a.Type == Append:
		r.Appends++
		r.AppendBytes += int64(len(a.Bytes))
	}
	if s.lean {
		return nil
	}
	if a.Learned {
		s.digests.add(a)
	}
	if a.Type == Append {
		return s.joiner.add(a.Position, a.Bytes)
	}
	return nil
}

func (s *scan) logEntry(e *LogEntry) error {
	a := &s.aurora
	if e.kind != KindUndecodable {
		s.some = true
	}
	switch e.kind {
	case KindAborted, KindOrphan, KindUndecodable:
		a.LastUnread = int64(e.Last)
	}
	switch e.kind {
	case KindTransaction:
		a.Transactions++
		a.LastTransaction = int64(e.Last)
		e.ops.into(a.Ops)
	case KindSnapshot:
		a.Snapshots++
		a.LastSnapshot, a.LastSnapshotEnd = int64(e.First), int64(e.Last)
		a.LastSnapshotTime, a.LastSnapshotTasks = Millis(e.timestamp), e.tasks
	case KindNoop:
		a.Noops++
	case KindAborted:
		a.AbortedFrameSeries++
	case KindOrphan:
		s.orphans++
	case KindUndecodable:
		if a.Undecodable++; a.Undecodable == 1 {
			s.why = fmt.Sprintf("position %d: %v", e.First, e.err)
		}
	}
	return nil
}
