package replica

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/runner/backup"
	"aurorabot/runner/replica/leveldb"
	"aurorabot/runner/tbinary"
)

// SalvageOptions say how far a salvage may go.
type SalvageOptions struct {
	// UpToDamage lets it stop before the first hole or damage instead of
	// refusing. What that drops is in [Salvaged.Dropped].
	UpToDamage bool
}

// From is what one replica gave to a salvage.
type From struct {
	Path         string   `json:"path"`
	State        State    `json:"state"`
	Status       string   `json:"status"`
	LastPosition uint64   `json:"last_position"` // Its highest position, learned or not.
	Unlearned    Ranges   `json:"unlearned"`
	Holes        Ranges   `json:"holes"`
	Damage       []Damage `json:"damage"`
	Error        string   `json:"error"`
}

// Salvaged says what a salvage is made of.
type Salvaged struct {
	From         []From           `json:"from"`
	Base         int64            `json:"base_position"`  // Of the snapshot that it begins with; -1: the log never had one.
	BaseTime     Millis           `json:"base_timestamp"` // Of that snapshot.
	Position     uint64           `json:"position"`       // Last position that is in it.
	Time         Millis           `json:"timestamp"`      // Newest time that anything in it says of itself.
	Transactions int64            `json:"transactions"`   // Applied after the snapshot.
	Ops          map[string]int64 `json:"ops"`
	Missing      Ranges           `json:"missing"` // Positions after Base that nobody has learned.
	Dropped      []string         `json:"dropped"` // What is left out, in words.
	Ignored      map[string]int64 `json:"ignored"` // What the scheduler itself would pass over.
}

// Refusal says why a salvage was not made.
type Refusal struct {
	Reasons []string
	// Partial tells whether UpToDamage would give something; then it goes up
	// to Position.
	Partial  bool
	Position uint64
}

func (r *Refusal) Error() string {
	const most = 5
	text := strings.Join(r.Reasons[:min(len(r.Reasons), most)], "; ")
	if n := len(r.Reasons) - most; n > 0 {
		text += fmt.Sprintf("; and %d more", n)
	}
	return "refused: " + text
}

// Salvage replays what the replicas in dirs have learned, together, into a
// snapshot: the last whole snapshot by position, and every transaction after
// it. It does what the scheduler does when it starts, but for this: it does
// not pass over holes.
//
// It refuses with a *[Refusal] where a position between that snapshot and the
// highest learned one is missing, damaged or in dispute, and where damage may
// hide entries behind the highest one, unless a majority of dirs is whole.
// Entries behind it that nobody has learned are left out and named in Dropped.
func Salvage(ctx context.Context, dirs []string, opts SalvageOptions) (*backup.Snapshot, Salvaged, error) {
	s := salvage{opts: opts}
	defer s.close()
	if err := s.open(ctx, dirs); err != nil {
		return nil, s.out, err
	}
	v, err := s.joined.survey(ctx)
	if err != nil {
		return nil, s.out, err
	}
	s.describe()
	base, err := v.from()
	if err != nil {
		return nil, s.out, &Refusal{Reasons: append([]string{err.Error()}, s.unusable...)}
	}
	limit, err := s.decide(v, base)
	if err != nil {
		return nil, s.out, err
	}
	snapshot, err := s.replay(ctx, v, base, limit)
	var stuck *stuckError
	if errors.As(err, &stuck) {
		if snapshot, err = s.before(ctx, v, base, stuck); err != nil {
			return nil, s.out, err
		}
	} else if err != nil {
		return nil, s.out, err
	}
	for _, src := range s.joined.sources {
		if err := unchanged(src.db); err != nil {
			return nil, s.out, err
		}
	}
	return snapshot, s.out, nil
}

// stuckError is an entry that decodes but cannot be applied.
type stuckError struct {
	at  uint64
	err error
}

func (e *stuckError) Error() string { return fmt.Sprintf("entry at position %d: %v", e.at, e.err) }
func (e *stuckError) Unwrap() error { return e.err }

