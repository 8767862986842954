// Package master is a stand-in for the Mesos master, as far as a rehearsal of a
// storage recovery needs one: it is found through ZooKeeper, registers
// frameworks, runs their tasks on agents of its own, goes on running them while
// a framework is away, and tells a framework that asks which tasks there are.
//
// Its state is what cannot be faked by a scheduler that lost its storage: the
// tasks that really run. The protocol between it and the stand-in scheduler is
// the lab's own (JSON lines); /tasks and /state are shaped as the real master's.
package master

// Task states, by Mesos' names.
const (
	Staging  = "TASK_STAGING"
	Starting = "TASK_STARTING"
	Running  = "TASK_RUNNING"
	Killed   = "TASK_KILLED"
	Finished = "TASK_FINISHED"
	Lost     = "TASK_LOST"
)

// Terminal says whether a task in this state runs no more.
func Terminal(state string) bool {
	switch state {
	case Killed, Finished, Lost, "TASK_FAILED", "TASK_ERROR", "TASK_DROPPED", "TASK_GONE":
		return true
	}
	return false
}

// A Task is one task that the master knows.
type Task struct {
	ID        string `json:"id"`
	Name      string `json:"name,omitempty"` // Its job, as Aurora writes it.
	Framework string `json:"framework_id"`
	Agent     string `json:"slave_id"` // empty at launch: the master chooses
	Host      string `json:"host"`
	State     string `json:"state"`
}

// A Subscription is how a framework registers.
type Subscription struct {
	Name            string  `json:"name"`
	ID              string  `json:"framework_id"` // empty: a new framework
	Hostname        string  `json:"hostname"`
	FailoverSeconds float64 `json:"failover_timeout"` // how long its tasks outlive it
}

// Kinds of [Event].
const (
	Registered = "REGISTERED"
	Status     = "STATUS"
	Failed     = "ERROR" // the framework can't be served; the stream ends
	Heartbeat  = "HEARTBEAT"
)

// An Event is one line of the stream that a registered framework reads.
type Event struct {
	Kind      string `json:"kind"`
	Framework string `json:"framework_id,omitempty"`
	Master    *Info  `json:"master,omitempty"`
	Task      *Task  `json:"task,omitempty"`
	Source    string `json:"source,omitempty"` // SOURCE_EXECUTOR, SOURCE_MASTER
	Message   string `json:"message,omitempty"`
}

// Kinds of [Call].
const (
	Launch    = "LAUNCH"
	Kill      = "KILL"
	Reconcile = "RECONCILE" // with tasks: explicit; with none: implicit, every task of the framework
	Teardown  = "TEARDOWN"
)

// A Call is what a registered framework asks for.
type Call struct {
	Kind      string `json:"kind"`
	Framework string `json:"framework_id"`
	Tasks     []Task `json:"tasks,omitempty"`
}

// Info is what the master publishes under its ZooKeeper path, in a node
// json.info_NNNNNNNNNN.
type Info struct {
	Address  Address `json:"address"`
	Hostname string  `json:"hostname"`
	ID       string  `json:"id"`
	IP       uint32  `json:"ip"` // the address in network order, read as a little-endian number
	PID      string  `json:"pid"`
	Port     int     `json:"port"`
	Version  string  `json:"version"`
}

// An Address is where the master listens.
type Address struct {
	Hostname string `json:"hostname"`
	IP       string `json:"ip"`
	Port     int    `json:"port"`
}

// An Agent is one machine that tasks run on.
type Agent struct {
	ID   string
	Host string
	Rack string
}
