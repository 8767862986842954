package scheduler

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/lab/tjson"
)

// The calls of the API that concern recovery, backups and snapshots.

func (s *scheduler) stageRecovery(a record) result {
	return result{err: s.backups.stage(a.str(1), s.version)}
}

// queryRecovery ignores offset and limit, as recorded.
func (s *scheduler) queryRecovery(a record) result {
	snap, err := s.backups.stagedSnapshot()
	if err != nil {
		return result{err: err}
	}
	return result{id: 9, body: record{{1, tjson.Set, taskElements(snap.state.sortedTasks(readQuery(a.sub(1))), false)}}}
}

func (s *scheduler) deleteRecoveryTasks(a record) result {
	return result{err: s.backups.drop(readQuery(a.sub(1)))}
}

func (s *scheduler) commitRecovery(record) result {
	drop := s.knobs.get("COMMIT_FAULT") == faultDropReply
	err := s.commit("qtp-commit")
	if drop && err == nil {
		err = errDropped
	}
	return result{err: err}
}

func (s *scheduler) unloadRecovery(record) result {
	s.backups.unload()
	return result{}
}

func (s *scheduler) listBackups(record) result {
	names, err := s.backups.list()
	if err != nil {
		return result{err: err}
	}
	return result{id: 6, body: record{{1, tjson.Set, vStrings(names)}}}
}

func (s *scheduler) performBackup(record) result { return result{err: s.backup("qtp")} }

func (s *scheduler) takeSnapshot(record) result { return result{err: s.snapshot("qtp")} }

// The calls that look at the state.

func taskElements(tasks []*task, bare bool) []byte {
	elems := make([][]byte, len(tasks))
	for i, t := range tasks {
		elems[i] = t.raw
		if bare {
			elems[i] = withoutConfig(t.raw)
		}
	}
	return vElements(tjson.Struct, elems)
}

// withoutConfig leaves out the data of the executor, the bulk of a config.
func withoutConfig(raw []byte) []byte {
	whole := mustOpen(raw)
	assigned := whole.sub(1)
	config := assigned.sub(4)
	executor := config.raw(25, tjson.Struct)
	if executor == nil {
		return raw
	}
	config = config.with(25, tjson.Struct, mustOpen(executor).without(2).encode())
	return whole.with(1, tjson.Struct, assigned.with(4, tjson.Struct, config.encode()).encode()).encode()
}

func (s *scheduler) tasks(a record, bare bool) result {
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	q := readQuery(a.sub(1))
	found := st.sortedTasks(q)
	if q.offset > 0 {
		found = found[min(int(q.offset), len(found)):]
	}
	if q.limit > 0 {
		found = found[:min(int(q.limit), len(found))]
	}
	return result{id: 3, body: record{{1, tjson.List, taskElements(found, bare)}}}
}

func (s *scheduler) getTasksStatus(a record) result         { return s.tasks(a, false) }
func (s *scheduler) getTasksWithoutConfigs(a record) result { return s.tasks(a, true) }

// getJobs returns the cron jobs and the jobs with active tasks, of one role or
// of all.
func (s *scheduler) getJobs(a record) result {
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	role := a.str(1)
	var elems [][]byte
	running := map[jobKey][]*task{}
	for _, t := range st.sortedTasks(taskQuery{role: role}) {
		if t.status.active() {
			running[t.job] = append(running[t.job], t)
		}
	}
	for _, k := range jobOrder(st.crons) {
		if role == "" || k.role == role {
			elems = append(elems, st.crons[k])
			delete(running, k)
		}
	}
	for _, k := range jobOrder(running) {
		config := running[k][0].config()
		owner := mustOpen(config).raw(17, tjson.Struct)
		job := record{{6, tjson.Struct, config}, {8, tjson.I32, vI32(int32(len(running[k])))}, {9, tjson.Struct, k.encode()}}
		if owner != nil {
			job = job.with(7, tjson.Struct, owner)
		}
		elems = append(elems, job.encode())
	}
	return result{id: 4, body: record{{1, tjson.Set, vElements(tjson.Struct, elems)}}}
}

// updatesOf returns the updates that a JobUpdateQuery matches by role, job and
// key, in the order of their keys.
func (s *scheduler) updatesOf(q record) ([]record, error) {
	st, err := s.storage.read()
	if err != nil {
		return nil, err
	}
	var keys []updateKey
	for k := range st.updates {
		if q.has(2) && q.str(2) != k.job.role || q.has(3) && readJobKey(q.sub(3)) != k.job || q.has(8) && readUpdateKey(q.sub(8)) != k {
			continue
		}
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b updateKey) int { return strings.Compare(a.job.String()+a.id, b.job.String()+b.id) })
	out := make([]record, len(keys))
	for i, k := range keys {
		out[i] = mustOpen(st.updates[k].details())
	}
	return out, nil
}

