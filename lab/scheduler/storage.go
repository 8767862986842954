package scheduler

import (
	"context"
	"errors"

	"sync"
	"time"
)

// A replica is this process's replica of the log, and its writer.
type replica interface {
	// Elect makes this replica's writer the one with the promise of a quorum.
	// It tries once and returns an error if it did not get one in ctx's time.
	Elect(ctx context.Context) error
	// Append writes one entry behind the end and returns its position. If ctx
	// ends first the entry may still take effect.
	Append(ctx context.Context, entry []byte) (uint64, error)
	// Truncate drops the entries before a position.
	Truncate(ctx context.Context, to uint64) error
	// Read returns the entries from the beginning to the end, and how many
	// positions held no entry of the application.
	Read(ctx context.Context) (entries [][]byte, skipped int, err error)
	Close() error
}

// Log access errors, by the sentences that reach the API.
var (
	errStorage     = errors.New("Storage is not READY")                                 // the real scheduler's sentence
	errLogDisabled = errors.New("The log has encountered an error and cannot be used.") // the real scheduler's sentence
)

// counters are what storage counts for /vars.
type counters struct {
	entriesRead, entriesWritten, bytesRead, bytesWritten   int
	deflatedRead, badFrames, skipped, snapshots, unsnapped int
	appendTimeouts, appendFailures                         int
	truncateTimeouts, truncateFailures                     int
	readTimeouts, readFailures                             int
}

// A storage is a scheduler's state and the log that makes it durable. Its own
// states are the real one's: CONSTRUCTED, PREPARED, READY, STOPPED.
type storage struct {
	set   *settings
	knobs *knobs
	log   *logger
	build build
	clock func() time.Time
	fatal func(thread string) // called when the log can't be used any more

	mu       sync.Mutex
	phase    string
	replica  replica
	state    *state
	disabled bool
	count    counters
	replayed int64 // timestamp of the snapshot that the last replay began with
}

func (s *storage) move(thread, to string) {
	s.mu.Lock()
	from := s.phase
	s.phase = to
	s.mu.Unlock()
	s.log.info(thread, "StateMachine", "storage state machine transition %s -> %s", from, to)
}

func (s *storage) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.phase == "READY"
}

// read returns the state; nobody changes what it returns.
func (s *storage) read() (*state, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != "READY" {
		return nil, errStorage
	}
	return s.state, nil
}

// recover elects the writer and replays the log.
func (s *storage) recover(ctx context.Context, thread string) error {
	for try := 0; ; try++ {
		c, cancel := context.WithTimeout(ctx, s.set.electTimeout)
		err := s.replica.Elect(c)
		cancel()
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if try+1 >= s.set.electRetries {
			s.fatal(thread)
			return &fault{"org.apache.aurora.scheduler.storage.durability.DurableStorage$RecoveryFailedException",
				"org.apache.aurora.scheduler.storage.durability.Persistence$PersistenceException: org.apache.aurora.scheduler.log.Log$Stream$StreamAccessException: Error writing noop prior to a read"}
		}
	}
	if err := s.append(ctx, thread, noop); err != nil {
		return err
	}
	c, cancel := context.WithTimeout(ctx, max(s.set.readTimeout, s.set.writeTimeout)*10)
	entries, skipped, err := s.replica.Read(c)
	cancel()
	if err != nil {
		s.mu.Lock()
		s.count.readFailures++
		s.mu.Unlock()
		return &fault{"org.apache.aurora.scheduler.log.Log$Stream$StreamAccessException", "Problem reading from log: " + err.Error()}
	}
	if s.knobs.get("CRASH_AT_REPLAY") != "" {
		return errNoMember
	}
	r := replay{log: s.log, thread: thread, state: newState()}
	bytesRead := 0
	for _, e := range entries {
		bytesRead += len(e)
		if err := r.add(e); err != nil {
			return err
		}
	}
	r.abort()
	s.mu.Lock()
	s.state, s.replayed = r.state, r.snapshot
	s.count.entriesRead, s.count.bytesRead, s.count.deflatedRead = r.entries, bytesRead, r.deflated
	s.count.badFrames, s.count.skipped = r.bad, skipped
	s.mu.Unlock()
	s.move(thread, "READY")
	return nil
}

// append writes an entry in as many frames as it needs. A log that failed once
// is never used again: the scheduler shuts down, and what was sent may still
// take effect.
func (s *storage) append(ctx context.Context, thread string, entry []byte) error {
	_, err := s.appendAt(ctx, thread, entry)
	return err
}

