// Package scheduler is a stand-in for the scheduler of Apache Aurora, for
// rehearsals of a storage recovery and for tests: release 0.22.0 unless the
// environment says otherwise. It has the real one's flags, keeps its state in a
// replica of the Mesos replicated log as Aurora's own log entries, is elected
// in ZooKeeper, registers with a master ([aurorabot/lab/master]), and answers
// the Thrift API, /vars and /leaderhealth.
//
// What is the lab's own stands apart from what is real: settings come from
// environment variables with the prefix AURORA_LAB_ (VERSION, LINGER, delays and
// faults; an unknown one is refused), and HTTP has a door below /lab/ for the
// state, for starting tasks and for changing those settings.
//
// Its authority are recordings of the real program; CONFORMANCE.md says what of
// them it does not do.
package scheduler

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"

	"aurorabot/lab/master"
)

// Lifecycle states, as /vars names them.
const (
	stateIdle      = "IDLE"
	statePreparing = "PREPARING_STORAGE"
	statePrepared  = "STORAGE_PREPARED"
	stateAwaiting  = "LEADER_AWAITING_REGISTRATION"
	stateActive    = "ACTIVE"
	stateDead      = "DEAD"
)

var lifecycleStates = []string{stateIdle, statePreparing, statePrepared, stateAwaiting, stateActive, stateDead}

// A scheduler is one process's worth of scheduler.
type scheduler struct {
	set     *settings
	version version
	knobs   *knobs
	log     *logger
	clock   func() time.Time
	environ []string
	command string // main class and arguments, as /vars has them

	storage   *storage
	backups   *backups
	candidate *candidate
	driver    *driver
	server    *http.Server
	port      int
	started   time.Time

	process context.Context // ends with the process
	ctx     context.Context // ends when the application shuts down
	stop    context.CancelFunc
	down    chan struct{} // closed when the application has shut down
	work    sync.WaitGroup

	mu         sync.Mutex
	lifecycle  string
	registered bool
	stopping   bool
	updates    []master.Event // task states not yet followed
	wake       chan struct{}
	tasksMu    sync.Mutex // held by whoever changes tasks, from reading to writing
	count      struct {
		explicit, implicit, statusUpdates, disconnects, reregisters int
		responses                                                   map[string]int
	}
}

// move goes to another lifecycle state and logs it.
func (s *scheduler) move(thread, to string) {
	s.mu.Lock()
	from := s.lifecycle
	s.lifecycle = to
	s.mu.Unlock()
	s.log.info(thread, "StateMachine", "SchedulerLifecycle state machine transition %s -> %s", from, to)
}

func (s *scheduler) at() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lifecycle
}

// lead is what an elected candidate does: recover the storage, start the
// driver, and give up if nobody registers it in time.
func (s *scheduler) lead() {
	const thread = "LeaderSelector-0"
	s.move(thread, stateAwaiting)
	s.log.info(thread, "SchedulerLifecycle", "Elected as leading scheduler!")
	if err := s.storage.recover(s.ctx, thread); err != nil {
		if s.ctx.Err() == nil || s.at() == stateDead {
			s.log.error(thread, "SchedulerLifecycle", "Caught unchecked exception: %v\n", err)
		}
		s.shutdown(thread)
		return
	}
	st, err := s.storage.read()
	if err != nil {
		return // stopped meanwhile
	}
	const driverThread = "SchedulerDriverService STARTING"
	s.log.info(driverThread, "SchedulerDriverService", "Connecting to mesos master: %s", s.set.master)
	s.log.warn(driverThread, "SchedulerDriverService", "Connecting to master without authentication!")
	if st.frameworkID != "" {
		s.log.info(driverThread, "SchedulerDriverService", "Found persisted framework ID: Optional[%s]", st.frameworkID)
	} else {
		s.log.warn(driverThread, "SchedulerDriverService", "Did not find a persisted framework ID, connecting as a new framework.")
	}
	s.startDriver(st.frameworkID)
	s.log.info(driverThread, "SchedulerDriverService", "Driver started with code DRIVER_RUNNING")
	s.log.info(thread, "SchedulerLifecycle", "Giving up on registration in %s", s.set.registrationDelayText)
	s.after(s.set.registrationDelay, func() {
		if s.at() == stateAwaiting {
			s.log.error("Lifecycle-0", "SchedulerLifecycle", "Framework has not been registered within the tolerated delay.")
			s.shutdown("Lifecycle-0")
		}
	})
	s.after(s.set.leadingDuration, func() {
		s.log.info("Lifecycle-0", "SchedulerLifecycle", "Triggering automatic failover.")
		s.shutdown("Lifecycle-0")
	})
	s.every(s.set.snapshotInterval, func() { s.snapshot("SnapshotService RUNNING") })
	s.every(min(time.Second, s.set.backupInterval), func() {
		if s.backups.due() {
			s.backup("SnapshotService RUNNING")
		}
	})
}

