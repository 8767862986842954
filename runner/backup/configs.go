package backup

import "aurorabot/runner/tbinary"

// Bounds of what is kept of configurations, in bytes: of one, and of all.
const (
	maxConfig  = 16 << 10
	maxConfigs = 2 << 20
)

// configs remembers the configurations of tasks. All instances of a job have
// the same bytes there, and these are most of a backup: where they come again
// they are compared, which is many times faster than to walk over them. The
// same bytes mean the same, for what a walk makes of them depends on nothing else.
type configs struct {
	byJob map[string]*config // By what ids of the job's tasks begin with.
	left  int                // Bytes of maxConfigs that are left.
	warn  *warnings
}

// config is a TaskConfig that was walked over, and is odd in nothing.
type config struct {
	raw      []byte
	key, old key
	job      int    // Index of the job in the tally, once it is counted.
	prefix   []byte // What the ids of the job's tasks begin with; nil before.
}

func newConfigs(w *warnings) *configs {
	return &configs{byJob: map[string]*config{}, left: maxConfigs, warn: w}
}

// read walks over the task's TaskConfig, or passes over it if it is known.
func (c *configs) read(t *row, r *tbinary.Reader) {
	if t.same != nil { // A task with two configurations has the fields of both.
		t.key.set(&t.same.key)
		t.old.set(&t.same.old)
		t.same = nil
	}
	if c == nil || len(t.id) == 0 || t.configured {
		t.config(r)
		return
	}
	t.configured = true
	of := jobOf(t.id)
	known := c.byJob[string(of)]
	if known != nil && r.Match(known.raw) {
		t.same = known
		return
	}
	start, odd := r.Offset(), c.oddities()
	t.config(r)
	if known != nil || odd != c.oddities() {
		return
	}
	raw := r.Since(start)
	if need := len(raw) + 3*len(of) + 3*perName; len(raw) > 0 && len(raw) <= maxConfig && need <= c.left {
		c.left -= need
		known = &config{raw: append([]byte(nil), raw...)}
		known.key.set(&t.key)
		known.old.set(&t.old)
		c.byJob[string(of)] = known
	}
}

// oddities counts what a walk over a TaskConfig may warn of.
func (c *configs) oddities() int {
	return c.warn[oddUTF8].n + c.warn[oddControl].n + c.warn[oddUnknownType].n + c.warn[oddElements].n
}

// jobOf is a task's id without its instance and UUID, if it has them.
func jobOf(id []byte) []byte {
	const uuid = len("-3a027a4f-66c4-4ed4-9733-eb7e10a1cd0e")
	id = id[:max(0, len(id)-uuid)]
	for len(id) > 0 && id[len(id)-1] >= '0' && id[len(id)-1] <= '9' {
		id = id[:len(id)-1]
	}
	return id
}
