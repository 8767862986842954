package mesoslog

import (
	"errors"
	"fmt"

	"github.com/syndtr/goleveldb/leveldb"
	dberrors "github.com/syndtr/goleveldb/leveldb/errors"
	"github.com/syndtr/goleveldb/leveldb/opt"
	"github.com/syndtr/goleveldb/leveldb/util"
)

// store is the replica's database: a leveldb folder with one record per
// position and one for the metadata.
type store struct {
	folder *folder
	db     *leveldb.DB
	first  uint64 // Lowest position that may still have a record.
}

// state is what a replica makes of its records when it starts.
type state struct {
	metadata
	Begin, End uint64
	Holes      spans // Positions in [Begin, End] without a record.
	Unlearned  spans
	Keys       int // Records read.
}

// dbOptions are the defaults of the real build: no compression, so that
// builds without snappy read what we write. Checksums decide what of a damaged
// folder is skipped (see tolerant), and nothing that is skipped is an error.
func dbOptions() *opt.Options {
	return &opt.Options{
		Compression: opt.NoCompression,
		Strict:      opt.StrictJournalChecksum | opt.StrictBlockChecksum,
		WriteBuffer: 4 * opt.MiB,
	}
}

// openStore opens or creates the database in path, and merges its tables, as
// every open of the real one does. Its errors are leveldb's texts.
func openStore(path string) (*store, error) {
	d, err := openFolder(path)
	if err != nil {
		return nil, err
	}
	if err := d.check(); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	db, err := leveldb.Open(d, dbOptions())
	if err != nil {
		_ = d.Close()
		return nil, dbError(path, err)
	}
	s := &store{folder: d, db: db}
	// One table alone is left as it is, damaged or not.
	if s.tables() > 1 && s.touch() {
		_ = db.CompactRange(util.Range{})
	}
	return s, nil
}

// touch writes the first record again as it is. A compaction that finds nothing
// new in memory takes away the write-ahead log that the MANIFEST names and does
// not name its successor there: to a reader it looks like a log that was lost.
func (s *store) touch() bool {
	it := s.db.NewIterator(nil, nil)
	defer it.Release()
	return it.Next() && s.db.Put(it.Key(), it.Value(), nil) == nil
}

// dbError words an error of the library as leveldb would.
func dbError(path string, err error) error {
	if isCorrupted(err) {
		return corruption("%v", err)
	}
	return ioError(path, err)
}

func isCorrupted(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if dberrors.IsCorrupted(err) {
			return true
		}
	}
	return false
}

// tables counts the live tables of all levels.
func (s *store) tables() int {
	total := 0
	for level := range 7 {
		v, err := s.db.GetProperty(fmt.Sprintf("leveldb.num-files-at-level%d", level))
		if err != nil {
			continue
		}
		n := 0
		_, _ = fmt.Sscan(v, &n)
		total += n
	}
	return total
}

func (s *store) close() error { return errors.Join(s.db.Close(), s.folder.Close()) }

// restore reads every record. It goes by the values and not by the keys, and
// takes the end of a damaged iteration for the end of the log: both are what
// the real replica does.
func (s *store) restore() (state, error) {
	st := state{metadata: metadata{Status: Empty}}
	var known spans
	it := s.db.NewIterator(nil, nil)
	defer it.Release()
	for it.Next() {
		r, err := decodeRecord(it.Value())
		if err != nil {
			return st, err
		}
		st.Keys++
		switch {
		case r.Metadata != nil:
			st.metadata = *r.Metadata
		case r.Promise != nil:
			st.metadata = metadata{Status: Voting, Promised: *r.Promise}
		default:
			a := r.Action
			if known == nil || a.Position < s.first {
				s.first = a.Position
			}
			known = known.add(a.Position, a.Position)
			st.End = max(st.End, a.Position)
			if !a.Learned {
				st.Unlearned = st.Unlearned.add(a.Position, a.Position)
				continue
			}
			st.Unlearned = st.Unlearned.remove(a.Position, a.Position)
			st.Begin = max(st.Begin, a.keeps())
		}
	}
	st.Holes = spans{}.add(st.Begin, st.End)
	for _, k := range known {
		st.Holes = st.Holes.remove(k.From, k.To)
	}
	return st, nil
}

// keeps is the first position that stays in the log once a is learned: zero
// unless a truncates.
func (a *action) keeps() uint64 {
	switch {
	case a.Type == actionTruncate:
		return a.To
	case a.Type == actionNop && a.Tombstone:
		return a.Position + 1
	}
	return 0
}

func (s *store) putMetadata(m metadata) error {
	return s.put(metadataKey, encodeMetadata(m))
}

func (s *store) put(key, value []byte) error {
	if err := s.db.Put(key, value, &opt.WriteOptions{Sync: true}); err != nil {
		return dbError(s.folder.path, err)
	}
	return nil
}

// putAction writes a's record. If a is a learned truncation the records
// before it are deleted, best effort: leftovers do no harm.
func (s *store) putAction(a action) error {
	if err := s.put(positionKey(a.Position), encodeAction(a)); err != nil {
		return err
	}
	s.first = min(s.first, a.Position)
	if !a.Learned {
		return nil
	}
	to := a.keeps()
	if a.Tombstone && to > 0 {
		to-- // the tombstone itself stays
	}
	if s.first >= to {
		return nil
	}
	batch := new(leveldb.Batch)
	for p := s.first; p < to; p++ {
		batch.Delete(positionKey(p))
	}
	if err := s.db.Write(batch, nil); err == nil {
		s.first = to
	}
	return nil
}

// getAction reads the record of position p.
func (s *store) getAction(p uint64) (action, error) {
	s.folder.mu.Lock()
	unseekable := s.folder.unseekable
	s.folder.mu.Unlock()
	if unseekable {
		return action{}, corruption("bad entry in block")
	}
	v, err := s.db.Get(positionKey(p), nil)
	if errors.Is(err, leveldb.ErrNotFound) {
		return action{}, errors.New("NotFound: ") // leveldb's text
	}
	if err != nil {
		if isCorrupted(err) {
			return action{}, corruption("bad entry in block")
		}
		return action{}, dbError(s.folder.path, err)
	}
	r, err := decodeRecord(v)
	if err != nil {
		return action{}, err
	}
	if r.Action == nil {
		return action{}, errors.New("Bad record") // the recorded text
	}
	return *r.Action, nil
}