func (s *scheduler) getJobUpdateSummaries(a record) result {
	found, err := s.updatesOf(a.sub(1))
	if err != nil {
		return result{err: err}
	}
	elems := make([][]byte, len(found))
	for i, u := range found {
		elems[i] = u.sub(1).raw(1, tjson.Struct)
	}
	return result{id: 23, body: record{{1, tjson.List, vElements(tjson.Struct, elems)}}}
}

func (s *scheduler) getJobUpdateDetails(a record) result {
	q := a.sub(2)
	if a.has(1) {
		q = record{{8, tjson.Struct, a.raw(1, tjson.Struct)}}
	}
	found, err := s.updatesOf(q)
	if err != nil {
		return result{err: err}
	}
	elems := make([][]byte, len(found))
	for i, u := range found {
		elems[i] = u.encode()
	}
	body := record{{2, tjson.List, vElements(tjson.Struct, elems)}}
	if len(elems) > 0 {
		body = body.with(1, tjson.Struct, elems[0])
	}
	return result{id: 24, body: body}
}

func (s *scheduler) getRoleSummary(record) result {
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	jobs, crons := map[string]map[jobKey]bool{}, map[string]int32{}
	for _, t := range st.tasks {
		if t.status.active() {
			if jobs[t.job.role] == nil {
				jobs[t.job.role] = map[jobKey]bool{}
			}
			jobs[t.job.role][t.job] = true
		}
	}
	for k := range st.crons {
		crons[k.role]++
		if jobs[k.role] == nil {
			jobs[k.role] = map[jobKey]bool{}
		}
	}
	var elems [][]byte
	for _, role := range nameOrder(jobs) {
		elems = append(elems, record{
			{1, tjson.String, vString(role)}, {2, tjson.I32, vI32(int32(len(jobs[role])))}, {3, tjson.I32, vI32(crons[role])},
		}.encode())
	}
	return result{id: 17, body: record{{1, tjson.Set, vElements(tjson.Struct, elems)}}}
}

func (s *scheduler) maintenanceStatus(a record) result {
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	var elems [][]byte
	for _, e := range a.sub(1).elements(1) {
		in := reader{b: e}
		name := string(in.bytes())
		if raw, ok := st.hosts[name]; ok {
			elems = append(elems, record{{1, tjson.String, vString(name)}, {2, tjson.I32, vI32(mustOpen(raw).i32(3))}}.encode())
		}
	}
	return result{id: 10, body: record{{1, tjson.Set, vElements(tjson.Struct, elems)}}}
}

// The calls that change the state.

func (s *scheduler) setQuota(a record) result {
	quota := a.raw(2, tjson.Struct)
	if quota == nil {
		return failed(codeInvalid, fmt.Errorf("No quota given for role %s", a.str(1))) // reaches an API client
	}
	return result{err: s.storage.write(s.ctx, "qtp", saveQuota(a.str(1), quota))}
}

func (s *scheduler) createJob(a record) result {
	job := a.sub(1)
	config, key := job.sub(6), readJobKey(job.sub(9))
	if config == nil || key.name == "" {
		return failed(codeInvalid, fmt.Errorf("Job configuration without key or task")) // reaches an API client
	}
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	for _, t := range st.sortedTasks(taskQuery{role: key.role, environment: key.environment, name: key.name}) {
		if t.status.active() {
			return failed(codeInvalid, fmt.Errorf("Job already exists: %s", key)) // reaches an API client
		}
	}
	instances := make([]int32, job.i32(8))
	for i := range instances {
		instances[i] = int32(i)
	}
	_, err = s.createTasks(config.with(28, tjson.Struct, key.encode()).encode(), instances)
	return result{err: err}
}

func (s *scheduler) scheduleCronJob(a record) result {
	return result{err: s.storage.write(s.ctx, "qtp", saveCronJob(a.raw(1, tjson.Struct)))}
}

func (s *scheduler) killJob(a record) result {
	k := readJobKey(a.sub(4))
	q := taskQuery{role: k.role, environment: k.environment, name: k.name, instances: map[int32]bool{}}
	for _, e := range a.elements(5) {
		in := reader{b: e}
		q.instances[in.i32()] = true
	}
	if k.name == "" {
		return failed(codeInvalid, fmt.Errorf("No job given")) // reaches an API client
	}
	_, err := s.killTasks(q)
	return result{err: err}
}

func (s *scheduler) triggerExplicit(record) result {
	if s.at() != stateActive {
		return result{err: errStorage}
	}
	s.reconcileExplicit()
	return result{}
}

func (s *scheduler) triggerImplicit(record) result {
	if s.at() != stateActive {
		return result{err: errStorage}
	}
	s.reconcileImplicit()
	return result{}
}
