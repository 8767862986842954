package mesoslog

import "slices"

// span is a closed range of positions.
type span struct{ From, To uint64 }

// spans is a set of positions, as sorted spans that neither touch nor
// overlap. A damaged log can have a hole as wide as its last position, so
// positions are not kept one by one.
type spans []span

func (s spans) contains(p uint64) bool {
	i, _ := slices.BinarySearchFunc(s, p, func(e span, p uint64) int {
		switch {
		case e.To < p:
			return -1
		case e.From > p:
			return 1
		}
		return 0
	})
	return i < len(s) && s[i].From <= p && p <= s[i].To
}

// count is the number of positions in the set.
func (s spans) count() uint64 {
	var n uint64
	for _, e := range s {
		n += e.To - e.From + 1
	}
	return n
}

// add puts the positions from … to into the set.
func (s spans) add(from, to uint64) spans {
	if to < from {
		return s
	}
	out := make(spans, 0, len(s)+1)
	i := 0
	for ; i < len(s) && s[i].To+1 < from; i++ {
		out = append(out, s[i])
	}
	for ; i < len(s) && s[i].From <= to+1; i++ {
		from, to = min(from, s[i].From), max(to, s[i].To)
	}
	out = append(out, span{from, to})
	return append(out, s[i:]...)
}

// remove takes the positions from … to out of the set.
func (s spans) remove(from, to uint64) spans {
	if to < from || len(s) == 0 || s[len(s)-1].To < from || to < s[0].From {
		return s
	}
	out := make(spans, 0, len(s)+1)
	for _, e := range s {
		if e.To < from || to < e.From {
			out = append(out, e)
			continue
		}
		if e.From < from {
			out = append(out, span{e.From, from - 1})
		}
		if to < e.To {
			out = append(out, span{to + 1, e.To})
		}
	}
	return out
}
