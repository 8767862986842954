package zookeeper

import (
	"crypto/subtle"
	"maps"
	"slices"
	"time"
)

// containerInterval is how often a server looks for empty containers.
const containerInterval = time.Minute

// A session is a client's lease on its ephemeral nodes.
type session struct {
	id       int64
	password []byte
	timeout  time.Duration
	deadline time.Time
	conn     *conn // Nil while its client is disconnected.
}

// firstSession spreads the identifiers of servers as ZooKeeper does: the
// server's number, 1, in the high byte, then the time of its start.
func firstSession(now time.Time) int64 {
	return 1<<56 | int64(uint64(now.UnixMilli())<<24>>8)
}

// touch grants the session its timeout anew. Like ZooKeeper, which sorts
// sessions into buckets, it expires at the tick after the timeout.
func (s *Server) touch(sess *session) {
	tick := s.opts.TickTime
	sess.deadline = s.opts.Clock.Now().Add(sess.timeout).Truncate(tick).Add(tick)
}

// connect answers a client's first packet: it opens a session or attaches to
// one. False means that the connection is of no further use.
func (s *Server) connect(c *conn, p []byte) bool {
	d := decoder{rest: p}
	_ = d.int32() // protocol version, always 0
	seen := d.int64()
	timeout := time.Duration(d.int32()) * time.Millisecond
	id := d.int64()
	password := d.buffer()
	readOnly := len(d.rest) > 0 // clients before 3.4, and Go's, say nothing about it
	if d.bad || !s.enter() {
		return false
	}
	defer s.mu.Unlock()
	s.received++
	if seen > s.zxid {
		return false // it has seen a newer state than ours, so it must look for another server
	}
	sess := s.sessions[id]
	switch {
	case id == 0:
		sess = s.open(min(max(timeout, s.opts.MinTimeout), s.opts.MaxTimeout))
	case sess == nil || subtle.ConstantTimeCompare(password, sess.password) != 1:
		c.greet(&session{password: make([]byte, 16)}, readOnly)
		return false
	default:
		if old := sess.conn; old != nil {
			old.session = nil
			_ = old.net.Close()
		}
		sess.timeout = min(max(timeout, s.opts.MinTimeout), s.opts.MaxTimeout)
	}
	s.touch(sess)
	sess.conn, c.session = c, sess
	c.greet(sess, readOnly)
	s.sent++
	return true
}

// greet tells the client its session. A session without a number says that the
// one asked for has expired.
func (c *conn) greet(sess *session, readOnly bool) {
	var e encoder
	e.int32(0)
	e.int32(int32(sess.timeout / time.Millisecond))
	e.int64(sess.id)
	e.buffer(sess.password)
	if readOnly {
		e.bool(false)
	}
	c.send(e)
}

func (s *Server) open(timeout time.Duration) *session {
	s.next()
	s.lastID++
	sess := &session{id: s.lastID, password: newPassword(), timeout: timeout}
	s.sessions[sess.id] = sess
	return sess
}

// end removes a session and its ephemeral nodes, in one transaction.
func (s *Server) end(sess *session) {
	delete(s.sessions, sess.id)
	for _, ev := range s.tree.deleteOwned(sess.id, s.next()) {
		s.watches.fire(ev)
	}
}

// expire ends a session against its client's will.
func (s *Server) expire(sess *session) {
	s.end(sess)
	if sess.conn != nil {
		_ = sess.conn.net.Close()
	}
}

// tick expires what is due, until the server stops.
func (s *Server) tick() {
	defer s.running.Done()
	ticks, stop := s.opts.Clock.Ticker(s.opts.TickTime)
	defer stop()
	for {
		select {
		case <-ticks:
		case <-s.done:
			return
		}
		s.mu.Lock()
		if s.gate == nil && !s.closed {
			s.expireDue()
			s.reapContainers()
		}
		s.mu.Unlock()
	}
}

func (s *Server) expireDue() {
	now := s.opts.Clock.Now()
	for _, id := range slices.Sorted(maps.Keys(s.sessions)) {
		if sess := s.sessions[id]; !now.Before(sess.deadline) {
			s.expire(sess)
		}
	}
}

// reapContainers deletes containers that had children and have none now.
func (s *Server) reapContainers() {
	now := s.opts.Clock.Now()
	if now.Sub(s.reaped) < containerInterval {
		return
	}
	s.reaped = now
	for path, n := range s.tree.nodes {
		if n.owner != containerOwner || len(n.children) > 0 || n.creates == 0 {
			continue
		}
		if ch, err := s.tree.delete(path, -1, []identity{}, s.next()); err == nil {
			s.fire(ch)
		}
	}
}

func (s *Server) fire(ch change) {
	for _, ev := range ch.events {
		s.watches.fire(ev)
	}
}
