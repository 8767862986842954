package journal

import (
	"cmp"
	"maps"
	"os"
	"slices"
	"time"

	"aurorabot/runner"
)

// Runs whose events are remembered at once, and how many events of each. A run of
// three hosts has some 130.
const (
	remembered = 8
	longest    = 20_000
)

// A memory is what the owner of the folder has read and written of an open run:
// decisions, messages and the command socket ask for it a hundred times in a run.
// It counts only while the file has the length and the time that this process left
// it with; else the file is read again, and held against its chain.
type memory struct {
	events []runner.Event
	size   int64
	at     time.Time // When the file was changed last, by its file system.
	asked  int       // The number of the question that asked for it last: the smallest one gives way.
}

// recall returns the events that are remembered, if the file is as it was left.
func (d *Dir) recall(run string) ([]runner.Event, bool) {
	m := d.memories[run]
	if m == nil {
		return nil, false
	}
	path, err := d.file(run)
	if err != nil {
		return nil, false
	}
	if st, err := os.Stat(path); err != nil || st.Size() != m.size || !st.ModTime().Equal(m.at) {
		delete(d.memories, run)
		return nil, false
	}
	d.asked++
	m.asked = d.asked
	return slices.Clone(m.events), true
}

// remember keeps what was just read, or written, of an open run. st is of its file,
// from before it was read or from after it was written.
func (d *Dir) remember(run string, events []runner.Event, st os.FileInfo) {
	delete(d.memories, run)
	n := len(events)
	if d.lock == nil || st == nil || n == 0 || n > longest || events[n-1].Kind == runner.RunClosed {
		return
	}
	if len(d.memories) >= remembered {
		oldest := slices.MinFunc(slices.Collect(maps.Keys(d.memories)), func(a, b string) int {
			return cmp.Compare(d.memories[a].asked, d.memories[b].asked)
		})
		delete(d.memories, oldest)
	}
	d.asked++
	d.memories[run] = &memory{events: events, size: st.Size(), at: st.ModTime(), asked: d.asked}
}

func (d *Dir) beganAt(run string) (int64, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at, known := d.began[run]
	return at, known
}

func (d *Dir) beganIs(run string, at int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.lock != nil {
		d.began[run] = at
	}
}
