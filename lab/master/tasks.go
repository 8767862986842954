package master

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// A framework is one that has registered.
type framework struct {
	id, name, hostname string
	failover           time.Duration
	registered         time.Time
	left               time.Time // when its stream ended; zero while it is connected
	stream             chan Event
}

// A Cluster is what a master rules: frameworks, agents and the tasks that run.
// It is safe for concurrent use.
type Cluster struct {
	mu         sync.Mutex
	clock      func() time.Time
	id         string
	agents     []Agent
	next       int // agent of the next task
	frameworks map[string]*framework
	removed    map[string]bool
	tasks      map[string]*Task
	done       []Task // terminal tasks, the newest last
	count      int    // frameworks ever registered
	file       string
}

// keptDone is how many terminal tasks are remembered.
const keptDone = 1000

// NewCluster makes a cluster of n agents. If file is not empty the tasks are
// kept in it and survive the master, as agents would keep them.
func NewCluster(id string, n int, file string, clock func() time.Time) (*Cluster, error) {
	c := &Cluster{clock: clock, id: id, frameworks: map[string]*framework{}, removed: map[string]bool{}, tasks: map[string]*Task{}, file: file}
	for i := 1; i <= n; i++ {
		c.agents = append(c.agents, Agent{fmt.Sprintf("lab-agent-S%d", i), fmt.Sprintf("agent%d.lab.example", i), fmt.Sprintf("rack%d", i%3)})
	}
	if file == "" {
		return c, nil
	}
	data, err := os.ReadFile(file)
	if os.IsNotExist(err) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	var tasks []Task
	if err := json.Unmarshal(data, &tasks); err != nil {
		return nil, fmt.Errorf("tasks in %s: %w", file, err)
	}
	for _, t := range tasks {
		c.tasks[t.ID] = &t
		if c.frameworks[t.Framework] == nil { // it was registered once; it may come back
			c.frameworks[t.Framework] = &framework{id: t.Framework, failover: 21 * 24 * time.Hour, left: clock()}
		}
	}
	return c, nil
}

// save writes the running tasks; the caller holds the lock.
func (c *Cluster) save() {
	if c.file == "" {
		return
	}
	tasks := make([]Task, 0, len(c.tasks))
	for _, t := range c.tasks {
		tasks = append(tasks, *t)
	}
	data, err := json.Marshal(tasks)
	if err != nil {
		return
	}
	temp := c.file + ".new"
	if os.MkdirAll(filepath.Dir(c.file), 0o755) == nil && os.WriteFile(temp, data, 0o644) == nil {
		_ = os.Rename(temp, c.file) // the next change tries again
	}
}

// Tasks returns the tasks that run, by id.
func (c *Cluster) Tasks() []Task {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Task, 0, len(c.tasks))
	for _, t := range c.tasks {
		out = append(out, *t)
	}
	slices.SortFunc(out, func(a, b Task) int {
		if a.ID < b.ID {
			return -1
		}
		return 1
	})
	return out
}

// Add puts tasks on the agents as if a framework had launched them earlier:
// how the lab sets up a past. The framework counts as registered and away.
func (c *Cluster) Add(tasks []Task) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range tasks {
		if t.ID == "" || t.Framework == "" {
			return fmt.Errorf("task %q of framework %q: both need an id", t.ID, t.Framework)
		}
		if c.frameworks[t.Framework] == nil {
			c.frameworks[t.Framework] = &framework{id: t.Framework, name: "Aurora", failover: 21 * 24 * time.Hour, left: c.clock(), registered: c.clock()}
		}
		if t.State == "" {
			t.State = Running
		}
		c.place(&t)
		c.tasks[t.ID] = &t
	}
	c.save()
	return nil
}

// place chooses an agent for a task that has none.
func (c *Cluster) place(t *Task) {
	if t.Agent == "" && len(c.agents) > 0 {
		a := c.agents[c.next%len(c.agents)]
		c.next++
		t.Agent, t.Host = a.ID, a.Host
	}
	if t.Host == "" {
		for _, a := range c.agents {
			if a.ID == t.Agent {
				t.Host = a.Host
			}
		}
	}
}

