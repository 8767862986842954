package slack

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
)

const (
	maxLinks  = 10       // Slack's most links per app.
	maxAck    = 20 << 10 // Bytes of an acknowledgement that Slack takes.
	maxFrame  = 1 << 20  // Bytes of a frame that we read at all.
	writeTime = 5 * time.Second
	grace     = 10 * time.Second // How long a link lives after it was asked to disconnect.
)

// SocketStats count what went over Socket Mode.
type SocketStats struct {
	Links       int // Open links that can be used: greeted, and not asked to go.
	Opens       int // Calls of apps.connections.open, failed ones too.
	Sent        int // Envelopes written to a link.
	Acks        int // Acknowledgements taken.
	LateAcks    int // Acknowledgements of envelopes that nobody waited for any more, or that never were.
	RefusedAcks int // Acknowledgements that were too large, not JSON, or on the wrong link.
}

// socket is the Socket Mode side. Its mutex may be taken while Server.mu is
// not held, never the other way round.
type socket struct {
	mu      sync.Mutex
	links   []*link
	next    int // Whose turn it is.
	max     int
	muted   bool
	stall   string               // Where links to come hang; "": nowhere.
	stalled int                  // How many do.
	tickets map[string]time.Time // Until when each may be used.
	pending map[string]*envelope
	stats   SocketStats
}

// link is one web socket of the app.
type link struct {
	conn    *websocket.Conn
	host    string
	writing sync.Mutex
	muted   atomic.Bool // Half open: nothing goes in or out, and nobody is told.
	greeted atomic.Bool // Hello is out, or about to be: it gets envelopes,
	leaving atomic.Bool // until it is asked to disconnect.
	done    chan struct{}
}

// write sends one frame. On a muted link it is lost without an error.
func (l *link) write(v any) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	return l.send(v)
}

// greet sends hello. The link can be chosen from then on: an envelope that is
// for it already waits until hello is out.
func (l *link) greet(hello any) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.greeted.Store(true)
	return l.send(hello)
}

func (l *link) send(v any) error {
	if l.muted.Load() {
		return nil
	}
	l.conn.SetWriteDeadline(time.Now().Add(writeTime))
	return l.conn.WriteMessage(websocket.TextMessage, raw(v))
}

func (s *Server) openConnection(args) (reply, error) {
	s.socket.mu.Lock()
	s.socket.stats.Opens++
	s.socket.mu.Unlock()
	defer s.change()
	wait, err := s.faults.open()
	if wait > 0 {
		select {
		case <-time.After(wait):
		case <-s.ctx.Done():
		}
	}
	if err != nil {
		return nil, err
	}
	ticket := uuid()
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	if s.socket.tickets == nil {
		s.socket.tickets = map[string]time.Time{}
	}
	s.socket.tickets[ticket] = s.now().Add(s.opt.TicketLife)
	return reply{"url": "ws" + s.base[len("http"):] + "/link/?ticket=" + ticket + "&app_id=" + AppID}, nil
}

var upgrader = websocket.Upgrader{
	HandshakeTimeout: writeTime,
	WriteBufferSize:  64 << 10,
	CheckOrigin:      func(*http.Request) bool { return true }, // slack-go sends one of its own; the ticket is what counts.
}

func (s *Server) serveLink(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.socket.mu.Lock()
	until, known := s.socket.tickets[ticket]
	delete(s.socket.tickets, ticket)
	stall := s.socket.stall
	s.socket.mu.Unlock()
	if !known || s.now().After(until) {
		http.Error(w, "stale ticket", http.StatusRequestTimeout)
		return
	}
	if stall != "" {
		s.socket.stalls(1)
		defer s.socket.stalls(-1)
	}
	if stall == AtHandshake {
		<-r.Context().Done() // The client is gone, or the server ends.
		panic(http.ErrAbortHandler)
	}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // The upgrader has answered.
	}
	if stall == AtHello {
		defer context.AfterFunc(s.ctx, func() { conn.Close() })()
		conn.ReadMessage() // Until the client is gone.
		conn.Close()
		return
	}
	l := &link{conn: conn, host: "applink-" + ticket[:8], done: make(chan struct{})}
	defer conn.Close()
	n, ok := s.socket.join(l)
	if !ok {
		l.write(disconnectFrame("too_many_websockets", l.host))
		l.close(websocket.CloseNormalClosure)
		return
	}
	hello := map[string]any{"type": "hello", "num_connections": n, "connection_info": map[string]any{"app_id": AppID},
		"debug_info": map[string]any{"host": l.host, "build_number": 1, "approximate_connection_time": 18060}}
	if err := l.greet(hello); err == nil && s.ctx.Err() == nil {
		s.change()
		s.spawn(func() { s.ping(l) })
		s.read(l)
	}
	s.socket.leave(l)
	close(l.done)
	if s.ctx.Err() == nil {
		s.change()
	}
}

