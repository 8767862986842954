package handlers

import (
	"context"
	"errors"
	"testing"
	"time"

	"aurorabot/runner"
)

// Who resumes in the moment of a stop is not told that the bot is at work: the engine is
// waited for that is on its way out. One at work is not.
func TestIdle(t *testing.T) {
	out := make(chan struct{})
	s := &drives{runs: map[string]*drive{"r1": {done: out}}}
	for status, busy := range map[runner.Status]bool{runner.Open: true, runner.Undoing: true, runner.Settling: true, runner.Stopped: false, runner.Gated: false, runner.Owing: false} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		err := s.idle(ctx, &runner.State{Run: "r1", Status: status})
		cancel()
		if errors.Is(err, errBusy) != busy || !busy && !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s, while the engine is there: %v", status, err)
		}
	}
	time.AfterFunc(20*time.Millisecond, func() { close(out) })
	if err := s.idle(t.Context(), &runner.State{Run: "r1", Status: runner.Stopped}); err != nil {
		t.Errorf("once it is out: %v", err)
	}
}
