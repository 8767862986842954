package replica

import (
	"context"
	"errors"
	"math"
	"testing"

	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// Reports of hosts may have any ranges, in any number: each is gone through once.
// Gone through once for each of the others, these take minutes.
func TestRangesAreComparedOnce(t *testing.T) {
	const n = 300_000
	var odd, even Ranges
	for i := range uint64(n) {
		odd.add(4*i + 2)
		even.add(4 * i)
	}
	c := Comparison{Missing: make([]uint64, 2)}
	c.lag([]Report{{Status: Voting.String(), End: 4 * n, Holes: odd}, {Status: Voting.String(), End: 4 * n, Holes: even}})
	if c.Missing[0] != n || c.Missing[1] != n {
		t.Errorf("missing %d, want %d each", c.Missing, n)
	}
}

// The two ways to ask for gaps are one.
func FuzzGapsIn(f *testing.F) {
	f.Add([]byte{1, 2, 1, 5, 3}, []byte{0, 9, 2, 2})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		ranges := func(steps []byte) (out Ranges) {
			at := uint64(0)
			for i := 0; i+1 < len(steps); i += 2 {
				first := at + uint64(steps[i])
				last := first + uint64(steps[i+1])
				out, at = append(out, Range{first, last}), last+2
			}
			return out
		}
		r, of := ranges(a), ranges(b)
		var want Ranges
		for _, x := range of {
			want = append(want, r.gaps(x.First, x.Last)...)
		}
		got := r.gapsIn(of)
		if len(got) != len(want) {
			t.Fatalf("%v in %v: %v, want %v", r, of, got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("%v in %v: %v, want %v", r, of, got, want)
			}
		}
	})
}

// A digest may begin at the last chunk that a position can be in: comparing it ends.
func TestDigestAtTheEndOfPositions(t *testing.T) {
	const each = "AAECAw==" // Position 0 of the chunk.
	last := uint64(math.MaxUint64) - chunkSize + 1
	c := Comparison{}
	c.pair([]Report{{Digests: []Digest{{First: last, Count: 1, Sum: "a", Each: each}}}, {Digests: []Digest{{First: last, Count: 1, Sum: "b", Each: "AAEEAw=="}}}}, 0, 1)
	if len(c.Diverged) != 1 {
		t.Errorf("diverged %v, want one", c.Diverged)
	}
}

// Events that come from the last to the first are put in order once. Each put where
// it belongs at once, these take minutes.
func TestEventsAreSortedOnce(t *testing.T) {
	const n = 400_000
	details := (&tbinary.Struct{}).SetStruct(1, (&tbinary.Struct{}).SetStruct(1, &tbinary.Struct{}))
	u := &update{stored: (&tbinary.Struct{}).SetStruct(1, details)}
	for i := range n {
		u.add(updateEvents, (&tbinary.Struct{}).SetI64(2, int64(n-i)/2).SetI32(1, int32(i)))
	}
	u.settle()
	list := details.List(updateEvents)
	for i := 1; i < n; i++ {
		a, b := list.Values[i-1], list.Values[i]
		if at(a) > at(b) || at(a) == at(b) && a.(*tbinary.Struct).I32(1) > b.(*tbinary.Struct).I32(1) {
			t.Fatalf("event %d is not in its place", i)
		}
	}
	if got := details.Struct(1).Struct(1).Struct(4).I64(3); got != n/2 {
		t.Errorf("the summary says %d, want the newest event's %d", got, n/2)
	}
}

// Entries that look at all updates, again and again, are refused when they have
// looked at more than any scheduler's would.
func TestLooksAtUpdatesAreBounded(t *testing.T) {
	s, err := newState(nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1 << 12 {
		s.updates[string(rune(i))] = &update{stored: &tbinary.Struct{}}
	}
	for i := range 1 << 15 {
		if err = s.prune(1, int64(i)); err != nil {
			break
		}
	}
	if !errors.Is(err, bound.ErrTooMuch) || s.looks > maxLooks+1<<12 {
		t.Errorf("%d looks, %v", s.looks, err)
	}
}

// What a few bytes inflate to is read no further than its context lasts.
func TestInflatingEndsWithItsContext(t *testing.T) {
	ctx, stop := context.WithCancelCause(t.Context())
	stop(errors.New("aborted"))
	z := summarizer{ctx: ctx}
	if s := z.of(deflate(make([]byte, 10<<20))); s.err == nil || s.err.Error() != "aborted" && !errors.Is(s.err, context.Cause(ctx)) {
		t.Errorf("got %v", s.err)
	}
}
