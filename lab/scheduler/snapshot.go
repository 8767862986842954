package scheduler

import (
	"maps"
	"slices"

	"aurorabot/lab/tjson"
)

// A snapshot is a state and the time it says it was taken at.
type snapshot struct {
	millis int64
	state  *state
}

// decodeSnapshot reads a Snapshot as the real classes do: what stands behind
// the struct is ignored, and nothing is required.
func decodeSnapshot(b []byte) (*snapshot, error) {
	s, _, err := open(b)
	if err != nil {
		return nil, err
	}
	return readSnapshot(s, s.elements(4)), nil
}

// readSnapshot builds the state from an opened Snapshot and its tasks.
func readSnapshot(s record, tasks [][]byte) *snapshot {
	st := newState()
	for _, raw := range s.elements(3) {
		st.saveHost(raw)
	}
	for _, raw := range tasks {
		t := readTask(backfill(raw))
		st.tasks[t.id] = t
	}
	for _, raw := range s.elements(5) {
		job := mustOpen(raw).raw(3, tjson.Struct)
		if job != nil {
			st.crons[readJobKey(mustOpen(job).sub(9))] = job
		}
	}
	st.frameworkID = s.sub(6).str(1)
	for _, raw := range s.elements(8) {
		q := mustOpen(raw)
		quota := q.sub(2)
		if !quota.has(4) && quota.has(1) { // a quota of before 0.14
			quota = quota.with(4, tjson.Set, resourcesOf(quota, 1, 2, 3))
		}
		st.quotas[q.str(1)] = quota.encode()
	}
	for _, raw := range s.elements(10) {
		d := mustOpen(raw).sub(1)
		u := &update{job: d.raw(1, tjson.Struct), events: d.elements(2), instanceEvents: d.elements(3)}
		st.updates[u.key()] = u
	}
	for _, raw := range s.elements(13) {
		st.maintenance[mustOpen(raw).str(1)] = raw
	}
	return &snapshot{s.i64(1), st}
}

// build is what a scheduler of a version says of itself in its snapshots.
type build map[string]string

func (b build) encode() []byte {
	raw := append([]byte{tjson.String, tjson.String}, vI32(int32(len(b)))...)
	for _, k := range slices.Sorted(maps.Keys(b)) {
		raw = append(append(raw, vString(k)...), vString(b[k])...)
	}
	return raw
}

// record is the snapshot as a Snapshot struct with the given tasks; nil leaves
// the field out.
func (s *snapshot) record(b build, tasks []*task) record {
	st := s.state
	var hosts, crons, quotas, updates, maintenance [][]byte
	for _, h := range nameOrder(st.hosts) {
		hosts = append(hosts, st.hosts[h])
	}
	for _, k := range jobOrder(st.crons) {
		crons = append(crons, record{{3, tjson.Struct, st.crons[k]}}.encode())
	}
	for _, role := range nameOrder(st.quotas) {
		quotas = append(quotas, record{{1, tjson.String, vString(role)}, {2, tjson.Struct, st.quotas[role]}}.encode())
	}
	for _, k := range slices.SortedFunc(maps.Keys(st.updates), func(a, b updateKey) int {
		if a.job.String()+a.id < b.job.String()+b.id {
			return -1
		}
		return 1
	}) {
		updates = append(updates, record{{1, tjson.Struct, st.updates[k].details()}}.encode())
	}
	for _, h := range nameOrder(st.maintenance) {
		maintenance = append(maintenance, st.maintenance[h])
	}
	metadata := record{}
	if st.frameworkID != "" {
		metadata = append(metadata, field{1, tjson.String, vString(st.frameworkID)})
	}
	metadata = append(metadata, field{8, tjson.Map, b.encode()})
	r := record{{1, tjson.I64, vI64(s.millis)}, {3, tjson.Set, vElements(tjson.Struct, hosts)}}
	if tasks != nil {
		elems := make([][]byte, len(tasks))
		for i, t := range tasks {
			elems[i] = t.raw
		}
		r = append(r, field{4, tjson.Set, vElements(tjson.Struct, elems)})
	}
	return append(r,
		field{5, tjson.Set, vElements(tjson.Struct, crons)},
		field{6, tjson.Struct, metadata.encode()},
		field{8, tjson.Set, vElements(tjson.Struct, quotas)},
		field{10, tjson.Set, vElements(tjson.Struct, updates)},
		field{13, tjson.Set, vElements(tjson.Struct, maintenance)},
	)
}

// encode writes the snapshot as a backup file holds it.
func (s *snapshot) encode(b build) []byte {
	tasks := s.state.sortedTasks(taskQuery{})
	if tasks == nil {
		tasks = []*task{}
	}
	return s.record(b, tasks).encode()
}
