package replica

import (
	"context"
	"fmt"
)

// survey is the first pass of a salvage: what the replicas together hold, and
// where a replay can begin.
type survey struct {
	learned  Ranges // Positions that at least one has learned.
	begin    uint64 // First position that is not cut off, as anyone has learned.
	end      uint64 // Highest learned position.
	last     uint64 // Highest position with any record.
	any      bool   // Some position is learned.
	snapshot *LogEntry
	cuts     []obstacle // Where a replay must stop, in order of position.
	aurora   bool       // There is a snapshot, a transaction or a noop.
}

// obstacle is something in the log that a replay cannot pass.
type obstacle struct {
	at   uint64 // First position that it spoils.
	what string
}

// maxObstacles bounds the list. The first one counts.
const maxObstacles = 1000

func (v *survey) obstacle(at uint64, format string, args ...any) {
	if len(v.cuts) < maxObstacles {
		v.cuts = append(v.cuts, obstacle{at, fmt.Sprintf(format, args...)})
	}
}

// survey makes the pass.
func (j *joined) survey(ctx context.Context) (*survey, error) {
	v := &survey{}
	frames := newJoiner(ctx, nil)
	defer frames.stop()
	frames.each = func(e *LogEntry) error {
		switch e.kind {
		case KindSnapshot:
			kept := *e
			v.snapshot, v.aurora = &kept, true
		case KindTransaction, KindNoop:
			v.aurora = true
		case KindUndecodable:
			v.obstacle(e.First, "entry %s cannot be decoded: %v", Range{e.First, e.Last}, e.err)
		}
		return nil
	}
	expected := uint64(0)
	err := j.walk(ctx, func(a agreed) error {
		v.last = a.position
		if a.action == nil {
			return nil
		}
		if v.any && a.position != expected {
			// A series with a hole in it was not aborted: it is incomplete here.
			frames.stop()
		}
		expected = a.position + 1
		v.any, v.end = true, a.position
		v.learned.add(a.position)
		if a.diverged != "" {
			v.obstacle(a.position, "%s", a.diverged)
		}
		switch a.action.Type {
		case Truncate:
			v.begin = max(v.begin, a.action.To)
		case Nop:
			if a.action.Tombstone {
				v.begin = max(v.begin, a.position+1)
			}
		case Append:
			return frames.add(a.position, a.action.Bytes)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return v, frames.end()
}

// from is the position where a replay begins: that of the last whole snapshot,
// or 0 for a log that never had one. The error says why there is none.
func (v *survey) from() (uint64, error) {
	switch {
	case !v.any:
		return 0, fmt.Errorf("no learned entry")
	case v.snapshot != nil:
		return v.snapshot.First, nil
	case !v.aurora:
		return 0, fmt.Errorf("no entry of Aurora's in it")
	case v.begin > 0:
		return 0, fmt.Errorf("no whole snapshot, and what came before position %d is cut off", v.begin)
	}
	return 0, nil
}

// obstacles are what stands in the way of a replay from base to the end:
// holes, and entries that are damaged or in dispute.
func (v *survey) obstacles(base uint64) []obstacle {
	var out []obstacle
	for _, g := range v.learned.gaps(base, v.end) {
		out = append(out, obstacle{g.First, fmt.Sprintf("hole: nobody has learned position %s", g)})
	}
	for _, o := range v.cuts {
		if o.at >= base {
			out = append(out, o)
		}
	}
	return out
}
