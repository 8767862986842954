package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"aurorabot/runner"
)

// drives are the engine at work on runs, in the background, and those who are
// told what comes of it.
type drives struct {
	engine *runner.Engine

	mu      sync.Mutex
	runs    map[string]*drive // By run.
	asking  map[string]*sync.Mutex
	tellers map[int]func(runner.Event)
	next    int
	wait    sync.WaitGroup
	stopped bool
}

// A drive is the engine at work on a run.
type drive struct {
	cancel context.CancelCauseFunc
	done   chan struct{}
}

// Subscribe has f called with every event once it is durable, in order, until
// cancel is called. f must not block.
func (s *drives) Subscribe(f func(runner.Event)) (cancel func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.tellers[id] = f
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.tellers, id)
	}
}

func (s *drives) tell(e runner.Event) {
	s.mu.Lock()
	all := make([]func(runner.Event), 0, len(s.tellers))
	for _, f := range s.tellers {
		all = append(all, f)
	}
	s.mu.Unlock()
	for _, f := range all {
		f(e)
	}
}

// Stop ends all drives and waits for them. What was in the middle stands in the
// journal; the next process says so and waits for a person.
func (s *drives) Stop() {
	s.mu.Lock()
	s.stopped = true
	for _, d := range s.runs {
		d.cancel(nil)
	}
	s.mu.Unlock()
	s.wait.Wait()
}

// errBusy is why a run is not driven: it already is.
var errBusy = errors.New("the bot works on it at this moment; to stop it there, `abort` it")

// drive lets the engine work on a run in the background.
func (s *drives) drive(run string, r *runner.Recipe, work func(context.Context, *runner.Recipe, string) (*runner.State, error)) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errors.New("the bot is stopping")
	}
	if s.runs[run] != nil {
		return errBusy
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	d := &drive{cancel: cancel, done: make(chan struct{})}
	s.runs[run] = d
	s.wait.Go(func() {
		defer cancel(nil)
		_, err := work(ctx, r, run)
		s.mu.Lock()
		delete(s.runs, run)
		s.mu.Unlock()
		close(d.done)
		if err != nil {
			s.broken(run, err)
		}
		s.tell(runner.Event{Run: run, Kind: Settled})
	})
	return nil
}

// broken says in the journal that the program itself could not go on, if the
// journal still takes it.
func (s *drives) broken(run string, err error) {
	data, merr := json.Marshal(runner.Stop{Reason: runner.StopFailed})
	if merr != nil {
		return
	}
	// If this fails too, the journal is down: what is not in it did not happen,
	// and the next process finds the run in the middle.
	_, _ = s.engine.Append(run, runner.Event{Kind: runner.RunStopped, Why: err.Error(), Data: data})
}

// halt stops the engine on a run and waits until it stands.
func (s *drives) halt(ctx context.Context, run string) error {
	s.mu.Lock()
	d := s.runs[run]
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	d.cancel(runner.ErrAborted) // What goes on by itself on a host is ended, too.
	return s.rest(ctx, run)
}

// rest waits until the engine does not work on a run.
func (s *drives) rest(ctx context.Context, run string) error {
	s.mu.Lock()
	d := s.runs[run]
	s.mu.Unlock()
	if d == nil {
		return nil
	}
	select {
	case <-d.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("run %s does not come to rest: %w", run, ctx.Err())
	}
}

// idle waits until the engine, which has come to rest on a run as its journal says, is out
// of it: whoever goes on at once must not be told that it is still at work. It returns
// [errBusy] where the engine is.
func (s *drives) idle(ctx context.Context, st *runner.State) error {
	switch st.Status {
	case runner.Open, runner.Undoing, runner.Settling:
		if s.Busy(st.Run) {
			return errBusy
		}
		return nil
	}
	return s.rest(ctx, st.Run)
}

// Busy reports whether the engine works on the run now.
func (s *drives) Busy(run string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.runs[run] != nil
}

// turn makes requests about one run or cluster stand in line.
func (s *drives) turn(key string) func() {
	s.mu.Lock()
	m := s.asking[key]
	if m == nil {
		m = &sync.Mutex{}
		s.asking[key] = m
	}
	s.mu.Unlock()
	m.Lock()
	return m.Unlock
}

// Settled is told, and not journaled, when the engine has come to rest on a run.
const Settled runner.Kind = "settled"

// work is how the engine goes on with a run.
func (s *drives) work(st *runner.State) func(context.Context, *runner.Recipe, string) (*runner.State, error) {
	switch {
	case st.Settling != "":
		return s.engine.Settle
	case st.Undo && !st.Ended:
		return s.engine.Undo
	}
	return s.engine.Advance
}
