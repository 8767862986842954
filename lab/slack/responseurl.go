package slack

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// A response URL can be used this often, for so long; where the tiers of rate
// limits are held to, once a second, as every webhook.
const (
	maxReplies = 5
	replyLife  = 30 * time.Minute
)

// responseURL is the right to answer one act of one person.
type responseURL struct {
	channel, user string
	message       string // The message whose button was pressed. Empty for a command.
	thread        string
	issued        time.Time
	uses          int
}

// replyTo issues a response URL; kind is "commands" or "actions". The caller
// holds s.mu.
func (s *Server) replyTo(kind, channel, user, message, thread string) string {
	if len(s.replies) > keepAtMost {
		maps.DeleteFunc(s.replies, func(_ string, u *responseURL) bool { return s.now().Sub(u.issued) > 2*replyLife })
	}
	path := fmt.Sprintf("/%s/%s/%d/%s", kind, s.opt.Team.ID, s.now().UnixNano(), randomHex(12))
	s.replies[path] = &responseURL{channel: channel, user: user, message: message, thread: thread, issued: s.now()}
	return s.base + path
}

func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request) {
	a, err := readArgs(r)
	if err != nil {
		http.Error(w, "invalid_payload", http.StatusBadRequest)
		return
	}
	s.record("response_url", a.plain())
	if hook := s.faults.take("response_url"); hook != nil {
		if rep := hook(Call{Method: "response_url", Body: raw(a.plain())}); rep != nil {
			rep.write(w, r)
			return
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.replies[r.URL.Path]
	switch {
	case u == nil:
		responseError(w, http.StatusNotFound, "invalid_url")
		return
	case s.now().Sub(u.issued) > replyLife:
		responseError(w, http.StatusNotFound, "expired_url")
		return
	case u.uses >= maxReplies:
		responseError(w, http.StatusNotFound, "used_url")
		return
	}
	if s.opt.Tiers {
		if wait := s.pace.ask("reply "+r.URL.Path, s.now(), 1, time.Second); wait > 0 {
			w.Header().Set("Retry-After", "1")
			responseError(w, http.StatusTooManyRequests, "rate_limited")
			return
		}
	}
	if err := s.respond(u, a); err != nil {
		code := "internal_error"
		if e := (*apiError)(nil); errors.As(err, &e) {
			code = e.code
		}
		responseError(w, http.StatusBadRequest, code)
		return
	}
	u.uses++
	s.changed()
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	fmt.Fprint(w, `{"ok":true}`)
}

func responseError(w http.ResponseWriter, status int, code string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	w.Write(raw(map[string]any{"ok": false, "error": code}))
}

// respond does what was posted to a response URL, or came with the
// acknowledgement of a command. The caller holds s.mu.
func (s *Server) respond(u *responseURL, a args) error {
	old := s.find(u.channel, u.message, u.user)
	if a.flag("delete_original") {
		if old == nil {
			return refuse("message_not_found")
		}
		s.remove(old)
		return nil
	}
	m, err := s.compose(a)
	if err != nil {
		return err
	}
	if a.flag("replace_original") && old != nil {
		s.rewrite(old, m)
		return nil
	}
	m.Channel, m.TS = u.channel, s.stamp(s.now())
	if m.ThreadTS == "" && u.message != "" {
		m.ThreadTS = u.thread
	}
	if a.str("response_type") != "in_channel" {
		m.For = u.user
		s.addNote(m)
		return nil
	}
	s.add(m)
	return nil
}