// before handles an entry that cannot be applied: it refuses, or goes up to it.
func (s *salvage) before(ctx context.Context, v *survey, base uint64, stuck *stuckError) (*backup.Snapshot, error) {
	possible := stuck.at > base
	if !possible || !s.opts.UpToDamage {
		return nil, &Refusal{Reasons: []string{stuck.Error()}, Partial: possible, Position: stuck.at - min(stuck.at, 1)}
	}
	s.out.Transactions, s.out.Ops, s.out.Ignored = 0, map[string]int64{}, map[string]int64{}
	s.out.Dropped = append(s.out.Dropped, fmt.Sprintf("%v; everything from there on, up to %d", stuck, v.end))
	return s.replay(ctx, v, base, stuck.at-1)
}

type salvage struct {
	opts     SalvageOptions
	joined   joined
	out      Salvaged
	unusable []string // Folders that could not be read.
}

func (s *salvage) close() {
	for _, src := range s.joined.sources {
		_ = src.db.Close()
	}
}

func (s *salvage) open(ctx context.Context, dirs []string) error {
	s.out = Salvaged{From: []From{}, Base: -1, Ops: map[string]int64{}, Missing: Ranges{}, Dropped: []string{}, Ignored: map[string]int64{}}
	if len(dirs) == 0 {
		return errors.New("salvage: no folder given")
	}
	for _, dir := range dirs {
		db, err := leveldb.Open(ctx, dir)
		if err == nil {
			s.joined.sources = append(s.joined.sources, &source{path: dir, db: db})
			s.out.From = append(s.out.From, From{Path: dir, Unlearned: Ranges{}, Holes: Ranges{}, Damage: []Damage{}})
			continue
		}
		r, err := refusal(dir, err)
		if err != nil {
			return err
		}
		if r.State == StateLocked {
			return &Refusal{Reasons: []string{r.Error}}
		}
		s.unusable = append(s.unusable, r.Error)
		s.out.From = append(s.out.From, From{Path: dir, State: r.State, Unlearned: r.Unlearned, Holes: r.Holes, Damage: r.Damage, Error: r.Error})
	}
	return nil
}

// describe fills in From after a complete pass.
func (s *salvage) describe() {
	for _, src := range s.joined.sources {
		src.scan.finish(src.db)
		r := src.scan.report
		i := slices.IndexFunc(s.out.From, func(f From) bool { return f.Path == src.path })
		s.out.From[i] = From{src.path, r.State, r.Status, r.End, r.Unlearned, r.Holes, r.Damage, r.Error}
	}
}

// decide returns the position up to which to replay, or a Refusal.
func (s *salvage) decide(v *survey, base uint64) (uint64, error) {
	var reasons []string
	limit, first := v.end, base
	if v.snapshot != nil {
		first = v.snapshot.Last
	}
	possible := true
	for _, o := range v.obstacles(base) {
		reasons = append(reasons, o.what)
		if o.at <= first {
			possible = false
		} else {
			limit = min(limit, o.at-1)
		}
	}
	reasons = append(reasons, s.hidden(v.end)...)
	if len(reasons) > 0 && (!s.opts.UpToDamage || !possible) {
		return 0, &Refusal{Reasons: reasons, Partial: possible, Position: limit}
	}
	s.out.Missing = v.learned.gaps(base, v.end)
	s.out.Dropped = append(s.out.Dropped, reasons...)
	if limit < v.end {
		behind := v.learned.gaps(0, v.end).within(limit+1, v.end)
		s.out.Dropped = append(s.out.Dropped, fmt.Sprintf("everything behind position %d, up to %d: %d entries that are there", limit, v.end, v.end-limit-behind))
	}
	if v.last > v.end {
		s.out.Dropped = append(s.out.Dropped, fmt.Sprintf("position %s: written, but nobody has learned that it was agreed on; both \"took effect\" and \"did not\" are right", Range{v.end + 1, v.last}))
	}
	return limit, nil
}

