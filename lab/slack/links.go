package slack

import (
	"time"

	"github.com/gorilla/websocket"
)

func disconnectFrame(reason, host string) map[string]any {
	return map[string]any{"type": "disconnect", "reason": reason,
		"debug_info": map[string]any{"host": host, "build_number": 1, "approximate_connection_time": 18060}}
}

// close sends a close frame and ends the link.
func (l *link) close(code int) {
	l.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, ""), time.Now().Add(writeTime))
	l.conn.Close()
}

// DisconnectOne asks the oldest link to go, as Slack does every few hours.
// The reason is "warning" (the link goes on), "refresh_requested" or
// "link_disabled" (it gets no more envelopes, and is closed 10 s later unless
// the client was faster). It says whether there was a link.
func (s *Server) DisconnectOne(reason string) bool {
	s.socket.mu.Lock()
	var l *link
	for _, o := range s.socket.links {
		if o.greeted.Load() && !o.leaving.Load() {
			l = o
			break
		}
	}
	s.socket.mu.Unlock()
	if l == nil {
		return false
	}
	if reason == "warning" {
		return l.write(disconnectFrame(reason, l.host)) == nil
	}
	l.leaving.Store(true)
	if l.write(disconnectFrame(reason, l.host)) != nil {
		l.conn.Close()
		return true
	}
	s.spawn(func() {
		t := time.NewTimer(grace)
		defer t.Stop()
		select {
		case <-t.C:
			l.close(websocket.CloseNormalClosure)
		case <-l.done:
		case <-s.ctx.Done():
		}
	})
	return true
}

// Kill cuts every link without a word, as a lost network does.
func (s *Server) Kill() { s.socket.killAll() }

// KillOne cuts the oldest link without a word. It says whether there was one.
func (s *Server) KillOne() bool {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	if len(s.socket.links) == 0 {
		return false
	}
	s.socket.links[0].conn.UnderlyingConn().Close()
	return true
}

// Where a link can stall.
const (
	AtHandshake = "handshake" // The connection is taken, and the handshake is not answered.
	AtHello     = "hello"     // The web socket opens and nothing comes over it, no ping either.
)

// Stall makes links to come hang at one of the constants; "" ends it. Those that hang
// count as no links.
func (s *Server) Stall(at string) {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	s.socket.stall = at
}

// Stalled is how many links hang so now.
func (s *Server) Stalled() int {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	return s.socket.stalled
}

// stalls counts a link that begins (1) or ceases (-1) to hang.
func (k *socket) stalls(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stalled += n
}

// Mute makes every link half open, present and to come: it stays connected,
// but nothing goes in or out, no ping either. Mute(false) ends it.
func (s *Server) Mute(on bool) {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	s.socket.muted = on
	for _, l := range s.socket.links {
		l.muted.Store(on)
	}
}

// MutePresent makes the present links half open; a new link works.
func (s *Server) MutePresent() {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	for _, l := range s.socket.links {
		l.muted.Store(true)
	}
}

// MaxConns changes how many links there may be; at first 10. Links above it
// are refused as they come (too_many_websockets), not closed.
func (s *Server) MaxConns(n int) {
	s.socket.mu.Lock()
	defer s.socket.mu.Unlock()
	s.socket.max = n
}
