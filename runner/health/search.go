package health

import (
	"encoding/binary"
	"sync"
)

// block is how many bytes of a text are looked at to tell how far the next
// literal can begin.
const block = 3

// A search finds many literals in one pass, after Wu and Manber: where the three
// bytes at hand end no part of any literal, it goes on by almost the length of
// the shortest one. Most of a log is never looked at.
type search struct {
	window   int              // Bytes of each literal that take part: the length of the shortest.
	shift    [1 << 16]uint8   // By hash of a block: how far to go on. 0: a window may end here.
	ending   map[uint16][]int // By hash of a window's last block: which literals.
	literals []literal
}

// A literal is one way to write a line of the table.
type literal struct {
	text   string
	kind   int // Index into LogFindings.
	offset int // Where its window begins.
}

var theSearch = sync.OnceValue(func() *search {
	s := &search{ending: map[uint16][]int{}}
	for k := range LogFindings {
		for _, text := range LogFindings[k].literals {
			s.literals = append(s.literals, literal{text: text, kind: k})
			if s.window == 0 || len(text) < s.window {
				s.window = len(text)
			}
		}
	}
	for i := range s.shift {
		s.shift[i] = uint8(s.window - block + 1)
	}
	for i := range s.literals {
		l := &s.literals[i]
		l.offset = rarest(l.text, s.window)
		for end := block; end <= s.window; end++ {
			at := l.offset + end
			h := hash(uint32(l.text[at-3]) | uint32(l.text[at-2])<<8 | uint32(l.text[at-1])<<16)
			s.shift[h] = min(s.shift[h], uint8(s.window-end))
			if end == s.window {
				s.ending[h] = append(s.ending[h], i)
			}
		}
	}
	return s
})

// hash spreads the lower 24 bits of v.
func hash(v uint32) uint16 { return uint16((v << 8) * 0x9E3779B1 >> 16) }

// rarest is where in text the window begins that ordinary lines are least
// likely to share: capitals and signs are rare in them.
func rarest(text string, window int) int {
	best, at := -1, 0
	for from := 0; from+window <= len(text); from++ {
		score := 0
		for i, c := range []byte(text[from : from+window]) {
			weight := 1
			if i >= window-block {
				weight = 4 // The end of the window is what is asked for first.
			}
			switch {
			case 'A' <= c && c <= 'Z':
				score += 3 * weight
			case c == ' ' || 'a' <= c && c <= 'z':
			default:
				score += 2 * weight
			}
		}
		if score > best {
			best, at = score, from
		}
	}
	return at
}

// in calls hit for every place in text where a literal stands whole.
func (s *search) in(text []byte, hit func(at int, l *literal)) {
	for i := max(s.window, block+1); i <= len(text); {
		h := hash(binary.LittleEndian.Uint32(text[i-4:]) >> 8)
		if n := s.shift[h]; n != 0 {
			i += int(n)
			continue
		}
		for _, k := range s.ending[h] {
			l := &s.literals[k]
			at := i - s.window - l.offset
			if at >= 0 && at+len(l.text) <= len(text) && string(text[at:at+len(l.text)]) == l.text {
				hit(at, l)
			}
		}
		i++
	}
}
