package replica

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Range is a run of positions, both ends included. In JSON it is [first, last].
type Range struct{ First, Last uint64 }

// MarshalJSON writes [first, last].
func (r Range) MarshalJSON() ([]byte, error) { return json.Marshal([2]uint64{r.First, r.Last}) }

// UnmarshalJSON reads [first, last].
func (r *Range) UnmarshalJSON(p []byte) error {
	var pair [2]uint64
	if err := json.Unmarshal(p, &pair); err != nil {
		return err
	}
	r.First, r.Last = pair[0], pair[1]
	return nil
}

func (r Range) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// Ranges are disjoint runs in ascending order.
type Ranges []Range

// add appends a position that is not below the last one.
func (r *Ranges) add(p uint64) {
	if n := len(*r); n > 0 && (*r)[n-1].Last+1 >= p && (*r)[n-1].Last <= p {
		(*r)[n-1].Last = p
		return
	}
	*r = append(*r, Range{p, p})
}

// Count is the number of positions.
func (r Ranges) Count() uint64 {
	n := uint64(0)
	for _, x := range r {
		n += x.Last - x.First + 1
	}
	return n
}

// gaps returns the positions of [first, last] that are not in r.
func (r Ranges) gaps(first, last uint64) Ranges {
	out := Ranges{}
	at := first
	for _, x := range r {
		if x.Last < at {
			continue
		}
		if x.First > last {
			break
		}
		if x.First > at {
			out = append(out, Range{at, x.First - 1})
		}
		if x.Last >= last {
			return out
		}
		at = x.Last + 1
	}
	if at <= last {
		out = append(out, Range{at, last})
	}
	return out
}

// gapsIn returns the positions of the ranges in of that are not in r. Both are
// disjoint and in order; each is gone through once.
func (r Ranges) gapsIn(of Ranges) Ranges {
	out := Ranges{}
	for _, x := range of {
		for len(r) > 0 && r[0].Last < x.First {
			r = r[1:]
		}
		out = append(out, r.gaps(x.First, x.Last)...)
	}
	return out
}

// within counts the positions of r in [first, last].
func (r Ranges) within(first, last uint64) uint64 {
	n := uint64(0)
	for _, x := range r {
		if from, to := max(x.First, first), min(x.Last, last); from <= to {
			n += to - from + 1
		}
	}
	return n
}

func (r Ranges) String() string {
	var parts []string
	for i, x := range r {
		if i == 8 {
			parts = append(parts, fmt.Sprintf("… %d more", len(r)-i))
			break
		}
		parts = append(parts, x.String())
	}
	return strings.Join(parts, ", ")
}
