package scheduler

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"aurorabot/lab/tjson"
)

// serveLab adds what only the lab has. Real schedulers answer 404 below /lab/.
func (s *scheduler) serveLab(mux *http.ServeMux) {
	// POST /lab/start?role=&environment=&name=&instances= starts tasks and answers
	// with their ids as JSON once they run, or after 10 s.
	mux.HandleFunc("POST /lab/start", s.serveStart)
	// POST /lab/knobs?NAME=VALUE changes knobs.
	mux.HandleFunc("POST /lab/knobs", func(w http.ResponseWriter, r *http.Request) {
		for name, values := range r.URL.Query() {
			if err := s.knobs.set(name, values[0]); err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
		}
	})
	// GET /lab/state is the storage's state in numbers and task ids.
	mux.HandleFunc("GET /lab/state", func(w http.ResponseWriter, _ *http.Request) {
		st, err := s.storage.read()
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		tasks := map[string]string{}
		for _, t := range st.tasks {
			tasks[t.id] = statusNames[t.status]
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{ // the client has gone
			"framework_id": st.frameworkID, "tasks": tasks, "quotas": len(st.quotas), "crons": len(st.crons),
			"updates": len(st.updates), "hosts": len(st.hosts), "maintenance": len(st.maintenance),
			"replayed_snapshot_millis": s.storage.replayed,
		})
	})
}

func (s *scheduler) serveStart(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	key := jobKey{q.Get("role"), q.Get("environment"), q.Get("name")}
	n, err := strconv.Atoi(q.Get("instances"))
	if err != nil || n < 1 || key.role == "" || key.environment == "" || key.name == "" {
		http.Error(w, "role, environment, name and instances are needed", http.StatusBadRequest)
		return
	}
	if s.at() != stateActive {
		http.Error(w, fmt.Sprintf("the scheduler is %s, not ACTIVE", s.at()), http.StatusConflict)
		return
	}
	instances := make([]int32, n)
	for i := range instances {
		instances[i] = int32(i)
	}
	ids, err := s.createTasks(labConfig(key), instances)
	if err != nil {
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 10*time.Second)
	defer cancel()
	s.settled(ctx, ids)
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(ids) // the client has gone
}

// labConfig is the config of a small service, with the fields that 0.22 sets.
func labConfig(key jobKey) []byte {
	owner := record{{2, tjson.String, vString("operator")}}
	executor := record{{1, tjson.String, vString("AuroraExecutor")}, {2, tjson.String, vString(`{"task": {"processes": [{"name": "` + key.name + `", "cmdline": "sleep 1000"}]}}`)}}
	container := record{{1, tjson.Struct, record{}.encode()}}
	return record{
		{7, tjson.Bool, vBool(true)}, {11, tjson.I32, vI32(0)}, {13, tjson.I32, vI32(1)}, {17, tjson.Struct, owner.encode()}, {18, tjson.Bool, vBool(false)},
		{20, tjson.Set, vElements(tjson.Struct, nil)}, {25, tjson.Struct, executor.encode()}, {27, tjson.Set, vElements(tjson.Struct, nil)},
		{28, tjson.Struct, key.encode()}, {29, tjson.Struct, container.encode()}, {30, tjson.String, vString("preemptible")},
		{32, tjson.Set, vElements(tjson.Struct, [][]byte{
			record{{1, tjson.Double, vDouble(0.1)}}.encode(), record{{2, tjson.I64, vI64(32)}}.encode(), record{{3, tjson.I64, vI64(16)}}.encode(),
		})},
	}.encode()
}
