package ssh_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/ssh"
)

// Many hosts share few connections: every command is answered, there are never
// more connections than allowed, and one that is in use is not taken away.
func TestPool(t *testing.T) {
	_, cfg := startHost(t)
	pool := ssh.NewPool(3)
	cfg.Pool = pool
	var hosts []*ssh.Host
	for range 8 {
		hosts = append(hosts, open(t, cfg))
	}
	var wg sync.WaitGroup
	for round := range 3 {
		for _, h := range hosts {
			wg.Go(func() {
				if _, err := h.Run(t.Context(), runner.Command{Argv: []string{"true"}}); err != nil {
					t.Errorf("round %d: %v", round, err)
				}
			})
		}
	}
	wg.Wait()
	up := 0
	for _, h := range hosts {
		s := h.Stats()
		if s.Connected {
			up++
		}
		if s.Lost+s.Refused > 0 {
			t.Errorf("a connection that was given up counts as an error: %+v", s)
		}
	}
	if pool.Peak() != 3 || up > 3 {
		t.Errorf("%d connections at most, %d in the end, want 3 at most", pool.Peak(), up)
	}
}

// While all connections are in use, who needs another waits, for as long as it
// may; then it gets one.
func TestPoolWaits(t *testing.T) {
	_, cfg := startHost(t)
	cfg.Pool = ssh.NewPool(1)
	first, second := open(t, cfg), open(t, cfg)
	ask := func(h *ssh.Host, within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := h.Run(ctx, runner.Command{Argv: []string{"true"}})
		return err
	}
	if err := ask(first, time.Minute); err != nil {
		t.Fatal(err)
	}
	conn, err := first.Dial(t.Context(), cfg.Address) // A forwarded connection is a use too.
	if err != nil {
		t.Fatal(err)
	}
	err = ask(second, 300*time.Millisecond)
	if !errors.Is(err, runner.ErrNotStarted) || !strings.Contains(err.Error(), "waiting for one of 1 connections") {
		t.Errorf("while the only one is in use: %v", err)
	}
	done := make(chan error, 1)
	go func() { done <- ask(second, time.Minute) }()
	conn.Close()
	if err := <-done; err != nil {
		t.Errorf("when it is free again: %v", err)
	}
	if first.Stats().Connected {
		t.Error("both are connected")
	}
	if err := ask(first, time.Minute); err != nil {
		t.Errorf("the first one, again: %v", err)
	}
}
