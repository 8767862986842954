package mesoslog

import (
	"bufio"
	"context"
	"encoding/gob"
	"net"
	"sync"
	"time"
)

// frame is one message on a connection between replicas, in gob. Either side
// is set. ID zero marks a request without an answer.
type frame struct {
	ID       uint64
	Request  *request
	Response *response
}

// socketNumber stands for a file descriptor in a log line.
const socketNumber = 20

// dialLimit is the longest time that a connection may take to come up.
const dialLimit = 2 * time.Second

// link sends our messages to one peer, in order, over one connection that it
// renews when needed. What cannot be sent is dropped with a warning.
type link struct {
	address string
	log     *glog
	ctx     context.Context
	queue   chan outgoing

	mu      sync.Mutex
	pending map[uint64]chan<- response
	nextID  uint64
}

type outgoing struct {
	q      request
	answer chan<- response // Nil if none is wanted.
}

func newLink(ctx context.Context, wg *sync.WaitGroup, address string, log *glog) *link {
	l := &link{address: address, log: log, ctx: ctx, queue: make(chan outgoing, 1024), pending: map[uint64]chan<- response{}}
	wg.Go(func() { l.run(wg) })
	return l
}

// send queues q. answer must have room for the response.
func (l *link) send(q request, answer chan<- response) {
	select {
	case l.queue <- outgoing{q, answer}:
	case <-l.ctx.Done():
	}
}

// conn is an established connection. broken is closed when its reader ends.
type conn struct {
	net.Conn
	w      *bufio.Writer
	enc    *gob.Encoder
	broken chan struct{}
}

func (l *link) run(wg *sync.WaitGroup) {
	var c *conn
	defer func() {
		if c != nil {
			_ = c.Close()
		}
	}()
	for {
		var out outgoing
		select {
		case out = <-l.queue:
		case <-l.ctx.Done():
			return
		}
		if c != nil {
			select {
			case <-c.broken:
				_ = c.Close()
				c = nil
			default:
			}
		}
		if c == nil {
			var err error
			if c, err = l.dial(wg); err != nil {
				l.log.line(levelWarning, "process.cpp:1917", "Failed to send '%s' to '%s', connect: Failed to connect to %s: %s",
					out.q.Kind.message(), l.address, l.address, strerror(err))
				continue
			}
		}
		if err := l.write(c, out); err != nil {
			l.log.line(levelWarning, "process.cpp:1431", "Failed to recv on socket %d to peer 'unknown': %s", socketNumber, strerror(err))
			_ = c.Close()
			c = nil
		}
	}
}

func (l *link) write(c *conn, out outgoing) error {
	f := frame{Request: &out.q}
	if out.answer != nil {
		l.mu.Lock()
		l.nextID++
		f.ID = l.nextID
		l.pending[f.ID] = out.answer
		l.mu.Unlock()
	}
	if err := c.enc.Encode(f); err != nil {
		return err
	}
	return c.w.Flush()
}

func (l *link) dial(wg *sync.WaitGroup) (*conn, error) {
	d := net.Dialer{Timeout: dialLimit}
	raw, err := d.DialContext(l.ctx, "tcp", l.address)
	if err != nil {
		return nil, err
	}
	w := bufio.NewWriter(raw)
	c := &conn{Conn: raw, w: w, enc: gob.NewEncoder(w), broken: make(chan struct{})}
	wg.Go(func() { l.receive(c) })
	wg.Go(func() {
		select {
		case <-l.ctx.Done():
			_ = c.Close()
		case <-c.broken:
		}
	})
	return c, nil
}

// receive hands out the answers that come on c until it breaks. Those that
// were still to come are forgotten with it.
func (l *link) receive(c *conn) {
	defer close(c.broken)
	dec := gob.NewDecoder(bufio.NewReader(c))
	for {
		var f frame
		if err := dec.Decode(&f); err != nil {
			l.mu.Lock()
			clear(l.pending)
			l.mu.Unlock()
			return
		}
		l.mu.Lock()
		answer := l.pending[f.ID]
		delete(l.pending, f.ID)
		l.mu.Unlock()
		if answer != nil && f.Response != nil {
			answer <- *f.Response
		}
	}
}

// answer serves one peer's connection.
func (n *network) answer(c net.Conn) {
	ended := make(chan struct{})
	defer close(ended)
	n.wg.Go(func() {
		select {
		case <-n.ctx.Done():
		case <-ended:
		}
		_ = c.Close()
	})
	dec := gob.NewDecoder(bufio.NewReader(c))
	w := bufio.NewWriter(c)
	enc := gob.NewEncoder(w)
	for {
		var f frame
		if err := dec.Decode(&f); err != nil || f.Request == nil {
			return
		}
		if n.cut() {
			continue
		}
		answer, ok := n.replica.handle(*f.Request)
		if !ok || f.ID == 0 {
			continue
		}
		if err := enc.Encode(frame{ID: f.ID, Response: &answer}); err != nil {
			return
		}
		if err := w.Flush(); err != nil {
			return
		}
	}
}