// join counts a link in, if there is room.
func (k *socket) join(l *link) (int, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.links) >= k.max {
		return 0, false
	}
	l.muted.Store(k.muted)
	k.links = append(k.links, l)
	return len(k.links), true
}

func (k *socket) leave(l *link) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.links = slices.DeleteFunc(k.links, func(o *link) bool { return o == l })
}

// turn gives the link that the next envelope goes to, or nil: each ready one
// in its turn, but those in not.
func (k *socket) turn(not map[*link]bool) *link {
	k.mu.Lock()
	defer k.mu.Unlock()
	for range k.links {
		l := k.links[k.next%len(k.links)]
		k.next++
		if l.greeted.Load() && !l.leaving.Load() && !not[l] {
			return l
		}
	}
	return nil
}

func (k *socket) count() (links, opens int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, l := range k.links {
		if l.greeted.Load() && !l.leaving.Load() { // Who waits for a link wants one that can be used.
			n++
		}
	}
	return n, k.stats.Opens
}

func (k *socket) killAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, l := range k.links {
		l.conn.UnderlyingConn().Close()
	}
}

// ping keeps a link alive, and asks it to go when the server ends.
func (s *Server) ping(l *link) {
	tick := time.NewTicker(s.opt.PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-l.done:
			return
		case <-s.ctx.Done():
			l.conn.UnderlyingConn().Close()
			return
		case <-tick.C:
			if !l.muted.Load() {
				l.conn.WriteControl(websocket.PingMessage, []byte(l.host), time.Now().Add(writeTime))
			}
		}
	}
}

// read takes acknowledgements until the link is gone.
func (s *Server) read(l *link) {
	l.conn.SetReadLimit(maxFrame)
	l.conn.SetPingHandler(func(data string) error {
		if l.muted.Load() {
			return nil
		}
		err := l.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeTime))
		if errors.Is(err, websocket.ErrCloseSent) {
			return nil
		}
		return err
	})
	for {
		_, frame, err := l.conn.ReadMessage()
		if err != nil {
			return
		}
		if !l.muted.Load() {
			s.socket.take(l, frame, s.opt.StrictAckConn)
		}
	}
}

// take matches one acknowledgement with its envelope. One that is too large is
// dropped, as if it had not come.
func (k *socket) take(l *link, frame []byte, sameLink bool) {
	var ack struct {
		EnvelopeID string          `json:"envelope_id"`
		Payload    json.RawMessage `json:"payload"`
	}
	err := json.Unmarshal(frame, &ack)
	k.mu.Lock()
	defer k.mu.Unlock()
	e := k.pending[ack.EnvelopeID]
	switch {
	case err != nil || ack.EnvelopeID == "" || len(frame) > maxAck || (e != nil && sameLink && e.link != l):
		k.stats.RefusedAcks++
		return
	case e == nil:
		k.stats.LateAcks++
		return
	}
	k.stats.Acks++
	delete(k.pending, ack.EnvelopeID)
	e.acked <- content(ack.Payload)
}

// content is the payload of an acknowledgement; null and {} count as none.
func content(p json.RawMessage) json.RawMessage {
	if m := map[string]json.RawMessage(nil); json.Unmarshal(p, &m) == nil && len(m) == 0 {
		return nil
	}
	return p
}

// Socket gives the counts of Socket Mode.
func (s *Server) Socket() SocketStats {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	st := s.socket.stats
	st.Links = len(s.socket.links)
	return st
}