// subscribe registers a framework and returns its stream. A stream that it had
// before ends.
func (c *Cluster) subscribe(s Subscription, info Info) (*framework, chan Event, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expire()
	if c.removed[s.ID] {
		return nil, nil, fmt.Errorf("Framework has been removed") // the real master's sentence
	}
	if s.ID == "" {
		s.ID = fmt.Sprintf("%s-%04d", c.id, c.count)
		c.count++
	}
	f := c.frameworks[s.ID]
	if f == nil {
		f = &framework{id: s.ID}
		c.frameworks[s.ID] = f
	}
	if f.stream != nil {
		f.send(Event{Kind: Failed, Message: "Framework failed over"})
		close(f.stream)
	}
	f.name, f.hostname, f.failover = s.Name, s.Hostname, time.Duration(s.FailoverSeconds*float64(time.Second))
	f.registered, f.left = c.clock(), time.Time{}
	f.stream = make(chan Event, 1<<16)
	f.stream <- Event{Kind: Registered, Framework: f.id, Master: &info}
	return f, f.stream, nil
}

// leave marks a framework's stream as ended; its tasks go on.
func (c *Cluster) leave(f *framework, stream chan Event) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.stream == stream {
		f.stream, f.left = nil, c.clock()
	}
}

// expire tears down the frameworks that stayed away longer than they said.
func (c *Cluster) expire() {
	now := c.clock()
	for id, f := range c.frameworks {
		if f.stream == nil && !f.left.IsZero() && f.failover > 0 && now.Sub(f.left) > f.failover {
			c.remove(id)
		}
	}
}

func (c *Cluster) remove(id string) {
	delete(c.frameworks, id)
	c.removed[id] = true
	for _, t := range c.tasks {
		if t.Framework == id {
			c.end(t, Killed)
		}
	}
	c.save()
}

func (c *Cluster) end(t *Task, state string) {
	t.State = state
	delete(c.tasks, t.ID)
	c.done = append(c.done, *t)
	if len(c.done) > keptDone {
		c.done = slices.Clone(c.done[len(c.done)-keptDone:])
	}
}

// send puts an event on a framework's stream if it reads one.
func (f *framework) send(e Event) {
	if f.stream == nil {
		return
	}
	select {
	case f.stream <- e:
	default: // it does not read; a real agent would retry, reconciliation does here
	}
}

// call does what a framework asks for.
func (c *Cluster) call(call Call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.frameworks[call.Framework]
	if f == nil {
		return fmt.Errorf("framework %q is not registered", call.Framework)
	}
	switch call.Kind {
	case Launch:
		for _, t := range call.Tasks {
			t.Framework, t.State = f.id, Starting
			c.place(&t)
			c.tasks[t.ID] = &t
			starting := t
			f.send(Event{Kind: Status, Task: &starting, Source: "SOURCE_EXECUTOR", Message: "Initializing sandbox."})
			t.State = Running
			running := t
			f.send(Event{Kind: Status, Task: &running, Source: "SOURCE_EXECUTOR", Message: "No health-check defined, task is assumed healthy."})
		}
	case Kill:
		for _, t := range call.Tasks {
			if have := c.tasks[t.ID]; have != nil && have.Framework == f.id {
				c.end(have, Killed)
				gone := *have
				f.send(Event{Kind: Status, Task: &gone, Source: "SOURCE_EXECUTOR", Message: "Instructed to kill task."})
			} else {
				f.send(Event{Kind: Status, Task: &Task{ID: t.ID, Framework: f.id, State: Lost}, Source: "SOURCE_MASTER", Message: "Attempted to kill an unknown task"})
			}
		}
	case Reconcile:
		c.reconcile(f, call.Tasks)
	case Teardown:
		c.remove(f.id)
	default:
		return fmt.Errorf("call %q: unknown", call.Kind)
	}
	c.save()
	return nil
}

// reconcile tells a framework the state of the tasks that it names, or of all
// of its tasks if it names none.
func (c *Cluster) reconcile(f *framework, asked []Task) {
	if len(asked) == 0 {
		for _, t := range c.tasks {
			if t.Framework == f.id {
				known := *t
				f.send(Event{Kind: Status, Task: &known, Source: "SOURCE_MASTER", Message: "Reconciliation: Latest task state"})
			}
		}
		return
	}
	for _, t := range asked {
		if have := c.tasks[t.ID]; have != nil && have.Framework == f.id {
			known := *have
			f.send(Event{Kind: Status, Task: &known, Source: "SOURCE_MASTER", Message: "Reconciliation: Latest task state"})
			continue
		}
		f.send(Event{Kind: Status, Task: &Task{ID: t.ID, Framework: f.id, Agent: t.Agent, State: Lost}, Source: "SOURCE_MASTER", Message: "Reconciliation: Task is unknown"})
	}
}
