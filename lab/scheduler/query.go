package scheduler

import (
	"fmt"
	"sort"
	"strings"
)

// A taskQuery is Aurora's TaskQuery. An unset or empty term matches all.
type taskQuery struct {
	role, environment, name string
	ids                     map[string]bool
	statuses                map[status]bool
	instances               map[int32]bool
	hosts                   map[string]bool
	jobs                    map[jobKey]bool
	offset, limit           int32
}

func readQuery(s record) taskQuery {
	q := taskQuery{
		role: s.str(14), environment: s.str(9), name: s.str(2), offset: s.i32(12), limit: s.i32(13),
		ids: map[string]bool{}, statuses: map[status]bool{}, instances: map[int32]bool{}, hosts: map[string]bool{}, jobs: map[jobKey]bool{},
	}
	for _, e := range s.elements(4) {
		r := reader{b: e}
		q.ids[string(r.bytes())] = true
	}
	for _, e := range s.elements(5) {
		r := reader{b: e}
		q.statuses[status(r.i32())] = true
	}
	for _, e := range s.elements(7) {
		r := reader{b: e}
		q.instances[r.i32()] = true
	}
	for _, e := range s.elements(10) {
		r := reader{b: e}
		q.hosts[string(r.bytes())] = true
	}
	for _, e := range s.elements(11) {
		q.jobs[readJobKey(mustOpen(e))] = true
	}
	return q
}

func (q taskQuery) matches(t *task) bool {
	return (q.role == "" || q.role == t.job.role) &&
		(q.environment == "" || q.environment == t.job.environment) &&
		(q.name == "" || q.name == t.job.name) &&
		(len(q.ids) == 0 || q.ids[t.id]) &&
		(len(q.statuses) == 0 || q.statuses[t.status]) &&
		(len(q.instances) == 0 || q.instances[t.instance]) &&
		(len(q.hosts) == 0 || q.hosts[t.host]) &&
		(len(q.jobs) == 0 || q.jobs[t.job])
}

// String is the query as the real scheduler logs it.
func (q taskQuery) String() string {
	var terms []string
	for _, t := range []struct{ name, value string }{{"role", q.role}, {"environment", q.environment}, {"jobName", q.name}} {
		if t.value != "" {
			terms = append(terms, t.name+":"+t.value)
		}
	}
	list := func(name string, values []string) {
		if len(values) > 0 {
			sort.Strings(values)
			terms = append(terms, name+":["+strings.Join(values, ", ")+"]")
		}
	}
	var ids, statuses, instances []string
	for id := range q.ids {
		ids = append(ids, id)
	}
	for s := range q.statuses {
		statuses = append(statuses, statusNames[s])
	}
	for i := range q.instances {
		instances = append(instances, fmt.Sprint(i))
	}
	list("taskIds", ids)
	list("statuses", statuses)
	list("instanceIds", instances)
	if q.limit != 0 {
		terms = append(terms, fmt.Sprintf("limit:%d", q.limit))
	}
	return "TaskQuery(" + strings.Join(terms, ", ") + ")"
}
