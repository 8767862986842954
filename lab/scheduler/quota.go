package scheduler

import "aurorabot/lab/tjson"

// getQuota returns a role's quota and what its tasks use of it: production
// shared, non-production shared, and the two kinds of dedicated agents.
func (s *scheduler) getQuota(a record) result {
	st, err := s.storage.read()
	if err != nil {
		return result{err: err}
	}
	role := a.str(1)
	var used [2]aggregate // production, other
	for _, t := range st.tasks {
		if t.job.role != role || !t.status.active() {
			continue
		}
		used[kind(mustOpen(t.config()))].add(mustOpen(t.config()), 1)
	}
	for k, raw := range st.crons {
		if k.role != role {
			continue
		}
		job := mustOpen(raw)
		used[kind(job.sub(6))].add(job.sub(6), job.i32(8))
	}
	body := record{{1, tjson.Struct, aggregate{}.encode()}}
	if q, ok := st.quotas[role]; ok {
		body = record{{1, tjson.Struct, q}}
	}
	return result{id: 5, body: append(body,
		field{2, tjson.Struct, used[0].encode()}, field{3, tjson.Struct, used[1].encode()},
		field{4, tjson.Struct, aggregate{}.encode()}, field{5, tjson.Struct, aggregate{}.encode()},
	)}
}

// kind is 0 for a task that counts as production, 1 for another.
func kind(config record) int {
	if config.boolean(18) || config.str(30) == "preferred" {
		return 0
	}
	return 1
}

// An aggregate is an amount of resources.
type aggregate struct {
	cpu       float64
	ram, disk int64
}

func (g *aggregate) add(config record, times int32) {
	cpu, ram, disk := resources(config.elements(32))
	g.cpu += cpu * float64(times)
	g.ram += ram * int64(times)
	g.disk += disk * int64(times)
}

func (g aggregate) encode() []byte {
	set := [][]byte{
		record{{1, tjson.Double, vDouble(g.cpu)}}.encode(),
		record{{2, tjson.I64, vI64(g.ram)}}.encode(),
		record{{3, tjson.I64, vI64(g.disk)}}.encode(),
	}
	return record{{4, tjson.Set, vElements(tjson.Struct, set)}}.encode()
}
