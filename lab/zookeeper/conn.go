package zookeeper

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"time"
)

const (
	// maxPacket is ZooKeeper's default of jute.maxbuffer: a client that
	// announces more is dropped without an answer.
	maxPacket = 0xfffff

	// maxUnsent is how much may wait for a client that does not read.
	maxUnsent = 64 << 20

	handshakeLimit = 30 * time.Second
	writeLimit     = 10 * time.Second
)

// A conn is one client's connection. Fields below session are guarded by the
// server's lock, the outbox by its own.
type conn struct {
	server *Server
	net    net.Conn

	session *session // Nil before the handshake.
	who     []identity

	outbox struct {
		sync.Mutex
		packets [][]byte
		bytes   int
		last    bool // Nothing comes after what is there.
		wake    chan struct{}
	}
}

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{server: s, net: nc}
	c.outbox.wake = make(chan struct{}, 1)
	if host, _, err := net.SplitHostPort(nc.RemoteAddr().String()); err == nil {
		c.who = []identity{{"ip", host}}
	}
	return c
}

// read handles the client's packets, one after the other, until it is gone.
func (c *conn) read() {
	defer c.server.running.Done()
	defer c.server.drop(c)
	_ = c.net.SetReadDeadline(time.Now().Add(handshakeLimit))
	var head [4]byte
	if _, err := io.ReadFull(c.net, head[:]); err != nil {
		return
	}
	if word := string(head[:]); isWord(word) {
		c.server.answerWord(c, word)
		return
	}
	first, err := c.packet(head)
	if err != nil || !c.server.connect(c, first) {
		return
	}
	_ = c.net.SetReadDeadline(time.Time{})
	for {
		if _, err := io.ReadFull(c.net, head[:]); err != nil {
			return
		}
		p, err := c.packet(head)
		if err != nil || !c.server.serve(c, p) {
			return
		}
	}
}

// packet reads what follows a length.
func (c *conn) packet(head [4]byte) ([]byte, error) {
	n := binary.BigEndian.Uint32(head[:])
	if n > maxPacket {
		return nil, errMarshalling
	}
	p := make([]byte, n)
	_, err := io.ReadFull(c.net, p)
	return p, err
}

// send queues a packet; its length goes before it. It never blocks: a client
// for whom too much waits is dropped.
func (c *conn) send(body []byte) {
	framed := binary.BigEndian.AppendUint32(make([]byte, 0, 4+len(body)), uint32(len(body)))
	c.sendRaw(append(framed, body...))
}

func (c *conn) sendRaw(p []byte) {
	o := &c.outbox
	o.Lock()
	defer o.Unlock()
	if o.bytes += len(p); o.bytes > maxUnsent {
		_ = c.net.Close()
		return
	}
	o.packets = append(o.packets, p)
	c.signal()
}

func (c *conn) signal() {
	select {
	case c.outbox.wake <- struct{}{}:
	default: // the writer has a wake-up before it already
	}
}

// finish lets the writer end after what is queued.
func (c *conn) finish() {
	c.outbox.Lock()
	defer c.outbox.Unlock()
	c.outbox.last = true
	c.signal()
}

// write sends what is queued, and closes the connection at the end.
func (c *conn) write() {
	defer c.server.running.Done()
	defer c.net.Close()
	for range c.outbox.wake {
		c.outbox.Lock()
		packets, last := c.outbox.packets, c.outbox.last
		c.outbox.packets, c.outbox.bytes = nil, 0
		c.outbox.Unlock()
		for _, p := range packets {
			_ = c.net.SetWriteDeadline(time.Now().Add(writeLimit))
			if _, err := c.net.Write(p); err != nil {
				return
			}
		}
		if last {
			return
		}
	}
}

// drop forgets a connection whose reader has ended. Its session lives on until
// it expires or its client comes back.
func (s *Server) drop(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.conns, c)
	s.watches.forget(c)
	if c.session != nil && c.session.conn == c {
		c.session.conn = nil
	}
	c.finish()
}
