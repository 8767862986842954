package backup

import (
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/bound"
	"aurorabot/runner/tbinary"
)

// State is what two points in time are compared by: every task with a digest
// of its configuration, and a digest of everything else by its key. It takes some 300 bytes a task.
//
// It is made of a backup ([ReadState]), of a [Snapshot], or of a list of tasks
// that somebody else gave, such as the API or Mesos ([NewState]).
type State struct {
	Time        time.Time // Zero if it is not known.
	FrameworkID string

	tasks   map[string]stateTask
	parts   map[Field]map[string]digest // Crons and so on, by key.
	partial bool                        // Made of tasks alone.
	words   map[Field]map[string]string // What to show of a part: a quota, a schedule.
	parser  parser
	configs map[digest]digest // Canonical digest by the digest of the bytes: the instances of a job have the same bytes.

	left, tree int // Bytes of memory: of what may be kept yet, and of one element's tree.
}

// stateTask is a task and the digest of its configuration; zero if that is not known.
type stateTask struct {
	Task
	config digest
}

// NewState makes a state of tasks alone. Nothing else is compared with it, nor the tasks' configurations.
func NewState(at time.Time, tasks []Task) *State {
	s := newState()
	s.Time, s.partial = at, true
	for _, t := range tasks {
		s.tasks[t.ID] = stateTask{Task: t}
	}
	return s
}

func newState() *State {
	return &State{
		tasks: map[string]stateTask{}, parts: map[Field]map[string]digest{}, words: map[Field]map[string]string{},
		parser: parser{names: interned{}}, configs: map[digest]digest{}, left: math.MaxInt, tree: math.MaxInt,
	}
}

// State makes the state of a whole snapshot.
func (s *Snapshot) State() *State {
	out := newState()
	if out.Time = s.Time(); s.timestamp() == 0 {
		out.Time = time.Time{}
	}
	out.FrameworkID = s.FrameworkID()
	for _, id := range fullState {
		for _, e := range s.Elements(id) {
			_ = out.add(id, e) // Without bounds it never fails.
		}
	}
	return out
}

// Bounds of a backup that is compared. The largest clusters known have 50,000
// tasks; an update of 10,000 instances has some 2 MB.
const (
	maxElement = 16 << 20 // Bytes of one task, update or host.
	maxTree    = 32 << 20 // Memory of one of them while it is looked into, in bytes.
	maxState   = 40 << 20 // Memory of the state, in bytes: more than 100,000 tasks.

	perPart = 300 // Memory of a task or another element beside its text.
)

// ReadState makes the state of a backup. That it is damaged is an error: a
// comparison with half of a backup would mislead. One that would take more memory
// than the bot has for it is an error that wraps [bound.ErrTooMuch].
func ReadState(r io.Reader) (*State, error) {
	var w warnings
	s := newState()
	s.left, s.tree = maxState, maxTree
	in := tbinary.NewReader(r)
	lenient(in, &w)
	in.Odd = nil
	var elem []byte
	eachField(in, &w, func(id Field) {
		switch {
		case id == Timestamp:
			if ms := in.I64(); ms != 0 {
				s.Time = time.UnixMilli(ms).UTC()
			}
		case id == Metadata:
			eachIn(in, func(field int16, t tbinary.Type) bool {
				if field != 1 || t != tbinary.TypeString {
					return false
				}
				s.FrameworkID = string(text(in, nil))
				return true
			})
		case slices.Contains(fullState, id):
			eachStruct(in, &w, func() {
				at := in.Offset()
				if elem = in.Copy(elem[:0], tbinary.TypeStruct, maxElement); in.Err() != nil {
					return
				}
				if err := s.add(id, elem); err != nil {
					in.FailFor(at, err)
				}
			})
		default:
			skipField(in, &w, id)
		}
	})
	if err := in.Err(); err != nil {
		return nil, fmt.Errorf("reading: %w", err)
	}
	return s, nil
}

// add takes in one element; the bytes are not kept. The error is that there is no
// room for it.
func (s *State) add(id Field, e []byte) error {
	if id == TaskSet {
		task := s.parser.task(e)
		config, err := s.config(e)
		if err != nil {
			return err
		}
		s.tasks[task.ID] = stateTask{task, config}
		return s.keep(task.ID, long(task.Role), long(task.Environment), long(task.Job), long(task.Host))
	}
	d, tree, err := decoded(e, s.tree)
	if err != nil {
		return err
	}
	if s.parts[id] == nil {
		s.parts[id], s.words[id] = map[string]digest{}, map[string]string{}
	}
	k, words := partKey(id, tree), partWords(id, tree)
	s.parts[id][k], s.words[id][k] = d, words
	return s.keep(k, words)
}

