package backup

import "hash/maphash"

// maxSeen is how many task ids are remembered: 4 MiB of hashes. The largest cluster known has an eighth of it.
const maxSeen = 3 << 17

// seen remembers ids by 64-bit hash. Two different ones of a million have the same hash once in 37 million files.
type seen struct {
	seed  maphash.Seed
	table []uint64 // Open addressing; 0 is a free place. At most three quarters full.
	n     int
}

// add tells whether id was added before. With maxSeen ids it remembers no more of them.
func (s *seen) add(id []byte) (twice bool) {
	if s.table == nil {
		s.seed, s.table = maphash.MakeSeed(), make([]uint64, 1<<10)
	}
	h := max(maphash.Bytes(s.seed, id), 1)
	i := s.place(s.table, h)
	if s.table[i] == h {
		return true
	}
	if s.full() {
		return false
	}
	s.table[i] = h
	if s.n++; s.n*4 > len(s.table)*3 {
		s.grow()
	}
	return false
}

func (s *seen) full() bool { return s.n >= maxSeen }

func (s *seen) place(table []uint64, h uint64) int {
	mask := uint64(len(table) - 1)
	for i := h & mask; ; i = (i + 1) & mask {
		if table[i] == 0 || table[i] == h {
			return int(i)
		}
	}
}

func (s *seen) grow() {
	next := make([]uint64, 2*len(s.table))
	for _, h := range s.table {
		if h != 0 {
			next[s.place(next, h)] = h
		}
	}
	s.table = next
}
