package scheduler

import (
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"time"

	"aurorabot/lab/master"
	"aurorabot/lab/tjson"
)

// startDriver connects to Mesos with the framework id that the storage holds.
func (s *scheduler) startDriver(frameworkID string) {
	s.driver = &driver{
		address: s.set.master, log: s.log,
		subscribe: master.Subscription{
			Name: s.set.frameworkName, ID: frameworkID, Hostname: s.set.hostname, FailoverSeconds: s.set.failoverTimeout.Seconds(),
		},
		registered: s.onRegistered,
		status:     s.onStatus,
		failed: func(message string) {
			s.log.error("lab-driver", "MesosCallbackHandler$MesosCallbackHandlerImpl", "Received error message: %s", message)
			s.log.info("lab-driver", "SchedulerLifecycle", "Driver exited, terminating lifecycle.")
			go s.shutdown("lab-driver")
		},
		lost: func() {
			s.mu.Lock()
			s.count.disconnects++
			s.mu.Unlock()
		},
	}
	s.work.Go(func() { s.driver.run(s.ctx) })
	s.work.Go(s.followTasks)
}

// onRegistered stores the framework id and makes the scheduler active: it
// advertises itself, and reconciles its tasks after the delays of its flags.
func (s *scheduler) onRegistered(id string, again bool) {
	s.mu.Lock()
	s.registered = true
	if again {
		s.count.reregisters++
	}
	s.mu.Unlock()
	if again {
		return
	}
	const thread = "RegisteredEventSink"
	s.tasksMu.Lock()
	err := s.storage.write(s.ctx, thread, saveFrameworkID(id))
	s.tasksMu.Unlock()
	if err != nil {
		return // the log is gone, and the application with it
	}
	s.move(thread, stateActive)
	if err := s.candidate.advertise(s.port); err != nil && s.ctx.Err() == nil {
		s.log.error(thread, "SchedulerLifecycle", "Failed to advertise leader, shutting down. %v", err)
		go s.shutdown(thread)
		return
	}
	if s.version.minor <= 8 && s.set.flags.text("gc_executor_path") != "" {
		// The GC executor of these releases kills at once what the scheduler does not know.
		s.after(time.Second, s.reconcileImplicit)
	}
	if s.set.explicitInterval > 0 {
		s.after(s.set.reconcileDelay, func() { s.reconcileExplicit(); s.every(s.set.explicitInterval, s.reconcileExplicit) })
		s.after(s.set.reconcileDelay+s.set.reconcileSpread, func() { s.reconcileImplicit(); s.every(s.set.implicitInterval, s.reconcileImplicit) })
	}
}

// reconcileExplicit asks the master for each task that should stand on an agent.
func (s *scheduler) reconcileExplicit() {
	st, err := s.storage.read()
	if err != nil {
		return
	}
	var asked []master.Task
	for _, t := range st.sortedTasks(taskQuery{}) {
		if t.status.placed() {
			asked = append(asked, master.Task{ID: t.id, Agent: t.agent})
		}
	}
	s.mu.Lock()
	s.count.explicit++
	s.mu.Unlock()
	s.log.info("TaskReconciler", "TaskReconciler", "Performing explicit reconciliation of %d tasks.", len(asked))
	if len(asked) > 0 { // none named would mean all of them
		s.driver.send(s.ctx, master.Reconcile, asked...)
	}
}

// reconcileImplicit asks the master for every task of the framework; those that
// the scheduler does not know are killed when their states arrive.
func (s *scheduler) reconcileImplicit() {
	s.mu.Lock()
	s.count.implicit++
	s.mu.Unlock()
	s.log.info("TaskReconciler", "TaskReconciler", "Performing implicit reconciliation.")
	s.driver.send(s.ctx, master.Reconcile)
}

var fromMesos = map[string]status{
	master.Staging: statusAssigned, master.Starting: statusStarting, master.Running: statusRunning,
	master.Killed: statusKilled, master.Finished: statusFinished, master.Lost: statusLost, "TASK_FAILED": statusFailed,
}

// onStatus queues a task's state; the worker takes what has come together, so
// that thousands of updates are few writes to the log.
func (s *scheduler) onStatus(e master.Event) {
	if e.Task == nil {
		return
	}
	s.mu.Lock()
	s.updates = append(s.updates, e)
	s.count.statusUpdates++
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// followTasks works off the queue of task states until the application ends.
func (s *scheduler) followTasks() {
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
		}
		s.mu.Lock()
		batch := s.updates
		s.updates = nil
		s.mu.Unlock()
		s.follow(batch)
	}
}

// follow does a batch of task states. A task that runs and is not in the storage
// is killed: this is the loss that a restore brings.
func (s *scheduler) follow(batch []master.Event) {
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	st, err := s.storage.read()
	if err != nil {
		return
	}
	changed := map[string]*task{}
	var order []*task
	var kills []master.Task
	for _, e := range batch {
		s.log.info("lab-driver", "MesosCallbackHandler$MesosCallbackHandlerImpl", "Received status update for task %s in state %s from %s: %s", e.Task.ID, e.Task.State, e.Source, e.Message)
		t := changed[e.Task.ID]
		if t == nil {
			t = st.tasks[e.Task.ID]
		}
		to, known := fromMesos[e.Task.State]
		alive := !master.Terminal(e.Task.State)
		switch {
		case t == nil || !t.status.active() || t.status == statusKilling && alive:
			if alive {
				kills = append(kills, master.Task{ID: e.Task.ID})
			}
		case !known || t.status == to || t.status == statusRunning && (to == statusStarting || to == statusAssigned):
		default:
			s.log.info("TaskEventBatchWorker", "StateMachine", "%s state machine transition %s -> %s", t.id, statusNames[t.status], statusNames[to])
			changed[t.id] = t.withStatus(to, s.clock().UnixMilli(), e.Message, s.set.hostname)
		}
	}
	for _, id := range nameOrder(changed) {
		order = append(order, changed[id])
	}
	if len(order) > 0 && s.storage.write(s.ctx, "TaskEventBatchWorker", saveTasks(order...)) != nil {
		return // the log is gone, and the application with it
	}
	if len(kills) > 0 {
		s.log.info("TaskEventBatchWorker", "TaskStatusHandlerImpl", "Killing %d tasks that are not in the storage.", len(kills))
		s.driver.send(s.ctx, master.Kill, kills...)
	}
}

