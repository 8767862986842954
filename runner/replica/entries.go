package replica

import (
	"context"
	"fmt"

	"aurorabot/runner/replica/leveldb"
)

// Entry is one position of a replica's log, for people to read.
type Entry struct {
	Position  uint64 `json:"position"`
	Type      string `json:"type"` // NOP, APPEND, TRUNCATE, or PROMISE for a position where nothing was written.
	Learned   bool   `json:"learned"`
	Promised  uint64 `json:"promised"`
	Performed uint64 `json:"performed"`
	Tombstone bool   `json:"tombstone,omitempty"`
	To        uint64 `json:"to,omitempty"` // Of a TRUNCATE: positions below are cut off.
	Bytes     int    `json:"bytes"`        // Of an APPEND.

	// Aurora is what comes to an end here: usually the entry itself; with the
	// last chunk of a framed entry, the whole of it; with an entry that
	// interrupts an unfinished series, first that.
	Aurora []EntryContent `json:"aurora,omitempty"`
	// Frame is set for a frame header or chunk.
	Frame string `json:"frame,omitempty"`
}

// EntryContent is one entry of Aurora's.
type EntryContent struct {
	Kind      LogEntryKind     `json:"kind"`
	How       string           `json:"how"`
	First     uint64           `json:"first_position"`
	Last      uint64           `json:"last_position"`
	Ops       map[string]int64 `json:"ops,omitempty"`       // Of a transaction.
	Timestamp Millis           `json:"timestamp,omitempty"` // Of a snapshot.
	Tasks     int64            `json:"tasks,omitempty"`     // Of a snapshot.
	Inflated  int64            `json:"inflated_bytes,omitempty"`
	Error     string           `json:"error,omitempty"` // Of an undecodable one.
}

// Entries calls each for every position of the log in dir that has a record,
// from begin on, in order. It stops at the first error of each and returns it.
// What cannot be read is left out; [Inspect] says what that is. A folder that
// cannot be read at all is an error.
func Entries(ctx context.Context, dir string, each func(Entry) error) error {
	db, err := leveldb.Open(ctx, dir)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer db.Close()
	begin, err := beginning(ctx, db, dir)
	if err != nil {
		return err
	}
	var e Entry
	s := newScan(dir, 0)
	s.lean = true
	frames := newJoiner(ctx, func(l *LogEntry) error {
		e.Aurora = append(e.Aurora, l.content())
		return nil
	})
	defer frames.stop()
	var r record
	pending := false
	err = db.Walk(ctx, func(rec *leveldb.Record) error {
		if err := s.record(rec, &r); err != nil || !s.took || r.action.Position < begin {
			return err
		}
		if pending {
			if err := each(e); err != nil {
				return err
			}
		}
		a := &r.action
		e = Entry{
			Position: a.Position, Type: a.Type.String(), Learned: a.Learned, Promised: a.Promised,
			Performed: a.Performed, Tombstone: a.Tombstone, To: a.To, Bytes: len(a.Bytes),
		}
		pending = true
		if a.Type != Append {
			return nil
		}
		if member(a.Bytes) == entryFrame {
			if f := frameOf(a.Bytes); f.kind != KindUndecodable {
				e.Frame = f.how
			}
		}
		return frames.add(a.Position, a.Bytes)
	})
	if err != nil || !pending {
		return err
	}
	if err := frames.end(); err != nil {
		return err
	}
	return each(e)
}

// beginning is the first position that is not cut off.
func beginning(ctx context.Context, db *leveldb.DB, dir string) (uint64, error) {
	s := newScan(dir, 0)
	s.lean = true
	if err := s.walk(ctx, db); err != nil {
		return 0, err
	}
	return s.report.Begin, nil
}

func (e *LogEntry) content() EntryContent {
	c := EntryContent{
		Kind: e.kind, How: e.how, First: e.First, Last: e.Last,
		Timestamp: Millis(e.timestamp), Tasks: e.tasks, Inflated: e.inflated,
	}
	if len(e.ops) > 0 {
		c.Ops = map[string]int64{}
		e.ops.into(c.Ops)
	}
	if e.err != nil {
		c.Error = e.err.Error()
	}
	return c
}