// keep counts what is kept of an element.
func (s *State) keep(text ...string) error {
	n := perPart
	for _, t := range text {
		n += len(t)
	}
	if n > s.left {
		return fmt.Errorf("%w: what is compared of it would take over %d MiB of memory", bound.ErrTooMuch, maxState>>20)
	}
	s.left -= n
	return nil
}

// long is a name that has no copy shared with other tasks, "" otherwise.
func long(name string) string {
	if len(name) > maxName {
		return name
	}
	return ""
}

// config is the canonical digest of the task's TaskConfig.
func (s *State) config(e []byte) (digest, error) {
	raw := configBytes(&s.parser.r, e)
	quick := sum(raw)
	if d, ok := s.configs[quick]; ok {
		return d, nil
	}
	d, _, err := decoded(raw, s.tree)
	if err != nil {
		return d, err
	}
	if len(s.configs) >= 1<<16 {
		clear(s.configs)
	}
	s.configs[quick] = d
	return d, nil
}

// configBytes is the part of a ScheduledTask that is its TaskConfig; nil if there is none.
func configBytes(r *tbinary.Reader, e []byte) (config []byte) {
	r.ResetBytes(e)
	eachIn(r, func(id int16, t tbinary.Type) bool {
		if id != 1 || t != tbinary.TypeStruct {
			return false
		}
		eachIn(r, func(id int16, t tbinary.Type) bool {
			if id != 4 || t != tbinary.TypeStruct {
				return false
			}
			start := r.Offset()
			r.Skip(t)
			if r.Err() == nil {
				config = e[start:r.Offset()]
			}
			return true
		})
		return true
	})
	return config
}

// partKey is what tells the elements of a set apart.
func partKey(id Field, e *tbinary.Struct) string {
	jobKey := func(k *tbinary.Struct) string { return k.Str(1) + "/" + k.Str(2) + "/" + k.Str(3) }
	switch id {
	case CronJobs:
		return jobKey(e.Struct(3).Struct(9))
	case Locks:
		return jobKey(e.Struct(1).Struct(1))
	case JobUpdates:
		summary := e.Struct(1).Struct(1).Struct(1)
		if k := summary.Struct(5); k != nil {
			return jobKey(k.Struct(1)) + " " + k.Str(2)
		}
		return jobKey(summary.Struct(2)) + " " + summary.Str(1)
	default: // Hosts and roles.
		return e.Str(1)
	}
}

// partWords shows what is worth a look when it changed; "" for what has no short form.
func partWords(id Field, e *tbinary.Struct) string {
	switch id {
	case CronJobs:
		return e.Struct(3).Str(4)
	case Quotas:
		return quotaOf(e.Struct(2)).String()
	case JobUpdates:
		return updateStatus(e.Struct(1))
	case HostAttributes:
		return []string{"", "NONE", "SCHEDULED", "DRAINING", "DRAINED"}[max(0, min(4, e.I32(3)))]
	}
	return ""
}

// updateStatuses are JobUpdateStatus of api.thrift.
var updateStatuses = strings.Fields("ROLLING_FORWARD ROLLING_BACK ROLL_FORWARD_PAUSED ROLL_BACK_PAUSED ROLLED_FORWARD " +
	"ROLLED_BACK ABORTED ERROR FAILED ROLL_FORWARD_AWAITING_PULSE ROLL_BACK_AWAITING_PULSE")

// updateStatus is the status of an update's last event. The summary's own state is not stored.
func updateStatus(details *tbinary.Struct) string {
	var last *tbinary.Struct
	for event := range details.List(2).Structs() {
		if last == nil || event.I64(2) >= last.I64(2) {
			last = event
		}
	}
	if n := int(last.I32(1)); last != nil && n >= 0 && n < len(updateStatuses) {
		return updateStatuses[n]
	}
	return ""
}

// Tasks returns the tasks, sorted by id.
func (s *State) Tasks() []Task {
	out := make([]Task, 0, len(s.tasks))
	for _, id := range slices.Sorted(maps.Keys(s.tasks)) {
		out = append(out, s.tasks[id].Task)
	}
	return out
}
