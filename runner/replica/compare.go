package replica

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner/replica/leveldb"
)

// Verdict is what several replicas of one log amount to.
type Verdict string

// The verdicts, best first. One that is worse hides those above it.
const (
	VerdictHealthy    Verdict = "healthy"     // A quorum of VOTING replicas is whole and none lags.
	VerdictLags       Verdict = "lags"        // A quorum is whole; another replica lacks something.
	VerdictQuorumLost Verdict = "quorum lost" // Fewer than a quorum are whole and VOTING, or a quorum of voters lacks what was agreed on.
	VerdictDiverged   Verdict = "diverged"    // Two call other bytes learned at the same position.
	VerdictUnknown    Verdict = "cannot tell" // Some could not be looked at, and it depends on them.
)

// Comparison is the outcome of [Compare].
type Comparison struct {
	Verdict Verdict `json:"verdict"`
	Quorum  int     `json:"quorum"`
	Voting  int     `json:"voting"` // Whole replicas in status VOTING.
	Begin   uint64  `json:"begin"`  // Highest of all.
	End     uint64  `json:"end"`    // Highest of all.

	// Missing are, per replica, the positions from Begin to End that it has not
	// learned but another one has: how far it lags.
	Missing []uint64 `json:"missing"`

	Diverged   []Divergence `json:"diverged"`
	Uncompared Ranges       `json:"uncompared"` // Learned by several, but the digests are too coarse to compare them.
	Why        []string     `json:"why"`        // One sentence per replica that is not as it should be.
}

// Divergence is a position, or a chunk of positions, at which two replicas
// have learned other bytes.
type Divergence struct {
	Range Range `json:"range"`
	A     int   `json:"a"` // Index of one replica.
	B     int   `json:"b"` // Index of the other.
}

// maxDivergences bounds the list; one is as bad as a thousand.
const maxDivergences = 100

// Compare sets the reports of all replicas of one log side by side. They may
// come from several hosts: what it compares are digests. It takes as many
// replicas as reports are given for the whole group.
func Compare(reports []Report) Comparison {
	c := Comparison{Quorum: len(reports)/2 + 1, Missing: make([]uint64, len(reports)), Diverged: []Divergence{}, Uncompared: Ranges{}, Why: []string{}}
	unknown := 0
	for i := range reports {
		r := &reports[i]
		c.Begin, c.End = max(c.Begin, r.Begin), max(c.End, r.End)
		switch {
		case r.State == StateLocked || r.State == StateUnreadable:
			unknown++
			c.say(r, "%s", r.Error)
		case !r.State.Whole() && !(r.TornOnly() && heldByQuorum(reports, r.Begin, r.End)):
			c.say(r, "%s: %s", r.State, r.Error)
		case r.Status == Voting.String():
			c.Voting++
			if r.State == StateDamaged {
				c.say(r, "its write-ahead log ends inside a record, but a quorum holds every position up to %d: what is lost was not agreed on with its help", r.End)
			}
		default:
			c.say(r, "status %s: it does not vote", r.Status)
		}
	}
	lags := c.lag(reports)
	forgotten := c.forgotten(reports)
	for i := range reports {
		for j := i + 1; j < len(reports); j++ {
			c.pair(reports, i, j)
		}
	}
	switch {
	case len(c.Diverged) > 0:
		c.Verdict = VerdictDiverged
	case c.Voting >= c.Quorum && forgotten:
		c.Verdict = VerdictQuorumLost
	case c.Voting >= c.Quorum && (lags || c.Voting < len(reports)):
		c.Verdict = VerdictLags
	case c.Voting >= c.Quorum:
		c.Verdict = VerdictHealthy
	case c.Voting+unknown >= c.Quorum:
		c.Verdict = VerdictUnknown
	default:
		c.Verdict = VerdictQuorumLost
	}
	if c.Verdict == VerdictHealthy && len(c.Uncompared) > 0 {
		c.Why = append(c.Why, fmt.Sprintf("positions %s were not compared byte by byte", c.Uncompared))
	}
	return c
}

func (c *Comparison) say(r *Report, format string, args ...any) {
	c.Why = append(c.Why, r.Path+": "+strings.TrimPrefix(fmt.Sprintf(format, args...), r.Path+": "))
}

// learned is what r has learned from begin on.
func (r *Report) learned() Ranges {
	missing := slices.Concat(r.Holes, r.Unlearned)
	slices.SortFunc(missing, byFirst)
	if r.Status == "" || (r.End == 0 && len(r.Holes) > 0) {
		return nil
	}
	return missing.gaps(r.Begin, r.End)
}

// lag counts what each replica lacks of what another one has learned.
func (c *Comparison) lag(reports []Report) bool {
	lags := false
	union := c.agreedOn(reports)
	for i := range reports {
		r := &reports[i]
		c.Missing[i] += r.learned().gapsIn(union).Count()
		if c.Missing[i] == 0 {
			continue
		}
		lags = true
		if r.State.Whole() && r.Status == Voting.String() {
			c.say(r, "lacks %d positions that another replica has learned (%d-%d, holes %s)", c.Missing[i], r.Begin, r.End, orNone(r.Holes))
		}
	}
	return lags
}

