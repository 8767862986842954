package backup

// maxNames is how many bytes of different names are kept for the figures by
// job, role, quota and cron. A file that holds more would grow the report
// without bound; 8 MiB are some 40,000 jobs.
const maxNames = 8 << 20

// perName is what an entry of a map takes besides its text, roughly.
const perName = 80

// tally counts tasks by job, and keeps what is known by name.
type tally struct {
	jobs     map[string]*job
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
	role          string
	prefix        []byte // What the ids of its tasks begin with.
	total, active int
}

func newTally() *tally {
	return &tally{jobs: map[string]*job{}, rare: map[Status]int{}, left: maxNames}
}

// keep tells whether there is room for n more bytes of text.
func (c *tally) keep(n int) bool {
	if n+perName > c.left {
		c.left = 0
		return false
	}
	c.left -= n + perName
	return true
}

// job returns the counts of a job, nil if there is no room for it.
// fresh tells that it is the first task of the job.
func (c *tally) job(k *key) (j *job, fresh bool) {
	c.scratch = k.path(c.scratch[:0])
	if j = c.jobs[string(c.scratch)]; j != nil {
		return j, false
	}
	if !c.keep(2*len(c.scratch) + perName) {
		return nil, true
	}
	j = &job{role: string(k.role), prefix: idPrefix(k)}
	c.jobs[string(c.scratch)] = j
	return j, true
}

// count counts a task; j is nil for one without job.
func (c *tally) count(s Status, j *job) {
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
	if j != nil {
		j.total++
		if active {
			j.active++
		}
	}
}

// figures makes the report's part about tasks.
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
	for path, j := range c.jobs {
		f.ByRole[j.role] += j.total
		f.ByJob[path] = j.total
		if j.active > 0 {
			f.ActiveByJob[path] = j.active
		}
	}
	return f
}