// after runs f once after d, unless the application ends first.
func (s *scheduler) after(d time.Duration, f func()) {
	if d <= 0 || s.ctx.Err() != nil {
		return
	}
	s.work.Go(func() {
		t := time.NewTimer(d)
		defer t.Stop()
		select {
		case <-s.ctx.Done():
		case <-t.C:
			go f() // f may shut the application down, which waits for us
		}
	})
}

// every runs f each d until the application ends.
func (s *scheduler) every(d time.Duration, f func()) {
	if d <= 0 || s.ctx.Err() != nil {
		return
	}
	s.work.Go(func() {
		t := time.NewTicker(d)
		defer t.Stop()
		for {
			select {
			case <-s.ctx.Done():
				return
			case <-t.C:
				f()
			}
		}
	})
}

// snapshot writes a snapshot of the leader's state.
func (s *scheduler) snapshot(thread string) error {
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	_, err := s.storage.snapshotNow(s.ctx, thread)
	return err
}

// backup writes a backup of the leader's state.
func (s *scheduler) backup(thread string) error {
	st, err := s.storage.read()
	if err != nil {
		return err
	}
	return s.backups.write(thread, &snapshot{s.clock().UnixMilli(), st})
}

// commit appends the staged backup as one snapshot with the backup's time,
// and stops leading whatever became of it.
func (s *scheduler) commit(thread string) error {
	snap, err := s.backups.stagedSnapshot()
	if err != nil {
		return err
	}
	if !s.storage.ready() || s.knobs.get("COMMIT_FAULT") == faultNotReady {
		return errStorage
	}
	select {
	case <-time.After(s.knobs.duration("COMMIT_DELAY")):
	case <-s.ctx.Done():
		return errLogDisabled
	}
	s.tasksMu.Lock()
	defer s.tasksMu.Unlock()
	switch s.knobs.get("COMMIT_FAULT") {
	case faultCrashBefore:
		die()
	case faultTimeoutLost:
		defer s.shutdown(thread)
		return s.storage.disable(thread, "append", context.DeadlineExceeded)
	case faultTimeout:
		_ = s.storage.persist(s.ctx, thread, snap) // what the client hears is the timeout
		return s.storage.disable(thread, "append", context.DeadlineExceeded)
	}
	err = s.storage.persist(s.ctx, thread, snap)
	if err == nil && s.knobs.get("COMMIT_FAULT") == faultCrashAfter {
		die()
	}
	s.shutdown(thread)
	return err
}

// shutdown ends the application: no driver, no storage, no session, and then no
// HTTP. The process, and with it the replica of the log, may stay.
func (s *scheduler) shutdown(thread string) {
	s.mu.Lock()
	again := s.stopping
	s.stopping = true
	from := s.lifecycle
	s.mu.Unlock()
	if again {
		if from == stateDead {
			s.log.info(thread, "StateMachine", "SchedulerLifecycle state machine transition DEAD -> DEAD")
			s.log.info(thread, "SchedulerLifecycle", "Shutdown already invoked, ignoring extra call.")
		}
		return
	}
	s.log.info(thread, "Lifecycle", "Shutting down application")
	s.log.info(thread, "ShutdownRegistry$ShutdownRegistryImpl", "Executing 3 shutdown commands.")
	s.move(thread, stateDead)
	s.storage.stop(thread)
	s.stop()
	s.candidate.close()
	s.log.info("Curator-Framework-0", "CuratorFrameworkImpl", "backgroundOperationsLoop exiting")
	go s.finish()
}

// finish closes HTTP; calls that are being answered have a second for it.
func (s *scheduler) finish() {
	s.log.info("main", "SchedulerMain", "Stopping scheduler services.")
	s.log.info("TearDownShutdownRegistry STOPPING", "ShutdownRegistry$ShutdownRegistryImpl", "Action controller has already completed, subsequent calls ignored.")
	select {
	case <-s.process.Done():
	case <-time.After(s.knobs.duration("CLOSE_DELAY")):
	}
	s.log.info("HttpServerLauncher STOPPING", "JettyServerModule", "Shutting down embedded http server")
	c, cancel := context.WithTimeout(context.Background(), time.Second)
	_ = s.server.Shutdown(c) // who has no answer after this second gets none
	cancel()
	_ = s.server.Close()
	s.log.info("HttpServerLauncher STOPPING", "AbstractConnector", "Stopped ServerConnector{HTTP/1.1,[http/1.1]}{%s}", net.JoinHostPort(s.set.bind(), portText(s.port)))
	s.work.Wait()
	s.log.info("main", "SchedulerMain", "Application run() exited.")
	close(s.down)
}
