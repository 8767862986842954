package scheduler

import (
	"fmt"
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
	return result{id: 9, body: record{{1, tSet, taskElements(snap.state.sortedTasks(readQuery(a.sub(1))), false)}}}
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
	return result{id: 6, body: record{{1, tSet, vStrings(names)}}}
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
	return vElements(tStruct, elems)
}

// withoutConfig leaves out the data of the executor, the bulk of a config.
func withoutConfig(raw []byte) []byte {
	whole := mustOpen(raw)
	assigned := whole.sub(1)
	config := assigned.sub(4)
	executor := config.raw(25, tStruct)
	if executor == nil {
		return raw
	}
	config = config.with(25, tStruct, mustOpen(executor).without(2).encode())
	return whole.with(1, tStruct, assigned.with(4, tStruct, config.encode()).encode()).encode()
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
	return result{id: 3, body: record{{1, tList, taskElements(found, bare)}}}
}

func (s *scheduler) getTasksWithoutConfigs(a record) result { return s.tasks(a, true) }

// The calls that change the state.

func (s *scheduler) setQuota(a record) result {
	quota := a.raw(2, tStruct)
	if quota == nil {
		return failed(codeInvalid, fmt.Errorf("No quota given for role %s", a.str(1))) // reaches an API client
	}
	return result{err: s.storage.write(s.ctx, "qtp", saveQuota(a.str(1), quota))}
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
