package replica

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"aurorabot/runner/backup"
	"aurorabot/runner/tbinary"
)

// state is what a scheduler has in memory: a snapshot taken apart by keys, so
// that transactions can be applied to it. Elements stay encoded; job updates
// are trees, for their events come one by one.
type state struct {
	base  *backup.Snapshot // Fields that no transaction changes are taken from it.
	epoch bool             // Written by a release before 0.20: prune and lock Ops took effect.

	framework   string
	tasks       map[string]backup.Element // By task id.
	crons       map[string]backup.Element // By job key.
	quotas      map[string]backup.Element // By role.
	hosts       map[string]backup.Element // Host attributes by host.
	maintenance map[string]backup.Element // By host.
	locks       map[string]backup.Element // By their key, encoded.
	updates     map[string]*update        // By job key and id.

	looks   int              // See look.
	newest  int64            // Latest time, in ms, that anything says of itself.
	ignored map[string]int64 // What was passed over, as the real loader does, by reason.
}

// newState takes a snapshot apart. A nil base is the state before the first
// snapshot: nothing.
func newState(base *backup.Snapshot) (*state, error) {
	s := &state{
		base:  base,
		tasks: map[string]backup.Element{}, crons: map[string]backup.Element{}, quotas: map[string]backup.Element{},
		hosts: map[string]backup.Element{}, maintenance: map[string]backup.Element{}, locks: map[string]backup.Element{},
		updates: map[string]*update{}, ignored: map[string]int64{},
	}
	if base == nil {
		s.base = backup.New()
		return s, nil
	}
	s.framework = base.FrameworkID()
	s.epoch = beforeLocksWent(base)
	s.saw(base.Time().UnixMilli())
	for _, part := range []struct {
		field backup.Field
		save  func(*tbinary.Struct) error
	}{
		{backup.TaskSet, s.saveTask},
		{backup.CronJobs, s.saveCron},
		{backup.Quotas, func(q *tbinary.Struct) error { return s.saveQuota(q) }},
		{backup.HostAttributes, s.saveHost},
		{backup.MaintenanceRequests, s.saveMaintenance},
		{backup.JobUpdates, s.loadUpdate},
		{backup.Locks, s.saveLock},
	} {
		for i, e := range base.Elements(part.field) {
			tree, err := e.Struct()
			if err == nil {
				err = part.save(tree)
			}
			if err != nil {
				return nil, fmt.Errorf("%s %d of the snapshot: %w", part.field, i, err)
			}
		}
	}
	return s, nil
}

// beforeLocksWent tells whether the snapshot is of a release before 0.20.
func beforeLocksWent(b *backup.Snapshot) bool {
	m := b.Metadata()
	for key, value := range m.Map(8).Strings() {
		var major, minor int
		if key != "version" {
			continue
		}
		if n, _ := fmt.Sscanf(value, "%d.%d", &major, &minor); n == 2 {
			return major == 0 && minor < 20
		}
	}
	return m.Has(3) || m.Has(7) || len(b.Elements(backup.Locks)) > 0
}

func (s *state) saw(ms int64) { s.newest = max(s.newest, ms) }

func (s *state) ignore(why string) { s.ignored[why]++ }

// snapshot puts the state together again, sorted, so that the same log gives
// the same bytes.
func (s *state) snapshot() *backup.Snapshot {
	out := s.base
	out.SetTimestamp(s.newest)
	if s.framework != "" {
		out.SetFrameworkID(s.framework)
	}
	for field, part := range map[backup.Field]map[string]backup.Element{
		backup.TaskSet: s.tasks, backup.CronJobs: s.crons, backup.Quotas: s.quotas,
		backup.HostAttributes: s.hosts, backup.MaintenanceRequests: s.maintenance, backup.Locks: s.locks,
	} {
		s.put(field, ordered(part))
	}
	updates := make([]backup.Element, 0, len(s.updates))
	for _, key := range slices.Sorted(maps.Keys(s.updates)) {
		updates = append(updates, s.updates[key].element())
	}
	s.put(backup.JobUpdates, updates)
	return out
}

// put sets a field, unless that would add an empty field which the release
// that wrote the snapshot does not have.
func (s *state) put(field backup.Field, elems []backup.Element) {
	if len(elems) > 0 || s.base.Elements(field) != nil {
		s.base.SetElements(field, elems)
	}
}

func ordered(m map[string]backup.Element) []backup.Element {
	out := make([]backup.Element, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		out = append(out, m[key])
	}
	return out
}

// need is the error for an element without what it is known by.
func need(what, key string) error {
	if key == "" {
		return fmt.Errorf("%s is missing", what)
	}
	return nil
}

func (s *state) saveTask(t *tbinary.Struct) error {
	id := t.Struct(1).Str(1)
	if err := need("a task's id", id); err != nil {
		return err
	}
	for e := range t.List(4).Structs() {
		s.saw(e.I64(1))
	}
	s.tasks[id] = t.Encode()
	return nil
}

// saveCron takes a StoredCronJob or, to 0.7, a StoredJob.
func (s *state) saveCron(c *tbinary.Struct) error {
	key := jobKey(c.Struct(3).Struct(9))
	if err := need("a cron job's key", key); err != nil {
		return err
	}
	s.crons[key] = c.Encode()
	return nil
}

func (s *state) saveQuota(q *tbinary.Struct) error {
	role := q.Str(1)
	if err := need("a quota's role", role); err != nil {
		return err
	}
	s.quotas[role] = q.Encode()
	return nil
}

func (s *state) saveHost(h *tbinary.Struct) error {
	if err := need("a host's name", h.Str(1)); err != nil {
		return err
	}
	if !h.Has(4) {
		s.ignore("host attributes without an agent id")
		return nil
	}
	s.hosts[h.Str(1)] = h.Encode()
	return nil
}

func (s *state) saveMaintenance(m *tbinary.Struct) error {
	if err := need("a maintenance request's host", m.Str(1)); err != nil {
		return err
	}
	s.saw(m.I64(4))
	s.maintenance[m.Str(1)] = m.Encode()
	return nil
}

func (s *state) saveLock(l *tbinary.Struct) error {
	key := l.Struct(1)
	if key == nil { // Of a nil Lock, too.
		return need("a lock's key", "")
	}
	s.locks[string(key.Encode())] = l.Encode()
	return nil
}

// jobKey is role/environment/name, "" without a name. None of the three can
// hold a slash.
func jobKey(k *tbinary.Struct) string {
	if k.Str(3) == "" {
		return ""
	}
	return strings.Join([]string{k.Str(1), k.Str(2), k.Str(3)}, "/")
}
