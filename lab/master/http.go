package master

import (
	"cmp"
	"encoding/json"
	"net/http"
	"time"
)

// Handler serves the master's HTTP: /tasks, /state, /frameworks and /health as
// the real one's (also below /master/), and the lab's own protocol below /lab/.
func (c *Cluster) Handler(info Info) http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/master"} {
		mux.HandleFunc("GET "+prefix+"/tasks", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.tasksPage()) })
		mux.HandleFunc("GET "+prefix+"/state", func(w http.ResponseWriter, _ *http.Request) { reply(w, c.statePage(info)) })
		mux.HandleFunc("GET "+prefix+"/frameworks", func(w http.ResponseWriter, _ *http.Request) {
			reply(w, map[string]any{"frameworks": c.statePage(info)["frameworks"], "completed_frameworks": []any{}, "unregistered_frameworks": []any{}})
		})
		mux.HandleFunc("GET "+prefix+"/health", func(http.ResponseWriter, *http.Request) {})
	}
	mux.HandleFunc("POST /lab/subscribe", func(w http.ResponseWriter, r *http.Request) { c.serveStream(w, r, info) })
	mux.HandleFunc("POST /lab/call", func(w http.ResponseWriter, r *http.Request) {
		var call Call
		if err := json.NewDecoder(r.Body).Decode(&call); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := c.call(call); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
		}
	})
	mux.HandleFunc("POST /lab/tasks", func(w http.ResponseWriter, r *http.Request) {
		var tasks []Task
		if err := json.NewDecoder(r.Body).Decode(&tasks); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := c.Add(tasks); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	})
	return mux
}

func reply(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // the client has gone
}

// serveStream registers a framework and passes it its events until it goes, or
// another one takes its place.
func (c *Cluster) serveStream(w http.ResponseWriter, r *http.Request, info Info) {
	var s Subscription
	if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	out := json.NewEncoder(w)
	f, stream, err := c.subscribe(s, info)
	if err != nil {
		_ = out.Encode(Event{Kind: Failed, Message: err.Error()}) // the client has gone
		return
	}
	defer c.leave(f, stream)
	beat := time.NewTicker(5 * time.Second)
	defer beat.Stop()
	flush := http.NewResponseController(w)
	for {
		var e Event
		select {
		case <-r.Context().Done():
			return
		case <-beat.C:
			e = Event{Kind: Heartbeat}
		case next, open := <-stream:
			if !open {
				return
			}
			e = next
		}
		if out.Encode(e) != nil || flush.Flush() != nil {
			return
		}
	}
}

// taskPage is a task as the real master writes it.
func taskPage(t Task) map[string]any {
	return map[string]any{
		"id": t.ID, "name": cmp.Or(t.Name, t.ID), "framework_id": t.Framework, "executor_id": "thermos-" + t.ID,
		"slave_id": t.Agent, "state": t.State, "statuses": []any{map[string]any{"state": t.State}},
	}
}

func (c *Cluster) tasksPage() map[string]any {
	pages := []any{}
	for _, t := range c.Tasks() {
		pages = append(pages, taskPage(t))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.done {
		pages = append(pages, taskPage(t))
	}
	return map[string]any{"tasks": pages}
}

func (c *Cluster) statePage(info Info) map[string]any {
	tasks := c.Tasks()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	frameworks, agents := []any{}, []any{}
	for _, f := range c.frameworks {
		running, ended := []any{}, []any{}
		for _, t := range tasks {
			if t.Framework == f.id {
				running = append(running, taskPage(t))
			}
		}
		for _, t := range c.done {
			if t.Framework == f.id {
				ended = append(ended, taskPage(t))
			}
		}
		page := map[string]any{
			"id": f.id, "name": f.name, "hostname": f.hostname, "active": f.stream != nil, "connected": f.stream != nil,
			"failover_timeout": f.failover.Seconds(), "registered_time": seconds(f.registered), "tasks": running, "completed_tasks": ended,
		}
		if f.stream == nil {
			page["unregistered_time"] = seconds(f.left)
		}
		frameworks = append(frameworks, page)
	}
	for _, a := range c.agents {
		agents = append(agents, map[string]any{"id": a.ID, "hostname": a.Host, "active": true, "attributes": map[string]any{"rack": a.Rack}})
	}
	return map[string]any{
		"version": info.Version, "id": info.ID, "pid": info.PID, "hostname": info.Hostname, "leader": info.PID,
		"frameworks": frameworks, "slaves": agents, "activated_slaves": len(agents), "completed_frameworks": []any{},
	}
}

func seconds(t time.Time) float64 {
	if t.IsZero() {
		return 0
	}
	return float64(t.UnixMilli()) / 1000
}