// transition writes tasks with another status. The caller holds tasksMu.
func (s *scheduler) transition(message string, to status, tasks ...*task) error {
	next := make([]*task, len(tasks))
	for i, t := range tasks {
		s.log.info("TaskEventBatchWorker", "StateMachine", "%s state machine transition %s -> %s", t.id, statusNames[t.status], statusNames[to])
		next[i] = t.withStatus(to, s.clock().UnixMilli(), message, s.set.hostname)
	}
	return s.storage.write(s.ctx, "TaskEventBatchWorker", saveTasks(next...))
}

// createTasks stores new tasks of a config as PENDING and, if the scheduler is
// registered, has Mesos run them.
func (s *scheduler) createTasks(config []byte, instances []int32) ([]string, error) {
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	if !s.storage.ready() {
		return nil, errStorage
	}
	s.log.info("qtp", "SchedulerThriftInterface", "Launching %d tasks.", len(instances))
	job := configJob(mustOpen(config))
	now := s.clock().UnixMilli()
	var fresh []*task
	var ids []string
	for _, i := range instances {
		id := fmt.Sprintf("%s-%s-%s-%d-%s", job.role, job.environment, job.name, i, newUUID())
		assigned := record{
			{1, tjson.String, vString(id)}, {4, tjson.Struct, config},
			{5, tjson.Map, append([]byte{tjson.String, tjson.I32}, vI32(0)...)}, {6, tjson.I32, vI32(i)},
		}
		events := [][]byte{pendingEvent(now, s.set.hostname)}
		raw := record{
			{1, tjson.Struct, assigned.encode()}, {2, tjson.I32, vI32(int32(statusPending))}, {3, tjson.I32, vI32(0)},
			{4, tjson.List, vElements(tjson.Struct, events)}, {6, tjson.I32, vI32(0)},
		}
		fresh = append(fresh, readTask(raw.encode()))
		ids = append(ids, id)
		s.log.info("qtp", "StateMachine", "%s state machine transition INIT -> PENDING", id)
	}
	if err := s.storage.write(s.ctx, "qtp", saveTasks(fresh...)); err != nil {
		return nil, err
	}
	if s.at() == stateActive {
		return ids, s.launch(fresh)
	}
	return ids, nil
}

func pendingEvent(millis int64, host string) []byte {
	return record{{1, tjson.I64, vI64(millis)}, {2, tjson.I32, vI32(int32(statusPending))}, {4, tjson.String, vString(host)}}.encode()
}

// launch assigns tasks and has the master start them; their further states come
// back as updates. The caller holds tasksMu.
func (s *scheduler) launch(tasks []*task) error {
	placed := make([]*task, len(tasks))
	calls := make([]master.Task, len(tasks))
	for i, t := range tasks {
		n := int(t.instance)%6 + 1 // the agents of the lab's master
		placed[i] = t.on(fmt.Sprintf("lab-agent-S%d", n), fmt.Sprintf("agent%d.lab.example", n))
		calls[i] = master.Task{ID: t.id, Name: t.job.String(), Agent: placed[i].agent, Host: placed[i].host}
		s.log.info("TaskGroupBatchWorker", "TaskAssignerImpl", "Offer on agent %s (id %s) is being assigned task for %s.", placed[i].host, placed[i].agent, t.id)
	}
	if err := s.transition("", statusAssigned, placed...); err != nil {
		return err
	}
	s.driver.send(s.ctx, master.Launch, calls...)
	return nil
}

// killTasks kills the active tasks of a query: those on an agent by Mesos,
// those that wait at once.
func (s *scheduler) killTasks(q taskQuery) (int, error) {
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	st, err := s.storage.read()
	if err != nil {
		return 0, err
	}
	var waiting, placed []*task
	for _, t := range st.sortedTasks(q) {
		switch {
		case !t.status.active() || t.status == statusKilling:
		case t.status.placed():
			placed = append(placed, t)
		default:
			waiting = append(waiting, t)
		}
	}
	if len(waiting) > 0 {
		ids := make([]string, len(waiting))
		for i, t := range waiting {
			ids[i] = t.id
		}
		if err := s.storage.write(s.ctx, "qtp", removeTasks(ids...)); err != nil {
			return 0, err
		}
	}
	if len(placed) > 0 {
		if err := s.transition("Killed by operator", statusKilling, placed...); err != nil {
			return 0, err
		}
		calls := make([]master.Task, len(placed))
		for i, t := range placed {
			calls[i] = master.Task{ID: t.id}
		}
		s.driver.send(s.ctx, master.Kill, calls...)
	}
	return len(waiting) + len(placed), nil
}

func newUUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // crypto/rand does not fail
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// settled waits until each of the tasks has left the states on the way to
// RUNNING, or ctx ends.
func (s *scheduler) settled(ctx context.Context, ids []string) bool {
	for {
		st, err := s.storage.read()
		if err != nil {
			return false
		}
		if !slices.ContainsFunc(ids, func(id string) bool {
			t := st.tasks[id]
			return t != nil && (t.status == statusPending || t.status == statusAssigned || t.status == statusStarting)
		}) {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}
