package scheduler

import "aurorabot/lab/tjson"

// The Ops of a transaction, by their field number in the union Op.
const (
	opSaveFrameworkID        = 1
	opSaveCronJob            = 2
	opRemoveJob              = 5
	opSaveTasks              = 6
	opRemoveTasks            = 7
	opSaveQuota              = 8
	opRemoveQuota            = 9
	opSaveHostAttributes     = 10
	opSaveJobUpdate          = 14
	opSaveJobUpdateEvent     = 15
	opSaveInstanceEvent      = 16
	opRemoveJobUpdates       = 18
	opSaveMaintenanceRequest = 19
	opRemoveMaintenance      = 20
)

// An op is one member of the union Op: its field number and encoded struct.
type op struct {
	id  int16
	raw []byte
}

func (o op) encode() []byte { return record{{o.id, tjson.Struct, o.raw}}.encode() }

// apply does one op to the state. Ops that the real loader ignores (locks,
// pruning) are ignored here.
func (s *state) apply(o op) {
	v := mustOpen(o.raw)
	switch o.id {
	case opSaveFrameworkID:
		s.frameworkID = v.str(1)
	case opSaveCronJob:
		job := v.raw(2, tjson.Struct)
		s.crons[readJobKey(mustOpen(job).sub(9))] = job
	case opRemoveJob:
		delete(s.crons, readJobKey(v.sub(2)))
	case opSaveTasks:
		for _, raw := range v.elements(1) {
			t := readTask(raw)
			s.tasks[t.id] = t
		}
	case opRemoveTasks:
		for _, e := range v.elements(1) {
			r := reader{b: e}
			delete(s.tasks, string(r.bytes()))
		}
	case opSaveQuota:
		s.quotas[v.str(1)] = v.raw(2, tjson.Struct)
	case opRemoveQuota:
		delete(s.quotas, v.str(1))
	case opSaveHostAttributes:
		s.saveHost(v.raw(1, tjson.Struct))
	case opSaveJobUpdate:
		u := &update{job: v.raw(1, tjson.Struct)}
		s.updates[u.key()] = u
	case opSaveJobUpdateEvent, opSaveInstanceEvent:
		s.saveUpdateEvent(readUpdateKey(v.sub(3)), v.raw(1, tjson.Struct), o.id == opSaveInstanceEvent)
	case opRemoveJobUpdates:
		for _, e := range v.elements(1) {
			delete(s.updates, readUpdateKey(mustOpen(e)))
		}
	case opSaveMaintenanceRequest:
		raw := v.raw(1, tjson.Struct)
		s.maintenance[mustOpen(raw).str(1)] = raw
	case opRemoveMaintenance:
		delete(s.maintenance, v.str(1))
	}
}

// saveHost keeps a host's attributes; without a slave id the real loader drops
// them.
func (s *state) saveHost(raw []byte) {
	if h := mustOpen(raw); h.has(4) {
		s.hosts[h.str(1)] = raw
	}
}

func (s *state) saveUpdateEvent(key updateKey, event []byte, instance bool) {
	old := s.updates[key]
	if old == nil {
		return
	}
	u := *old
	if instance {
		u.instanceEvents = append(append([][]byte{}, u.instanceEvents...), event)
	} else {
		u.events = append(append([][]byte{}, u.events...), event)
	}
	s.updates[key] = &u
}

// The ops that the stand-in writes itself.

func saveTasks(tasks ...*task) op {
	elems := make([][]byte, len(tasks))
	for i, t := range tasks {
		elems[i] = t.raw
	}
	return op{opSaveTasks, record{{1, tjson.Set, vElements(tjson.Struct, elems)}}.encode()}
}

func saveFrameworkID(id string) op {
	return op{opSaveFrameworkID, record{{1, tjson.String, vString(id)}}.encode()}
}

func saveQuota(role string, quota []byte) op {
	return op{opSaveQuota, record{{1, tjson.String, vString(role)}, {2, tjson.Struct, quota}}.encode()}
}

func saveCronJob(job []byte) op { return op{opSaveCronJob, record{{2, tjson.Struct, job}}.encode()} }

func removeTasks(ids ...string) op {
	return op{opRemoveTasks, record{{1, tjson.Set, vStrings(ids)}}.encode()}
}

// transaction is the LogEntry of the given ops.
func transaction(ops []op) []byte {
	elems := make([][]byte, len(ops))
	for i, o := range ops {
		elems[i] = o.encode()
	}
	t := record{{1, tjson.List, vElements(tjson.Struct, elems)}, {2, tjson.I32, vI32(1)}}
	return record{{2, tjson.Struct, t.encode()}}.encode()
}
