package zookeeper

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Sessions lists the open sessions, in the order of their creation.
func (s *Server) Sessions() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.sessions))
}

// ExpireSession ends a session as its timeout would: its ephemeral nodes go,
// its client is dropped and told so when it comes back. It reports whether
// there was such a session.
func (s *Server) ExpireSession(id int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	sess := s.sessions[id]
	if sess == nil {
		return false
	}
	s.expire(sess)
	return true
}

// Disconnect drops every client's connection. Sessions live on.
func (s *Server) Disconnect() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		_ = c.net.Close()
	}
}

// Pause makes the server answer nobody and expire nothing, as one whose disk
// hangs, until Resume. A second Pause does nothing.
func (s *Server) Pause() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate == nil {
		s.gate = make(chan struct{})
	}
}

// Resume ends a Pause. Every session gets its full timeout anew, as from a new
// leader. Without a Pause it does nothing.
func (s *Server) Resume() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gate == nil {
		return
	}
	for _, sess := range s.sessions {
		s.touch(sess)
	}
	close(s.gate)
	s.gate = nil
}

// Stall pauses the server for d of the machine's time. It returns at once.
func (s *Server) Stall(d time.Duration) {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.running.Add(1)
	s.mu.Unlock()
	s.Pause()
	go func() {
		defer s.running.Done()
		select {
		case <-time.After(d):
			s.Resume()
		case <-s.done:
		}
	}()
}

// SetSequence makes n the number of the next sequential child of path, so that
// the overflow after 2147483647 can be tried.
func (s *Server) SetSequence(path string, n int32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	parent := s.tree.nodes[path]
	if parent == nil {
		return fmt.Errorf("zookeeper: set sequence of %s: %w", path, errNoNode)
	}
	parent.creates = n
	return nil
}