// appendAt is append, and returns the position of the entry's first frame.
func (s *storage) appendAt(ctx context.Context, thread string, entry []byte) (uint64, error) {
	s.mu.Lock()
	if s.disabled {
		s.mu.Unlock()
		return 0, errLogDisabled
	}
	s.mu.Unlock()
	var first uint64
	for i, f := range frames(entry, s.set.maxEntry) {
		c, cancel := context.WithTimeout(ctx, s.set.writeTimeout)
		at, err := s.replica.Append(c, f)
		cancel()
		if err != nil {
			return 0, s.disable(thread, "append", err)
		}
		if i == 0 {
			first = at
		}
		s.mu.Lock()
		s.count.bytesWritten += len(f)
		s.mu.Unlock()
	}
	s.mu.Lock()
	s.count.entriesWritten++
	s.mu.Unlock()
	return first, nil
}

func (s *storage) truncate(ctx context.Context, thread string, to uint64) error {
	c, cancel := context.WithTimeout(ctx, s.set.writeTimeout)
	defer cancel()
	if err := s.replica.Truncate(c, to); err != nil {
		return s.disable(thread, "truncate", err)
	}
	return nil
}

// disable ends the use of the log after an operation failed.
func (s *storage) disable(thread, operation string, err error) error {
	late := errors.Is(err, context.DeadlineExceeded)
	s.mu.Lock()
	s.disabled = true
	switch {
	case operation == "append" && late:
		s.count.appendTimeouts++
	case operation == "append":
		s.count.appendFailures++
	case late:
		s.count.truncateTimeouts++
	default:
		s.count.truncateFailures++
	}
	s.mu.Unlock()
	sentence := "Problem performing log" + operation
	if late {
		sentence = "Timeout performing log " + operation
	}
	s.fatal(thread)
	return errors.New(sentence)
}

// write does ops: first in the log, then in memory.
func (s *storage) write(ctx context.Context, thread string, ops ...op) error {
	s.mu.Lock()
	if s.phase != "READY" {
		s.mu.Unlock()
		return errStorage
	}
	s.mu.Unlock()
	if err := s.append(ctx, thread, transaction(ops)); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	next := s.state.clone()
	for _, o := range ops {
		next.apply(o)
	}
	s.state = next
	s.count.unsnapped++
	return nil
}

// persist writes a snapshot and drops all before it.
func (s *storage) persist(ctx context.Context, thread string, snap *snapshot) error {
	s.log.info(thread, "SnapshotDeduplicator$SnapshotDeduplicatorImpl", "Starting deduplication of a snapshot with %d tasks.", len(snap.state.tasks))
	entry, configs := snap.encodeForLog(s.build)
	s.log.info(thread, "SnapshotDeduplicator$SnapshotDeduplicatorImpl", "Finished deduplicating snapshot. Deduplication ratio: %s.", ratio(len(snap.state.tasks), configs))
	at, err := s.appendAt(ctx, thread, entry)
	if err != nil {
		return err
	}
	if err := s.truncate(ctx, thread, at); err != nil {
		return err
	}
	s.mu.Lock()
	s.count.snapshots, s.count.unsnapped = s.count.snapshots+1, 0
	s.mu.Unlock()
	return nil
}

// snapshotNow writes the present state as a snapshot.
func (s *storage) snapshotNow(ctx context.Context, thread string) (*snapshot, error) {
	st, err := s.read()
	if err != nil {
		return nil, err
	}
	s.log.info(thread, "SnapshotService", "Creating snapshot")
	snap := &snapshot{s.clock().UnixMilli(), st}
	s.log.info(thread, "SnapshotService", "Saving snapshot")
	if err := s.persist(ctx, thread, snap); err != nil {
		return nil, err
	}
	s.log.info(thread, "SnapshotService",
		"Snapshot complete. host attrs: %d, cron jobs: %d, quota confs: %d, tasks: %d, updates: %d, host maintenance requests: %d",
		len(st.hosts), len(st.crons), len(st.quotas), len(st.tasks), len(st.updates), len(st.maintenance))
	return snap, nil
}

func (s *storage) stop(thread string) {
	s.mu.Lock()
	done := s.phase == "STOPPED"
	s.mu.Unlock()
	if !done {
		s.move(thread, "STOPPED")
	}
}
