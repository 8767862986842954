package mesoslog

import (
	"context"
	"errors"
)

// Entry is one appended payload.
type Entry struct {
	Position uint64
	Data     []byte
}

// Reader reads our own replica. Only what it has learned can be read, so a
// reader of a replica that lags behind sees an older log.
type Reader struct{ log *Log }

// Reader gives a reader.
func (l *Log) Reader() *Reader { return &Reader{l} }

// Beginning is the first position that is not truncated.
func (r *Reader) Beginning(ctx context.Context) (uint64, error) {
	if err := r.log.wait(ctx); err != nil {
		return 0, err
	}
	return r.log.replica.beginning(), nil
}

// Ending is the last position that was written.
func (r *Reader) Ending(ctx context.Context) (uint64, error) {
	if err := r.log.wait(ctx); err != nil {
		return 0, err
	}
	return r.log.replica.ending(), nil
}

// Read gives the appends at the positions from … to, both included. A range
// with a position that is truncated, past the end, missing or not learned is
// refused; the error says which, in the recorded words.
func (r *Reader) Read(ctx context.Context, from, to uint64) ([]Entry, error) {
	if err := r.log.wait(ctx); err != nil {
		return nil, err
	}
	actions, err := r.log.replica.readRange(from, to)
	if err != nil {
		return nil, err
	}
	var entries []Entry
	for _, a := range actions {
		if !a.HasPerformed || !a.Learned {
			return nil, errors.New("Bad read range (includes pending entries)") // the recorded text
		}
		if a.Position != from {
			return nil, errors.New("Bad read range (includes missing entries)") // the recorded text
		}
		from++
		if a.Type == actionAppend {
			entries = append(entries, Entry{a.Position, a.Bytes})
		}
	}
	return entries, nil
}