// hidden says which damage may hide entries behind end. Where a majority of
// the folders is whole and votes it hides none: what was agreed on is with a
// majority, and any two majorities share a replica.
func (s *salvage) hidden(end uint64) []string {
	whole := 0
	reasons := slices.Clone(s.unusable)
	reports := make([]Report, len(s.unusable), len(s.out.From)) // Those of unusable folders say nothing.
	for _, src := range s.joined.sources {
		reports = append(reports, *src.scan.report)
	}
	for _, src := range s.joined.sources {
		r := src.scan.report
		if r.Status == Voting.String() && (r.State == StateOK || r.TornOnly() && heldByQuorum(reports, r.Begin, r.End)) {
			whole++
		}
		for _, d := range src.db.Damage() {
			if !d.Lost || coveredBy(d, end) {
				continue
			}
			reasons = append(reasons, fmt.Sprintf("%s: %s at byte %d: %s: entries behind position %d may be lost", src.path, d.File, d.Offset, d.What, end))
		}
		if o := src.scan.odd[oddOrder]; o != nil {
			reasons = append(reasons, src.path+": "+o.damage.What)
		}
	}
	if whole > len(s.out.From)/2 {
		return nil
	}
	return reasons
}

// coveredBy tells whether all keys that the damage may have cost are those of
// positions up to end. A separator in an index may be a shortened key.
func coveredBy(d leveldb.Damage, end uint64) bool {
	if len(d.UpTo) == 0 {
		return false // Not known, or a key that no replica writes.
	}
	key := d.UpTo
	width := 10
	if key[0] == 'A' {
		width = 21
	}
	if n := width - len(key); n > 0 {
		key = append(slices.Clone(key), bytes.Repeat([]byte("0"), n)...)
	}
	position, metadata, ok := keyPosition(key)
	return ok && (metadata || position <= end)
}

// replay is the second pass.
func (s *salvage) replay(ctx context.Context, v *survey, base, limit uint64) (*backup.Snapshot, error) {
	var st *state
	var err error
	if v.snapshot == nil {
		if st, err = newState(nil); err != nil {
			return nil, err
		}
	} else {
		s.out.Base, s.out.BaseTime = int64(v.snapshot.First), Millis(v.snapshot.timestamp)
	}
	frames := newJoiner(ctx, nil)
	frames.keep = true
	defer frames.stop()
	frames.each = func(e *LogEntry) error {
		switch {
		case e.kind == KindSnapshot && v.snapshot != nil && e.First == v.snapshot.First:
			snapshot, err := expand(ctx, bytes.NewReader(e.raw))
			if err == nil {
				st, err = newState(snapshot)
			}
			if err != nil {
				return &stuckError{e.First, err}
			}
		case e.kind == KindTransaction && st != nil:
			if err := s.transaction(st, e); err != nil {
				return &stuckError{e.First, err}
			}
		case e.kind == KindOrphan:
			s.out.Ignored["frame chunks without a header"]++
		case e.kind == KindAborted:
			s.out.Ignored["aborted frame series"]++
		}
		return nil
	}
	err = s.joined.walk(ctx, func(a agreed) error {
		if a.position < base || a.position > limit || a.action == nil {
			return nil
		}
		s.out.Position = a.position
		if a.action.Type != Append {
			return nil
		}
		return frames.add(a.position, a.action.Bytes)
	})
	if err != nil {
		return nil, err
	}
	if frames.series != nil && limit < v.end {
		s.out.Dropped = append(s.out.Dropped, fmt.Sprintf("the framed entry from position %d on: its end is missing", frames.series.first))
		frames.stop()
	}
	if err := frames.end(); err != nil {
		return nil, err
	}
	if st == nil {
		return nil, fmt.Errorf("snapshot at position %d: gone between two passes", base)
	}
	maps.Copy(s.out.Ignored, st.ignored)
	s.out.Time = Millis(st.newest)
	return st.snapshot(), nil
}

func (s *salvage) transaction(st *state, e *LogEntry) error {
	entry, _, err := tbinary.Decode(e.raw)
	if err != nil {
		return err
	}
	if err := st.apply(entry.Struct(entryTransaction)); err != nil {
		return err
	}
	s.out.Transactions++
	e.ops.into(s.out.Ops)
	return nil
}
