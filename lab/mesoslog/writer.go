package mesoslog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

var (
	// ErrTimeout means that an append or truncation was not agreed upon in
	// time. It may take effect later: it goes on as long as the log is open,
	// and what it left unlearned on any replica can be found and completed by
	// the next writer.
	ErrTimeout = errors.New("Timed out while attempting to append") // the recorded text
	// ErrSuperseded means that another writer was elected. Nothing was
	// written; the writer is of no use until it is started again.
	ErrSuperseded = errors.New("Exclusive write promise lost") // the recorded text
)

// Writer writes to the log once it is elected. One operation at a time: the
// real one fails for good when a second is begun.
type Writer struct {
	log *Log

	mu       sync.Mutex
	state    writerState
	started  bool // Whether an election was ever begun.
	broken   error
	proposal uint64
	index    uint64 // Where the next entry goes.
}

type writerState int

const (
	notElected writerState = iota
	electing
	elected
	writing
)

// Writer gives a writer, not elected yet.
func (l *Log) Writer() *Writer { return &Writer{log: l} }

// Start elects the writer: it gets the promise of a quorum, and completes
// every position that our replica misses. ok is false if the election was
// lost to a higher number or to replicas that do not vote, and can be tried
// again; position is the last one of the log.
//
// It waits for the replica's recovery and for a quorum, as long as ctx lasts.
func (w *Writer) Start(ctx context.Context) (position uint64, ok bool, err error) {
	l := w.log
	if err := l.wait(ctx); err != nil {
		return 0, false, err
	}
	if !l.enter() {
		return 0, false, errClosed
	}
	defer l.leave()
	w.mu.Lock()
	if w.state == electing || w.state == writing {
		w.mu.Unlock()
		return 0, false, errors.New("start the writer: it is being elected or is writing")
	}
	w.state, w.started, w.broken = electing, true, nil
	w.mu.Unlock()

	l.log.info("log.cpp:554", "Attempting to start the writer")
	ctx, cancel := l.bound(ctx)
	defer cancel()
	position, ok, err = w.elect(ctx)

	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = notElected
	switch {
	case err != nil:
		w.broken = fmt.Errorf("Failed to start: %w", err) // the recorded text
	case !ok:
		l.log.info("log.cpp:566", "Could not start the writer, but can be retried")
	default:
		w.state = elected
		w.index = position + 1
		l.log.info("log.cpp:570", "Writer started with ending position %d", position)
	}
	return position, ok, err
}

// bound ends ctx with the log as well.
func (l *Log) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(l.ctx, cancel)
	return ctx, func() { stop(); cancel() }
}

func (w *Writer) elect(ctx context.Context) (uint64, bool, error) {
	p := w.log.proposer()
	// A number above the one that the last election failed with, if any.
	w.proposal = max(w.proposal, w.log.replica.promised()) + 1
	r, err := p.promiseAll(ctx, w.proposal)
	if err != nil {
		return 0, false, err
	}
	if r.Verdict != accepted {
		w.proposal = max(w.proposal, r.Proposal)
		return 0, false, nil
	}
	w.log.log.info("coordinator.cpp:238", "Coordinator attempting to fill missing positions")
	missing := w.log.replica.missingUpTo(0, r.Position)
	if err := p.catchUp(ctx, w.proposal+1, missing); err != nil {
		return 0, false, err
	}
	return r.Position, true, nil
}

// Append adds data to the log and returns its position.
//
// It returns [ErrTimeout] after the write timeout or when ctx ends. After an
// error of any kind the writer must be started again.
func (w *Writer) Append(ctx context.Context, data []byte) (uint64, error) {
	w.log.log.vlog(1, "log.cpp:578", "Attempting to append %d bytes to the log", len(data))
	return w.write(ctx, "append", action{Type: actionAppend, Bytes: data})
}

// Truncate drops every position below to. It returns the truncation's own
// position, and errors as Append does.
func (w *Writer) Truncate(ctx context.Context, to uint64) (uint64, error) {
	w.log.log.vlog(1, "log.cpp:597", "Attempting to truncate the log to %d", to)
	return w.write(ctx, "truncate", action{Type: actionTruncate, To: to})
}

type written struct {
	position uint64
	err      error
}

func (w *Writer) write(ctx context.Context, verb string, a action) (uint64, error) {
	if !w.log.enter() {
		return 0, errClosed
	}
	if err := w.begin(verb, &a); err != nil {
		w.log.leave()
		return 0, err
	}
	done := make(chan written, 1)
	go func() {
		defer w.log.leave()
		done <- w.perform(verb, a)
	}()
	limit := time.NewTimer(w.log.options.WriteTimeout)
	defer limit.Stop()
	select {
	case r := <-done:
		return r.position, r.err
	case <-limit.C:
		return 0, ErrTimeout
	case <-ctx.Done():
		return 0, fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
	}
}

// begin claims the writer for one operation, and gives a its position.
func (w *Writer) begin(verb string, a *action) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var err error
	switch {
	case !w.started:
		return errors.New("No election has been performed") // the recorded text
	case w.broken != nil:
		return w.broken
	case w.state == notElected:
		err = errors.New("Coordinator is not elected") // the recorded text
	case w.state == electing:
		err = errors.New("Coordinator is being elected") // the recorded text
	case w.state == writing:
		err = errors.New("Coordinator is currently writing") // the recorded text
	}
	if err != nil {
		w.broken = fmt.Errorf("Failed to %s: %w", verb, err) // the recorded text
		return w.broken
	}
	w.state = writing
	a.Position, a.Promised, a.Performed, a.HasPerformed = w.index, w.proposal, w.proposal, true
	return nil
}

// perform gets a accepted by a quorum and learned by everybody.
func (w *Writer) perform(verb string, a action) written {
	l := w.log
	l.log.info("coordinator.cpp:348", "Coordinator attempting to write %s action at position %d", a.Type, a.Position)
	p := l.proposer()
	r, err := p.write(l.ctx, a.Performed, a)
	if err == nil && r.Verdict == accepted {
		err = l.net.learn(l.ctx, a)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.state = notElected
	switch {
	case err != nil:
		w.broken = fmt.Errorf("Failed to %s: %w", verb, err) // the recorded text
		return written{0, w.broken}
	case r.Verdict != accepted:
		w.proposal = max(w.proposal, r.Proposal)
		return written{0, ErrSuperseded}
	case l.replica.missing(a.Position):
		// Our own disk failed. The real process aborts here.
		l.log.line(levelFatal, "coordinator.cpp:408", "Check failed: !missing Not expecting local replica to be missing position %d after the writing is done", a.Position)
		w.broken = fmt.Errorf("Failed to %s: position %d is missing in the local replica", verb, a.Position) // as the others
		return written{0, w.broken}
	}
	w.state = elected
	w.index++
	return written{a.Position, nil}
}
