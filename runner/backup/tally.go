package backup

import "hash/maphash"

// maxNames is how many bytes of different names, and of what is counted of
// them, are kept for the figures by job, role, quota and cron. A file that
// holds more would grow the report without bound; 7 MiB are some 32,000 jobs.
const maxNames = 7 << 20

// What an entry takes besides its text, roughly: in the tables of the tally
// and in the maps of the report.
const (
	perName = 80
	perJob  = 200
)

// tally counts tasks by job, and keeps what is known by name.
type tally struct {
	seed     maphash.Seed
	index    []uint32 // Open addressing: indices of jobs, plus one; 0 is a free place. At most half full.
	jobs     []job
	names    []byte // Of all jobs, one after the other.
	scratch  []byte
	left     int // Bytes of maxNames that are left.
	byStatus [32]int
	rare     map[Status]int // Statuses that byStatus has no place for.
	unset    int            // Tasks without status.
	total    int
	active   int
}

// job is what is counted of one job.
type job struct {
	at, end       uint32 // Where its path lies in names.
	role          uint32 // Length of the role in it.
	total, active uint32
}

// noJob is the index of no job.
const noJob = -1

func newTally() *tally {
	return &tally{seed: maphash.MakeSeed(), index: make([]uint32, 1<<8), rare: map[Status]int{}, left: maxNames}
}

// keep tells whether there is room for n more bytes of text.
func (c *tally) keep(n int) bool { return c.take(n + perName) }

func (c *tally) take(n int) bool {
	if n > c.left {
		c.left = 0
		return false
	}
	c.left -= n
	return true
}

// job returns the index of a job, noJob if there is no room for it.
// fresh tells that it is the first task of the job.
func (c *tally) job(k *key) (j int, fresh bool) {
	c.scratch = k.path(c.scratch[:0])
	place := c.place(c.index, c.scratch)
	if i := c.index[place]; i != 0 {
		return int(i) - 1, false
	}
	if !c.take(len(c.scratch) + perJob) {
		return noJob, true
	}
	at := uint32(len(c.names))
	c.names = append(c.names, c.scratch...)
	c.jobs = append(c.jobs, job{at: at, end: uint32(len(c.names)), role: uint32(len(k.role))})
	c.index[place] = uint32(len(c.jobs))
	if 2*len(c.jobs) > len(c.index) {
		c.grow()
	}
	return len(c.jobs) - 1, true
}

func (c *tally) path(j *job) []byte { return c.names[j.at:j.end] }

// place is where in the index a path is, or belongs.
func (c *tally) place(index []uint32, path []byte) int {
	mask := uint64(len(index) - 1)
	for i := maphash.Bytes(c.seed, path) & mask; ; i = (i + 1) & mask {
		if n := index[i]; n == 0 || string(c.path(&c.jobs[n-1])) == string(path) {
			return int(i)
		}
	}
}

func (c *tally) grow() {
	next := make([]uint32, 2*len(c.index))
	for i := range c.jobs {
		next[c.place(next, c.path(&c.jobs[i]))] = uint32(i) + 1
	}
	c.index = next
}

// count counts a task; j is noJob for one without.
func (c *tally) count(s Status, j int) {
	c.total++
	switch {
	case s >= 0 && int(s) < len(c.byStatus):
		c.byStatus[s]++
	case s == unset:
		c.unset++
	case c.rare[s] > 0 || c.keep(0):
		c.rare[s]++
	}
	active := s.Active()
	if active {
		c.active++
	}
	if j != noJob {
		c.jobs[j].total++
		if active {
			c.jobs[j].active++
		}
	}
}

// figures makes the report's part about tasks. It ends the tally.
func (c *tally) figures() TaskFigures {
	f := TaskFigures{
		Total: c.total, Active: c.active,
		ByStatus: map[string]int{}, ByRole: map[string]int{}, ByJob: map[string]int{}, ActiveByJob: map[string]int{},
	}
	for s, n := range c.byStatus {
		if n > 0 {
			f.ByStatus[Status(s).String()] = n
		}
	}
	for s, n := range c.rare {
		f.ByStatus[s.String()] = n
	}
	if c.unset > 0 {
		f.ByStatus[unset.String()] = c.unset
	}
	// What the walk needed is given up: a report of many jobs need not be in memory twice.
	names := string(c.names)
	c.names, c.index = nil, nil
	for i := range c.jobs {
		j := &c.jobs[i]
		path := names[j.at:j.end]
		f.ByRole[path[:j.role]] += int(j.total)
		f.ByJob[path] = int(j.total)
		if j.active > 0 {
			f.ActiveByJob[path] = int(j.active)
		}
	}
	c.jobs = nil
	return f
}
