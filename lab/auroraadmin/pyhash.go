package auroraadmin

// The real client is a Python 2.7 program, and prints several things in the
// order in which that one's sets and dictionaries hold them. The order follows
// from the strings alone, so it can be had here too.

// pyHash is Python 2.7's hash of a byte string on a 64-bit machine.
func pyHash(s string) uint64 {
	if s == "" {
		return 0
	}
	x := uint64(s[0]) << 7
	for i := range len(s) {
		x = 1000003*x ^ uint64(s[i])
	}
	x ^= uint64(len(s))
	if x == ^uint64(0) {
		x--
	}
	return x
}

// pyTable is the open-addressing table under sets and dictionaries.
type pyTable struct {
	slots []string
	used  []bool
	fill  int
	// growth is the factor by which a full table grows: 4 for both kinds as
	// long as they are small, which is all that we need.
	growth int
}

func newPyTable(size int) *pyTable {
	return &pyTable{slots: make([]string, size), used: make([]bool, size), growth: 4}
}

func (t *pyTable) place(s string) bool {
	hash := pyHash(s)
	mask := uint64(len(t.slots) - 1)
	i := hash
	for perturb := hash; ; perturb >>= 5 {
		at := i & mask
		if !t.used[at] {
			t.slots[at], t.used[at] = s, true
			return true
		}
		if t.slots[at] == s {
			return false
		}
		i = i<<2 + i + perturb + 1
	}
}

func (t *pyTable) add(s string) {
	if !t.place(s) {
		return
	}
	t.fill++
	if t.fill*3 < len(t.slots)*2 {
		return
	}
	size := 8
	for want := t.fill * t.growth; size <= want; size <<= 1 {
	}
	old := t.order()
	t.slots, t.used = make([]string, size), make([]bool, size)
	for _, s := range old {
		t.place(s)
	}
}

func (t *pyTable) order() []string {
	var all []string
	for i, used := range t.used {
		if used {
			all = append(all, t.slots[i])
		}
	}
	return all
}

// pyOrder gives the strings, each once, in the order of a Python 2.7 set or
// dictionary that they were put into one after another.
func pyOrder(strings []string) []string {
	t := newPyTable(8)
	for _, s := range strings {
		t.add(s)
	}
	return t.order()
}

// pyCopyOrder gives the strings in the order of a dictionary that was filled
// from another one at once, as keyword arguments are: its table is made large
// enough beforehand, and so is another one than after single insertions.
func pyCopyOrder(strings []string) []string {
	source := pyOrder(strings)
	size := 8
	for len(source)*3 >= 8*2 && size <= len(source)*2 {
		size <<= 1
	}
	t := newPyTable(size)
	for _, s := range source {
		t.place(s)
	}
	return t.order()
}
