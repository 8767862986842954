package master

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"
)

// A handClock is moved by the test.
type handClock struct{ t time.Time }

func (c *handClock) now() time.Time { return c.t }

func newTestCluster(t *testing.T, file string) (*Cluster, *handClock) {
	t.Helper()
	clock := &handClock{time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)}
	c, err := NewCluster("0d1f", 3, file, clock.now)
	if err != nil {
		t.Fatal(err)
	}
	return c, clock
}

// Tasks run on while their framework is away, until its failover timeout.
func TestTasksOutliveTheirFramework(t *testing.T) {
	c, clock := newTestCluster(t, "")
	f, stream, err := c.subscribe(Subscription{Name: "Aurora", FailoverSeconds: 60}, Info{})
	if err != nil || f.id != "0d1f-0000" {
		t.Fatalf("subscribe = %v, %v, want framework 0d1f-0000", f, err)
	}
	if err := c.call(Call{Kind: Launch, Framework: f.id, Tasks: []Task{{ID: "a"}, {ID: "b"}}}); err != nil {
		t.Fatal(err)
	}
	c.leave(f, stream)
	clock.t = clock.t.Add(time.Minute)
	if _, stream, err = c.subscribe(Subscription{ID: f.id, FailoverSeconds: 60}, Info{}); err != nil {
		t.Fatalf("back within the failover timeout: %v", err)
	}
	if n := len(c.Tasks()); n != 2 {
		t.Errorf("tasks = %d, want 2", n)
	}
	c.leave(f, stream)
	clock.t = clock.t.Add(time.Minute + time.Nanosecond)
	if _, _, err := c.subscribe(Subscription{ID: f.id}, Info{}); err == nil || err.Error() != "Framework has been removed" {
		t.Errorf("back after the failover timeout: %v, want Framework has been removed", err)
	}
	if n := len(c.Tasks()); n != 0 {
		t.Errorf("tasks of the removed framework = %d, want 0", n)
	}
}

// next reads one event without waiting.
func next(t *testing.T, stream chan Event) Event {
	t.Helper()
	select {
	case e := <-stream:
		return e
	default:
		t.Fatal("no event")
		return Event{}
	}
}

func TestReconcile(t *testing.T) {
	c, _ := newTestCluster(t, "")
	if err := c.Add([]Task{{ID: "old", Framework: "f"}}); err != nil {
		t.Fatal(err)
	}
	_, stream, err := c.subscribe(Subscription{ID: "f"}, Info{})
	if err != nil {
		t.Fatal(err)
	}
	if e := next(t, stream); e.Kind != Registered || e.Framework != "f" {
		t.Errorf("first event = %+v, want REGISTERED of f", e)
	}
	if err := c.call(Call{Kind: Reconcile, Framework: "f", Tasks: []Task{{ID: "old"}, {ID: "never"}}}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, stream); e.Task.ID != "old" || e.Task.State != Running {
		t.Errorf("explicit: %+v, want old running", e.Task)
	}
	if e := next(t, stream); e.Task.ID != "never" || e.Task.State != Lost {
		t.Errorf("explicit: %+v, want never lost", e.Task)
	}
	if err := c.call(Call{Kind: Reconcile, Framework: "f"}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, stream); e.Task.ID != "old" {
		t.Errorf("implicit: %+v, want old", e.Task)
	}
	if err := c.call(Call{Kind: Kill, Framework: "f", Tasks: []Task{{ID: "old"}}}); err != nil {
		t.Fatal(err)
	}
	if e := next(t, stream); e.Task.State != Killed || len(c.Tasks()) != 0 {
		t.Errorf("after the kill: %+v, %d tasks", e.Task, len(c.Tasks()))
	}
	if err := c.call(Call{Kind: Kill, Framework: "stranger"}); err == nil {
		t.Error("a call of an unregistered framework is accepted")
	}
}

// Tasks are kept in the folder: agents go on without a master.
func TestTasksOutliveTheMaster(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tasks.json")
	c, _ := newTestCluster(t, file)
	if err := c.Add([]Task{{ID: "a", Framework: "f", Agent: "lab-agent-S2"}}); err != nil {
		t.Fatal(err)
	}
	again, _ := newTestCluster(t, file)
	if tasks := again.Tasks(); len(tasks) != 1 || tasks[0].Host != "agent2.lab.example" {
		t.Errorf("tasks of the next master = %+v, want a on agent2", tasks)
	}
}

// The pages have the real master's shape, and a stream ends when another one
// takes its place.
func TestHTTP(t *testing.T) {
	c, _ := newTestCluster(t, "")
	server := httptest.NewServer(c.Handler(Info{ID: "lab-master", Version: "1.6.1"}))
	defer server.Close()
	at := server.Listener.Addr().String()
	if err := Seed(t.Context(), at, []Task{{ID: "a", Framework: "f"}}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	events := make(chan Event, 10)
	ended := make(chan error, 1)
	go func() {
		ended <- Subscribe(ctx, at, Subscription{ID: "f", Name: "Aurora"}, func(e Event) { events <- e })
	}()
	if e := <-events; e.Kind != Registered || e.Master.ID != "lab-master" {
		t.Errorf("first event = %+v", e)
	}
	resp, err := http.Get(server.URL + "/state")
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(resp.Body)
	resp.Body.Close()
	var state struct {
		Frameworks []struct {
			ID     string
			Active bool
			Tasks  []struct {
				ID    string
				State string
			}
		}
	}
	if err := json.Unmarshal(body, &state); err != nil {
		t.Fatal(err)
	}
	if len(state.Frameworks) != 1 || !state.Frameworks[0].Active || len(state.Frameworks[0].Tasks) != 1 || state.Frameworks[0].Tasks[0].State != Running {
		t.Errorf("/state = %s", body)
	}
	second, stop := context.WithCancel(t.Context())
	go func() { _ = Subscribe(second, at, Subscription{ID: "f"}, func(Event) {}) }()
	if e := <-events; e.Kind != Failed || e.Message != "Framework failed over" {
		t.Errorf("event of the replaced stream = %+v, want Framework failed over", e)
	}
	if err := <-ended; err == nil {
		t.Error("the replaced stream has not ended")
	}
	stop()
}

func TestParseZK(t *testing.T) {
	for _, tt := range []struct {
		address, path string
		servers       int
	}{
		{"zk://127.0.0.1:2181/mesos", "/mesos", 1},
		{"zk://user:secret@a,b:2182/x/mesos", "/x/mesos", 2},
		{"zk://127.0.0.1:2181", "", 0},
		{"127.0.0.1:5050", "", 0},
	} {
		servers, path, err := ParseZK(tt.address)
		if path != tt.path || len(servers) != tt.servers || (err == nil) != (tt.servers > 0) {
			t.Errorf("ParseZK(%q) = %v, %q, %v", tt.address, servers, path, err)
		}
	}
}