func orNone(r Ranges) string {
	if len(r) == 0 {
		return "none"
	}
	return r.String()
}

// agreedOn is what any replica has learned, from the highest beginning on.
func (c *Comparison) agreedOn(reports []Report) Ranges {
	var all, union Ranges
	for i := range reports {
		all = append(all, reports[i].learned()...)
	}
	slices.SortFunc(all, byFirst)
	for _, x := range all {
		x.First = max(x.First, c.Begin)
		if x.First > x.Last {
			continue
		}
		if n := len(union); n > 0 && x.First <= union[n-1].Last+1 {
			union[n-1].Last = max(union[n-1].Last, x.Last)
			continue
		}
		union = append(union, x)
	}
	return union
}

// forgotten tells whether a quorum of replicas that vote lacks a position that
// was agreed on: they could elect a writer which writes it anew. So it is
// after a wrong initialize, before anything was written.
func (c *Comparison) forgotten(reports []Report) bool {
	type edge struct {
		at   uint64
		step int
	}
	var edges []edge
	union := c.agreedOn(reports)
	for i := range reports {
		r := &reports[i]
		if r.Status != Voting.String() {
			continue
		}
		for _, g := range r.present().gapsIn(union) {
			edges = append(edges, edge{g.First, 1}, edge{g.Last + 1, -1})
		}
	}
	slices.SortFunc(edges, func(a, b edge) int { return cmp.Or(cmp.Compare(a.at, b.at), cmp.Compare(a.step, b.step)) })
	lacking := 0
	for _, e := range edges {
		if lacking += e.step; lacking >= c.Quorum {
			c.Why = append(c.Why, fmt.Sprintf("position %d was agreed on, but %d replicas that vote, a quorum, have nothing there: they may write it again", e.at, lacking))
			return true
		}
	}
	return false
}

// present is where r has a record, or had one that is cut off.
func (r *Report) present() Ranges {
	if r.End == 0 && len(r.Holes) > 0 {
		return nil
	}
	return r.Holes.gaps(0, r.End)
}

// TornOnly tells whether nothing is wrong but that write-ahead logs end inside
// a record, as after a crash.
func (r *Report) TornOnly() bool {
	for _, d := range r.Damage {
		if d.What != leveldb.TornTail {
			return false
		}
	}
	return r.State == StateDamaged && len(r.Damage) > 0
}

// heldByQuorum tells whether a quorum of the replicas has learned, or has cut
// off, every position from begin to end. A single replica proves nothing.
func heldByQuorum(reports []Report, begin, end uint64) bool {
	holders := 0
	for i := range reports {
		r := &reports[i]
		whole := r.State.Whole() || r.TornOnly()
		if from := max(begin, r.Begin); whole && r.Status == Voting.String() && (from > end || len(r.learned().gaps(from, end)) == 0) {
			holders++
		}
	}
	return len(reports) > 1 && holders >= len(reports)/2+1
}

func byFirst(a, b Range) int { return cmp.Compare(a.First, b.First) }

// pair compares what two replicas have learned, chunk by chunk.
func (c *Comparison) pair(reports []Report, i, j int) {
	a, b := reports[i].Digests, reports[j].Digests
	for len(a) > 0 && len(b) > 0 {
		switch {
		case a[0].First < b[0].First:
			a = a[1:]
			continue
		case a[0].First > b[0].First:
			b = b[1:]
			continue
		}
		c.chunk(reports, i, j, &a[0], &b[0])
		a, b = a[1:], b[1:]
	}
}

func (c *Comparison) chunk(reports []Report, i, j int, a, b *Digest) {
	whole := Range{a.First, a.First + chunkSize - 1}
	if a.Count == b.Count && a.Sum == b.Sum {
		return
	}
	// A digest from elsewhere may be anything; one that cannot be read is like none.
	pa, errA := a.positions()
	pb, errB := b.positions()
	if errA != nil || errB != nil {
		if a.Count == chunkSize && b.Count == chunkSize {
			c.diverge(whole, i, j)
			return
		}
		if n := len(c.Uncompared); n == 0 || c.Uncompared[n-1].First < whole.First {
			c.Uncompared = append(c.Uncompared, whole)
		}
		return
	}
	var bad Ranges
	for n := range uint64(chunkSize) {
		p := whole.First + n
		x, inA := pa[p]
		y, inB := pb[p]
		// What one has cut off already may be leftovers in the other.
		if inA && inB && x != y && p >= max(reports[i].Begin, reports[j].Begin) {
			bad.add(p)
		}
	}
	for _, r := range bad {
		c.diverge(r, i, j)
	}
}

func (c *Comparison) diverge(r Range, i, j int) {
	if len(c.Diverged) < maxDivergences {
		c.Diverged = append(c.Diverged, Divergence{r, i, j})
	}
}
