package scheduler

import "aurorabot/lab/tjson"

// A status is Aurora's ScheduleStatus.
type status int32

const (
	statusPending  status = 0
	statusStarting status = 1
	statusRunning  status = 2
	statusFinished status = 3
	statusFailed   status = 4
	statusKilled   status = 5
	statusKilling  status = 6
	statusLost     status = 7
	statusAssigned status = 9
)

// statusNames are the statuses of 0.22 by number.
var statusNames = map[status]string{
	0: "PENDING", 1: "STARTING", 2: "RUNNING", 3: "FINISHED", 4: "FAILED", 5: "KILLED", 6: "KILLING", 7: "LOST",
	9: "ASSIGNED", 11: "INIT", 12: "RESTARTING", 13: "PREEMPTING", 16: "THROTTLED", 17: "DRAINING", 18: "PARTITIONED",
}

// active is ACTIVE_STATES: what counts as alive.
func (s status) active() bool {
	switch s {
	case 0, 1, 2, 6, 9, 12, 13, 16, 17, 18:
		return true
	}
	return false
}

// placed says whether a task in this status stands on an agent, so that Mesos
// must know it.
func (s status) placed() bool { return s.active() && s != statusPending && s != 16 }

// A jobKey names a job.
type jobKey struct{ role, environment, name string }

func (k jobKey) String() string { return k.role + "/" + k.environment + "/" + k.name }

func readJobKey(s record) jobKey { return jobKey{s.str(1), s.str(2), s.str(3)} }

func (k jobKey) encode() []byte {
	return record{{1, tjson.String, vString(k.role)}, {2, tjson.String, vString(k.environment)}, {3, tjson.String, vString(k.name)}}.encode()
}

// A task is one ScheduledTask: what queries ask for, and all of it encoded.
type task struct {
	id       string
	job      jobKey
	instance int32
	status   status
	agent    string // slaveId
	host     string // slaveHost
	raw      []byte
}

// readTask opens one ScheduledTask.
func readTask(raw []byte) *task {
	s := mustOpen(raw)
	assigned := s.sub(1)
	config := assigned.sub(4)
	return &task{
		id: assigned.str(1), agent: assigned.str(2), host: assigned.str(3), instance: assigned.i32(6),
		job: configJob(config), status: status(s.i32(2)), raw: raw,
	}
}

// configJob is the job of a TaskConfig. Before 0.7 it had no key of its own; the
// real scheduler leaves such a task without one, and so do we.
func configJob(config record) jobKey {
	if config.has(28) {
		return readJobKey(config.sub(28))
	}
	return jobKey{}
}

// config is the task's TaskConfig, encoded.
func (t *task) config() []byte { return mustOpen(t.raw).sub(1).raw(4, tjson.Struct) }

// withStatus is the task after it went to another status at the given time.
func (t *task) withStatus(to status, millis int64, message, host string) *task {
	s := mustOpen(t.raw)
	event := record{{1, tjson.I64, vI64(millis)}, {2, tjson.I32, vI32(int32(to))}}
	if message != "" {
		event = append(event, field{3, tjson.String, vString(message)})
	}
	event = append(event, field{4, tjson.String, vString(host)})
	events := append(append([][]byte{}, s.elements(4)...), event.encode())
	return readTask(s.with(2, tjson.I32, vI32(int32(to))).with(4, tjson.List, vElements(tjson.Struct, events)).encode())
}

// on is the task placed on an agent.
func (t *task) on(agent, host string) *task {
	s := mustOpen(t.raw)
	assigned := s.sub(1).with(2, tjson.String, vString(agent)).with(3, tjson.String, vString(host))
	return readTask(s.with(1, tjson.Struct, assigned.encode()).encode())
}

// backfill gives a task of an old release what 0.22 wants: the resource fields
// of before 0.14 become the set of resources.
func backfill(raw []byte) []byte {
	s := mustOpen(raw)
	assigned := s.sub(1)
	config := assigned.sub(4)
	if config == nil || config.has(32) || !config.has(8) {
		return raw
	}
	config = config.with(32, tjson.Set, resourcesOf(config, 8, 9, 10))
	return s.with(1, tjson.Struct, assigned.with(4, tjson.Struct, config.encode()).encode()).encode()
}

// resourcesOf makes the set of resources from cpu, ram and disk fields.
func resourcesOf(s record, cpu, ram, disk int16) []byte {
	var elems [][]byte
	for i, id := range []int16{cpu, ram, disk} {
		t := tjson.I64
		if i == 0 {
			t = tjson.Double
		}
		if raw := s.raw(id, t); raw != nil {
			elems = append(elems, record{{int16(i + 1), t, raw}}.encode())
		}
	}
	return vElements(tjson.Struct, elems)
}
