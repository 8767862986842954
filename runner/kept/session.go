package kept

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
)

// ErrLost says that the session ended before the command did, or before it was
// asked: run it another way.
var ErrLost = errors.New("the kept session ended")

// maxErrors bounds what is taken of standard error, in bytes: people read it. A
// session in which there is more has ended.
const maxErrors = 1 << 20

// A Session is the bot's end.
type Session struct {
	ready chan struct{} // Closed when the host answers.
	over  chan struct{} // Closed when the session has ended.

	write sync.Mutex
	out   io.Writer

	mu    sync.Mutex
	next  int
	calls map[int]*call
	ended bool
}

// A call is a command on its way.
type call struct {
	most    int // Bytes of each output that were asked for.
	process Process
	result  Result
	done    chan struct{}
}

// NewSession speaks with [Serve] over what it reads and writes, until in ends.
func NewSession(in io.Reader, out io.Writer) *Session {
	s := &Session{ready: make(chan struct{}), over: make(chan struct{}), out: out, calls: map[int]*call{}}
	go s.read(in)
	return s
}

// Ready is closed when the host answers, Over when the session has ended.
func (s *Session) Ready() <-chan struct{} { return s.ready }

// Over is closed when the session has ended.
func (s *Session) Over() <-chan struct{} { return s.over }

// Run runs c on the host. When ctx ends first, the error is its cause, and the
// process that was begun may still run.
func (s *Session) Run(ctx context.Context, c Command) (Result, Process, error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return Result{}, Process{}, ErrLost
	}
	s.next++
	id, mine := s.next, &call{most: c.Most, done: make(chan struct{})}
	s.calls[id] = mine
	s.mu.Unlock()
	defer s.forget(id)

	line, err := json.Marshal(ask{ID: id, Argv: c.Argv, Stdin: c.Stdin, LimitMS: c.Limit.Milliseconds(), Most: c.Most})
	if err != nil {
		return Result{}, Process{}, fmt.Errorf("encode a command: %w", err)
	}
	// A host that does not read holds up the writer; it must not hold up ctx.
	go func() {
		s.write.Lock()
		defer s.write.Unlock()
		_, _ = s.out.Write(append(line, '\n')) // A session that broke is seen by read.
	}()
	select {
	case <-mine.done:
		return mine.result, s.processOf(mine), nil
	case <-s.over:
		return Result{}, s.processOf(mine), ErrLost
	case <-ctx.Done():
		return Result{}, s.processOf(mine), context.Cause(ctx)
	}
}

func (s *Session) processOf(c *call) Process {
	s.mu.Lock()
	defer s.mu.Unlock()
	return c.process
}

func (s *Session) forget(id int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, id)
}

// read takes answers until there are no more, or one that is none.
func (s *Session) read(in io.Reader) {
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = true
		close(s.over)
	}()
	lines := bufio.NewReaderSize(in, 64<<10)
	greeted := false
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		var r reply
		if json.Unmarshal(line, &r) != nil || !greeted && r.ID != 0 {
			return // It is not our program that speaks there.
		}
		if !greeted {
			greeted = true
			close(s.ready)
			continue
		}
		if !s.take(r, lines) {
			return
		}
	}
}

// take hands an answer to whoever waits for it; one that was given up is read
// over.
func (s *Session) take(r reply, lines *bufio.Reader) bool {
	s.mu.Lock()
	c := s.calls[r.ID]
	if c != nil && !r.Ended {
		c.process = Process{r.PID, r.Begun}
	}
	s.mu.Unlock()
	if !r.Ended {
		return true
	}
	if r.Out < 0 || r.Err < 0 {
		return false
	}
	if c == nil {
		_, err := io.CopyN(io.Discard, lines, int64(r.Out)+int64(r.Err))
		return err == nil
	}
	if r.Out > c.most || r.Err > min(c.most, maxErrors) {
		return false // A host cannot make the bot keep more than it asked for.
	}
	both := make([]byte, r.Out+r.Err)
	if _, err := io.ReadFull(lines, both); err != nil {
		return false
	}
	s.forget(r.ID) // A second answer is nobody's.
	c.result = Result{Stdout: both[:r.Out:r.Out], Stderr: both[r.Out:], Exit: r.Exit, Cut: r.Cut}
	close(c.done)
	return true
}
