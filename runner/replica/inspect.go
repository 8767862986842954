package replica

import (
	"context"
	"errors"
	"fmt"

	"aurorabot/runner/replica/leveldb"
)

// Inspect reads the replica's folder dir and states what it holds.
//
// What is wrong with the folder is in the Report and no error: an error means
// that ctx ended or that the machine failed to read. The folder's files are
// not changed, nor are their times where the system lets a reader keep them.
func Inspect(ctx context.Context, dir string) (Report, error) {
	db, err := leveldb.Open(ctx, dir)
	if err != nil {
		return refusal(dir, err)
	}
	defer db.Close()
	s, err := run(ctx, db, dir)
	if err != nil {
		return Report{}, fmt.Errorf("read %s: %w", dir, err)
	}
	r := s.report
	s.finish(db)
	if err := unchanged(db); err != nil {
		return refusal(dir, err)
	}
	return *r, nil
}

// errChanged says that the files were written while they were read.
var errChanged = errors.New("its files changed while they were read")

// unchanged asks once more, after reading, whether a process is at work.
func unchanged(db *leveldb.DB) error {
	if err := db.Locked(); err != nil {
		return err
	}
	if changed, err := db.Changed(); err != nil {
		return err
	} else if changed {
		return fmt.Errorf("%s: %w", db.Path, errChanged)
	}
	return nil
}

// refusal is the report of a folder that could not be read at all.
func refusal(dir string, err error) (Report, error) {
	r := *newScan(dir, 0).report
	r.Status, r.Error = "", err.Error()
	var locked *leveldb.LockedError
	switch {
	case errors.Is(err, leveldb.ErrMissing):
		r.State = StateMissing
	case errors.Is(err, leveldb.ErrNotFolder), errors.Is(err, leveldb.ErrNotLevelDB):
		r.State = StateNotALog
	case errors.Is(err, leveldb.ErrDenied):
		r.State = StateUnreadable
	case errors.As(err, &locked), errors.Is(err, errChanged):
		r.State = StateLocked
	default:
		return Report{}, err
	}
	return r, nil
}

// finish turns what the pass gathered into the report.
func (s *scan) finish(db *leveldb.DB) {
	r := s.report
	r.Holes = s.present.gaps(r.Begin, r.End)
	r.Digests = append(r.Digests, s.digests.out...)
	if s.some {
		r.Aurora = &s.aurora
	}
	for _, d := range db.Damage() {
		r.Damage = append(r.Damage, Damage{d.File, d.Offset, d.What})
	}
	for _, kind := range s.oddOrder {
		o := s.odd[kind]
		if o.count > 1 {
			o.damage.What += fmt.Sprintf(" (and %d more of this kind)", o.count-1)
		}
		if kind == oddForeign {
			s.warn("%s at byte %d: %s", o.damage.File, o.damage.Offset, o.damage.What)
			continue
		}
		r.Damage = append(r.Damage, o.damage)
	}
	if s.actions && !s.metadata {
		r.Damage = append(r.Damage, Damage{s.firstFile, s.firstAt, "no metadata record, though there are entries: the replica would call itself EMPTY"})
	}
	r.Warnings = append(r.Warnings, db.Warnings()...)
	s.warnings(db)
	switch {
	case db.Denied():
		r.State = StateUnreadable
	case len(r.Damage) > 0:
		r.State = StateDamaged
	case s.firstFile == "":
		r.State = StateEmpty
	default:
		r.State = StateOK
	}
	if n := len(r.Damage); n > 0 {
		d := r.Damage[0]
		r.Error = fmt.Sprintf("%s at byte %d: %s", d.File, d.Offset, d.What)
		if n > 1 {
			r.Error += fmt.Sprintf(" (and %d more)", n-1)
		}
	}
}

func (s *scan) warn(format string, args ...any) {
	s.report.Warnings = append(s.report.Warnings, fmt.Sprintf(format, args...))
}

func (s *scan) warnings(db *leveldb.DB) {
	if db.Link != "" {
		s.warn("%s is a symbolic link to %s", db.Path, db.Link)
	}
	if n := db.Snappy(); n > 0 {
		s.warn("%d blocks are compressed with snappy: a Mesos that is built without snappy, as the bundled LevelDB is, sees this log as EMPTY and says nothing", n)
	}
	if s.orphans > 0 {
		s.warn("%d frame chunks without a header; the scheduler passes over them", s.orphans)
	}
	if s.some && s.aurora.Undecodable > 0 {
		s.warn("%d entries cannot be decoded; the scheduler would not start: %s", s.aurora.Undecodable, s.why)
	}
}
