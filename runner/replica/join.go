package replica

import (
	"bytes"
	"context"
	"fmt"

	"aurorabot/runner/replica/leveldb"
)

// source is one replica's log while several are read side by side.
type source struct {
	path   string
	db     *leveldb.DB
	cursor *leveldb.Cursor
	scan   *scan // Figures of this replica alone.
	record record
	ready  bool // record.action stands at a position that was not joined yet.
}

// next moves to the next action of this replica.
func (s *source) next() error {
	for {
		rec, err := s.cursor.Next()
		if err != nil || rec == nil {
			s.ready = false
			return err
		}
		if err := s.scan.record(rec, &s.record); err != nil {
			return err
		}
		if s.scan.took {
			s.ready = true
			return nil
		}
	}
}

// joined reads several replicas of one log position by position.
type joined struct{ sources []*source }

// agreed is what the replicas together know of one position.
type agreed struct {
	position uint64
	action   *Action // Of one that has learned it; nil if none has.
	diverged string  // Two have learned different things: who.
}

// walk calls each for every position of which any replica has a record, in
// order. The action is valid during the call.
func (j *joined) walk(ctx context.Context, each func(agreed) error) error {
	for _, s := range j.sources {
		var err error
		if s.cursor, err = s.db.Cursor(); err != nil {
			return err
		}
		s.scan = newScan(s.path, 0)
		s.scan.lean = true
		if err := s.next(); err != nil {
			return err
		}
	}
	defer func() {
		for _, s := range j.sources {
			s.cursor.Close()
		}
	}()
	for n := 0; ; n++ {
		if n%512 == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		at, ok := j.lowest()
		if !ok {
			return nil
		}
		if err := each(j.agree(at)); err != nil {
			return err
		}
		for _, s := range j.sources {
			if s.ready && s.record.action.Position == at {
				if err := s.next(); err != nil {
					return fmt.Errorf("read %s: %w", s.path, err)
				}
			}
		}
	}
}

func (j *joined) lowest() (at uint64, ok bool) {
	for _, s := range j.sources {
		if s.ready && (!ok || s.record.action.Position < at) {
			at, ok = s.record.action.Position, true
		}
	}
	return at, ok
}

func (j *joined) agree(at uint64) agreed {
	out := agreed{position: at}
	var first *source
	for _, s := range j.sources {
		a := &s.record.action
		if !s.ready || a.Position != at || !a.Learned {
			continue
		}
		switch {
		case out.action == nil:
			out.action, first = a, s
		case a.Type != out.action.Type || a.To != out.action.To || a.Tombstone != out.action.Tombstone || !bytes.Equal(a.Bytes, out.action.Bytes):
			// A tombstone stands for whatever was there and is cut off.
			switch {
			case a.Tombstone:
			case out.action.Tombstone:
				out.action, first = a, s
			default:
				out.diverged = fmt.Sprintf("%s and %s have learned different entries at position %d", first.path, s.path, at)
			}
		}
	}
	return out
}
